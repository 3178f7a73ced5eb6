"""A budget is asked wherever something more is to be sent: rest of a sample, retry, redo, rush, gate."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.config import SettingsError, amounts, load
from bot.pipeline.assemble import assemble
from bot.pipeline.budget import bearing
from bot.pipeline.deadline import approve_rush
from bot.pipeline.pilot import go_on
from bot.pipeline.plan import BudgetError
from bot.pipeline.redo import Again, CannotRedoError, redo
from bot.pipeline.start import start
from bot.pipeline.submit import submit
from bot.policy import MonthlyBudgets
from bot.runtime import Context
from providers.base import Billed, Failure, FailureKind, Lane
from storage.budgets import Budget, BudgetKind, OverBudgetError, Used
from storage.lanes import Relaned
from storage.records import Job
from storage.states import ItemEvent, ItemState, JobState
from tests.parts import QUICK, START, TestClock, ends, make_context, planned, run_to_end, run_until, sheet
from tests.priced import PaidSketch, models_at

MONTH = Budget(BudgetKind.MONTH, "", Decimal("0.35"))


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    """A picture costs $0.10 live and $0.05 by batch; a month bears $0.35."""
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    known = models_at("0.10").items()
    half = {name: card.model_copy(update={"batch_factor": Decimal("0.5")}) for name, card in known}
    provider.models = half
    policy = replace(QUICK, budgets=MonthlyBudgets(month=MONTH.usd))
    with make_context(tmp_path / "data", {"sketch": provider}, policy=policy, clock=clock) as context:
        yield context


def mugs(ctx: Context, tmp_path: Path, number: int, lane: Lane = Lane.LIVE, **options: object) -> Job:
    rows = [{"prompt": f"mug {n}"} for n in range(number)]
    return planned(ctx, sheet(tmp_path, rows), lane=lane, **options)


def now(ctx: Context, job: Job) -> Job:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found


def test_the_rest_of_a_sample_waits_for_a_budget_that_bears_it(ctx: Context, tmp_path: Path) -> None:
    job = mugs(ctx, tmp_path, 3)
    start(ctx, job, START, pilot=1)
    assert ctx.queries.used(MONTH, START).reserved == Decimal("0.10"), "the rest is not yet decided about"
    run_until(ctx, lambda: now(ctx, job).state is JobState.PILOT_REVIEW)
    other = mugs(ctx, tmp_path, 2)
    start(ctx, other, START)
    with pytest.raises(BudgetError, match=r"That may cost \$0\.20, and \$0\.05 are left"):
        go_on(ctx, now(ctx, job), START, "U1")
    assert now(ctx, job).state is JobState.PILOT_REVIEW
    ctx.store.cancel_job(other.id, START)
    go_on(ctx, now(ctx, job), START, "U1")
    run_to_end(ctx, job, real_pause=0.01)
    assert ctx.queries.used(MONTH, START) == Used(settled=Decimal("0.30"))


def test_pictures_are_sent_or_made_again_within_the_budget_alone(ctx: Context, tmp_path: Path) -> None:
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures += [Failure(FailureKind.CONTENT_POLICY, "no", "no", Billed.NO)]
    job = mugs(ctx, tmp_path, 2)
    start(ctx, job, START)
    job = run_to_end(ctx, job, real_pause=0.01)
    start(ctx, mugs(ctx, tmp_path, 2), START)
    with pytest.raises(BudgetError, match=r"\$0\.05 are left"), bearing(ctx, job, START) as within:
        ctx.store.send_again(job.id, ends(ctx, job, ItemState.REFUSED), START, "U1", within=within)
    assert ctx.queries.counts(job.id)[ItemState.REFUSED] == 1
    (seen,) = ctx.queries.items(job.id, [ItemState.STORED])
    with pytest.raises(CannotRedoError, match=r"\$0\.05 are left"):
        redo(ctx, job, [Again(seen)], "U1", START)
    assert len(list(ctx.queries.items(job.id))) == 2
    redo(ctx, job, [Again(seen, lane=Lane.BATCH)], "U1", START)
    assert ctx.queries.used(MONTH, START).total == MONTH.usd


def test_a_rush_reserves_what_it_may_cost_more(ctx: Context, tmp_path: Path) -> None:
    late = {"deadline": "Friday 09:00", "lane": Lane.BATCH}
    with pytest.raises(BudgetError, match=r"That may cost \$0\.40"):
        start(ctx, mugs(ctx, tmp_path, 4, rush=True, **late), START)  # type: ignore[arg-type]
    job = mugs(ctx, tmp_path, 4, **late)  # type: ignore[arg-type]
    start(ctx, job, START)
    assert ctx.queries.used(MONTH, START) == Used(reserved=Decimal("0.20"))
    with pytest.raises(BudgetError, match=r"That may cost \$0\.20, and \$0\.15 are left"):
        approve_rush(ctx, now(ctx, job), START, "U1")
    assert not now(ctx, job).spec.get("rush")
    ctx.store.cancel_job(job.id, START)
    job = mugs(ctx, tmp_path, 3, **late)  # type: ignore[arg-type]
    start(ctx, job, START)
    approve_rush(ctx, now(ctx, job), START, "U1")
    assert ctx.queries.used(MONTH, START) == Used(reserved=Decimal("0.30"))
    live = [Relaned(number, "live", Decimal("0.10"), Decimal("0.10")) for number in (1, 2)]
    assert ctx.store.relane(job.id, live, START, "late") == 2
    assert now(ctx, job).rush_usd == Decimal("0.05"), "the two have it in their own quotes now"
    assert ctx.queries.used(MONTH, START) == Used(reserved=Decimal("0.30"))


def test_a_second_drawing_and_a_dearer_provider_are_asked_for_within_the_budget(
    ctx: Context, tmp_path: Path
) -> None:
    job = mugs(ctx, tmp_path, 3)
    start(ctx, job, START)
    dear = {"quoted_high": Decimal("0.20"), "quoted_low": Decimal("0.20")}
    with bearing(ctx, job, START) as within, pytest.raises(OverBudgetError):
        ctx.store.reroute(job.id, [1], "sketch", START, "paused", within=within, provider="x", **dear)
    assert {item.provider for item in ctx.queries.items(job.id)} == {"sketch"}
    idle = threading.Event()
    while ctx.queries.counts(job.id).get(ItemState.GENERATED) != 3:
        assemble(ctx, START)
        submit(ctx, START)
        idle.wait(0.01)
    item = next(ctx.queries.items(job.id))
    with bearing(ctx, job, START) as within, pytest.raises(OverBudgetError):
        ctx.store.move_item(item, ItemEvent.RETRY, START, within=within)
    assert ctx.queries.counts(job.id) == {ItemState.GENERATED: 3}
    run_to_end(ctx, job, real_pause=0.01)
    assert ctx.queries.used(MONTH, START) == Used(settled=Decimal("0.30"))


def test_the_settings_are_read(tmp_path: Path) -> None:
    given = {"IMGBATCH_BUDGET_MONTH_USD": "2000", "IMGBATCH_BUDGET_PROVIDERS": "Openai=500, gemini=20.50"}
    settings = load(given, tmp_path).settings
    assert settings.imgbatch_budget_month_usd == 2000
    assert amounts(settings.imgbatch_budget_providers) == {"openai": 500, "gemini": Decimal("20.50")}
    with pytest.raises(SettingsError, match=r"IMGBATCH_BUDGET_PROVIDERS.*is not a name and an amount"):
        load({"IMGBATCH_BUDGET_PROVIDERS": "openai 500"}, tmp_path)
