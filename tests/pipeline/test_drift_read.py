"""The drift of price and time below what alarms: in `stats` and the metrics, through the real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.metrics import Metrics
from bot.pipeline.lately import IN_USE, by_model, look_back
from bot.pipeline.oversee import oversee
from bot.runtime import Context
from bot.watch.alerts import AlertRules
from bot.watch.lately import lately_lines
from providers.base import Lane, Size
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch
from tests.test_metrics import told, value

RULES = AlertRules(
    disk_free_mb=1, cost_sample=4, history_least=2, time_batches=1, time_sample=2, time_drift=2.0
)
WAY = ("sketch", "sketch", "batch")


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    clock = TestClock()
    provider = PaidSketch(tmp_path, clock, "0.10")
    policy = replace(QUICK, rules=RULES)
    with make_context(tmp_path, {"sketch": provider}, clock=clock, policy=policy, url=url) as built:
        yield built


def run(ctx: Context, folder: Path, says: str, step: float = 20, lane: Lane = Lane.BATCH) -> None:
    """A batch of four pictures at that price; so much time goes by between two looks at it; an hour after."""
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.says = Decimal(says)
    rows = [{"prompt": f"mug {n} of {ctx.clock()}"} for n in range(4)]
    run_to_end(ctx, started(ctx, sheet(folder, rows), size=Size(64, 64), lane=lane), step=step)
    oversee(ctx, ctx.clock())
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(3600)


def test_a_drift_that_alarms_nobody_can_be_read(ctx: Context, tmp_path: Path) -> None:
    metrics = Metrics(ctx, tmp_path)
    for _ in range(3):
        run(ctx, tmp_path, "0.10")
    run(ctx, tmp_path, "0.106", step=30)
    assert ctx.notices.incidents() == []
    jobs = ctx.queries.jobs()
    (name, (found,)) = next(iter(by_model(ctx, jobs, ctx.clock()).items()))
    assert name == "sketch/sketch"
    assert found.price_against_list == pytest.approx(1.06)
    assert found.price_against_usual == pytest.approx(1.06)
    assert found.time_against_usual is not None
    assert 1.05 < found.time_against_usual < 2
    (said,) = lately_lines([found])
    assert "$0.11 a picture, 6% more than listed and 6% more than in the 3 batches before; " in said
    assert said.endswith("% longer than in the 3 batches before.")
    scraped = told(metrics)
    labels = {"provider": "sketch", "model": "sketch", "lane": "batch"}
    assert value(scraped, "imgbatch_price_to_list_ratio", **labels) == pytest.approx(1.06)
    assert value(scraped, "imgbatch_price_to_usual_ratio", **labels) == pytest.approx(1.06)
    assert value(scraped, "imgbatch_time_to_usual_ratio", **labels) == found.time_against_usual


def test_what_an_alert_tells_is_what_is_read(ctx: Context, tmp_path: Path) -> None:
    for says in ("0.10", "0.10", "0.13"):
        run(ctx, tmp_path, says)
    (incident,) = ctx.notices.incidents()
    ((found,),) = by_model(ctx, ctx.queries.jobs(), ctx.clock()).values()
    assert "30% more than listed: $0.13" in incident.headline
    assert (
        "$0.13 a picture, 30% more than listed and 30% more than in the 2 batches" in lately_lines([found])[0]
    )
    run(ctx, tmp_path, "0.13")
    ((found,),) = by_model(ctx, ctx.queries.jobs(), ctx.clock()).values()
    assert found.price_against_list == pytest.approx(1.3), "a quote at the price seen is no list price"


def test_the_metrics_look_at_a_model_and_lane_again_when_a_batch_of_theirs_finishes(
    ctx: Context, tmp_path: Path
) -> None:
    look_back(ctx, ctx.clock())
    assert ctx.lately == {}
    run(ctx, tmp_path, "0.10")
    run(ctx, tmp_path, "0.10", lane=Lane.LIVE)
    ctx.lately.clear()  # as after a restart
    look_back(ctx, ctx.clock())
    both = dict(ctx.lately)
    assert set(both) == {WAY, ("sketch", "sketch", "live")}
    look_back(ctx, ctx.clock())
    assert all(ctx.lately[way] is both[way] for way in both), "nothing is worked out anew"
    run(ctx, tmp_path, "0.12")
    assert ctx.lately[WAY][1].price_against_list == pytest.approx(1.2)
    assert ctx.lately["sketch", "sketch", "live"] is both["sketch", "sketch", "live"]
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move((IN_USE + timedelta(hours=1)).total_seconds())
    look_back(ctx, ctx.clock())
    assert ctx.lately == {}, "not in use"


def test_a_model_that_the_catalogue_has_forgotten_has_no_series(ctx: Context, tmp_path: Path) -> None:
    run(ctx, tmp_path, "0.10")
    assert list(ctx.lately) == [WAY]
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    known, provider.models = provider.models, {}
    look_back(ctx, ctx.clock())
    assert ctx.lately == {}
    provider.models = known
    look_back(ctx, ctx.clock())
    assert list(ctx.lately) == [WAY]
