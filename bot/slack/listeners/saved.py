"""Presets and schedules: their forms, and the buttons on their lists."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.intake.options import CommandError
from bot.intake.preset import Defaults
from bot.runtime import Context
from bot.slack import answers, opening, presets, reach, schedule_form, schedules
from bot.slack.blocks import Message
from bot.slack.fields import FormError, filled
from bot.slack.form import offered
from bot.slack.listeners.parts import behind, person_of, team_of, where_of
from bot.slack.people import zone_for
from bot.slack.preset_form import CALLBACK as PRESET_FORM
from bot.slack.preset_form import preset_form, read_preset
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    _presets(app, ctx)
    _schedules(app, ctx)


# --- presets -------------------------------------------------------------------------------------------


def _presets(app: App, ctx: Context) -> None:
    @app.action(presets.EDIT)
    def edit(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now = where_of(body), ctx.clock()
        channel, _, name = str(action["value"]).rpartition("/")
        where = Where(where.team, channel or where.channel, where.person)
        refused = refusal(ctx, wire_of(client), Right.ADMIN, where, now)
        if refused is not None:
            ack()
            reach.answer(wire_of(client), where_of(body), reach.sentence(refused), now, paced=False)
            return
        view = preset_form(where, name, _held(ctx, where, name), offered(ctx, now.date()))
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)
        ack()

    @app.view(PRESET_FORM)
    def saved(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        now = ctx.clock()
        try:
            place, before, name, held = read_preset(view, _before(ctx, view))
        except FormError as problem:
            ack(response_action="errors", errors=problem.errors)
            return
        where = Where(place.team, place.channel, person_of(body))
        refused = refusal(ctx, wire_of(client), Right.ADMIN, where, now)
        if refused is not None:
            ack(response_action="errors", errors={"name": refused})
            return
        presets.keep(ctx, where, name, held, now)
        if before and before != name:
            ctx.shelf.drop_preset(where.team, where.channel, before)
        ack()
        _tell(ctx, client, where, presets.shown(ctx, where, name, saved=True))


def _held(ctx: Context, where: Where, name: str) -> Defaults:
    found = ctx.shelf.preset(where.team, where.channel, name) if name else None
    return Defaults.of_json(found.body) if found else Defaults()


def _before(ctx: Context, view: dict[str, Any]) -> Defaults:
    """What the preset held when the form was opened, as far as the form does not show it."""
    place, name = presets.place_of(view)
    return _held(ctx, place, name)


# --- schedules -----------------------------------------------------------------------------------------


def _schedules(app: App, ctx: Context) -> None:
    @app.action(schedules.ASK)
    def ask(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now, wire = where_of(body), ctx.clock(), wire_of(client)
        job = answers.find_job(ctx, str(action["value"]), where.team)
        if job is None:
            ack()
            return
        view = schedule_form.schedule_form(job, zone_for(wire, where, now))
        # From the details, which are a modal themselves, it goes on top
        method = "views.push" if body.get("view", {}).get("type") == "modal" else "views.open"
        wire.call(method, now, paced=False, trigger_id=body["trigger_id"], view=view)
        ack()

    @app.action("schedule_kind")
    def kind(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        behind(lambda: _redraw(ctx, client, body))

    @app.view(schedule_form.CALLBACK)
    def scheduled(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        now = ctx.clock()
        job = answers.find_job(ctx, schedule_form.kept_in(view)[0], team_of(body))
        first = next(block["block_id"] for block in view["blocks"] if block["type"] == "input")
        if job is None:
            ack(response_action="errors", errors={first: "The job does not exist any more."})
            return
        where = Where(team_of(body), "", person_of(body))
        try:
            rule = schedule_form.read_schedule(view, now.date())
            made = schedules.begin(ctx, wire_of(client), job, rule, where, now)
        except FormError as problem:
            ack(response_action="errors", errors=problem.errors)
            return
        except CommandError as problem:
            ids = {block["block_id"] for block in view["blocks"]}
            at = "column" if "column" in ids else first
            ack(response_action="errors", errors={at: str(problem)})
            return
        ack(response_action="clear")
        place = Where(where.team, made.channel, where.person)
        _tell(ctx, client, place, schedules.said_of_new(made, now))

    @app.action(schedules.END)
    def end(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now = where_of(body), ctx.clock()
        said = schedules.end(ctx, wire_of(client), str(action["value"]), where, now)
        ack()
        _tell(ctx, client, where, reach.sentence(said))


def _redraw(ctx: Context, client: WebClient, body: dict[str, Any]) -> None:
    view, now = body["view"], ctx.clock()
    job_id, zone = schedule_form.kept_in(view)
    job = answers.find_job(ctx, job_id, team_of(body))
    if job is None:
        return
    drawn = schedule_form.schedule_form(job, zone, str(filled(view)["kind"]))
    opening.replace_view(wire_of(client), view["id"], view["hash"], drawn, now)


def _tell(ctx: Context, client: WebClient, where: Where, said: Message) -> None:
    """For the person's eyes; what was done stands whether or not Slack passes it on."""
    behind(lambda: reach.answer(wire_of(client), where, said, ctx.clock()))
