"""Who may do what: one question, asked before every verb and answered in one sentence for people."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from bot.runtime import Context
from bot.slack.reach import Where
from bot.slack.wire import Wire


class Right(StrEnum):
    """What a person may be allowed to do."""

    START = "start"
    """Make, start, pause, cancel and retry jobs, within the spending limit."""
    SPEND = "spend"
    """Agree to a job above the spending limit."""
    APPROVE = "approve"
    """Review pictures and samples."""
    ADMIN = "admin"
    """Presets, schedules of others, and everything else."""


def refusal(ctx: Context, wire: Wire, right: Right, where: Where, now: datetime) -> str | None:
    """Why this person may not do this here, as a sentence that says who may; None when they may."""
    del ctx, wire, right, where, now
    return None
