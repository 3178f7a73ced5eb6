"""How the providers do at present, read from what they answered."""

from __future__ import annotations

from datetime import datetime

from bot.pipeline.breaker import (
    MADE,
    REMEMBERED,
    SPEAKING,
    Standing,
    Trouble,
    poorly,
    recent,
    standing,
    trouble,
    window,
)
from bot.pipeline.routing import Behind
from bot.runtime import Context

ANSWERS = 5000
"""Newest answers of all providers looked at together."""


def behind(ctx: Context, now: datetime) -> dict[str, Behind]:
    """The providers that a route comes to later: paused ones last, and before them those that do poorly."""
    found: dict[str, Behind] = {}
    for name, newest in _answers_since(ctx, now - REMEMBERED).items():
        if (why := poorly(recent(newest, samples=ctx.policy.breaker_samples), ctx.policy)) is not None:
            found[name] = Behind(1, why)
    for name, pause in ctx.notices.pauses().items():
        if standing(pause, now) is not Standing.CLOSED:
            found[name] = Behind(2, f"it is paused ({pause.reason})")
    return found


def troubles(ctx: Context, now: datetime) -> dict[str, Trouble]:
    """The providers that have stopped working, by their newest answers, paused already or not."""
    since = now - window(ctx.policy)
    answers, away = _answers_since(ctx, since), ctx.queries.turned_away(since, SPEAKING)
    found = {}
    for name in ctx.providers:
        newest = recent(answers.get(name, []), away.get(name, (0, 0)), ctx.policy.breaker_samples)
        if (why := trouble(newest, ctx.policy)) is not None:
            found[name] = why
    return found


def _answers_since(ctx: Context, since: datetime) -> dict[str, list[tuple[str, datetime]]]:
    """Newest first, by provider."""
    answers: dict[str, list[tuple[str, datetime]]] = {}
    for name, outcome, at in ctx.queries.recent_answers(since, [MADE, *SPEAKING], ANSWERS):
        answers.setdefault(name, []).append((outcome, at))
    return answers
