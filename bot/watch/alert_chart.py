"""The small chart of an alert: a bar for each figure, and the line that should not be passed. Pillow only."""

from __future__ import annotations

from typing import Final

from bot.imaging.lettering import fit, write
from bot.watch.alerts import Bars
from bot.watch.shapes import GREY, INK, TRACK, Shapes, png

_WIDTH: Final = 1000
_MARGIN: Final = 36
_LABELS: Final = 240
"""Room for what the bars are called."""
_STEP: Final = 44
_GOOD, _BAD, _LINE = "#2f9e6e", "#cb4b42", "#5d6470"


def bars_chart(chart: Bars) -> bytes:
    """A PNG: lying bars, those beyond the line in red."""
    top = 116
    height = top + _STEP * len(chart.bars) + (60 if chart.line else 24)
    left, right = _MARGIN + _LABELS, _WIDTH - _MARGIN - 110
    most = max([figure for _, figure in chart.bars] + [chart.line or 0.0]) or 1.0
    shapes = Shapes(_WIDTH, height)
    for place, (_, figure) in enumerate(chart.bars):
        y = top + _STEP * place
        shapes.bar(left, y, right - left, 26, [(TRACK, 1)])
        if figure > 0:
            colour = _BAD if _beyond(chart, figure) else _GOOD
            shapes.bar(left, y, max(6.0, (right - left) * figure / most), 26, [(colour, 1)])
    bottom = top + _STEP * len(chart.bars)
    at = left + (right - left) * (chart.line or 0.0) / most
    if chart.line:
        shapes.line([(at, top - 8), (at, bottom)], _LINE, 3)
    image, draw = shapes.finished()
    write(draw, (_MARGIN, 50), fit(chart.title, 30, _WIDTH - 2 * _MARGIN), 30, INK, bold=True)
    write(draw, (_MARGIN, 86), fit(chart.subtitle, 22, _WIDTH - 2 * _MARGIN), 22, GREY)
    for place, (name, figure) in enumerate(chart.bars):
        y = top + _STEP * place + 21
        write(draw, (_MARGIN, y), fit(name, 24, _LABELS - 20), 24, INK)
        said = f"{figure:.1%}" if chart.percent else f"{figure:g}"
        write(draw, (right + 14, y), said, 24, INK)
    if chart.line:
        said = f"{chart.line_says} {chart.line:.1%}" if chart.percent else f"{chart.line_says} {chart.line:g}"
        write(draw, (min(at, right), bottom + 30), said, 22, GREY, align="right")
    return png(image)


def _beyond(chart: Bars, figure: float) -> bool:
    if chart.line is None:
        return False
    return figure < chart.line if chart.low_is_bad else figure > chart.line
