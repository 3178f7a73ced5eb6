"""How far a job is, gathered from the data store for its card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.pipeline.cadence import first_due
from bot.pipeline.create import PLAN
from bot.pipeline.deadline import outlook
from bot.pipeline.plan import Plan
from bot.runtime import Context
from bot.slack import approval
from bot.slack.cards import Rush
from bot.slack.progress_card import Newest, Progress, Queue, Rest
from bot.watch.outlook import LATELY, Batch, Calls, Usual, batch_end, expected_end
from providers.base import Lane
from storage.records import Job, Submission
from storage.states import ItemState, JobState, SubmissionState

IN_LINE_AFTER = timedelta(seconds=10)
"""A batch that is written down so long and not sent waits for others."""

NOT_SOON = timedelta(minutes=1)

SAMPLING = (JobState.PILOT, JobState.PILOT_REVIEW)

GOING = (JobState.PILOT, JobState.RUNNING, JobState.CANCELLING)
"""States in which pictures are still to come by themselves."""


def progress_of(ctx: Context, job: Job, now: datetime, newest: Newest | None = None) -> Progress:
    """How far a started job is, at `now`."""
    plan = PLAN.validate_python(job.plan)
    ledger = ctx.queries.ledger(job.id)
    sampling = job.state in SAMPLING
    standing = ctx.reviews.standing(job.id)
    counts = {s: n for s, n in standing.items() if not (sampling and s is ItemState.PLANNED)}
    batches = ctx.queries.batches(job.id)
    done = {batch.id: _done(ctx, batch) for batch in batches}
    return Progress(
        counts=counts,
        ledger=ledger,
        pauses=[pause for pause in ctx.notices.pauses().values() if pause.provider == job.provider],
        held=sum(one.count for one in ctx.queries.prepared(job.id, list(ctx.providers))),
        reported=sum(done.values()),
        retrying=sum(again.count for again in ctx.queries.retrying(job.id)),
        ends_at=_ends_at(ctx, job, plan, batches, now) if job.state in GOING else None,
        queue=_queue(ctx, job, counts, batches, now),
        newest=newest,
        rest=Rest(*ctx.queries.to_be_started(job.id)) if sampling else None,
        rest_to_agree=job.state is JobState.PILOT_REVIEW
        and approval.needed(ctx, job, approval.may_cost(ctx, job)),
        decided=ctx.queries.last_decision(job.id) if job.state is JobState.PAUSED else None,
        permit=next(iter(ctx.shelf.permits(job.id)), None),
        ask=approval.asked(ctx, job.id),
        rush=rush_of(ctx, job, plan),
    )


def _done(ctx: Context, batch: Submission) -> int:
    """Pictures of a batch that the provider says it is done with and of which we have no answer yet."""
    said = min(batch.completed + batch.failed, batch.count)
    if batch.state is not SubmissionState.OPEN or not said:
        return 0
    return max(0, said - sum(ctx.queries.answers(batch.id)))


def rush_of(ctx: Context, job: Job, plan: Plan) -> Rush | None:
    """What keeping the deadline may cost; None without one, or where nothing could be hurried."""
    seen = outlook(ctx, job)
    if seen is None or Lane.LIVE not in plan.quotes or not (seen.movable or seen.rushed):
        return None
    usd = approval.may_cost(ctx, job, Lane.LIVE)
    to_agree = not seen.approved and approval.needed(ctx, job, usd)
    return Rush(seen.deadline_at, usd, seen.approved, to_agree)


# --- when it should be done ----------------------------------------------------------------------------


def _ends_at(ctx: Context, job: Job, plan: Plan, batches: Sequence[Submission], now: datetime) -> datetime:
    lanes = ctx.queries.lanes(job.id)
    calls = sum(
        lanes.get((Lane.LIVE, state), 0)
        for state in (ItemState.WAITING, ItemState.SENDING, ItemState.IN_FLIGHT)
    )
    answered, since = ctx.queries.live_answers(job.id, now - LATELY) if calls else (0, None)
    return expected_end(
        now,
        _usual(ctx, job, plan),
        Calls(calls, answered, since),
        [_batch(batch) for batch in batches],
        unsent=lanes.get((Lane.BATCH, ItemState.WAITING), 0),
    )


def _usual(ctx: Context, job: Job, plan: Plan) -> Usual:
    started = job.began
    sampling = job.state is JobState.PILOT
    begins = None if sampling else ctx.queries.begins_at(job.id)
    batch, calls = (plan.quotes.get(lane, plan.quote).seconds for lane in (Lane.BATCH, Lane.LIVE))
    return Usual(
        begins_at=max(started, begins or first_due(job, ctx.policy, started)) if not sampling else started,
        batch=timedelta(seconds=max(1, batch)),
        calls=timedelta(seconds=max(1, calls)),
    )


def _batch(batch: Submission) -> Batch:
    sent = batch.sent_at if batch.state is not SubmissionState.PREPARED else None
    return Batch(batch.count, batch.completed + batch.failed, sent)


# --- what it waits for ---------------------------------------------------------------------------------


def _queue(
    ctx: Context, job: Job, counts: dict[ItemState, int], batches: Sequence[Submission], now: datetime
) -> Queue | None:
    """Why nothing of a running job has been sent yet; None when something was, or soon will be."""
    waiting = (ItemState.WAITING, ItemState.SENDING, ItemState.COPYING)
    if job.state is not JobState.RUNNING or any(n for s, n in counts.items() if s not in waiting):
        return None
    if not batches:
        begins = ctx.queries.begins_at(job.id)
        return Queue(begins) if begins is not None and begins - now > NOT_SOON else None
    first = batches[0]
    sent = any(batch.state is not SubmissionState.PREPARED for batch in batches)
    if sent or first.held_for is not None or now - first.created_at < IN_LINE_AFTER:
        return None
    if first.provider in ctx.notices.pauses():
        return None
    ahead = ctx.queries.ahead(first)
    return Queue(_free_at(ctx, first, ahead, now), ahead, first.provider)


def _free_at(ctx: Context, first: Submission, ahead: int, now: datetime) -> datetime | None:
    """When so many batches at the provider should have ended as are sent before, and one more."""
    ends = []
    for batch in ctx.queries.batches_at(first.provider):
        provider = ctx.providers.get(batch.provider)
        card = provider.models.get(batch.model) if provider else None
        if card is not None:
            usual = Usual(now, card.typical_batch, card.typical_batch)
            ends.append(max(now, batch_end(now, usual, _batch(batch))))
    return sorted(ends)[ahead] if ahead < len(ends) else None
