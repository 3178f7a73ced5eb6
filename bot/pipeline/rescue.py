"""After a crash or a lost reply: ask the provider what arrived before anything is sent again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from bot.pipeline import submit
from bot.runtime import Context
from bot.tracing import doing
from providers.base import AskAgain, NoLookup, ProviderError, TellOperator
from storage.records import Submission
from storage.states import JobState, StaleTransitionError, SubmissionState

log = logging.getLogger(__name__)

SLACK = timedelta(minutes=10)
"""How much earlier than our own clock says the provider may have dated the submission."""


def clear_drafts(ctx: Context) -> int:
    """At start: throw half-written jobs away. What asked for them is still in the inbox."""
    drafts = ctx.queries.jobs([JobState.DRAFT])
    for job in drafts:
        ctx.store.drop_job(job.id)
    return len(drafts)


def rescue(ctx: Context, now: datetime) -> int:
    """Clear every submission whose call was begun and never answered; how many were looked at.

    Such a row is SENDING, past its look-up time, and not being sent by this process.
    """
    orphans = [
        submission
        for submission in ctx.queries.due_submissions(SubmissionState.SENDING, now)
        if submission.id not in ctx.sending and submission.provider in ctx.providers
    ]
    for orphan in orphans:
        try:
            with doing("rescue", orphan):
                _look_up(ctx, orphan, now)
        except StaleTransitionError:
            continue
    return len(orphans)


def _look_up(ctx: Context, orphan: Submission, now: datetime) -> None:
    since = (orphan.sent_at or orphan.created_at) - SLACK
    try:
        handle = ctx.providers[orphan.provider].find(submit.outgoing(ctx, orphan), since)
    except NoLookup as problem:
        log.warning("in doubt, %d pictures: the reply was lost; %s", orphan.count, problem)
        ctx.store.doubt(orphan, now, note=f"The reply was lost; {problem}")
    except AskAgain as problem:
        ctx.store.note_progress(orphan, now + ctx.policy.look_up_after, note=str(problem))
    except TellOperator as problem:
        submit.pause(ctx, orphan.provider, problem, now)
        ctx.store.note_progress(orphan, now + ctx.policy.pause, note=str(problem))
    except ProviderError as problem:
        ctx.store.note_progress(orphan, now + ctx.policy.poll_most, note=str(problem))
    else:
        if handle is None:
            log.info("it did not arrive; it is sent again")
            ctx.store.hold(orphan, now, now, note="It did not arrive; sent again.")
        else:
            submit.take(ctx, orphan, handle)
