"""Black Forest Labs' words in ours: bodies against its own description, every error and final state."""

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

from providers import bfl_answers as answers
from providers import bfl_requests as requests
from providers.base import (
    Billed,
    FailureKind,
    ImageRequest,
    Lane,
    Reference,
    Refused,
    Size,
)
from providers.catalogue import load
from providers.wire.errors import redact

K, B = FailureKind, Billed
MODELS = load()["bfl"]
TODAY = date(2026, 11, 23)
SPEC = json.loads((Path(__file__).parent.parent / "data" / "bfl-openapi-cut.json").read_text())
PRO = "flux-2-pro"
PUBLIC = Reference(url="https://example.com/a.png")


def logo(side: int = 16) -> Reference:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, "PNG")
    return Reference(content=file.getvalue())


def described(value: Any, name: str) -> None:
    Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}).validate(
        value
    )


def request(model: str = PRO, **change: Any) -> ImageRequest:
    size = MODELS[model].default_size if model in MODELS else Size(1024, 1024)
    return ImageRequest(**{"key": "k1", "model": model, "prompt": "a fox", "size": size, **change})


def body(model: str = PRO, **change: Any) -> dict[str, Any]:
    made = requests.encode(request(model, **change), Lane.LIVE, MODELS, TODAY)
    assert made.group == model
    sent: dict[str, Any] = json.loads(made.line)["input"]
    return sent


# --- requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [name for name in MODELS if name in SPEC["models"]])
def test_every_model_is_asked_as_the_vendor_describes(model: str) -> None:
    most = MODELS[model].references
    for size in MODELS[model].sizes:
        for count in {0, 1, most}:
            sent = body(model, size=size, seed=5, references=(logo(),) * count)
            described(sent, SPEC["models"][model])
            assert len([name for name in sent if "image" in name]) == count


def test_the_models_that_are_not_described_are_known_ones() -> None:
    assert set(MODELS) - set(SPEC["models"]) == {"flux-3-image"}


def test_references_are_base64_without_a_prefix_or_addresses() -> None:
    content = logo().content or b""
    data_url = Reference(url=f"data:image/png;base64,{base64.b64encode(content).decode()}")
    sent = body(references=(logo(), PUBLIC, data_url))
    assert base64.b64decode(sent["input_image"]) == content
    assert sent["input_image_2"] == PUBLIC.url
    assert sent["input_image_3"] == sent["input_image"]


@pytest.mark.parametrize(
    ("size", "ratio", "resolution"),
    [
        ("768x768", "1:1", "768sq"), ("1024x1024", "1:1", "1k"), ("1360x768", "16:9", "1k"),
        ("912x1152", "4:5", "1k"), ("2048x2048", "1:1", "2k"), ("4096x4096", "1:1", "4k"),
    ],
)  # fmt: skip
def test_flux_3_is_asked_by_shape_and_resolution_and_nothing_else(
    size: str, ratio: str, resolution: str
) -> None:
    sent = body("flux-3-image", size=Size.parse(size), seed=5, references=(logo(),))
    assert set(sent) == {"prompt", "aspect_ratio", "resolution", "images"}
    assert (sent["aspect_ratio"], sent["resolution"]) == (ratio, resolution)


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("flux-pro-1.1", {"references": (PUBLIC,)}, "bytes"),
        ("flux-pro-1.1", {"size": Size(1000, 1024)}, "cannot make 1000x1024"),
        (PRO, {"size": Size(4096, 4096)}, "cannot make 4096x4096"),
        (PRO, {"references": (PUBLIC,) * 9}, "at most 8"),
        (PRO, {"references": (Reference(url="http://example.com/a.png"),)}, "https://"),
        (PRO, {"references": (Reference(content=b"x", media_type="image/gif"),)}, "PNG, JPEG or WebP"),
        (PRO, {"references": (Reference(content=b"x" * 16_000_000),)}, "20,000,000"),
        ("flux-2-giant", {}, "no model"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    model: str, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        body(model, **change)


# --- errors -------------------------------------------------------------------------------------------

DETAIL = [{"type": "multiple_of", "loc": ["body", "width"], "msg": "a multiple of 32", "input": "the prompt"}]


@pytest.mark.parametrize(
    ("status", "said", "kind", "billed"),
    [
        (400, {"detail": "bad"}, K.MALFORMED_REQUEST, B.NO),
        (401, {}, K.AUTH, B.NO),
        (402, {}, K.QUOTA, B.NO),
        (403, {"detail": "Not authenticated"}, K.AUTH, B.NO),
        (404, {"detail": "Not Found"}, K.MALFORMED_REQUEST, B.NO),
        (422, {"detail": DETAIL}, K.MALFORMED_REQUEST, B.NO),
        (429, {}, K.RATE_LIMITED, B.NO),
        (500, {}, K.SERVER_ERROR, B.UNKNOWN),
        (503, {}, K.SERVER_ERROR, B.UNKNOWN),
        (504, {}, K.TIMEOUT, B.UNKNOWN),
        (418, {}, K.UNKNOWN, B.UNKNOWN),
    ],
)
def test_every_error_has_its_kind(
    status: int, said: Mapping[str, Any], kind: FailureKind, billed: Billed
) -> None:
    failed = answers.failure(status, said, redact)
    assert (failed.kind, failed.billed) == (kind, billed)
    assert failed.message
    assert "the prompt" not in failed.message


def test_a_validation_error_names_the_field() -> None:
    failed = answers.failure(422, {"detail": DETAIL}, redact)
    assert (failed.code, failed.message) == ("multiple_of", "width: a multiple of 32")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("Request Moderated", K.CONTENT_POLICY),
        ("Content Moderated", K.CONTENT_POLICY),
        ("Error", K.SERVER_ERROR),
        ("Failed", K.SERVER_ERROR),
    ],
)
def test_a_task_without_a_picture_says_why_and_what_it_may_cost(status: str, kind: FailureKind) -> None:
    task = {"status": status, "details": {"Moderation Reasons": ["Derivative Works Filter"]}}
    failed = answers.task_failure(task, Decimal("0.03"), redact)
    assert (failed.kind, failed.billed, failed.cost_usd) == (kind, B.UNKNOWN, None)
    assert "Derivative Works Filter" in failed.message
    assert "0.03 USD may have been charged" in failed.message


@pytest.mark.parametrize("cost", [None, "3", True, -1, float("inf"), float("nan"), [3]])
def test_a_cost_that_is_none_is_not_believed(cost: object) -> None:
    assert answers.usd(cost) is None
