"""Pictures that are not made: copies of another item's, in the job or approved in an earlier one.

A copy of an earlier job's picture has bytes of its own, so that nothing binds the two jobs once it is stored.
It is written under the item's own key: done twice, it puts the same bytes in the same place.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from bot.imaging.pictures import NotAPicture
from bot.pipeline.rendering import render_item
from bot.runtime import Context
from providers.base import FailureKind
from storage.records import Item
from storage.states import ItemEvent, ItemState, StaleTransitionError

log = logging.getLogger(__name__)

COPIED: Mapping[ItemState, ItemEvent] = {
    ItemState.REFUSED: ItemEvent.REFUSE,
    ItemState.FAILED: ItemEvent.FAIL,
    ItemState.EXPIRED: ItemEvent.EXPIRE,
    ItemState.CANCELLED: ItemEvent.CANCEL,
    ItemState.IN_DOUBT: ItemEvent.DOUBT,
}
"""A duplicate shares its original's fate where there is no picture to copy."""

FATE = ("failure_kind", "failure_code", "reason")
PICTURE = ("master_key", "rendition_key", "width", "height", "byte_size", "flags")

NOT_KEPT = "not_kept"
"""Failure code of a copy whose source is gone."""


def copy_duplicates(ctx: Context, pairs: Sequence[tuple[Item, Item]]) -> int:
    """Duplicates of what has ended, each with its original: how many."""
    kept: list[tuple[Item, dict[str, Any]]] = []
    for item, original in pairs:
        if original.state is not ItemState.STORED:
            fate = {name: getattr(original, name) for name in FATE}
            _move(ctx, item, COPIED[original.state], fate)
        elif original.master_key is None:
            _not_kept(
                ctx, item, f"Picture {original.first}, of which this is a duplicate, is no longer kept."
            )
        elif item.size == original.size:
            kept.append((item, {name: getattr(original, name) for name in PICTURE}))
        else:
            values = render_item(ctx, item, original.master_key).result()
            kept.append((item, {**values, "flags": original.flags}))
    ctx.store.store_items(kept, ctx.clock())
    return len(pairs)


def copy_reused(ctx: Context, pairs: Sequence[tuple[Item, Item | None]]) -> int:
    """Copies of pictures approved in earlier jobs, each with its source (None: gone): how many.

    Where the source's file is gone after all, the item fails and is its job's own from then on: what making
    it costs was not agreed to, so a person has to say “retry”, and the budgets must bear it.
    """
    kept: list[tuple[Item, dict[str, Any]]] = []
    for item, source in pairs:
        try:
            kept.append((item, _copied(ctx, item, source)))
        except (FileNotFoundError, NotAPicture):
            words = (
                f"The approved picture it was to be copied of (job {item.reused_job}) is no longer kept; "
                "“retry” makes it anew, at its price."
            )
            _not_kept(ctx, item, words, reused_job=None, reused_item=None, reused_by=None)
    ctx.store.store_items(kept, ctx.clock())
    return len(pairs)


def _copied(ctx: Context, item: Item, source: Item | None) -> dict[str, Any]:
    """The item's values, once its own master and web file are kept. Raises FileNotFoundError, NotAPicture."""
    if source is None or source.master_key is None:
        raise FileNotFoundError(f"{item.reused_job} {item.reused_item}")
    ending = PurePosixPath(source.master_key).suffix
    key = f"{item.job_id}/master/{item.number:06d}-{item.sends}{ending}"
    with ctx.blobs.open(source.master_key) as theirs, ctx.blobs.writing(key) as ours:
        shutil.copyfileobj(theirs, ours, 1 << 20)
    values = render_item(ctx, item, key).result()
    return {**values, "flags": source.flags, "phash": source.phash}


def _not_kept(ctx: Context, item: Item, words: str, **values: Any) -> None:
    failed = {"failure_kind": FailureKind.UNKNOWN.value, "failure_code": NOT_KEPT, "reason": words}
    _move(ctx, item, ItemEvent.FAIL, {**failed, **values})


def _move(ctx: Context, item: Item, event: ItemEvent, values: Mapping[str, Any]) -> None:
    try:
        ctx.store.move_item(item, event, ctx.clock(), **values)
    except StaleTransitionError:
        log.info("job %s item %d had moved before it was copied", item.job_id, item.number)
