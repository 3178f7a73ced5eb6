"""Two versions of one picture side by side, for who decides between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from bot.imaging.contact_sheet import MAX_BYTES, Cell, draw_cell, jpeg_under
from bot.imaging.lettering import fit, wrap, write
from bot.imaging.sheet_marks import Mark
from providers.base import Size

_CARD: Final = 760
_MARGIN: Final = 40
_BETWEEN: Final = 84
_HEADER: Final = 124
_LINE_PX: Final = 30
_CAPTION_PX: Final = 22
_CAPTION_LINES: Final = 3
_INK: Final = "#1d1c1d"
_GREY: Final = "#616061"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    picture: bytes | Callable[[], bytes] | None
    version: int
    caption: str = ""
    """What was asked for, or why it was rejected; up to three lines."""
    mark: Mark | None = None


def before_after(old: Side, new: Side, *, number: int, title: str, shape: Size | None = None) -> bytes:
    """The old version left, the new one right, each under its name, as a JPEG under 2 MB, about 1700 px wide.

    `number` is the one people call the picture by, `shape` the size most pictures of the job have. A picture
    that cannot be read becomes a “No preview” card.
    """
    ratio = min(max(shape.ratio, 0.6), 1.8) if shape else 1.0
    card = (_CARD, round(_CARD / ratio))
    captions = [
        wrap(side.caption, _CAPTION_PX, _CARD - 8, _CAPTION_LINES) if side.caption else []
        for side in (old, new)
    ]
    foot = _LINE_PX + 16 + max(len(lines) for lines in captions) * round(_CAPTION_PX * 1.35)
    width = 2 * (_MARGIN + _CARD) + _BETWEEN
    sheet = Image.new("RGB", (width, _HEADER + card[1] + foot + _MARGIN), "#ffffff")
    draw = ImageDraw.Draw(sheet)
    heading = f"{number:,} · {title}" if title else f"{number:,}"
    write(draw, (_MARGIN, 62), fit(heading, 38, width - 2 * _MARGIN, keep_end=True), 38, _INK, bold=True)
    write(draw, (_MARGIN, 98), f"Versions {old.version} and {new.version}. Both are kept.", 22, _GREY)
    for index, (side, lines) in enumerate(zip((old, new), captions, strict=True)):
        left = _MARGIN + index * (_CARD + _BETWEEN)
        cell = Cell(number, picture=side.picture, mark=side.mark)
        draw_cell(sheet, draw, cell, (left, _HEADER), card, numbered=False)
        baseline = _HEADER + card[1] + _LINE_PX + 4
        name = f"{'Before' if index == 0 else 'After'}: version {side.version}"
        write(draw, (left, baseline), name, _LINE_PX - 4, _INK, bold=True)
        for line in lines:
            baseline += round(_CAPTION_PX * 1.35)
            write(draw, (left, baseline), line, _CAPTION_PX, _GREY)
    _draw_arrow(draw, (_MARGIN + _CARD + _BETWEEN // 2, _HEADER + card[1] // 2))
    return jpeg_under(sheet, MAX_BYTES)


def _draw_arrow(draw: ImageDraw.ImageDraw, middle: tuple[int, int]) -> None:
    x, y = middle
    draw.line([(x - 22, y), (x + 14, y)], _GREY, 6)
    draw.polygon([(x + 24, y), (x + 6, y - 14), (x + 6, y + 14)], _GREY)
