"""A channel's day or week, gathered from the data store. In words: `bot.watch.digest`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from bot.intake.deadline import zone_of
from bot.pipeline.costs import spending
from bot.pipeline.measuring import by_batch, measured
from bot.runtime import Context
from bot.watch.day_chart import Day
from bot.watch.digest import Batch, Happened
from bot.watch.measures import Measure, total
from storage.costs import Whose
from storage.records import Job
from storage.states import JobState, ReviewState

RUNNING = (JobState.PILOT, JobState.RUNNING, JobState.CANCELLING)
WAITING = (JobState.PLANNED, JobState.PILOT_REVIEW, JobState.PAUSED)

MOST_ALERTS = 1000


def happened(ctx: Context, whose: Whose, since: datetime, until: datetime) -> Happened:
    """What happened from `since` until `until`, beside the time before that was as long."""
    jobs = ctx.queries.jobs_between(whose, since, until)
    measures, batches = _ended(ctx, jobs, since, until)
    earlier = since - (until - since)
    before, _ = _ended(ctx, ctx.queries.jobs_between(whose, earlier, since), earlier, since)
    reviewed = ctx.queries.reviewed_between(whose, since, until)
    left = sum(ctx.reviews.counts(batch.job).get(ReviewState.UNREVIEWED, 0) for batch in batches)
    mine = {job.id for job in jobs}
    alerts = [found for found in ctx.queries.recent_incidents(since, MOST_ALERTS) if found.job_id in mine]
    return Happened(
        ended=batches,
        measure=measures,
        spent=spending(ctx, whose, since, until).total,
        before=before,
        spent_before=spending(ctx, whose, earlier, since).total,
        approved=reviewed.get(ReviewState.APPROVED, 0),
        rejected=reviewed.get(ReviewState.REJECTED, 0),
        to_review=left,
        running=sum(job.state in RUNNING for job in jobs),
        waiting=sum(job.state in WAITING for job in jobs),
        alerts=sum(found.opened_at < until for found in alerts),
        begun=sum(
            _within(job.created_at, since, until) or _within(job.started_at, since, until) for job in jobs
        ),
    )


def by_day(ctx: Context, whose: Whose, since: datetime, until: datetime, zone: str) -> list[Day]:
    """What came of pictures on each day of that time, and what was spent, on the calendar of `zone`; the
    first and the last day in part.
    """
    first, last = (at.astimezone(zone_of(zone)) for at in (since, until))
    dates = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    midnights = [datetime.combine(day, time(), zone_of(zone)).astimezone(UTC) for day in dates[1:]]
    edges = [since, *(at for at in midnights if since < at < until), until]
    ended, spent = ctx.queries.ended_between(whose, edges), ctx.queries.costs_between(whose, edges)
    return [
        Day(on, usd=usd, unpriced=unpriced, **{state.value: number for state, number in ends.items()})
        for on, ends, (usd, unpriced) in zip(dates, ended, spent, strict=False)
    ]


def _ended(
    ctx: Context, jobs: Sequence[Job], since: datetime, until: datetime
) -> tuple[Measure, list[Batch]]:
    """Those that came to their first end then; a redo or retry ends a job again, which is no news."""
    started = [job for job in jobs if job.started_at is not None]
    ended = [job for job in started if _within(ctx.queries.first_end(job.id), since, until)]
    figures = measured(ctx, ended, by_batch)
    batches = []
    for job in ended:
        made = figures.get(job.id, Measure())
        known = made.cost_usd if made.cost_usd or not made.unpriced else None
        batches.append(Batch(job.id, job.title, made.stored, made.settled, known))
    return total(figures.values()), batches


def _within(at: datetime | None, since: datetime, until: datetime) -> bool:
    return at is not None and since <= at < until
