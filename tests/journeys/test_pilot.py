"""A sample is made first, in the fast lane; the rest when a person has seen it, or never."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.audit import audit
from bot.pipeline.pilot import go_on
from bot.pipeline.plan import BudgetError
from bot.pipeline.rounds import one_round
from bot.pipeline.start import start
from bot.runtime import Context
from providers.simulators.openai import OpenAISimulator
from storage.records import Item, Job
from storage.states import ItemState, JobState, StaleTransitionError
from tests.parts import ends, planned, run_to_end, run_until, sheet

COLOURS = ("red", "blue", "green")


def the_job(ctx: Context, job: Job) -> Job:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found


def mugs(tmp_path: Path, number: int = 12) -> Path:
    rows = [
        {"sku": f"S{n}", "colour": COLOURS[n % 3], "prompt": f"a {COLOURS[n % 3]} mug, number {n % 9}"}
        for n in range(number)
    ]
    return sheet(tmp_path, rows)


def piloted(ctx: Context, tmp_path: Path, size: int = 6) -> Job:
    """A job whose sample is made and shown."""
    job = planned(ctx, mugs(tmp_path))
    start(ctx, job, ctx.clock(), person="U1", pilot=size)
    run_until(ctx, lambda: the_job(ctx, job).state is JobState.PILOT_REVIEW)
    return the_job(ctx, job)


def sampled(ctx: Context, job: Job) -> list[Item]:
    return [item for item in ctx.queries.items(job.id) if item.pilot]


def test_the_sample_is_made_live_and_the_rest_waits_for_a_word(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = piloted(ctx, tmp_path)
    sample = sampled(ctx, job)
    assert {item.lane for item in sample} == {"live"}
    assert {item.state for item in sample} == {ItemState.STORED}
    assert len(sample) == len(simulator.billed) == 6
    assert {item.prompt.split()[1] for item in sample} == set(COLOURS)
    for _ in range(5):
        one_round(ctx, ctx.clock())
    assert ctx.queries.counts(job.id)[ItemState.PLANNED] == 6
    assert len(simulator.billed) == 6, "nothing more is sent unasked"


def test_going_on_makes_the_rest_by_batch_and_nothing_twice(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = piloted(ctx, tmp_path)
    go_on(ctx, job, ctx.clock(), "U2")
    with pytest.raises(StaleTransitionError):
        go_on(ctx, job, ctx.clock(), "U3")
    job = run_to_end(ctx, job, rounds=600, real_pause=0.02)
    assert job.state is JobState.FINISHED
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["stored"] == 12
    drawn = [image.prompt for image in simulator.billed]
    assert sorted(drawn) == sorted(set(drawn)), "what the sample made is not made again"
    assert len(drawn) == 9, "three are copies, of pictures of the sample or of the rest"
    assert [image.lane for image in simulator.billed].count("live") == 6
    assert job.quoted_high is not None
    assert sum((image.price for image in simulator.billed), Decimal(0)) <= job.quoted_high
    people = {event.event: event.person for event in ctx.queries.events(job.id) if event.subject == "job"}
    assert people["start_pilot"] == "U1"
    assert people["go_on"] == "U2"
    assert people["show_pilot"] == ""


def test_rejecting_the_sample_stops_the_job_for_cents(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = piloted(ctx, tmp_path)
    assert ctx.store.cancel_job(job.id, ctx.clock(), "U2") == 6
    job = run_to_end(ctx, job)
    assert job.state is JobState.CANCELLED
    assert len(simulator.billed) == 6
    assert audit(ctx, job)["holds"]


def test_a_refused_picture_of_the_sample_can_be_sent_again_before_going_on(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    path = sheet(tmp_path, [{"prompt": text} for text in ("a mug", "a moderated scene", "a hat", "a boot")])
    job = planned(ctx, path)
    start(ctx, job, ctx.clock(), pilot=4)
    run_until(ctx, lambda: the_job(ctx, job).state is JobState.PILOT_REVIEW)
    assert ctx.store.send_again(job.id, ends(ctx, job, ItemState.REFUSED), ctx.clock(), "U1") == 1
    assert the_job(ctx, job).state is JobState.PILOT
    run_until(ctx, lambda: the_job(ctx, job).state is JobState.PILOT_REVIEW)
    go_on(ctx, job, ctx.clock())
    assert run_to_end(ctx, job).state is JobState.FINISHED, "there was nothing left to make"


def test_a_sample_that_would_pass_the_budget_is_not_begun(ctx: Context, tmp_path: Path) -> None:
    job = planned(ctx, mugs(tmp_path))
    assert job.quoted_high is not None
    job = planned(ctx, mugs(tmp_path), budget_usd=job.quoted_high + Decimal("0.01"))
    with pytest.raises(BudgetError, match="over the budget"):
        start(ctx, job, ctx.clock(), pilot=6)
    assert the_job(ctx, job).state is JobState.PLANNED
    start(ctx, job, ctx.clock())
