"""Jobs in which nothing is under way any more are finished; a picture whose redo came to nothing has its
earlier version back before that.
"""

from __future__ import annotations

from datetime import datetime

from bot.runtime import Context
from storage.states import LIVING_JOBS, UNDER_WAY, JobState


def finish(ctx: Context, now: datetime) -> int:
    """Finish what is done; how many jobs."""
    done = 0
    for job in ctx.queries.jobs(LIVING_JOBS):
        if job.state is JobState.CANCELLING:
            ctx.store.stop_unsent(job.id, now)
        ctx.reviews.restore(job.id, now)
        counts = ctx.queries.counts(job.id)
        busy = any(counts.get(state) for state in UNDER_WAY)
        sampling = job.state in (JobState.PILOT, JobState.PILOT_REVIEW)
        if not busy and not sampling and not ctx.queries.unfinished_submissions(job.id):
            ctx.store.finish_job(job.id, now)
            done += 1
    return done
