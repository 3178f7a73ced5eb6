"""Jobs in which nothing is under way any more are finished; a picture whose redo came to nothing has its
earlier version back before that.
"""

from __future__ import annotations

import logging
from datetime import datetime

from bot.logs import about
from bot.runtime import Context
from bot.tracing import lasted
from storage.records import Job
from storage.states import LIVING_JOBS, UNDER_WAY, JobState

log = logging.getLogger(__name__)


def finish(ctx: Context, now: datetime) -> int:
    """Finish what is done; how many jobs."""
    done = 0
    for job in ctx.queries.jobs(LIVING_JOBS):
        with about(job=job.id):
            done += _finish(ctx, job, now)
    return done


def _finish(ctx: Context, job: Job, now: datetime) -> bool:
    if job.state is JobState.CANCELLING:
        ctx.store.stop_unsent(job.id, now)
    ctx.reviews.restore(job.id, now)
    counts = ctx.queries.counts(job.id)
    busy = any(counts.get(state) for state in UNDER_WAY)
    sampling = job.state in (JobState.PILOT, JobState.PILOT_REVIEW)
    if busy or sampling or ctx.queries.unfinished_submissions(job.id):
        return False
    if not ctx.store.finish_job(job.id, now):
        return False
    step = lasted("job under way", job.started_at, now)
    step.note(**{state.value: number for state, number in counts.items()})
    step.end()
    log.info("finished: %s", ", ".join(f"{number} {state.value}" for state, number in counts.items()))
    return True
