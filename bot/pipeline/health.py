"""How the providers do at present, read from what they answered."""

from __future__ import annotations

from datetime import datetime

from bot.pipeline.breaker import MADE, REMEMBERED, SPEAKING, Standing, poorly, recent, standing
from bot.pipeline.routing import Behind
from bot.runtime import Context

ANSWERS = 5000
"""Newest answers of all providers looked at together."""


def behind(ctx: Context, now: datetime) -> dict[str, Behind]:
    """The providers that a route comes to later: paused ones last, and before them those that do poorly."""
    found: dict[str, Behind] = {}
    for name, newest in answers_since(ctx, now - REMEMBERED).items():
        if (why := poorly(recent(newest, samples=ctx.policy.breaker_samples), ctx.policy)) is not None:
            found[name] = Behind(1, why)
    for name, pause in ctx.notices.pauses().items():
        if standing(pause, now) is not Standing.CLOSED:
            found[name] = Behind(2, f"it is paused ({pause.reason})")
    return found


def answers_since(ctx: Context, since: datetime) -> dict[str, list[tuple[str, datetime]]]:
    """Newest first, by provider."""
    answers: dict[str, list[tuple[str, datetime]]] = {}
    for name, outcome, at in ctx.queries.recent_answers(since, [MADE, *SPEAKING], ANSWERS):
        answers.setdefault(name, []).append((outcome, at))
    return answers
