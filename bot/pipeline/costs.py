"""What was spent in some time, gathered from the data store. In words: `bot.watch.costs`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from bot.intake.figures import after_month
from bot.runtime import Context
from bot.watch.costs import CostReport, Spent
from storage.costs import Pictured, Whose

DEAREST = 5
"""Jobs that are named."""


def spending(ctx: Context, whose: Whose, since: datetime, until: datetime) -> CostReport:
    """By model, and the jobs that cost most."""
    pictures = ctx.queries.pictures_of(whose, since, until)
    jobs, dearest = ctx.queries.dearest(whose, since, until, DEAREST)
    models = []
    for cost in ctx.queries.costs(whose, since, until):
        made = pictures.get((cost.provider, cost.model), Pictured())
        spent = Spent(
            jobs=cost.jobs,
            pictures=made.number,
            approved=made.approved,
            unreviewed=made.unreviewed,
            usd=cost.usd,
            perhaps=cost.perhaps,
            unpriced=cost.unpriced,
        )
        models.append((f"{cost.provider}/{cost.model}", spent))
    return CostReport(since, until, models, jobs, [job for job in dearest if job[2]])


def spent(ctx: Context, whose: Whose, now: datetime) -> Spent:
    """What this month's sum is, without the pictures: the same money as `spending` tells of it."""
    first = today(now).replace(day=1)
    found = ctx.queries.cost(whose, midnight(first), midnight(after_month(first)))
    return Spent(usd=found.usd, perhaps=found.perhaps, unpriced=found.unpriced)


def today(now: datetime) -> date:
    """The day that says which month it is: UTC for everybody, as for the budgets."""
    return now.astimezone(UTC).date()


def midnight(day: date) -> datetime:
    """When the day begins, UTC: months are those of the budgets."""
    return datetime.combine(day, time(), UTC)
