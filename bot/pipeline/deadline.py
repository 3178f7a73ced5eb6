"""Jobs with a deadline start in the cheap lane; what would come too late goes to the live one, if approved.

The time for that has come when `deadline - now <= SAFETY x (time the live lane needs) + MARGIN`. The live
lane needs, for each provider and all of them at once, the longer of `pictures / concurrency x usual call` and
`pictures / pictures a minute`. Then `rushed_at` is set, once, and from there on at each tick

- batches that are not sent yet are taken apart,
- items that wait to travel by batch are to travel live, with the quote there,
- batches at the provider are cancelled by `poll`, and what comes back cancelled waits again (`settle`); not
  where a cancelled batch may keep what it made (`ModelCard.cancel_delivers`): there it is awaited.

An item is in one of these places only, so none is sent live before its batch has said that it did not make
it: nothing is paid twice. What the provider made before the cancelling is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from bot.pipeline.budget import bearing, rush_cost
from bot.pipeline.create import PLAN, SPEC
from bot.pipeline.plan import BudgetError, PlanError, keep_budget
from bot.pipeline.pricing import relaned
from bot.runtime import Context
from bot.tracing import doing
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.lanes import Relaned
from storage.records import Item, Job, Submission
from storage.states import JobState, StaleTransitionError

log = logging.getLogger(__name__)

SAFETY = 1.5
"""Live calls take longer than usual when a vendor is busy, and some are made twice."""

MARGIN = timedelta(minutes=15)
"""Vendors take up to ten minutes to cancel a batch; then its results are fetched and pictures rendered."""

PAGE = 500
"""Items looked at together; bounds memory."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a job stands to its deadline."""

    deadline_at: datetime
    unmade: int
    """Pictures without an answer."""
    movable: int
    """Of them those that travel by batch and could travel live."""
    needs: timedelta
    """What the live lane needs for all of them."""
    approved: bool
    """The live lane's cost is approved."""
    rushed: bool

    @property
    def rush_at(self) -> datetime:
        """The last moment at which the live lane can still keep the deadline, with a margin."""
        return self.deadline_at - self.needs * SAFETY - MARGIN


def outlook(ctx: Context, job: Job) -> Outlook | None:
    """None for a job without a deadline."""
    if job.deadline_at is None:
        return None
    unmade = ctx.queries.unmade(job.id)
    movable = sum(
        number
        for (provider, model, lane), number in unmade.items()
        if lane == Lane.BATCH and _has_live(ctx, provider, model)
    )
    return Outlook(
        deadline_at=job.deadline_at,
        unmade=sum(unmade.values()),
        movable=movable,
        needs=_live_time(ctx, [(provider, model, number) for (provider, model, _), number in unmade.items()]),
        approved=bool(job.spec.get("rush")),
        rushed=job.rushed_at is not None,
    )


def deadlines(ctx: Context, now: datetime) -> int:
    """Rush what has to be rushed; how many items changed their lane."""
    moved = 0
    for job in ctx.queries.jobs([JobState.RUNNING]):
        with doing("rush", job=job.id) as step:
            rushed = _keep(ctx, job, now)
            if rushed:
                step.note(pictures=rushed)
            moved += rushed
    return moved


def _keep(ctx: Context, job: Job, now: datetime) -> int:
    seen = outlook(ctx, job) if job.rushed_at is None else None
    if seen is not None and seen.approved and seen.movable and now >= seen.rush_at:
        ctx.store.rush_job(job.id, now)
        log.info("it goes live to keep its deadline, %d pictures", seen.movable)
        return _hurry(ctx, job, now)
    return _hurry(ctx, job, now) if job.rushed_at is not None else 0


def approve_rush(ctx: Context, job: Job, now: datetime, person: str = "") -> None:
    """The live lane's cost is approved, should the deadline ask for it. Safe to ask for twice.

    Raises PlanError if the job has no deadline, BudgetError if the budget does not allow that cost.
    """
    if job.deadline_at is None:
        raise PlanError(f"Job {job.id} has no deadline; nothing would be rushed")
    plan = PLAN.validate_python(job.plan)
    if Lane.LIVE in plan.quotes:
        keep_budget(replace(plan, lane=Lane.LIVE), SPEC.validate_python(job.spec), ctx.policy)
    more = rush_cost(plan)
    with bearing(ctx, job, now) as within:
        if more is None and within:
            raise BudgetError("What rushing would cost is not known, and there are budgets to keep")
        # A plan that has not started reserves nothing yet: `start` does, from `rush` in its plan or spec.
        ctx.store.approve_rush(job.id, now, person, rush_usd=more or Decimal(0), within=within)


def recalled(ctx: Context, job: Job | None, submission: Submission) -> bool:
    """Whether this batch is to be cancelled at the provider, and what it has not made to be made live."""
    if job is None or job.rushed_at is None or submission.lane != Lane.BATCH:
        return False
    card = _card(ctx, submission.provider, submission.model)
    return card is not None and Lane.LIVE in card.lanes and card.cancel_delivers


def _hurry(ctx: Context, job: Job, now: datetime) -> int:
    for submission in ctx.queries.prepared(job.id, list(ctx.providers)):
        if submission.lane == Lane.BATCH and _has_live(ctx, submission.provider, submission.model):
            try:
                ctx.store.withdraw(submission, now, note="The deadline is near: its pictures are made live.")
            except StaleTransitionError:
                continue  # its call has begun: it is cancelled at the provider
    moved = 0
    for page in _waiting(ctx, job):
        changes = _live(ctx, page, now)
        if changes:
            moved += ctx.store.relane(job.id, changes, now, note="The deadline is near.")
    return moved


def _waiting(ctx: Context, job: Job) -> Iterator[Sequence[Item]]:
    after = 0
    while page := ctx.queries.waiting_in(job.id, Lane.BATCH, PAGE, after):
        yield page
        after = page[-1].number


def _live(ctx: Context, items: Sequence[Item], now: datetime) -> list[Relaned]:
    """What has never been sent goes now, whatever hours it waited for; what failed keeps its wait."""
    return [
        relaned(card, item, Lane.LIVE, due_at=None if item.sends else now)
        for item in items
        if (card := _card(ctx, item.provider, item.model)) is not None and Lane.LIVE in card.lanes
    ]


def _live_time(ctx: Context, pictures: Sequence[tuple[str, str, int]]) -> timedelta:
    by_provider: dict[str, timedelta] = {}
    for provider, model, number in pictures:
        card = _card(ctx, provider, model)
        if card is not None and Lane.LIVE in card.lanes:
            limits = card.limits
            calls = -(-number // limits.concurrency) * card.typical_call
            a_minute = min(
                (n for n in (limits.images_per_minute, limits.requests_per_minute) if n), default=None
            )
            paced = timedelta(minutes=number / a_minute) if a_minute else timedelta(0)
            by_provider[provider] = by_provider.get(provider, timedelta(0)) + max(calls, paced)
    return max(by_provider.values(), default=timedelta(0))


def _has_live(ctx: Context, provider: str, model: str) -> bool:
    card = _card(ctx, provider, model)
    return card is not None and Lane.LIVE in card.lanes


def _card(ctx: Context, provider: str, model: str) -> ModelCard | None:
    return ctx.providers[provider].models.get(model) if provider in ctx.providers else None
