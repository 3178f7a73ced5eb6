"""The form of a new batch while it is open: begun, drawn, drawn again when the sheet or a choice is known."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot.intake.glance import Glance, look
from bot.intake.options import Changes, CommandError
from bot.runtime import Context
from bot.slack import files, presets
from bot.slack.draft import CHANNEL, MAPPED, Draft, values_of
from bot.slack.fields import View
from bot.slack.files import FileTrouble, Sheet
from bot.slack.form import batch_form, columns_of
from bot.slack.form_reading import preview_of
from bot.slack.reach import Where
from bot.slack.wire import Unfit, Wire


def begin(
    ctx: Context,
    where: Where,
    *,
    sheet: Sheet | None = None,
    changes: Changes | None = None,
    template: str | None = None,
) -> Draft:
    """What the form starts with: what was typed with it, else what was put aside; the channel's preset under
    that. A sheet that was given is a message's: the batch is posted in its thread. Raises CommandError.
    """
    aside = _put_aside(ctx, where)
    fresh = (changes is None or not changes.given()) and not template
    if aside is not None and fresh and (sheet is None or (aside.sheet and aside.sheet.id == sheet.id)):
        return aside if sheet is not None else _here(aside, where.channel)
    return blank(ctx, where, sheet=sheet, changes=changes, template=template)


def blank(
    ctx: Context,
    where: Where,
    *,
    sheet: Sheet | None = None,
    changes: Changes | None = None,
    template: str | None = None,
) -> Draft:
    """The same, whatever was put aside. Raises CommandError."""
    changes, template = presets.fill(ctx, where, changes or Changes(), template)
    thread = where.thread if sheet is not None else None
    return Draft(
        ctx.new_id(8), where.team, values_of(changes, template), sheet, here=where.channel, thread=thread
    )


def _here(aside: Draft, channel: str) -> Draft:
    """What was put aside, for the channel the person is in now."""
    if not channel:
        return replace(aside, thread=None)
    return replace(aside.with_values({CHANNEL: channel}), here=channel, thread=None)


def _put_aside(ctx: Context, where: Where) -> Draft | None:
    body = ctx.shelf.draft(where.team, where.person)
    return None if body is None else Draft.of_json(body)


def drawn(ctx: Context, draft: Draft, now: datetime) -> View:
    draft = guessed(draft)
    return batch_form(ctx, draft, now.date(), preview_of(draft))


def refilled(ctx: Context, draft: Draft, person: str, name: str) -> Draft:
    """The form with a preset's options in its fields, in the place of what they said. Raises CommandError."""
    where = Where(draft.team, draft.here, person)
    changes, template = presets.fill(ctx, where, Changes(preset=name), None)
    return draft.anew(values_of(changes, template or draft.text("template")))


def moved(ctx: Context, draft: Draft, person: str, channel: str) -> Draft:
    """The form for another channel: its default preset fills what is still empty."""
    draft = replace(draft, here=channel)
    where = Where(draft.team, channel, person)
    try:
        changes, template = presets.fill(ctx, where, Changes(), None)
    except CommandError:
        return draft
    said = values_of(changes, template)
    news = {name: value for name, value in said.items() if not draft.values.get(name)}
    return draft.anew(news) if news else draft


def with_glance(wire: Wire, draft: Draft, now: datetime) -> Draft:
    """The draft with what its sheet shows. Raises SlackTrouble."""
    if draft.sheet is None or draft.glance is not None:
        return draft
    sheet, glance = look_at(wire, draft.sheet, now)
    return replace(draft, sheet=sheet, glance=glance)


def guessed(draft: Draft) -> Draft:
    """With the likely column for each variable the sheet does not have, for the person to check."""
    said: dict[str, str | list[str] | None] = {}
    for block in columns_of(draft, preview_of(draft)):
        chosen = block["element"].get("initial_option")
        if chosen and not draft.text(str(block["block_id"])):
            said[str(block["block_id"])] = str(chosen["value"])
    assert all(name.startswith(MAPPED) for name in said)
    return draft.with_values(said)


def look_at(wire: Wire, sheet: Sheet, now: datetime) -> tuple[Sheet, Glance]:
    """Fetch a sheet and look at its head; a glance tells why it cannot be used. Raises SlackTrouble."""
    try:
        sheet = files.known(wire, sheet, now)
        with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
            path = Path(folder) / files.safe_name(sheet.name)
            files.download(wire, sheet, path)
            return sheet, look(path, sheet.name)
    except FileTrouble as problem:
        return sheet, Glance((), {}, problem=str(problem))


def update(ctx: Context, wire: Wire, view_id: str, mark: str, draft: Draft, now: datetime) -> bool:
    """Draw the open form again, unless it was drawn meanwhile or is closed; whether it was. Raises
    SlackTrouble.
    """
    return replace_view(wire, view_id, mark, drawn(ctx, draft, now), now)


def replace_view(wire: Wire, view_id: str, mark: str, view: View, now: datetime) -> bool:
    """Put a view in the place of one that is open and still has this mark, and say whether it had; an empty
    mark fits whatever is open. Raises SlackTrouble.
    """
    try:
        wire.call("views.update", now, paced=False, view_id=view_id, view=view, hash=mark or None)
    except Unfit as problem:
        if problem.code not in ("hash_conflict", "not_found"):
            raise
        return False
    return True
