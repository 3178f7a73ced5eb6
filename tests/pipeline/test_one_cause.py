"""One cause is one message, through the real store: refusals and a rate, a pause and what it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.pipeline.attend import attend, tally
from bot.pipeline.rounds import STAGES
from bot.runtime import Context
from providers.base import Billed, Failure, FailureKind, Lane, Size
from storage.records import Incident, Job
from storage.states import ItemState
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch

REFUSED = Failure(
    FailureKind.CONTENT_POLICY,
    "moderation_blocked",
    "Your request was rejected by the safety system. If you believe this is an error, contact us at "
    "help.openai.com and include the request ID req_0a1b2c3d4e5f.",
    Billed.NO,
)
DOWN = Failure(FailureKind.SERVER_ERROR, "server_error", "Sorry about that!", Billed.NO)
ODD = Failure(FailureKind.MALFORMED_REQUEST, "bad", "No.", Billed.NO)
ONCE = replace(QUICK, attempts=1)


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    with make_context(tmp_path, {"sketch": provider}, clock=clock, policy=ONCE, url=url) as built:
        yield built


def run(ctx: Context, folder: Path, number: int, *failures: Failure, step: float = 1.0) -> Job:
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.extend(failures)
    path = sheet(folder, [{"prompt": f"mug {n}"} for n in range(number)])
    job = run_to_end(ctx, started(ctx, path, lane=Lane.LIVE, size=Size(64, 64)), step=step)
    attend(ctx, ctx.clock())
    return job


def told(ctx: Context) -> list[Incident]:
    return list(ctx.notices.incidents())


@pytest.mark.parametrize("url", [None])
def test_a_job_of_which_a_fifth_is_refused_gets_one_message_with_all_of_it(
    ctx: Context, tmp_path: Path
) -> None:
    job = run(ctx, tmp_path, 40, *[REFUSED] * 8)
    (incident,) = told(ctx)
    assert incident.key == f"refusals:{job.id}"
    said = "\n".join(incident.details)
    assert "32 of 40 pictures came out (80.0%, alert under 95%)." in said
    assert "“Your request was rejected by the safety system”" in said, "without what helps nobody"
    (failed, *_) = [item for item in ctx.queries.items(job.id) if item.reason]
    assert failed.reason == REFUSED.message, "the whole of it is kept"


def test_what_a_provider_that_breaks_down_costs_its_jobs_is_told_by_its_pause_alone(
    ctx: Context, tmp_path: Path
) -> None:
    broken = run(ctx, tmp_path, 40, *[DOWN] * 24, step=30)
    assert ctx.queries.counts(broken.id)[ItemState.FAILED] >= 20
    (pause,) = told(ctx)
    assert pause.rule == "provider-paused"
    assert f"after all tries: {broken.title} 2" in pause.details[1]
    assert pause.closed_at is not None, "the rest was made when it was over"
    healed = run(ctx, tmp_path, 40, *[ODD] * 8, step=30)
    assert [one.key for one in told(ctx) if one.job_id] == [f"success-rate:{healed.id}"], (
        "the end of the pause opens nothing for the first job; another cause is told"
    )


@pytest.mark.parametrize("url", [None])
def test_the_time_of_a_pause_is_not_held_against_a_job(ctx: Context, tmp_path: Path) -> None:
    assert isinstance(ctx.clock, TestClock)
    job = started(ctx, sheet(tmp_path, [{"prompt": "mug"}]), lane=Lane.LIVE, size=Size(64, 64))
    assert job.window_seconds == 600
    ctx.clock.move(60)
    pause = Incident("provider-paused:sketch@1", "provider-paused", "critical", "", (), ctx.clock())
    ctx.notices.open_incident(pause)
    ctx.clock.move(3600)
    attend(ctx, ctx.clock())
    assert [one.rule for one in told(ctx)] == ["provider-paused"]
    ctx.notices.close_incident(pause.key, ctx.clock())
    ctx.clock.move(539)
    attend(ctx, ctx.clock())
    assert [one.rule for one in told(ctx)] == ["provider-paused"]
    ctx.clock.move(2)
    attend(ctx, ctx.clock())
    assert [one.rule for one in told(ctx)] == ["provider-paused", "overdue"]


@pytest.mark.parametrize("url", [None])
def test_where_pauses_are_not_told_the_job_is(ctx: Context, tmp_path: Path) -> None:
    rules = replace(ctx.policy.rules, off=("provider-paused",))
    object.__setattr__(ctx, "policy", replace(ctx.policy, rules=rules))
    job = run(ctx, tmp_path, 40, *[DOWN] * 24, step=30)
    assert f"success-rate:{job.id}" in [one.key for one in told(ctx)]


@pytest.mark.parametrize("url", [None])
def test_a_healthy_batch_whose_pictures_are_still_fetched_is_left_alone(ctx: Context, tmp_path: Path) -> None:
    rules = replace(ctx.policy.rules, minimum_sample=3)
    object.__setattr__(ctx, "policy", replace(ctx.policy, rules=rules))
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.extend([REFUSED] * 3)
    job = started(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(120)]), size=Size(64, 64))
    for _ in range(20):
        for name, stage in STAGES.items():
            if name != "collect":
                stage(ctx, ctx.clock())
        ctx.clock.move(2)  # type: ignore[attr-defined]
    seen = tally(ctx, job)
    assert (seen.made, seen.refused, seen.stored) == (117, 3, 0)
    assert told(ctx) == []
