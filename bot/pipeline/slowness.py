"""Judges how long the models that are in use take, each against its own earlier batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.pipeline import incidents
from bot.pipeline.incidents import Open
from bot.runtime import Context
from bot.watch.alerts import Rule
from bot.watch.time_alerts import Slowness, Taken, Timed, slowness, time_alert
from storage.records import Job
from storage.timings import Took

Way = tuple[str, str, str]
"""Provider, model, lane."""


def judge_times(ctx: Context, known: Open, active: Iterable[Job], now: datetime) -> int:
    """Look at each model, lane and kind of picture that jobs under way or just ended are made with; how many
    incidents were opened. What is not in use keeps what was said of it.
    """
    rules = ctx.policy.rules
    if Rule.TIME_DRIFT in rules.off:
        return 0
    opened = 0
    for provider, model, lane, what in sorted({(*_way(job), _kind(job.spec)) for job in active}):
        found = _taken((provider, model, lane), what, _took(ctx, (provider, model, lane), now))
        before = incidents.told(found.key, known)
        seen = slowness(found, rules, before.opened_at if before is not None else None)
        if seen is not None and seen.slow:
            opened += incidents.keep(ctx, [time_alert(found, seen, rules)], known, now)
        elif seen is not None and before is not None:
            ctx.notices.close_incident(before.key, now)
    return opened


def ended_times(ctx: Context, way: Way, now: datetime) -> Slowness | None:
    """What batches that have ended took, of the kind that the newest of them asked for, beside those before;
    None where there are too few to say.
    """
    ended = [one for one in _took(ctx, way, now) if one.finished_at is not None]
    return slowness(_taken(way, _kind(ended[0].spec), ended), ctx.policy.rules) if ended else None


def _took(ctx: Context, way: Way, now: datetime) -> Sequence[Took]:
    rules = ctx.policy.rules
    return ctx.queries.took(*way, now, 2 * rules.time_history + rules.time_batches)


def _taken(way: Way, what: str, took: Iterable[Took]) -> Taken:
    return Taken(*way, what, tuple(_timed(one) for one in took if _kind(one.spec) == what))


def _way(job: Job) -> Way:
    return job.provider, job.model, job.lane


def _kind(spec: Mapping[str, Any]) -> str:
    """What makes a picture take another time: size, quality, and how many are made in one go."""
    size, quality, variants = spec.get("size"), spec.get("quality"), spec.get("variants") or 1
    said = [f"{size['width']}x{size['height']}"] if size else []
    said += [f"{quality} quality"] if quality else []
    said += [f"{variants} variants"] if variants > 1 else []
    return ", ".join(said)


def _timed(took: Took) -> Timed:
    """Submissions that are open longer than answered ones took raise the mean: they take at least that."""
    calls = took.answered + took.open
    both = (took.seconds + took.open_seconds) / calls
    answered = took.seconds / took.answered if took.answered else 0.0
    return Timed(max(both, answered), took.pictures, calls, took.started_at, going=not took.answered)
