"""Mentions and direct messages. Both kinds of event are heard, because Slack reports a mention with a file
now as the one, now as the other; the inbox keeps one of them.
"""

from __future__ import annotations

from typing import Any

from slack_bolt import App, BoltContext

from bot.runtime import Context
from bot.slack import files, inbox
from bot.slack.listeners.parts import Json, team_of
from bot.slack.reach import Where


def register(app: App, ctx: Context) -> None:
    @app.event("app_mention")
    def mentioned(body: dict[str, Any], event: dict[str, Any]) -> None:
        _keep(ctx, body, event)

    @app.event("message")
    def said(body: dict[str, Any], event: dict[str, Any], context: BoltContext) -> None:
        direct = event.get("channel_type") == "im"
        if direct or f"<@{context.bot_user_id}>" in str(event.get("text") or ""):
            _keep(ctx, body, event)
        elif _is_returned(ctx, event):
            _keep(ctx, body, event, addressed=False)


def _is_returned(ctx: Context, event: Json) -> bool:
    """Whether a sheet was dropped into a job's thread: other files there are people's own affair."""
    thread = event.get("thread_ts")
    named = [str(file.get("name") or "") for file in event.get("files") or []]
    if not thread or not any(files.ending(name) in files.SHEETS for name in named):
        return False
    return ctx.mail.thread_at(str(event["channel"]), str(thread)) is not None


def _keep(ctx: Context, body: Json, event: Json, *, addressed: bool = True) -> None:
    text, given = str(event.get("text") or ""), event.get("files") or []
    if not text.strip() and not given:
        return
    team = team_of(body)
    where = Where(team, str(event["channel"]), str(event["user"]), event.get("thread_ts"))
    message = {
        "text": text,
        "ts": event["ts"],
        "files": [_file(file) for file in given],
        "addressed": addressed,
    }
    key = f"message:{team}:{where.channel}:{event['ts']}"
    inbox.receive_message(ctx, key, message, where, ctx.clock())


def _file(given: Json) -> Json:
    return files.sheet_of(given).to_json()
