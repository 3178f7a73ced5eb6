"""A person says Start: rows wait from now on, or from the off-peak hours on; or a sample goes first."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.logs import about
from bot.pipeline import prices
from bot.pipeline.budget import bearing, rush_cost
from bot.pipeline.cadence import first_due
from bot.pipeline.create import PLAN, SPEC
from bot.pipeline.pilot import chosen
from bot.pipeline.plan import Plan, PlanError, keep_budget, of_plan, window_of
from bot.pipeline.pricing import relaned
from bot.pipeline.reuse import look_again
from bot.runtime import Context
from providers.base import Lane
from storage.lanes import Relaned
from storage.records import Job
from storage.states import ItemState

log = logging.getLogger(__name__)

PAGE = 500
"""Items looked at together; bounds memory."""


def start(
    ctx: Context, job: Job, now: datetime, *, person: str = "", lane: Lane | None = None, pilot: int = 0
) -> None:
    """PLANNED -> RUNNING, or with a sample of `pilot` pictures -> PILOT.

    `lane`: another than the plan's; its quote becomes the job's. Raises StaleTransitionError if the job is
    not PLANNED any more, PlanError if no model of it has that lane or a picture to be reused is gone,
    BudgetError if it would cost more than one of the budgets has left: what it may cost is reserved in the
    transaction that starts it.
    """
    plan = PLAN.validate_python(job.plan)
    look_again(ctx, job, plan, now, person)
    pages: Iterator[Sequence[Relaned]] = iter(())
    values: Mapping[str, Any] = {}
    if lane is not None and lane is not plan.lane:
        plan = _in_lane(ctx, job, plan, lane)
        pages, values = _relaned(ctx, job, lane), _values(ctx, plan)
    if job.deadline_at is not None and (plan.rush or job.spec.get("rush")):
        values = {**values, "rush_usd": rush_cost(plan) or Decimal(0)}
    sample = chosen(ctx, job, plan, pilot) if pilot else ()
    with bearing(ctx, job, now) as within:
        if pilot:
            ctx.store.start_pilot(job.id, now, sample, person=person, relaned=pages, within=within, **values)
        else:
            due = first_due(job, ctx.policy, now)
            ctx.store.start_job(job.id, now, due, person=person, relaned=pages, within=within, **values)
    with about(job=job.id):
        log.info("started in the %s lane%s", lane or plan.lane, ", its sample first" if pilot else "")


def _in_lane(ctx: Context, job: Job, plan: Plan, lane: Lane) -> Plan:
    if lane not in plan.quotes:
        raise PlanError(f"No model of this job has a {lane} lane; start it in the {plan.lane} lane")
    other = replace(plan, lane=lane)
    keep_budget(other, SPEC.validate_python(job.spec), ctx.policy)
    return other


def _relaned(ctx: Context, job: Job, lane: Lane) -> Iterator[Sequence[Relaned]]:
    """Every planned item in that lane, page by page. One whose provider is gone stays as it is."""
    page: list[Relaned] = []
    known = prices.cards(ctx)
    for item in ctx.queries.items(job.id, [ItemState.PLANNED]):
        card = known.get(item.provider, {}).get(item.model)
        if card is not None:
            page.append(relaned(card, item, lane))
        if len(page) >= PAGE:
            yield page
            page = []
    yield page


def _values(ctx: Context, plan: Plan) -> Mapping[str, Any]:
    """What another lane changes in the job."""
    names = (name.partition("/")[::2] for name in plan.models)
    cards = [ctx.providers[provider].models[model] for provider, model in names if provider in ctx.providers]
    return of_plan(replace(plan, window_seconds=window_of(plan.lane, cards, plan.quote)))
