"""Until when pictures that are made and paid can still be had from their providers."""

from __future__ import annotations

from datetime import timedelta

from bot.runtime import Context
from bot.watch.facts import ExpiringResults


def expiring(ctx: Context, job_id: str | None = None) -> list[ExpiringResults]:
    """What is to be fetched of a job, or of all that go on, by provider; the first to vanish counts.

    Where a provider did not say how long it keeps them, the catalogue does.
    """
    found: dict[str, ExpiringResults] = {}
    for waiting in ctx.queries.unfetched(job_id):
        provider = ctx.providers.get(waiting.provider)
        card = provider.models.get(waiting.model) if provider is not None else None
        lasts = card.result_lifetime if card is not None else timedelta(0)
        at = waiting.expires_at or (waiting.ended_at + lasts if card is not None else None)
        if at is None:
            continue
        lasts = max(at - waiting.ended_at, timedelta(0))
        before = found.get(waiting.provider)
        if before is not None and before.expires_at <= at:
            at, lasts = before.expires_at, before.lasts
        items = waiting.items + (before.items if before is not None else 0)
        found[waiting.provider] = ExpiringResults(waiting.provider, items, at, lasts)
    return list(found.values())
