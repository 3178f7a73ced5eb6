"""xAI's words in ours: requests against the vendor's own SDK, every error, every shape of row and batch."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from xai_sdk.image import _make_generate_request

from providers import xai_answers as answers
from providers import xai_requests as requests
from providers.base import (
    Billed,
    Failure,
    FailureKind,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    Phase,
    Reference,
    Refused,
    Size,
)
from providers.catalogue import load

MODELS = load()["xai"]
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW, OLD = "grok-imagine-image-2.0", "grok-imagine-image"
K = FailureKind


def request(**change: Any) -> ImageRequest:
    wish = {"key": "k1", "model": NEW, "prompt": "a fox", "size": Size(1024, 1024), **change}
    return ImageRequest(**wish)


def encoded(lane: Lane = Lane.BATCH, **change: Any) -> dict[str, Any]:
    made = requests.encode(request(**change), lane, MODELS, TODAY)
    assert made.group == requests.GROUP
    line: dict[str, Any] = json.loads(made.line)
    return line


def said_by_the_sdk(body: dict[str, Any]) -> Any:
    """The vendor's SDK makes its own message of the body; it raises for values the API does not know."""
    rest = dict(body)
    formats = {"url": "url", "b64_json": "base64"}
    how: dict[str, Any] = {"image_format": formats[rest.pop("response_format")]}
    if "image" in rest:
        how["image_url"] = rest.pop("image")["url"]
    if "images" in rest:
        how["image_urls"] = [image["url"] for image in rest.pop("images")]
    return _make_generate_request(**rest, **how)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("model", [NEW, OLD])
def test_every_size_in_the_catalogue_can_be_said(lane: Lane, model: str) -> None:
    card = MODELS[model]
    assert len(card.sizes) == 26
    for size in card.sizes:
        body = encoded(lane, model=model, size=size)["body"]
        message = said_by_the_sdk(body)
        width, height = (Decimal(side) for side in body["aspect_ratio"].split(":"))
        assert float(width / height) == pytest.approx(size.ratio, rel=0.08)
        assert (message.n, message.prompt, message.model) == (1, "a fox", model)
        megapixels = {"1k": 1.05e6, "2k": 4.2e6}[body["resolution"]]
        assert megapixels * 0.65 < size.pixels < megapixels * 1.12


def test_a_generation_is_a_line_with_links_in_a_batch_and_bytes_when_live() -> None:
    line = encoded(prompt="naïve 👟 \u2028")
    assert (line["custom_id"], line["method"], line["url"]) == ("k1", "POST", "/v1/images/generations")
    assert line["body"] == {
        "model": NEW,
        "prompt": "naïve 👟 \u2028",
        "n": 1,
        "resolution": "1k",
        "aspect_ratio": "1:1",
        "response_format": "url",
        "quality": "medium",
    }
    assert encoded(Lane.LIVE)["body"]["response_format"] == "b64_json"
    assert "quality" not in encoded(model=OLD)["body"], "it takes none"
    assert encoded(quality="low", seed=7)["body"]["quality"] == "low"


def test_reference_pictures_go_to_the_edits_endpoint() -> None:
    one = Reference(content=b"\x89PNG", media_type="image/png")
    other = Reference(url="https://shop.example/shoe.png")
    line = encoded(references=(one,))
    assert line["url"] == "/v1/images/edits"
    data = f"data:image/png;base64,{base64.b64encode(one.content or b'').decode()}"
    assert line["body"]["image"] == {"url": data, "type": "image_url"}
    assert "aspect_ratio" not in line["body"], "a single picture keeps its own shape"
    both = encoded(references=(one, other), size=Size(1408, 768))["body"]
    assert [image["url"] for image in both["images"]] == [data, other.url]
    assert both["aspect_ratio"] == "16:9"
    for body in (line["body"], both):
        said_by_the_sdk(body)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "grok-9"}, "xAI has no model"),
        ({"model": "grok-imagine-image-quality"}, "shut down on 2026-11-02; use grok-imagine-image-2.0"),
        ({"model": "grok-2-image"}, "use grok-imagine-image"),
        ({"size": Size(1000, 1000)}, "cannot make 1000x1000"),
        ({"quality": "high"}, "only low, medium"),
        ({"model": OLD, "quality": "low"}, "has no quality"),
        ({"background": "transparent"}, "transparent"),
        ({"prompt": "  "}, "needs a prompt"),
        ({"prompt": "x" * 10_001}, "10,000"),
        ({"references": (Reference(url="https://a.example/a.png"),) * 6}, "at most 5"),
        ({"model": OLD, "references": (Reference(url="https://a.example/a.png"),) * 4}, "at most 3"),
        ({"references": (Reference(url="http://a.example/a.png"),)}, "https://"),
        ({"references": (Reference(content=b"GIF", media_type="image/gif"),)}, "image/gif"),
        ({"references": (Reference(content=bytes(11_000_000)),)}, "11,000,000"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        encoded(**change)
    assert (refused.value.failure.kind, refused.value.failure.billed) == (K.MALFORMED_REQUEST, Billed.NO)


@pytest.mark.parametrize(
    ("model", "quality", "size", "usd"),
    [
        (NEW, None, "1024x1024", "0.06"),
        (NEW, "low", "1408x768", "0.04"),
        (NEW, "low", "576x1280", "0.04"),
        (NEW, "low", "2048x2048", "0.06"),
        (NEW, "medium", "2816x1408", "0.08"),
        (OLD, None, "2048x2048", "0.02"),
    ],
)
def test_every_size_has_one_price_and_a_batch_costs_the_same(
    model: str, quality: str | None, size: str, usd: str
) -> None:
    for lane in Lane:
        price = MODELS[model].price(lane, Size.parse(size), quality)
        assert price is not None
        assert (price.low, price.high) == (Decimal(usd), Decimal(usd))


# --- errors ---------------------------------------------------------------------------------------------

CREDITS = "Your team x has either used all available credits or reached its monthly spending limit."
BLOCKED = "Generated image rejected by content moderation."
ARGUMENT = "Client specified an invalid argument"


@pytest.mark.parametrize(
    ("status", "body", "kind", "billed"),
    [
        (400, {"code": "imagine:content-moderated", "error": BLOCKED}, K.CONTENT_POLICY, Billed.YES),
        (400, {"code": ARGUMENT, "error": BLOCKED}, K.CONTENT_POLICY, Billed.YES),
        (400, {"code": ARGUMENT, "error": "Prompt rejected by content moderation."}, K.CONTENT_POLICY,
         Billed.UNKNOWN),
        (400, {"code": ARGUMENT, "error": "Argument not supported: size"}, K.MALFORMED_REQUEST, Billed.NO),
        (404, {"code": "Some requested entity was not found", "error": "The model x does not exist"},
         K.MALFORMED_REQUEST, Billed.NO),
        (405, {}, K.MALFORMED_REQUEST, Billed.NO),
        (415, {"error": "Expected request with `Content-Type: application/json`"}, K.MALFORMED_REQUEST,
         Billed.NO),
        (422, {"error": "Failed to deserialize the JSON body"}, K.MALFORMED_REQUEST, Billed.NO),
        (401, {"error": "No API key"}, K.AUTH, Billed.NO),
        (400, {"code": ARGUMENT, "error": "Incorrect API key provided: xa***yz."}, K.AUTH, Billed.NO),
        (403, {"code": "The caller does not have permission", "error": "Team is blocked"}, K.AUTH, Billed.NO),
        (403, {"code": "permission-denied", "error": CREDITS}, K.QUOTA, Billed.NO),
        (429, {"code": "Some resource has been exhausted", "error": CREDITS}, K.QUOTA, Billed.NO),
        (403, {"error": "Your newly created team doesn't have any credits or licenses yet."}, K.QUOTA,
         Billed.NO),
        (402, {"error": "pay"}, K.QUOTA, Billed.NO),
        (429, {"error": {"message": "slow down", "type": "rate", "code": "429"}}, K.RATE_LIMITED, Billed.NO),
        (408, {}, K.TIMEOUT, Billed.UNKNOWN),
        (504, {"code": "Deadline expired before operation could complete"}, K.TIMEOUT, Billed.UNKNOWN),
        (500, {"error": "Internal error"}, K.SERVER_ERROR, Billed.UNKNOWN),
        (502, {}, K.SERVER_ERROR, Billed.UNKNOWN),
        (503, {}, K.SERVER_ERROR, Billed.UNKNOWN),
        (418, {"error": 3}, K.MALFORMED_REQUEST, Billed.NO),
        # Rows of a batch: as google.rpc.Status, and as the bare strings seen live.
        (None, {"error": {"code": 3, "message": BLOCKED}}, K.CONTENT_POLICY, Billed.YES),
        (None, {"error": {"code": 3, "message": "bad aspect ratio"}}, K.MALFORMED_REQUEST, Billed.NO),
        (None, {"error": {"code": 1, "message": ""}}, K.CANCELLED, Billed.NO),
        (None, {"error": {"code": 4, "message": "late"}}, K.TIMEOUT, Billed.UNKNOWN),
        (None, {"error": {"code": 7, "message": "no"}}, K.AUTH, Billed.NO),
        (None, {"error": {"code": 8, "message": "slow"}}, K.RATE_LIMITED, Billed.NO),
        (None, {"error": {"code": 8, "message": CREDITS}}, K.QUOTA, Billed.NO),
        (None, {"error": {"code": 13, "message": "oh"}}, K.SERVER_ERROR, Billed.UNKNOWN),
        (None, {"error": {"code": "14", "message": "oh"}}, K.SERVER_ERROR, Billed.UNKNOWN),
        (None, {"error": {"code": 16, "message": "who"}}, K.AUTH, Billed.NO),
        (None, {"error": {"code": 2, "message": "dunno"}}, K.UNKNOWN, Billed.UNKNOWN),
        (None, {"error": "Batch cancelled"}, K.CANCELLED, Billed.NO),
        (None, {"error": "Batch expired"}, K.EXPIRED, Billed.NO),
        (None, {"error": BLOCKED}, K.CONTENT_POLICY, Billed.YES),
        (None, {"error": "Deadline expired before operation could complete."}, K.TIMEOUT, Billed.UNKNOWN),
        (None, {"error": "Internal error: the request could not be completed."}, K.SERVER_ERROR,
         Billed.UNKNOWN),
        (None, {"error": "The service is currently unavailable."}, K.SERVER_ERROR, Billed.UNKNOWN),
        (None, {"error": "Too many requests: your team has reached its rate limit."}, K.RATE_LIMITED,
         Billed.NO),
        (None, {"error": "aspect_ratio: unknown variant, must be one of 1:1"}, K.MALFORMED_REQUEST,
         Billed.NO),
        (None, {"error": "Failed to download the provided image"}, K.MALFORMED_REQUEST, Billed.NO),
        (None, {"error": CREDITS}, K.QUOTA, Billed.NO),
        (None, {"error": "Something nobody has seen"}, K.UNKNOWN, Billed.UNKNOWN),
    ],
)  # fmt: skip
def test_each_error_has_its_kind_and_whether_it_was_charged(
    status: int | None, body: dict[str, Any], kind: FailureKind, billed: Billed
) -> None:
    failed = answers.failure(status, body)
    assert (failed.kind, failed.billed) == (kind, billed)
    assert failed.message


def test_a_refusal_tells_its_own_cost() -> None:
    body = {"code": "imagine:content-moderated", "error": BLOCKED}
    paid = answers.failure(400, {**body, "usage": {"cost_in_usd_ticks": 600_000_000}})
    assert (paid.billed, paid.cost_usd) == (Billed.YES, Decimal("0.06"))
    free = answers.failure(400, {**body, "usage": {"cost_in_usd_ticks": 0}})
    assert (free.billed, free.cost_usd) == (Billed.NO, 0)


# --- answers and rows -----------------------------------------------------------------------------------


def good(**more: Any) -> dict[str, Any]:
    entry = {"url": "https://imgen.x.ai/a.jpeg", "mime_type": "image/jpeg", "respect_moderation": True}
    return {"data": [{**entry, **more}], "model": NEW, "usage": {"cost_in_usd_ticks": 400_000_000}}


@pytest.mark.parametrize("word", ["image_generation", "image_response", "image_edit"])
def test_a_row_is_read_whatever_the_answer_in_it_is_called(word: str) -> None:
    result = answers.row({"batch_request_id": "k1", "batch_result": {"response": {word: good()}}})
    assert result is not None
    assert isinstance(result.outcome, Made)
    assert result.key == "k1"
    assert result.outcome.cost_usd == Decimal("0.04")
    assert result.outcome.pictures[0].locator == "https://imgen.x.ai/a.jpeg"
    assert result.outcome.pictures[0].media_type == "image/jpeg"


def test_an_answer_in_the_words_of_the_sdk_is_read_too() -> None:
    encoded = f"data:image/jpeg;base64,{base64.b64encode(picture()).decode()}"
    answer = {"images": [{"base64": encoded}], "usage": {"cost_in_usd_ticks": "400000000"}}
    outcome = answers.outcome(answer)
    assert isinstance(outcome, Made)
    assert outcome.pictures[0].content == picture()
    assert outcome.cost_usd == Decimal("0.04"), "64-bit numbers may come as strings"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ({"data": [{"respect_moderation": False}]}, K.CONTENT_POLICY, "respect_moderation"),
        (good(respect_moderation=False), K.CONTENT_POLICY, "respect_moderation"),
        ({"data": []}, K.UNKNOWN, "no_picture"),
        ({}, K.UNKNOWN, "no_picture"),
        ({"data": [{"b64_json": "PGh0bWw+"}]}, K.UNKNOWN, "no_picture"),
        ({"data": [{"b64_json": "%%%"}]}, K.UNKNOWN, "no_picture"),
        ({"data": [{"url": "ftp://a.example/a.jpg"}]}, K.UNKNOWN, "no_picture"),
        ({"data": {"url": 3}}, K.UNKNOWN, "no_picture"),
    ],
)
def test_a_success_without_its_picture_is_a_failure_that_was_paid_for(
    answer: dict[str, Any], kind: FailureKind, code: str
) -> None:
    outcome = answers.outcome(answer)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.code, outcome.billed) == (kind, code, Billed.YES)


def test_of_several_pictures_those_not_held_back_are_kept() -> None:
    answer = good()
    answer["data"] = [{"respect_moderation": False}, *answer["data"]]
    outcome = answers.outcome(answer)
    assert isinstance(outcome, Made)
    assert len(outcome.pictures) == 1


@pytest.mark.parametrize("ticks", [None, "many", -1, 1.5, True])
def test_a_cost_that_is_none_is_unknown_and_never_zero(ticks: Any) -> None:
    assert answers.cost_usd({"usage": {"cost_in_usd_ticks": ticks}}) is None
    assert answers.cost_usd({"usage": 3}) is None


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"batch_result": {"error": "Batch cancelled"}}, K.CANCELLED),
        ({"batch_result": {"error": {"code": 13, "message": "oh"}}}, K.SERVER_ERROR),
        ({"error_message": "Internal error", "batch_result": {}}, K.SERVER_ERROR),
        ({"batch_result": {"error": "", "error_message": "Batch expired"}}, K.EXPIRED),
        ({"batch_result": {}}, K.UNKNOWN),
        ({}, K.UNKNOWN),
        ({"batch_result": {"response": {"chat_get_completion": {"choices": []}}}}, K.UNKNOWN),
    ],
)
def test_a_row_that_failed(row: dict[str, Any], kind: FailureKind) -> None:
    result = answers.row({"batch_request_id": "k1", **row})
    assert isinstance(result, ItemResult)
    assert isinstance(result.outcome, Failure)
    assert result.outcome.kind is kind


def test_a_status_of_zero_is_no_error_and_a_row_of_nobody_is_none() -> None:
    ok = {"error": {"code": 0, "message": ""}, "response": {"image_generation": good()}}
    result = answers.row({"batch_request_id": "k1", "batch_result": ok})
    assert result is not None
    assert isinstance(result.outcome, Made)
    assert answers.row({"batch_result": ok}) is None


# --- how a batch stands ---------------------------------------------------------------------------------


def batch(*counters: int, **more: Any) -> dict[str, Any]:
    names = ("num_requests", "num_pending", "num_success", "num_error", "num_cancelled")
    state = dict(zip(names, counters, strict=False))
    return {"batch_id": "batch_1", "expire_time": "2026-12-23", "state": state, **more}


WRONG = {"cancel_time": "2026-11-23", "cancel_by_xai_message": "JSONL file validation failed: line 2"}
STOPPED = {"cancel_time": "2026-11-23", "cancel_by_xai_message": None}
LATE = {"expire_time": "2026-11-22"}


@pytest.mark.parametrize(
    ("shown", "phase", "unanswered", "settled"),
    [
        (batch(0, 0, 0, 0, 0), Phase.WAITING, K.UNKNOWN, False),
        (batch(5, 5, 0, 0, 0), Phase.RUNNING, K.UNKNOWN, False),
        (batch(5, 1, 3, 1, 0), Phase.RUNNING, K.UNKNOWN, False),
        (batch(5, 0, 4, 1, 0), Phase.ENDED, K.UNKNOWN, True),
        (batch(3, 0, 3, 0, 0), Phase.ENDED, K.UNKNOWN, False),  # fewer than were sent: still being read?
        (batch(0, 0, 0, 0, 0, **WRONG), Phase.REJECTED, K.UNKNOWN, True),
        (batch(5, 0, 0, 0, 5, **WRONG), Phase.REJECTED, K.UNKNOWN, False),
        (batch(5, 0, 2, 0, 3, **WRONG), Phase.ENDED, K.UNKNOWN, False),
        (batch(0, 0, 0, 0, 0, **STOPPED), Phase.ENDED, K.CANCELLED, False),
        (batch(5, 2, 3, 0, 0, **STOPPED), Phase.RUNNING, K.CANCELLED, False),
        (batch(5, 0, 3, 0, 2, **STOPPED), Phase.ENDED, K.CANCELLED, False),
        (batch(5, 0, 5, 0, 0, **STOPPED), Phase.ENDED, K.UNKNOWN, True),  # too late to be stopped
        (batch(5, 2, 3, 0, 0, **LATE), Phase.ENDED, K.EXPIRED, False),
        (batch(5, 0, 3, 0, 2, **LATE), Phase.ENDED, K.EXPIRED, False),
        (batch(5, 0, 3, 0, 2), Phase.ENDED, K.EXPIRED, False),  # nobody asked for it
        (batch(5, 2, 3, 0, 0, expire_time="2026-11-23"), Phase.RUNNING, K.UNKNOWN, False),  # today still
        (batch(0, 0, 0, 0, 0, **LATE), Phase.ENDED, K.EXPIRED, False),
    ],
)
def test_every_state_follows_from_the_counters(
    shown: dict[str, Any], phase: Phase, unanswered: FailureKind, settled: bool
) -> None:
    found = answers.standing(shown, 5, NOW)
    assert (found.progress.phase, found.settled) == (phase, settled)
    if phase not in (Phase.WAITING, Phase.RUNNING):
        assert found.progress.unanswered is unanswered
    assert (found.progress.failure is not None) == (phase is Phase.REJECTED)


def test_a_whole_batch_refused_says_why() -> None:
    why = answers.standing(batch(0, **WRONG), 5, NOW).progress.failure
    assert why is not None
    assert (why.kind, why.billed) == (K.MALFORMED_REQUEST, Billed.NO)
    assert "line 2" in why.message
    broke = batch(0, cancel_by_xai_message=CREDITS)
    why = answers.standing(broke, 5, NOW).progress.failure
    assert why is not None
    assert why.kind is K.QUOTA


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-12-23", datetime(2026, 12, 23, tzinfo=UTC)),
        ("2026-12-23T08:00:00Z", datetime(2026, 12, 23, 8, tzinfo=UTC)),
        ("2026-12-23T10:00:00+02:00", datetime(2026, 12, 23, 8, tzinfo=UTC)),
        ("2026-12-23T08:00:00.123456789Z", datetime(2026, 12, 23, 8, 0, 0, 123456, tzinfo=UTC)),
        (1798012800, datetime(2026, 12, 23, 8, tzinfo=UTC)),
        ("soon", None),
        (None, None),
        (1e300, None),
    ],
)
def test_times_are_read_in_every_spelling(written: Any, moment: datetime | None) -> None:
    shown = batch(1, 0, 1, 0, 0, expire_time=written)
    assert answers.standing(shown, 1, NOW).progress.results_expire_at == moment


def test_a_bare_date_lasts_until_its_end() -> None:
    day = timedelta(days=1)
    assert not answers.created_before({"create_time": "2026-11-23"}, NOW)
    assert answers.created_before({"create_time": "2026-11-22"}, NOW)
    assert not answers.created_before({"create_time": "2026-11-22"}, NOW - day)
    assert not answers.created_before({}, NOW)
