"""One message, told once: the intent is written down before the call, and after a crash the thread is
searched for it before it is posted again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.runtime import Context
from bot.slack import limits
from bot.slack.blocks import Message
from bot.slack.wire import CHANNEL_GONE, Gone, InDoubt, Later, SlackTrouble, Unfit, Wire
from storage.records import Announcement, AnnouncementState

log = logging.getLogger(__name__)

LOOK_AFTER = timedelta(seconds=5)
"""A message whose reply was lost is looked for this much later: it may still be on its way."""

CLOCKS_APART = timedelta(hours=1)
"""How far our clock and Slack's may differ, for the search."""

TRIES = 6
"""A message Slack keeps refusing is given up after this many."""

LONGEST_WAIT = timedelta(minutes=5)

STRANDED = "stranded"
"""Kind of the direct message that says that a channel is lost."""

NOT_SENT = "not sent: "
"""Begins the note of a message that certainly was not posted, so that it need not be looked for."""

PAGES = 10
"""Pages of 200 messages searched for one of ours."""


class Fate(StrEnum):
    """What became of a message in this tick."""

    SAID = "said"
    """It stands in Slack as it should."""
    WAITS = "waits"
    """Not yet; a later tick goes on."""
    DEAD = "dead"
    """It cannot be told; nobody tries again."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What one tick works with."""

    ctx: Context
    wire: Wire
    now: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where the messages of a job go."""

    job_id: str
    channel: str
    thread_ts: str | None = None


def tell(
    desk: Desk,
    place: Place,
    kind: str,
    said: Message,
    told: Announcement | None,
    *,
    digest: str | None = None,
    broadcast: bool = False,
    spare: int = 0,
) -> Fate:
    """Post the message if it was never posted, update it if it says something else now.

    `told` is what is known of it; `spare` leaves room in the pace for what is more urgent.
    """
    digest = digest or said.digest
    if told is None:
        if not desk.wire.pace.take("chat.postMessage", desk.now, place.channel):
            return Fate.WAITS
        told = Announcement(
            place.job_id, kind, place.channel, AnnouncementState.POSTING, desk.now, place.thread_ts
        )
        if not desk.ctx.mail.announcing(told):
            return Fate.WAITS
        return _post(desk, told, said, digest, broadcast)
    match told.state:
        case AnnouncementState.DEAD:
            return Fate.DEAD
        case AnnouncementState.POSTED:
            return Fate.SAID if told.digest == digest else _update(desk, told, said, digest, spare)
        case AnnouncementState.POSTING:
            return _resume(desk, told, said, digest, broadcast)


def _post(desk: Desk, told: Announcement, said: Message, digest: str, broadcast: bool) -> Fate:
    arguments: dict[str, Any] = {
        "channel": told.channel,
        "text": said.text,
        "blocks": list(said.blocks),
        "metadata": metadata(told),
        "unfurl_links": False,
        "unfurl_media": False,
    }
    if told.thread_ts is not None:
        arguments |= {"thread_ts": told.thread_ts, "reply_broadcast": broadcast}
    try:
        answer = desk.wire.call("chat.postMessage", desk.now, paced=False, **arguments)
    except SlackTrouble as problem:
        return failed(desk, told, problem)
    desk.ctx.mail.announced(told, desk.now, ts=str(answer["ts"]), digest=digest)
    return Fate.SAID


def metadata(told: Announcement) -> dict[str, Any]:
    """What our messages are found again by. Ids only: other apps may be allowed to read it."""
    return {
        "event_type": limits.METADATA_EVENT,
        "event_payload": {"job": told.job_id, "kind": told.kind},
    }


def _resume(desk: Desk, told: Announcement, said: Message, digest: str, broadcast: bool) -> Fate:
    """The intent was written, the end is not known."""
    if desk.now < told.at + rest(told):
        return Fate.WAITS
    if not told.note.startswith(NOT_SENT):
        try:
            ts = find(desk, told)
        except SlackTrouble as problem:
            log.info("job %s: cannot look for “%s” yet: %s", told.job_id, told.kind, problem)
            return _hidden(desk, told, problem)
        if ts is not None:
            # What it says was not kept: the empty digest brings it up to date at the next tick.
            desk.ctx.mail.announced(told, desk.now, ts=ts, digest="")
            return Fate.SAID
    if not desk.wire.pace.take("chat.postMessage", desk.now, told.channel):
        return Fate.WAITS
    # The note must not say “not sent” while it is being sent.
    desk.ctx.mail.announce_failed(told, desk.now, "sending again")
    return _post(desk, told, said, digest, broadcast)


def _hidden(desk: Desk, told: Announcement, problem: SlackTrouble) -> Fate:
    """The search did not work: not posted again before it did, and never where nothing can be read."""
    if isinstance(problem, Gone | Unfit):
        desk.ctx.mail.announcement_dead(told, desk.now, f"cannot be looked for: {problem}")
        return Fate.DEAD
    return Fate.WAITS


def channel_lost(told: Mapping[str, Announcement]) -> bool:
    """Whether Slack said of one of these messages that their channel takes none."""
    return any(
        one.state is AnnouncementState.DEAD and one.note in CHANNEL_GONE and one.kind != STRANDED
        for one in told.values()
    )


def rest(told: Announcement) -> timedelta:
    """How long a message is left alone after what happened to it."""
    doubling = timedelta(seconds=2.0 ** min(told.tries, 9))
    wait = min(doubling, LONGEST_WAIT)
    return wait if told.note.startswith(NOT_SENT) else max(LOOK_AFTER, wait)


def find(desk: Desk, told: Announcement) -> str | None:
    """The ts of our message of this kind, if it is there. Raises SlackTrouble."""
    oldest = (told.at - CLOCKS_APART).timestamp()
    arguments: dict[str, Any] = {"channel": told.channel, "limit": 200, "include_all_metadata": True}
    method = "conversations.history"
    if told.thread_ts is not None:
        method, arguments["ts"] = "conversations.replies", told.thread_ts
    arguments["oldest"] = f"{oldest:.6f}"
    wanted = metadata(told)
    for _ in range(PAGES):
        page = desk.wire.call(method, desk.now, **arguments)
        for found in page.get("messages", []):
            mine = found.get("metadata") or {}
            if mine.get("event_payload") == wanted["event_payload"] and mine.get("event_type") == (
                limits.METADATA_EVENT
            ):
                return str(found["ts"])
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None
        arguments["cursor"] = cursor
    return None


def _update(desk: Desk, told: Announcement, said: Message, digest: str, spare: int) -> Fate:
    if told.tries and desk.now < told.at + rest(told):
        return Fate.WAITS
    try:
        desk.wire.call(
            "chat.update",
            desk.now,
            spare=spare,
            channel=told.channel,
            ts=told.ts,
            text=said.text,
            blocks=list(said.blocks),
        )
    except Later:
        return Fate.WAITS
    except SlackTrouble as problem:
        return failed(desk, told, problem)
    desk.ctx.mail.announced(told, desk.now, ts=told.ts, digest=digest)
    return Fate.SAID


def failed(desk: Desk, told: Announcement, problem: SlackTrouble) -> Fate:
    """Write down that the call did not work: again later, or never."""
    mail, now = desk.ctx.mail, desk.now
    match problem:
        case Gone():
            log.info("job %s: “%s” is left alone: %s", told.job_id, told.kind, problem)
            mail.announcement_dead(told, now, problem.code)
            return Fate.DEAD
        case Unfit() if told.tries + 1 >= TRIES:
            log.error("job %s: Slack does not take “%s”: %s", told.job_id, told.kind, problem)
            mail.announcement_dead(told, now, str(problem)[:500])
            return Fate.DEAD
        case InDoubt():
            mail.announce_failed(told, now, str(problem)[:500])
        case _:
            mail.announce_failed(told, now, f"{NOT_SENT}{problem}"[:500])
    return Fate.WAITS
