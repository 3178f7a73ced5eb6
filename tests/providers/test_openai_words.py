"""OpenAI's words in ours: requests against the vendor's own description, every error, every shape of line."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from providers import openai_answers as answers
from providers import openai_requests as requests
from providers.base import (
    Billed,
    Failure,
    FailureKind,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    Reference,
    Refused,
    Size,
)
from providers.catalogue import load
from providers.wire.jsonl import Line

MODELS = load()["openai"]
TODAY = date(2026, 11, 23)
SPEC = json.loads((Path(__file__).parent.parent / "data" / "openai-openapi-cut.json").read_text())
K = FailureKind


def valid(schema: str, value: Any) -> None:
    """Raises where the vendor's description does not allow the value."""
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    ).validate(value)


def request(**change: Any) -> ImageRequest:
    return ImageRequest(
        **{"key": "k1", "model": "gpt-image-2", "prompt": "a fox", "size": Size(1024, 1024), **change}
    )


def encoded(lane: Lane = Lane.BATCH, **change: Any) -> dict[str, Any]:
    made = requests.encode(request(**change), lane, MODELS, TODAY)
    line: dict[str, Any] = json.loads(made.line)
    assert line["url"] == made.group
    return line


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-1.5", "gpt-image-1-mini"])
@pytest.mark.parametrize("quality", [None, "low", "high"])
def test_a_generation_is_what_the_vendor_describes(lane: Lane, model: str, quality: str | None) -> None:
    line = encoded(lane, model=model, quality=quality, prompt="naïve 👟 \u2028")
    assert (line["custom_id"], line["method"], line["url"]) == ("k1", "POST", "/v1/images/generations")
    valid("CreateImageRequest", line["body"])
    assert line["body"]["quality"] == (quality or "medium"), "what the plan priced is what is asked for"
    assert line["body"]["prompt"] == "naïve 👟 \u2028"
    assert "response_format" not in line["body"], "GPT image models reject it"


def test_reference_pictures_go_to_the_edits_endpoint_as_json() -> None:
    line = encoded(
        references=(
            Reference(url="https://shop.example/shoe.png"),
            Reference(content=b"\x89PNG", media_type="image/png"),
        )
    )
    assert line["url"] == "/v1/images/edits"
    valid("EditImageBodyJsonParam", line["body"])
    assert line["body"]["images"] == [
        {"image_url": "https://shop.example/shoe.png"},
        {"image_url": "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()},
    ]


def test_a_transparent_background_is_asked_for_where_the_model_has_it() -> None:
    assert (
        encoded(model="gpt-image-2.6-flare", background="transparent")["body"]["background"] == "transparent"
    )
    assert "background" not in encoded()["body"]


def test_any_size_within_the_rule_can_be_asked_for() -> None:
    assert encoded(size=Size(2560, 1440))["body"]["size"] == "2560x1440"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "gpt-image-99"}, "no model"),
        ({"model": "gpt-image-1"}, "shut down on 2026-10-23; use gpt-image-2"),
        ({"model": "dall-e-3"}, "shut down"),
        ({"prompt": " \n"}, "empty"),
        ({"prompt": "x" * 32_001}, "32,000 characters, the prompt has 32,001"),
        ({"prompt": "\udc00"}, "Unicode"),
        ({"quality": "xhigh"}, "low, medium, high"),
        ({"size": Size(1000, 1000)}, "1000x1000"),
        ({"size": Size(4096, 1024)}, "4096x1024"),
        ({"size": Size(640, 640)}, "640x640"),
        ({"model": "gpt-image-1.5", "size": Size(2560, 1440)}, "2560x1440"),
        ({"background": "transparent"}, "transparent"),
        ({"background": "pink"}, "pink"),
        ({"references": (Reference(url="https://a.example/b.png"),) * 17}, "at most 16"),
        ({"references": (Reference(url="http://a.example/b.png"),)}, "https://"),
        ({"references": (Reference(url="file:///etc/passwd"),)}, "https://"),
        ({"references": (Reference(),)}, "or its bytes"),
        ({"references": (Reference(content=b"x", media_type="image/gif"),)}, "image/gif"),
        ({"references": (Reference(content=b"x" * 15_800_000),)}, "20,971,520"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_said_is_refused_with_its_numbers(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        encoded(**change)
    assert refused.value.failure.kind is K.MALFORMED_REQUEST
    assert refused.value.failure.billed is Billed.NO


def test_a_model_without_the_lane_is_refused() -> None:
    live_only = {"m": MODELS["gpt-image-2"].model_copy(update={"id": "m", "lanes": frozenset({Lane.LIVE})})}
    with pytest.raises(Refused, match="batch lane"):
        requests.encode(request(model="m"), Lane.BATCH, live_only, TODAY)


# --- errors ---------------------------------------------------------------------------------------------

USER = "image_generation_user_error"
INVALID = "invalid_request_error"


@pytest.mark.parametrize(
    ("status", "type_", "code", "kind", "billed"),
    [
        (400, USER, "moderation_blocked", K.CONTENT_POLICY, Billed.UNKNOWN),
        (400, INVALID, "content_policy_violation", K.CONTENT_POLICY, Billed.UNKNOWN),
        (200, USER, "moderation_blocked", K.CONTENT_POLICY, Billed.UNKNOWN),
        (400, INVALID, None, K.MALFORMED_REQUEST, Billed.NO),
        (400, INVALID, "unknown_parameter", K.MALFORMED_REQUEST, Billed.NO),
        (400, INVALID, "invalid_value", K.MALFORMED_REQUEST, Billed.NO),
        (400, USER, "invalid_image_file", K.MALFORMED_REQUEST, Billed.NO),
        (400, None, None, K.MALFORMED_REQUEST, Billed.NO),
        (404, INVALID, "model_not_found", K.MALFORMED_REQUEST, Billed.NO),
        (400, INVALID, "model_not_found", K.MALFORMED_REQUEST, Billed.NO),
        (404, None, None, K.MALFORMED_REQUEST, Billed.NO),
        (422, None, None, K.MALFORMED_REQUEST, Billed.NO),
        (401, INVALID, "invalid_api_key", K.AUTH, Billed.NO),
        (401, None, None, K.AUTH, Billed.NO),
        (401, INVALID, "ip_not_authorized", K.AUTH, Billed.NO),
        (403, INVALID, "unsupported_country_region_territory", K.AUTH, Billed.NO),
        (429, "requests", "rate_limit_exceeded", K.RATE_LIMITED, Billed.NO),
        (429, "tokens", "rate_limit_exceeded", K.RATE_LIMITED, Billed.NO),
        (429, "rate_limit_error", "slow_down", K.RATE_LIMITED, Billed.NO),
        (429, None, None, K.RATE_LIMITED, Billed.NO),
        (503, None, "slow_down", K.RATE_LIMITED, Billed.NO),
        (429, "insufficient_quota", "insufficient_quota", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "credit_balance_exhausted", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "organization_spend_limit_exceeded", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "project_spend_limit_exceeded", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "organization_usage_limit_exceeded", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "a_code_not_met_before", K.QUOTA, Billed.NO),
        (429, "insufficient_quota", "rate_limit_exceeded", K.QUOTA, Billed.NO),
        (400, INVALID, "billing_hard_limit_reached", K.QUOTA, Billed.NO),
        (429, None, "billing_not_active", K.QUOTA, Billed.NO),
        (500, "server_error", "server_error", K.SERVER_ERROR, Billed.UNKNOWN),
        (500, None, None, K.SERVER_ERROR, Billed.UNKNOWN),
        (502, None, None, K.SERVER_ERROR, Billed.UNKNOWN),
        (503, "service_unavailable_error", "server_is_overloaded", K.SERVER_ERROR, Billed.UNKNOWN),
        (409, None, None, K.SERVER_ERROR, Billed.UNKNOWN),
        (408, None, None, K.TIMEOUT, Billed.UNKNOWN),
        (408, "server_error", "request_timeout", K.TIMEOUT, Billed.UNKNOWN),
        (None, None, "request_timeout", K.TIMEOUT, Billed.UNKNOWN),
        (None, None, "batch_expired", K.EXPIRED, Billed.NO),
        (None, None, "batch_cancelled", K.CANCELLED, Billed.NO),
        (None, None, "a_code_not_met_before", K.UNKNOWN, Billed.UNKNOWN),
        (None, None, None, K.UNKNOWN, Billed.UNKNOWN),
    ],
)
def test_every_error_has_a_kind(
    status: int | None, type_: str | None, code: str | None, kind: FailureKind, billed: Billed
) -> None:
    body = {"error": {"message": "Their words.", "type": type_, "param": None, "code": code}}
    failure = answers.failure(status, body)
    assert (failure.kind, failure.billed, failure.message) == (kind, billed, "Their words.")
    assert failure.code == (code or type_ or (str(status) if status else ""))


@pytest.mark.parametrize(
    "body", [{}, {"error": None}, {"error": "words"}, {"error": [1]}, {"error": {"code": {}, "message": 3}}]
)
def test_an_error_of_another_shape_is_judged_by_its_status(body: Mapping[str, Any]) -> None:
    failure = answers.failure(500, body)
    assert failure.kind is K.SERVER_ERROR
    assert failure.message


def test_a_blocked_picture_says_what_for() -> None:
    error = {"code": "moderation_blocked", "message": "Rejected. " * 60}
    error["moderation_details"] = {"moderation_stage": "output", "categories": ["violence", "self-harm", 3]}
    message = answers.failure(400, {"error": error}).message
    assert message.endswith("(blocked for: violence, self-harm)")
    assert len(message) <= 300


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("token_limit_exceeded", K.RATE_LIMITED),
        ("billing_hard_limit_reached", K.QUOTA),
        ("invalid_json_line", K.MALFORMED_REQUEST),
        ("duplicate_custom_id", K.MALFORMED_REQUEST),
        ("mismatched_model", K.MALFORMED_REQUEST),
        ("invalid_url", K.MALFORMED_REQUEST),
        ("invalid_method", K.MALFORMED_REQUEST),
        ("empty_file", K.MALFORMED_REQUEST),
        ("model_not_found", K.MALFORMED_REQUEST),
        ("a_code_not_met_before", K.MALFORMED_REQUEST),
        ("", K.MALFORMED_REQUEST),
    ],
)
def test_a_batch_that_failed_says_why_and_in_which_lines(code: str, kind: FailureKind) -> None:
    errors = [{"code": code, "message": "Wrong.", "param": None, "line": n} for n in (3, 7)]
    failure = answers.batch_failure({"errors": {"object": "list", "data": errors}})
    assert (failure.kind, failure.code, failure.billed) == (kind, code, Billed.NO)
    assert failure.message == "line 3: Wrong.; line 7: Wrong."


def test_a_batch_that_failed_in_every_line_stays_readable() -> None:
    errors = [{"code": "invalid_json_line", "message": "Wrong.", "line": n} for n in range(100)]
    assert answers.batch_failure({"errors": {"data": errors}}).message.endswith("and 95 more")
    assert answers.batch_failure({"errors": None}).message == "the batch failed without a reason"
    assert answers.batch_failure({"errors": {"data": ["x", 3]}}).message


# --- lines of results -----------------------------------------------------------------------------------


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, kind)
    return out.getvalue()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


USAGE = {
    "input_tokens": 13,
    "input_tokens_details": {"text_tokens": 13, "image_tokens": 0},
    "output_tokens": 196,
    "output_tokens_details": {"image_tokens": 196, "text_tokens": 0},
    "total_tokens": 209,
}


def success(**body: Any) -> dict[str, Any]:
    whole = {"created": 1, "data": [{"b64_json": b64(picture())}], "usage": USAGE, **body}
    return {"id": "r", "custom_id": "k1", "response": {"status_code": 200, "body": whole}, "error": None}


def refused(status: int | None, code: str, **more: Any) -> dict[str, Any]:
    error = {"message": "No.", "code": code}
    if status is None:
        return {"id": "r", "custom_id": "k1", "response": None, "error": error}
    response = {"status_code": status, "request_id": "q", "body": {"error": error, **more}}
    return {"id": "r", "custom_id": "k1", "response": response, "error": None}


def read(line: Any, model: str | None = "gpt-image-2", endpoint: str = requests.GENERATIONS) -> Any:
    content = line if isinstance(line, bytes) else json.dumps(line).encode()
    found = answers.result(Line(1, 0, content), MODELS[model] if model else None, endpoint)
    if isinstance(found, ItemResult):
        assert found.key == "k1"
        return found.outcome
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_success_is_a_picture_with_its_cost(kind: str) -> None:
    made = read(success(data=[{"b64_json": b64(picture(kind))}]))
    assert isinstance(made, Made)
    (only,) = made.pictures
    assert (only.content, only.media_type) == (picture(kind), f"image/{kind.lower()}")
    # (13 x 5 + 196 x 30) / 1,000,000 x 0.5
    assert made.cost_usd == Decimal("0.0029725")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (refused(400, "moderation_blocked"), K.CONTENT_POLICY),
        (refused(429, "rate_limit_exceeded"), K.RATE_LIMITED),
        (refused(500, "server_error"), K.SERVER_ERROR),
        (refused(None, "batch_expired"), K.EXPIRED),
        (refused(None, "batch_cancelled"), K.CANCELLED),
        (refused(None, "request_timeout"), K.TIMEOUT),
        ({**refused(400, "moderation_blocked"), "error": {"code": "batch_expired"}}, K.CONTENT_POLICY),
        (refused(200, "moderation_blocked"), K.CONTENT_POLICY),
        (
            {"custom_id": "k1", "response": {"status_code": 503, "body": "<html>"}, "error": None},
            K.SERVER_ERROR,
        ),
        ({"custom_id": "k1", "response": {"status_code": 401}, "error": None}, K.AUTH),
        ({"custom_id": "k1", "response": None, "error": None}, K.UNKNOWN),
        ({"custom_id": "k1"}, K.UNKNOWN),
        ({"custom_id": "k1", "response": [], "error": "expired"}, K.UNKNOWN),
    ],
)
def test_both_shapes_of_errors_are_read(line: dict[str, Any], kind: FailureKind) -> None:
    outcome = read(line)
    assert isinstance(outcome, Failure)
    assert outcome.kind is kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": []}, "no picture"),
        ({"data": None}, "no picture"),
        ({"data": [{}]}, "no picture"),
        ({"data": [{"b64_json": ""}]}, "no picture"),
        ({"data": [{"url": "file:///etc/passwd"}]}, "no picture"),
        ({"data": [{"b64_json": "%%%"}]}, "cannot be read"),
        ({"data": [{"b64_json": b64(b"<html>sorry</html>")}]}, "not a picture"),
        ({"data": [{"b64_json": b64(picture()[:-20])}]}, "ends in the middle"),
        ({"data": [{"b64_json": 7}]}, "no picture"),
    ],
)
def test_a_success_without_a_picture_was_paid_for(body: dict[str, Any], words: str) -> None:
    outcome = read(success(**body))
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.billed, outcome.cost_usd) == (K.UNKNOWN, Billed.YES, Decimal("0.0029725"))
    assert words in outcome.message


def test_of_several_pictures_the_good_ones_are_kept() -> None:
    made = read(success(data=[{"b64_json": b64(b"bad")}, {"b64_json": b64(picture())}]))
    assert isinstance(made, Made)
    assert len(made.pictures) == 1


def test_a_gateway_may_answer_with_a_link() -> None:
    made = read(success(data=[{"url": "https://gateway.example/p.webp"}], output_format="webp"))
    assert isinstance(made, Made)
    assert (made.pictures[0].locator, made.pictures[0].media_type) == (
        "https://gateway.example/p.webp",
        "image/webp",
    )


def test_a_refusal_that_reports_usage_was_paid_for() -> None:
    outcome = read(refused(400, "moderation_blocked", usage=USAGE))
    assert isinstance(outcome, Failure)
    assert (outcome.billed, outcome.cost_usd) == (Billed.YES, Decimal("0.0029725"))


@pytest.mark.parametrize(
    ("usage", "edit", "cost"),
    [
        (USAGE, False, "0.005945"),
        ({**USAGE, "input_tokens_details": {"text_tokens": 13, "image_tokens": 400}}, True, "0.009145"),
        ({"input_tokens": 13, "output_tokens": 196}, False, "0.005945"),
        ({"input_tokens": 413, "output_tokens": 196}, True, None),
        ({"output_tokens": 196}, False, None),
        ({"input_tokens": 13}, False, None),
        ({}, False, None),
    ],
)
def test_cost_follows_the_vendors_count_and_is_not_guessed(
    usage: dict[str, Any], edit: bool, cost: str | None
) -> None:
    """(13 x 5 + 196 x 30) / 1e6 = 0.005945; with 400 tokens of pictures at 8 it is 0.009145."""
    told = answers.cost_usd(usage, MODELS["gpt-image-2"].tokens, Decimal(1), edit=edit)
    assert told == (None if cost is None else Decimal(cost))


def test_cost_is_unknown_without_prices_or_usage() -> None:
    assert read(success(), model=None).cost_usd is None
    assert read(success(usage=None)).cost_usd is None
    assert read(success(usage="many")).cost_usd is None
    assert read(success(), model="dall-e-3").cost_usd is None


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"\xff", b"[" * 100_000, {"custom_id": 3}, {"custom_id": ""}, {}]
)
def test_a_line_nobody_can_be_told_about_is_skipped(line: Any) -> None:
    assert isinstance(read(line), answers.Skipped)


def test_a_line_too_long_still_says_whose_it_was() -> None:
    head = b'{"id": "r", "custom_id": "k1", "response": {"body": {"data": [{"b64_json": "AAAA'
    found = answers.result(Line(1, 0, head, too_long=True), None, requests.GENERATIONS)
    assert isinstance(found, ItemResult)
    assert found.key == "k1"
    assert isinstance(found.outcome, Failure)
    assert "longer than 64 MiB" in found.outcome.message
    assert isinstance(answers.result(Line(1, 0, b"AAAA", too_long=True), None, ""), answers.Skipped)
