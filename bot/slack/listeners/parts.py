"""What every listener needs: who spoke where, and the form opened at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient

from bot.intake.options import Changes
from bot.runtime import Context
from bot.slack import views
from bot.slack.reach import Where
from bot.slack.views import Origin
from bot.slack.wire import wire_of

Json = Mapping[str, Any]
"""A payload of Slack's."""


def team_of(body: Json) -> str:
    """Events of shared files lack the team inside; the envelope has it."""
    team = body.get("team")
    return str((team.get("id") if isinstance(team, Mapping) else team) or body.get("team_id") or "")


def person_of(body: Json) -> str:
    user = body.get("user")
    return str((user.get("id") if isinstance(user, Mapping) else user) or body.get("user_id") or "")


def where_of(body: Json) -> Where:
    """Where a click, shortcut or command came from."""
    container = body.get("container") or {}
    channel = (body.get("channel") or {}).get("id") or body.get("channel_id") or container.get("channel_id")
    thread = container.get("thread_ts") or (body.get("message") or {}).get("thread_ts")
    return Where(team_of(body), str(channel or ""), person_of(body), thread)


def open_form(
    ctx: Context,
    client: WebClient,
    trigger: str,
    origin: Origin,
    changes: Changes | None = None,
    template: str | None = None,
) -> None:
    """Open the form. The trigger lives for three seconds, so nothing slow comes before this.

    Raises SlackTrouble.
    """
    now = ctx.clock()
    view = views.new_batch(ctx, now.date(), origin, changes, template)
    wire_of(client).call("views.open", now, paced=False, trigger_id=trigger, view=view)
