"""How long pictures of a model take at its provider, against earlier batches alike. Pure.

In the batch lane what is timed is a submission, from being sent to its end; in the live lane a call. Batches
are alike where they ask for the same size, quality and number of variants; who counts them sees to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity
from bot.watch.chances import Usual, drift, usual
from bot.watch.words import count, duration, whole_percent
from providers.base import Lane

SHOWN = 6
"""Earlier batches drawn in the chart."""

OF_A_SIZE = 4
"""Submissions are compared of which neither has more than so many times the other's pictures."""

OF_A_CROWD = 2
"""Live calls of one batch wait for each other at the provider, so each of many takes longer than each of few:
batches are compared of which neither has more than so many times the other's calls."""

AT_ONCE = 100
"""More calls than that are not under way together, and count as so many."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What one batch's submissions took."""

    each: float
    """Seconds a submission or call, on average; where `going`, at least."""
    pictures: int
    """That were asked for in these submissions."""
    calls: int
    """Submissions."""
    began_at: datetime
    """When the batch was started."""
    going: bool = False
    """None of its submissions is answered yet: `each` is their age."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Batches of one model and lane that ask for alike pictures, newest first."""

    provider: str
    model: str
    lane: str
    what: str
    """Size, quality and variants, in words; empty where the model's own are used."""
    batches: Sequence[Timed]

    @property
    def key(self) -> str:
        """What an incident about them is about."""
        way = f"{Rule.TIME_DRIFT}:{self.provider}/{self.model}/{self.lane}"
        return f"{way}/{self.what}" if self.what else way


@dataclass(frozen=True, slots=True)
class Slowness:
    """The newest batches beside what was usual."""

    latest: Sequence[Timed]
    known: Usual
    past: Sequence[float]
    slow: bool

    @property
    def each(self) -> float:
        return median(one.each for one in self.latest)


def slowness(found: Taken, rules: AlertRules, told_at: datetime | None = None) -> Slowness | None:
    """Whether batches have become slow; None where nobody can tell.

    Slow: each of the newest `time_batches` took more than `time_drift` longer than the median of the up to
    `time_history` before them, and three robust spreads more. All of them, because one batch may be slow for
    reasons of its own. One that is not answered counts as soon as it has taken that long. Needs
    `history_least` earlier ones and `time_sample` pictures in the newest. Submissions of another order of
    size than the newest are left out (`OF_A_SIZE`), and live ones of another number of calls (`OF_A_CROWD`).

    Once told, at `told_at`: as long as the newest, in the middle, are half of that beyond what was usual
    before; until `time_history` batches were as slow, since that is what is usual then.
    """
    alike = [one for one in found.batches if _alike(one, found.batches[0], live=found.lane == Lane.LIVE)]
    # Those that were told of may have ended later: what is new has begun since.
    since = [one for one in alike if told_at and one.began_at > told_at]
    answered = [one for one in alike[len(since) :] if not one.going]
    past = [one.each for one in answered[rules.time_batches :][: rules.time_history]]
    known = usual(past, rules.history_least)
    if known is None:
        return None
    told = told_at is not None
    latest = [one for one in alike if not one.going or _beyond(one.each, known, rules, told=told)]
    latest = latest[: rules.time_batches]
    if len(latest) < rules.time_batches or sum(one.pictures for one in latest) < rules.time_sample:
        return None
    if told:
        slow = len(since) < rules.time_history and _beyond(
            median(one.each for one in latest), known, rules, told=True
        )
    else:
        slow = all(_beyond(one.each, known, rules, told=False) for one in latest)
    return Slowness(latest, known, past, slow)


def _alike(one: Timed, other: Timed, *, live: bool) -> bool:
    sizes = one.pictures / one.calls, other.pictures / other.calls
    crowds = min(one.calls, AT_ONCE), min(other.calls, AT_ONCE)
    return max(sizes) <= OF_A_SIZE * min(sizes) and (not live or max(crowds) <= OF_A_CROWD * min(crowds))


def _beyond(seconds: float, known: Usual, rules: AlertRules, *, told: bool) -> bool:
    part = 2 if told else 1
    off = drift(seconds, known, rules.time_drift / part, 3.0 / part)
    return off is not None and off > 0


def time_alert(found: Taken, seen: Slowness, rules: AlertRules) -> Alert:
    """Batches have become slow: what they take, and what was usual."""
    live = found.lane == Lane.LIVE
    now, usually = duration(timedelta(seconds=seen.each)), duration(timedelta(seconds=seen.known.middle))
    alike = f" ({found.what})" if found.what else ""
    pictures = count(sum(one.pictures for one in seen.latest), "picture")
    return Alert(
        Rule.TIME_DRIFT,
        found.key,
        Severity.WARNING,
        f"{found.provider}/{found.model} ({found.lane}): {'calls take' if live else 'submissions take'} "
        f"{seen.each / seen.known.middle:.1f} times as long as usual: {now}, usually {usually}",
        (
            f"Seen in the last {count(len(seen.latest), 'batch', 'batches')}{alike}, {pictures}; usual is "
            f"what {seen.known.samples} earlier ones took. Alert "
            f"from {whole_percent(rules.time_drift)} longer on.",
        ),
        (
            "For the operator: look at the provider's status page. Nothing is lost, and nothing is sent "
            "otherwise than before: use another model or lane for what is urgent until it is over.",
        ),
        again=True,
        chart=_course(found, seen, rules),
    )


def _course(found: Taken, seen: Slowness, rules: AlertRules) -> Bars:
    longest = max((*seen.past[:SHOWN], *(one.each for one in seen.latest)))
    unit, length = next(
        (u, n) for u, n in (("hours", 3_600), ("minutes", 60), ("seconds", 1)) if longest >= 2 * n or n == 1
    )
    past = list(reversed(seen.past[:SHOWN]))
    bars = [(f"{len(past) - place + len(seen.latest) - 1} before", each) for place, each in enumerate(past)]
    bars += [
        (f"{place} before" if place else "the newest", one.each)
        for place, one in reversed(list(enumerate(seen.latest)))
    ]
    what = "a call" if found.lane == Lane.LIVE else "a submission"
    return Bars(
        f"{found.provider}/{found.model}: {unit} {what}",
        f"Earlier batches, newest last ({found.lane} lane{f', {found.what}' if found.what else ''})",
        tuple((name, float(f"{each / length:.3g}")) for name, each in bars),
        line=float(f"{seen.known.middle * (1 + rules.time_drift) / length:.3g}"),
        line_says=f"usual + {whole_percent(rules.time_drift)}",
    )
