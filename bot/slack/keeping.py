"""What a message said, kept beside the pictures: its content may not be worked out again later."""

from __future__ import annotations

import json

from bot.runtime import Context
from bot.slack.blocks import Message

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


def _key(job_id: str, kind: str) -> str:
    return f"{job_id}/told/{kind}.json"
