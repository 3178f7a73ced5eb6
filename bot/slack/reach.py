"""Answering a person where they are: for their eyes only where Slack can, else in a direct message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.slack import blocks as b
from bot.slack.blocks import Message
from bot.slack.wire import Gone, Unfit, Wire


@dataclass(frozen=True, slots=True)
class Where:
    """Where a person spoke."""

    team: str
    channel: str
    person: str
    thread: str | None = None
    """The thread they spoke in; None for the channel itself."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Where:
        return cls(given["team"], given["channel"], given["person"], given.get("thread"))


def answer(wire: Wire, where: Where, said: Message, now: datetime, *, paced: bool = True) -> None:
    """Say it to this person. Raises SlackTrouble where even a direct message is not possible."""
    content: dict[str, Any] = {"text": said.text, "blocks": list(said.blocks) or None}
    if where.channel.startswith("D"):
        arguments = {"channel": where.channel, "thread_ts": where.thread, "unfurl_links": False, **content}
        wire.call("chat.postMessage", now, paced=paced, **arguments)
        return
    if where.channel:
        try:
            wire.call(
                "chat.postEphemeral",
                now,
                paced=paced,
                channel=where.channel,
                user=where.person,
                # Slack shows an ephemeral message in a thread only where there are replies already,
                # which is so when the person wrote one.
                thread_ts=where.thread,
                **content,
            )
        except (Gone, Unfit) as problem:
            if isinstance(problem, Unfit) and problem.code not in NOT_HERE:
                raise
        else:
            return
    direct(wire, where.person, said, now, paced=paced)


NOT_HERE = frozenset({"user_not_in_channel", "cannot_reply_to_message", "invalid_channel", "no_permission"})
"""The person or the bot cannot be spoken to in that channel."""


def direct(wire: Wire, person: str, said: Message, now: datetime, *, paced: bool = True) -> None:
    """Say it in the person's direct messages. Raises SlackTrouble."""
    opened = wire.call("conversations.open", now, paced=paced, users=person)
    content: dict[str, Any] = {"text": said.text, "blocks": list(said.blocks) or None}
    wire.call("chat.postMessage", now, paced=paced, channel=opened["channel"]["id"], **content)


def sentence(text: str) -> Message:
    """A plain sentence, which may quote people."""
    return b.message(b.escaped(text), [b.words(text)])


def sentences(heading: str, lines: Sequence[str]) -> Message:
    """A heading and what is the matter, one line each."""
    if len(lines) == 1:
        return sentence(f"{heading} {lines[0]}".strip())
    listed = "\n".join(f"• {line}" for line in lines)
    return b.message(b.escaped(f"{heading} {' '.join(lines)}"), [b.words(f"{heading}\n{listed}")])


def cannot_speak(wire: Wire, channel: str, now: datetime, *, paced: bool = True) -> str | None:
    """Why nothing can be posted in this channel, as a sentence; None when it can, or Slack does not say."""
    try:
        wire.call("conversations.history", now, paced=paced, channel=channel, limit=1)
    except Gone as problem:
        if problem.code == "is_archived":
            return "That channel is archived; choose another one."
        return "I am not in that channel; invite me there with /invite @imgbatch, or choose another one."
    except Unfit:
        return None
    return None
