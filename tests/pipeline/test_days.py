"""A channel's days, from the data store: what ended and what was spent, on the calendar of the digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.digest import by_day
from bot.runtime import Context
from bot.watch.day_chart import Day
from providers.base import Billed, Failure, FailureKind, Lane
from storage.costs import Whose
from storage.records import Job, Thread
from tests.parts import TestClock, planned, run_to_end, sheet, started
from tests.priced import PaidSketch
from tests.storage.test_store import ctx  # noqa: F401  fixtures

REFUSED = Failure(FailureKind.CONTENT_POLICY, "no", "Not this.", Billed.NO)
HERE = Whose(team="T1", channel="C1")


@pytest.fixture
def paid(ctx: Context, tmp_path: Path) -> Context:  # noqa: F811
    """Pictures of ten cents; both data stores."""
    return replace(ctx, providers={"sketch": PaidSketch(tmp_path, ctx.clock, "0.10")})


def made(ctx: Context, folder: Path, at: datetime, rows: int, refused: int = 0, channel: str = "C1") -> Job:  # noqa: F811
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.at = at
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.extend([REFUSED] * refused)
    path = sheet(folder, [{"prompt": f"mug {n} {at:%d%H}{channel}"} for n in range(rows)])
    job = started(ctx, path, lane=Lane.LIVE)
    ctx.mail.open_thread(Thread(job.id, "T1", channel, "U1"))
    return run_to_end(ctx, job)


def test_days_are_those_of_the_digests_own_calendar(paid: Context, tmp_path: Path) -> None:
    """23:30 in London is the next day in Berlin, where the first picture was made a day before the others."""
    made(paid, tmp_path, datetime(2026, 11, 16, 22, 30, tzinfo=UTC), 1)
    made(paid, tmp_path, datetime(2026, 11, 16, 23, 30, tzinfo=UTC), 3, refused=1)
    made(paid, tmp_path, datetime(2026, 11, 17, 12, tzinfo=UTC), 5, channel="C2")
    since, until = datetime(2026, 11, 16, 8, tzinfo=UTC), datetime(2026, 11, 18, 23, tzinfo=UTC)
    cents = Decimal("0.10")
    assert by_day(paid, HERE, since, until, "Europe/Berlin") == [
        Day(date(2026, 11, 16), stored=1, usd=cents),
        Day(date(2026, 11, 17), stored=2, refused=1, usd=2 * cents),
        Day(date(2026, 11, 18)),
    ]
    (first, *_) = by_day(paid, HERE, since, until, "UTC")
    assert first == Day(date(2026, 11, 16), stored=3, refused=1, usd=3 * cents)


def test_what_was_before_or_never_started_is_left_out_and_a_changed_clock_makes_no_day_longer(
    paid: Context, tmp_path: Path
) -> None:
    """On 25 October Berlin has 25 hours."""
    made(paid, tmp_path, datetime(2026, 10, 24, 8, 59, tzinfo=UTC), 2)
    made(paid, tmp_path, datetime(2026, 10, 25, 22, 59, tzinfo=UTC), 1)
    plan = planned(paid, sheet(tmp_path, [{"prompt": "a blue bag"}]), lane=Lane.LIVE)
    paid.mail.open_thread(Thread(plan.id, "T1", "C1", "U1"))
    paid.store.cancel_job(plan.id, paid.clock(), "U1")
    since, until = datetime(2026, 10, 24, 9, tzinfo=UTC), datetime(2026, 10, 26, 9, tzinfo=UTC)
    found = by_day(paid, HERE, since, until, "Europe/Berlin")
    assert [(day.on.day, day.pictures) for day in found] == [(24, 0), (25, 1), (26, 0)]


def test_what_nobody_has_said_the_price_of_is_told_apart(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    free = replace(ctx, providers={"sketch": PaidSketch(tmp_path, ctx.clock, None)})
    at = datetime(2026, 11, 16, 12, tzinfo=UTC)
    made(free, tmp_path, at, 2)
    until = datetime(2026, 11, 17, tzinfo=UTC)
    assert by_day(free, HERE, at, until, "UTC") == [Day(date(2026, 11, 16), stored=2, unpriced=2)]
