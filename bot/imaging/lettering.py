"""Text on drawn pictures: fonts that are always there, and words cut to the room they have."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Final, Literal

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
Align = Literal["left", "centre", "right"]

_OTHER_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
)
"""Tried in this order, where the machine has them, for writing the bundled font does not know.
Pillow's bundled font (a cut of Aileron) has little more than ASCII."""

_NEAR: Final = {
    "–": "-", "—": "-", "×": "x", "€": "EUR", "£": "GBP", "•": "·", "ß": "ss", "æ": "ae", "Æ": "Ae",
    "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "№": "No.",
}  # fmt: skip
"""What to write for letters that do not come apart into a base and an accent."""

_NEVER_A_GLYPH: Final = "\uffff"
"""A code point no font draws: shows what the font puts in place of a letter it lacks."""

_MAX_TEXT: Final = 500
"""Longer text is cut before it is measured: captions come from people's sheets."""


def runs(text: str, size_px: float) -> list[tuple[str, Font]]:
    """The text in stretches that one font can draw, each with its font.

    One font for the whole text where one has all its letters, else one for each word. Letters no font
    here has lose their accents; what is still not drawable (Chinese without a Chinese font, emoji) becomes
    one “…” per word.
    """
    text = printable(text)
    whole = _font_name(text)
    if whole is not None:
        return [(text, _font(whole, size_px))] if text else []
    found: list[tuple[str, str]] = []
    for word in text.split():
        name = _font_name(word)
        drawable, name = (_plain(word), "") if name is None else (word, name)
        space = " " if found else ""
        if found and found[-1][1] == name:
            found[-1] = (found[-1][0] + space + drawable, name)
        else:
            found.append((space + drawable, name))
    return [(stretch, _font(name, size_px)) for stretch, name in found]


def length(text: str, size_px: float) -> float:
    """How wide the text is when written, in px."""
    return sum(font.getlength(stretch) for stretch, font in runs(text, size_px))


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size_px: float,
    ink: str,
    *,
    align: Align = "left",
    bold: bool = False,
) -> None:
    """Write one line; `at` is the left end, middle or right end of its baseline."""
    x, y = at
    if align != "left":
        x -= length(text, size_px) / (2 if align == "centre" else 1)
    for stretch, font in runs(text, size_px):
        # The bundled font has one weight; a thin outline of the same ink makes the heavier one.
        draw.text((x, y), stretch, ink, font, anchor="ls", stroke_width=size_px / 70 if bold else 0)
        x += font.getlength(stretch)


def printable(text: str) -> str:
    """The text on one line, composed, without control characters."""
    spaced = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text[:_MAX_TEXT]
    )
    return " ".join(unicodedata.normalize("NFC", "".join(spaced)).split())


def fit(text: str, size_px: float, width_px: float, *, keep_end: bool = False) -> str:
    """The text cut with an ellipsis to at most `width_px`; `keep_end` cuts in the middle.

    Article numbers often differ in their last letters, so they want the middle cut.
    """
    text = printable(text)
    if length(text, size_px) <= width_px:
        return text
    low, high = 0, len(text)
    while low < high:  # the most letters that still fit
        middle = (low + high + 1) // 2
        if length(_cut(text, middle, keep_end), size_px) <= width_px:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low, keep_end)


def wrap(text: str, size_px: float, width_px: float, max_lines: int) -> list[str]:
    """The text broken between words into at most `max_lines` lines, the last one cut if need be."""
    lines: list[str] = []
    words = printable(text).split()
    while words and len(lines) < max_lines:
        if len(lines) == max_lines - 1:
            lines.append(fit(" ".join(words), size_px, width_px))
            break
        count = 1
        while count < len(words) and length(" ".join(words[: count + 1]), size_px) <= width_px:
            count += 1
        lines.append(fit(" ".join(words[:count]), size_px, width_px))
        del words[:count]
    return lines


def _cut(text: str, letters: int, keep_end: bool) -> str:
    if not keep_end:
        return text[:letters].rstrip() + "…"
    end = letters // 2
    return text[: letters - end] + "…" + (text[-end:] if end else "")


@lru_cache(maxsize=64)
def _font(name: str, size_px: float) -> Font:
    """A font by file name, or Pillow's bundled one for the empty name."""
    if name:
        return ImageFont.truetype(name, size_px)
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels have FreeType"
    return font


@cache
def _is_here(name: str) -> bool:
    try:
        ImageFont.truetype(name, 16)
    except OSError:
        return False
    return True


def can_draw(text: str) -> bool:
    """Whether some font here has every letter of the text."""
    return _font_name(printable(text)) is not None


def _font_name(text: str) -> str | None:
    """The first font that draws every letter of the text; None when none does."""
    letters = frozenset(letter for letter in text if letter != " ")
    for name in ("", *_OTHER_FONTS):
        if (not name or _is_here(name)) and all(_draws(name, letter) for letter in letters):
            return name
    return None


def _plain(word: str) -> str:
    """The word in letters of the bundled font, as near as it gets."""
    plain = ""
    for letter in word:
        for near in (letter, _NEAR.get(letter, ""), unicodedata.normalize("NFKD", letter)):
            drawable = "".join(part for part in near if _draws("", part))
            if drawable:
                plain += drawable
                break
        else:
            if not unicodedata.combining(letter) and not plain.endswith("…"):
                plain += "…"
    return plain


@lru_cache(maxsize=8192)
def _draws(name: str, letter: str) -> bool:
    """Whether the font has the letter: what it draws differs from what it draws for a missing one."""
    if letter.isascii():
        return True
    font = _font(name, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NEVER_A_GLYPH))
