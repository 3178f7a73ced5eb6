"""A model that becomes slow, through the real store on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pipeline.oversee import oversee
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from bot.watch.alerts import AlertRules
from providers.base import Failure, FailureKind, Size
from storage.records import Incident
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    clock = TestClock()
    sketch = PaidSketch(tmp_path, clock, "0.10")
    policy = replace(QUICK, rules=AlertRules(disk_free_mb=1, history_least=3, time_batches=2, time_sample=4))
    with make_context(tmp_path, {"sketch": sketch}, clock=clock, policy=policy, url=url) as built:
        yield built


def run(ctx: Context, folder: Path, step: float) -> None:
    """One batch of two pictures; so much time goes by between two looks at it."""
    rows = [{"prompt": f"mug {n} of {ctx.clock()}"} for n in range(2)]
    run_to_end(ctx, started(ctx, sheet(folder, rows), size=Size(64, 64)), step=step)
    oversee(ctx, ctx.clock())
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(timedelta(hours=1).total_seconds())


def told(ctx: Context) -> list[Incident]:
    return [incident for incident in ctx.notices.incidents() if incident.rule == "time-drift"]


def test_a_model_that_becomes_slow_is_told_once_and_over_when_it_is_back(
    ctx: Context, tmp_path: Path
) -> None:
    for _ in range(5):
        run(ctx, tmp_path, 20)
    assert told(ctx) == []
    run(ctx, tmp_path, 90)
    assert told(ctx) == [], "one batch may be slow"
    run(ctx, tmp_path, 90)
    (incident,) = told(ctx)
    assert incident.job_id is None
    assert incident.key.startswith("time-drift:sketch/sketch/batch/64x64@")
    assert "submissions take 4.5 times as long as usual" in incident.headline
    assert incident.chart is not None
    run(ctx, tmp_path, 90)
    (incident,) = told(ctx)
    assert incident.closed_at is None
    for _ in range(2):
        run(ctx, tmp_path, 20)
    (incident,) = told(ctx)
    assert incident.closed_at is not None


def test_it_is_over_too_where_the_slow_ones_went_on_after_it_was_told(ctx: Context, tmp_path: Path) -> None:
    assert isinstance(ctx.clock, TestClock)
    sketch = ctx.providers["sketch"]
    assert isinstance(sketch, PaidSketch)
    for _ in range(4):
        run(ctx, tmp_path, 20)
    slow = []
    for number in range(2):  # of each, one picture comes late and one has to be tried again
        rows = [{"prompt": f"slow mug {number} {n}"} for n in range(2)]
        slow.append(started(ctx, sheet(tmp_path, rows), size=Size(64, 64)))
        sketch.failures.append(Failure(FailureKind.SERVER_ERROR, "busy"))
        while "made" not in [attempt.outcome for attempt in ctx.queries.attempts(slow[-1].id)]:
            one_round(ctx, ctx.clock())
            ctx.clock.move(90)
    (incident,) = told(ctx)
    for job in slow:
        assert incident.opened_at < (run_to_end(ctx, job, step=90).finished_at or incident.opened_at)
    for _ in range(2):
        run(ctx, tmp_path, 20)
    (incident,) = told(ctx)
    assert incident.closed_at is not None


def test_what_submissions_took_is_read_alike_on_both_stores(ctx: Context, tmp_path: Path) -> None:
    run(ctx, tmp_path, 30)
    run(ctx, tmp_path, 50)
    newest, before = ctx.queries.took("sketch", "sketch", "batch", ctx.clock(), 10)
    assert (newest.answered, newest.open, newest.pictures) == (1, 0, 2)
    assert before.finished_at is not None
    assert newest.seconds / newest.answered > before.seconds / before.answered > 0
    assert ctx.queries.took("sketch", "sketch", "batch", ctx.clock(), 10) == [newest, before], "from memory"
    assert ctx.queries.took("sketch", "sketch", "live", ctx.clock(), 10) == []
