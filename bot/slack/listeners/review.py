"""Clicks in a review: written down and acknowledged. What came of it is seen in the message; who came too
late is answered by the inbox tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App

from bot.runtime import Context
from bot.slack import review_page, reviewing
from bot.slack.listeners.parts import Json, person_of, team_of, where_of
from storage.states import ReviewState

DO: Mapping[str, str] = {
    review_page.APPROVE: "approve",
    review_page.UNDO: "undo",
    review_page.KEEP: "keep",
}


def register(app: App, ctx: Context) -> None:
    def clicked(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        job, number, seen = read_carried(action)
        given = {"do": DO[action["action_id"]], "job": job, "item": number, "seen": seen}
        reviewing.receive(ctx, _click(body, action), given, where_of(body), ctx.clock())
        ack()

    for action_id in DO:
        app.action(action_id)(clicked)

    def turned(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        job, _, picture = str(action["value"]).partition(" ")
        do = "on" if action["action_id"] == review_page.ON else "back"
        given = {"do": do, "job": job, "picture": int(picture)}
        reviewing.receive(ctx, _click(body, action), given, where_of(body), ctx.clock())
        ack()

    app.action(review_page.ON)(turned)
    app.action(review_page.BACK)(turned)

    @app.action(review_page.FILTER)
    def narrowed(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        job = str(action["block_id"]).split("-")[1]
        given = {"do": "filter", "job": job, "filter": action["selected_option"]["value"]}
        reviewing.receive(ctx, _click(body, action), given, where_of(body), ctx.clock())
        ack()

    @app.action(review_page.PAGE_OK)
    def these(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        job, *numbers = str(action["value"]).split()
        given = {"do": "these", "job": job, "pictures": [int(number) for number in numbers]}
        reviewing.receive(ctx, _click(body, action), given, where_of(body), ctx.clock())
        ack()


def _click(body: Json, action: Json) -> str:
    """Names one click: a redelivery has the same name."""
    container = body.get("container") or {}
    place = f"{container.get('channel_id')}:{container.get('message_ts')}"
    return f"{team_of(body)}:{place}:{person_of(body)}:{action['action_id']}:{action['action_ts']}"


def read_carried(action: Json) -> tuple[str, int, str]:
    """The job, the version and how it stood. Raises ValueError for what no button of ours carries."""
    job, number, seen = str(action.get("value") or "").split(" ")
    return job, int(number), ReviewState(seen).value
