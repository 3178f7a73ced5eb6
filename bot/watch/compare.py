"""A job beside an earlier one of its kind, in a sentence: price of a picture, how many came out, time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bot.watch.rates import Tally
from bot.watch.words import count, duration, listed

HARDLY = Decimal("0.01")
"""Prices nearer than this share of the earlier one are the same to the reader."""

HARDLY_LONGER, MOMENT = 0.05, timedelta(seconds=30)
"""The same for times, of which less than a moment is no news whatever its share."""

OF_A_SIZE = 2
"""Times are compared between jobs of which neither has more than so many times the other's pictures."""

LONG_AGO = timedelta(days=300)
"""A day this far back is written with its year."""


@dataclass(frozen=True, slots=True)
class Past:
    """A job that has ended, as far as it can be compared."""

    title: str
    on: date
    tally: Tally
    took: timedelta | None = None
    """From its start to its first end; None where that says nothing, as when it was retried later."""
    models: tuple[str, ...] = ()
    lane: str = ""


def comparison(now: Past, before: Past) -> str:
    """“Compared with “Spring” of 3 Nov: 12% cheaper per picture, 2 points more came out, 40 min faster.”

    Empty where nothing can be compared.
    """
    parts = [_price(now.tally, before.tally), _rate(now.tally, before.tally), _time(now, before)]
    said = [part for part in parts if part]
    if not said:
        return ""
    other = _differences(now, before)
    return f"Compared with “{before.title}” of {_day(before.on, now.on)}: {listed(said)}.{other}"


def dearer(now: Decimal | None, before: Decimal | None) -> str:
    """“12% cheaper”, “3% dearer”, “the same price”; empty where either is not known or nothing."""
    if now is None or not before:
        return ""
    change = (now - before) / before
    if abs(change) < HARDLY:
        return "the same price"
    return f"{abs(change) * 100:.0f}% {'dearer' if change > 0 else 'cheaper'}"


def points(now: float | None, before: float | None) -> str:
    """“2 points more”, “0.4 points fewer”, “as many”; of a hundred. Empty where either is not known."""
    if now is None or before is None:
        return ""
    change = round((now - before) * 100, 1)
    if not change:
        return "as many"
    return f"{abs(change):g} {'point' if abs(change) == 1 else 'points'} {'more' if change > 0 else 'fewer'}"


def _price(now: Tally, before: Tally) -> str:
    if now.unpriced or before.unpriced:
        return ""  # of what is known in part, less may be known of the cheaper one
    said = dearer(now.cost_per_image_usd, before.cost_per_image_usd)
    return f"{said} per picture" if said else ""


def _rate(now: Tally, before: Tally) -> str:
    said = points(now.success_rate, before.success_rate)
    return f"{said} came out" if said else ""


def _time(now: Past, before: Past) -> str:
    sizes = sorted((now.tally.settled, before.tally.settled))
    if now.took is None or before.took is None or sizes[1] > OF_A_SIZE * sizes[0]:
        return ""
    change = now.took - before.took
    if abs(change) <= max(HARDLY_LONGER * before.took, MOMENT):
        return "as fast"
    return f"{duration(abs(change))} {'slower' if change > timedelta() else 'faster'}"


def _differences(now: Past, before: Past) -> str:
    """What else was different, so that nobody thinks the same was done cheaper."""
    found = []
    if now.tally.wanted != before.tally.wanted:
        found.append(f"had {count(before.tally.wanted, 'picture')}")
    if before.models and set(now.models) != set(before.models):
        found.append(f"was made with {listed(list(before.models))}")
    if now.lane != before.lane:
        found.append(f"went by the {before.lane} lane")
    return f" That one {listed(found)}." if found else ""


def _day(day: date, today: date) -> str:
    year = f" {day.year}" if today - day > LONG_AGO else ""
    return f"{day.day} {day:%b}{year}"
