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
    Gone,
    Handle,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    Outgoing,
    Phase,
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
