"""What to do after a failure: a pure decision from the failure, the attempts so far and the policy.

Wait before attempt n+1: `retry_first` x 2^(n-1), at most `retry_most`, times 1 + jitter/4 with jitter in
[0, 1); never less than what the provider asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from bot.policy import Policy
from providers.base import Failure, FailureKind
from storage.states import ItemEvent


@dataclass(frozen=True, slots=True)
class Again:
    """Send it once more, not before `at`."""

    at: datetime
    counts: bool = True
    """False when the failure says nothing about the item, so that it costs no attempt."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It has ended, by this event."""

    event: ItemEvent


def decide(failure: Failure, attempts: int, policy: Policy, now: datetime, chance: float) -> Again | GiveUp:
    """`attempts` counts this one. Refusals are never repeated blindly: a person must change the words."""
    kind = failure.kind
    match kind:
        case FailureKind.CONTENT_POLICY:
            return GiveUp(ItemEvent.REFUSE)
        case FailureKind.MALFORMED_REQUEST:
            return GiveUp(ItemEvent.FAIL)
        case FailureKind.CANCELLED:
            return GiveUp(ItemEvent.CANCEL)
        case FailureKind.AUTH | FailureKind.QUOTA:
            return Again(now + policy.pause, counts=False)
        case FailureKind.UNKNOWN:
            most = min(2, policy.attempts)
        case FailureKind.RATE_LIMITED | FailureKind.TIMEOUT | FailureKind.SERVER_ERROR | FailureKind.EXPIRED:
            most = policy.attempts
        case _:
            assert_never(kind)
    if attempts >= most:
        return GiveUp(ItemEvent.EXPIRE if kind is FailureKind.EXPIRED else ItemEvent.FAIL)
    return Again(now + wait(attempts, policy, chance, failure.retry_after))


def wait(attempts: int, policy: Policy, chance: float, asked: timedelta | None = None) -> timedelta:
    """How long before the next attempt after `attempts` of them."""
    # 2^20 first waits are past any `retry_most`; the cap keeps the arithmetic finite.
    backoff = min(policy.retry_most, policy.retry_first * int(2 ** min(attempts - 1, 20)))
    return max(backoff * (1 + chance / 4), asked or timedelta(0))
