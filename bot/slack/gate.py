"""Before every listener: what members ask of the bot is let through, the rest is acknowledged and ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from slack_bolt import BoltContext, BoltRequest, BoltResponse
from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import reach, views
from bot.slack.listeners.parts import where_of
from bot.slack.reach import Where
from bot.slack.rights import UNKNOWN, not_admitted
from bot.slack.wire import SlackTrouble, wire_of

log = logging.getLogger(__name__)

HEARD_SUBTYPES = (None, "file_share")
"""Messages a person wrote; all others tell of changes, joins, or other bots."""

OF_NOBODY = ("app_uninstalled", "tokens_revoked", "file_shared")
"""Events behind which nobody stands who wants something of the bot."""

DELIVERED_AGAIN = 3
"""How often Slack delivers an event again that is not acknowledged: at once, after a minute, after five."""

Json = Mapping[str, Any]


def gate(ctx: Context) -> Callable[..., BoltResponse | None]:
    """The middleware for this context."""

    def only_members(
        body: dict[str, Any],
        context: BoltContext,
        client: WebClient,
        request: BoltRequest,
        next: Callable[[], None],  # noqa: A002
    ) -> BoltResponse | None:
        event: Json = body.get("event") or {}
        if event.get("type") in ("message", "app_mention") and not _for_us(ctx, event, context):
            return BoltResponse(status=200, body="")
        home = _home(body, context)
        if _stranger(home, body, event):
            said = "" if event else "Only members of this workspace can use imgbatch."
            return BoltResponse(status=200, body=said)
        if event.get("type") not in OF_NOBODY:
            where = replace(_where(body, event), team=home)
            refused = not_admitted(ctx, wire_of(client), where, ctx.clock())
            if refused == UNKNOWN and event and not _last_time(request):
                return BoltResponse(
                    status=503, body=""
                )  # Slack brings it again; what people wrote is not lost
            if refused is not None:
                return _turned_away(ctx, client, body, where, refused)
        next()
        return None

    return only_members


def _last_time(request: BoltRequest) -> bool:
    """Whether Slack delivers an event for the last time."""
    return "".join(request.headers.get("x-slack-retry-num", ())) == str(DELIVERED_AGAIN)


def _for_us(ctx: Context, event: Json, context: BoltContext) -> bool:
    """A person's words to the bot: said to it, or a file put into the thread of a job."""
    if not _by_a_person(event, context):
        return False
    if event.get("type") == "app_mention" or event.get("channel_type") == "im":
        return True
    if f"<@{context.bot_user_id}>" in str(event.get("text") or ""):
        return True
    thread = event.get("thread_ts")
    return bool(event.get("files") and thread and ctx.mail.thread_at(str(event["channel"]), str(thread)))


def _by_a_person(event: Json, context: BoltContext) -> bool:
    """Neither a bot's (our own above all) nor a change of an earlier message."""
    return (
        event.get("subtype") in HEARD_SUBTYPES
        and not event.get("bot_id")
        and not event.get("hidden")
        and bool(event.get("user"))
        and event.get("user") != context.bot_user_id
    )


def _home(body: Json, context: BoltContext) -> str:
    """The workspace the app is installed in. The envelope of an event from a shared channel names another."""
    known = context.authorize_result.team_id if context.authorize_result else None
    return str(known or body.get("context_team_id") or body.get("team_id") or "")


def _stranger(home: str, body: Json, event: Json) -> bool:
    """Somebody of another company in a shared channel (Slack Connect), as far as the payload says so."""
    user = body.get("user")
    theirs = event.get("user_team") or event.get("source_team") or event.get("team")
    if isinstance(user, Mapping):
        theirs = user.get("team_id") or (body.get("team") or {}).get("id")
    return bool(home and theirs and theirs != home)


def _where(body: Json, event: Json) -> Where:
    if not event:
        return where_of(body)
    item: Json = event.get("item") or {}
    channel = str(event.get("channel") or item.get("channel") or "")
    # The App Home is a place of its own, although its event names the direct messages.
    home = event.get("type") == "app_home_opened"
    team, person = str(body.get("team_id") or ""), str(event.get("user") or "")
    return Where(team, "" if home else channel, person, event.get("thread_ts"))


def _to_be_told(event: Json) -> bool:
    """Not somebody who reacted, and once to somebody whose mention comes as two kinds of event."""
    if event.get("type") == "message":
        return event.get("channel_type") == "im" or bool(event.get("files"))
    return event.get("type") not in ("reaction_added", "reaction_removed")


def _turned_away(ctx: Context, client: WebClient, body: Json, where: Where, said: str) -> BoltResponse:
    """Tell the person why, in the way that fits what they did."""
    log.info("person %s was turned away: %s", where.person, said)
    kind = body.get("type")
    if body.get("command"):
        return BoltResponse(status=200, body=said)
    if kind == "view_submission":
        block = next((x["block_id"] for x in body["view"]["blocks"] if x["type"] == "input"), "")
        return BoltResponse(status=200, body={"response_action": "errors", "errors": {block: said}})
    if kind == "block_suggestion":
        return BoltResponse(status=200, body={"options": []})
    event: Json = body.get("event") or {}
    try:
        if event.get("type") == "app_home_opened":
            view = views.home([b.section(said)])
            wire_of(client).call("views.publish", ctx.clock(), paced=False, user_id=where.person, view=view)
        elif kind != "view_closed" and _to_be_told(event):
            reach.answer(wire_of(client), where, reach.sentence(said), ctx.clock(), paced=False)
    except SlackTrouble as problem:
        log.warning("person %s could not be told: %s", where.person, problem)
    return BoltResponse(status=200, body="")
