"""A job with a deadline starts in the cheap lane, and goes on in the live one where that was paid for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.pipeline.audit import audit
from bot.pipeline.create import CannotCreateError
from bot.pipeline.deadline import approve_rush, outlook
from bot.pipeline.plan import PlanError
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from providers.base import Lane
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, JobState, SubmissionState
from tests.parts import TestClock, planned, run_to_end, run_until, sheet, started

DEADLINE = "18:00"
"""The tests' clock begins at 09:00: nine hours."""


def mugs(tmp_path: Path, number: int = 8) -> Path:
    return sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(number)])


def the_job(ctx: Context, job: Job) -> Job:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found


def near_the_deadline(ctx: Context, job: Job) -> None:
    """Just after the last moment at which the live lane can keep it."""
    seen = outlook(ctx, the_job(ctx, job))
    assert seen is not None
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.at = seen.rush_at + timedelta(seconds=1)


def open_ones(ctx: Context, job: Job) -> list[str]:
    every = ctx.queries.submissions(job.id)
    return [submission.lane for submission in every if submission.state is SubmissionState.OPEN]


def rules(ctx: Context, job: Job) -> list[str]:
    return [incident.headline for incident in ctx.notices.incidents(job.id) if incident.rule == "deadline"]


def test_the_last_moment_leaves_time_for_live_calls_and_a_margin(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True)
    assert job.deadline_at is not None
    seen = outlook(ctx, the_job(ctx, job))
    assert seen is not None
    # 8 pictures at 20 calls at once: one call of 25 s. 25 s x 1.5 + 15 min = 937.5 s.
    assert (seen.unmade, seen.movable, seen.needs) == (8, 8, timedelta(seconds=25))
    assert job.deadline_at - seen.rush_at == timedelta(seconds=937.5)


def test_in_time_nothing_is_rushed(ctx: Context, simulator: OpenAISimulator, tmp_path: Path) -> None:
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True)
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert job.rushed_at is None
    assert {image.lane for image in simulator.billed} == {"batch"}


def test_what_waits_and_what_is_prepared_goes_live(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.auth = True
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True)
    run_until(ctx, lambda: "openai" in ctx.notices.pauses())
    near_the_deadline(ctx, job)
    simulator.faults.auth = False
    job = run_to_end(ctx, job, rounds=900, real_pause=0.02)
    assert job.rushed_at is not None
    assert {image.lane for image in simulator.billed} == {"live"}
    assert len(simulator.billed) == 8
    told = [event for event in ctx.queries.events(job.id) if event.event in ("rush", "relane")]
    assert Counter(event.subject for event in told) == {"job": 1, "item": 8}


def test_an_open_batch_is_called_back_and_its_pictures_are_paid_once(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.batch_seconds = 4
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True)
    run_until(ctx, lambda: len(simulator.billed) >= 2, rounds=2000)
    near_the_deadline(ctx, job)
    job = run_to_end(ctx, job, rounds=2000, real_pause=0.02)
    made = Counter(image.prompt for image in simulator.billed)
    assert set(made.values()) == {1}
    assert len(made) == 8
    lanes = Counter(image.lane for image in simulator.billed)
    assert lanes["batch"] >= 2, "what was made before is kept"
    assert lanes["live"] >= 1, "what came back is made now"
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["stored"] == 8
    assert proof["unpriced_attempts"] == 0
    assert job.quoted_high is not None
    assert sum((image.price for image in simulator.billed), Decimal(0)) <= job.quoted_high
    again = [event for event in ctx.queries.events(job.id) if event.event == "rush"]
    assert len(again) == 1


def test_not_approved_it_is_told_once_and_stays_in_its_lane(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.batch_seconds = 600
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE)
    run_until(ctx, lambda: open_ones(ctx, job) == ["batch"])
    assert rules(ctx, job) == []
    near_the_deadline(ctx, job)
    for _ in range(3):
        one_round(ctx, ctx.clock())
    (said,) = rules(ctx, job)
    assert "deadline" in said
    assert the_job(ctx, job).rushed_at is None
    assert open_ones(ctx, job) == ["batch"]
    simulator.faults.batch_seconds = 0.1
    approve_rush(ctx, the_job(ctx, job), ctx.clock(), "U1")
    approve_rush(ctx, the_job(ctx, job), ctx.clock(), "U2")
    job = run_to_end(ctx, job, rounds=2000, real_pause=0.02)
    assert job.rushed_at is not None
    approved = [event.person for event in ctx.queries.events(job.id) if event.event == "approve_rush"]
    assert approved == ["U1"]
    assert len(simulator.billed) == 8


def test_past_the_deadline_somebody_is_told(ctx: Context, simulator: OpenAISimulator, tmp_path: Path) -> None:
    simulator.faults.batch_seconds = 600
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE)
    run_until(ctx, lambda: open_ones(ctx, job) == ["batch"])
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(9 * 3600 + 60)
    one_round(ctx, ctx.clock())
    assert any("has passed" in said for said in rules(ctx, job)), rules(ctx, job)
    ctx.store.cancel_job(job.id, ctx.clock())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"deadline": "2026-11-23 08:00"}, "has passed"),
        ({"deadline": "2026-11-31 08:00"}, "no such day"),
        (
            {"deadline": DEADLINE, "rush": True, "budget_usd": Decimal("0.25")},
            "the batch lane would keep within it",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_at_once(
    ctx: Context, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotCreateError, match=words):
        planned(ctx, mugs(tmp_path), **options)


def test_the_plan_says_both_prices(ctx: Context, tmp_path: Path) -> None:
    job = planned(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True)
    assert job.plan is not None
    assert any("goes to the live lane: then it costs at most $0.4" in said for said in job.plan["warnings"])
    job = planned(ctx, mugs(tmp_path), deadline=DEADLINE)
    assert job.plan is not None
    assert any("rush=yes approves the live lane" in said for said in job.plan["warnings"])
    with pytest.raises(PlanError, match="has no deadline"):
        approve_rush(ctx, planned(ctx, mugs(tmp_path)), ctx.clock())


def test_a_job_that_runs_live_has_nothing_to_rush(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = started(ctx, mugs(tmp_path), deadline=DEADLINE, rush=True, lane=Lane.LIVE)
    near_the_deadline(ctx, job)
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert job.state is JobState.FINISHED
    assert job.rushed_at is None
    assert ctx.queries.counts(job.id) == {ItemState.STORED: 8}
