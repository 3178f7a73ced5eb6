"""The dashboard and the alert rules ask for what `/metrics` tells, and lead to what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as families

from bot.metered import CALLS
from bot.metered import OUTCOMES as OUTCOMES_OF_A_CALL
from bot.meters import PROVIDER_CALLS, PROVIDER_SECONDS, SLACK_CALL_SECONDS, SLACK_CALLS
from bot.metrics import Metrics
from bot.pipeline.rounds import one_round
from bot.store_metrics import OUTCOMES
from bot.watch.alerts import AlertRules
from providers.base import Provider
from storage.states import ItemState, JobState
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch
from tests.test_metrics import OF_SLACK

MONITORING = Path(__file__).parents[1] / "docs" / "monitoring"
OPERATING = MONITORING.parent / "operating.md"

NAME = re.compile(r"\b(?:imgbatch|process)_[a-z_]+\b")
SELECTOR = re.compile(r"\b((?:imgbatch|process)_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")

GIVEN_BY_PROMETHEUS = {"job", "instance", "alertname"}
"""Labels that it gives to every series, and to those that tell which rules fire."""

GIVEN_BY_ITSELF = re.compile(r"\b(?:up|ALERTS)\{")
"""What Prometheus tells of itself: whether it reaches us, and which rules fire."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    """Every series there can be by name: its labels, and the values they were seen with."""
    folder = tmp_path_factory.mktemp("told")
    for call in CALLS:
        PROVIDER_CALLS.labels("sketch", call, "ok")
        PROVIDER_SECONDS.labels("sketch", call)
    for outcome in OUTCOMES_OF_A_CALL:
        PROVIDER_CALLS.labels("sketch", "submit", outcome)
    for outcome in OF_SLACK:
        SLACK_CALLS.labels("chat.postMessage", outcome)
    SLACK_CALL_SECONDS.observe(0.1)
    # One batch is history enough, so that of the second there are ratios.
    rules = AlertRules(disk_free_mb=1, cost_sample=1, history_least=1, time_batches=1, time_sample=1)
    clock = TestClock()
    paid = {"sketch": PaidSketch(folder, clock, "0.10")}
    with make_context(folder / "data", paid, clock=clock, policy=replace(QUICK, rules=rules)) as ctx:
        ctx.pulse.expect({"poll": timedelta(minutes=5)}, ctx.clock())
        ctx.pulse.began("poll", ctx.clock())
        ctx.pulse.succeeded("poll", ctx.clock())
        for kind in ("auth", "quota", "outage", "unreachable"):
            ctx.notices.pause(f"{kind}ed", kind, "", ctx.clock(), ctx.clock() + timedelta(days=1))
        for shoe in ("a shoe", "a boot"):
            run_to_end(ctx, started(ctx, sheet(folder, [{"prompt": shoe}])), step=20)
            clock.move(60)
        started(ctx, sheet(folder, [{"prompt": "a hat"}], "hats.csv"))
        metrics = Metrics(ctx, folder, lambda: True)
        said = metrics("")[0].decode()
        one_round(ctx, ctx.clock())
        (job,) = ctx.queries.jobs([JobState.RUNNING])
        (submission,) = ctx.queries.submissions(job.id)
        ended = ctx.clock() - timedelta(minutes=2)
        ctx.store.note_progress(submission, ctx.clock(), ended_at=ended, results_expire_at=ctx.clock())
        said += metrics("")[0].decode()
    found: dict[str, dict[str, set[str]]] = {}
    for family in families(said):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    return read


def expressions() -> Iterator[tuple[str, str]]:
    """(where, expression) of every rule, panel and variable."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


ALL = {f"{place}-{where}": expression for place, (where, expression) in enumerate(expressions())}


@pytest.mark.parametrize("where", ALL)
def test_what_is_asked_for_is_told(told: dict[str, dict[str, set[str]]], where: str) -> None:
    expression = ALL[where]
    names = set(NAME.findall(expression))
    assert names or GIVEN_BY_ITSELF.search(expression)
    assert not names - set(told), f"{where} asks for what nobody tells"
    for name, matchers in SELECTOR.findall(expression):
        for label, how, value in MATCHER.findall(matchers):
            if label in GIVEN_BY_PROMETHEUS:
                continue
            assert label in told[name], f"{where}: {name} has no label {label}"
            if "$" not in value:
                missed = {word for word in value.split("|") if word not in told[name][label] | known(label)}
                assert not missed, f"{where}: {name} is never {label}{how}{missed}"
    labels = {label for name in names for label in told[name]} | GIVEN_BY_PROMETHEUS
    for group in BY.findall(expression):
        assert {label.strip() for label in group.split(",")} <= labels, f"{where} groups by what is not there"


def known(label: str) -> set[str]:
    return {"outcome": {*OUTCOMES}, "state": {state.value for state in ItemState}}.get(label, set())


def anchors() -> set[str]:
    lines = OPERATING.read_text(encoding="utf-8").splitlines()
    headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_rule_leads_to_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 20
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operating.md"
        assert anchor in anchors(), f"{rule['alert']}: docs/operating.md has no heading for #{anchor}"
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert {"summary", "description"} <= set(rule["annotations"])


def test_labels_in_the_words_of_a_rule_survive_its_expression() -> None:
    for rule in rules():
        words = " ".join(rule["annotations"].values())
        used = set(re.findall(r"\$labels\.(\w+)", words)) - GIVEN_BY_PROMETHEUS
        aggregated = re.search(r"\bsum\b", rule["expr"])
        groups = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        kept = {name.strip() for group in groups for name in group.split(",")}
        assert not aggregated or used <= kept, f"{rule['alert']} names a label that its sum has dropped"


def test_the_dashboard_can_be_laid_out() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= 24
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, f"“{panel['title']}” lies over another panel"
        taken |= cells
    assert all(panel["title"] for panel in panels)


def test_calls_are_those_of_the_seam() -> None:
    assert set(CALLS) | {"encode", "close", "name", "models"} == {
        name for name in vars(Provider) if not name.startswith("_")
    }


def test_every_metric_that_is_told_is_explained(told: dict[str, dict[str, set[str]]]) -> None:
    page = OPERATING.read_text(encoding="utf-8")
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told if name.startswith("imgbatch_")}
    assert not {name for name in ours if f"`{name}`" not in page}
