"""A person starts a job in either lane, pauses it, goes on, and cancels; each with a name in the history."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.assemble import assemble
from bot.pipeline.audit import audit
from bot.pipeline.create import PLAN
from bot.pipeline.plan import BudgetError
from bot.pipeline.rounds import one_round
from bot.pipeline.start import start
from bot.runtime import Context
from providers.base import Lane
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, JobState, StaleTransitionError, SubmissionState
from tests.parts import planned, run_to_end, run_until, sheet, started


def mugs(tmp_path: Path, number: int = 6) -> Path:
    return sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(number)] + [{"prompt": "mug 0"}])


def the_job(ctx: Context, job: Job) -> Job:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found


def states(ctx: Context, job: Job) -> set[SubmissionState]:
    return {submission.state for submission in ctx.queries.submissions(job.id)}


@pytest.mark.parametrize(("planned_in", "started_in"), [(Lane.BATCH, Lane.LIVE), (Lane.LIVE, Lane.BATCH)])
def test_a_job_starts_in_the_other_lane_at_the_price_the_plan_said(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path, planned_in: Lane, started_in: Lane
) -> None:
    job = planned(ctx, mugs(tmp_path), lane=planned_in)
    said = PLAN.validate_python(job.plan).quotes[started_in]
    start(ctx, job, ctx.clock(), lane=started_in)
    job = the_job(ctx, job)
    assert (job.lane, job.quoted_low, job.quoted_high) == (started_in, said.low, said.high)
    assert job.expected_seconds == said.seconds
    items = list(ctx.queries.items(job.id))
    assert {item.lane for item in items} == {started_in}
    assert sum((item.quoted_high or Decimal(0) for item in items), Decimal(0)) == said.high
    assert PLAN.validate_python(job.plan).lane is started_in
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert {image.lane for image in simulator.billed} == {started_in}
    assert sum((image.price for image in simulator.billed), Decimal(0)) <= said.high


def test_a_lane_that_would_pass_the_budget_is_not_started(ctx: Context, tmp_path: Path) -> None:
    job = planned(ctx, mugs(tmp_path))
    assert job.quoted_high is not None
    job = planned(ctx, mugs(tmp_path), budget_usd=job.quoted_high + Decimal("0.01"))
    with pytest.raises(BudgetError, match="the batch lane would keep within it"):
        start(ctx, job, ctx.clock(), lane=Lane.LIVE)
    assert the_job(ctx, job).state is JobState.PLANNED


def test_what_is_prepared_is_taken_apart_and_nothing_more_is_sent(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = started(ctx, mugs(tmp_path))
    assemble(ctx, ctx.clock())
    assert ctx.store.pause_job(job.id, ctx.clock(), "U1") == 6
    with pytest.raises(StaleTransitionError):
        ctx.store.pause_job(job.id, ctx.clock(), "U2")
    for _ in range(5):
        one_round(ctx, ctx.clock())
        ctx.clock.move(60)  # type: ignore[attr-defined]
    assert states(ctx, job) == {SubmissionState.WITHDRAWN}
    assert ctx.queries.counts(job.id) == {ItemState.WAITING: 6, ItemState.COPYING: 1}
    assert simulator.ledger.creates == 0
    assert the_job(ctx, job).state is JobState.PAUSED
    ctx.store.resume_job(job.id, ctx.clock(), "U3")
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert audit(ctx, job)["stored"] == 7
    people = {event.event: event.person for event in ctx.queries.events(job.id) if event.subject == "job"}
    assert (people["pause"], people["resume"]) == ("U1", "U3")


def test_what_is_at_the_provider_is_awaited_and_kept(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = started(ctx, mugs(tmp_path))
    run_until(ctx, lambda: SubmissionState.OPEN in states(ctx, job))
    assert ctx.store.pause_job(job.id, ctx.clock(), "U1") == 0
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert job.state is JobState.FINISHED, "nothing was left to send"
    assert audit(ctx, job)["stored"] == 7
    assert len(simulator.billed) == 6


def test_what_the_provider_turns_away_meanwhile_waits_for_the_person(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = started(ctx, mugs(tmp_path, 4))
    simulator.faults.lost_reply_after_create = 0
    simulator.faults.auth = True
    run_until(ctx, lambda: "openai" in ctx.notices.pauses())
    ctx.store.pause_job(job.id, ctx.clock(), "U1")
    simulator.faults.auth = False
    for _ in range(20):
        ctx.clock.move(120)  # type: ignore[attr-defined]
        one_round(ctx, ctx.clock())
    assert simulator.ledger.creates == 0
    assert ctx.queries.counts(job.id)[ItemState.WAITING] == 4
    ctx.store.cancel_job(job.id, ctx.clock(), "U2")
    assert run_to_end(ctx, job).state is JobState.CANCELLED
    assert not simulator.billed
