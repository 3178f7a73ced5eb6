"""One picture that shows a page of a gallery: numbered, captioned, with what is missing and why."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from PIL import Image, ImageDraw

from bot.imaging.colour import to_srgb
from bot.imaging.disclosure import MADE_WITH_A_MODEL, xmp_packet
from bot.imaging.lettering import fit, length, wrap, write
from bot.imaging.pictures import NotAPicture, has_alpha, open_picture
from bot.imaging.sheet_marks import MARK_WORDS, Mark, draw_mark, draw_pill
from providers.base import Size

CELLS_PER_PAGE: Final = 30
"""Six by five: beyond it the captions stop being readable in a chat window."""

MAX_BYTES: Final = 2_000_000
"""A sheet is kept under this by lowering the JPEG quality."""

Point = tuple[int, int]
Outcome = Literal["ready", "refused", "failed", "cancelled", "waiting"]

_WIDTH: Final = 1600
_MARGIN: Final = 40
_GAP: Final = 20
_HEADER: Final = 124
_CARD_WIDTH: Final = {1: 720, 2: 600}
"""Cards of sheets with fewer columns than fill the width."""

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


MOST_COLUMNS = 6
"""More in a row would be too small to judge."""


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
    mark: Mark | None = None
    """Where its review stands; None: the sheet is not about review."""
    version: int = 1
    """From 2 on it is written on the picture."""


def contact_sheet(
    cells: Sequence[Cell],
    *,
    title: str,
    page: int = 1,
    pages: int = 1,
    counts: str = "",
    shape: Size | None = None,
    side_by_side: int = 1,
) -> bytes:
    """A page of up to 30 cells as a JPEG under 2 MB, about 1600 px wide (less for one or two cells).

    `counts` is the second line of the header, for figures of the whole job; left empty, it counts this
    page's cells. `shape` is the size most pictures have, for cards of that shape instead of squares.
    `side_by_side` pictures that belong together, one after the other, are kept in one line.
    One picture is decoded at a time; one that cannot be read becomes a “No preview” cell.
    Raises ValueError for no cells or too many.
    """
    if not 1 <= len(cells) <= CELLS_PER_PAGE:
        raise ValueError(f"a sheet has 1 to {CELLS_PER_PAGE} cells, not {len(cells)}")
    columns = _columns(len(cells), side_by_side)
    card = _card(columns, shape)
    caption_px = 24 if columns <= 4 else 20
    row_height = card[1] + caption_px + 2 * _GAP
    width = 2 * _MARGIN + columns * card[0] + (columns - 1) * _GAP
    height = _HEADER + ceil(len(cells) / columns) * row_height + _MARGIN // 2
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, width, title, counts or count_words(cells), f"{page} / {pages}" if pages > 1 else "")
    for index, cell in enumerate(cells):
        left = _MARGIN + index % columns * (card[0] + _GAP)
        top = _HEADER + index // columns * row_height
        draw_cell(sheet, draw, cell, (left, top), card)
        caption = fit(cell.caption, caption_px, card[0], keep_end=True)
        baseline = (left + card[0] / 2, top + card[1] + _GAP * 0.6 + caption_px * 0.8)
        write(draw, baseline, caption, caption_px, _INK, align="centre")
    return jpeg_under(sheet, MAX_BYTES)


def count_words(cells: Sequence[Cell]) -> str:
    """The cells counted by outcome and by review, as “21 pictures · 2 refused · 14 approved · 7 flagged”."""
    ready = sum(cell.outcome == "ready" for cell in cells)
    words = [f"{ready} picture" if ready == 1 else f"{ready} pictures"]
    for outcome, look in _LOOKS.items():
        count = sum(cell.outcome == outcome for cell in cells)
        if count and outcome != "ready":
            words.append(f"{count} {look.word.lower()}")
    for mark, word in MARK_WORDS.items():
        if count := sum(cell.mark == mark for cell in cells):
            words.append(f"{count} {word}")
    return " · ".join(words)


def _columns(cells: int, side_by_side: int) -> int:
    """Few pictures large, many small, and the fewest empty places in the last row; whole groups in a row."""
    if 1 < side_by_side <= MOST_COLUMNS:
        return min(cells, side_by_side * max(1, min(MOST_COLUMNS, cells) // side_by_side))
    if cells <= 4:
        return cells
    choices = (3, 4) if cells <= 9 else (4, 5) if cells <= 20 else (5, 6)
    return min(choices, key=lambda columns: (-cells % columns, -columns))


def _card(columns: int, shape: Size | None) -> tuple[int, int]:
    """Width and height of a cell's card."""
    width = _CARD_WIDTH.get(columns) or (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    ratio = min(max(shape.ratio, 0.6), 1.8) if shape else 1.0
    return width, round(width / ratio)


def _draw_header(draw: ImageDraw.ImageDraw, width: int, title: str, counts: str, page: str) -> None:
    right = width - _MARGIN
    write(draw, (right, 62), page, 26, _GREY, align="right")
    room = right - _MARGIN - (length(page, 26) + 40 if page else 0)
    write(draw, (_MARGIN, 62), fit(title, 38, room), 38, _INK, bold=True)
    write(draw, (_MARGIN, 98), fit(counts, 22, right - _MARGIN), 22, _GREY)


def draw_cell(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    cell: Cell,
    at: Point,
    card: Point,
    *,
    numbered: bool = True,
) -> None:
    """One card with its picture, or what stands in for it, and its signs; the caption is the caller's."""
    content = cell.picture() if callable(cell.picture) else cell.picture
    try:
        if content:
            _draw_picture(sheet, draw, content, at, card)
        else:
            _draw_placeholder(draw, cell, at, card)
    except NotAPicture:
        _draw_placeholder(draw, cell, at, card)
    right = at[0] + card[0] - 10
    if numbered:
        draw_pill(sheet, str(cell.number), (at[0] + 10, at[1] + 10))
    if cell.mark:
        draw_mark(sheet, cell.mark, (right, at[1] + 10))
    if cell.version > 1:
        draw_pill(sheet, f"v{cell.version}", (at[0] + 10, at[1] + card[1] - 10), below=True)


def _draw_picture(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, content: bytes, at: Point, card: Point
) -> None:
    """The whole picture on its card, as large as fits; see-through parts show a check pattern."""
    image = open_picture(content, at_least=card)
    scale = min(card[0] / image.width, card[1] / image.height)
    if scale < 1:  # an icon is not blown up
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    image, _ = to_srgb(image, image.info.get("icc_profile"))
    box = (at[0], at[1], at[0] + card[0] - 1, at[1] + card[1] - 1)
    draw.rectangle(box, _CARD)
    place = (at[0] + (card[0] - image.width) // 2, at[1] + (card[1] - image.height) // 2)
    if has_alpha(image):
        _draw_check(draw, place, image.size)
        rgba = image.convert("RGBA")
        sheet.paste(rgba, place, rgba)
    else:
        sheet.paste(image.convert("RGB"), place)
    draw.rectangle(box, outline=_LINE)


def _draw_check(draw: ImageDraw.ImageDraw, at: Point, size: Point) -> None:
    step = 16
    draw.rectangle((*at, at[0] + size[0] - 1, at[1] + size[1] - 1), _PAPER)
    for y in range(0, size[1], step):
        for x in range(y // step % 2 * step, size[0], 2 * step):
            end = (at[0] + min(x + step, size[0]) - 1, at[1] + min(y + step, size[1]) - 1)
            draw.rectangle((at[0] + x, at[1] + y, *end), _CHECK)


def _draw_placeholder(draw: ImageDraw.ImageDraw, cell: Cell, at: Point, card: Point) -> None:
    look = _LOOKS[cell.outcome]
    draw.rounded_rectangle((*at, at[0] + card[0] - 1, at[1] + card[1] - 1), 12, look.card)
    word_px, reason_px = max(20, card[0] // 12), max(16, card[0] // 17)
    # A reason often begins with the word above it: "Refused by content rules". It is said once.
    reason = re.sub(rf"^{look.word}\b[\s,:;.]*", "", cell.reason.lstrip(), count=1, flags=re.IGNORECASE)
    lines = wrap(reason, reason_px, card[0] - 36, 4)
    middle = at[0] + card[0] / 2
    baseline = at[1] + (card[1] - len(lines) * reason_px * 1.35) / 2 + word_px * 0.35
    write(draw, (middle, baseline), look.word, word_px, look.ink, align="centre", bold=True)
    baseline += word_px * 0.3
    for line in lines:
        baseline += reason_px * 1.35
        write(draw, (middle, baseline), line, reason_px, look.ink, align="centre")


def jpeg_under(sheet: Image.Image, limit: int) -> bytes:
    """The sheet as a JPEG of at most `limit` bytes, as good as that allows."""
    content = b""
    for quality in (88, 80, 70, 60, 45):
        out = io.BytesIO()
        sheet.save(out, "JPEG", quality=quality, optimize=True, xmp=xmp_packet(MADE_WITH_A_MODEL))
        content = out.getvalue()
        if len(content) <= limit:
            break
    return content
