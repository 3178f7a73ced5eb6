"""One picture of a channel's days: what came of its pictures on each, and what they cost.

Drawn as the chart of a summary is: three times the size at which Slack shows it (`summary_chart`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Final

from PIL import ImageDraw

from bot.imaging.lettering import fit, length, write
from bot.watch.shapes import DOT, GREY, INK, OUTCOMES, TRACK, Shapes, places, png
from bot.watch.words import count, money, percent

_WIDTH: Final = 1080
_LEFT: Final = 48
_RIGHT: Final = _WIDTH - _LEFT
_SMALL, _TEXT, _LARGE = 36, 40, 56
_MONEY: Final = "#4a7fb5"

_ENDS: Final = OUTCOMES[:-1]
"""All but what is still to come."""

_PICTURES: Final = 260
_COSTS: Final = 160
"""Heights of the highest columns."""
_GROUND: Final = 260 + _PICTURES
"""The line on which the pictures' columns stand, from the top."""
_WIDEST: Final = 96
"""A column is never wider."""


@dataclass(frozen=True, slots=True)
class Day:
    """What came to its end on one day, and what was spent."""

    on: date
    stored: int = 0
    refused: int = 0
    failed: int = 0
    expired: int = 0
    in_doubt: int = 0
    cancelled: int = 0
    usd: Decimal = Decimal(0)
    """As far as it is known."""
    unpriced: int = 0
    """Answers of which nobody has said what they cost."""

    @property
    def pictures(self) -> int:
        return sum(number for _, _, number in _outcomes([self]))


def anything(days: Sequence[Day]) -> bool:
    """Whether there is something to draw."""
    return any(day.pictures or day.usd or day.unpriced for day in days)


def day_chart(days: Sequence[Day], title: str) -> bytes:
    """A PNG: a column a day, divided by what came of its pictures; below it what each day cost."""
    outcomes = _outcomes(days)
    texts = [f"{number:,} {word}" for word, _, number in outcomes]
    legend = places(texts, _LEFT, _RIGHT, _SMALL)
    legend_at = _GROUND + 160
    cost_at = legend_at + 56 * (legend[-1][1] + 1 if legend else 0) + 60
    pictures = _Columns(days, _GROUND, _PICTURES, _shares([day.pictures for day in days]))
    costs = _Columns(days, cost_at + 90 + _COSTS, _COSTS, _shares([day.usd for day in days]))
    paid = any(costs.shares)
    shapes = Shapes(_WIDTH, int(costs.bottom) + 110 if paid else cost_at + 40)

    pictures.draw(shapes, [[(colour, number) for _, colour, number in _outcomes([day])] for day in days])
    if paid:
        costs.draw(shapes, [[(_MONEY, 1)]] * len(days))
    for (x, line), (_, colour, _) in zip(legend, outcomes, strict=True):
        shapes.dot(x + 13, legend_at + 56 * line - 13, 13, colour)
    image, pen = shapes.finished()

    write(pen, (_LEFT, 72), fit(title, _TEXT, _RIGHT - _LEFT), _TEXT, INK, bold=True)
    _heading(pen, 172, _pictures_words(days), _came_out(days))
    pictures.write(pen, [f"{day.pictures:,}" for day in days])
    for (x, line), text in zip(legend, texts, strict=True):
        write(pen, (x + DOT, legend_at + 56 * line), text, _SMALL, INK)
    _heading(pen, cost_at, *_cost_words(days))
    if paid:
        costs.write(pen, [money(day.usd) for day in days])
    return png(image)


def day_alt(days: Sequence[Day], title: str) -> str:
    """What the picture shows, for whoever does not see it; the days on which nothing happened left out."""
    busy = [day for day in days if anything([day])]
    said = [f"{_day(day)} {', '.join([*_counted(day), *_cost_of(day)])}" for day in busy]
    words, rate = _pictures_words(days), _came_out(days)
    return f"Chart of {title}: {words}{f', {rate}' if rate else ''}; {'; '.join(said)}."


# --- columns -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """One column a day, standing on a line; `shares`: how high each is, of the highest."""

    days: Sequence[Day]
    bottom: float
    height: float
    shares: Sequence[float]

    def draw(self, shapes: Shapes, parts: Sequence[Sequence[tuple[str, int]]]) -> None:
        width = min(_WIDEST, self._step * 0.72)
        for place, some in enumerate(parts):
            x = self._middle(place) - width / 2
            if self.shares[place] > 0:
                shapes.column(x, self.bottom, width, self._high(place), some)
            else:
                shapes.bar(x, self.bottom - 4, width, 4, [(TRACK, 1)])

    def write(self, pen: ImageDraw.ImageDraw, figures: Sequence[str]) -> None:
        """The days below, as many as there is room for; the figures above, or the highest alone."""
        every = self._every([f"{day.on:%a}" for day in self.days], 24)
        for place, day in enumerate(self.days):
            if (len(self.days) - 1 - place) % every == 0:
                self._put(pen, place, self.bottom + 44, f"{day.on:%a}", GREY)
                self._put(pen, place, self.bottom + 84, f"{day.on.day}", GREY)
        highest = self.shares.index(max(self.shares))
        for place, figure in enumerate(figures):
            if self.shares[place] > 0 and (place == highest or self._every(figures) == 1):
                self._put(pen, place, self.bottom - self._high(place) - 14, figure, INK)

    @property
    def _step(self) -> float:
        return (_RIGHT - _LEFT) / len(self.days)

    def _middle(self, place: int) -> float:
        return _LEFT + self._step * (place + 0.5)

    def _high(self, place: int) -> float:
        return max(self.height * self.shares[place], 6.0)

    def _put(self, pen: ImageDraw.ImageDraw, place: int, y: float, text: str, ink: str) -> None:
        half = length(text, _SMALL) / 2
        x = min(max(self._middle(place), _LEFT + half), _RIGHT - half)
        write(pen, (x, y), text, _SMALL, ink, align="centre")

    def _every(self, texts: Sequence[str], gap: int = 8) -> int:
        """So that these do not touch, only each nth of them is written."""
        widest = max(length(text, _SMALL) for text in texts)
        return ceil((widest + gap) / self._step)


def _shares(figures: Sequence[int] | Sequence[Decimal]) -> list[float]:
    most = max(figures)
    return [float(figure / most) if most else 0.0 for figure in figures]


# --- words -------------------------------------------------------------------------------------------------


def _heading(pen: ImageDraw.ImageDraw, y: float, words: str, note: str) -> None:
    write(pen, (_LEFT, y), words, _LARGE, INK, bold=True)
    write(pen, (_RIGHT, y), note, _TEXT, GREY, align="right")


def _outcomes(days: Sequence[Day]) -> list[tuple[str, str, int]]:
    """Word, colour and number of each end that pictures came to."""
    found = [(word, colour, sum(getattr(day, name) for day in days)) for name, word, colour in _ENDS]
    return [one for one in found if one[2]]


def _day(day: Day) -> str:
    return f"{day.on:%a} {day.on.day}"


def _pictures_words(days: Sequence[Day]) -> str:
    return count(sum(day.pictures for day in days), "picture")


def _came_out(days: Sequence[Day]) -> str:
    """“96.1% came out” of what was not cancelled; empty where that is nothing."""
    stored = sum(day.stored for day in days)
    settled = sum(day.pictures - day.cancelled for day in days)
    if not settled:
        return ""
    return "all came out" if stored == settled else f"{percent(stored / settled)} came out"


def _counted(day: Day) -> list[str]:
    return [f"{number:,} {word}" for word, _, number in _outcomes([day])]


def _cost_of(day: Day) -> list[str]:
    if day.unpriced:
        return [f"at least {money(day.usd)}" if day.usd else "cost unknown"]
    return [money(day.usd)] if day.usd else []


def _cost_words(days: Sequence[Day]) -> tuple[str, str]:
    """The sum, and what is not in it."""
    usd, unpriced = sum((day.usd for day in days), Decimal(0)), sum(day.unpriced for day in days)
    if not unpriced:
        return f"{money(usd)} spent", ""
    not_in_it = f"{count(unpriced, 'answer')} without a price"
    return (f"At least {money(usd)} spent" if usd else "Cost unknown"), not_in_it
