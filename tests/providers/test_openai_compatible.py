"""What is sent to a server nobody knows, and how much is made of what it answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from provider_contract import Subject as Bench
from provider_contract import content_of, live

from providers.base import (
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
from providers.catalogue import ModelCard, TokenPrices, load
from providers.openai_compatible import OpenAICompatible
from providers.registry import build
from providers.simulators.openai_compatible import CompatibleSimulator
from providers.wire.client import Reply
from providers.wire.pictures import media_type

CARD = load()["openai_compatible"]["default"]
K = FailureKind
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND\xaeB`\x82"
PNG64 = base64.b64encode(PNG).decode()


def now() -> datetime:
    return datetime.now(UTC)


def own(**change: Any) -> ModelCard:
    """An entry of the operator's file."""
    return CARD.model_copy(update={"id": "qwen-image", **change})


def adapter(*cards: ModelCard, url: str = "http://127.0.0.1:9/v1", key: str = "") -> OpenAICompatible:
    models = {card.id: card for card in cards or (CARD,)}
    return OpenAICompatible(models, base_url=url, api_key=key, clock=now)


def encoded(card: ModelCard = CARD, **change: Any) -> tuple[str, dict[str, Any]]:
    wish = {"key": "k1", "model": card.id, "prompt": "a fox", "size": Size(1024, 1024), **change}
    with closing(adapter(card)) as provider:
        line = provider.encode(ImageRequest(**wish), Lane.LIVE)
    return line.group, json.loads(line.line)["body"]


# --- requests -----------------------------------------------------------------------------------------


def test_a_server_nobody_described_is_sent_what_all_of_them_understand() -> None:
    assert encoded() == (
        "/images/generations",
        {"prompt": "a fox", "size": "1024x1024", "n": 1, "response_format": "b64_json"},
    )


def test_what_a_row_asks_for_goes_along() -> None:
    card = own(qualities=("low", "high"), transparency=True, references=1)
    group, body = encoded(
        card, quality="high", background="transparent", seed=7, references=(Reference(content=PNG),)
    )
    assert group == "/images/edits"
    assert body == {
        "model": "qwen-image",
        "prompt": "a fox",
        "size": "1024x1024",
        "n": 1,
        "response_format": "b64_json",
        "quality": "high",
        "background": "transparent",
        "seed": 7,
        "images": [{"image_url": f"data:image/png;base64,{PNG64}"}],
    }


def test_an_operator_adds_fields_of_the_servers_own_and_takes_others_out(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
        [[model]]
        id = "qwen-image"
        provider = "openai_compatible"
        lanes = ["live"]
        source = "our own server"
        checked = 2026-11-23
        prompt_limit = 2000
        sizes = ["1024x1024"]
        extra = { num_inference_steps = 30, guidance_scale = 4.5, mode = "fast", response_format = "" }
        prices = [{ usd = "0" }]
        """
    )
    card = load(file)["openai_compatible"]["qwen-image"]
    _, body = encoded(card)
    assert body == {
        "model": "qwen-image",
        "prompt": "a fox",
        "size": "1024x1024",
        "n": 1,
        "num_inference_steps": 30,
        "guidance_scale": 4.5,
        "mode": "fast",
    }


def test_the_default_card_goes_when_the_operator_has_one_of_his_own() -> None:
    for cards, names in (((CARD,), {"default"}), ((CARD, own()), {"qwen-image"})):
        with closing(adapter(*cards)) as provider:
            assert set(provider.models) == names


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"references": (Reference(content=PNG),)}, "reference"),
        ({"background": "transparent"}, "transparent"),
        ({"background": "red"}, "background"),
        ({"quality": "high"}, "quality"),
        ({"size": Size(4096, 4096)}, "4096x4096"),
        ({"prompt": ""}, "empty"),
    ],
)
def test_what_the_card_does_not_allow_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        encoded(**change)


# --- answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (400, {"error": {"code": 400, "type": "invalid_request_error", "message": "bad size"}},
         K.MALFORMED_REQUEST, "bad size"),
        (400, {"error": {"code": "content_policy_violation", "message": "no"}}, K.CONTENT_POLICY, "no"),
        (400, {"error": {"code": "content_filter", "message": "no"}}, K.CONTENT_POLICY, "no"),
        (403, {"error": {"code": "moderation_failed", "message": "no"}}, K.CONTENT_POLICY, "no"),
        (422, {"detail": [{"loc": ["body", "size"], "msg": "not a size", "input": "SECRET PROMPT"}]},
         K.MALFORMED_REQUEST, "size: not a size"),
        (400, {"detail": "no such lora"}, K.MALFORMED_REQUEST, "no such lora"),
        (503, {"detail": "engine is not ready"}, K.SERVER_ERROR, "engine is not ready"),
        (500, {"error": {"code": 500, "message": "no memory", "type": ""}}, K.SERVER_ERROR, "no memory"),
        (500, b"Internal Server Error", K.SERVER_ERROR, "Internal Server Error"),
        (502, b"<html>nginx</html>", K.SERVER_ERROR, "no reason given"),
        (404, {"message": "unknown model", "code": "model_not_found"}, K.MALFORMED_REQUEST, "unknown model"),
        (401, {"error": "Unauthorized"}, K.AUTH, "Unauthorized"),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}, K.QUOTA, "Insufficient credits"),
        (408, b"", K.TIMEOUT, "no reason given"),
        (429, {"error": {"message": "slow", "type": "rate_limit_error"}}, K.RATE_LIMITED, "slow"),
        (418, b"[1]", K.MALFORMED_REQUEST, "no reason given"),
    ],
)  # fmt: skip
def test_errors_in_every_envelope(status: int, said: Any, kind: FailureKind, words: str) -> None:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    with closing(adapter()) as provider:
        failed = provider._failure(Reply(status, {}, content), "SECRET PROMPT")
    assert failed.kind is kind
    assert words in failed.message
    assert "SECRET" not in failed.message


@pytest.mark.parametrize(
    ("entry", "locator"),
    [
        ({"b64_json": PNG64}, None),
        ({"b64_json": f"data:image/png;base64,{PNG64}"}, None),
        ({"url": f"data:image/png;base64,{PNG64}"}, None),
        ({"embedding": None, "index": 0, "url": "http://127.0.0.1:9/generated-images/a.png"},
         "http://127.0.0.1:9/generated-images/a.png"),
        ({"url": "/generated-images/a.png"}, "http://127.0.0.1:9/generated-images/a.png"),
        ({"url": "https://cdn.example/a.png", "b64_json": None}, "https://cdn.example/a.png"),
    ],
)  # fmt: skip
def test_pictures_come_as_bytes_or_as_links(entry: dict[str, Any], locator: str | None) -> None:
    answer = {"data": [entry], "usage": {"prompt_tokens": 0, "total_tokens": 0}}
    with closing(adapter()) as provider:
        outcome = provider._outcome(answer, CARD, edit=False)
    assert isinstance(outcome, Made)
    assert outcome.pictures[0].locator == locator
    assert outcome.pictures[0].content == (PNG if locator is None else None)
    assert outcome.cost_usd is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        {"data": [{"b64_json": "?"}]},
        {"data": [{"url": "http://[broken"}]},
        {"data": [{"url": "file:///etc/passwd"}]},
        {"data": ["a", 7, None]},
    ],
)
def test_a_success_without_a_picture_may_or_may_not_have_cost(answer: dict[str, Any]) -> None:
    with closing(adapter()) as provider:
        outcome = provider._outcome(answer, CARD, edit=False)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.billed) == (K.UNKNOWN, Billed.UNKNOWN)


def test_usage_is_priced_by_the_operators_figures() -> None:
    card = own(tokens=TokenPrices(text_in=Decimal(5), image_in=Decimal(8), image_out=Decimal(30)))
    answer = {"data": [{"b64_json": PNG64}], "usage": {"input_tokens": 2, "output_tokens": 196}}
    with closing(adapter(card)) as provider:
        outcome = provider._outcome(answer, card, edit=False)
    assert isinstance(outcome, Made)
    assert outcome.cost_usd == Decimal("0.00589")


# --- against a plain server -----------------------------------------------------------------------------


@contextmanager
def running(
    *faults: str, card: ModelCard = CARD, key: str = ""
) -> Iterator[tuple[Bench, CompatibleSimulator]]:
    with CompatibleSimulator(faults=("picture_px=48", *faults)) as server:
        provider = adapter(card, url=server.base_url, key=key)
        with closing(provider):
            yield Bench(provider=provider, model=card.id, secret=server.key), server


@pytest.mark.parametrize("dial", ["usage=off", "links=on", "paths=on", "data_urls=on"])
def test_a_picture_arrives_however_the_server_hands_it_out(dial: str) -> None:
    with running(dial) as (bench, _):
        assert media_type(content_of(bench, live(bench, "a fox").outcome)) == "image/png"


@pytest.mark.parametrize("dial", ["detail_errors=on", "text_errors=on", "error_in_success=on"])
def test_trouble_is_told_apart_as_far_as_the_server_tells(dial: str) -> None:
    with running(dial, card=own(id="no-such-model")) as (bench, _):
        outcome = live(bench, "a fox").outcome
        assert isinstance(outcome, Failure)
        assert outcome.kind is K.MALFORMED_REQUEST
        assert "no-such-model" in outcome.message


def test_a_cut_link_can_be_fetched_again_and_a_lost_one_is_gone() -> None:
    with running("links=on", "cut_connection=1") as (bench, server):
        outcome = live(bench, "a fox").outcome
        with pytest.raises(AskAgain):
            content_of(bench, outcome)
        assert content_of(bench, outcome)
        with pytest.raises(Gone):
            bench.provider.fetch(f"{server.url}/generated-images/lost.png")


def test_a_link_to_another_machine_must_be_safe() -> None:
    with closing(adapter(url="http://ai.example:8080/v1")) as provider, pytest.raises(Gone, match="https"):
        provider.fetch("http://elsewhere.example/a.png")


def test_the_check_names_what_is_offered_and_what_is_missing() -> None:
    with running() as (bench, _):
        assert "3 models (qwen-image, z-image-turbo" in bench.provider.check()
    with running(card=own(id="flux")) as (bench, _):
        assert bench.provider.check().endswith("not among them: flux")
    with running("no_list=on") as (bench, _), pytest.raises(TellOperator, match="ends in /v1"):
        bench.provider.check()


def test_a_key_is_sent_where_there_is_one() -> None:
    with running("keyed=on", key=CompatibleSimulator.key) as (bench, _):
        assert isinstance(live(bench, "a fox").outcome, Made)
    with running("keyed=on") as (bench, _):
        with pytest.raises(TellOperator) as told:
            live(bench, "a fox")
        assert told.value.kind is K.AUTH


def test_an_empty_account_a_busy_server_and_a_lost_reply() -> None:
    with running("quota=on") as (bench, server):
        with pytest.raises(TellOperator) as told:
            live(bench, "a")
        assert told.value.kind is K.QUOTA
        server.faults.update({"quota": False, "rate_limit_rate": 1, "retry_after": 3})
        with pytest.raises(AskAgain) as again:
            live(bench, "a")
        assert again.value.retry_after == timedelta(seconds=3)
        server.faults.update({"rate_limit_rate": 0, "lost_reply_live": 1})
        with pytest.raises(MaybeAccepted):
            live(bench, "a")


# --- registry -----------------------------------------------------------------------------------------


def test_its_address_brings_it_with_or_without_a_key(tmp_path: Path) -> None:
    def names(**settings: str) -> set[str]:
        made = build(settings, catalogue=load(), folder=tmp_path, clock=now)
        for provider in made.values():
            provider.close()
        return set(made)

    assert "openai_compatible" not in names()
    assert "openai_compatible" not in names(OPENAI_COMPATIBLE_API_KEY="sk-x-123456")
    address = {"OPENAI_COMPATIBLE_BASE_URL": "http://127.0.0.1:8080/v1"}
    assert names(**address) == {"openai_compatible", "sketch"}
    assert names(**address, OPENAI_COMPATIBLE_API_KEY="sk-x-123456") == {"openai_compatible", "sketch"}
    with pytest.raises(TellOperator, match="OpenAI-compatible"):
        names(OPENAI_COMPATIBLE_BASE_URL="localhost:8080")
