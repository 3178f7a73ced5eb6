"""The form of a new batch: kept up to date while it is filled in, put aside when it is closed, and written
down when it is submitted.

Slack hands over an uploaded file only with the submission. A sheet that is known before (of a message, or of
an earlier try) is shown at once, with the first row's prompt; a fresh one is looked at in the second before
the answer is due: what is wrong with it stands by the fields, and names that do not match are asked for in a
second step. Where Slack is slower than that, the inbox looks at it, and its answer opens the form again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.intake.glance import Glance, Preview
from bot.intake.options import CommandError, parse_options
from bot.intake.spec import JobSpec
from bot.pipeline.create import SPEC
from bot.runtime import Context
from bot.slack import fields as f
from bot.slack import files, form, inbox, opening, reach
from bot.slack import form_reading as reading
from bot.slack.draft import CHANNEL, MAPPED, TEMPLATE, Draft
from bot.slack.fields import FormError
from bot.slack.files import Sheet
from bot.slack.listeners.parts import Json, behind, person_of, show_form, team_of, where_of
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import SlackTrouble, Wire, wire_of
from storage.records import InboxEntry

log = logging.getLogger(__name__)

GLANCE_SECONDS = 1.0
"""How long Slack may take to hand over the sheet, and to say whether the bot can post; an answer is due in
three seconds.
"""

LIVE = re.compile(rf"^form_({TEMPLATE}|model|size|preset|{CHANNEL}|{MAPPED}.*)$")
"""Fields of whose changes the program hears."""


def register(app: App, ctx: Context) -> None:
    own = app.client
    quick = WebClient(
        token=own.token,
        base_url=own.base_url,
        timeout=1,
        retry_handlers=[],
        logger=logging.getLogger("bot.slack.client"),
    )
    looking = ThreadPoolExecutor(4, thread_name_prefix="glance")
    desk = Desk(ctx, quick, looking)

    @app.view(form.NEW)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        answer = desk.submitted(body, view)
        ack(**answer)

    @app.view(form.COLUMNS)
    def columns_chosen(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        answer = desk.columns_chosen(body, view)
        ack(**answer)

    @app.view_closed(form.NEW)
    def closed(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        person = person_of(body)
        Draft.in_view(ctx, view, person).keep(ctx, person, ctx.clock())
        ack()

    @app.action(LIVE)
    def changed(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        ack()
        view = body.get("view") or {}
        if view.get("callback_id") == form.NEW:
            name = str(action["action_id"]).removeprefix("form_")
            behind(lambda: _changed(ctx, wire_of(client), view, person_of(body), name))
        elif view.get("callback_id") == form.COLUMNS:
            behind(lambda: _chosen(ctx, wire_of(client), view, person_of(body)))

    for action_id in (form.MORE, form.AFRESH, form.OTHER_SHEET):

        @app.action(action_id)
        def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
            ack()
            behind(lambda: _pressed(ctx, wire_of(client), body["view"], person_of(body), action["action_id"]))

    @app.action(form.AGAIN)
    def again(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        _again(ctx, client, body, str(action["value"]))
        ack()


# --- while it is open ----------------------------------------------------------------------------------


def _changed(ctx: Context, wire: Wire, view: Json, person: str, name: str) -> None:
    """A field was changed: put it aside, and draw what depends on it."""
    now = ctx.clock()
    draft = Draft.in_view(ctx, view, person)
    if name == "preset":
        try:
            draft = opening.refilled(ctx, draft, person, draft.text("preset"))
        except CommandError:
            log.info("the preset is gone")
    elif name == CHANNEL:
        draft = opening.moved(ctx, draft, person, draft.text(CHANNEL))
    draft = opening.with_glance(wire, draft, now)
    draft.keep(ctx, person, now)
    _show(ctx, wire, view, draft)


def _chosen(ctx: Context, wire: Wire, view: Json, person: str) -> None:
    """A column was chosen in the second step: show the prompt it makes."""
    now = ctx.clock()
    aside = ctx.shelf.draft(str(view["team_id"]), person)
    if aside is None or aside.get("id") != view["private_metadata"]:
        return
    draft = Draft.of_json(aside).anew(f.filled(view))
    draft.keep(ctx, person, now)
    # The form below may show these columns too, as they were before: “Back” must not bring them back
    opening.update(ctx, wire, str(view["root_view_id"]), "", draft, now)
    drawn = form.columns_form(draft, reading.preview_of(draft) or Preview())
    if f.outline(drawn["blocks"]) != f.outline(view["blocks"]):
        opening.replace_view(wire, str(view["id"]), str(view["hash"]), drawn, now)


def _pressed(ctx: Context, wire: Wire, view: Json, person: str, action_id: str) -> None:
    now = ctx.clock()
    draft = Draft.in_view(ctx, view, person)
    match action_id:
        case form.MORE:
            draft = replace(draft, more=True)
        case form.OTHER_SHEET:
            kept = {name: None for name in draft.values if name.startswith(MAPPED)}
            draft = replace(draft.with_values(kept), sheet=None, glance=None)
        case _:
            ctx.shelf.drop_draft(draft.team, person)
            fresh = opening.blank(ctx, Where(draft.team, draft.here, person))
            draft = replace(fresh, turn=draft.turn + 1)
    draft.keep(ctx, person, now)
    # What was asked for by a button comes, even if a field was changed at that moment
    opening.update(ctx, wire, str(view["id"]), "", draft, now)


def _show(ctx: Context, wire: Wire, view: Json, draft: Draft) -> None:
    """Draw it again if there is something new to see: the person's own words are on the screen already."""
    now = ctx.clock()
    if f.outline(opening.drawn(ctx, draft, now)["blocks"]) != f.outline(view["blocks"]):
        opening.update(ctx, wire, str(view["id"]), str(view["hash"]), draft, now)


def _again(ctx: Context, client: WebClient, body: Json, key: str) -> None:
    """The form as it was handed in, for the person who did."""
    where, now = where_of(body), ctx.clock()
    entry = ctx.mail.entry(key)
    if entry is None or entry.payload["where"]["person"] != where.person:
        said = reach.sentence("That was somebody else's form; open your own with “/imgbatch new”.")
        reach.answer(wire_of(client), where, said, now, paced=False)
        return
    show_form(ctx, client, str(body["trigger_id"]), _asked_for(ctx, entry), where.person)


def _asked_for(ctx: Context, entry: InboxEntry) -> Draft:
    """The form as it was handed in; of a message with a sheet, what it said."""
    given = entry.payload
    if "draft" in given:
        return replace(Draft.of_json(given["draft"]), id=ctx.new_id(8), turn=0)
    where = Where.of(given["where"])
    where = replace(where, thread=where.thread or given["ts"])
    changes, template = parse_options(given["text"])
    sheets = [files.sheet_of(file) for file in given["files"]]
    sheet = next(one for one in sheets if not one.name or files.ending(one.name) in files.SHEETS)
    return opening.blank(ctx, where, sheet=sheet, changes=changes, template=template)


# --- submitted -----------------------------------------------------------------------------------------


class Desk:
    """What answers a submission, within the time Slack gives."""

    def __init__(self, ctx: Context, quick: WebClient, looking: ThreadPoolExecutor) -> None:
        self._ctx = ctx
        self._quick = quick
        self._looking = looking

    def submitted(self, body: Json, view: Json) -> dict[str, Any]:
        """Arguments of the acknowledgement: errors by the fields, the second step, or nothing."""
        ctx, person, now = self._ctx, person_of(body), self._ctx.clock()
        draft = Draft.in_view(ctx, view, person)
        try:
            sheet, spec = _checked(view, draft, ctx)
            asked_at = self._looking.submit(self._objection, draft, team_of(body), person)
            if draft.sheet is None or draft.sheet.id != sheet.id:
                draft = replace(draft, sheet=sheet, glance=None)
            draft = self._looked_at(draft)
            draft.keep(ctx, person, now)
            _raise(_waited(asked_at) or {})
            if draft.glance is not None:
                seen, errors = reading.objection(draft.glance, spec)
                _raise(errors)
                if seen.missing:
                    draft = opening.guessed(draft)
                    draft.keep(ctx, person, now)
                    seen = reading.preview_of(draft) or seen
                    return {"response_action": "push", "view": form.columns_form(draft, seen)}
        except FormError as problem:
            return {"response_action": "errors", "errors": reading.by_block(view, problem.errors)}
        self._hand_in(draft, spec, person, str(view["id"]))
        return {}

    def columns_chosen(self, body: Json, view: Json) -> dict[str, Any]:
        """The same for the second step."""
        ctx, person = self._ctx, person_of(body)
        aside = ctx.shelf.draft(team_of(body), person)
        shown = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
        if aside is None or aside.get("id") != view["private_metadata"]:
            said = "Another form of yours was opened meanwhile; close this one and go on there."
            return {"response_action": "errors", "errors": {next(iter(shown)): said}}
        draft = Draft.of_json(aside).with_values(f.filled(view))
        draft.keep(ctx, person, ctx.clock())
        try:
            spec = reading.spec_of(draft, ctx.providers)
            if draft.glance is not None:
                seen, errors = reading.objection(draft.glance, spec)
                _raise(errors or ({TEMPLATE: seen.problem or ""} if seen.missing else {}))
        except FormError as problem:
            return {"response_action": "errors", "errors": reading.by_block(view, problem.errors)}
        self._hand_in(draft, spec, person, str(view.get("root_view_id") or view["id"]))
        return {"response_action": "clear"}

    def _hand_in(self, draft: Draft, spec: JobSpec, person: str, view_id: str) -> None:
        """Write it down; from here on nothing is lost, and the draft has done its work."""
        ctx, now = self._ctx, self._ctx.clock()
        assert draft.sheet is not None
        channel = reading.posted_in(draft)
        given = {
            "sheet": draft.sheet.to_json(),
            "spec": SPEC.dump_python(spec, mode="json"),
            "channel": channel,
            "thread": draft.thread,
            "draft": draft.to_json(),
        }
        where = Where(draft.team, channel, person, draft.thread)
        inbox.receive_form(ctx, f"form:{view_id}", given, where, now)
        ctx.shelf.drop_draft(draft.team, person)

    def _looked_at(self, draft: Draft) -> Draft:
        """With a glance at the sheet, if Slack hands it over in time."""
        if draft.glance is not None or draft.sheet is None:
            return draft
        looked: Future[tuple[Sheet, Glance]] = self._looking.submit(
            opening.look_at, wire_of(self._quick), draft.sheet, self._ctx.clock()
        )
        found = _waited(looked)
        return draft if found is None else replace(draft, sheet=found[0], glance=found[1])

    def _objection(self, draft: Draft, team: str, person: str) -> dict[str, str]:
        """Why this person's batch cannot be posted where it shall be, by field."""
        wire, now, channel = wire_of(self._quick), self._ctx.clock(), reading.posted_in(draft)
        if not channel:
            return {CHANNEL: "Choose where to post."}
        refused = refusal(self._ctx, wire, Right.START, Where(team, channel, person), now)
        if refused is None and not draft.fixed:
            refused = reach.cannot_speak(wire, channel, now)
        return {CHANNEL: refused} if refused else {}


def _checked(view: Json, draft: Draft, ctx: Context) -> tuple[Sheet, JobSpec]:
    """The sheet and the options. Raises FormError with everything that is wrong with either."""
    try:
        sheet = reading.sheet_of(view, draft)
    except FormError as problem:
        errors = dict(problem.errors)
        try:
            reading.spec_of(draft, ctx.providers)
        except FormError as others:
            errors |= others.errors
        raise FormError(errors) from problem
    return sheet, reading.spec_of(draft, ctx.providers)


def _raise(errors: Mapping[str, str]) -> None:
    if errors:
        raise FormError(errors)


def _waited(future: Future[Any]) -> Any:
    """Its result, or None where Slack was too slow: the inbox asks again then."""
    try:
        return future.result(GLANCE_SECONDS)
    except (TooSlow, SlackTrouble):
        return None
