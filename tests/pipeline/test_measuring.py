"""Figures over jobs: by batch, model, template and value, and the history they are set against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline import measuring
from bot.runtime import Context
from bot.watch.measures import Measure
from providers.base import Billed, Failure, FailureKind, Lane, Size
from storage.measures import Piece
from storage.states import ItemState, ReviewEvent
from storage.voting import Pick
from tests.parts import TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch

REFUSED = Failure(FailureKind.CONTENT_POLICY, "no", "No.", Billed.NO)
SMALL = Size(64, 64)
BUSY = Failure(FailureKind.SERVER_ERROR, "500", "Sorry.", Billed.NO)


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    with make_context(tmp_path, {"sketch": provider}, clock=clock, url=url) as built:
        yield built


def paid(ctx: Context) -> PaidSketch:
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    return provider


ROWS = [{"name": f"mug {n}", "colour": ("red", "blue")[n % 2], "prompt": f"mug {n}"} for n in range(6)]


def test_a_batch_in_numbers_its_money_retries_and_reviews(ctx: Context, tmp_path: Path) -> None:
    paid(ctx).failures.extend([REFUSED, BUSY])
    job = run_to_end(ctx, started(ctx, sheet(tmp_path, ROWS), lane=Lane.LIVE, size=SMALL))
    made = [item.number for item in ctx.queries.items(job.id, [ItemState.STORED])]
    ctx.reviews.decide(job.id, Pick([(n, n) for n in made[:2]]), ReviewEvent.APPROVE, "ana", ctx.clock())
    ctx.reviews.decide(job.id, Pick([(made[2], made[2])]), ReviewEvent.REJECT, "ana", ctx.clock())

    found = measuring.measured_whole(ctx, [job])
    assert (found.stored, found.refused, found.settled, found.jobs) == (5, 1, 6, 1)
    assert found.success_rate == 5 / 6
    assert found.refusal_rate == 1 / 6
    assert found.sends == 7
    assert found.retries_each == pytest.approx(1 / 6)
    assert (found.cost_usd, found.cost_per_image_usd) == (Decimal("0.50"), Decimal("0.10"))
    assert found.cost_per_approved_usd == Decimal("0.25"), "what was thrown away is paid for, too"
    assert found.approval_rate == 2 / 3
    assert (found.made, found.cost_against_list) == (5, 1.0)
    assert found.mean_window_share is not None
    assert found.late == 0


def test_the_same_pictures_by_model_template_lane_and_value(ctx: Context, tmp_path: Path) -> None:
    path = sheet(tmp_path, ROWS)
    first = run_to_end(ctx, started(ctx, path, "a {{ colour }} {{ name }}", lane=Lane.LIVE, size=SMALL))
    paid(ctx).failures.extend([REFUSED] * 3)
    second = run_to_end(ctx, started(ctx, path, "a nude {{ colour }} {{ name }}", lane=Lane.LIVE, size=SMALL))
    jobs = measuring.since(ctx, ctx.clock() - timedelta(hours=1))
    assert [job.id for job in jobs] == [second.id, first.id]
    templates = measuring.measured(ctx, jobs, measuring.by_template)
    assert {name: m.refused for name, m in templates.items()} == {
        "a {{ colour }} {{ name }}": 0,
        "a nude {{ colour }} {{ name }}": 3,
    }
    (model,) = measuring.measured(ctx, jobs, measuring.by_model).values()
    assert (model.settled, model.jobs) == (12, 2)
    assert list(measuring.measured(ctx, jobs, measuring.by_provider)) == ["sketch"]
    assert list(measuring.measured(ctx, jobs, measuring.by_lane)) == ["live"]
    values = measuring.by_value(ctx, second, "colour")
    assert {value: m.settled for value, m in values.items()} == {"red": 3, "blue": 3}
    assert sum(m.refused for m in values.values()) == 3
    assert measuring.since(ctx, ctx.clock() + timedelta(hours=1)) == []


def test_history_is_of_the_same_model_and_lane_and_ends_before_now(ctx: Context, tmp_path: Path) -> None:
    path = sheet(tmp_path, ROWS)
    for says in ("0.10", "0.10", "0.13"):
        paid(ctx).says = Decimal(says)
        last = run_to_end(ctx, started(ctx, path, lane=Lane.LIVE, size=SMALL))
        ctx.clock.move(60)  # type: ignore[attr-defined]
    way = (last.provider, last.model, "live")
    past = ctx.queries.past(*way, ctx.clock(), 20)
    found = [measuring.measure_of(piece).cost_against_list for piece in past]
    assert found == [1.3, 1.0, 1.0], "newest first"
    assert len(measuring.times(past, 5)) == 3
    assert measuring.times(past, 7) == [], "too few pictures say nothing"
    assert last.finished_at is not None
    assert len(ctx.queries.past(*way, last.finished_at, 20)) == 2
    assert len(ctx.queries.past(*way, ctx.clock(), 1)) == 1
    assert ctx.queries.past(last.provider, last.model, "batch", ctx.clock(), 20) == []


def test_what_waits_and_since_when(ctx: Context, tmp_path: Path) -> None:
    job = started(ctx, sheet(tmp_path, ROWS), size=SMALL)
    (queued,) = ctx.queries.queued()
    assert (queued.number, queued.oldest) == (6, ctx.clock())
    run_to_end(ctx, job)
    assert ctx.queries.queued() == []
    assert ctx.queries.unfetched() == []


def test_what_ended_since_some_times(ctx: Context, tmp_path: Path) -> None:
    began = ctx.clock()
    job = run_to_end(ctx, started(ctx, sheet(tmp_path, ROWS), lane=Lane.LIVE, size=SMALL))
    edges = [began, ctx.clock() + timedelta(seconds=1)]
    assert ctx.queries.settled_since([job.id], edges) == {(job.id, ItemState.STORED): (6, 0)}


def test_what_is_counted_and_what_is_judged_have_the_same_names() -> None:
    shared = {one.name for one in fields(Piece)} - {"job_id", "provider", "model", "lane"}
    of_jobs = {"jobs", "late", "window_shares", "windows"}
    assert {one.name for one in fields(Measure)} == shared | of_jobs
