"""What replies mean for the caller, whichever vendor they come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from providers.base import AskAgain, Failure, FailureKind, Gone, Made, Picture, TellOperator
from providers.wire.client import Reply
from providers.wire.replies import Replies

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAUSE = timedelta(seconds=10)


def replies(kind: FailureKind, own_wait: timedelta | None = None) -> Replies:
    return Replies(
        title="Acme",
        variable="ACME_BASE_URL",
        safe=lambda words: words,
        clock=lambda: NOW,
        failure=lambda reply, _prompt: Failure(kind, f"e{reply.status}", "Words.", retry_after=own_wait),
        pause=PAUSE,
    )


def answer(status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, headers or {}, body)


def test_a_failure_is_told_with_what_the_vendors_support_asks_for() -> None:
    refused = replies(FailureKind.AUTH).refusal(
        answer(401, headers={"x-request-id": "r1"}), "the batch", creates=True
    )
    assert str(refused) == "Acme: Words. (401 e401, request r1)"


def test_a_redirect_tells_the_operator_which_setting_to_check() -> None:
    refused = replies(FailureKind.UNKNOWN).refusal(answer(308), "the batch", creates=True)
    assert isinstance(refused, TellOperator)
    assert str(refused) == (
        "The address set for Acme sends the batch elsewhere (308), where the key must not go: "
        "check ACME_BASE_URL"
    )


@pytest.mark.parametrize(
    ("own", "header", "wait"),
    [
        (timedelta(seconds=3), "7", timedelta(seconds=3)),
        (None, "7", timedelta(seconds=7)),
        (None, "0", timedelta(0)),
        (None, "", PAUSE),
    ],
)
def test_the_pause_in_a_failures_words_goes_before_the_headers_and_that_before_ours(
    own: timedelta | None, header: str, wait: timedelta
) -> None:
    slow = answer(429, headers={"retry-after": header})
    refused = replies(FailureKind.RATE_LIMITED, own).refusal(slow, "the batch", creates=True)
    assert isinstance(refused, AskAgain)
    assert refused.retry_after == wait


def test_a_question_that_is_refused_is_the_operators_matter_and_not_the_works_end() -> None:
    error = replies(FailureKind.MALFORMED_REQUEST).unanswered(answer(400))
    assert isinstance(error, TellOperator)


def test_what_is_not_there_any_more_is_gone() -> None:
    with pytest.raises(Gone, match=r"Acme: Words\. \(410 e410\)"):
        replies(FailureKind.MALFORMED_REQUEST).read(answer(410), "the batch")


def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    with pytest.raises(AskAgain, match="Acme's answer about the batch is not JSON"):
        replies(FailureKind.UNKNOWN).read(answer(200, b"<html>"), "the batch")


def test_a_picture_made_is_handed_on_as_the_vendors_dialect_reads_it() -> None:
    made = Made((Picture(content=b"png"),))
    assert replies(FailureKind.UNKNOWN).drawn(answer(200), "a hat", lambda _: made) is made


def test_a_failure_of_one_picture_is_an_answer_with_the_pause_asked_for() -> None:
    busy = answer(503, headers={"retry-after": "7"})
    found = replies(FailureKind.SERVER_ERROR).drawn(busy, "a hat", lambda _: Made(()))
    assert isinstance(found, Failure)
    assert found.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA])
def test_what_every_call_would_meet_is_raised(kind: FailureKind) -> None:
    with pytest.raises(TellOperator):
        replies(kind).drawn(answer(401), "a hat", lambda _: Made(()))
