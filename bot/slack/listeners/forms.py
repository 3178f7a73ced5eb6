"""The form of a new batch, submitted: checked, written down, closed."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.pipeline.create import SPEC
from bot.runtime import Context
from bot.slack import inbox, reach, views
from bot.slack.listeners.parts import person_of, team_of
from bot.slack.reach import Where
from bot.slack.views import FormError
from bot.slack.wire import SlackTrouble, wire_of


def register(app: App, ctx: Context) -> None:
    @app.view(views.NEW)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        now = ctx.clock()
        try:
            form = views.read_form(view)
        except FormError as problem:
            ack(response_action="errors", errors=problem.errors)
            return
        refused = _refused(client, ctx, form)
        if refused is not None:
            ack(response_action="errors", errors={"channel": refused})
            return
        given = {
            "sheet": form.sheet.to_json(),
            "spec": SPEC.dump_python(form.spec, mode="json"),
            "channel": form.channel,
            "thread": form.thread,
        }
        where = Where(team_of(body), form.channel, person_of(body), form.thread)
        inbox.receive_form(ctx, f"form:{view['id']}", given, where, now)
        ack()


def _refused(client: WebClient, ctx: Context, form: views.Form) -> str | None:
    """Whether the bot can post there, while the form is still open; the inbox asks again if Slack is slow."""
    if form.thread is not None or not form.channel:
        return None if form.channel else "Choose where to post."
    try:
        return reach.cannot_speak(wire_of(client), form.channel, ctx.clock())
    except SlackTrouble:
        return None
