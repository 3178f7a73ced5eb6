"""What charts are drawn of: bars, lines and areas without steps at their edges, and their colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

FINE: Final = 2
"""Shapes are drawn this many times larger and scaled down, for smooth edges."""

INK: Final = "#1d1c1d"
GREY: Final = "#616061"
TRACK: Final = "#eeeef0"

OUTCOMES: Final = (
    ("stored", "ready", "#2f9e6e"),
    ("refused", "refused", "#e3a12f"),
    ("failed", "failed", "#cb4b42"),
    ("expired", "expired", "#9468c4"),
    ("in_doubt", "in doubt", "#5d6470"),
    ("cancelled", "cancelled", "#b4b5bb"),
    ("in_flight", "to come", "#cfe0f2"),
)
"""Tally field, word, colour; in the order of the bar."""


class Shapes:
    """Shapes without steps at their edges: drawn large, scaled down, then ready for text."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * FINE, height * FINE), "#ffffff")
        self._draw = ImageDraw.Draw(self._image)

    def bar(self, x: float, y: float, width: float, height: float, parts: Sequence[tuple[str, int]]) -> None:
        """A bar with round ends, divided in proportion; a part is never thinner than can be seen."""
        thinnest = 5.0
        total = sum(number for _, number in parts) or 1
        widths = [max(width * number / total, min(thinnest, width)) for _, number in parts]
        # What the thin parts were given is taken from the widest.
        if widths:
            widest = widths.index(max(widths))
            widths[widest] -= sum(widths) - width
        size = (max(1, round(width * FINE)), round(height * FINE))
        strip = Image.new("RGB", size, TRACK)
        pen, at = ImageDraw.Draw(strip), 0.0
        for (colour, _), part in zip(parts, widths, strict=True):
            pen.rectangle((round(at * FINE), 0, round((at + part) * FINE) - 1, size[1]), colour)
            at += part
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).rounded_rectangle(
            (0, 0, size[0] - 1, size[1] - 1), min(8 * FINE, size[0] // 2), 255
        )
        self._image.paste(strip, (round(x * FINE), round(y * FINE)), mask)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._draw.circle((x * FINE, y * FINE), radius * FINE, colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float) -> None:
        fine = [(x * FINE, y * FINE) for x, y in points]
        self._draw.line(fine, colour, round(width * FINE), joint="curve")

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def finished(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        """The picture at its real size and a pen for the text."""
        image = self._image.reduce(FINE)
        return image, ImageDraw.Draw(image)


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
