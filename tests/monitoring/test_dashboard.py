"""The dashboard on a real Prometheus that scrapes the running bot: every panel answers with what is so."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.app import open_context
from bot.config import Settings
from bot.runtime import Context
from bot.serve import running
from bot.workspace.server import Workspace
from providers.simulators import SIMULATORS
from storage.states import JobState
from tests.monitoring.prometheus import DOCS, Asked, Prometheus, asked, dashboard, filled, program
from tests.monitoring.stage import Desk, settings_of

pytestmark = pytest.mark.skipif(
    program("prometheus") is None, reason="prometheus is not installed (Debian: apt install prometheus)"
)

PATIENCE_SECONDS = 60.0
WINDOW = timedelta(seconds=15)
"""Prometheus scrapes once a second here; what is worked out of a few scrapes then needs no minutes."""

QUICK = {"picture_px": 64, "batch_seconds": 2, "validating_seconds": 0.1}

ORDERS = (
    ("openai", "batch", 30),
    ("bfl", "live", 3),
    ("openai", "live", 6),
    ("openai_compatible", "live", 3),
)


@dataclass(frozen=True)
class Stage:
    ctx: Context
    prometheus: Prometheus


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The bot after some jobs: pictures, refusals, passing errors, a provider whose key is refused, one whose
    prices nobody knows, a tick that failed.
    """
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        vendors = {name: stack.enter_context(SIMULATORS[name]()) for name, _, _ in ORDERS}
        for vendor in vendors.values():
            vendor.faults.update(QUICK)
        vendors["openai"].faults.update({"refusal_rate": 0.3, "error_rate": 0.2})
        vendors["bfl"].faults.update({"auth": True})
        found = {name.lower(): value for name, value in settings_of(workspace, vendors).items()}
        settings = Settings.model_validate(
            {
                **found,
                "imgbatch_data": folder / "data",
                "imgbatch_port": 0,
                "imgbatch_poll_seconds": 1,
                "imgbatch_retry_seconds": 1,
                "imgbatch_quality_gate": False,
            }
        )
        ctx = stack.enter_context(open_context(settings, schedules=True))
        port = stack.enter_context(running(ctx, settings))
        prometheus = stack.enter_context(Prometheus(folder, f"127.0.0.1:{port}", DOCS / "rules.yml"))
        desk = Desk(workspace)
        stack.callback(desk.person.close)
        until("the first scrape", lambda: bool(prometheus.now("imgbatch_ready")))
        for provider, lane, pictures in ORDERS:
            desk.order(provider, lane, pictures)
        ctx.pulse.failed("digest", ctx.clock(), "made up", "this test")
        until("the end of the jobs", lambda: len(ctx.queries.jobs([JobState.FINISHED])) == len(ORDERS) - 1)
        yield Stage(ctx, prometheus)


def until(what: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.1)


def answer(stage: Stage, query: Asked) -> list[dict[str, str]]:
    """The labels of the series that a query has had so far."""
    now, expression = stage.ctx.clock(), filled(query.expression, interval=WINDOW)
    found = (
        stage.prometheus.now(expression)
        if query.instant
        else stage.prometheus.over(expression, now - timedelta(minutes=10), now, timedelta(seconds=1))
    )
    return [series["metric"] for series in found]


def named(query: Asked, labels: dict[str, str]) -> str:
    """What Grafana calls a series. Raises KeyError where the legend names a label that is not there."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels[found[1]], query.legend)


PANELS = {panel["title"]: panel["id"] for panel in dashboard()["panels"] if panel["type"] != "row"}


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_answers_and_its_series_can_be_told_apart(stage: Stage, title: str) -> None:
    queries = [query for query in asked() if query.panel == PANELS[title]]
    until(f"an answer for “{title}”", lambda: any(answer(stage, query) for query in queries))
    legends = [named(query, labels) for query in queries for labels in answer(stage, query)]
    assert len(set(legends)) == len(legends), f"“{title}” draws several series under one name: {legends}"


def test_each_provider_can_be_chosen(stage: Stage) -> None:
    found = stage.prometheus.ask("label/provider/values", **{"match[]": "imgbatch_items"})
    assert {provider for provider, _, _ in ORDERS} <= set(found)
    (of_one,) = stage.prometheus.now(
        filled('sum(imgbatch_answers_total{provider=~"$provider",outcome="made"})', provider="(bfl|fal)")
    ) or [{"value": (0, "0")}]
    assert float(of_one["value"][1]) == 0


def test_what_is_shown_of_pictures_and_money_is_what_the_ledger_says(stage: Stage) -> None:
    with stage.ctx.vitals._reading() as c:
        made = c.execute(text("SELECT count(*) FROM attempt WHERE outcome = 'made'")).scalar_one()
        spent = float(c.execute(text("SELECT sum(cost) FROM attempt")).scalar_one()) / 1e9
    shown = {query.legend: filled(query.expression) for query in asked() if query.kind == "stat"}

    def value(expression: str) -> float:
        found = stage.prometheus.now(expression)
        return float(found[0]["value"][1]) if found else 0.0

    until("the last scrape", lambda: value(shown["this month"]) == pytest.approx(spent))
    assert made > 10
    assert value('sum(imgbatch_answers_total{outcome="made"})') == made
    # Where a scrape took too long, increase() misses what a new series began with.
    assert 0 < value(shown["made in 24 hours"]) < made * 1.1
    assert 0 < value(shown["24 hours"]) < spent * 1.1


def test_an_alert_fires_for_the_provider_whose_key_is_refused(stage: Stage) -> None:
    until("the alert", lambda: "ImgbatchProviderPaused" in stage.prometheus.firing())
