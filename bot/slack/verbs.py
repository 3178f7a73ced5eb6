"""What people decide about a job: start, cancel, retry. Checked at the click, done by the inbox tick.

Each is safe to ask for twice: the data store moves a job only from the state the verb applies to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.pipeline.start import start
from bot.runtime import Context
from bot.slack import words as w
from bot.slack.reach import Where
from bot.watch.words import count
from storage.records import Job
from storage.states import JobState, StaleTransitionError

START, CANCEL, RETRY = "start", "cancel", "retry"

KIND = "verb"
"""Kind of the inbox entries."""


def objection(ctx: Context, verb: str, job: Job, which: str = "failed") -> str | None:
    """Why this cannot be done now, as a sentence; None when it can."""
    state = w.STATES[job.state]
    match verb:
        case "start" if job.state is not JobState.PLANNED:
            return f"Job {job.id} is {state}; there is nothing to start."
        case "cancel" if job.state not in (JobState.PLANNED, JobState.RUNNING):
            return f"Job {job.id} is {state}; there is nothing to cancel."
        case "retry" if job.state not in (JobState.FINISHED, JobState.CANCELLED):
            return f"Job {job.id} is {state}; pictures can be sent again when it has ended."
        case "retry" if job.started_at is None:
            return f"Job {job.id} was cancelled before it started; hand in the sheet again."
        case "retry" if not _how_many(ctx, job, which):
            return f"Job {job.id} has no {which.replace('_', ' ')} pictures to send again."
        case _:
            return None


def _how_many(ctx: Context, job: Job, which: str) -> int:
    counts = ctx.queries.counts(job.id)
    return sum(counts.get(state, 0) for state in w.RETRIED[which])


def receive(
    ctx: Context, verb: str, job: Job, where: Where, click: str, now: datetime, which: str = "failed"
) -> bool:
    """Write down what was decided. False for what was decided already.

    A job is started once; one finish is retried once for each kind of picture; cancelling is told apart by
    the click, since a job that was sent again can be cancelled again.
    """
    key = f"{verb}:{job.id}"
    if verb == RETRY:
        key = f"{key}:{which}:{job.finished_at:%Y%m%d%H%M%S%f}"
    elif verb == CANCEL:
        key = f"{key}:{click}"
    payload: dict[str, Any] = {"verb": verb, "job": job.id, "which": which, "where": where.to_json()}
    return ctx.mail.receive(key, KIND, payload, now)


def do(ctx: Context, verb: str, job_id: str, which: str, now: datetime) -> str:
    """Do it, and say so in a sentence. Doing it again says how the job stands."""
    job = ctx.queries.job(job_id)
    if job is None:
        return f"Job {job_id} does not exist any more."
    refused = objection(ctx, verb, job, which)
    if refused is not None:
        return refused
    try:
        match verb:
            case "start":
                start(ctx, job, now)
                return f"Job {job.id} has started."
            case "cancel":
                stopped = ctx.store.cancel_job(job.id, now)
                return f"Job {job.id} is cancelled; {count(stopped, 'picture')} will not be made."
            case _:
                again = ctx.store.reopen(job.id, w.RETRIED[which], now)
                return f"{count(again, 'picture')} of job {job.id} will be sent again."
    except StaleTransitionError:
        return f"Job {job.id} has moved on meanwhile; look at its card."
