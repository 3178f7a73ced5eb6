"""Several pictures of one request in one call: an outcome for each, and to each its share of the cost. Pure.

Vendors tell one cost for the whole call, and may answer with fewer pictures than were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from providers.base import Billed, Failure, FailureKind, Made

_LEAST = Decimal("1e-9")
"""Shares are whole billionths of a dollar, which is finer than any vendor counts a picture."""


def shares(cost: Decimal | None, number: int) -> Sequence[Decimal | None]:
    """A cost in `number` equal parts whose sum is the cost exactly: what cannot be divided is the first's."""
    if cost is None:
        return [None] * number
    each = (cost / number).quantize(_LEAST, ROUND_DOWN)
    return [cost - each * (number - 1), *[each] * (number - 1)]


def alike(failed: Failure, number: int) -> Sequence[Made | Failure]:
    """The failure of a whole call, for each of the pictures it was to make; they share what it cost."""
    return [replace(failed, cost_usd=share) for share in shares(failed.cost_usd, number)]


def in_order(found: Sequence[Made | Failure], number: int, cost: Decimal | None) -> Sequence[Made | Failure]:
    """An outcome for each of `number` pictures: those of the answer in its order, then failures.

    What the call cost is shared by those of the answer; one that did not come costs nothing, unless none
    came. Without a told cost it is unknown whether it was charged.
    """
    found = found[:number]
    missing = number - len(found)
    parts = list(shares(cost, len(found) or number))
    told = [_costing(outcome, parts.pop(0)) for outcome in found]
    words = f"the answer holds {len(found)} of the {number} pictures asked for"
    left = Failure(FailureKind.UNKNOWN, "picture_missing", words, Billed.UNKNOWN)
    nothing = Decimal(0) if cost is not None else None
    return [*told, *(_costing(left, parts.pop(0) if parts else nothing) for _ in range(missing))]


def _costing(outcome: Made | Failure, cost: Decimal | None) -> Made | Failure:
    if cost is None:
        return outcome
    if isinstance(outcome, Made):
        return replace(outcome, cost_usd=cost)
    return replace(outcome, cost_usd=cost, billed=Billed.YES if cost else Billed.NO)
