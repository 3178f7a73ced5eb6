"""What each kind of failure is called, who can act on it, and what to do: one table for all who speak.

Alerts, the summary, the CSV, the contact sheet and the command line take their words from here, so that
a failure is called the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from providers.base import FailureKind


class Who(StrEnum):
    """Who can act."""

    REQUESTER = "the person who asked"
    OPERATOR = "the operator"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Advice:
    """The words for one kind of failure."""

    short: str
    """A few words, for a table cell or a placeholder."""
    cause: str
    """A sentence without capital and full stop, to follow “3 pictures: ”."""
    who: Who
    what_to_do: str
    """One or two sentences, ended."""


ADVICE: Final[Mapping[FailureKind, Advice]] = MappingProxyType(
    {
        FailureKind.CONTENT_POLICY: Advice(
            "Refused by content rules",
            "the provider's content rules refused the prompt or the picture",
            Who.REQUESTER,
            "Reword these rows (brand names, people and body words are the usual cause) and run them again. "
            "The same words will be refused again.",
        ),
        FailureKind.MALFORMED_REQUEST: Advice(
            "Not accepted as asked",
            "the provider does not accept the request as it is",
            Who.REQUESTER,
            "Check these rows' size, model, quality and reference pictures against the provider's message, "
            "then run them again.",
        ),
        FailureKind.RATE_LIMITED: Advice(
            "Provider too busy",
            "the provider took no more requests from this account in time",
            Who.OPERATOR,
            "Run these rows again later. If it happens often, ask the provider for a higher limit or use the "
            "batch lane.",
        ),
        FailureKind.TIMEOUT: Advice(
            "No answer in time",
            "the provider did not answer in time",
            Who.REQUESTER,
            "Run these rows again. If it happens again, try another model or a smaller size.",
        ),
        FailureKind.AUTH: Advice(
            "Key not accepted",
            "the provider does not accept the key",
            Who.OPERATOR,
            "Put a valid key for this provider into the settings and restart; the rows can then run again.",
        ),
        FailureKind.QUOTA: Advice(
            "Account out of credit",
            "the provider's account has no credit or allowance left",
            Who.OPERATOR,
            "Add credit or raise the spending limit at the provider; the rows can then run again.",
        ),
        FailureKind.SERVER_ERROR: Advice(
            "Provider error",
            "the provider had an error of its own, after all tries",
            Who.REQUESTER,
            "Run these rows again later; look at the provider's status page if it lasts.",
        ),
        FailureKind.EXPIRED: Advice(
            "Expired",
            "the provider's time ran out before the picture was made or fetched",
            Who.REQUESTER,
            "Run these rows again, in the live lane if they are urgent.",
        ),
        FailureKind.CANCELLED: Advice(
            "Cancelled",
            "cancelled before the picture was made",
            Who.REQUESTER,
            "Nothing to do, unless you want them after all: then run these rows again.",
        ),
        FailureKind.UNKNOWN: Advice(
            "Failed, reason unknown",
            "the provider gave no reason we know",
            Who.OPERATOR,
            "Read the provider's own message in the failure list. Run the rows again; if it repeats, report "
            "the message.",
        ),
    }
)


def advice(kind: FailureKind) -> Advice:
    """The words for a kind of failure; every kind has some."""
    return ADVICE[kind]
