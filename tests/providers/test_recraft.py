"""Recraft's words in ours: requests against the vendor's description, every error, its bad days."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from provider_contract import Subject as Bench
from provider_contract import live, same

from providers import recraft_answers as answers
from providers import recraft_requests as requests
from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    Reference,
    Refused,
    Size,
    TellOperator,
)
from providers.catalogue import ModelCard, load
from providers.recraft import PAUSE, Recraft
from providers.simulators.recraft import RecraftSimulator
from providers.simulators.recraft_models import MODELS as SIMULATED
from providers.wire.pictures import media_type

MODELS = load()["recraft"]
TODAY = date(2026, 11, 23)
SPEC = json.loads((Path(__file__).parent.parent / "data" / "recraft-openapi-cut.json").read_text())
NEWER_THAN_SPEC = "recraftv4_1_flash"
STYLE = "6e1b2c7a-4a3f-4d0e-9b57-0f3f5a1f2c11"
K = FailureKind
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND\xaeB`\x82"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>'


def now() -> datetime:
    return datetime.now(UTC)


def styled(model: str, style: str) -> dict[str, ModelCard]:
    """The catalogue with one entry of the operator's own."""
    card = MODELS.get(model) or MODELS["recraftv4_1"]
    return {**MODELS, f"{model}:{style}": card.model_copy(update={"id": f"{model}:{style}"})}


def body(models: Mapping[str, ModelCard] = MODELS, **change: Any) -> dict[str, Any]:
    """What would be sent, once the vendor's description has nothing against it."""
    wish = {"key": "k1", "model": "recraftv4_1", "prompt": "a fox", "size": Size(1024, 1024), **change}
    encoded = requests.encode(ImageRequest(**wish), Lane.LIVE, models, TODAY)
    assert encoded.group == "/images/generations"
    sent: dict[str, Any] = json.loads(encoded.line)["body"]
    described = sent if sent["model"] != NEWER_THAN_SPEC else {**sent, "model": "recraftv4_1"}
    reference = "#/components/schemas/GenerateImageJSONRequest"
    Draft202012Validator({"$ref": reference, "components": SPEC["components"]}).validate(described)
    return sent


# --- requests -----------------------------------------------------------------------------------------


def test_a_raster_request_in_their_words() -> None:
    assert body(size=Size(1344, 768), seed=7) == {
        "model": "recraftv4_1",
        "prompt": "a fox",
        "n": 1,
        "size": "1344x768",
        "response_format": "b64_json",
        "image_format": "png",
        "random_seed": 7,
    }


def test_a_vector_request_names_a_shape_and_no_format() -> None:
    assert body(model="recraftv4_1_vector", size=Size(4096, 2304), background="opaque") == {
        "model": "recraftv4_1_vector",
        "prompt": "a fox",
        "n": 1,
        "size": "16:9",
        "response_format": "b64_json",
    }


@pytest.mark.parametrize("card", MODELS.values(), ids=list(MODELS))
def test_every_size_of_every_card_can_be_said(card: ModelCard) -> None:
    said = [body(model=card.id, size=size)["size"] for size in card.sizes]
    assert len(set(said)) == len(said) == 14
    assert card.default_size in card.sizes
    if card.vector:
        assert said == list(requests.SHAPES)


@pytest.mark.parametrize("card", MODELS.values(), ids=list(MODELS))
def test_the_simulator_makes_and_prices_what_the_card_says(card: ModelCard) -> None:
    simulated = SIMULATED[card.id]
    assert simulated.vector == card.vector
    assert simulated.prompt_limit == card.prompt_limit
    price = card.price(Lane.LIVE, card.default_size, None)
    assert price is not None
    assert price.low == price.high == Decimal(simulated.units) / 1000
    if not card.vector:
        assert {Size(*made) for made in (simulated.sizes or {}).values()} == set(card.sizes)


def test_styles_ride_on_the_name_of_a_card() -> None:
    sent = body(styled("recraftv4_styles", STYLE), model=f"recraftv4_styles:{STYLE}")
    assert (sent["model"], sent["style_id"]) == ("recraftv4_styles", STYLE)
    sent = body(styled("recraftv3", "icon"), model="recraftv3:icon")
    assert (sent["model"], sent["style"]) == ("recraftv3", "icon")
    assert "style_id" not in sent


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "recraftv9"}, "no model"),
        ({"prompt": "x" * 10_001}, "10,001"),
        ({"model": "recraftv3", "prompt": "x" * 1_001}, "1,000"),
        ({"prompt": " "}, "empty"),
        ({"size": Size(1000, 1000)}, "1000x1000"),
        ({"size": Size(2048, 2048)}, "2048x2048"),
        ({"quality": "high"}, "quality"),
        ({"background": "transparent"}, "transparent"),
        ({"background": "red"}, "background"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"references": (Reference(content=PNG),)}, "reference"),
    ],
)
def test_what_recraft_has_no_word_for_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        body(**change)
    assert refused.value.failure.kind is K.MALFORMED_REQUEST


def test_a_shape_it_does_not_know_is_refused() -> None:
    with pytest.raises(Refused, match="it knows 1:1, 2:1"):
        requests.shape(Size(2100, 900))


# --- answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind", "billed"),
    [
        (400, {"code": "invalid_request_parameter", "message": "prompt length should be in [1, 1000]"},
         K.MALFORMED_REQUEST, Billed.NO),
        (400, {"code": "invalid_model", "message": "Style 'any' is not a vector style"},
         K.MALFORMED_REQUEST, Billed.NO),
        (400, {"code": "invalid_image_type", "message": "nsfw is no image type"},
         K.MALFORMED_REQUEST, Billed.NO),
        (400, {"code": "prompt_moderated", "message": "no"}, K.CONTENT_POLICY, Billed.NO),
        (400, {"code": "invalid_request_parameter", "message": "Prompt is prohibited"},
         K.CONTENT_POLICY, Billed.NO),
        (403, {"code": "x", "message": "rejected by the safety system"}, K.CONTENT_POLICY, Billed.NO),
        (422, {"code": "nsfw_detected", "message": ""}, K.CONTENT_POLICY, Billed.NO),
        (401, b"request unauthorized", K.AUTH, Billed.NO),
        (403, {"code": "forbidden", "message": "no access"}, K.AUTH, Billed.NO),
        (402, b"", K.QUOTA, Billed.NO),
        (400, {"code": "x", "message": "Not enough credits"}, K.QUOTA, Billed.NO),
        (403, {"code": "x", "message": "insufficient API units balance"}, K.QUOTA, Billed.NO),
        (400, {"code": "not_enough_credits", "message": ""}, K.QUOTA, Billed.NO),
        (404, b"404 page not found", K.MALFORMED_REQUEST, Billed.NO),
        (408, b"", K.TIMEOUT, Billed.NO),
        (429, {"code": "rate_limit_exceeded", "message": "slow down"}, K.RATE_LIMITED, Billed.NO),
        (429, b"too many", K.RATE_LIMITED, Billed.NO),
        (500, {"code": "internal_error", "message": "safety"}, K.SERVER_ERROR, Billed.NO),
        (503, b"<html>busy</html>", K.SERVER_ERROR, Billed.NO),
        (502, b"bad gateway", K.SERVER_ERROR, Billed.UNKNOWN),
        (504, b"", K.SERVER_ERROR, Billed.UNKNOWN),
        (418, b"[1, 2]", K.MALFORMED_REQUEST, Billed.NO),
        (400, {"error": {"code": 400, "message": "no such thing"}}, K.MALFORMED_REQUEST, Billed.NO),
        (400, {"error": "no"}, K.MALFORMED_REQUEST, Billed.NO),
        (302, b"", K.UNKNOWN, Billed.NO),
    ],
)  # fmt: skip
def test_each_refusal_in_our_words(status: int, said: Any, kind: FailureKind, billed: Billed) -> None:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    failed = answers.failure(status, content)
    assert (failed.kind, failed.billed) == (kind, billed)
    assert failed.message
    assert failed.code
    assert "<" not in failed.message


def b64(content: bytes) -> dict[str, str]:
    return {"image_id": "i", "b64_json": base64.b64encode(content).decode()}


@pytest.mark.parametrize(
    ("said", "kind", "cost"),
    [
        ({"data": [b64(PNG)], "credits": 35}, "image/png", "0.035"),
        ({"data": [b64(SVG)], "credits": 80}, "image/svg+xml", "0.08"),
        ({"data": [b64(PNG)]}, "image/png", None),
        ({"data": [b64(PNG)], "credits": "35"}, "image/png", None),
        ({"data": [b64(PNG)], "credits": True}, "image/png", None),
        ({"data": [b64(b"<html>"), b64(PNG)], "credits": 0}, "image/png", "0"),
        ({"data": [{"url": "https://img.recraft.ai/a"}], "credits": 80}, "image/svg+xml", "0.08"),
    ],
)
def test_a_success_holds_pictures_and_what_they_cost(said: Any, kind: str, cost: str | None) -> None:
    outcome = answers.outcome(said, vector=True)
    assert isinstance(outcome, Made)
    (picture,) = outcome.pictures
    assert picture.media_type == kind
    assert outcome.cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("said", "billed"),
    [
        ({"data": [], "credits": 35}, Billed.YES),
        ({"data": [], "credits": 0}, Billed.NO),
        ({"data": {}}, Billed.UNKNOWN),
        ({"data": [{"b64_json": "!"}, 7, None], "credits": 35}, Billed.YES),
        ({"data": [b64(SVG[:40])], "credits": 80}, Billed.YES),
        ({"data": [{"url": "file:///etc/passwd"}], "credits": 35}, Billed.YES),
    ],
)
def test_a_success_without_a_picture_is_none(said: Any, billed: Billed) -> None:
    outcome = answers.outcome(said, vector=False)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.code, outcome.billed) == (K.UNKNOWN, "no_picture", billed)


@pytest.mark.parametrize(
    ("said", "kinds", "costs"),
    [
        ({"data": [b64(PNG)] * 3, "credits": 105}, ["", "", ""], ["0.035"] * 3),
        ({"data": [b64(PNG), b64(b"<html>"), b64(PNG)], "credits": 105}, ["", K.UNKNOWN, ""], ["0.035"] * 3),
        ({"data": [b64(PNG)] * 2, "credits": 70}, ["", "", K.UNKNOWN], ["0.035", "0.035", "0"]),
        ({"data": [], "credits": 100}, [K.UNKNOWN] * 3, ["0.033333334", "0.033333333", "0.033333333"]),
        ({"data": [b64(PNG)]}, ["", K.UNKNOWN, K.UNKNOWN], [None] * 3),
    ],
)
def test_of_several_pictures_each_has_its_share(said: Any, kinds: list[str], costs: list[str | None]) -> None:
    outcomes = answers.outcomes(said, 3, vector=False)
    assert ["" if isinstance(outcome, Made) else outcome.kind for outcome in outcomes] == kinds
    assert [outcome.cost_usd for outcome in outcomes] == [c if c is None else Decimal(c) for c in costs]


# --- against the simulated vendor on its bad days -------------------------------------------------------


@contextmanager
def running(*faults: str, model: str = "recraftv4_1") -> Iterator[tuple[Bench, RecraftSimulator]]:
    with RecraftSimulator(faults=("picture_px=48", *faults)) as vendor:
        provider = Recraft(MODELS, api_key=vendor.key, base_url=vendor.base_url, clock=now)
        with closing(provider):
            size = MODELS[model].default_size
            yield Bench(provider=provider, model=model, secret=vendor.key, size=size), vendor


def test_a_vector_picture_arrives_as_the_drawing_itself() -> None:
    with running(model="recraftv4_pro_vector") as (bench, vendor):
        outcome = live(bench, "a badge").outcome
        assert isinstance(outcome, Made)
        (picture,) = outcome.pictures
        assert picture.media_type == "image/svg+xml"
        assert picture.content is not None
        assert b'viewBox="0 0 2048 2048"' in picture.content
        assert outcome.cost_usd == vendor.billed[0].price == Decimal("0.3")


@pytest.mark.parametrize("dial", ["requests_per_second=1", "images_per_minute=1"])
def test_too_many_calls_wait_although_the_vendor_does_not_say_how_long(dial: str) -> None:
    with running(dial) as (bench, vendor):
        live(bench, "one")
        with pytest.raises(AskAgain) as again:
            live(bench, "two")
        assert (again.value.kind, again.value.retry_after) == (K.RATE_LIMITED, PAUSE)
        assert len(vendor.billed) == 1


def test_what_was_billed_and_is_no_picture_was_billed() -> None:
    for dial, model in (("missing_pictures=1", "recraftv4_1"), ("broken_vectors=1", "recraftv4_1_vector")):
        with running(dial, model=model) as (bench, vendor):
            outcome = live(bench, "nothing").outcome
            assert isinstance(outcome, Failure)
            assert (outcome.kind, outcome.billed) == (K.UNKNOWN, Billed.YES)
            assert outcome.cost_usd == vendor.billed[0].price


def test_an_empty_balance_and_a_revoked_token_stop_everything() -> None:
    with running("units=35") as (bench, vendor):
        assert "35 units are left, worth $0.04" in bench.provider.check()
        live(bench, "the last one")
        for ask in (lambda: live(bench, "one more"), bench.provider.check):
            with pytest.raises(TellOperator) as told:
                ask()
            assert told.value.kind is K.QUOTA
        vendor.faults.turn("auth", "on")
        for ask in (lambda: live(bench, "a"), bench.provider.check):
            with pytest.raises(TellOperator, match="request unauthorized") as told:
                ask()
            assert told.value.kind is K.AUTH


def test_errors_as_plain_text_are_understood_by_their_status_and_words() -> None:
    with running("text_errors=on", "requests_per_second=0") as (bench, vendor):
        for prompt, kind in (("moderated", K.CONTENT_POLICY), ("[down]", K.SERVER_ERROR)):
            outcome = live(bench, prompt).outcome
            assert isinstance(outcome, Failure)
            assert outcome.kind is kind
        assert vendor.billed == []


def test_a_picture_whose_reply_was_lost_was_paid_for() -> None:
    with running("lost_reply_live=1") as (bench, vendor):
        with pytest.raises(MaybeAccepted):
            live(bench, "lost")
        assert len(vendor.billed) == 1


def test_a_link_is_followed_while_it_lives() -> None:
    """Links are not asked for, but an answer may hold one."""
    with running() as (bench, vendor):
        wish = {"model": "recraftv4_1_vector", "prompt": "a badge", "size": "1:1", "response_format": "url"}
        answer = httpx.post(
            f"{vendor.base_url}/images/generations",
            json=wish,
            headers={"authorization": f"Bearer {vendor.key}"},
        )
        outcome = answers.outcome(answer.json(), vector=True)
        assert isinstance(outcome, Made)
        locator = outcome.pictures[0].locator
        assert locator is not None
        vendor.faults.turn("cut_connection", 1)
        with pytest.raises(AskAgain):
            bench.provider.fetch(locator)
        assert media_type(bench.provider.fetch(locator)) == "image/svg+xml"
        vendor.faults.turn("url_seconds", 0)
        with pytest.raises(Gone):
            bench.provider.fetch(locator)


def test_a_call_that_makes_fewer_pictures_than_were_asked_for_keeps_those() -> None:
    with running("short_answers=1") as (bench, vendor):
        answered = bench.provider.submit(same(bench, 4))
        assert isinstance(answered, Answered)
        outcomes = [result.outcome for result in answered.results]
        assert [isinstance(outcome, Made) for outcome in outcomes] == [True, True, True, False]
        assert sum(outcome.cost_usd or 0 for outcome in outcomes) == Decimal("0.105")
        assert sum(bill.price for bill in vendor.billed) == Decimal("0.105")
