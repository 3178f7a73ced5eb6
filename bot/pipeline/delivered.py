"""The files of a job that are taken away, one after another: web files as they are, or one for each delivery
preset. A few pictures are in memory at a time, however many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain

from bot.imaging.delivery import CannotDeliver, NotAPicture, deliver
from bot.imaging.presets import Delivery
from bot.intake.exporting import APPROVED, ExportWish
from bot.runtime import Context
from storage.blobs import Blobs
from storage.records import Item, Job
from storage.states import ItemState, ReviewState

AHEAD = 6
"""Files rendered while the one before is written."""

WEB = "web"
"""What the files are called that were made for the review, where a name asks for the preset."""


@dataclass(frozen=True, slots=True)
class Made:
    """One file, or why there is none."""

    item: Item
    preset: str
    content: bytes = b""
    extension: str = ""
    width: int = 0
    height: int = 0
    note: str = ""


def pictures(ctx: Context, job: Job, which: str) -> Iterator[Item]:
    """The versions that count and are made, by number; only approved ones if those are wanted."""
    for item in ctx.reviews.current(job.id):
        kept = item.state is ItemState.STORED
        if kept and (which != APPROVED or item.review is ReviewState.APPROVED):
            yield item


def files(ctx: Context, job: Job, wish: ExportWish) -> Iterator[Made]:
    """Every file of every picture that is wanted, in the pictures' order."""
    disclosure = ctx.policy.render.disclosure
    deliveries = wish.deliveries
    waiting: deque[Future[list[Made]]] = deque()
    for item in pictures(ctx, job, wish.which):
        waiting.append(ctx.renderers.submit(_of_picture, ctx.blobs, item, deliveries, disclosure))
        if len(waiting) > AHEAD:
            yield from waiting.popleft().result()
    yield from chain.from_iterable(future.result() for future in waiting)


def _of_picture(blobs: Blobs, item: Item, deliveries: tuple[Delivery, ...], disclosure: bool) -> list[Made]:
    """Runs in any thread that sees the blobs."""
    made = [] if deliveries else [_web(blobs, item)]
    if deliveries or _is_drawing(item):
        try:
            master = blobs.read(item.master_key or "")
        except (FileNotFoundError, ValueError):
            return [*made, Made(item, "master", note="its master is not there any more")]
        made += [_for(item, master, delivery, disclosure) for delivery in deliveries]
        if _is_drawing(item):  # what a vector customer bought
            width, height = item.width or 0, item.height or 0
            made.append(Made(item, "vector", master, "svg", width, height))
    return made


def _is_drawing(item: Item) -> bool:
    return bool(item.master_key and item.master_key.endswith(".svg"))


def _web(blobs: Blobs, item: Item) -> Made:
    key = item.rendition_key or ""
    try:
        content = blobs.read(key)
    except (FileNotFoundError, ValueError):
        return Made(item, WEB, note="its file is not there any more")
    return Made(item, WEB, content, key.rpartition(".")[2], item.width or 0, item.height or 0)


def _for(item: Item, master: bytes, delivery: Delivery, disclosure: bool) -> Made:
    try:
        found = deliver(master, delivery, disclosure=disclosure)
    except (CannotDeliver, NotAPicture) as problem:
        return Made(item, delivery.name, note=str(problem))
    note = " ".join(found.notes)
    return Made(item, delivery.name, found.content, found.extension, found.width, found.height, note)
