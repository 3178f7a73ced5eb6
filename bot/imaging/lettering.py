"""Text on drawn pictures: fonts that are always there, and words cut to the room they have."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Final

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

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
Pillow's bundled font (Aileron) has Latin letters only."""

_NEVER_A_GLYPH: Final = "\uffff"
"""A code point no font draws: shows what the font puts in place of a letter it lacks."""

_MAX_TEXT: Final = 500
"""Longer text is cut before it is measured: captions come from people's sheets."""


def font_for(text: str, size_px: float) -> Font:
    """The first font that has every letter of the text, or the bundled one."""
    bundled = _font("", size_px)
    letters = frozenset(letter for letter in text[:_MAX_TEXT] if not letter.isspace())
    if not letters or _draws_all("", letters):
        return bundled
    for name in _OTHER_FONTS:
        if _is_here(name) and _draws_all(name, letters):
            return _font(name, size_px)
    return bundled


def printable(text: str) -> str:
    """The text on one line, composed, without control characters."""
    spaced = (
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text[:_MAX_TEXT]
    )
    return " ".join(unicodedata.normalize("NFC", "".join(spaced)).split())


def fit(text: str, font: Font, width_px: float, *, keep_end: bool = False) -> str:
    """The text cut with an ellipsis to at most `width_px`; `keep_end` cuts in the middle.

    Article numbers often differ in their last letters, so they want the middle cut.
    """
    text = printable(text)
    if font.getlength(text) <= width_px:
        return text
    low, high = 0, len(text)
    while low < high:  # the most letters that still fit
        middle = (low + high + 1) // 2
        if font.getlength(_cut(text, middle, keep_end)) <= width_px:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low, keep_end)


def wrap(text: str, font: Font, width_px: float, max_lines: int) -> list[str]:
    """The text broken between words into at most `max_lines` lines, the last one cut if need be."""
    lines: list[str] = []
    words = printable(text).split()
    while words and len(lines) < max_lines:
        if len(lines) == max_lines - 1:
            lines.append(fit(" ".join(words), font, width_px))
            break
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width_px:
            count += 1
        lines.append(fit(" ".join(words[:count]), font, width_px))
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


def _draws_all(name: str, letters: frozenset[str]) -> bool:
    return all(_draws(name, letter) for letter in letters)


@lru_cache(maxsize=8192)
def _draws(name: str, letter: str) -> bool:
    """Whether the font has the letter: what it draws differs from what it draws for a missing one."""
    if letter.isascii():
        return True
    font = _font(name, 32)
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NEVER_A_GLYPH))
