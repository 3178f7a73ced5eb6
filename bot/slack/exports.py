"""Pictures to take away: asked for by word or form, packed by the pipeline, told in the job's thread."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.intake import command as c
from bot.intake.exporting import APPROVED, SLACK, STORE, ExportWish
from bot.pipeline import packing
from bot.runtime import Context
from bot.slack import answers, reach
from bot.slack import blocks as b
from bot.slack.blocks import Message
from bot.slack.reach import Where
from bot.slack.results import names_of
from bot.slack.sharing import Shared, share
from bot.slack.telling import Desk, Fate, Place, tell
from bot.slack.wire import Unfit, Wire
from bot.watch.words import count
from storage.records import Announcement, AnnouncementState, Job
from storage.shelved import Export, ExportState
from storage.states import ReviewState

KIND = "export-"
"""Begins the kind of these messages; the export's id follows, and the part's number."""

Told = Mapping[str, Announcement]


def answer(ctx: Context, wire: Wire, asked: c.Export, where: Where, now: datetime, once: str) -> Message:
    """What is said to somebody who wrote it."""
    job = answers.find_job(ctx, asked.job, where.team)
    if job is None:
        return reach.sentence(answers.no_such_job(asked.job))
    return reach.sentence(ask(Desk(ctx, wire, now), job, asked.wish, where, once))


def ask(desk: Desk, job: Job, wish: ExportWish, where: Where, once: str) -> str:
    """Have it packed; what to tell the person. `once` names the asking: asked again, it is packed once."""
    ctx = desk.ctx
    to = wish.to or (STORE if ctx.outlet is not None else SLACK)
    if to == STORE and ctx.outlet is None:
        return "There is no place for exports set up here (IMGBATCH_EXPORT_TO); leave out to=store."
    pictures = how_many(ctx, job, wish.which)
    if not pictures:
        return packing.nothing(job, wish.which)
    names = names_of(desk, where.team)
    people = {person: names(person) for person in ctx.queries.approvers(job.id)}
    given: dict[str, Any] = {**wish.to_json(), "to": to, "people": people}
    under_way = [one for one in ctx.shelf.exports(job.id) if one.state is ExportState.ASKED]
    if any(one.wish == given and one.id != once for one in under_way):
        return "That is being packed already; it comes into the job's thread."
    ctx.shelf.ask_export(Export(once, job.id, where.person, given, ExportState.ASKED, (), desk.now))
    kind = "approved " if wish.which == APPROVED else ""
    place = "They are put into the store" if to == STORE else "The ZIP comes into the job's thread"
    return f"{count(pictures, f'{kind}picture')} of job {job.id} will be packed. {place}."


def how_many(ctx: Context, job: Job, which: str) -> int:
    """Pictures an export of these would hold."""
    if which == APPROVED:
        return ctx.reviews.counts(job.id).get(ReviewState.APPROVED, 0)
    return sum(ctx.reviews.counts(job.id).values())


# --- telling ---------------------------------------------------------------------------------------------


def tell_exports(desk: Desk, place: Place, job: Job, told: Told) -> Fate:
    """What became of the job's exports, each once. Raises SlackTrouble."""
    fate = Fate.SAID
    for export in desk.ctx.shelf.exports(job.id):
        match export.state:
            case ExportState.ASKED:
                continue
            case ExportState.FAILED:
                said = _failed(job, export)
                one = tell(desk, place, f"{KIND}{export.id}", said, told.get(f"{KIND}{export.id}"))
            case ExportState.READY if export.wish["to"] == STORE:
                said = _in_store(job, export)
                one = tell(desk, place, f"{KIND}{export.id}", said, told.get(f"{KIND}{export.id}"))
            case ExportState.READY:
                one = _share(desk, place, job, export, told)
        if one is Fate.WAITS:
            fate = one
    return fate


def _share(desk: Desk, place: Place, job: Job, export: Export, told: Told) -> Fate:
    """The archives as files in the thread, one after another."""
    for number, part in enumerate(export.parts, 1):
        kind = f"{KIND}{export.id}-{number}"
        before = told.get(kind)
        if before is not None and before.state is not AnnouncementState.POSTING:
            continue
        shared = Shared(kind, part["key"], part["name"], _comment(job, export, number))
        try:
            if share(desk, place, shared, before) is Fate.WAITS:
                return Fate.WAITS
        except Unfit as problem:
            note = f"Slack does not take the file {part['name']} ({problem.code})."
            desk.ctx.shelf.change_export(export.id, state=ExportState.FAILED.value, note=note)
            return Fate.WAITS
        desk.ctx.blobs.delete(part["key"])
    return Fate.SAID


def _comment(job: Job, export: Export, number: int) -> str:
    part, many = export.parts[number - 1], len(export.parts)
    if "sheet" in export.wish:
        return (
            f"{count(part['of'], 'row')} of *{b.escaped(job.title, 150)}* that failed, for "
            f"{b.person(export.person)}. Change what is wrong and drop the sheet here: only these rows are "
            "looked at, and you see the price first."
        )
    pictures = _what(export, int(part["of"]))
    which = f" (part {number} of {many}: {count(part['files'], 'file')})" if many > 1 else ""
    said = f"{pictures} of *{b.escaped(job.title, 150)}*{which}, {_size(part['size'])}, for "
    said += f"{b.person(export.person)}. The manifest inside has prompts, models, costs and alternative text."
    return f"{said} {b.escaped(export.note)}".strip()


def _what(export: Export, pictures: int) -> str:
    kind = "approved " if export.wish["which"] == APPROVED else ""
    presets = export.wish["presets"]
    as_files = f" for {', '.join(presets)}" if presets else ""
    return f"{count(pictures, f'{kind}picture')}{as_files}"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{max(1, size // 1000):,} kB"


def _in_store(job: Job, export: Export) -> Message:
    part = export.parts[0]
    said = f":package: {_what(export, int(part['of']))} of *{b.escaped(job.title, 150)}* are in "
    said += f"`{b.escaped(part['address'])}` ({count(part['files'], 'file')}, {_size(part['size'])}), for "
    said += f"{b.person(export.person)}. {b.escaped(export.note)}"
    return b.message(said.strip(), [b.section(said.strip())])


def _failed(job: Job, export: Export) -> Message:
    said = f":warning: The export of job {job.id} for {b.person(export.person)} did not work. "
    said += b.escaped(export.note)
    return b.message(said, [b.section(said)])
