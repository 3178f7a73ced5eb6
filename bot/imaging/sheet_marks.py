"""The small signs on a contact sheet's pictures: number, version, and where the review stands.

Each state has a shape of its own besides its colour, for people who do not tell the colours apart and for
sheets printed in grey: a disc with a tick, a square with a cross, a triangle with an exclamation mark, an
empty ring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from PIL import Image, ImageDraw

from bot.imaging.lettering import length, write

Mark = Literal["approved", "rejected", "flagged", "unreviewed"]
Point = tuple[int, int]

MARK_WORDS: Final[Mapping[Mark, str]] = {
    "approved": "approved",
    "rejected": "rejected",
    "flagged": "flagged",
    "unreviewed": "not reviewed",
}
"""As people read them in the header, in this order."""

_INKS: Final[Mapping[Mark, str]] = {
    "approved": "#1f7a4d",
    "rejected": "#b3261e",
    "flagged": "#8a5a00",
    "unreviewed": "#616061",
}
_DARK: Final = "#1d1c1d"
_SIDE: Final = 40
_FINE: Final = 4
"""Drawn so many times larger and shrunk, for smooth edges."""


def draw_pill(sheet: Image.Image, text: str, at: Point, *, below: bool = False) -> None:
    """The text on a dark pill that is readable over any picture; `at` is its upper left corner, or with
    `below` its lower left.
    """
    width, height = max(44, round(length(text, 24)) + 24), 36
    pill = Image.new("L", (width * _FINE, height * _FINE), 0)
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, pill.width - 1, pill.height - 1), height * _FINE // 2, 255)
    place = (at[0], at[1] - height if below else at[1])
    sheet.paste(
        _DARK, place, pill.resize((width, height), Image.Resampling.LANCZOS).point(lambda v: v * 0.86)
    )
    baseline = (place[0] + width / 2, place[1] + height / 2 + 8.5)
    write(ImageDraw.Draw(sheet), baseline, text, 24, "#ffffff", align="centre")


def draw_mark(sheet: Image.Image, mark: Mark, at: Point) -> None:
    """The sign of a state; `at` is its upper right corner."""
    side = _SIDE * _FINE
    sign = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sign)
    ink, thick = _INKS[mark], round(side * 0.1)
    edge = (2, 2, side - 3, side - 3)

    def line(*points: tuple[float, float]) -> None:
        pen.line([(x * side, y * side) for x, y in points], "#ffffff", thick, joint="curve")

    match mark:
        case "approved":
            pen.ellipse(edge, ink, "#ffffff", thick // 2)
            line((0.27, 0.53), (0.44, 0.69), (0.74, 0.34))
        case "rejected":
            pen.rounded_rectangle(edge, side // 6, ink, "#ffffff", thick // 2)
            line((0.3, 0.3), (0.7, 0.7))
            line((0.7, 0.3), (0.3, 0.7))
        case "flagged":
            pen.polygon([(side / 2, 4), (side - 4, side - 8), (4, side - 8)], "#ffffff")
            pen.polygon([(side / 2, 18), (side - 17, side - 15), (17, side - 15)], "#f2b01e")
            pen.line([(side / 2, side * 0.36), (side / 2, side * 0.64)], _DARK, thick)
            dot = thick * 0.6
            pen.ellipse((side / 2 - dot, side * 0.76 - dot, side / 2 + dot, side * 0.76 + dot), _DARK)
        case "unreviewed":
            pen.ellipse(edge, (255, 255, 255, 235))
            pen.ellipse((thick, thick, side - thick, side - thick), None, ink, thick)
    small = sign.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    sheet.paste(small, (at[0] - _SIDE, at[1]), small)
