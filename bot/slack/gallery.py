"""The pictures of a finished job in its thread: contact sheets first, then pages of pictures.

What is shown is decided once for each finish (`lay_out`), then made, uploaded and posted part by part; each
tick does a little, and a part that was posted is never made again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from math import ceil

from bot.imaging.contact_sheet import Cell, contact_sheet
from bot.imaging.contact_sheet import Outcome as Look
from bot.imaging.pictures import NotAPicture
from bot.imaging.preview import preview
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import files
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.files import Upload
from bot.watch.advice import advice
from bot.watch.words import count, listed
from providers.base import FailureKind, Size
from storage.blobs import Blobs
from storage.records import Item, Job
from storage.states import ItemState

log = logging.getLogger(__name__)

CELLS_A_SHEET = 24
SHEETS_A_MESSAGE = 4
PAGE_SIZES = (6, 8)
"""Pictures on a page: six are pleasant, eight keep a larger job within the messages allowed."""

MOST_MESSAGES = 18
"""Messages of one gallery; the summary and results.csv make it twenty. More drown the thread."""

MOST_CELLS = MOST_MESSAGES * SHEETS_A_MESSAGE * CELLS_A_SHEET
"""Pictures that contact sheets have room for; the rest of a larger job is in results.csv."""

PREVIEW_PX = 1200
ALT_CHARACTERS = 300
"""Of one picture's alternative text: eight of them and their titles stay within one message."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One image block: the blob behind it, and how to make that."""

    upload: Upload
    alt: str
    title: str
    make: Callable[[Blobs], None]
    """Runs on a renderer; writes the blob."""


@dataclass(frozen=True, slots=True)
class Part:
    """One message of the gallery."""

    kind: str
    heading: str
    """Our own words."""
    shots: Sequence[Shot]

    @property
    def keys(self) -> list[str]:
        return [shot.upload.key for shot in self.shots]

    def message(self, file_ids: dict[str, str]) -> Message:
        body: list[Block] = [b.context(self.heading)]
        body += [b.image(file_ids[shot.upload.key], shot.alt, shot.title) for shot in self.shots]
        return b.message(self.heading, body)

    def without_pictures(self) -> Message:
        """Where Slack never shows them: what they are, in words."""
        lines = "\n".join(b.cut(shot.title, 100) for shot in self.shots)
        said = f"{self.heading} Slack could not show these pictures; results.csv names their files."
        return b.message(said, [b.context(said), b.words(lines)])


def lay_out(ctx: Context, job: Job, stamp: str, since: datetime | None) -> list[Part]:
    """The gallery of what ended after `since`, in order, within the messages a thread can bear."""
    wanted = _ended(ctx, job, since)
    cells = list(islice(wanted, MOST_CELLS))
    return compose(job, stamp, cells, more=next(wanted, None) is not None)


def compose(job: Job, stamp: str, cells: Sequence[Item], *, more: bool) -> list[Part]:
    """The messages of these items; `more` when there are others that no message has room for."""
    if not any(item.state is ItemState.STORED for item in cells):
        return []
    sheets = sheet_shots(job, stamp, cells)
    stored = [item for item in cells if item.state is ItemState.STORED]
    messages = ceil(len(sheets) / SHEETS_A_MESSAGE)
    size = next((n for n in PAGE_SIZES if messages + ceil(len(stored) / n) <= MOST_MESSAGES), None)
    note = ""
    if more:
        note = f" These are the first {len(cells):,}; the rest is in results.csv."
    elif size is None:
        note = f" {count(len(stored), 'picture')} are too many to post singly; results.csv names each file."
    parts = _sheet_parts(stamp, sheets, note, b.escaped(job.title, 100))
    return parts if more or size is None else parts + _page_parts(job, stamp, stored, size)


def _ended(ctx: Context, job: Job, since: datetime | None) -> Iterator[Item]:
    for item in ctx.queries.items(job.id, [ItemState.STORED, *w.MISSED]):
        if since is None or item.moved_at > since:
            yield item


# --- contact sheets ------------------------------------------------------------------------------------


def sheet_shots(job: Job, stamp: str, cells: Sequence[Item]) -> list[Shot]:
    """The contact sheets of these items."""
    pages = ceil(len(cells) / CELLS_A_SHEET)
    return [
        _sheet(job, stamp, cells[start : start + CELLS_A_SHEET], start // CELLS_A_SHEET + 1, pages)
        for start in range(0, len(cells), CELLS_A_SHEET)
    ]


def _sheet(job: Job, stamp: str, items: Sequence[Item], page: int, pages: int) -> Shot:
    key = f"{job.id}/gallery/{stamp}-sheet-{page:03d}.jpg"
    name = "Contact sheet" if pages == 1 else f"Contact sheet {page} of {pages}"
    counted = [count(sum(item.state is ItemState.STORED for item in items), "picture") + " ready"]
    for state in w.MISSED:
        number = sum(item.state is state for item in items)
        if number:
            counted.append(f"{number:,} {state.value.replace('_', ' ')}")
    numbers = f"numbers {items[0].number:,} to {items[-1].number:,}"
    alt = f"{name} of {b.cut(job.title, 100)}: {numbers}, {listed(counted)}."
    make = partial(
        draw_sheet,
        key=key,
        items=tuple(items),
        title=job.title,
        page=page,
        pages=pages,
        models=models_of(job),
    )
    return Shot(Upload(key, f"contact-sheet-{page:03d}.jpg", name), alt, name, make)


def models_of(job: Job) -> int:
    """How many models made the job; with several, one row's pictures are compared side by side."""
    return max(1, len((job.plan or {}).get("models", {})))


def draw_sheet(
    blobs: Blobs, *, key: str, items: Sequence[Item], title: str, page: int, pages: int, models: int
) -> None:
    """Make one contact sheet out of kept renditions. Keys travel, bytes do not."""
    cells = [_cell(blobs, item, models > 1) for item in items]
    shape = Size.parse(items[0].size or items[0].made_size)
    sheet = contact_sheet(cells, title=title, page=page, pages=pages, shape=shape, side_by_side=models)
    blobs.put(key, sheet)


def caption(item: Item, with_model: bool) -> str:
    """What a picture is called: its key, which variant, and the model where several are compared."""
    variant = f" · {item.variant}" if item.variant > 1 else ""
    return f"{item.key}{variant}" + (f" · {item.model}" if with_model else "")


_KINDS = frozenset(FailureKind)
_OUTCOMES: dict[ItemState, Look] = {ItemState.STORED: "ready", ItemState.REFUSED: "refused"}


def _cell(blobs: Blobs, item: Item, with_model: bool) -> Cell:
    rendition = item.rendition_key

    def read() -> bytes:
        return _read(blobs, rendition)

    kind = item.failure_kind or ""
    reason = advice(FailureKind(kind)).short if kind in _KINDS else (item.reason or "")
    stored = item.state is ItemState.STORED
    return Cell(
        number=item.number,
        caption=caption(item, with_model),
        picture=read if stored else None,
        outcome=_OUTCOMES.get(item.state, "failed"),
        reason="" if stored else reason,
    )


def _read(blobs: Blobs, key: str | None) -> bytes:
    try:
        return blobs.read(key or "")
    except (FileNotFoundError, ValueError):
        return b""


def _sheet_parts(stamp: str, sheets: Sequence[Shot], note: str, title: str) -> list[Part]:
    parts: list[Part] = []
    for start in range(0, len(sheets), SHEETS_A_MESSAGE):
        some = sheets[start : start + SHEETS_A_MESSAGE]
        heading = f"{title}: more contact sheets." if parts else f"{title}: all at a glance.{note}"
        parts.append(Part(f"sheets-{stamp}-{len(parts) + 1:02d}", heading, some))
    return parts


# --- pages of pictures ---------------------------------------------------------------------------------


def _page_parts(job: Job, stamp: str, stored: Sequence[Item], size: int) -> list[Part]:
    parts: list[Part] = []
    for start in range(0, len(stored), size):
        some = stored[start : start + size]
        heading = f"Pictures {start + 1:,} to {start + len(some):,} of {len(stored):,}."
        if len(some) == 1:
            heading = f"Picture {start + 1:,} of {len(stored):,}."
        kind = f"page-{stamp}-{len(parts) + 1:02d}"
        parts.append(Part(kind, heading, [picture_shot(job, item) for item in some]))
    return parts


def picture_shot(job: Job, item: Item) -> Shot:
    """One picture by itself."""
    key = f"{job.id}/gallery/preview-{item.number:06d}-{item.sends}.jpg"
    # The number is the one on the contact sheet; rows that made no picture have none.
    title = f"{item.number:,} · {caption(item, models_of(job) > 1)}"
    alt = item.alt_text or f"Made from row {item.row} ({item.key}): {item.prompt}"
    upload = Upload(key, f"{files.safe_name(item.key)}-{item.number}.jpg", b.cut(title, 200))
    return Shot(
        upload, b.cut(alt, ALT_CHARACTERS), b.cut(title, 200), partial(draw_preview, key=key, item=item)
    )


def draw_preview(blobs: Blobs, *, key: str, item: Item) -> None:
    """A JPEG of the web file, since Slack shows no WebP in a block; a placeholder where it is unreadable."""
    try:
        content = preview(_read(blobs, item.rendition_key or item.master_key), PREVIEW_PX)
    except NotAPicture:
        content = contact_sheet([Cell(item.number, item.key)], title=item.key)
    blobs.put(key, content)


# --- making --------------------------------------------------------------------------------------------


def prepare(ctx: Context, job: Job, part: Part) -> None:
    """Make the blobs of a part that are neither kept nor at Slack; several at once on the renderers."""
    at_slack = ctx.mail.uploads(job.id)
    work: list[Future[None]] = [
        ctx.renderers.submit(shot.make, ctx.blobs)
        for shot in part.shots
        if shot.upload.key not in at_slack and not _kept(ctx.blobs, shot.upload.key)
    ]
    for future in work:
        future.result()


def _kept(blobs: Blobs, key: str) -> bool:
    try:
        return blobs.size(key) > 0
    except FileNotFoundError:
        return False
