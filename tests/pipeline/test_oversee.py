"""Prices that are not believed, refusals that a value lifts, misses of many jobs: through the real store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.create import PLAN
from bot.pipeline.oversee import oversee
from bot.runtime import Context
from bot.watch.alerts import AlertRules
from providers.base import Billed, Failure, FailureKind, Lane, Size
from storage.records import Incident, Job
from tests.parts import QUICK, TestClock, make_context, planned, run_to_end, sheet, started
from tests.priced import PaidSketch, models_at

SMALL = Size(64, 64)
BROKEN = Failure(FailureKind.MALFORMED_REQUEST, "bad", "No.", Billed.NO)
ROWS = [{"name": f"mug {n}", "colour": "nude" if n % 4 == 0 else "red"} for n in range(12)]
TEMPLATE = "a {{ colour }} {{ name }}"


@contextmanager
def office(
    folder: Path, clock: TestClock, usd: str = "0.10", url: str | None = None, **rules: object
) -> Iterator[Context]:
    policy = replace(QUICK, rules=AlertRules(disk_free_mb=1, **rules))  # type: ignore[arg-type]
    provider = PaidSketch(folder, clock, usd)
    with make_context(folder, {"sketch": provider}, clock=clock, policy=policy, url=url) as built:
        yield built


@pytest.fixture
def ctx(tmp_path: Path, url: str | None) -> Iterator[Context]:
    with office(tmp_path, TestClock(), url=url) as built:
        yield built


def paid(ctx: Context) -> PaidSketch:
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    return provider


def run(ctx: Context, tmp_path: Path, says: str | None = None) -> Job:
    """One live job of twelve pictures, and a while until the next."""
    paid(ctx).says = Decimal(says) if says else None
    job = run_to_end(ctx, started(ctx, sheet(tmp_path, ROWS), TEMPLATE, lane=Lane.LIVE, size=SMALL))
    oversee(ctx, ctx.clock())
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(3600)
    return job


def told(ctx: Context, rule: str) -> list[Incident]:
    return [incident for incident in ctx.notices.incidents() if incident.rule == rule]


def high(job: Job) -> Decimal | None:
    return PLAN.validate_python(job.plan).quotes[Lane.LIVE].high


def test_a_price_that_drifts_is_told_once_and_its_table_suspended_until_it_holds_again(
    ctx: Context, tmp_path: Path
) -> None:
    assert high(run(ctx, tmp_path)) == Decimal("1.20")
    assert told(ctx, "cost-drift") == []
    run(ctx, tmp_path, "0.13")
    (incident,) = told(ctx, "cost-drift")
    assert incident.closed_at is None
    assert "30% more than listed: $0.13, listed $0.10 at most" in incident.headline
    assert incident.job_id is None
    assert incident.chart is not None

    plan = planned(ctx, sheet(tmp_path, ROWS), TEMPLATE, lane=Lane.LIVE, size=SMALL)
    assert high(plan) == Decimal("1.56"), "quotes reckon with what was seen"
    assert any(
        "is not confirmed: in the live lane a picture was last charged $0.13" in said
        for said in PLAN.validate_python(plan.plan).warnings
    )

    run(ctx, tmp_path, "0.13")
    assert len(told(ctx, "cost-drift")) == 1, "a quote at the price seen does not make the list true"
    assert ctx.notices.suspended_prices()
    again = run(ctx, tmp_path, "0.10")
    (incident,) = told(ctx, "cost-drift")
    assert incident.closed_at is not None
    assert ctx.notices.suspended_prices() == []
    assert high(again) == Decimal("1.56")
    assert high(run(ctx, tmp_path)) == Decimal("1.20")


def test_a_new_price_table_is_believed_at_once(tmp_path: Path) -> None:
    clock = TestClock()
    with office(tmp_path, clock) as ctx:
        run(ctx, tmp_path, "0.20")
        assert len(ctx.notices.suspended_prices()) == 1
    with office(tmp_path, clock, "0.20") as ctx:
        oversee(ctx, clock())
        assert ctx.notices.suspended_prices() == []
        (incident,) = told(ctx, "cost-drift")
        assert incident.closed_at is not None
        assert high(run(ctx, tmp_path)) == Decimal("2.40")
        assert len(told(ctx, "cost-drift")) == 1


def test_a_suspended_price_holds_in_both_its_parts(ctx: Context, tmp_path: Path) -> None:
    run(ctx, tmp_path, "0.20")
    job = planned(ctx, sheet(tmp_path, ROWS), TEMPLATE, lane=Lane.LIVE, size=SMALL)
    quotes = PLAN.validate_python(job.plan).quotes
    card = next(iter(models_at("0.10").values()))
    assert quotes[Lane.LIVE].high == Decimal("2.40")
    assert quotes[Lane.BATCH].high == 12 * Decimal("0.10") * card.batch_factor, "the other lane is believed"


def test_a_value_that_lifts_refusals_is_named_with_its_chart(tmp_path: Path) -> None:
    clock = TestClock()

    class Prudish(PaidSketch):
        """Refuses what is nude."""

        def encode(self, request, lane):  # type: ignore[no-untyped-def]
            self.prompts[request.key] = request.prompt
            return super().encode(request, lane)

        prompts: dict[str, str] = {}  # noqa: RUF012

        def _billed(self, result):  # type: ignore[no-untyped-def]
            if "nude" in self.prompts[result.key]:
                return replace(result, outcome=Failure(FailureKind.CONTENT_POLICY, "no", "No.", Billed.NO))
            return super()._billed(result)

    rows = [{"name": f"mug {n}", "colour": "nude" if n % 5 == 0 else "red"} for n in range(40)]
    with make_context(tmp_path, {"sketch": Prudish(tmp_path, clock, "0.10")}, clock=clock) as ctx:
        run_to_end(ctx, started(ctx, sheet(tmp_path, rows), TEMPLATE, lane=Lane.LIVE, size=SMALL))
        (incident,) = told(ctx, "refusals")
        assert (
            "colour = “nude” was refused 8 of 8 times, all other rows 0 of 32 (0.0%)" in incident.details[0]
        )
        assert incident.chart is not None
        assert incident.chart["bars"] == [["nude", 1.0], ["red", 0.0]]
        assert "32 of 40 pictures came out (80.0%, alert under 95%)" in incident.details[1]
        assert told(ctx, "success-rate") == [], "one cause is one message"


def test_misses_of_many_small_jobs_are_one_incident_that_ends(ctx: Context, tmp_path: Path) -> None:
    for _ in range(6):
        paid(ctx).failures.extend([BROKEN] * 4)
        run_to_end(ctx, started(ctx, sheet(tmp_path, ROWS), TEMPLATE, lane=Lane.LIVE, size=SMALL))
    (incident,) = told(ctx, "burn-rate")
    assert "pictures came out within 1 h (target 98%)" in incident.headline
    assert incident.severity == "critical"
    assert incident.closed_at is None
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(timedelta(hours=7).total_seconds())
    oversee(ctx, ctx.clock())
    (incident,) = told(ctx, "burn-rate")
    assert incident.closed_at is not None


def test_a_full_disk_and_a_stuck_tick_are_told_and_over(ctx: Context, tmp_path: Path) -> None:
    small = replace(ctx, policy=replace(ctx.policy, rules=AlertRules(disk_free_mb=10**9)))
    ctx.pulse.expect({"submit": timedelta(minutes=2)}, ctx.clock())
    ctx.pulse.began("submit", ctx.clock())
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(600)
    assert oversee(small, ctx.clock()) == 2
    assert oversee(small, ctx.clock()) == 0
    assert [one.key.partition("@")[0] for one in ctx.notices.incidents(open_only=True)] == [
        "disk:data",
        "stuck:submit",
    ]
    ctx.pulse.succeeded("submit", ctx.clock())
    oversee(ctx, ctx.clock())
    assert ctx.notices.incidents(open_only=True) == []
    ctx.clock.move(60)
    assert oversee(small, ctx.clock()) == 1, "the next time is an incident of its own"
