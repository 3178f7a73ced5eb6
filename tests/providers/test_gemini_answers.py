"""Gemini's answers in our words: every error, every shape of answer and line, what it cost."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from providers import gemini_answers as answers
from providers import gemini_operations as operations
from providers.base import Billed, Failure, FailureKind, ItemResult, Made
from providers.catalogue import load
from providers.wire.jsonl import Line

MODELS = load()["gemini"]
SPEC = json.loads((Path(__file__).parent.parent / "data" / "gemini-v1beta-cut.json").read_text())
K = FailureKind


def valid(schema: str, value: Any) -> None:
    """Raises where the vendor's description does not allow the value."""
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    ).validate(value)


# --- errors ---------------------------------------------------------------------------------------------

QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "55s"}


def quota(identity: str, value: str = "1500") -> dict[str, Any]:
    return {"@type": QUOTA, "violations": [{"quotaId": identity, "quotaValue": value}]}


@pytest.mark.parametrize(
    ("status", "error", "kind", "billed", "code"),
    [
        (400, {"status": "INVALID_ARGUMENT"}, K.MALFORMED_REQUEST, Billed.NO, "INVALID_ARGUMENT"),
        (400, {}, K.MALFORMED_REQUEST, Billed.NO, "INVALID_ARGUMENT"),
        (404, {"status": "NOT_FOUND"}, K.MALFORMED_REQUEST, Billed.NO, "NOT_FOUND"),
        (None, {"code": 5}, K.MALFORMED_REQUEST, Billed.NO, "NOT_FOUND"),
        (None, {"code": 404}, K.MALFORMED_REQUEST, Billed.NO, "NOT_FOUND"),
        (413, {}, K.MALFORMED_REQUEST, Billed.NO, "INVALID_ARGUMENT"),
        (None, {"code": 3}, K.MALFORMED_REQUEST, Billed.NO, "INVALID_ARGUMENT"),
        (None, {"code": 11}, K.MALFORMED_REQUEST, Billed.NO, "OUT_OF_RANGE"),
        (
            400,
            {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]},
            K.AUTH,
            Billed.NO,
            "API_KEY_INVALID",
        ),
        (
            400,
            {"message": "API key not valid. Please pass a valid API key."},
            K.AUTH,
            Billed.NO,
            "INVALID_ARGUMENT",
        ),
        (400, {"message": "API Key not found."}, K.AUTH, Billed.NO, "INVALID_ARGUMENT"),
        (401, {"status": "UNAUTHENTICATED"}, K.AUTH, Billed.NO, "UNAUTHENTICATED"),
        (403, {"status": "PERMISSION_DENIED"}, K.AUTH, Billed.NO, "PERMISSION_DENIED"),
        (None, {"code": 7}, K.AUTH, Billed.NO, "PERMISSION_DENIED"),
        (None, {"code": 16}, K.AUTH, Billed.NO, "UNAUTHENTICATED"),
        (
            403,
            {"message": "You do not have permission to access the File x or it may not exist."},
            K.MALFORMED_REQUEST,
            Billed.NO,
            "PERMISSION_DENIED",
        ),
        (402, {"status": "RESOURCE_EXHAUSTED"}, K.QUOTA, Billed.NO, "RESOURCE_EXHAUSTED"),
        (402, {}, K.QUOTA, Billed.NO, "INVALID_ARGUMENT"),
        (None, {"code": 402, "status": "RESOURCE_EXHAUSTED"}, K.QUOTA, Billed.NO, "RESOURCE_EXHAUSTED"),
        (400, {"status": "FAILED_PRECONDITION"}, K.QUOTA, Billed.NO, "FAILED_PRECONDITION"),
        (
            400,
            {"status": "FAILED_PRECONDITION", "message": "The File x is not in an ACTIVE state"},
            K.SERVER_ERROR,
            Billed.UNKNOWN,
            "FAILED_PRECONDITION",
        ),
        (
            429,
            {"details": [quota("RequestsPerDayPerProject"), DELAY]},
            K.QUOTA,
            Billed.NO,
            "RESOURCE_EXHAUSTED",
        ),
        (429, {"details": [quota("PerMinute", "0")]}, K.QUOTA, Billed.NO, "RESOURCE_EXHAUSTED"),
        (429, {"message": "Quota exceeded, limit: 0, model: x"}, K.QUOTA, Billed.NO, "RESOURCE_EXHAUSTED"),
        (
            429,
            {"message": "Your project has exceeded its monthly spending cap."},
            K.QUOTA,
            Billed.NO,
            "RESOURCE_EXHAUSTED",
        ),
        (
            429,
            {"message": "The spend limit of 10 minutes is reached."},
            K.RATE_LIMITED,
            Billed.NO,
            "RESOURCE_EXHAUSTED",
        ),
        (429, {"message": "Quota exceeded, limit: 0.5"}, K.RATE_LIMITED, Billed.NO, "RESOURCE_EXHAUSTED"),
        (
            429,
            {"details": [quota("PerMinutePerProject"), DELAY]},
            K.RATE_LIMITED,
            Billed.NO,
            "RESOURCE_EXHAUSTED",
        ),
        (429, {}, K.RATE_LIMITED, Billed.NO, "RESOURCE_EXHAUSTED"),
        (None, {"code": 8}, K.RATE_LIMITED, Billed.NO, "RESOURCE_EXHAUSTED"),
        (504, {"status": "DEADLINE_EXCEEDED"}, K.TIMEOUT, Billed.UNKNOWN, "DEADLINE_EXCEEDED"),
        (408, {}, K.TIMEOUT, Billed.UNKNOWN, "DEADLINE_EXCEEDED"),
        (None, {"code": 4}, K.TIMEOUT, Billed.UNKNOWN, "DEADLINE_EXCEEDED"),
        (500, {"status": "INTERNAL"}, K.SERVER_ERROR, Billed.UNKNOWN, "INTERNAL"),
        (502, {}, K.SERVER_ERROR, Billed.UNKNOWN, "INTERNAL"),
        (503, {"status": "UNAVAILABLE"}, K.SERVER_ERROR, Billed.UNKNOWN, "UNAVAILABLE"),
        (None, {"code": 13}, K.SERVER_ERROR, Billed.UNKNOWN, "INTERNAL"),
        (None, {"code": 14}, K.SERVER_ERROR, Billed.UNKNOWN, "UNAVAILABLE"),
        (None, {"code": 500}, K.SERVER_ERROR, Billed.UNKNOWN, "INTERNAL"),
        (409, {}, K.SERVER_ERROR, Billed.UNKNOWN, "ABORTED"),
        (499, {}, K.CANCELLED, Billed.UNKNOWN, "CANCELLED"),
        (None, {"code": 1}, K.CANCELLED, Billed.UNKNOWN, "CANCELLED"),
        (None, {"code": 2}, K.UNKNOWN, Billed.UNKNOWN, "UNKNOWN"),
        (None, {"code": 77}, K.UNKNOWN, Billed.UNKNOWN, "77"),
        (None, {}, K.UNKNOWN, Billed.UNKNOWN, ""),
    ],
)
def test_every_error_has_a_kind(
    status: int | None, error: dict[str, Any], kind: FailureKind, billed: Billed, code: str
) -> None:
    failure = answers.failure(status, error)
    assert (failure.kind, failure.billed, failure.code) == (kind, billed, code)
    assert failure.message


@pytest.mark.parametrize(
    "error", [{"code": [], "message": 3}, {"details": "x"}, {"details": [{"violations": [1]}]}]
)
def test_an_error_of_another_shape_is_judged_by_its_status(error: dict[str, Any]) -> None:
    assert answers.failure(500, error).kind is K.SERVER_ERROR


@pytest.mark.parametrize(
    ("delay", "wait"),
    [
        ("55s", timedelta(seconds=55)),
        ("0.25s", timedelta(seconds=0.25)),
        ("999999999s", timedelta(days=1)),
        ("-3s", None),
        ("soon", None),
        (7, None),
    ],
)
def test_the_vendors_own_delay_is_honoured(delay: Any, wait: timedelta | None) -> None:
    failure = answers.failure(429, {"details": [{"retryDelay": delay}]})
    assert failure.retry_after == wait


def test_a_batch_that_failed_says_why_where_the_vendor_does() -> None:
    failure = answers.batch_failure({"code": 3, "message": "Wrong."})
    assert (failure.kind, failure.message, failure.billed) == (K.MALFORMED_REQUEST, "Wrong.", Billed.NO)
    failure = answers.batch_failure({})
    assert (failure.kind, failure.billed) == (K.UNKNOWN, Billed.UNKNOWN)
    assert failure.message == "the batch failed without a reason"


# --- answers --------------------------------------------------------------------------------------------


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, kind)
    return out.getvalue()


def blob(content: bytes, kind: str = "image/png", **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(content).decode()}, **more}


USAGE: dict[str, Any] = {
    "promptTokenCount": 8,
    "candidatesTokenCount": 1120,
    "totalTokenCount": 1128,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
}
READ_ONLY: dict[str, Any] = {"promptTokenCount": 8, "totalTokenCount": 8}


def answered(*parts: Any, usage: Any = USAGE, **candidate: Any) -> dict[str, Any]:
    said = {"finishReason": "STOP", "content": {"role": "model", "parts": list(parts)}, **candidate}
    return {"candidates": [said], "usageMetadata": usage}


def read(line: Any, model: str | None = "gemini-nano-banana-2.1", owner: str | None = None) -> Any:
    content = line if isinstance(line, bytes) else json.dumps(line).encode()
    found = answers.result(Line(1, 0, content), MODELS[model] if model else None, owner)
    if isinstance(found, ItemResult):
        assert found.key == "k1"
        return found.outcome
    return found


def outcome(response: Any, **more: Any) -> Any:
    return read({"key": "k1", "response": response}, **more)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_success_is_a_picture_with_its_cost(kind: str) -> None:
    response = answered(blob(picture(kind), "image/png"))
    valid("GenerateContentResponse", response)
    made = outcome(response)
    assert isinstance(made, Made)
    (only,) = made.pictures
    assert (only.content, only.media_type) == (picture(kind), f"image/{kind.lower()}")
    # (8 x 1.5 + 1120 x 30) / 1,000,000 x 0.5
    assert made.cost_usd == Decimal("0.016806")


def test_the_last_picture_that_is_no_thought_is_the_one() -> None:
    first, last = picture("JPEG"), picture("PNG")
    parts = [blob(first), {"text": "Better:"}, blob(last), blob(first, thought=True), {"text": "Done."}]
    made = outcome(answered(*parts))
    assert isinstance(made, Made)
    assert [p.content for p in made.pictures] == [last]
    thought = outcome(answered(blob(first, thought=True)))
    assert (thought.kind, thought.code) == (K.UNKNOWN, "no_picture")


def test_both_spellings_are_read() -> None:
    part = {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(picture()).decode()}}
    usage = {
        "prompt_token_count": "8",
        "candidates_token_count": "1120",
        "candidates_tokens_details": [{"modality": "IMAGE", "token_count": "1120"}],
    }
    response = {
        "candidates": [{"finish_reason": "STOP", "content": {"parts": [part]}}],
        "usage_metadata": usage,
    }
    made = outcome(response)
    assert isinstance(made, Made)
    assert made.cost_usd == Decimal("0.016806")


@pytest.mark.parametrize(
    ("response", "kind", "code", "words"),
    [
        ({"promptFeedback": {"blockReason": reason}}, K.CONTENT_POLICY, reason, reason)
        for reason in ("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "OTHER", "JAILBREAK")
    ]
    + [
        ({"candidates": [{"finishReason": reason}]}, K.CONTENT_POLICY, reason, reason)
        for reason in sorted(answers.BLOCKED)
    ]
    + [
        ({"candidates": [{"finishReason": reason}]}, K.UNKNOWN, reason, "no picture")
        for reason in (
            "OTHER",
            "IMAGE_OTHER",
            "NO_IMAGE",
            "MALFORMED_RESPONSE",
            "MAX_TOKENS",
            "LANGUAGE",
            "NEW_ONE",
        )
    ]
    + [
        ({"candidates": [{"finishReason": "STOP"}]}, K.UNKNOWN, "no_picture", "no picture"),
        (
            {"candidates": [{"finishReason": "MISSING_THOUGHT_SIGNATURE"}]},
            K.MALFORMED_REQUEST,
            "MISSING_THOUGHT_SIGNATURE",
            "no picture",
        ),
        (
            {"candidates": [{"finishReason": "SAFETY", "finishMessage": "Not this."}]},
            K.CONTENT_POLICY,
            "SAFETY",
            "Not this.",
        ),
        (answered(blob(picture()), finishReason="IMAGE_SAFETY"), K.CONTENT_POLICY, "IMAGE_SAFETY", "blocked"),
        (
            answered({"text": "I cannot"}, {"text": "draw."}, finishReason="NO_IMAGE"),
            K.UNKNOWN,
            "NO_IMAGE",
            "in words: I cannot draw.",
        ),
        (answered(blob(b"<html>")), K.UNKNOWN, "no_picture", "not a picture"),
        (answered(blob(picture()[:-20])), K.UNKNOWN, "no_picture", "ends in the middle"),
        (answered({"inlineData": {"data": "%%%"}}), K.UNKNOWN, "no_picture", "cannot be read"),
        (answered({"inlineData": 7}, 3, None), K.UNKNOWN, "no_picture", "no picture"),
        ({"candidates": []}, K.UNKNOWN, "no_picture", "no picture"),
        ({"candidates": [3, {"content": []}]}, K.UNKNOWN, "no_picture", "no picture"),
        ({"usageMetadata": {}}, K.UNKNOWN, "no_picture", "no picture"),
    ],
)
def test_a_success_without_a_picture_is_a_failure_with_a_reason(
    response: dict[str, Any], kind: FailureKind, code: str, words: str
) -> None:
    failure = outcome({**response, "usageMetadata": {}})
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code, failure.billed, failure.cost_usd) == (
        kind,
        code,
        Billed.UNKNOWN,
        None,
    )
    assert words in failure.message
    charged = outcome({**response, "usageMetadata": READ_ONLY})
    # 8 x 1.5 / 1,000,000 x 0.5: the words read
    assert (charged.kind, charged.billed, charged.cost_usd) == (kind, Billed.YES, Decimal("0.000006"))


@pytest.mark.parametrize(
    ("usage", "model", "cost"),
    [
        (USAGE, "gemini-nano-banana-2.1", "0.033612"),
        ({**USAGE, "thoughtsTokenCount": 400}, "gemini-nano-banana-2.1", "0.036612"),
        ({**USAGE, "candidatesTokenCount": 1130}, "gemini-nano-banana-2.1", "0.033687"),
        ({"promptTokenCount": 8, "candidatesTokenCount": 1120}, "gemini-nano-banana-2.1", "0.033612"),
        (
            {
                **USAGE,
                "promptTokenCount": 568,
                "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 560}],
            },
            "gemini-3-pro-image",
            "0.135536",
        ),
        ({"candidatesTokenCount": 1120}, "gemini-nano-banana-2.1", None),
        ({}, "gemini-nano-banana-2.1", None),
        (USAGE, "imagen-4.0-generate-001", None),
    ],
)
def test_cost_follows_the_vendors_count_and_is_not_guessed(
    usage: dict[str, Any], model: str, cost: str | None
) -> None:
    """(8 x 1.5 + 1120 x 30) / 1e6 = 0.033612; 400 thoughts are 400 x 7.5 / 1e6 = 0.003 more."""
    told = answers.cost_usd(usage, MODELS[model].tokens, Decimal(1), drawn=True)
    assert told == (None if cost is None else Decimal(cost))


def test_words_without_a_price_make_the_cost_unknown() -> None:
    tokens = MODELS["gemini-3-pro-image"].tokens
    assert tokens is not None
    silent = tokens.model_copy(update={"text_out": None})
    assert answers.cost_usd(USAGE, silent, Decimal(1), drawn=True) is not None
    assert answers.cost_usd({**USAGE, "thoughtsTokenCount": 1}, silent, Decimal(1), drawn=True) is None


# --- lines of results -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"key": "k1", "error": {"code": 3, "message": "No."}}, K.MALFORMED_REQUEST),
        ({"key": "k1", "error": {"code": 429, "message": "No."}}, K.RATE_LIMITED),
        ({"key": "k1", "response": {"error": {"code": 13, "message": "No."}}}, K.SERVER_ERROR),
        ({"metadata": {"key": "k1"}, "error": {"code": 14}}, K.SERVER_ERROR),
        ({"key": "k1", "status": "INVALID_ARGUMENT"}, K.MALFORMED_REQUEST),
        ({"key": "k1"}, K.UNKNOWN),
        ({"key": "k1", "response": None, "error": None}, K.UNKNOWN),
        ({"key": "k1", "response": [], "error": "no"}, K.UNKNOWN),
    ],
)
def test_every_shape_of_a_failed_line_is_read(line: dict[str, Any], kind: FailureKind) -> None:
    failure = read(line)
    assert isinstance(failure, Failure)
    assert failure.kind is kind


def test_a_line_without_a_key_goes_to_its_place() -> None:
    status = {"code": 3, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}
    assert read(status, owner="k1").kind is K.MALFORMED_REQUEST
    assert isinstance(read(answered(blob(picture())), owner="k1"), Made)
    assert isinstance(read(status), answers.Skipped)


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b"[" * 100_000, {"key": 3}, {"key": ""}, {}])
def test_a_line_nobody_can_be_told_about_is_skipped(line: Any) -> None:
    assert isinstance(read(line), answers.Skipped)


def test_a_line_too_long_still_says_whose_it_was() -> None:
    head = b'{"key": "k1", "response": {"candidates": [{"content": {"parts": [{"inlineData": {"data": "AAAA'
    found = answers.result(Line(1, 0, head, too_long=True), None, None)
    assert isinstance(found, ItemResult)
    assert found.key == "k1"
    assert isinstance(found.outcome, Failure)
    assert "longer than 64 MiB" in found.outcome.message
    assert isinstance(answers.result(Line(1, 0, b"AAAA", too_long=True), None, None), answers.Skipped)


# --- operations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_", ""])
@pytest.mark.parametrize("state", sorted(operations.PHASES))
def test_states_are_read_with_either_prefix(prefix: str, state: str) -> None:
    assert operations.state_of({"metadata": {"state": f"{prefix}{state}"}}) == state


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        ({"done": True, "error": {"code": 1}}, "CANCELLED"),
        ({"done": True, "error": {"code": 13}}, "FAILED"),
        ({"done": True, "response": {"responsesFile": "files/a"}}, "SUCCEEDED"),
        ({"done": True, "metadata": {"state": "BATCH_STATE_EXPIRED"}, "error": {"code": 1}}, "EXPIRED"),
        ({"done": False, "metadata": {"state": "BATCH_STATE_UNSPECIFIED"}}, "UNSPECIFIED"),
        ({"done": True}, "UNSPECIFIED"),
        ({"state": "BATCH_STATE_RUNNING"}, "RUNNING"),
        ({"metadata": {"state": 7}}, "UNSPECIFIED"),
    ],
)
def test_how_an_operation_is_done_says_its_state_where_nothing_else_does(
    operation: dict[str, Any], state: str
) -> None:
    assert operations.state_of(operation) == state


@pytest.mark.parametrize(
    ("operation", "file"),
    [
        ({"metadata": {"output": {"responsesFile": "files/batch-1"}}}, "files/batch-1"),
        ({"response": {"responsesFile": "files/batch-1"}}, "files/batch-1"),
        (
            {"metadata": {"state": "x"}, "response": {"output": {"responsesFile": "files/batch-1"}}},
            "files/batch-1",
        ),
        ({"metadata": {"output": {"responsesFile": "https://elsewhere.example/f"}}}, ""),
        ({"metadata": {"output": {"responsesFile": "files/../../secret"}}}, ""),
        ({"metadata": {"output": {"inlinedResponses": {}}}}, ""),
        ({}, ""),
    ],
)
def test_the_file_of_results_stands_in_several_places(operation: dict[str, Any], file: str) -> None:
    assert operations.output_of(operation) == file


def test_moments_are_read_in_every_precision() -> None:
    whole = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    assert answers.moment("2026-11-23T01:02:03Z") == whole
    assert answers.moment("2026-11-23T06:32:03+05:30") == whole
    assert answers.moment("2026-11-23T01:02:03.123456789Z") == whole.replace(microsecond=123456)
    assert answers.moment("soon") is answers.moment(7) is answers.moment(None) is None
