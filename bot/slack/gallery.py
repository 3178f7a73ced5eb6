"""The pictures of a finished job at a glance: numbered contact sheets in its thread.

What is shown is decided once for each finish (`lay_out`), then made, uploaded and posted part by part; each
tick does a little, and a part that was posted is never made again. Single pictures are shown by the review
(`review_page`).
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
from bot.imaging.sheet_marks import Mark
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.files import Upload
from bot.watch.advice import advice
from bot.watch.words import count, listed
from providers.base import FailureKind, Size
from storage.blobs import Blobs
from storage.records import Item, Job
from storage.states import ItemState, ReviewState

log = logging.getLogger(__name__)

CELLS_A_SHEET = 24
SHEETS_A_MESSAGE = 4
MOST_MESSAGES = 16
"""Messages of one gallery; card, summary, review and results.csv make it twenty. More drown the thread."""

MOST_CELLS = MOST_MESSAGES * SHEETS_A_MESSAGE * CELLS_A_SHEET
"""Pictures that contact sheets have room for; the review shows those of a larger job, too."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One image block: the blob behind it, and how to make that."""

    upload: Upload
    alt: str
    title: str
    make: Callable[[Blobs], None]
    """Runs on a renderer; writes the blob."""
    pictures: Sequence[int] = ()
    """What people call the pictures it shows by."""


@dataclass(frozen=True, slots=True)
class Part:
    """One message of the gallery."""

    kind: str
    heading: str
    """Our own words."""
    shots: Sequence[Shot]

    @property
    def pictures(self) -> list[int]:
        """The numbers people call them by."""
        return [number for shot in self.shots for number in shot.pictures]

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
    note = f" These are the first {len(cells):,}; the review has them all." if more else ""
    return _sheet_parts(stamp, sheets, note, b.escaped(job.title, 100))


def _ended(ctx: Context, job: Job, since: datetime | None) -> Iterator[Item]:
    """What the sheet asked for; a picture that was made again is shown beside its earlier version."""
    for item in ctx.queries.items(job.id, [ItemState.STORED, *w.MISSED]):
        if item.version_of is None and (since is None or item.moved_at > since):
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
    numbers = f"numbers {items[0].first:,} to {items[-1].first:,}"
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
    shown = [item.first for item in items if item.state is ItemState.STORED]
    return Shot(Upload(key, f"contact-sheet-{page:03d}.jpg", name), alt, name, make, shown)


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
        return read_blob(blobs, rendition)

    kind = item.failure_kind or ""
    reason = advice(FailureKind(kind)).short if kind in _KINDS else (item.reason or "")
    stored = item.state is ItemState.STORED
    return Cell(
        number=item.first,
        caption=caption(item, with_model),
        picture=read if stored else None,
        outcome=_OUTCOMES.get(item.state, "failed"),
        reason="" if stored else reason,
        mark=mark_of(item) if stored else None,
        version=item.version,
    )


def mark_of(item: Item) -> Mark | None:
    """The sign of its review; none while nobody has looked, which is so of all at first."""
    match item.review:
        case ReviewState.APPROVED:
            return "approved"
        case ReviewState.REJECTED:
            return "rejected"
        case _:
            return "flagged" if item.flags else None


def read_blob(blobs: Blobs, key: str | None) -> bytes:
    """Empty where there is no such blob."""
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
