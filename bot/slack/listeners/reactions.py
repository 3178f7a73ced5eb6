"""Reactions to pictures in a thread, as quick answers: a tick approves, a cross rejects, two arrows ask for
another. Taking the reaction back takes the answer back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt import App

from bot.intake.verdicts import Say
from bot.runtime import Context
from bot.slack import review, reviewing
from bot.slack.listeners.parts import Json, team_of
from bot.slack.reach import Where

EMOJI: Mapping[str, Say] = {
    "white_check_mark": Say.APPROVE,
    "heavy_check_mark": Say.APPROVE,
    "ballot_box_with_check": Say.APPROVE,
    "x": Say.REJECT,
    "negative_squared_cross_mark": Say.REJECT,
    "no_entry_sign": Say.REJECT,
    "repeat": Say.REDO,
    "arrows_counterclockwise": Say.REDO,
}
"""Reactions that are answers. Thumbs and hearts are not: people give those without meaning to decide."""


def register(app: App, ctx: Context) -> None:
    @app.event("reaction_added")
    def added(body: dict[str, Any], event: dict[str, Any]) -> None:
        _reaction(ctx, body, event, "react")

    @app.event("reaction_removed")
    def removed(body: dict[str, Any], event: dict[str, Any]) -> None:
        _reaction(ctx, body, event, "unreact")


def _reaction(ctx: Context, body: Json, event: Json, do: str) -> None:
    """Written down if it is an answer, and on something of ours."""
    say = EMOJI.get(str(event.get("reaction") or "").partition("::")[0])
    if say is None:
        return
    found = _reacted_to(ctx, event.get("item") or {})
    if found is None:
        return
    job_id, pictures, channel, thread = found
    if not pictures:
        return
    where = Where(team_of(body), channel, str(event["user"]), thread)
    given = {"do": do, "job": job_id, "say": say.value, "pictures": list(pictures)}
    key = f"{do}:{channel}:{event['user']}:{say}:{event['event_ts']}"
    reviewing.receive(ctx, key, given, where, ctx.clock())


def _reacted_to(ctx: Context, item: Json) -> tuple[str, list[int], str, str | None] | None:
    """The job, the pictures shown there, and where to answer."""
    if item.get("type") == "message":
        told = ctx.mail.told_at(str(item.get("channel")), str(item.get("ts")))
        if told is None:
            return None
        return (
            told.job_id,
            list(review.pictures_in(ctx, told.job_id, told.kind)),
            told.channel,
            told.thread_ts,
        )
    if item.get("type") == "file":
        job_id, pictures = review.pictures_of_file(ctx, str(item.get("file")))
        thread = ctx.mail.thread(job_id) if job_id else None
        return (job_id, pictures, thread.channel, thread.ts) if thread else None
    return None
