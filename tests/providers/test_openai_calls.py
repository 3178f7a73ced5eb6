"""The OpenAI adapter's calls: what it sends, and what it makes of each scripted reply, over real HTTP."""

from __future__ import annotations

import email
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meddler import NOTHING, Answer, Asked, Meddler
from test_openai_words import K, picture, refused, success, valid

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
    NoLookup,
    Outgoing,
    Phase,
    ProviderError,
    Refused,
    Size,
    TellOperator,
)
from providers.catalogue import load
from providers.openai import TAG, OpenAI
from providers.wire.client import Patience

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MODELS = load()["openai"]
KEY = "sk-test-0123456789abcdef"
HANDLE = Handle("batch_1", {"model": "gpt-image-2", "endpoint": "/v1/images/generations"})
SINCE = NOW - timedelta(hours=1)


def reply(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def error(status: int, code: str, type_: str = "", message: str = "No.", **headers: str) -> Answer:
    return reply({"error": {"code": code, "type": type_, "message": message}}, status, **headers)


@contextmanager
def vendor(spoil: Callable[[Asked], Answer]) -> Iterator[tuple[OpenAI, Meddler]]:
    with Meddler(spoil) as server:
        provider = OpenAI(
            MODELS,
            api_key=KEY,
            base_url=f"{server.url}/v1",
            clock=lambda: NOW,
            patience=Patience(read_seconds=5),
        )
        with closing(provider):
            yield provider, server


def outgoing(lane: Lane = Lane.BATCH, count: int = 1, **change: Any) -> Outgoing:
    wish = {"model": "gpt-image-2", "prompt": "a shy zebracorn", "size": Size(1024, 1024), **change}
    provider = OpenAI(MODELS, api_key=KEY, clock=lambda: NOW)
    lines = [provider.encode(ImageRequest(key=f"k{n}", **wish), lane) for n in range(count)]
    provider.close()
    payload = b"".join(line.line + b"\n" for line in lines)
    return Outgoing(
        "tag-1", wish["model"], lane, lines[0].group, count, len(payload), lambda: io.BytesIO(payload)
    )


def batch(status: str = "completed", **more: Any) -> dict[str, Any]:
    counts = {"total": 2, "completed": 2, "failed": 0}
    return {"id": "batch_1", "object": "batch", "status": status, "request_counts": counts} | more


# --- submit, batch --------------------------------------------------------------------------------------


def accepting(asked: Asked) -> Answer:
    return reply({"id": "file-1"}) if asked.path == "/v1/files" else reply(batch("validating"))


def test_a_batch_is_an_upload_and_a_create_that_carries_our_tag() -> None:
    sent = outgoing(count=3)
    with vendor(accepting) as (provider, server):
        handle = provider.submit(sent)
    assert handle == Handle("batch_1", {"model": "gpt-image-2", "endpoint": "/v1/images/generations"})
    upload, create = server.requests
    head = f"content-type: {upload.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + upload.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}  # type: ignore[union-attr]
    assert parts["file"].get_payload(decode=True) == sent.open().read()
    assert parts["file"].get_filename() == "tag-1.jsonl"
    assert parts["purpose"].get_payload() == "batch"
    assert parts["expires_after[anchor]"].get_payload() == "created_at"
    assert 3_600 <= int(parts["expires_after[seconds]"].get_payload()) <= 2_592_000
    assert int(upload.headers["content-length"]) == len(upload.body), (
        "the size is known, nothing is gathered first"
    )
    body = json.loads(create.body)
    valid("CreateBatchRequest", body)
    assert (body["input_file_id"], body["metadata"]) == ("file-1", {TAG: "tag-1"})
    assert body["output_expires_after"] == {"anchor": "created_at", "seconds": 2_592_000}


@pytest.mark.parametrize(
    ("answer", "at_file", "at_create"),
    [
        (NOTHING, AskAgain, MaybeAccepted),
        (Answer(200, b"<html>"), AskAgain, MaybeAccepted),
        (reply({"id": 3}), AskAgain, MaybeAccepted),
        (error(500, "server_error"), AskAgain, MaybeAccepted),
        (error(502, ""), AskAgain, MaybeAccepted),
        (error(503, "server_is_overloaded"), AskAgain, MaybeAccepted),
        (error(503, "slow_down"), AskAgain, AskAgain),
        (error(408, ""), AskAgain, MaybeAccepted),
        (error(409, ""), AskAgain, MaybeAccepted),
        (error(429, "rate_limit_exceeded", "requests"), AskAgain, AskAgain),
        (error(400, "token_limit_exceeded"), AskAgain, AskAgain),
        (error(429, "insufficient_quota", "insufficient_quota"), TellOperator, TellOperator),
        (error(400, "billing_hard_limit_reached"), TellOperator, TellOperator),
        (error(401, "invalid_api_key"), TellOperator, TellOperator),
        (error(403, ""), TellOperator, TellOperator),
        (error(400, "invalid_value"), Refused, Refused),
        (error(413, ""), Refused, Refused),
        (Answer(301, b"", {"location": "https://elsewhere.example/"}), TellOperator, TellOperator),
    ],
)
def test_each_step_of_a_submit_names_the_next_move(
    answer: Answer, at_file: type[ProviderError], at_create: type[ProviderError]
) -> None:
    with vendor(lambda _: answer) as (provider, server):
        with pytest.raises(ProviderError) as raised:
            provider.submit(outgoing())
        assert (type(raised.value), len(server.requests)) == (at_file, 1)
    with vendor(lambda asked: accepting(asked) if asked.path == "/v1/files" else answer) as (
        provider,
        server,
    ):
        with pytest.raises(ProviderError) as raised:
            provider.submit(outgoing())
        assert (type(raised.value), len(server.requests)) == (at_create, 2)


# --- submit, live ---------------------------------------------------------------------------------------


def test_a_live_call_sends_the_body_of_its_line_once() -> None:
    body = success()["response"]["body"]
    with vendor(lambda _: reply(body)) as (provider, server):
        answer = provider.submit(outgoing(Lane.LIVE))
    assert isinstance(answer, Answered)
    (result,) = answer.results
    assert result.key == "k0"
    assert isinstance(result.outcome, Made)
    assert str(result.outcome.cost_usd) == "0.005945"
    (asked,) = server.requests
    assert asked.path == "/v1/images/generations"
    valid("CreateImageRequest", json.loads(asked.body))
    assert "custom_id" not in json.loads(asked.body)


def live(answer: Answer) -> Made | Failure:
    with vendor(lambda _: answer) as (provider, server):
        try:
            answered = provider.submit(outgoing(Lane.LIVE))
        finally:
            assert len(server.requests) == 1
    assert isinstance(answered, Answered)
    return answered.results[0].outcome


@pytest.mark.parametrize(
    ("answer", "kind", "billed"),
    [
        (error(400, "moderation_blocked"), K.CONTENT_POLICY, Billed.UNKNOWN),
        (error(400, "invalid_value"), K.MALFORMED_REQUEST, Billed.NO),
        (error(404, "model_not_found"), K.MALFORMED_REQUEST, Billed.NO),
        (error(500, "server_error"), K.SERVER_ERROR, Billed.UNKNOWN),
        (Answer(504, b"<html>"), K.SERVER_ERROR, Billed.UNKNOWN),
        (error(408, ""), K.TIMEOUT, Billed.UNKNOWN),
        (reply({"created": 1}), K.UNKNOWN, Billed.YES),
        (reply({"created": 1, "data": [{"b64_json": "PGh0bWw+"}]}), K.UNKNOWN, Billed.YES),
        (Answer(200, b"<html>"), K.UNKNOWN, Billed.UNKNOWN),
        (Answer(200, b" " * (64 * 1024 * 1024 + 1)), K.UNKNOWN, Billed.YES),
    ],
    ids=["moderated", "invalid", "no model", "500", "504", "408", "no data", "no picture", "page", "huge"],
)
def test_a_live_answer_that_is_no_picture_is_a_failure_of_the_item(
    answer: Answer, kind: FailureKind, billed: Billed
) -> None:
    outcome = live(answer)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.billed) == (kind, billed)
    assert outcome.message


def test_a_live_failure_keeps_the_wait_the_vendor_asks_for() -> None:
    outcome = live(error(503, "server_is_overloaded", retry_after="12"))
    assert isinstance(outcome, Failure)
    assert outcome.retry_after == timedelta(seconds=12)


@pytest.mark.parametrize(
    ("answer", "expected", "kind"),
    [
        (error(429, "rate_limit_exceeded", "requests"), AskAgain, K.RATE_LIMITED),
        (error(429, "credit_balance_exhausted", "insufficient_quota"), TellOperator, K.QUOTA),
        (error(401, "invalid_api_key"), TellOperator, K.AUTH),
        (Answer(308, b"", {"location": "https://elsewhere.example/"}), TellOperator, K.AUTH),
    ],
)
def test_what_stops_all_live_calls_is_raised(answer: Answer, expected: type[Any], kind: FailureKind) -> None:
    with pytest.raises(expected) as raised:
        live(answer)
    assert raised.value.kind is kind


def test_words_that_quote_the_key_or_the_prompt_are_not_passed_on() -> None:
    words = f"Key {KEY} may not ask for 'a shy zebracorn'."
    for answer in (error(400, "invalid_value", message=words), error(400, words, message=words)):
        outcome = live(answer)
        assert isinstance(outcome, Failure)
        assert KEY not in f"{outcome}"
        assert "zebracorn" not in f"{outcome}"
    with pytest.raises(TellOperator) as told:
        live(error(401, "invalid_api_key", message=words, x_request_id=f"req-7 {KEY}"))
    assert "zebracorn" not in str(told.value)
    assert KEY not in str(told.value)
    assert "req-7" in str(told.value)


def test_a_live_submission_of_two_is_refused_before_it_is_sent() -> None:
    with vendor(lambda _: NOTHING) as (provider, server):
        with pytest.raises(Refused, match="one picture at a time"):
            provider.submit(outgoing(Lane.LIVE, count=2))
        assert server.requests == []


# --- find -----------------------------------------------------------------------------------------------


def listed(number: int, age: timedelta, tag: str = "other") -> dict[str, Any]:
    return {"id": f"batch_{number}", "created_at": int((NOW - age).timestamp()), "metadata": {TAG: tag}}


def pages(*batches: dict[str, Any], size: int = 100) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        after = asked.path.partition("after=")[2].partition("&")[0]
        place = next((n + 1 for n, b in enumerate(batches) if b["id"] == after), 0)
        shown = list(batches[place : place + size])
        more = place + size < len(batches)
        return reply(
            {"object": "list", "data": shown, "last_id": shown[-1]["id"] if shown else None, "has_more": more}
        )

    return answer


def test_a_batch_is_found_on_a_later_page() -> None:
    batches = [listed(n, timedelta(minutes=n)) for n in range(25)] + [
        listed(99, timedelta(minutes=30), "tag-1")
    ]
    with vendor(pages(*batches, size=10)) as (provider, server):
        assert provider.find(outgoing(), SINCE) == Handle("batch_99", HANDLE.data)
        assert len(server.requests) == 3
        assert "limit=100" in server.requests[0].path


def test_looking_stops_at_batches_older_than_the_submission() -> None:
    batches = [listed(n, timedelta(minutes=20 * n)) for n in range(100)]
    with vendor(pages(*batches, size=10)) as (provider, server):
        assert provider.find(outgoing(), SINCE) is None
        assert len(server.requests) == 2


def test_a_clock_that_is_a_little_behind_does_not_hide_a_batch() -> None:
    batches = [listed(n, timedelta(minutes=65)) for n in range(10)] + [
        listed(99, timedelta(minutes=66), "tag-1")
    ]
    with vendor(pages(*batches, size=10)) as (provider, _):
        assert provider.find(outgoing(), SINCE) is not None


def test_no_batches_at_all_means_it_did_not_arrive() -> None:
    with vendor(pages()) as (provider, _):
        assert provider.find(outgoing(), SINCE) is None


@pytest.mark.parametrize(
    "page",
    [
        {"object": "list"},
        {"data": {}},
        {"data": [], "error": 1, "has_more": True, "object": "list"},
        {"data": [{"id": "batch_1"}], "last_id": "batch_1", "has_more": True},
        {"data": ["x"], "has_more": True},
    ],
)
def test_a_list_that_cannot_be_followed_never_means_it_did_not_arrive(page: dict[str, Any]) -> None:
    with vendor(lambda _: reply(page)) as (provider, _):
        if page.get("data") == []:
            assert provider.find(outgoing(), SINCE) is None
            return
        with pytest.raises(AskAgain):
            provider.find(outgoing(), SINCE)


def test_live_calls_cannot_be_looked_up() -> None:
    with vendor(lambda _: NOTHING) as (provider, _), pytest.raises(NoLookup):
        provider.find(outgoing(Lane.LIVE), SINCE)


# --- poll -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "phase", "unanswered"),
    [
        ("validating", Phase.WAITING, K.UNKNOWN),
        ("in_progress", Phase.RUNNING, K.UNKNOWN),
        ("finalizing", Phase.RUNNING, K.UNKNOWN),
        ("cancelling", Phase.RUNNING, K.UNKNOWN),
        ("completed", Phase.ENDED, K.UNKNOWN),
        ("expired", Phase.ENDED, K.EXPIRED),
        ("cancelled", Phase.ENDED, K.CANCELLED),
        ("failed", Phase.REJECTED, K.UNKNOWN),
        ("paused_for_maintenance", Phase.RUNNING, K.UNKNOWN),
    ],
)
def test_every_state_of_theirs_is_one_of_ours(status: str, phase: Phase, unanswered: FailureKind) -> None:
    counts = {"total": 5, "completed": 0 if status == "failed" else 3, "failed": 1}
    with vendor(lambda _: reply(batch(status, request_counts=counts))) as (provider, _):
        progress = provider.poll(HANDLE)
    assert (progress.phase, progress.unanswered) == (phase, unanswered)
    assert (progress.total, progress.completed, progress.failed) == (5, counts["completed"], 1)
    assert (progress.failure is not None) == (phase is Phase.REJECTED)


def test_a_failed_batch_that_made_pictures_has_ended_since_they_were_paid_for() -> None:
    with vendor(lambda _: reply(batch("failed", output_file_id="file-1"))) as (provider, _):
        assert provider.poll(HANDLE).phase is Phase.ENDED


def test_results_expire_a_lifetime_after_their_files_were_begun() -> None:
    times = {"finalizing_at": int(NOW.timestamp()), "completed_at": int(NOW.timestamp()) + 60}
    with vendor(lambda _: reply(batch(**times))) as (provider, _):
        assert provider.poll(HANDLE).results_expire_at == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(404, ""), Gone),
        (error(410, ""), Gone),
        (error(401, "invalid_api_key"), TellOperator),
        (error(400, "invalid_value"), TellOperator),
        (error(429, "insufficient_quota"), TellOperator),
        (error(429, "rate_limit_exceeded"), AskAgain),
        (error(500, ""), AskAgain),
        (Answer(200, b"["), AskAgain),
        (Answer(302, b"", {"location": "/x"}), TellOperator),
        (NOTHING, AskAgain),
    ],
)
def test_a_question_without_an_answer_names_the_next_move(
    answer: Answer, expected: type[ProviderError]
) -> None:
    with vendor(lambda _: answer) as (provider, _):
        for ask in (lambda: provider.poll(HANDLE), lambda: list(provider.results(HANDLE)), provider.check):
            with pytest.raises(ProviderError) as raised:
                ask()
            assert type(raised.value) is expected


# --- results --------------------------------------------------------------------------------------------


def files(output: bytes | None, errors: bytes | None, **more: Any) -> Callable[[Asked], Answer]:
    ids = {
        "output_file_id": "file-o" if output is not None else None,
        "error_file_id": "file-e" if errors is not None else None,
    }

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/files/file-o/content":
            return Answer(200, output or b"")
        if asked.path == "/v1/files/file-e/content":
            return Answer(200, errors or b"")
        return reply(batch(**ids, endpoint="/v1/images/generations") | more)

    return answer


def lines(*values: Any) -> bytes:
    return b"".join(
        (v if isinstance(v, bytes) else json.dumps(v, ensure_ascii=False).encode()) + b"\n" for v in values
    )


def named(key: str, line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "custom_id": key}


def results(spoil: Callable[[Asked], Answer]) -> list[tuple[str, FailureKind | None]]:
    with vendor(spoil) as (provider, _):
        found = list(provider.results(HANDLE))
    return [(r.key, r.outcome.kind if isinstance(r.outcome, Failure) else None) for r in found]


def test_answers_are_read_from_both_files_whichever_shape_lies_where() -> None:
    output = lines(
        named("a", success()),
        named("b", refused(None, "batch_expired")),
        named("c", refused(400, "moderation_blocked")),
    )
    errors = lines(
        named("d", refused(500, "")), named("e", success()), named("f", refused(None, "request_timeout"))
    )
    assert results(files(output, errors)) == [
        ("a", None),
        ("b", K.EXPIRED),
        ("c", K.CONTENT_POLICY),
        ("d", K.SERVER_ERROR),
        ("e", None),
        ("f", K.TIMEOUT),
    ]


def test_either_file_may_be_missing() -> None:
    none = {"request_counts": {"total": 1, "completed": 0, "failed": 1}}
    assert results(files(None, lines(named("a", refused(500, ""))), **none)) == [("a", K.SERVER_ERROR)]
    assert results(files(lines(named("a", success())), None)) == [("a", None)]
    assert results(files(None, None, **none)) == []


def test_a_file_not_named_yet_is_waited_for_since_its_pictures_were_paid_for() -> None:
    with pytest.raises(AskAgain, match="file"):
        results(files(None, None))


def test_a_key_that_comes_twice_counts_once_and_the_picture_wins(caplog: pytest.LogCaptureFixture) -> None:
    output = lines(named("a", success()), named("a", success()))
    assert results(files(output, lines(named("a", refused(500, ""))))) == [("a", None)]
    assert caplog.text.count("answers a twice") == 2


def test_bad_lines_are_logged_and_do_not_spoil_the_others(caplog: pytest.LogCaptureFixture) -> None:
    secretive = b'{"custom_id": "x", "prompt": "zebracorn'
    tail = json.dumps(named("z", success())).encode()[:-40]
    output = lines(b"", secretive, b"\xff\xfe", {"no": "key"}, named("a", success()), b"[]") + tail
    with caplog.at_level(logging.WARNING):
        assert results(files(output, None)) == [("a", None)]
    assert caplog.text.count("Skipped in file file-o") == 5
    assert "the file ends inside it" in caplog.text
    assert "zebracorn" not in caplog.text


def test_separators_inside_strings_do_not_break_lines() -> None:
    odd = success()
    odd["response"]["body"]["data"][0]["revised_prompt"] = "one\u2028two\u2029three\u0085four"
    assert results(files(lines(odd, named("b", odd)), None)) == [("k1", None), ("b", None)]


def test_a_file_that_expired_is_gone() -> None:
    def spoil(asked: Asked) -> Answer:
        return error(404, "") if "/content" in asked.path else files(b"", None)(asked)

    with pytest.raises(Gone):
        results(spoil)


# --- cancel, check, fetch -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 409])
def test_stopping_what_is_over_is_no_error(status: int) -> None:
    with vendor(lambda _: reply({}, status)) as (provider, server):
        provider.cancel(HANDLE)
        assert (server.requests[0].method, server.requests[0].path) == ("POST", "/v1/batches/batch_1/cancel")


@pytest.mark.parametrize(
    ("status", "expected"), [(404, Gone), (401, TellOperator), (429, AskAgain), (500, AskAgain)]
)
def test_stopping_can_fail_in_the_usual_ways(status: int, expected: type[ProviderError]) -> None:
    with vendor(lambda _: reply({}, status)) as (provider, _), pytest.raises(expected):
        provider.cancel(HANDLE)


def test_a_strange_name_of_a_batch_stays_one_part_of_the_address() -> None:
    with vendor(lambda _: reply(batch())) as (provider, server):
        provider.poll(Handle("../files?x=1#y", {}))
        assert server.requests[0].path == "/v1/batches/..%2Ffiles%3Fx%3D1%23y"


def test_the_check_names_models_that_go_soon() -> None:
    offered = [
        {"id": "gpt-image-2"},
        {"id": "gpt-image-1.5"},
        {"id": "gpt-image-2.5-flare", "shutdown_date": "2026-12-20"},
        {"id": "gpt-image-1"},
        {"id": "gpt-9-text"},
    ]
    with vendor(lambda _: reply({"object": "list", "data": offered})) as (provider, _):
        said = provider.check()
    assert said == (
        "OpenAI answers: 3 of the known models can be used "
        "(gpt-image-2, gpt-image-2.5-flare, gpt-image-1.5); "
        "shut down soon: gpt-image-2.5-flare on 2026-12-20; gpt-image-1.5 on 2026-12-01, then use gpt-image-2"
    )


def test_the_check_works_where_no_model_is_known() -> None:
    with vendor(lambda _: reply({"data": []})) as (provider, _):
        assert provider.check() == "OpenAI answers: 0 of the known models can be used"


def test_a_gateways_link_is_fetched() -> None:
    with vendor(lambda _: Answer(200, picture())) as (provider, server):
        assert provider.fetch(f"{server.url}/picture.png") == picture()


@pytest.mark.parametrize("key", ["", "  ", "sk-\u2028a", "sk-a\nb"])
def test_a_key_that_is_none_is_told_at_once(key: str) -> None:
    with pytest.raises(TellOperator) as told:
        OpenAI(MODELS, api_key=key, clock=lambda: NOW)
    assert told.value.kind is K.AUTH
