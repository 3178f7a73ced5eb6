"""A job's course drawn as a small picture for a message. Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.imaging.lettering import fit, write
from bot.watch.rates import Timing
from bot.watch.shapes import GREY, INK, TRACK, Shapes, png
from bot.watch.words import count, duration

_WIDTH: Final = 1000
_MARGIN: Final = 36


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a job stood at one time; counts only grow."""

    at: datetime
    stored: int
    missed: int = 0
    """Refused, failed, expired and in doubt together."""


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
