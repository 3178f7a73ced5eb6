"""What is said of a job that has ended, beside the last of its kind in the channel."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.pipeline.attend import tally
from bot.pipeline.cadence import first_due
from bot.pipeline.create import PLAN
from bot.pipeline.varying import template_of
from bot.runtime import Context
from bot.watch.compare import Past, comparison
from bot.watch.facts import JobFacts
from bot.watch.summary import Summary, summarise
from storage.records import Job

LOOKED_AT = 100
"""Earlier jobs of the channel among which one of the same kind is looked for."""


def summed_up(ctx: Context, job: Job, facts: JobFacts, now: datetime) -> Summary:
    """The finished job in words, with the comparison."""
    return replace(summarise(facts, now, ctx.policy.rules), compared=compared(ctx, job))


def last_similar(ctx: Context, job: Job) -> Job | None:
    """The newest earlier job told in the same channel that has the same template, or a sheet of the same
    columns made by the same model; of the terminal's jobs likewise.
    """
    return next((past for past in ctx.queries.ended_before(job, LOOKED_AT) if _alike(job, past)), None)


def compared(ctx: Context, job: Job) -> str:
    """A sentence on how the job, which has ended, did beside the last of its kind; empty if there is none."""
    before = last_similar(ctx, job)
    if before is None:
        return ""
    return comparison(_past(ctx, job), _past(ctx, before))


def _alike(job: Job, past: Job) -> bool:
    if template_of(job) and template_of(job) == template_of(past):
        return True
    made_by = (job.provider, job.model) == (past.provider, past.model)
    return made_by and list(job.columns) == list(past.columns)


def _past(ctx: Context, job: Job) -> Past:
    first, last = ctx.queries.first_end(job.id), job.finished_at
    began = first_due(job, ctx.policy, job.began)
    # An earlier job's redos and retries came later; of this one the summary tells the whole time
    took = first - began if first is not None and last is not None and first <= last else None
    return Past(
        title=job.title,
        on=(first or last or job.created_at).date(),
        tally=tally(ctx, job),
        took=took,
        models=tuple(PLAN.validate_python(job.plan).models) if job.plan else (),
        lane=job.lane,
    )
