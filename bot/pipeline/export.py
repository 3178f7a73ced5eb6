"""The web files of a job in a folder."""

from __future__ import annotations

from pathlib import Path

from bot.pipeline.results import FileNames
from bot.runtime import Context
from storage.records import Job
from storage.states import ItemState


def write_pictures(ctx: Context, job: Job, folder: Path) -> int:
    """Copy every picture's web file into the folder; how many. A file already there whole is left."""
    folder.mkdir(parents=True, exist_ok=True)
    names = FileNames.of(ctx, job)
    written = 0
    for item in ctx.reviews.current(job.id):
        if item.state is not ItemState.STORED or item.rendition_key is None:
            continue  # not made, or not kept any more
        target = folder / names.of_item(item)
        written += 1
        if not target.exists() or target.stat().st_size != item.byte_size:
            _write(ctx, item.rendition_key, target)
        if item.master_key and item.master_key.endswith(".svg"):
            _write(ctx, item.master_key, target.with_suffix(".svg"))  # what a vector customer bought
    return written


def _write(ctx: Context, key: str, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    part.write_bytes(ctx.blobs.read(key))
    part.replace(target)
