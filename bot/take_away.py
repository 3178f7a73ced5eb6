"""`imgbatch export`: the pictures of a job as files, in a folder, in archives, or in an object store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import typer

from bot.app import open_context
from bot.config import load
from bot.intake.exporting import ALL, APPROVED, SLACK, STORE, ExportWish, read_pattern, read_presets
from bot.intake.options import CommandError
from bot.pipeline.packing import CannotExportError, make
from bot.runtime import Context, now
from bot.terminal import fail
from bot.watch.words import count
from storage.outlets import OutletTrouble, open_outlet
from storage.records import Job
from storage.shelved import Export, ExportState

WHO = "command line"


def export(job_id: str, out: str | None, everything: bool, archives: bool, presets: str, name: str) -> int:
    """Write the files and say where they are. Exit status 0, or 1 where some could not be made."""
    try:
        wish = ExportWish(ALL if everything else APPROVED, read_presets(presets), read_pattern(name))
    except CommandError as problem:
        fail(str(problem))
    with open_context(load().settings, schedules=False) as ctx:
        job = ctx.queries.job(job_id)
        if job is None:
            known = ", ".join(found.id for found in ctx.queries.jobs(limit=5)) or "none yet"
            fail(f"There is no job “{job_id}” in {load().settings.imgbatch_data}; the newest are: {known}")
        try:
            return _archives(ctx, job, wish, out) if archives else _files(ctx, job, wish, out)
        except (CannotExportError, OutletTrouble) as problem:
            fail(str(problem), 1)


def _asked(job: Job, wish: ExportWish, to: str) -> Export:
    given = {**wish.to_json(), "to": to}
    return Export("terminal", job.id, WHO, given, ExportState.ASKED, (), now())


def _files(ctx: Context, job: Job, wish: ExportWish, out: str | None) -> int:
    outlet = open_outlet(out) if out else ctx.outlet or open_outlet("export")
    parts, note = make(replace(ctx, outlet=outlet), job, _asked(job, wish, STORE))
    typer.echo(
        f"{count(parts[0]['files'], 'file')} of {count(parts[0]['of'], 'picture')}: {parts[0]['address']}"
    )
    return _say(note)


def _archives(ctx: Context, job: Job, wish: ExportWish, out: str | None) -> int:
    folder = Path(out or ".")
    folder.mkdir(parents=True, exist_ok=True)
    parts, note = make(ctx, job, _asked(job, wish, SLACK))
    for part in parts:
        with ctx.blobs.open(part["key"]) as source, (folder / part["name"]).open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        ctx.blobs.delete(part["key"])
        typer.echo(f"{count(part['files'], 'file')}: {folder / part['name']}")
    return _say(note)


def _say(note: str) -> int:
    if note:
        typer.echo(note, err=True)
    return 1 if note else 0
