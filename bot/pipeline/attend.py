"""Gathers what the watch judges of jobs and providers, and writes down what it finds: one incident, told
once. What is about no single job: `oversee`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.imaging.quality import IN_SHORT, Code
from bot.pipeline import closer, incidents
from bot.pipeline.breaker import LASTING, OUTAGE, SPEAKING, UNREACHABLE, window
from bot.pipeline.cadence import first_due
from bot.pipeline.create import PLAN
from bot.pipeline.deadline import outlook
from bot.pipeline.expiring import expiring
from bot.pipeline.incidents import Open
from bot.runtime import Context
from bot.watch.alerts import Rule, wanted
from bot.watch.facts import (
    Deadline,
    Example,
    FailureGroup,
    JobFacts,
    LostResults,
    PausedProvider,
    Quality,
    Quote,
)
from bot.watch.house_alerts import provider_alerts, provider_key
from bot.watch.job_alerts import job_alerts
from bot.watch.rates import Tally, Timing
from providers.base import FailureKind, Lane
from storage.records import Job, Pause
from storage.states import UNDER_WAY, ItemState, JobState, SubmissionState

WAITING_FOR_A_PERSON = frozenset({JobState.PILOT_REVIEW, JobState.PAUSED})

WATCHED = timedelta(minutes=10)
"""A finished job is looked at this long, so that its last alert is raised whatever the order of ticks."""


def attend(ctx: Context, now: datetime) -> int:
    """Judge every running and newly finished job and every pause; how many incidents were opened."""
    known, jobs = incidents.open_incidents(ctx), ctx.queries.attended_jobs(now - WATCHED)
    # Pauses first: what a job loses by one is told by the pause.
    opened = _attend_providers(ctx, jobs, known, now)
    known = incidents.open_incidents(ctx) if opened else known
    return opened + sum(_attend_job(ctx, job, known, now) for job in jobs)


def _attend_job(ctx: Context, job: Job, known: Open, now: datetime) -> int:
    seen, rules = facts(ctx, job), ctx.policy.rules
    seen = closer.look(ctx, job, seen, known, now)
    found = job_alerts(seen, now, rules, known)
    mine = [one for one in known.values() if one.job_id == job.id and one.rule != Rule.REROUTED]
    incidents.close_others(ctx, mine, found, now)
    return incidents.keep(ctx, found, known, now, job.id, ended=job.finished_at)


def _attend_providers(ctx: Context, jobs: Sequence[Job], known: Open, now: datetime) -> int:
    titles = {job.id: job.title for job in jobs}
    paused = []
    for pause in ctx.notices.pauses().values():
        if pause.kind in LASTING:
            kind = _SPOKEN_OF_AS.get(pause.kind) or FailureKind(pause.kind)
            waiting = ctx.queries.waiting_for(pause.provider)
            since = pause.since - window(ctx.policy)
            lost = ctx.queries.provider_errors(list(titles), pause.provider, SPEAKING, since)
            by_job = sorted(((titles[job], number) for job, number in lost.items()), key=lambda one: -one[1])
            paused.append(
                PausedProvider(pause.provider, kind, pause.reason, pause.since, waiting, tuple(by_job))
            )
        elif pause.until <= now:
            ctx.notices.resume(pause)
    return incidents.keep(ctx, wanted(provider_alerts(paused, now), ctx.policy.rules), known, now)


_SPOKEN_OF_AS: Mapping[str, FailureKind] = {
    OUTAGE: FailureKind.SERVER_ERROR,
    UNREACHABLE: FailureKind.TIMEOUT,
}


def paused_key(pause: Pause) -> str:
    """The key of the incident that tells of a pause."""
    return provider_key(pause.provider, pause.since)


def tally(ctx: Context, job: Job) -> Tally:
    """The job in numbers, from the rows themselves; of a picture made again, the version that counts."""
    ledger = ctx.queries.ledger(job.id)
    standing = ctx.reviews.standing(job.id)
    _, copied_usd, copied_unknown = ctx.queries.saved(job.id)
    _, usd, unknown = ctx.queries.reused(job.id)

    def count(*states: ItemState) -> int:
        return sum(standing.get(state, 0) for state in states)

    return Tally(
        requested=sum(standing.values()),
        stored=count(ItemState.STORED),
        refused=count(ItemState.REFUSED),
        failed=count(ItemState.FAILED),
        cancelled=count(ItemState.CANCELLED),
        expired=count(ItemState.EXPIRED),
        in_doubt=count(ItemState.IN_DOUBT),
        in_flight=count(*UNDER_WAY),
        made=count(ItemState.GENERATED),
        duplicates=ctx.queries.standing_duplicates(job.id),
        duplicates_usd=copied_usd if not copied_unknown else None,
        reused=ctx.queries.standing_reused(job.id),
        reused_usd=usd if not unknown else None,
        first_try=ctx.queries.first_try(job.id),
        retries=ctx.queries.retries(job.id),
        spent_usd=ledger.settled_usd if ledger.settled_usd or not ledger.unpriced else None,
        unpriced=ledger.unpriced,
    )


def facts(ctx: Context, job: Job) -> JobFacts:
    """All there is to know about a job at this moment."""
    clock = ctx.queries.clock(job.id)
    mean = clock.mean_seconds
    waits = job.state in WAITING_FOR_A_PERSON
    return JobFacts(
        job=job.id,
        title=job.title,
        tally=tally(ctx, job),
        timing=Timing(
            started_at=first_due(job, ctx.policy, job.began),
            ended_at=job.finished_at,
            window=timedelta(seconds=job.window_seconds) if job.window_seconds and not waits else None,
            mean_item_time=timedelta(seconds=mean) if mean is not None else None,
        ),
        failures=tuple(_failures(ctx, job)),
        quote=Quote(job.quoted_low, job.quoted_high),
        deadline=_deadline(ctx, job, waits=waits),
        expiring=tuple(expiring(ctx, job.id)),
        lost=tuple(_lost(ctx, job)),
        quality=quality(ctx, job),
    )


def quality(ctx: Context, job: Job) -> Quality:
    """What the quality gate found in the job's pictures so far."""
    flagged, codes = ctx.queries.flagged(job.id)
    _, again = ctx.queries.judged(job.id)
    return Quality(flagged, tuple((IN_SHORT[Code(code)], number) for code, number in codes.items()), again)


def _failures(ctx: Context, job: Job) -> list[FailureGroup]:
    counts: dict[FailureKind, int] = {}
    for group in ctx.queries.failures(job.id):
        if group.state is not ItemState.IN_DOUBT:
            kind = FailureKind(group.kind) if group.kind in _KINDS else FailureKind.UNKNOWN
            counts[kind] = counts.get(kind, 0) + group.count
    return [FailureGroup(kind, count, tuple(_examples(ctx, job, kind))) for kind, count in counts.items()]


def _examples(ctx: Context, job: Job, kind: FailureKind) -> list[Example]:
    items = ctx.queries.examples(job.id, kind.value, ctx.policy.rules.examples)
    lines = ctx.queries.lines(job.id, [item.row for item in items])
    return [Example(lines[item.row], item.key, item.reason or "") for item in items]


_KINDS: Mapping[str, FailureKind] = {kind.value: kind for kind in FailureKind}


def _lost(ctx: Context, job: Job) -> list[LostResults]:
    return [
        LostResults(sent.provider, sent.count - sent.completed, sent.note)
        for sent in ctx.queries.submissions(job.id, [SubmissionState.LOST])
    ]


def _deadline(ctx: Context, job: Job, *, waits: bool) -> Deadline | None:
    seen = outlook(ctx, job)
    if seen is None:
        return None
    live = PLAN.validate_python(job.plan).quotes.get(Lane.LIVE)
    return Deadline(
        at=seen.deadline_at,
        rush_at=seen.rush_at,
        needs=seen.needs,
        movable=seen.movable,
        approved=seen.approved or seen.rushed,
        waits=waits,
        live_usd=live.high if live is not None and not live.unpriced else None,
    )
