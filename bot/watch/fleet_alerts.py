"""All pictures of all jobs against the target: how fast the allowance of misses is used up. Pure.

Burn rate: share of misses among what ended within a window, divided by what the target allows (2% of 98%).
One is on target; ten uses a month's allowance in three days. Two windows: a fast one that sees an outage
within the hour, and a slow one that sees what seeps away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.watch.alerts import Alert, AlertRules, Bars, Rule, Severity
from bot.watch.chances import luck
from bot.watch.words import count, duration, listed, percent, whole_percent

CONFIRM = 12
"""A window is confirmed by its last twelfth: what is over is not told any more."""

SURE_ENOUGH = 0.01
"""Misses of the last twelfth that luck brings more rarely confirm what is no luck in the whole window."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Pictures that ended within a time."""

    stored: int = 0
    missed: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(self.stored + other.stored, self.missed + other.missed)

    def __sub__(self, other: Settled) -> Settled:
        return Settled(self.stored - other.stored, self.missed - other.missed)

    @property
    def number(self) -> int:
        return self.stored + self.missed

    @property
    def missed_share(self) -> float:
        return self.missed / self.number if self.number else 0.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What ended within some times before now."""

    windows: Mapping[timedelta, Settled]
    jobs: Mapping[timedelta, Sequence[tuple[str, str, Settled]]]
    """By window: id, title and pictures of each job, most missed first."""
    hours: Sequence[tuple[str, Settled]] = ()
    """The last hours, oldest first, for a chart."""


def windows(rules: AlertRules) -> tuple[timedelta, ...]:
    """What must be counted, longest first: both windows and their confirming parts."""
    both = (rules.slow_window, rules.fast_window)
    return tuple(sorted({*both, *(window / CONFIRM for window in both)}, reverse=True))


def fleet_alert(fleet: Fleet, rules: AlertRules, *, told: bool = False) -> Alert | None:
    """Misses of many jobs at once: one incident, whichever window sees it.

    Fast: burn >= `burn_fast` over `fast_window` and over its last twelfth. Slow: likewise. Each needs
    `burn_sample` settled pictures in its window and more misses than luck brings, both without the job
    that misses most in it: what one job loses is told by its own alert, however many healthy ones run beside
    it, and one bad job after another are two. Once told, it lasts until both windows are under half of
    their thresholds or their last twelfths are on target.
    """
    burning = [
        (window, most)
        for window, most in ((rules.fast_window, rules.burn_fast), (rules.slow_window, rules.burn_slow))
        if _burns(fleet, rules, window, most, told=told)
    ]
    if not burning:
        return None
    window, _ = burning[0]
    return _alert(fleet, rules, window, fast=window == rules.fast_window)


def _burns(fleet: Fleet, rules: AlertRules, window: timedelta, most: float, *, told: bool) -> bool:
    seen = fleet.windows.get(window, Settled())
    allowed = 1 - rules.success_target
    if told:
        lately = fleet.windows.get(window / CONFIRM, Settled())
        recovered = lately.number >= rules.minimum_sample and lately.missed_share <= allowed
        return seen.number > 0 and seen.missed_share >= most / 2 * allowed and not recovered
    if seen.number < rules.burn_sample or seen.missed_share < most * allowed:
        return False
    others, lately = (_without_worst(fleet, span) for span in (window, window / CONFIRM))
    return (
        min(others.missed_share, lately.missed_share) >= most * allowed
        and rules.no_luck(others.missed, others.number)
        and luck(lately.missed, lately.number, allowed) < SURE_ENOUGH
    )


def _without_worst(fleet: Fleet, span: timedelta) -> Settled:
    """What all but the job that misses most came to."""
    worst = next((found for _, _, found in fleet.jobs.get(span, ())), Settled())
    return fleet.windows.get(span, Settled()) - worst


def _alert(fleet: Fleet, rules: AlertRules, window: timedelta, *, fast: bool) -> Alert:
    seen = fleet.windows[window]
    burn = seen.missed_share / (1 - rules.success_target)
    worst = fleet.jobs[window][:5]
    named = [f"{title} ({job}): {found.missed:,} of {found.number:,}" for job, title, found in worst]
    bars = tuple((name, 1 - found.missed_share) for name, found in fleet.hours if found.number)
    return Alert(
        Rule.BURN_RATE,
        f"{Rule.BURN_RATE}:all",
        Severity.CRITICAL if fast else Severity.WARNING,
        f"All batches together: {percent(seen.stored / seen.number)} of {count(seen.number, 'picture')} came "
        f"out within {duration(window)} (target {whole_percent(rules.success_target)})",
        (
            f"Pictures are lost {burn:.1f} times as fast as the target allows.",
            *((f"Missed most: {listed(named)}.",) if named else ()),
        ),
        (
            "For the operator: see what the batches share, such as provider, model or template (the reasons "
            "stand in each batch's thread); pause those that need not run now.",
        ),
        again=True,
        chart=Bars(
            "All batches: pictures that came out",
            f"By hour; the target is {whole_percent(rules.success_target)}",
            bars,
            line=rules.success_target,
            line_says="target",
            percent=True,
            low_is_bad=True,
        )
        if len(bars) > 1
        else None,
    )
