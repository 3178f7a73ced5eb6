"""The buttons on the card of a returned sheet."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import answers, reach, returns
from bot.slack.listeners.parts import where_of
from bot.slack.return_card import CONFIRM, DROP
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    def decided(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Written down and acknowledged; the card shows what came of it."""
        where, now = where_of(body), ctx.clock()
        job_id, number, mark = [*str(action["value"]).split(" "), "", ""][:3]
        job = answers.find_job(ctx, job_id, where.team)
        if job is not None:
            do = "take" if action["action_id"] == CONFIRM else "drop"
            returns.receive(ctx, job.id, number, do, mark, where, now)
        ack()
        if job is None:
            said = reach.sentence(answers.no_such_job(job_id))
            reach.answer(wire_of(client), where, said, now, paced=False)

    for action_id in (CONFIRM, DROP):
        app.action(action_id)(decided)
