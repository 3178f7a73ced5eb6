"""What a job may still cost, for what the program decides by itself after the person's Start."""

from __future__ import annotations

from decimal import Decimal

from bot.runtime import Context
from storage.records import Job


def room(ctx: Context, job: Job) -> Decimal | None:
    """What the job may still cost beyond what it may come to as it stands; None where nothing bounds it."""
    budget = job.spec.get("budget_usd")
    caps = [Decimal(str(cap)) for cap in (budget, ctx.policy.budget_usd) if cap is not None]
    return min(caps) - ctx.queries.most_it_may_cost(job.id) if caps else None
