"""A person says Start: rows wait from now on, or from the off-peak hours on."""

from __future__ import annotations

from datetime import datetime

from bot.config import Policy
from bot.pipeline.cadence import off_peak
from bot.runtime import Context
from storage.records import Job


def start(ctx: Context, job: Job, now: datetime) -> None:
    """PLANNED -> RUNNING. Raises StaleTransitionError if it is not PLANNED any more."""
    ctx.store.start_job(job.id, now, first_due(job, ctx.policy, now))


def first_due(job: Job, policy: Policy, started: datetime) -> datetime:
    """When a job started then begins to be sent."""
    if not job.spec.get("off_peak"):
        return started
    return off_peak(started, policy.off_peak_from, policy.off_peak_until)
