"""The Gemini adapter's calls: what it sends, and what it makes of each scripted reply, over real HTTP."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meddler import NOTHING, Answer, Asked, Meddler
from test_gemini_answers import MODELS, K, answered, blob, picture, quota, valid

from providers import gemini_upload
from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Handle,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    Outgoing,
    ProviderError,
    Refused,
    Size,
    TellOperator,
)
from providers.gemini import Gemini
from providers.wire.client import Patience

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "AIza-test-0123456789abcdef"
MODEL = "gemini-nano-banana-2.1"
HANDLE = Handle("batches/b1", {"model": MODEL, "keys": ""})
SINCE = NOW - timedelta(hours=1)


def reply(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def error(status: int, name: str = "", message: str = "No.", *details: Any) -> Answer:
    return reply({"error": {"code": status, "message": message, "status": name, "details": details}}, status)


@contextmanager
def vendor(spoil: Callable[[Asked], Answer], path: str = "") -> Iterator[tuple[Gemini, Meddler]]:
    with Meddler(spoil) as server:
        provider = Gemini(
            MODELS,
            api_key=KEY,
            base_url=server.url + path,
            clock=lambda: NOW,
            patience=Patience(read_seconds=5),
        )
        with closing(provider):
            yield provider, server


def outgoing(lane: Lane = Lane.BATCH, count: int = 1, prompt: str = "a shy zebracorn") -> Outgoing:
    provider = Gemini(MODELS, api_key=KEY, clock=lambda: NOW)
    wishes = [ImageRequest(f"k{n}", MODEL, prompt, Size(1024, 1024)) for n in range(count)]
    lines = [provider.encode(wish, lane) for wish in wishes]
    provider.close()
    payload = b"".join(line.line + b"\n" for line in lines)
    return Outgoing("tag-1", MODEL, lane, lines[0].group, count, len(payload), lambda: io.BytesIO(payload))


def operation(state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    stats = {"requestCount": "2", "successfulRequestCount": "2"}
    metadata = {
        "name": "batches/b1",
        "displayName": "tag-1",
        "state": f"BATCH_STATE_{state}",
        "batchStats": stats,
    }
    return {"name": "batches/b1", "metadata": metadata | more.pop("metadata", {}), **more}


# --- submit, batch --------------------------------------------------------------------------------------

FILE = {"file": {"name": "files/in-1", "state": "ACTIVE", "sizeBytes": "123"}}


class Store:
    """A file store by the book, whose replies a test may take away; and the create behind it."""

    def __init__(self, spoil: Callable[[int, str], Answer | None] = lambda *_: None) -> None:
        self.content = b""
        self.final = False
        self.commands: list[str] = []
        self.keys: list[str | None] = []
        self._spoil = spoil

    def __call__(self, asked: Asked) -> Answer:
        command = asked.headers.get("x-goog-upload-command", "create")
        self.commands.append(command)
        before = self._spoil(len(self.commands), command)
        if before is not None and not before.forward:
            return before
        answer = self._answer(asked, command)
        return before or answer

    def _answer(self, asked: Asked, command: str) -> Answer:
        if command == "create":
            return reply(operation("PENDING"))
        if command == "start":
            url = "http://upload.elsewhere.example/upload/v1beta/files?upload_id=u1"
            return Answer(200, b"", {"x-goog-upload-url": url, "x-goog-upload-status": "active"})
        assert "upload_id=u1" in asked.path
        if "upload" in command:
            assert int(asked.headers["x-goog-upload-offset"]) == len(self.content)
            self.content += asked.body
        self.final = self.final or "finalize" in command
        headers = {
            "x-goog-upload-status": "final" if self.final else "active",
            "x-goog-upload-size-received": str(len(self.content)),
        }
        return Answer(200, json.dumps(FILE).encode() if self.final else b"", headers)


def test_a_batch_is_a_resumable_upload_and_a_create_that_carries_our_tag() -> None:
    sent, store = outgoing(count=3), Store()
    with vendor(store) as (provider, server):
        handle = provider.submit(sent)
    assert isinstance(handle, Handle)
    assert handle.id == "batches/b1"
    assert gemini_upload.unpack_keys(handle.data["keys"]) == ["k0", "k1", "k2"]
    begin, piece, create = server.requests
    assert begin.path == "/upload/v1beta/files"
    valid("CreateFileRequest", json.loads(begin.body))
    assert begin.headers["x-goog-upload-protocol"] == "resumable"
    assert begin.headers["x-goog-upload-header-content-length"] == str(sent.byte_size)
    assert begin.headers["x-goog-upload-header-content-type"] == "application/jsonl"
    assert piece.path == "/upload/v1beta/files?upload_id=u1", "at our own address, like the vendor's SDK"
    assert store.content == sent.open().read()
    assert create.path == f"/v1beta/models/{MODEL}:batchGenerateContent"
    body = json.loads(create.body)
    valid("BatchGenerateContentRequest", body)
    assert body == {"batch": {"displayName": "tag-1", "inputConfig": {"fileName": "files/in-1"}}}


@pytest.mark.parametrize(
    ("base", "version"), [("", "v1beta"), ("/v1", "v1"), ("/v1beta/", "v1beta"), ("/gate/v1alpha", "v1alpha")]
)
def test_the_version_may_come_with_the_address(base: str, version: str) -> None:
    prefix = "/gate" if "gate" in base else ""
    with vendor(Store(), base) as (provider, server):
        provider.submit(outgoing())
    assert [asked.path.partition("?")[0] for asked in server.requests] == [
        f"{prefix}/upload/{version}/files",
        f"{prefix}/upload/v1beta/files",
        f"{prefix}/{version}/models/{MODEL}:batchGenerateContent",
    ]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini_upload, "PIECE", 1_000)


@pytest.mark.usefixtures("small_pieces")
def test_a_payload_goes_in_pieces_and_only_the_last_is_the_end() -> None:
    sent, store = outgoing(count=20), Store()
    with vendor(store) as (provider, _):
        provider.submit(sent)
    assert store.content == sent.open().read()
    pieces = -(-sent.byte_size // 1_000)
    assert store.commands == ["start", *["upload"] * (pieces - 1), "upload, finalize", "create"]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "trouble",
    [NOTHING, Answer(cut_at=-1, forward=True), Answer(503, b""), Answer(502, b"", forward=True)],
    ids=["lost on the way", "reply lost", "503", "502 after all"],
)
@pytest.mark.parametrize("place", [2, 4, 5])
def test_a_piece_without_a_reply_is_taken_up_where_it_broke_off(trouble: Answer, place: int) -> None:
    sent = outgoing(count=14)
    assert 3_000 < sent.byte_size <= 4_000
    store = Store(lambda number, _: trouble if number == place else None)
    with vendor(store) as (provider, _):
        assert isinstance(provider.submit(sent), Handle)
    assert store.content == sent.open().read()
    assert store.commands.count("query") == 1
    assert store.commands.count("start") == 1


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"x-goog-upload-status": "active", "x-goog-upload-size-received": "many"}),
        (200, {"x-goog-upload-status": "active", "x-goog-upload-size-received": "99999"}),
        (200, {"x-goog-upload-status": "active", "x-goog-upload-size-received": "0"}),
        (200, {"x-goog-upload-status": "final"}),
        (500, {}),
    ],
)
def test_an_upload_that_cannot_be_taken_up_is_begun_again_later(status: int, headers: dict[str, str]) -> None:
    def spoil(_: int, command: str) -> Answer | None:
        if command == "query":
            return Answer(status, b"", headers)
        return NOTHING if command.startswith("upload") else None

    store = Store(spoil)
    with vendor(store) as (provider, _), pytest.raises(AskAgain):
        provider.submit(outgoing(count=14))
    assert "create" not in store.commands
    assert len(store.commands) <= 1 + 2 * gemini_upload.TRIES_WITHOUT_PROGRESS


@pytest.mark.parametrize(
    ("answer", "at_file", "at_create"),
    [
        (NOTHING, AskAgain, MaybeAccepted),
        (Answer(200, b"<html>"), AskAgain, MaybeAccepted),
        (reply({"name": 3}), AskAgain, MaybeAccepted),
        (reply({"name": "projects/1"}), AskAgain, MaybeAccepted),
        (error(500, "INTERNAL"), AskAgain, MaybeAccepted),
        (error(502), AskAgain, MaybeAccepted),
        (error(503, "UNAVAILABLE"), AskAgain, MaybeAccepted),
        (error(504, "DEADLINE_EXCEEDED"), AskAgain, MaybeAccepted),
        (error(429, "RESOURCE_EXHAUSTED"), AskAgain, AskAgain),
        (error(429, "RESOURCE_EXHAUSTED", "No.", quota("PerDay")), TellOperator, TellOperator),
        (error(402, "RESOURCE_EXHAUSTED"), TellOperator, TellOperator),
        (error(400, "FAILED_PRECONDITION"), TellOperator, TellOperator),
        (error(400, "FAILED_PRECONDITION", "The File x is not in an ACTIVE state"), AskAgain, AskAgain),
        (error(400, "INVALID_ARGUMENT", "API key not valid."), TellOperator, TellOperator),
        (error(403, "PERMISSION_DENIED"), TellOperator, TellOperator),
        (error(400, "INVALID_ARGUMENT", "Error on line 3: invalid JSON"), Refused, Refused),
        (error(404, "NOT_FOUND", "models/x is not found"), Refused, Refused),
        (Answer(302, b"", {"location": "https://elsewhere.example"}), TellOperator, TellOperator),
    ],
)
def test_every_no_to_a_submission_names_the_next_move(
    answer: Answer, at_file: type[ProviderError], at_create: type[ProviderError]
) -> None:
    for wanted, raised in (("start", at_file), ("create", at_create)):
        store = Store(lambda _, command, wanted=wanted: answer if command == wanted else None)
        with vendor(store) as (provider, _), pytest.raises(ProviderError) as problem:
            provider.submit(outgoing())
        assert type(problem.value) is raised


# --- submit, live ---------------------------------------------------------------------------------------


def test_a_live_call_sends_the_request_alone() -> None:
    with vendor(lambda _: reply(answered(blob(picture())))) as (provider, server):
        result = provider.submit(outgoing(Lane.LIVE))
    assert isinstance(result, Answered)
    (only,) = result.results
    assert only.key == "k0"
    assert isinstance(only.outcome, Made)
    assert str(only.outcome.cost_usd) == "0.033612", "in full: this is the live lane"
    (asked,) = server.requests
    assert asked.path == f"/v1beta/models/{MODEL}:generateContent"
    assert asked.headers["x-goog-api-key"] == KEY
    valid("GenerateContentRequest", json.loads(asked.body))


@pytest.mark.parametrize(
    ("answer", "kind", "billed"),
    [
        (reply({"promptFeedback": {"blockReason": "SAFETY"}}), K.CONTENT_POLICY, Billed.UNKNOWN),
        (reply(answered({"text": "no"}, finishReason="NO_IMAGE")), K.UNKNOWN, Billed.YES),
        (error(400, "INVALID_ARGUMENT"), K.MALFORMED_REQUEST, Billed.NO),
        (error(404, "NOT_FOUND"), K.MALFORMED_REQUEST, Billed.NO),
        (error(403, "PERMISSION_DENIED", "the File x or it may not exist."), K.MALFORMED_REQUEST, Billed.NO),
        (error(500, "INTERNAL"), K.SERVER_ERROR, Billed.UNKNOWN),
        (error(503, "UNAVAILABLE"), K.SERVER_ERROR, Billed.UNKNOWN),
        (error(504, "DEADLINE_EXCEEDED"), K.TIMEOUT, Billed.UNKNOWN),
        (error(499, "CANCELLED"), K.CANCELLED, Billed.UNKNOWN),
        (Answer(200, b"half a pict"), K.UNKNOWN, Billed.UNKNOWN),
        (Answer(200, b"x" * (64 * 1024**2 + 1)), K.UNKNOWN, Billed.YES),
    ],
)
def test_a_live_call_that_is_answered_is_never_a_lost_one(
    answer: Answer, kind: FailureKind, billed: Billed
) -> None:
    with vendor(lambda _: answer) as (provider, _):
        result = provider.submit(outgoing(Lane.LIVE))
    assert isinstance(result, Answered)
    failure = result.results[0].outcome
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.billed) == (kind, billed)


@pytest.mark.parametrize(
    ("answer", "raised", "kind", "wait"),
    [
        (error(429, "RESOURCE_EXHAUSTED", "Slow.", {"retryDelay": "55s"}), AskAgain, K.RATE_LIMITED, 55),
        (error(402, "RESOURCE_EXHAUSTED"), TellOperator, K.QUOTA, None),
        (
            error(429, "RESOURCE_EXHAUSTED", "No.", quota("PerDay"), {"retryDelay": "9s"}),
            TellOperator,
            K.QUOTA,
            None,
        ),
        (error(400, "INVALID_ARGUMENT", "No.", {"reason": "API_KEY_INVALID"}), TellOperator, K.AUTH, None),
        (Answer(308, b""), TellOperator, K.AUTH, None),
    ],
)
def test_what_stops_all_calls_is_no_answer_for_one(
    answer: Answer, raised: type[ProviderError], kind: FailureKind, wait: int | None
) -> None:
    with vendor(lambda _: answer) as (provider, _), pytest.raises(raised) as problem:
        provider.submit(outgoing(Lane.LIVE))
    told: Any = problem.value
    assert told.kind is kind
    assert getattr(told, "retry_after", None) == (timedelta(seconds=wait) if wait else None)


def test_neither_key_nor_prompt_is_passed_on_when_the_vendor_quotes_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f"Cannot draw “a shy zebracorn” with key {KEY}"
    with (
        vendor(lambda _: error(429, "RESOURCE_EXHAUSTED", words)) as (provider, _),
        pytest.raises(AskAgain) as told,
    ):
        provider.submit(outgoing(Lane.LIVE))
    assert "zebracorn" not in str(told.value) + caplog.text
    assert KEY not in str(told.value) + caplog.text


def test_several_lines_are_no_live_call() -> None:
    with vendor(lambda _: reply({})) as (provider, server), pytest.raises(Refused):
        provider.submit(outgoing(Lane.LIVE, count=2))
    assert server.requests == []
