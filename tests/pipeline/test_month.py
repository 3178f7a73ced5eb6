"""A month is UTC's for everybody; what is sent in its last minute belongs to it, whenever it is answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.pipeline.costs import midnight, spending, spent, today
from bot.pipeline.rounds import one_round
from providers.base import Lane
from storage.budgets import Budget, BudgetKind
from storage.costs import Whose
from storage.states import JobState
from tests.parts import TestClock, make_context, run_to_end, sheet, started
from tests.priced import PaidSketch

LAST_MINUTE = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
ZONES = ("Pacific/Kiritimati", "UTC", "Pacific/Honolulu")
"""The first day that there is, and nearly the last one."""


@pytest.mark.parametrize("zone", ZONES)
def test_sent_in_the_last_minute_and_answered_in_the_first(tmp_path: Path, zone: str) -> None:
    clock = TestClock(LAST_MINUTE)
    provider = PaidSketch(tmp_path, clock, "0.10")
    path = sheet(tmp_path, [{"prompt": "a mug"}, {"prompt": "a bag"}])
    with make_context(tmp_path, {"sketch": provider}, clock=clock) as ctx:
        job = started(ctx, path, lane=Lane.BATCH)
        one_round(ctx, clock())
        clock.move(120)
        job = run_to_end(ctx, job)
        assert job.state is JobState.FINISHED
        assert min(attempt.sent_at for attempt in ctx.queries.attempts(job.id)) < midnight_of_december()
        (answered,) = {attempt.answered_at for attempt in ctx.queries.attempts(job.id)}
        assert answered is not None
        assert answered > midnight_of_december()

        mine = Whose(person=job.requested_by)
        for at, month, here in (
            (LAST_MINUTE, 11, Decimal("0.20")),
            (LAST_MINUTE + timedelta(minutes=2), 12, Decimal(0)),
        ):
            local = at.astimezone(ZoneInfo(zone))
            first = today(local).replace(day=1)
            following = midnight(first + timedelta(days=31)).replace(day=1)
            report = spending(ctx, mine, midnight(first), following)
            assert first.month == month
            assert (spent(ctx, mine, local).usd, report.total.usd) == (here, here)
            budget = Budget(BudgetKind.MONTH, "", Decimal(5))
            assert ctx.queries.used(budget, local).settled == here


def midnight_of_december() -> datetime:
    return datetime(2026, 12, 1, tzinfo=UTC)
