"""What was spent and what happened, by time, place and person: on SQLite in a folder, and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.costs import spending
from bot.pipeline.digest import happened
from bot.runtime import Context
from storage.budgets import Budget, BudgetKind
from storage.costs import Pictured, Whose
from storage.records import Job, Thread
from storage.states import ItemState, ReviewEvent, ReviewState
from storage.voting import Pick
from tests.parts import QUICK, TestClock, ends, make_context, planned, run_to_end, sheet
from tests.priced import PaidSketch

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
SHOES, BAGS = Whose(team="T", channel="CSHOES"), Whose(team="T", channel="CBAGS")


@pytest.fixture
def shop(tmp_path: Path, url: str | None) -> Iterator[Context]:
    """Every picture costs $0.10. Jobs of 28 October and of November in #shoes, one of November in #bags."""
    clock = TestClock(datetime(2026, 10, 28, 9, tzinfo=UTC))
    provider = PaidSketch(tmp_path, clock, "0.10")
    with make_context(tmp_path / "data", {"sketch": provider}, policy=QUICK, clock=clock, url=url) as ctx:
        for month, channel, name in ((10, "CSHOES", "old"), (11, "CSHOES", "new"), (11, "CBAGS", "bags")):
            clock.at = max(clock.at, datetime(2026, month, 28, 9, tzinfo=UTC))
            made(ctx, tmp_path, channel, name)
        yield ctx


def made(ctx: Context, folder: Path, channel: str, name: str) -> Job:
    """Three rows, of which one repeats another, made to their end."""
    rows = [{"sku": str(n), "prompt": f"{name} {min(n, 2)}"} for n in (1, 2, 3)]
    job = planned(ctx, sheet(folder, rows, f"{name}.csv"))
    ctx.mail.open_thread(Thread(job.id, "T", channel, "U1", "1.0"))
    ctx.store.start_job(job.id, ctx.clock(), person="U1")
    ended = run_to_end(ctx, job)
    assert ctx.queries.counts(job.id) == {ItemState.STORED: 3}
    return ended


def named(ctx: Context, name: str) -> Job:
    return next(job for job in ctx.queries.jobs() if job.sheet_name == f"{name}.csv")


def test_a_month_of_a_channel_is_what_its_budget_counts(shop: Context) -> None:
    for whose, key in ((SHOES, "CSHOES"), (BAGS, "CBAGS")):
        report = spending(shop, whose, NOVEMBER, DECEMBER)
        ((name, spent),) = report.models
        assert (name, spent.jobs, spent.pictures, spent.usd) == ("sketch/sketch", 1, 3, Decimal("0.20"))
        at = datetime(2026, 11, 30, tzinfo=UTC)
        assert shop.queries.used(Budget(BudgetKind.CHANNEL, key, Decimal(1), "T"), at).settled == spent.usd
    everything = spending(shop, Whose(), OCTOBER, DECEMBER)
    assert (everything.jobs, everything.total.usd, everything.total.pictures) == (3, Decimal("0.60"), 9)
    assert [usd for _, _, usd in everything.dearest] == [Decimal("0.20")] * 3
    assert spending(shop, Whose(person="nobody"), OCTOBER, DECEMBER).models == []
    assert spending(shop, Whose(person="tester"), OCTOBER, NOVEMBER).total.usd == Decimal("0.20")
    assert spending(shop, Whose(team="other", channel="CSHOES"), OCTOBER, DECEMBER).models == []


def test_pictures_are_the_versions_that_count(shop: Context) -> None:
    job = named(shop, "new")
    shop.reviews.decide(job.id, Pick([(1, 1)]), ReviewEvent.APPROVE, "U1", shop.clock())
    shop.reviews.decide(job.id, Pick([(3, 3)]), ReviewEvent.REJECT, "U1", shop.clock())
    assert shop.queries.pictures_of(SHOES, NOVEMBER, DECEMBER) == {("sketch", "sketch"): Pictured(3, 1, 1)}
    assert shop.queries.pictures_of(SHOES, OCTOBER, NOVEMBER) == {("sketch", "sketch"): Pictured(3, 0, 3)}
    reviewed = shop.queries.reviewed_between(SHOES, NOVEMBER, DECEMBER)
    assert reviewed == {ReviewState.APPROVED: 1, ReviewState.REJECTED: 1}
    assert shop.queries.reviewed_between(BAGS, NOVEMBER, DECEMBER) == {}


def test_earlier_jobs_are_those_of_the_same_channel(shop: Context) -> None:
    old, new, bags = (named(shop, name) for name in ("old", "new", "bags"))
    assert [job.id for job in shop.queries.ended_before(new, 10)] == [old.id]
    assert shop.queries.ended_before(bags, 10) == []
    assert shop.queries.ended_before(old, 10) == []
    nowhere = replace(bags, id="none", created_at=DECEMBER)
    assert shop.queries.ended_before(nowhere, 10) == [], "told nowhere, as no other is"


def test_the_first_end_stays_when_a_retry_ends_it_again(shop: Context) -> None:
    job = named(shop, "old")
    first = shop.queries.first_end(job.id)
    assert first == job.finished_at
    with shop.store._writer.transaction() as c:
        c.exec_driver_sql("UPDATE item SET state = 'failed' WHERE number = 1")
    shop.store.send_again(job.id, ends(shop, job, ItemState.FAILED), shop.clock(), "U1")
    again = run_to_end(shop, job)
    assert again.finished_at != first
    assert shop.queries.first_end(job.id) == first


def test_a_time_has_the_jobs_that_began_or_ended_or_lasted_in_it(shop: Context) -> None:
    old, new = named(shop, "old"), named(shop, "new")
    between = shop.queries.jobs_between
    assert [job.id for job in between(SHOES, OCTOBER, NOVEMBER)] == [old.id]
    assert [job.id for job in between(SHOES, NOVEMBER, DECEMBER)] == [new.id]
    assert between(SHOES, DECEMBER, DECEMBER + timedelta(days=7)) == []
    found = happened(shop, SHOES, NOVEMBER, DECEMBER)
    assert [batch.title for batch in found.ended] == ["new.csv"]
    assert (found.measure.stored, found.spent.usd, found.spent_before.usd) == (
        3,
        Decimal("0.20"),
        Decimal("0.20"),
    )
    assert (found.to_review, found.begun, found.running, found.waiting) == (3, 1, 0, 0)
    assert not happened(shop, SHOES, DECEMBER, DECEMBER + timedelta(days=7)).anything
