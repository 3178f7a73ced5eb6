"""A job's outcome and its course drawn as small pictures for a message. Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.imaging.lettering import fit, length, write
from bot.watch.advice import advice
from bot.watch.facts import FailureGroup
from bot.watch.rates import Tally, Timing
from bot.watch.shapes import GREY, INK, OUTCOMES, TRACK, Shapes, png
from bot.watch.words import count, duration, money, percent, unit_price, whole_percent
from providers.base import FailureKind

_WIDTH: Final = 1000
_MARGIN: Final = 36
_KIND_COLOURS: Final = {
    FailureKind.CONTENT_POLICY: "#e3a12f",
    FailureKind.EXPIRED: "#9468c4",
    FailureKind.CANCELLED: "#b4b5bb",
}
"""The colours of their outcomes; every other kind has the red of `failed`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a job stood at one time; counts only grow."""

    at: datetime
    stored: int
    missed: int = 0
    """Refused, failed, expired and in doubt together."""


def outcome_chart(
    tally: Tally,
    *,
    title: str,
    failures: Sequence[FailureGroup] = (),
    target: float = 0.98,
    show_cost: bool = True,
) -> bytes:
    """A PNG: one bar of all items by outcome, its legend, and a small bar for each kind of failure."""
    kinds = sorted((group for group in failures if group.count), key=lambda group: -group.count)[:6]
    height = 232 + (24 + 40 * len(kinds) if kinds else 0)
    shapes = Shapes(_WIDTH, height)
    shown = [(word, colour, getattr(tally, name)) for name, word, colour in OUTCOMES if getattr(tally, name)]
    shapes.bar(_MARGIN, 104, _WIDTH - 2 * _MARGIN, 44, [(colour, number) for _, colour, number in shown])
    legend = _legend_places([f"{number:,} {word}" for word, _, number in shown])
    for (x, y), (_, colour, _) in zip(legend, shown, strict=True):
        shapes.dot(x + 8, 178 + y, 8, colour)
    most = max((group.count for group in kinds), default=1)
    for line, group in enumerate(kinds):
        colour = _KIND_COLOURS.get(group.kind, "#cb4b42")
        shapes.bar(340, 240 + 40 * line, 560 * group.count / most, 22, [(colour, 1)])
    image, draw = shapes.finished()

    rate = tally.success_rate
    verdict = "–" if rate is None else percent(rate)
    write(draw, (_WIDTH - _MARGIN, 60), verdict, 40, _verdict_ink(rate, target), align="right", bold=True)
    room = _WIDTH - 3 * _MARGIN - length(verdict, 40)
    write(draw, (_MARGIN, 50), fit(title, 30, room), 30, INK, bold=True)
    write(draw, (_MARGIN, 82), fit(_subtitle(tally, target, show_cost), 20, room), 20, GREY)
    for (x, y), (word, _, number) in zip(legend, shown, strict=True):
        write(draw, (x + 26, 185 + y), f"{number:,} {word}", 20, INK)
    for line, group in enumerate(kinds):
        write(draw, (_MARGIN, 257 + 40 * line), fit(advice(group.kind).short, 20, 290), 20, INK)
        write(draw, (340 + 560 * group.count / most + 12, 257 + 40 * line), f"{group.count:,}", 20, GREY)
    return png(image)


def timeline_chart(moments: Sequence[Moment], *, title: str, requested: int, timing: Timing) -> bytes:
    """A PNG: pictures ready (line) and missed (below it) over time, with the expected time marked.

    `moments` in order of time; the job's start is added. Raises ValueError when there are none.
    """
    if not moments:
        raise ValueError("a timeline needs at least one moment")
    height = 420
    left, right, top, bottom = 90, _WIDTH - _MARGIN, 110, height - 64
    start = timing.started_at
    last = max((moments[-1].at - start).total_seconds(), 1.0)
    window = timing.window.total_seconds() if timing.window else 0.0
    span = max(last, window if window < 4 * last else 0.0) * 1.03
    ceiling = max(requested, 1)

    def point(at: datetime, number: int) -> tuple[float, float]:
        x = left + (right - left) * (at - start).total_seconds() / span
        return x, bottom - (bottom - top) * min(number / ceiling, 1)

    shapes = Shapes(_WIDTH, height)
    for quarter in range(5):
        y = bottom - (bottom - top) * quarter / 4
        shapes.line([(left, y), (right, y)], TRACK, 1.5)
    if window and window <= span:
        x = left + (right - left) * window / span
        shapes.line([(x, top), (x, bottom)], "#9aa0aa", 2)
    course = [Moment(start, 0), *moments]
    stored = [point(moment.at, moment.stored) for moment in course]
    shapes.area([*stored, (stored[-1][0], bottom), (left, bottom)], "#d9f0e5")
    shapes.line(stored, "#2f9e6e", 4)
    if any(moment.missed for moment in course):
        shapes.line([point(moment.at, moment.missed) for moment in course], "#cb4b42", 3)
    image, draw = shapes.finished()

    write(draw, (_MARGIN, 50), fit(title, 30, _WIDTH - 2 * _MARGIN), 30, INK, bold=True)
    newest = moments[-1]
    so_far = f"{newest.stored:,} of {count(requested, 'picture')} ready"
    missed = f", {newest.missed:,} missed" if newest.missed else ""
    write(draw, (_MARGIN, 82), f"{so_far}{missed} after {duration(newest.at - start)}", 20, GREY)
    for quarter in (0, 2, 4):
        y = bottom - (bottom - top) * quarter / 4
        write(draw, (left - 14, y + 6), f"{ceiling * quarter // 4:,}", 18, GREY, align="right")
    step = _step(span)
    for tick in range(int(span / step) + 1):
        x = left + (right - left) * tick * step / span
        words = duration(timedelta(seconds=tick * step)) if tick else "start"
        write(draw, (x, bottom + 34), words, 18, GREY, align="centre" if tick else "left")
    if window and window <= span:
        x = left + (right - left) * window / span
        write(draw, (x - 10, top + 16), "expected", 18, GREY, align="right")
    return png(image)


def _step(span_seconds: float) -> float:
    """Seconds between marks of the time axis: a round time that gives at most six."""
    round_times = (1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
    return next((float(step) for step in round_times if span_seconds / step <= 6), span_seconds / 6)


def _subtitle(tally: Tally, target: float, show_cost: bool) -> str:
    words = [f"{tally.stored:,} of {count(tally.wanted, 'picture')} ready, target {whole_percent(target)}"]
    if show_cost:
        each = tally.cost_per_image_usd
        words.append(
            f"cost {money(tally.spent_usd)}" + (f", {unit_price(each)} a picture" if each is not None else "")
        )
    return " · ".join(words)


def _verdict_ink(rate: float | None, target: float) -> str:
    if rate is None:
        return GREY
    return "#237a55" if rate >= target else "#a8201a"


def _legend_places(texts: Sequence[str]) -> list[tuple[float, int]]:
    """Where each legend entry begins, from left to right, on a second line when the first is full."""
    places: list[tuple[float, int]] = []
    x, y = float(_MARGIN), 0
    for text in texts:
        width = 26 + length(text, 20) + 30
        if x + width > _WIDTH and x > _MARGIN:
            x, y = float(_MARGIN), y + 30
        places.append((x, y))
        x += width
    return places
