"""Many small jobs that are refused a little each, through the real store on SQLite and PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.pipeline.attend import attend
from bot.pipeline.oversee import oversee
from bot.runtime import Context
from bot.watch.alerts import AlertRules
from providers.base import Billed, Failure, FailureKind, ItemResult, Lane, Size
from storage.records import Incident, Job
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch

REFUSED = Failure(FailureKind.CONTENT_POLICY, "no", "No.", Billed.NO)


class Prudish(PaidSketch):
    """Refuses one in three prompts with a word it does not like, always the same ones."""

    word = "nude"
    share = 1 / 3

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.prompts: dict[str, str] = {}

    def encode(self, request: Any, lane: Lane) -> bytes:
        self.prompts[request.key] = request.prompt
        return super().encode(request, lane)

    def _billed(self, result: ItemResult) -> ItemResult:
        prompt = self.prompts[result.key]
        if self.word in prompt and random.Random(prompt).random() < self.share:
            return replace(result, outcome=REFUSED)
        return super()._billed(result)


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    clock = TestClock()
    policy = replace(QUICK, rules=AlertRules(disk_free_mb=1), attempts=1)
    providers = {"sketch": Prudish(tmp_path, clock, "0.10")}
    with make_context(tmp_path, providers, clock=clock, policy=policy, url=url) as built:
        yield built


def run(ctx: Context, folder: Path, template: str, rows: Sequence[Mapping[str, str]]) -> Job:
    path = sheet(folder, [dict(row) for row in rows])
    job = run_to_end(ctx, started(ctx, path, template, lane=Lane.LIVE, size=Size(64, 64)))
    attend(ctx, ctx.clock())
    oversee(ctx, ctx.clock())
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(timedelta(minutes=20).total_seconds())
    return job


def rows(place: int, number: int = 8, **more: str) -> list[dict[str, str]]:
    colours = ("red", "blue", "teal", "grey")
    return [
        {"sku": f"A-{place}-{n}", "name": f"mug {place}-{n}", "colour": colours[n % 4], **more}
        for n in range(number)
    ]


def told(ctx: Context) -> list[Incident]:
    return [incident for incident in ctx.notices.incidents() if incident.rule == "refusals"]


@pytest.mark.parametrize("url", [None])
def test_ten_jobs_of_eight_rows_that_share_a_template_are_told_once_with_it(
    ctx: Context, tmp_path: Path
) -> None:
    for place in range(3):
        run(ctx, tmp_path, "a {{ colour }} {{ name }}", rows(place))
    assert told(ctx) == []
    for place in range(10, 20):
        run(ctx, tmp_path, "a nude with a {{ colour }} {{ name }}", rows(place))
    (incident,) = told(ctx)
    assert "Small batches with the template “a nude with a {{ colour }} {{ name }}”" in incident.headline
    assert incident.job_id is None
    assert incident.key.startswith("refusals:template/")
    assert incident.chart is not None
    later = [one for one in ctx.notices.incidents() if one.opened_at > incident.opened_at and one.job_id]
    assert later == [], "small jobs it explains have no alert of their own any more"
    assert "burn-rate" not in {one.rule for one in ctx.notices.incidents()}, "nor all of them together"
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(timedelta(hours=25).total_seconds())
    oversee(ctx, ctx.clock())
    (incident,) = told(ctx)
    assert incident.closed_at is not None


@pytest.mark.parametrize("url", [None])
def test_a_value_is_named_across_templates_and_headers(ctx: Context, tmp_path: Path) -> None:
    for place in range(10):
        some = rows(place)
        for n in (0, 3, 6):
            some[n]["colour"] = "nude"
        if place % 2:
            some = [
                {**{k: v for k, v in row.items() if k != "colour"}, "Colour": row["colour"]} for row in some
            ]
        run(ctx, tmp_path, f"a {{{{ colour }}}} {{{{ name }}}}, style {place % 5}", some)
    (incident,) = told(ctx)
    assert incident.headline.startswith("Small batches with colour = “nude”: content rules refused")


def test_the_counts_are_alike_on_both_stores(ctx: Context, tmp_path: Path) -> None:
    mine = [run(ctx, tmp_path, "nude {{ colour }} {{ name }}", rows(place, 12)) for place in range(3)]
    ids = ctx.queries.small_jobs(ctx.clock() - timedelta(hours=2), 100, 10)
    assert ids == [job.id for job in reversed(mine)]
    assert ctx.queries.small_jobs(ctx.clock() - timedelta(hours=2), 12, 10) == []
    ended = ctx.queries.ended_and_refused(ids)
    assert {of for of, _ in ended.values()} == {12}
    assert sum(hits for _, hits in ended.values()) == ctx.queries.refused(ids) > 0
    found = ctx.queries.refused_rows(ids, 100)
    assert len(found) == ctx.queries.refused(ids)
    assert len(ctx.queries.refused_rows(ids, 2)) == 2
    by_value = ctx.queries.with_values(ids, "colour", ["red", "blue"])
    assert {(job, value) for job, value in by_value} == {(job, v) for job in ids for v in ("red", "blue")}
    assert {of for of, _ in by_value.values()} == {3}
    reds = sum(cells["colour"] == "red" for _, cells in found)
    assert sum(hits for (_, value), (_, hits) in by_value.items() if value == "red") == reds
    assert set(ctx.queries.jobs_by_id(ids)) == set(ids)
