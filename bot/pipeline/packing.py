"""Exports are made: what somebody asked for becomes ZIP archives among the blobs, or files in a store.

An export that was begun when the process stopped is made again from the start: it reads only what is kept,
and writes under the same names. Each archive opens by itself and has its own manifest.
"""

from __future__ import annotations

import logging
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from io import BytesIO
from typing import Any, Protocol

from bot import tracing
from bot.imaging.file_names import Names, safe_name
from bot.intake.exporting import APPROVED, STORE, ExportWish
from bot.pipeline.delivered import Made, files
from bot.pipeline.failures import write_failed
from bot.pipeline.manifest import Manifest
from bot.pipeline.results import Wanted, kind_of
from bot.runtime import Context
from bot.watch.words import count
from storage.outlets import Outlet, OutletTrouble
from storage.records import Item, Job
from storage.shelved import Export, ExportState

log = logging.getLogger(__name__)

BETWEEN = 1 << 20
"""Bytes copied at a time."""

A_FILE = 400
"""Bytes of an archive for each file beside its content, about: two headers with the name in each."""


class CannotExportError(ValueError):
    """There is nothing to pack, or nowhere to put it; one sentence."""


class Packing(Protocol):
    """Where files go while an export is made."""

    def add(self, name: str, made: Made) -> None: ...

    def end(self) -> list[dict[str, Any]]:
        """What was made: parts as they are kept in `Export.parts`."""


def pack(ctx: Context, _now: datetime) -> int:
    """Make the oldest export that was asked for; how many were."""
    asked = ctx.shelf.asked_exports()
    if not asked:
        return 0
    export = asked[0]
    with tracing.doing("export", job=export.job_id):
        _pack(ctx, export)
    return 1


def _pack(ctx: Context, export: Export) -> None:
    job = ctx.queries.job(export.job_id)
    if job is None:
        _end(ctx, export, ExportState.FAILED, "The job does not exist any more.")
        return
    try:
        parts, note = make(ctx, job, export)
    except (CannotExportError, OutletTrouble) as problem:
        _end(ctx, export, ExportState.FAILED, str(problem))
    except OSError as problem:
        log.exception("export %s failed", export.id)
        _end(ctx, export, ExportState.FAILED, f"The files could not be written ({problem.strerror}).")
    else:
        _end(ctx, export, ExportState.READY, note, parts)


def _end(
    ctx: Context, export: Export, state: ExportState, note: str, parts: Sequence[Mapping[str, Any]] = ()
) -> None:
    ended = {"state": state.value, "note": note, "parts": [dict(part) for part in parts]}
    ctx.shelf.change_export(export.id, **ended, ended_at=ctx.clock())
    tracing.note(outcome=state.value, parts=len(parts), files=sum(part.get("files", 0) for part in parts))


def make(ctx: Context, job: Job, export: Export) -> tuple[list[dict[str, Any]], str]:
    """The parts of an export, and what is to be said of it. Raises CannotExportError, OutletTrouble."""
    named: Mapping[str, str] = export.wish.get("people") or {}
    if "sheet" in export.wish:
        return _sheet(ctx, job, export, Wanted(names=lambda person: named.get(person, person))), ""
    wish = ExportWish.of(export.wish)

    def approved_by(item: Item) -> str:
        return "; ".join(named.get(person, person) for person in approvers(ctx, item))

    with ExitStack() as stack:
        packing = _begin(ctx, job, export, wish, approved_by, stack)
        names, pictures, missed, written = Names(wish.names), 0, 0, 0
        last = None
        for made in files(ctx, job, wish):
            pictures += made.item.number != last
            last = made.item.number
            missed += not made.content
            written += 1
            packing.add(_name(names, job, made) if made.content else "", made)
        if not pictures:
            raise CannotExportError(nothing(job, wish.which))
        if missed == written:
            raise CannotExportError(not_kept(job))
        parts = packing.end()
    note = f"{count(missed, 'file')} could not be made; the manifest says why." if missed else ""
    return [{**part, "of": pictures} for part in parts], note


def _sheet(ctx: Context, job: Job, export: Export, wanted: Wanted) -> list[dict[str, Any]]:
    """The rows that failed in one way, to be mended and returned."""
    kind, ending = str(export.wish["sheet"]), kind_of(job)
    key = f"{job.id}/export/{export.id}.{ending}"
    with ctx.blobs.writing(key) as file:
        rows = write_failed(ctx, job, kind, file, wanted)
    if not rows:
        ctx.blobs.delete(key)
        raise CannotExportError(f"Nothing of that kind is left in job {job.id}.")
    name = f"{safe_name(job.title, empty='job')[:60]}-{kind}.{ending}"
    return [{"key": key, "name": name, "files": rows, "of": rows, "size": ctx.blobs.size(key)}]


def nothing(job: Job, which: str) -> str:
    if which == APPROVED:
        return f"No picture of job {job.id} is approved yet; approve some, or export all of them."
    return f"Job {job.id} has no pictures yet."


def not_kept(job: Job) -> str:
    return (
        f"The pictures of job {job.id} are no longer kept; hand its sheet in again, or redo single pictures."
    )


def approvers(ctx: Context, item: Item) -> list[str]:
    """Who approved this version."""
    return [vote.person for vote in ctx.reviews.votes(item.job_id, [item.number]) if vote.verdict == APPROVED]


def _name(names: Names, job: Job, made: Made) -> str:
    item = made.item
    return names.name(
        {
            "sku": item.key,
            "row": item.row,
            "variant": item.variant,
            "version": item.version,
            "preset": made.preset,
            "w": made.width,
            "h": made.height,
            "n": item.first,
            "job": job.id,
            "ext": made.extension,
        }
    )


def _begin(
    ctx: Context,
    job: Job,
    export: Export,
    wish: ExportWish,
    approved_by: Callable[[Item], str],
    stack: ExitStack,
) -> Packing:
    if wish.to == STORE:
        if ctx.outlet is None:
            raise CannotExportError("There is no place for exports set up here (IMGBATCH_EXPORT_TO).")
        folder = f"{safe_name(job.title, empty='job')}-{job.id}"
        return StorePacking(ctx.outlet, folder, approved_by, stack)
    return ZipPacking(ctx, job, export, wish, approved_by, stack)


class StorePacking:
    """Files put one by one into a folder of the store, the manifest last."""

    def __init__(
        self, outlet: Outlet, folder: str, approved_by: Callable[[Item], str], stack: ExitStack
    ) -> None:
        self._outlet, self._folder = outlet, folder
        self._manifest = Manifest(approved_by)
        stack.callback(self._manifest.close)
        self._files = self._size = 0

    def add(self, name: str, made: Made) -> None:
        if name:
            self._outlet.put(f"{self._folder}/{name}", BytesIO(made.content))
            self._files += 1
            self._size += len(made.content)
        self._manifest.add(name, made)

    def end(self) -> list[dict[str, Any]]:
        for ending, file in self._manifest.files():
            self._outlet.put(f"{self._folder}/manifest.{ending}", file)
        address = f"{self._outlet.address}/{self._folder}"
        return [{"address": address, "files": self._files, "size": self._size}]


class ZipPacking:
    """Archives among the blobs, a new one before the next file would make it too large. Pictures are stored
    as they are: they are compressed already.
    """

    def __init__(
        self,
        ctx: Context,
        job: Job,
        export: Export,
        wish: ExportWish,
        approved_by: Callable[[Item], str],
        stack: ExitStack,
    ) -> None:
        self._ctx, self._job, self._export, self._wish = ctx, job, export, wish
        self._approved_by, self._outer = approved_by, stack
        self._parts: list[dict[str, Any]] = []
        self._begin()

    def _begin(self) -> None:
        number = len(self._parts) + 1
        self._key = f"{self._job.id}/export/{self._export.id}-{number}.zip"
        self._stack = self._outer.enter_context(ExitStack())
        file = self._stack.enter_context(self._ctx.blobs.writing(self._key))
        self._zip = self._stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_STORED))
        self._manifest = Manifest(self._approved_by)
        self._stack.callback(self._manifest.close)
        self._files = self._size = 0

    def add(self, name: str, made: Made) -> None:
        if name:
            most, needed = self._ctx.policy.export_part_bytes, len(made.content) + A_FILE
            if self._files and self._size + needed > most:
                self._close()
                self._begin()
            self._zip.writestr(self._info(name), made.content)
            self._files += 1
            self._size += needed
        self._manifest.add(name, made)

    def _info(self, name: str) -> zipfile.ZipInfo:
        at = self._export.created_at
        return zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))

    def _close(self) -> None:
        number = len(self._parts) + 1
        for ending, file in self._manifest.files():
            name = f"manifest.{ending}" if number == 1 else f"manifest-{number}.{ending}"
            info = self._info(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with self._zip.open(info, "w") as target:
                shutil.copyfileobj(file, target, BETWEEN)
        self._stack.close()
        size = self._ctx.blobs.size(self._key)
        self._parts.append({"key": self._key, "files": self._files, "size": size})

    def end(self) -> list[dict[str, Any]]:
        self._close()
        title = re.sub(r"\.(csv|tsv|xlsx)$", "", self._job.title, flags=re.IGNORECASE)
        stem = f"{safe_name(title, empty='job')[:60]}-{self._job.id}-{self._wish.which}"
        many = len(self._parts)
        for number, part in enumerate(self._parts, 1):
            part["name"] = f"{stem}.zip" if many == 1 else f"{stem}-{number}-of-{many}.zip"
        return self._parts
