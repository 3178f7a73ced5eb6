"""The retry decision as a table, with the arithmetic shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.pipeline.retry import Again, GiveUp, decide, wait
from bot.policy import Policy
from providers.base import Failure, FailureKind
from storage.states import ItemEvent
from tests.parts import START

POLICY = Policy(attempts=3, retry_first=timedelta(seconds=10), retry_most=timedelta(seconds=60))

ENDS = [
    (FailureKind.CONTENT_POLICY, 1, ItemEvent.REFUSE),
    (FailureKind.MALFORMED_REQUEST, 1, ItemEvent.FAIL),
    (FailureKind.CANCELLED, 1, ItemEvent.CANCEL),
    (FailureKind.SERVER_ERROR, 3, ItemEvent.FAIL),
    (FailureKind.TIMEOUT, 3, ItemEvent.FAIL),
    (FailureKind.RATE_LIMITED, 3, ItemEvent.FAIL),
    (FailureKind.EXPIRED, 3, ItemEvent.EXPIRE),
    (FailureKind.UNKNOWN, 2, ItemEvent.FAIL),
]


@pytest.mark.parametrize(("kind", "attempts", "event"), ENDS)
def test_it_gives_up(kind: FailureKind, attempts: int, event: ItemEvent) -> None:
    assert decide(Failure(kind), attempts, POLICY, START, 0.0) == GiveUp(event)


@pytest.mark.parametrize(
    ("kind", "attempts", "seconds"),
    [
        (FailureKind.SERVER_ERROR, 1, 10),  # 10 x 2^0
        (FailureKind.SERVER_ERROR, 2, 20),  # 10 x 2^1
        (FailureKind.TIMEOUT, 1, 10),
        (FailureKind.RATE_LIMITED, 2, 20),
        (FailureKind.EXPIRED, 1, 10),
        (FailureKind.UNKNOWN, 1, 10),
    ],
)
def test_it_tries_again_after(kind: FailureKind, attempts: int, seconds: int) -> None:
    assert decide(Failure(kind), attempts, POLICY, START, 0.0) == Again(START + timedelta(seconds=seconds))


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA])
@pytest.mark.parametrize("attempts", [1, 3, 50])
def test_what_only_a_person_can_mend_costs_no_attempt(kind: FailureKind, attempts: int) -> None:
    decision = decide(Failure(kind), attempts, POLICY, START, 0.0)
    assert decision == Again(START + POLICY.pause, counts=False)


def test_the_wait_doubles_up_to_its_cap_and_jitter_adds_a_quarter_at_most() -> None:
    assert [wait(n, POLICY, 0.0).total_seconds() for n in (1, 2, 3, 4, 99)] == [10, 20, 40, 60, 60]
    assert wait(1, POLICY, 1.0).total_seconds() == 12.5  # 10 x (1 + 1/4)


def test_what_the_provider_asks_for_is_the_least() -> None:
    assert wait(1, POLICY, 0.0, timedelta(seconds=55)) == timedelta(seconds=55)
    assert wait(3, POLICY, 0.0, timedelta(seconds=5)) == timedelta(seconds=40)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_an_answer_and_none_is_tried_for_ever(kind: FailureKind) -> None:
    decision = decide(Failure(kind), 1000, POLICY, START, 0.5)
    assert isinstance(decision, GiveUp) or not decision.counts
