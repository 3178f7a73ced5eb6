"""A job in numbers: its ledger with the proof that every row and dollar is accounted for, and a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.pipeline.attend import quality, tally
from bot.runtime import Context
from storage.records import Job
from storage.states import ItemState, SubmissionState


def report(ctx: Context, job: Job, now: datetime) -> dict[str, Any]:
    """The job in numbers, ready for JSON. Money in USD, null where unknown; `quoted_usd` is the highest."""
    ledger = ctx.queries.ledger(job.id)
    counts = tally(ctx, job)
    judged = quality(ctx, job)
    started = job.started_at or job.created_at
    return {
        "job": job.id,
        "title": job.title,
        "state": job.state.value,
        "provider": job.provider,
        "model": job.model,
        "lane": job.lane,
        "rows": job.rows,
        "bad_rows": job.bad_rows,
        "items": job.items,
        "stored": counts.stored,
        "duplicates": job.duplicates,
        "refused": counts.refused,
        "failed": counts.failed,
        "expired": counts.expired,
        "cancelled": counts.cancelled,
        "in_doubt": counts.in_doubt,
        "in_flight": counts.in_flight,
        "retries": counts.retries,
        "flagged": judged.flagged,
        "made_again": judged.again,
        "submissions": len(ctx.queries.submissions(job.id)),
        "success_rate": counts.success_rate,
        "quoted_low_usd": number(job.quoted_low),
        "quoted_usd": number(job.quoted_high),
        "cost_usd": number(ledger.settled_usd),
        "unpriced": ledger.unpriced,
        "seconds": round(((job.finished_at or now) - started).total_seconds(), 3),
    }


def audit(ctx: Context, job: Job) -> dict[str, Any]:
    """The ledger and its invariant, ready for JSON: every row accounted for, in rows and dollars."""
    ledger = ctx.queries.ledger(job.id)
    states: Mapping[str, int] = {state.value: ledger.states.get(state, 0) for state in ItemState}
    ended = {name: states[name] for name in ENDS}
    paid_twice = list(ledger.overpaid)
    lost = ctx.queries.submissions(job.id, [SubmissionState.LOST])
    exceptions = [f"item {name} was made more than once" for name in paid_twice]
    if not ledger.holds:
        exceptions.append("the counts of the states do not add up to the items requested")
    if job.rows != job.bad_rows + ctx.queries.rows_with_items(job.id):
        exceptions.append("rows of the sheet are neither bad nor have an item")
    return {
        "job": job.id,
        "state": job.state.value,
        "rows": job.rows,
        "bad_rows": job.bad_rows,
        "requested": ledger.requested,
        **ended,
        "in_flight": ledger.under_way,
        "attempts": ledger.attempts,
        "open_attempts": ledger.open_attempts,
        "pictures_made": ledger.made,
        "paid_twice": paid_twice,
        "settled_usd": number(ledger.settled_usd),
        "reserved_usd": number(ledger.reserved_usd),
        "unpriced_attempts": ledger.unpriced,
        "results_lost": sum(sent.count - sent.completed for sent in lost),
        "quoted_usd": number(job.quoted_high),
        "invariant": "requested = stored + refused + failed + cancelled + expired + in_doubt + in_flight",
        "holds": not exceptions,
        "exceptions": exceptions,
    }


ENDS = ("stored", "refused", "failed", "cancelled", "expired", "in_doubt")
"""The final states, in the order of the invariant."""


def number(amount: Decimal | None) -> float | None:
    """For JSON, where money is a plain number; the data store keeps it exact."""
    return None if amount is None else float(round(amount, 9))
