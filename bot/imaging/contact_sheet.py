"""One picture that shows a page of a gallery: numbered, captioned, with what is missing and why."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from PIL import Image, ImageDraw

from bot.imaging.disclosure import MADE_WITH_A_MODEL, xmp_packet
from bot.imaging.lettering import fit, font_for, printable, wrap
from bot.imaging.pictures import NotAPicture, has_alpha, open_picture

CELLS_PER_PAGE: Final = 30
"""Six by five: beyond it the captions stop being readable in a chat window."""

MAX_BYTES: Final = 2_000_000
"""A sheet is kept under this by lowering the JPEG quality."""

Outcome = Literal["ready", "refused", "failed", "cancelled", "waiting"]

_WIDTH: Final = 1600
_MARGIN: Final = 40
_GAP: Final = 20
_HEADER: Final = 108

_INK: Final = "#1d1c1d"
_GREY: Final = "#616061"
_PAPER: Final = "#ffffff"
_CARD: Final = "#f4f4f6"
_CHECK: Final = "#e6e6ea"
_LINE: Final = "#e3e3e6"


@dataclass(frozen=True, slots=True)
class _Look:
    """How a cell without a picture looks, and what its outcome is called in the header."""

    word: str
    card: str
    ink: str


_LOOKS: Final[dict[Outcome, _Look]] = {
    "ready": _Look("No preview", "#f4f4f6", "#616061"),
    "refused": _Look("Refused", "#fdf3e1", "#8a5a00"),
    "failed": _Look("Failed", "#fdecec", "#a8201a"),
    "cancelled": _Look("Cancelled", "#f0f0f2", "#616061"),
    "waiting": _Look("Still working", "#eaf3fb", "#1a5f96"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One place on the sheet."""

    number: int
    """What people call the picture: “redo 7 and 12”."""
    caption: str = ""
    """The row's key; cut in the middle to fit, since keys often differ at the end."""
    picture: bytes | Callable[[], bytes] | None = None
    """A thumbnail or preview, or a function that reads it, called once when its turn comes."""
    outcome: Outcome = "ready"
    reason: str = ""
    """Why there is no picture, in a few words."""


def contact_sheet(
    cells: Sequence[Cell], *, title: str, page: int = 1, pages: int = 1, counts: str = ""
) -> bytes:
    """A page of up to 30 cells as a JPEG under 2 MB, 1600 px wide.

    `counts` is the second line of the header, for figures of the whole job; left empty, it counts this
    page's cells. One picture is decoded at a time; one that cannot be read becomes a “No preview” cell.
    Raises ValueError for no cells or too many.
    """
    if not 1 <= len(cells) <= CELLS_PER_PAGE:
        raise ValueError(f"a sheet has 1 to {CELLS_PER_PAGE} cells, not {len(cells)}")
    columns = _columns(len(cells))
    side = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    caption_px = 24 if columns <= 4 else 20
    row_height = side + caption_px + 2 * _GAP
    height = _HEADER + ceil(len(cells) / columns) * row_height + _MARGIN // 2
    sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, title, counts or count_words(cells), f"{page} / {pages}" if pages > 1 else "")
    for index, cell in enumerate(cells):
        left = _MARGIN + index % columns * (side + _GAP)
        top = _HEADER + index // columns * row_height
        _draw_cell(sheet, draw, cell, (left, top), side)
        font = font_for(cell.caption, caption_px)
        text = fit(cell.caption, font, side, keep_end=True)
        draw.text((left + side / 2, top + side + _GAP / 2), text, _INK, font, anchor="ma")
    return _under(sheet, MAX_BYTES)


def count_words(cells: Sequence[Cell]) -> str:
    """The cells counted by outcome, as “21 pictures · 2 refused · 1 failed”."""
    ready = sum(cell.outcome == "ready" for cell in cells)
    words = [f"{ready} picture" if ready == 1 else f"{ready} pictures"]
    for outcome, look in _LOOKS.items():
        count = sum(cell.outcome == outcome for cell in cells)
        if count and outcome != "ready":
            words.append(f"{count} {look.word.lower()}")
    return " · ".join(words)


def _columns(cells: int) -> int:
    """Few pictures large, many small; four as two by two would make a very tall sheet."""
    for most, columns in ((4, cells), (6, 3), (12, 4), (20, 5)):
        if cells <= most:
            return max(columns, 2)
    return 6


def _draw_header(draw: ImageDraw.ImageDraw, title: str, counts: str, page: str) -> None:
    right = _WIDTH - _MARGIN
    page_font = font_for(page, 26)
    draw.text((right, 34), page, _GREY, page_font, anchor="ra")
    room = right - _MARGIN - (page_font.getlength(page) + 40 if page else 0)
    title_font = font_for(title, 38)
    draw.text(
        (_MARGIN, 24), fit(title, title_font, room), _INK, title_font, stroke_width=0.5, stroke_fill=_INK
    )
    counts_font = font_for(counts, 22)
    draw.text((_MARGIN, 70), fit(counts, counts_font, right - _MARGIN), _GREY, counts_font)


def _draw_cell(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, at: tuple[int, int], side: int
) -> None:
    content = cell.picture() if callable(cell.picture) else cell.picture
    shown = False
    if content:
        try:
            _draw_picture(sheet, draw, content, at, side)
            shown = True
        except NotAPicture:
            shown = False
    if not shown:
        _draw_placeholder(draw, cell, at, side)
    _draw_badge(sheet, str(cell.number), at)


def _draw_picture(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, content: bytes, at: tuple[int, int], side: int
) -> None:
    """The whole picture on a card, as large as fits; see-through parts show a check pattern."""
    image = open_picture(content, at_least=(side, side))
    scale = min(side / image.width, side / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Two steps of reduction are plenty for a thumbnail; and never a blown-up icon.
    if scale < 1:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    box = (at[0], at[1], at[0] + side - 1, at[1] + side - 1)
    draw.rectangle(box, _CARD)
    place = (at[0] + (side - image.width) // 2, at[1] + (side - image.height) // 2)
    if has_alpha(image):
        _draw_check(draw, place, image.size)
        rgba = image.convert("RGBA")
        sheet.paste(rgba, place, rgba)
    else:
        sheet.paste(image.convert("RGB"), place)
    draw.rectangle(box, outline=_LINE)


def _draw_check(draw: ImageDraw.ImageDraw, at: tuple[int, int], size: tuple[int, int]) -> None:
    step = 16
    draw.rectangle((*at, at[0] + size[0] - 1, at[1] + size[1] - 1), _PAPER)
    for y in range(0, size[1], step):
        for x in range(y // step % 2 * step, size[0], 2 * step):
            end = (at[0] + min(x + step, size[0]) - 1, at[1] + min(y + step, size[1]) - 1)
            draw.rectangle((at[0] + x, at[1] + y, *end), _CHECK)


def _draw_placeholder(draw: ImageDraw.ImageDraw, cell: Cell, at: tuple[int, int], side: int) -> None:
    look = _LOOKS[cell.outcome]
    draw.rounded_rectangle((*at, at[0] + side - 1, at[1] + side - 1), 12, look.card)
    word_px, reason_px = max(20, side // 11), max(16, side // 16)
    font = font_for(cell.reason, reason_px)
    lines = wrap(cell.reason, font, side - 36, 4)
    middle = at[0] + side / 2
    top = at[1] + (side - word_px * 1.5 - len(lines) * reason_px * 1.35) / 2
    word_font = font_for(look.word, word_px)
    draw.text(
        (middle, top), look.word, look.ink, word_font, anchor="ma", stroke_width=0.4, stroke_fill=look.ink
    )
    top += word_px * 1.5
    for line in lines:
        draw.text((middle, top), line, look.ink, font, anchor="ma")
        top += reason_px * 1.35


def _draw_badge(sheet: Image.Image, number: str, at: tuple[int, int]) -> None:
    """The number on a dark pill that is readable over any picture, with smooth edges."""
    font = font_for(number, 24)
    width, height = max(44, round(font.getlength(number)) + 24), 36
    pill = Image.new("L", (width * 4, height * 4), 0)
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, width * 4 - 1, height * 4 - 1), height * 2, 255)
    place = (at[0] + 10, at[1] + 10)
    sheet.paste(_INK, place, pill.resize((width, height), Image.Resampling.LANCZOS).point(lambda v: v * 0.86))
    centre = (place[0] + width / 2, place[1] + height / 2)
    ImageDraw.Draw(sheet).text(centre, printable(number), "white", font, anchor="mm", stroke_width=0.3)


def _under(sheet: Image.Image, limit: int) -> bytes:
    """The sheet as a JPEG of at most `limit` bytes, as good as that allows."""
    content = b""
    for quality in (88, 80, 70, 60, 45):
        out = io.BytesIO()
        sheet.save(out, "JPEG", quality=quality, optimize=True, xmp=xmp_packet(MADE_WITH_A_MODEL))
        content = out.getvalue()
        if len(content) <= limit:
            break
    return content
