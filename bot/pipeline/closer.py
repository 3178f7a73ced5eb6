"""A closer look at a job that seems to be in trouble: what its refused rows share, and whether it is slow.

It costs more than a count, so it is taken only where an alert needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.pipeline import incidents
from bot.pipeline.breaker import SPEAKING, window
from bot.pipeline.health import troubles
from bot.pipeline.incidents import Open
from bot.pipeline.measuring import measure_of, times
from bot.pipeline.refused_together import told_together
from bot.pipeline.varying import columns_of, template_of
from bot.runtime import Context
from bot.watch.alerts import Rule, subject
from bot.watch.chances import drift, usual
from bot.watch.facts import JobFacts, Lift, Refusals, Slower
from bot.watch.lift import LEAST, Counted, lifting
from bot.watch.measures import total
from storage.measures import Piece
from storage.records import Incident, Job

VALUES = 50
"""Values of a column looked at."""

SHOWN = 8
"""Values drawn in the chart."""

MISSES = (Rule.SUCCESS_RATE, Rule.REFUSALS)
"""Either may be the one that tells of refusals."""

TEMPLATE = 120
"""Characters of a template that are shown."""


def look(ctx: Context, job: Job, seen: JobFacts, known: Open, now: datetime) -> JobFacts:
    """The facts with what alerts about misses, refusals and lateness say beside the counts."""
    seen = _refused(ctx, job, _put_down_to_pauses(ctx, job, seen, known, now), known, now)
    if seen.tally.finished or not _late(ctx, seen, now):
        return seen
    seen = _without_pauses(ctx, job, seen, now)
    if not _late(ctx, seen, now):
        return seen
    if incidents.due(known.get(f"{Rule.OVERDUE}:{job.id}"), now):
        return replace(seen, slower=_slower(ctx, job, now))
    return seen


def _late(ctx: Context, seen: JobFacts, now: datetime) -> bool:
    share = seen.timing.share_of_window(now)
    return share is not None and share > ctx.policy.rules.overdue_factor


def _without_pauses(ctx: Context, job: Job, seen: JobFacts, now: datetime) -> JobFacts:
    """The time in which the job's provider was paused is not held against it: the pause has its own alert."""
    if seen.timing.window is None or Rule.PROVIDER_PAUSED in ctx.policy.rules.off:
        return seen
    held = timedelta(0)
    for provider, pause in _paused(ctx, job.began):
        if provider == job.provider:
            held += max(timedelta(0), min(pause.closed_at or now, now) - max(pause.opened_at, job.began))
    return replace(seen, timing=replace(seen.timing, window=seen.timing.window + held))


def _put_down_to_pauses(ctx: Context, job: Job, seen: JobFacts, known: Open, now: datetime) -> JobFacts:
    """How many misses are errors of providers that were paused at the time."""
    rate, rules = seen.tally.counting_made().success_rate, ctx.policy.rules
    told = f"{Rule.SUCCESS_RATE}:{job.id}" in known or Rule.PROVIDER_PAUSED in rules.off
    if told or rate is None or rate >= rules.success_alert:
        return seen
    outages = sum(
        ctx.queries.provider_errors([job.id], provider, SPEAKING, began, ended).get(job.id, 0)
        for provider, (began, ended) in _pauses(ctx, job.began, now).items()
    )
    return replace(seen, outages=outages)


def _pauses(ctx: Context, since: datetime, now: datetime) -> Mapping[str, tuple[datetime, datetime | None]]:
    """By provider: from when until when its errors are put down to a pause that began or ended since then;
    None: they still are. A little before and after it counts as well, and so does a provider that has stopped
    working: it may be paused only after this.
    """
    around = window(ctx.policy)
    found: dict[str, tuple[datetime, datetime | None]] = {}
    for provider, pause in _paused(ctx, since - around):
        began, _ = found.get(provider, (pause.opened_at - around, None))
        found[provider] = began, pause.closed_at + around if pause.closed_at is not None else None
    for provider in troubles(ctx, now):
        began, _ = found.get(provider, (now - around, None))
        found[provider] = began, None
    return found


def _paused(ctx: Context, since: datetime) -> Iterator[tuple[str, Incident]]:
    """Pauses that went on at `since` or later, oldest first, each with its provider."""
    for incident in ctx.notices.incidents(since=since):
        if incident.rule == Rule.PROVIDER_PAUSED:
            yield subject(incident.key).partition(":")[2], incident


def _refused(ctx: Context, job: Job, seen: JobFacts, known: Open, now: datetime) -> JobFacts:
    rules, tally = ctx.policy.rules, seen.tally.counting_made()
    rate, asked = tally.refusal_rate, tally.sent
    if tally.refused:
        seen = replace(seen, refused_alike=told_together(ctx, job, known))
    few = asked < rules.minimum_sample and tally.refused < LEAST
    if rate is None or rate <= rules.refusal_alert / 2 or few:
        return seen
    began = job.began
    past = ctx.queries.past(job.provider, job.model, job.lane, began, rules.history)
    earlier = total(measure_of(piece) for piece in past)
    known_rate = earlier.refusal_rate if earlier.asked >= rules.minimum_sample else None
    over = frozenset(one.key for one in ctx.notices.incidents(job.id) if one.closed_at is not None)
    seen = replace(seen, usual_refusal_rate=known_rate, over=over)
    standing = [known[key] for rule in MISSES if (key := f"{rule}:{job.id}") in known]
    if standing and not any(incidents.due(one, now, job.finished_at) for one in standing):
        return seen
    columns = {column: _counted(ctx, job, column) for _, column in columns_of(job)}
    lift = lifting(columns, asked, tally.refused)
    return replace(seen, refusals=_shared(ctx, job, lift, columns, past))


def _shared(
    ctx: Context, job: Job, lift: Lift | None, columns: Mapping[str, Counted], past: Sequence[Piece]
) -> Refusals:
    template = template_of(job)
    shown = template if len(template) <= TEMPLATE else f"{template[: TEMPLATE - 1]}…"
    if lift is None:
        return Refusals(template=shown, other_templates=_others(ctx, job, past))
    rates = [(value or "(empty)", hits / of) for value, of, hits in columns[lift.column] if of]
    rates.sort(key=lambda entry: -entry[1])
    return Refusals(lift, tuple(rates[:SHOWN]), shown)


def _others(ctx: Context, job: Job, past: Sequence[Piece]) -> float | None:
    """The refusal rate of these earlier jobs as far as they had another template."""
    mine = job.spec.get("template")
    others = []
    for piece in past:
        earlier = ctx.queries.job(piece.job_id)
        if earlier is not None and earlier.spec.get("template") != mine:
            others.append(measure_of(piece))
    found = total(others)
    return found.refusal_rate if found.asked >= ctx.policy.rules.minimum_sample else None


def _counted(ctx: Context, job: Job, column: str) -> Counted:
    return [(seen.value, seen.settled, seen.refused) for seen in ctx.queries.by_value(job.id, column, VALUES)]


def _slower(ctx: Context, job: Job, now: datetime) -> Slower | None:
    """Pictures of this job take longer than they did in earlier jobs of its model and lane."""
    rules = ctx.policy.rules
    mine = [piece for piece in ctx.queries.pieces([job.id]) if piece.model == job.model]
    taken = total(measure_of(piece) for piece in mine).mean_time
    known = usual(
        times(ctx.queries.past(job.provider, job.model, job.lane, now, rules.history), 1), rules.history_least
    )
    if taken is None or known is None:
        return None
    off = drift(taken.total_seconds(), known, rules.time_drift)
    return Slower(taken, timedelta(seconds=known.middle)) if off is not None and off > 0 else None
