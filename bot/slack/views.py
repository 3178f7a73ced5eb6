"""Views that only show something: the details of a job, and the App Home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.slack import blocks as b
from bot.slack import limits
from bot.slack.blocks import Block

View = dict[str, Any]


def details(job_id: str, body: Sequence[Block]) -> View:
    """A job in rows and dollars, to look at."""
    return {
        "type": "modal",
        "callback_id": "job_details",
        "title": b.plain(f"Job {job_id}", limits.VIEW_TITLE),
        "close": b.plain("Close", limits.VIEW_TITLE),
        "blocks": list(body)[: limits.VIEW_BLOCKS],
    }


def home(body: Sequence[Block]) -> View:
    """The App Home."""
    return {"type": "home", "blocks": list(body)[: limits.VIEW_BLOCKS]}
