"""The form of a new batch, submitted: checked, written down, closed."""

from __future__ import annotations

import logging
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

GLANCE_SECONDS = 1
"""How long Slack may take to say whether the bot can post; an answer is due in three seconds."""


def register(app: App, ctx: Context) -> None:
    own = app.client
    glance = WebClient(
        token=own.token,
        base_url=own.base_url,
        timeout=GLANCE_SECONDS,
        retry_handlers=[],
        logger=logging.getLogger("bot.slack.client"),
    )

    @app.view(views.NEW)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        now = ctx.clock()
        try:
            form = views.read_form(view)
        except FormError as problem:
            ack(response_action="errors", errors=problem.errors)
            return
        refused = _refused(glance, ctx, form)
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
    """Why the bot cannot post there, while the form is still open; the inbox asks again if Slack is slow."""
    if form.thread is not None or not form.channel:
        return None if form.channel else "Choose where to post."
    try:
        return reach.cannot_speak(wire_of(client), form.channel, ctx.clock())
    except SlackTrouble:
        return None
