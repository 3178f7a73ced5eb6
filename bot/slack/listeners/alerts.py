"""The buttons below an alert."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import alert_answers, reach
from bot.slack.alert_card import ACKNOWLEDGE, BLOCK, MUTE
from bot.slack.listeners.parts import where_of
from bot.slack.rights import Right, refusal
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        """Written down and acknowledged; the message shows what came of it."""
        where, now = where_of(body), ctx.clock()
        chosen = action.get("selected_option") or {}
        refused = refusal(ctx, wire_of(client), Right.START, where, now)
        if refused is None:
            key = str(action["block_id"]).removeprefix(BLOCK)
            does = str(chosen.get("value") or "") if action["action_id"] == MUTE else ""
            alert_answers.receive(ctx, key, does, where, str(action["action_ts"]), now)
        ack()
        if refused is not None:
            reach.answer(wire_of(client), where, reach.sentence(refused), now, paced=False)

    for action_id in (ACKNOWLEDGE, MUTE):
        app.action(action_id)(pressed)
