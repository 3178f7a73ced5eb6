"""Judges refusals of many small jobs together: what each is too small to show may show in all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.pipeline import incidents
from bot.pipeline.incidents import Open
from bot.pipeline.varying import columns_of, template_of
from bot.runtime import Context
from bot.watch.alerts import Rule, subject
from bot.watch.lift import LEAST
from bot.watch.refusals_together import Kind, Pool, Share, alerts_together, share_key
from storage.records import Incident, Job

JOBS = 200
"""The newest of them looked at, 20,000 pictures at most: what one look costs is in docs/measured.md."""

ROWS = 2_000
"""Refused rows whose values are looked at, newest first."""

VALUES = 20
"""Values of one variable looked at, those of most refused rows."""


def judge_refusals(ctx: Context, known: Open, now: datetime) -> int:
    """One look; how many incidents were opened."""
    rules = ctx.policy.rules
    if Rule.REFUSALS in rules.off:
        return 0
    standing = _standing(known)
    small = ctx.queries.small_jobs(now - rules.refusal_window, rules.large_sample, JOBS)
    if not standing and ctx.queries.refused(small) < LEAST:
        return 0
    told = [subject(one.key) for one in standing]
    pool = _pool(ctx, small, now)
    if incidents.told(f"{Rule.BURN_RATE}:all", known) is not None:
        # That a model refuses whatever comes is told by all pictures together already.
        shares = [one for one in pool.shares if one.kind is not Kind.MODEL or one.key in told]
        pool = replace(pool, shares=shares)
    found = alerts_together(pool, rules, told)
    incidents.close_others(ctx, standing, found, now)
    return incidents.keep(ctx, found, known, now)


def _pool(ctx: Context, small: Sequence[str], now: datetime) -> Pool:
    """Jobs whose refusals have an incident of their own are left out."""
    since = now - ctx.policy.rules.refusal_window
    own = {one.job_id for one in ctx.notices.incidents(since=since) if one.rule == Rule.REFUSALS}
    ended = ctx.queries.ended_and_refused([job_id for job_id in small if job_id not in own])
    jobs = ctx.queries.jobs_by_id(list(ended))
    shares = [*_alike(jobs.values(), ended), *_values(ctx, jobs)]
    return Pool({job_id: job.title for job_id, job in jobs.items()}, ended, shares)


def _alike(jobs: Iterable[Job], ended: Mapping[str, tuple[int, int]]) -> list[Share]:
    """Templates and models, each with the jobs that were made with it."""
    by: dict[tuple[Kind, str], dict[str, tuple[int, int]]] = {}
    for job in jobs:
        for kind, name in ((Kind.TEMPLATE, template_of(job)), (Kind.MODEL, model_of(job))):
            if name:
                by.setdefault((kind, name), {})[job.id] = ended[job.id]
    return [Share(kind, name, "", mine) for (kind, name), mine in by.items()]


def model_of(job: Job) -> str:
    return f"{job.provider}/{job.model}"


def _values(ctx: Context, jobs: Mapping[str, Job]) -> list[Share]:
    """Values of which at least `LEAST` rows in two jobs were refused, with all that have them."""
    columns = {job_id: dict(columns_of(job)) for job_id, job in jobs.items()}
    hits: dict[str, Counter[str]] = {}
    hit_jobs: dict[tuple[str, str], set[str]] = {}
    for job_id, cells in ctx.queries.refused_rows(list(jobs), ROWS):
        for variable, column in columns[job_id].items():
            value = cells.get(column, "")
            hits.setdefault(variable, Counter())[value] += 1
            hit_jobs.setdefault((variable, value), set()).add(job_id)
    shares = []
    for variable, counted in hits.items():
        wanted = [
            value
            for value, number in counted.most_common(VALUES)
            if value and number >= LEAST and len(hit_jobs[variable, value]) > 1
        ]
        mine: dict[str, dict[str, tuple[int, int]]] = {value: {} for value in wanted}
        by_column: dict[str, list[str]] = {}
        for job_id, known in columns.items():
            if wanted and variable in known:
                by_column.setdefault(known[variable], []).append(job_id)
        for column, ids in by_column.items():
            for (job_id, value), numbers in ctx.queries.with_values(ids, column, wanted).items():
                mine[value][job_id] = numbers
        shares += [Share(Kind.VALUE, variable, value, found) for value, found in mine.items()]
    return shares


def _standing(known: Open) -> list[Incident]:
    return [one for one in known.values() if one.rule == Rule.REFUSALS and one.job_id is None]


def told_together(ctx: Context, job: Job, known: Open, *, by_model: bool = True) -> int:
    """How many of the job's refusals an incident of many small jobs tells of already; `by_model`: one about
    its model counts.
    """
    standing = {subject(one.key) for one in _standing(known)}
    if not standing or job.items >= ctx.policy.rules.large_sample:
        return 0
    model = by_model and share_key(Kind.MODEL, model_of(job)) in standing
    if model or share_key(Kind.TEMPLATE, template_of(job)) in standing:
        return ctx.queries.refused([job.id])
    return max(
        (
            sum(
                seen.refused
                for seen in ctx.queries.by_value(job.id, column, VALUES)
                if share_key(Kind.VALUE, variable, seen.value) in standing
            )
            for variable, column in columns_of(job)
        ),
        default=0,
    )
