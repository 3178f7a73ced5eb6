"""What charts are drawn of: bars, lines and areas without steps at their edges, and their colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from bot.imaging.lettering import length

FINE: Final = 2
"""Shapes are drawn this many times larger and scaled down, for smooth edges."""

INK: Final = "#1d1c1d"
GREY: Final = "#616061"
TRACK: Final = "#eeeef0"

DOT: Final = 42
"""How far behind the begin of an entry of a legend its words begin."""

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
        strip = _strip(width, height)
        pen, at = ImageDraw.Draw(strip), 0.0
        for colour, part in _shares(width, parts):
            pen.rectangle((round(at * FINE), 0, round((at + part) * FINE) - 1, strip.height), colour)
            at += part
        self._paste(strip, x, y)

    def column(
        self, x: float, bottom: float, width: float, height: float, parts: Sequence[tuple[str, int]]
    ) -> None:
        """The same standing on a line, divided from below."""
        strip = _strip(width, height)
        pen, at = ImageDraw.Draw(strip), float(height)
        for colour, part in _shares(height, parts):
            pen.rectangle((0, round((at - part) * FINE), strip.width, round(at * FINE) - 1), colour)
            at -= part
        self._paste(strip, x, bottom - height)

    def _paste(self, strip: Image.Image, x: float, y: float) -> None:
        mask = Image.new("L", strip.size, 0)
        whole = (0, 0, strip.width - 1, strip.height - 1)
        ImageDraw.Draw(mask).rounded_rectangle(whole, min(8 * FINE, min(strip.size) // 2), 255)
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


def _strip(width: float, height: float) -> Image.Image:
    return Image.new("RGB", (max(1, round(width * FINE)), max(1, round(height * FINE))), TRACK)


def _shares(whole: float, parts: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    """How long each part is; what thin parts are given, to be seen, is taken from the widest."""
    thinnest = 5.0
    total = sum(number for _, number in parts) or 1
    lengths = [max(whole * number / total, min(thinnest, whole)) for _, number in parts]
    if lengths:
        widest = lengths.index(max(lengths))
        lengths[widest] -= sum(lengths) - whole
    return [(colour, part) for (colour, _), part in zip(parts, lengths, strict=True)]


def places(texts: Sequence[str], left: float, right: float, size_px: float) -> list[tuple[float, int]]:
    """Where each entry of a legend begins, its dot first: how far from the left, and on which line."""
    found: list[tuple[float, int]] = []
    x, line = left, 0
    for text in texts:
        width = DOT + length(text, size_px)
        if x + width > right and x > left:
            x, line = left, line + 1
        found.append((x, line))
        x += width + 44
    return found


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
