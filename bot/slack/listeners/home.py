"""The App Home, when it is opened and when its pages are turned."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import app_home
from bot.slack.listeners.parts import behind, person_of, team_of
from bot.slack.wire import wire_of


def register(app: App, ctx: Context) -> None:
    @app.event("app_home_opened")
    def opened(body: dict[str, Any], event: dict[str, Any], client: WebClient) -> None:
        if event.get("tab") == "home":
            _show(ctx, client, team_of(body), str(event["user"]), 0)

    @app.action(app_home.PAGE)
    def turned(ack: Ack, body: dict[str, Any], action: dict[str, Any], client: WebClient) -> None:
        ack()
        _show(ctx, client, team_of(body), person_of(body), int(action["value"]))


def _show(ctx: Context, client: WebClient, team: str, person: str, page: int) -> None:
    behind(lambda: app_home.show(ctx, wire_of(client), team, person, page, ctx.clock()))
