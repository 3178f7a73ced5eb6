"""Open submissions are asked about, and ended ones settled."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from bot.pipeline import settle, submit
from bot.pipeline.breaker import WORTH_TELLING, Standing, standing
from bot.pipeline.deadline import recalled
from bot.pipeline.retry import wait
from bot.policy import Policy
from bot.runtime import Context
from bot.tracing import doing, lasted
from providers.base import (
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    Phase,
    Progress,
    ProviderError,
    TellOperator,
)
from providers.catalogue import ModelCard
from storage.records import Submission
from storage.states import JobState, SubmissionState

log = logging.getLogger(__name__)

NEAR_EXPIRY = timedelta(hours=6)
"""From this long before results vanish, the shortest wait between polls is used."""


def poll(ctx: Context, now: datetime) -> int:
    """Ask about every open submission that is due, the most urgent first; how many were asked about.

    A pause that a person must end stops this too; one for sending too fast or for an outage does not, since
    results that are ready may not last.
    """
    pauses = ctx.notices.pauses().items()
    paused = {n for n, p in pauses if p.kind in WORTH_TELLING and standing(p, now) is Standing.OPEN}
    asked = 0
    for submission in ctx.queries.due_submissions(SubmissionState.OPEN, now):
        if submission.provider in ctx.providers and submission.provider not in paused:
            with doing("poll", submission):
                _poll_one(ctx, submission, now)
            asked += 1
    return asked


def next_poll(
    submission: Submission, progress: Progress, card: ModelCard | None, policy: Policy, now: datetime
) -> datetime:
    """A tenth of the submission's age, at least `least_wait` and at most `poll_most`; the shortest wait
    near the expiry of its results.
    """
    least = submit.least_wait(card, submission.lane, policy)
    age = now - (submission.sent_at or now)
    gap = min(policy.poll_most, max(least, age / 10))
    expires = progress.results_expire_at or submission.results_expire_at
    if expires is not None and expires - now < NEAR_EXPIRY:
        gap = least
    return now + gap


def _poll_one(ctx: Context, submission: Submission, now: datetime) -> None:
    provider = ctx.providers[submission.provider]
    handle = settle.handle_of(submission)
    try:
        job = ctx.queries.job(submission.job_id)
        cancelled = job is not None and job.state is JobState.CANCELLING
        if cancelled or recalled(ctx, job, submission):
            provider.cancel(handle)
        progress = provider.poll(handle)
        _act(ctx, submission, progress, now)
    except AskAgain as problem:
        if submission.ended_at and now - submission.ended_at > ctx.policy.results_patience:
            unread = Failure(FailureKind.EXPIRED, "no_results", str(problem))
            settle.lost(ctx, submission, unread, now)
            return
        log.info("it cannot be asked about or read now: %s", problem)
        later = wait(1, ctx.policy, ctx.chance(), problem.retry_after)
        ctx.store.note_progress(submission, now + min(later, ctx.policy.poll_most), note=str(problem))
    except TellOperator as problem:
        submit.pause(ctx, submission.provider, problem, now)
    except Gone as problem:
        gone = Failure(FailureKind.EXPIRED, "gone", str(problem), billed=Billed.UNKNOWN)
        settle.lost(ctx, submission, gone, now)
    except ProviderError as problem:
        log.warning("asking about it failed: %s", problem)
        ctx.store.note_progress(submission, now + ctx.policy.poll_most, note=str(problem))


def _act(ctx: Context, submission: Submission, progress: Progress, now: datetime) -> None:
    card = ctx.providers[submission.provider].models.get(submission.model)
    match progress.phase:
        case Phase.WAITING | Phase.RUNNING:
            ctx.store.note_progress(
                submission,
                next_poll(submission, progress, card, ctx.policy, now),
                completed=progress.completed,
                failed=progress.failed,
                results_expire_at=progress.results_expire_at,
                note="",
            )
        case Phase.ENDED:
            if submission.ended_at is None:
                # Reading may fail and be tried for hours: the clock of the results runs from here.
                expiry = progress.results_expire_at or submission.results_expire_at
                ctx.store.note_progress(submission, now, ended_at=now, results_expire_at=expiry)
                lasted("at the provider", submission.sent_at, now).end()
            settle.settle(ctx, submission, progress, ctx.clock())
        case Phase.REJECTED:
            failure = progress.failure or Failure(FailureKind.UNKNOWN, "rejected", "The batch was rejected.")
            submit.refuse(ctx, submission, failure, ctx.clock())
