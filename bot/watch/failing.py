"""What came to nothing, by what can be done about it: what each kind is called, who can act, what was paid.

Pure. One table for all who speak of it: the page in Slack, the answer to a typed word, the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from bot.watch.advice import Advice, Who, advice
from bot.watch.words import count, money
from providers.base import FailureKind

BAD_ROWS, IN_DOUBT, CANCELLED, SPENT, EMPTY = "bad_rows", "in_doubt", "cancelled", "budget", "empty"
"""Kinds beside the providers' own."""

EMPTY_CODES: Final = frozenset(
    {"no_picture", "no_answer", "no_response", "picture_missing", "not_a_picture", "too_long"}
)
"""Codes of an answer of unknown kind that had no picture in it one could use; the adapters' and ours."""

REWORDED: Final = frozenset({FailureKind.CONTENT_POLICY.value, FailureKind.MALFORMED_REQUEST.value})
"""What needs other words: sent again as it is, it would be turned away again."""

_ORDER = (
    FailureKind.CONTENT_POLICY, FailureKind.MALFORMED_REQUEST, BAD_ROWS, EMPTY, FailureKind.TIMEOUT,
    FailureKind.SERVER_ERROR, FailureKind.EXPIRED, IN_DOUBT, CANCELLED, SPENT, FailureKind.QUOTA,
    FailureKind.AUTH, FailureKind.RATE_LIMITED, FailureKind.UNKNOWN,
)  # fmt: skip

_OURS: Final[Mapping[str, Advice]] = {
    BAD_ROWS: Advice(
        "Could not be used",
        "the row could not be used",
        Who.REQUESTER,
        "Mend them in the sheet and return it; nothing was made or paid for them.",
    ),
    EMPTY: Advice(
        "Answered without a picture",
        "the provider answered, and there was no picture in it that can be used",
        Who.REQUESTER,
        "Send them again. If it happens again, try other words or another model.",
    ),
    IN_DOUBT: Advice(
        "In doubt",
        "sent, and the reply was lost",
        Who.REQUESTER,
        "They may be paid already; the provider cannot say. Sent again, they may be paid twice.",
    ),
    CANCELLED: Advice(
        "Cancelled",
        "cancelled before it was made",
        Who.REQUESTER,
        "They were cancelled before they were made. Send them again if you want them after all.",
    ),
    SPENT: Advice(
        "Stopped by a budget",
        "no budget was left to try it again",
        Who.OPERATOR,
        "No budget was left to try them again. Raise it, then send them again.",
    ),
}

HEADINGS: Final[Mapping[Who, str]] = {
    Who.REQUESTER: "For whoever asked",
    Who.OPERATOR: "For whoever runs imgbatch",
    Who.NOBODY: "Nothing to do",
}
"""Above the groups, by who can act; in this order."""


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures (of BAD_ROWS: rows) that failed alike."""

    kind: str
    count: int
    usd: Decimal = Decimal(0)
    """What is known to have been billed for them."""
    unpriced: int = 0
    """Attempts that were billed, or perhaps were, and whose price nobody knows."""
    billed: int = 0
    """How many of them were billed at least once."""
    again_usd: Decimal | None = Decimal(0)
    """What sending them once more may cost at most; None: not known."""
    retrying: bool = False
    """They are being tried again by themselves."""
    next_at: datetime | None = None
    """When the first of those is sent again; None: they are at the provider."""
    ends: tuple[tuple[str, str, str], ...] = ()
    """How its pictures ended: state, failure kind and code."""

    @property
    def who(self) -> Who:
        return Who.NOBODY if self.retrying else _advice(self.kind).who

    @property
    def reworded(self) -> bool:
        """Whether they need other words."""
        return not self.retrying and self.kind in REWORDED

    @property
    def again(self) -> bool:
        """Whether they may be sent again as they are."""
        return not self.retrying and self.kind != BAD_ROWS and self.kind not in REWORDED

    @property
    def place(self) -> tuple[int, int]:
        """Who can act first, then what is plainest."""
        return list(HEADINGS).index(self.who), _ORDER.index(self.kind) if self.kind in _ORDER else len(_ORDER)


def kind_of(kind: str, code: str) -> str:
    """The kind of group for a failure of this kind and code."""
    if kind in _OURS or (kind in set(FailureKind) and kind != FailureKind.UNKNOWN):
        return kind
    return EMPTY if code in EMPTY_CODES else FailureKind.UNKNOWN.value


def name_of(group: Group) -> str:
    """“47 pictures: refused by content rules”, “12 pictures: no answer in time, being tried again”."""
    one = "row" if group.kind == BAD_ROWS else "picture"
    short = _advice(group.kind).short
    again = ", being tried again" if group.retrying else ""
    return f"{count(group.count, one)}: {short[0].lower()}{short[1:]}{again}"


def what_to_do(group: Group) -> str:
    """One or two sentences; empty for what is being tried again."""
    return "" if group.retrying else _advice(group.kind).what_to_do


def paid(group: Group) -> str:
    """“$0.00, nothing was billed”, “$0.12 billed for 3 pictures, cost unknown for 1 attempt”: never $0 for
    what nobody knows.
    """
    if not group.usd and not group.unpriced:
        return "$0.00, nothing was billed"
    known = f"{money(group.usd)} billed for {count(group.billed, 'picture')}" if group.usd else ""
    unknown = f"cost unknown for {count(group.unpriced, 'attempt')}" if group.unpriced else ""
    return ", ".join(part for part in (known, unknown) if part)


def _advice(kind: str) -> Advice:
    return _OURS[kind] if kind in _OURS else advice(FailureKind(kind))
