"""The small chart of an alert: a bar for each figure, and the line that should not be passed. Pillow only."""

from __future__ import annotations

from typing import Final

from bot.imaging.lettering import fit, write
from bot.watch.alerts import Bars
from bot.watch.shapes import GREY, INK, TRACK, Shapes, png

_WIDTH: Final = 1080
_MARGIN: Final = 36
_LABELS: Final = 440
"""Room for what the bars are called."""
_STEP: Final = 62
_GOOD, _BAD, _LINE = "#2f9e6e", "#cb4b42", "#5d6470"


def bars_chart(chart: Bars) -> bytes:
    """A PNG: lying bars, those beyond the line in red."""
    top = 150
    height = top + _STEP * len(chart.bars) + (70 if chart.line else 24)
    left, right = _MARGIN + _LABELS, _WIDTH - _MARGIN - 150
    most = max([figure for _, figure in chart.bars] + [chart.line or 0.0]) or 1.0
    shapes = Shapes(_WIDTH, height)
    for place, (_, figure) in enumerate(chart.bars):
        y = top + _STEP * place
        shapes.bar(left, y, right - left, 38, [(TRACK, 1)])
        if figure > 0:
            colour = _BAD if _beyond(chart, figure) else _GOOD
            shapes.bar(left, y, max(6.0, (right - left) * figure / most), 38, [(colour, 1)])
    bottom = top + _STEP * len(chart.bars)
    at = left + (right - left) * (chart.line or 0.0) / most
    if chart.line:
        shapes.line([(at, top - 8), (at, bottom)], _LINE, 3)
    image, draw = shapes.finished()
    write(draw, (_MARGIN, 60), fit(chart.title, 42, _WIDTH - 2 * _MARGIN), 42, INK, bold=True)
    write(draw, (_MARGIN, 112), fit(chart.subtitle, 36, _WIDTH - 2 * _MARGIN), 36, GREY)
    for place, (name, figure) in enumerate(chart.bars):
        y = top + _STEP * place + 31
        write(draw, (_MARGIN, y), fit(name, 36, _LABELS - 20), 36, INK)
        said = f"{figure:.1%}" if chart.percent else f"{figure:g}"
        write(draw, (right + 14, y), said, 36, INK)
    if chart.line:
        write(draw, (min(at, right), bottom + 42), chart.line_says, 36, GREY, align="right")
    return png(image)


def _beyond(chart: Bars, figure: float) -> bool:
    if chart.line is None:
        return False
    return figure < chart.line if chart.low_is_bad else figure > chart.line
