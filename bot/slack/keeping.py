"""What a message said, kept beside the pictures: its content may not be worked out again later."""

from __future__ import annotations

import json

from bot.runtime import Context
from bot.slack.blocks import Message
from bot.slack.telling import TRIES
from storage.records import Announcement

CLOSED = "closed"
"""Digest of a message whose buttons were taken away."""


def keep(ctx: Context, job_id: str, kind: str, said: Message) -> None:
    content = json.dumps({"text": said.text, "blocks": list(said.blocks)}, ensure_ascii=False)
    ctx.blobs.put(_key(job_id, kind), content.encode())


def kept(ctx: Context, job_id: str, kind: str) -> Message | None:
    """None where it was never kept."""
    try:
        found = json.loads(ctx.blobs.read(_key(job_id, kind)))
    except FileNotFoundError:
        return None
    return Message(found["text"], found["blocks"])


def acceptable(ctx: Context, job_id: str, kind: str, said: Message, told: Announcement | None) -> Message:
    """What was kept; without its pictures, from now on, where Slack said that they are processed and then did
    not take them, all but once.
    """
    if told is None or "slack file" not in told.note or told.tries < TRIES - 1:
        return said
    said = Message(said.text, [block for block in said.blocks if block["type"] != "image"])
    keep(ctx, job_id, kind, said)
    return said


def _key(job_id: str, kind: str) -> str:
    return f"{job_id}/told/{kind}.json"
