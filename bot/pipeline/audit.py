"""A job in numbers: its ledger with the proof that every row and dollar is accounted for, and a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.pipeline.attend import quality, tally
from bot.runtime import Context
from storage.accounts import Ledger
from storage.budgets import Budget, BudgetKind
from storage.records import Job
from storage.states import ItemState, SubmissionState


def report(ctx: Context, job: Job, now: datetime) -> dict[str, Any]:
    """The job in numbers, ready for JSON. Money in USD, null where unknown; `quoted_usd` is the highest."""
    ledger = ctx.queries.ledger(job.id)
    counts = tally(ctx, job)
    judged = quality(ctx, job)
    started = job.began
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
        "reused": counts.reused,
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
    """The ledger and its invariant, ready for JSON: every row accounted for, in rows and dollars.

    `exceptions`: where the invariant is broken; `remarks`: what is as it should be and still worth knowing.
    """
    ledger = ctx.queries.ledger(job.id)
    states: Mapping[str, int] = {state.value: ledger.states.get(state, 0) for state in ItemState}
    paid_twice = list(ledger.overpaid)
    lost = ctx.queries.submissions(job.id, [SubmissionState.LOST])
    exceptions = _exceptions(ctx, job, ledger)
    money = _money(ctx, job)
    return {
        "job": job.id,
        "state": job.state.value,
        "rows": job.rows,
        "bad_rows": job.bad_rows,
        "requested": ledger.requested,
        **{name: states[name] for name in ENDS},
        "in_flight": ledger.under_way,
        "attempts": ledger.attempts,
        "open_attempts": ledger.open_attempts,
        "pictures_made": ledger.made,
        "paid_twice": paid_twice,
        **money,
        "unpriced_attempts": ledger.unpriced,
        "results_lost": sum(sent.count - sent.completed for sent in lost),
        "invariant": "requested = stored + refused + failed + cancelled + expired + in_doubt + in_flight",
        "holds": not exceptions,
        "exceptions": exceptions,
        "remarks": _remarks(ctx, job, money),
        "decisions": _decisions(ctx, job),
    }


def _exceptions(ctx: Context, job: Job, ledger: Ledger) -> list[str]:
    """Where something does not add up."""
    found = [f"item {name} was made more than once" for name in ledger.overpaid]
    if not ledger.holds:
        found.append("the counts of the states do not add up to the items requested")
    if job.rows != job.bad_rows + ctx.queries.rows_with_items(job.id):
        found.append("rows of the sheet are neither bad nor have an item")
    books = ctx.queries.books(job.id)
    if books.items_cost != books.attempts_cost:
        found.append(f"the pictures cost ${books.items_cost} and the attempts ${books.attempts_cost}")
    if books.items_out != books.attempts_open:
        found.append(f"{books.items_out} pictures are at a provider, and {books.attempts_open} attempts open")
    return found


def _money(ctx: Context, job: Job) -> dict[str, Any]:
    """Quoted, reserved and settled; what failures cost; what copies saved."""
    billing = ctx.queries.billing(job.id)
    # The budget's limit does not matter here: this is what would count against one.
    used = ctx.queries.used(Budget(BudgetKind.JOB, job.id, Decimal(0)), ctx.clock())
    settled: dict[str, Decimal] = dict.fromkeys(("vendor", "table", "unrecorded"), Decimal(0))
    failures: dict[str, dict[str, int]] = {}
    for line in billing:
        settled[line.priced_by or "unrecorded"] += line.cost
        if line.outcome not in (MADE, NOT_SENT):
            one = failures.setdefault(line.outcome, {"yes": 0, "no": 0, "unknown": 0})
            one[line.billed] += line.number
    copies, saved, unknown = ctx.queries.saved(job.id)
    reused, reuse_saved, reuse_unknown = ctx.queries.reused(job.id)
    return {
        "quoted_low_usd": number(job.quoted_low),
        "quoted_usd": number(job.quoted_high),
        "settled_usd": number(used.settled),
        "settled_by": {name: number(usd) for name, usd in settled.items()},
        "perhaps_usd": number(used.perhaps),
        "reserved_usd": number(used.reserved),
        "failures": failures,
        "duplicates_stored": copies,
        "saved_usd": number(saved),
        "saved_unpriced": unknown,
        "reused_stored": reused,
        "reuse_saved_usd": number(reuse_saved),
        "reuse_saved_unpriced": reuse_unknown,
    }


def _remarks(ctx: Context, job: Job, money: Mapping[str, Any]) -> list[str]:
    found = []
    dearer, worst = ctx.queries.dearer(job.id, SHOWN)
    found += [f"item {item} cost ${cost:.4f}, quoted ${quoted:.4f} at most" for item, cost, quoted in worst]
    if dearer > len(worst):
        found.append(f"{dearer - len(worst):,} more items cost more than was quoted at most")
    if money["perhaps_usd"]:
        found.append(
            f"${money['perhaps_usd']:,.4f} at list price may have been billed: the provider does not say"
        )
    quoted, settled = money["quoted_usd"], money["settled_usd"]
    if quoted is not None and settled > quoted:
        found.append(
            f"${settled - quoted:,.4f} more were settled than quoted at most: retries, or other prices"
        )
    return found


def _decisions(ctx: Context, job: Job) -> list[dict[str, Any]]:
    """Who started, agreed to and approved what, oldest first."""
    found: list[dict[str, Any]] = [
        {
            "at": decided.first_at.isoformat(),
            "until": decided.last_at.isoformat(),
            "person": decided.person,
            "did": DID.get(decided.event, decided.event.replace("_", " ")),
            "pictures": decided.number if decided.event in REVIEWS else None,
            "usd": None,
        }
        for decided in ctx.queries.decisions(job.id)
    ]
    for permit in ctx.shelf.permits(job.id):
        at = permit.at.isoformat()
        did = "agreed to its cost" if permit.limit_usd is not None else "agreed to an unknown cost"
        usd = number(permit.limit_usd)
        found.append(
            {"at": at, "until": at, "person": permit.person, "did": did, "pictures": None, "usd": usd}
        )
    # An agreement lets something begin at the same moment, and is told before it.
    return sorted(found, key=lambda decision: (str(decision["at"]), decision["usd"] is None))


MADE, NOT_SENT = "made", "not_sent"
"""Outcomes of attempts that are no failure."""

SHOWN = 5
"""Items dearer than quoted that are named; the others are counted."""

DID: Mapping[str, str] = {
    "start": "started it",
    "start_pilot": "had a sample made",
    "go_on": "had the rest made",
    "pause": "paused it",
    "resume": "let it go on",
    "cancel": "cancelled it",
    "reopen": "had pictures sent again",
    "approve_rush": "allowed the live lane for the deadline",
    "reuse": "chose to reuse approved pictures",
    "make_anew": "chose to make every picture anew",
    "allow_unpriced": "allowed an unknown price under a budget",
    "approve": "approved",
    "reject": "rejected",
    "replace": "asked for again",
    "undo": "took back decisions on",
}
"""Events as people say them; those of reviews go before “12 pictures”."""

REVIEWS = frozenset({"approve", "reject", "replace", "undo"})

ENDS = ("stored", "refused", "failed", "cancelled", "expired", "in_doubt")
"""The final states, in the order of the invariant."""


def number(amount: Decimal | None) -> float | None:
    """For JSON, where money is a plain number; the data store keeps it exact."""
    return None if amount is None else float(round(amount, 9))
