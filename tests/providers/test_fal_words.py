"""fal's words in ours: every error, every shape of an answer, request bodies against the vendor's types."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fal_types import TYPES, assert_typed
from PIL import Image

from providers import fal_answers as answers
from providers import fal_requests as requests
from providers.base import (
    Billed,
    Failure,
    FailureKind,
    ImageRequest,
    Lane,
    Made,
    Reference,
    Refused,
    Size,
)
from providers.catalogue import load
from providers.wire.errors import redact

K, B = FailureKind, Billed
MODELS = load()["fal"]
TODAY = date(2026, 11, 23)
PRO = "fal-ai/flux-2-pro"


# --- errors -------------------------------------------------------------------------------------------


def detail(kind: str, message: str = "words") -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": kind, "input": "the prompt"}]}


def typed(kind: str, message: str = "words") -> dict[str, Any]:
    return {"detail": message, "error_type": kind}


LOCKED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
TABLE: list[tuple[int, Any, FailureKind, Billed]] = [
    (422, detail("content_policy_violation"), K.CONTENT_POLICY, B.UNKNOWN),
    (422, detail("no_media_generated"), K.UNKNOWN, B.UNKNOWN),
    (422, detail("no_media_generated", "blocked for safety reasons"), K.CONTENT_POLICY, B.UNKNOWN),
    *((422, detail(kind), K.MALFORMED_REQUEST, B.NO) for kind in (
        "missing", "literal_error", "value_error", "string_type", "int_parsing", "greater_than",
        "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "one_of",
        "sequence_too_short", "sequence_too_long",
    )),
    *((422, detail(kind), K.MALFORMED_REQUEST, B.UNKNOWN) for kind in (
        "feature_not_supported", "image_too_small", "image_too_large", "image_load_error",
        "unsupported_image_format", "file_too_large", "file_download_error", "face_detection_error",
        "invalid_archive", "archive_file_count_exceeds_limit",
    )),
    (422, detail("something_new"), K.MALFORMED_REQUEST, B.UNKNOWN),
    (422, {"detail": "flagged by our moderation"}, K.CONTENT_POLICY, B.UNKNOWN),
    (400, typed("downstream_service_error", "partner is down"), K.SERVER_ERROR, B.NO),
    (400, typed("downstream_service_error", "request rejected by moderation"), K.CONTENT_POLICY, B.UNKNOWN),
    (400, typed("bad_request"), K.MALFORMED_REQUEST, B.NO),
    (401, {"detail": "No user found for Key ID and Secret"}, K.AUTH, B.NO),
    (403, {"detail": LOCKED}, K.QUOTA, B.NO),
    (403, {"detail": "Access denied"}, K.AUTH, B.NO),
    (404, {"detail": 'Application "x" not found'}, K.MALFORMED_REQUEST, B.UNKNOWN),
    (408, {}, K.TIMEOUT, B.NO),
    (429, typed("concurrent_requests_limit"), K.RATE_LIMITED, B.NO),
    (429, {}, K.RATE_LIMITED, B.NO),
    (499, typed("client_cancelled"), K.CANCELLED, B.NO),
    (499, typed("client_disconnected"), K.CANCELLED, B.NO),
    *((500, typed(kind), K.SERVER_ERROR, B.NO) for kind in (
        "internal_server_error", "internal_error", "runner_server_error", "downstream_service_unavailable",
    )),
    (502, typed("runner_incomplete_response"), K.SERVER_ERROR, B.NO),
    *((503, typed(kind), K.SERVER_ERROR, B.NO) for kind in (
        "runner_scheduling_failure", "runner_connection_timeout", "runner_disconnected",
        "runner_connection_refused", "runner_connection_error",
    )),
    *((504, typed(kind), K.TIMEOUT, B.NO) for kind in (
        "request_timeout", "startup_timeout", "generation_timeout",
    )),
    (500, "not an object", K.SERVER_ERROR, B.NO),
    (418, {}, K.UNKNOWN, B.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "billed"), TABLE)
def test_every_error_has_its_kind(status: int, body: Any, kind: FailureKind, billed: Billed) -> None:
    said = answers.Said(status, body if isinstance(body, dict) else {}, {})
    failed = answers.failure(said, redact)
    assert (failed.kind, failed.billed) == (kind, billed)
    assert failed.message
    assert "the prompt" not in failed.message


def test_the_type_may_stand_in_a_header_or_in_the_status() -> None:
    by_header = answers.Said(500, {}, {"x-fal-error-type": "generation_timeout"})
    assert answers.failure(by_header, redact).kind is K.TIMEOUT
    by_status = answers.Said(500, {}, {}, error_type="client_cancelled", error="Client cancelled")
    assert answers.failure(by_status, redact).kind is K.CANCELLED


@pytest.mark.parametrize("header", [{"x-fal-retryable": "false"}, {"x-fal-needs-retry": "0"}])
def test_an_error_said_to_be_final_is_no_passing_one(header: dict[str, str]) -> None:
    assert answers.failure(answers.Said(500, {}, header), redact).kind is K.UNKNOWN


@pytest.mark.parametrize("header", [{"x-fal-retryable": "true"}, {"x-fal-needs-retry": "1"}])
def test_an_error_said_to_pass_is_a_passing_one(header: dict[str, str]) -> None:
    assert answers.failure(answers.Said(418, {}, header), redact).kind is K.SERVER_ERROR


def test_a_refusal_that_was_counted_was_paid_for() -> None:
    said = answers.Said(422, detail("content_policy_violation"), {"x-fal-billable-units": "1"})
    paid = answers.failure(said, redact, Decimal("0.03"))
    assert (paid.billed, paid.cost_usd) == (B.YES, Decimal("0.03"))
    assert answers.failure(said, redact, Decimal(0)).billed is B.NO


@pytest.mark.parametrize("said", ["", "many", "NaN", "-1", "Infinity"])
def test_units_that_are_none_are_not_believed(said: str) -> None:
    assert answers.units({"x-fal-billable-units": said}) is None


def test_a_picture_needs_nothing_but_an_address() -> None:
    made = answers.outcome({"images": [{"url": "https://v3b.fal.media/x.png"}], "seed": 1}, None)
    assert isinstance(made, Made)
    assert made.pictures[0].locator == "https://v3b.fal.media/x.png"


def test_a_picture_inside_the_answer_is_read() -> None:
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    url = data_url(png.getvalue())
    made = answers.outcome({"images": [{"url": url}]}, None)
    assert isinstance(made, Made)
    assert made.pictures[0].content == png.getvalue()
    assert isinstance(answers.outcome({"images": [{"url": url[:60]}]}, None), Failure)


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def test_a_blackened_picture_is_a_paid_refusal() -> None:
    body = {"images": [{"url": "https://v3b.fal.media/x.png"}], "has_nsfw_concepts": [True]}
    refused = answers.outcome(body, Decimal("0.04"))
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.billed, refused.cost_usd) == (K.CONTENT_POLICY, B.YES, Decimal("0.04"))


# --- requests -----------------------------------------------------------------------------------------


def request(model: str = PRO, **change: Any) -> ImageRequest:
    size = change.pop("size", None) or MODELS[model].default_size if model in MODELS else Size(1024, 1024)
    return ImageRequest(**{"key": "k1", "model": model, "prompt": "a fox", "size": size, **change})


def encoded(model: str = PRO, **change: Any) -> dict[str, Any]:
    made = requests.encode(request(model, **change), Lane.LIVE, MODELS, TODAY)
    line: dict[str, Any] = json.loads(made.line)
    assert line["endpoint"] == made.group
    return line


PUBLIC = Reference(url="https://example.com/a.png")
CASES = [
    (card.id, count)
    for card in MODELS.values()
    for count in range(min(card.references, 3) + 1)
    if not (count == 0 and card.id.endswith("/max"))
]


@pytest.mark.parametrize(("model", "references"), CASES)
def test_every_model_is_asked_in_the_vendors_types(model: str, references: int) -> None:
    for size in MODELS[model].sizes:
        line = encoded(model, size=size, seed=5, references=(PUBLIC,) * references)
        assert_typed(line["input"], TYPES["endpoints"][line["endpoint"]]["input"])


@pytest.mark.parametrize(
    ("model", "references", "endpoint"),
    [
        (PRO, 0, PRO),
        (PRO, 1, f"{PRO}/edit"),
        ("fal-ai/flux-pro/kontext", 0, "fal-ai/flux-pro/kontext/text-to-image"),
        ("fal-ai/flux-pro/kontext", 1, "fal-ai/flux-pro/kontext"),
        ("fal-ai/flux-pro/kontext", 2, "fal-ai/flux-pro/kontext/multi"),
        ("fal-ai/flux-pro/kontext/max", 1, "fal-ai/flux-pro/kontext/max"),
        ("fal-ai/flux-pro/kontext/max", 2, "fal-ai/flux-pro/kontext/max/multi"),
        ("fal-ai/flux-pro/v1.1-ultra", 1, "fal-ai/flux-pro/v1.1-ultra"),
        ("fal-ai/flux/schnell", 0, "fal-ai/flux/schnell"),
    ],
)
def test_the_endpoint_goes_by_the_references(model: str, references: int, endpoint: str) -> None:
    assert encoded(model, references=(PUBLIC,) * references)["endpoint"] == endpoint


def test_a_shape_is_named_where_pixels_cannot_be() -> None:
    shapes = {encoded("fal-ai/flux-pro/kontext", size=s)["input"]["aspect_ratio"]
              for s in MODELS["fal-ai/flux-pro/kontext"].sizes}  # fmt: skip
    assert shapes == set(requests.RATIOS)
    ultra = {encoded("fal-ai/flux-pro/v1.1-ultra", size=s)["input"]["aspect_ratio"]
             for s in MODELS["fal-ai/flux-pro/v1.1-ultra"].sizes}  # fmt: skip
    assert ultra == set(requests.RATIOS)


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("fal-ai/flux-pro/kontext/max", {}, "needs a reference"),
        ("fal-ai/flux/schnell", {"references": (PUBLIC,)}, "at most 0"),
        (PRO, {"references": (Reference(url="http://example.com/a.png"),)}, "https://"),
        (PRO, {"references": (Reference(content=b"x", media_type="image/gif"),)}, "PNG, JPEG or WebP"),
        (PRO, {"references": (Reference(content=b"x" * 20_000_001),)}, "20,000,000"),
        (PRO, {"background": "transparent"}, "transparent"),
        ("fal-ai/flux-99", {}, "no model"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    model: str, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        encoded(model, **change)


def test_a_card_of_the_operators_own_is_asked_by_its_size() -> None:
    models = {**MODELS, "fal-ai/new": MODELS["fal-ai/flux/dev"].model_copy(update={"id": "fal-ai/new"})}
    wish = replace(request("fal-ai/flux/dev"), model="fal-ai/new")
    line = json.loads(requests.encode(wish, Lane.LIVE, models, TODAY).line)
    assert line["endpoint"] == "fal-ai/new"
    assert line["input"]["image_size"] == {"width": 1024, "height": 1024}
