"""What every listener needs: who spoke where, and the form opened at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_sdk import WebClient

from bot.intake.options import Changes
from bot.runtime import Context
from bot.slack import opening
from bot.slack.draft import Draft
from bot.slack.files import Sheet
from bot.slack.reach import Where
from bot.slack.wire import SlackTrouble, wire_of

log = logging.getLogger(__name__)

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
    where: Where,
    *,
    sheet: Sheet | None = None,
    changes: Changes | None = None,
    template: str | None = None,
) -> None:
    """Open the form with what is known; the sheet, if there is one, is looked at behind it.

    The trigger lives for three seconds, so nothing slow comes before this. Raises SlackTrouble, CommandError.
    """
    draft = opening.begin(ctx, where, sheet=sheet, changes=changes, template=template)
    show_form(ctx, client, trigger, draft, where.person)


def show_form(ctx: Context, client: WebClient, trigger: str, draft: Draft, person: str) -> None:
    """Open the form of a draft. Raises SlackTrouble."""
    now = ctx.clock()
    opened = wire_of(client).call(
        "views.open", now, paced=False, trigger_id=trigger, view=opening.drawn(ctx, draft, now)
    )["view"]
    if draft.sheet is not None and draft.glance is None:
        behind(lambda: _look(ctx, client, draft, person, opened["id"], opened["hash"]))


def _look(ctx: Context, client: WebClient, draft: Draft, person: str, view_id: str, mark: str) -> None:
    now, wire = ctx.clock(), wire_of(client)
    draft = opening.with_glance(wire, draft, now)
    # Only what is shown is put aside: the person may have begun afresh meanwhile
    if opening.update(ctx, wire, view_id, mark, draft, now):
        draft.keep(ctx, person, now)


_BEHIND = ThreadPoolExecutor(4, thread_name_prefix="form")


def behind(work: Callable[[], None]) -> None:
    """Do it beside the acknowledgement. Nobody waits for it; what must not be lost does not belong here."""

    def guarded() -> None:
        try:
            work()
        except SlackTrouble as problem:
            log.info("the form was not brought up to date: %s", problem)
        except Exception:
            # Broad on purpose: it is nobody's turn to hear of it but the log's.
            log.exception("the form was not brought up to date")

    _BEHIND.submit(guarded)
