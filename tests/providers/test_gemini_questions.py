"""What the Gemini adapter makes of scripted answers to its questions: find, poll, results, cancel, check."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meddler import Answer, Asked, Meddler
from test_gemini_answers import MODELS, K, answered, blob, picture
from test_gemini_calls import HANDLE, KEY, MODEL, NOW, SINCE, error, operation, outgoing, reply, vendor

from providers import gemini_upload
from providers.base import (
    AskAgain,
    Failure,
    FailureKind,
    Gone,
    Handle,
    Lane,
    Outgoing,
    Phase,
    ProviderError,
    TellOperator,
)
from providers.gemini import Gemini

# --- find, poll, results --------------------------------------------------------------------------------


def test_a_batch_is_looked_for_on_every_page() -> None:
    def pages(asked: Asked) -> Answer:
        page = int(asked.path.partition("pageToken=")[2] or 0)
        other = operation(metadata={"displayName": f"tag-of-page-{page}"})
        found = [other, 7, operation()] if page == 3 else [other]
        return reply({"operations": found, **({"nextPageToken": str(page + 1)} if page < 5 else {})})

    with vendor(pages) as (provider, server):
        handle = provider.find(outgoing(count=2), SINCE)
        assert len(server.requests) == 4
    assert handle is not None
    assert handle.id == "batches/b1"
    assert gemini_upload.unpack_keys(handle.data["keys"]) == ["k0", "k1"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({}, True),
        ({"operations": []}, True),
        ({"operations": [], "unreachable": []}, True),
        ({"data": []}, False),
        ({"operations": {}}, False),
        ({"operations": [], "nextPageToken": "again"}, False),
    ],
)
def test_only_a_list_of_batches_says_that_there_is_none(answer: Any, found: bool) -> None:
    with vendor(lambda _: reply(answer)) as (provider, _):
        if found:
            assert provider.find(outgoing(), SINCE) is None
        else:
            with pytest.raises(AskAgain):
                provider.find(outgoing(), SINCE)


@pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_"])
@pytest.mark.parametrize(
    ("state", "phase", "unanswered"),
    [
        ("PENDING", Phase.WAITING, K.UNKNOWN),
        ("QUEUED", Phase.WAITING, K.UNKNOWN),
        ("RUNNING", Phase.RUNNING, K.UNKNOWN),
        ("CANCELLING", Phase.RUNNING, K.UNKNOWN),
        ("PAUSED", Phase.RUNNING, K.UNKNOWN),
        ("SUCCEEDED", Phase.ENDED, K.UNKNOWN),
        ("PARTIALLY_SUCCEEDED", Phase.ENDED, K.UNKNOWN),
        ("EXPIRED", Phase.ENDED, K.EXPIRED),
        ("CANCELLED", Phase.ENDED, K.CANCELLED),
        ("NOT_MET_BEFORE", Phase.RUNNING, K.UNKNOWN),
    ],
)
def test_every_state_has_a_phase(prefix: str, state: str, phase: Phase, unanswered: FailureKind) -> None:
    with vendor(lambda _: reply(operation(metadata={"state": prefix + state}))) as (provider, _):
        progress = provider.poll(HANDLE)
    assert (progress.phase, progress.unanswered) == (phase, unanswered)
    assert (progress.total, progress.completed, progress.failed) == (2, 2, 0)


@pytest.mark.parametrize(
    ("stats", "reason", "phase", "kind"),
    [
        ({"requestCount": "2"}, {"code": 3, "message": "Wrong."}, Phase.REJECTED, K.MALFORMED_REQUEST),
        ({"requestCount": "2"}, {"code": 13, "message": "Oops."}, Phase.REJECTED, K.SERVER_ERROR),
        ({"requestCount": "2"}, None, Phase.REJECTED, K.UNKNOWN),
        ({"requestCount": "2", "successfulRequestCount": "1"}, {"code": 13}, Phase.ENDED, None),
    ],
)
def test_a_failed_batch_is_rejected_unless_something_ran(
    stats: Any, reason: Any, phase: Phase, kind: FailureKind | None
) -> None:
    failed = operation("FAILED", metadata={"batchStats": stats}, error=reason, done=True)
    with vendor(lambda _: reply(failed)) as (provider, _):
        progress = provider.poll(HANDLE)
    assert progress.phase is phase
    assert (progress.failure.kind if progress.failure else None) is kind


def test_results_count_as_gone_after_the_shortest_life_of_a_file() -> None:
    times = {"endTime": "2026-11-23T10:00:00Z", "output": {"responsesFile": "files/batch-b1"}}
    with vendor(lambda _: reply(operation(metadata=times))) as (provider, _):
        assert provider.poll(HANDLE).results_expire_at == datetime(2026, 11, 25, 10, tzinfo=UTC)
    with vendor(lambda _: reply(operation("EXPIRED", metadata={"endTime": times["endTime"]}))) as (
        provider,
        _,
    ):
        assert provider.poll(HANDLE).results_expire_at is None, "there is nothing to lose"


def delivering(content: bytes, state: str = "SUCCEEDED") -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1beta/batches/b1":
            return reply(operation(state, response={"responsesFile": "files/batch-b1"}))
        assert asked.path == "/download/v1beta/files/batch-b1:download?alt=media"
        return Answer(200, content)

    return answer


def jsonl(*lines: Any) -> bytes:
    return b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)


def handle_of(count: int) -> Handle:
    return Handle("batches/b1", {"model": MODEL, "keys": gemini_upload.pack_keys(outgoing(count=count))})


STATUS = {"code": 3, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}


def test_lines_without_a_key_go_by_their_place_while_the_order_holds() -> None:
    good = answered(blob(picture()))
    content = jsonl({"key": "k0", "response": good}, STATUS, {"key": "k2", "response": good}, STATUS)
    with vendor(delivering(content)) as (provider, _):
        found = {result.key: result.outcome for result in provider.results(handle_of(4))}
    assert set(found) == {"k0", "k1", "k2", "k3"}
    assert isinstance(found["k1"], Failure)
    assert found["k1"].kind is K.MALFORMED_REQUEST


def test_lines_without_a_key_are_nobodys_once_the_order_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    good = answered(blob(picture()))
    content = jsonl({"key": "k1", "response": good}, STATUS, b"{broken\n", {"key": "k0", "response": good})
    with vendor(delivering(content)) as (provider, _):
        found = [result.key for result in provider.results(handle_of(3))]
    assert found == ["k1", "k0"]
    assert "does not say whose it is" in caplog.text


def test_an_item_answered_twice_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    good = {"key": "k0", "response": answered(blob(picture()))}
    with vendor(delivering(jsonl(good, good) + b'{"key": "k1", "resp')) as (provider, _):
        assert [result.key for result in provider.results(HANDLE)] == ["k0"]
    assert "answers k0 twice" in caplog.text
    assert "ends inside it" in caplog.text


@pytest.mark.parametrize("state", ["EXPIRED", "CANCELLED", "FAILED"])
def test_what_ended_without_a_file_has_no_results(state: str) -> None:
    with vendor(lambda _: reply(operation(state, error={"code": 1}))) as (provider, _):
        assert list(provider.results(HANDLE)) == []


def test_a_cancelled_batch_may_still_deliver() -> None:
    content = jsonl({"key": "k0", "response": answered(blob(picture()))})
    with vendor(delivering(content, "CANCELLED")) as (provider, _):
        assert [result.key for result in provider.results(HANDLE)] == ["k0"]


def test_success_without_a_file_is_asked_about_again() -> None:
    with vendor(lambda _: reply(operation())) as (provider, _), pytest.raises(AskAgain):
        list(provider.results(HANDLE))


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error(404, "NOT_FOUND"), Gone),
        (error(410), Gone),
        (error(403, "PERMISSION_DENIED", "the File x or it may not exist."), Gone),
        (error(403, "PERMISSION_DENIED"), TellOperator),
        (error(400, "INVALID_ARGUMENT"), TellOperator),
        (error(400, "INVALID_ARGUMENT", "API key expired."), TellOperator),
        (error(429, "RESOURCE_EXHAUSTED"), AskAgain),
        (error(402, "RESOURCE_EXHAUSTED"), TellOperator),
        (error(503, "UNAVAILABLE"), AskAgain),
        (error(504, "DEADLINE_EXCEEDED"), AskAgain),
        (Answer(200, b"[]"), AskAgain),
    ],
)
def test_every_no_to_a_question_names_the_next_move(answer: Answer, raised: type[ProviderError]) -> None:
    with vendor(lambda _: answer) as (provider, _):
        with pytest.raises(raised):
            provider.poll(HANDLE)
        with pytest.raises(raised):
            list(provider.results(HANDLE))


def test_results_whose_file_has_expired_are_gone() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/download"):
            return error(403, "PERMISSION_DENIED", "You do not have permission or it may not exist.")
        return delivering(b"")(asked)

    with vendor(answer) as (provider, _), pytest.raises(Gone):
        list(provider.results(HANDLE))


# --- cancel, check --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (reply({}), None),
        (error(400, "FAILED_PRECONDITION", "The batch is over."), None),
        (error(409, "ABORTED"), None),
        (error(400, "INVALID_ARGUMENT", "API key not valid."), TellOperator),
        (error(404, "NOT_FOUND"), Gone),
        (error(503, "UNAVAILABLE"), AskAgain),
    ],
)
def test_what_is_over_needs_no_stopping(answer: Answer, raised: type[ProviderError] | None) -> None:
    with vendor(lambda _: answer) as (provider, server):
        if raised is None:
            provider.cancel(HANDLE)
        else:
            with pytest.raises(raised):
                provider.cancel(HANDLE)
    assert server.requests[0].path == "/v1beta/batches/b1:cancel"


def test_the_check_says_which_models_can_be_used_and_which_leave() -> None:
    listed = {
        "models": [
            {"name": f"models/{name}"} for name in ("gemini-3-pro-image", "gemini-3.1-flash-image", "x")
        ]
    }
    with vendor(lambda _: reply(listed)) as (provider, _):
        assert provider.check() == "Gemini answers: 1 of the known models can be used (gemini-3-pro-image)"
    leaving = MODELS["gemini-3-pro-image"].model_copy(
        update={"shutdown": (NOW + timedelta(days=9)).date(), "successor": "gemini-4"}
    )
    with Meddler(lambda _: reply(listed)) as server:
        cards = {"gemini-3-pro-image": leaving}
        with closing(Gemini(cards, api_key=KEY, base_url=server.url, clock=lambda: NOW)) as provider:
            assert provider.check().endswith("soon: gemini-3-pro-image on 2026-12-02, then use gemini-4")


def test_keys_of_a_large_submission_stay_small_in_the_handle() -> None:
    names = [f"job-20261123-{n:05}-1" for n in range(5_000)]
    payload = b"".join(b'{"key":"%s","request":{}}\n' % name.encode() for name in names)
    sent = Outgoing("t", MODEL, Lane.BATCH, "g", 5_000, len(payload), lambda: io.BytesIO(payload))
    packed = gemini_upload.pack_keys(sent)
    assert gemini_upload.unpack_keys(packed) == names
    assert len(packed) < 20_000
    assert gemini_upload.unpack_keys("nonsense!") == gemini_upload.unpack_keys("") == []
    other = Outgoing("t", MODEL, Lane.BATCH, "g", 1, 3, lambda: io.BytesIO(b"{}\n"))
    assert gemini_upload.pack_keys(other) == ""
