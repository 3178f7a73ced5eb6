"""The form of an export."""

from __future__ import annotations

import json
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import answers, cards, export_form, exports, reach
from bot.slack import fields as f
from bot.slack.fields import FormError
from bot.slack.listeners.parts import person_of, team_of, where_of
from bot.slack.reach import Where
from bot.slack.telling import Desk
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    @app.action(cards.EXPORT)
    def opened(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        where, now = where_of(body), ctx.clock()
        job = answers.find_job(ctx, str(action["value"]), where.team)
        ack()
        if job is None:
            said = reach.sentence(answers.no_such_job(str(action["value"])))
            reach.answer(wire_of(client), where, said, now, paced=False)
            return
        view = export_form.form(ctx, job, where)
        wire_of(client).call("views.open", now, paced=False, trigger_id=body["trigger_id"], view=view)

    @app.view(export_form.EXPORT)
    def asked(ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient) -> None:
        kept = json.loads(view["private_metadata"])
        opened_at = Where.of(kept["where"])
        # Who and which workspace come from Slack's envelope, not from what the view brings back.
        where = Where(team_of(body), opened_at.channel, person_of(body), opened_at.thread)
        job = answers.find_job(ctx, str(kept["job"]), where.team)
        if job is None:
            ack()
            return
        try:
            wish = export_form.read(f.filled(view))
        except FormError as problem:
            ack(response_action="errors", errors=dict(problem.errors))
            return
        desk = Desk(ctx, wire_of(client), ctx.clock())
        said = exports.ask(desk, job, wish, where, f"form-{view['id']}")
        ack(response_action="update", view=export_form.packed(said))
