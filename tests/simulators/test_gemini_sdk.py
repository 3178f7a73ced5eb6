"""The simulated Gemini live, with the vendor's own client, unchanged, and a clock that stands still."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from gemini_project import (
    MODEL,
    PICTURES,
    ask,
    described,
    made_for,
    picture_of,
    raw,
)
from google import genai
from google.genai import errors, types
from openai_account import Clock, picture

from providers.simulators import SIMULATORS
from providers.simulators.faults import Faults
from providers.simulators.gemini import GeminiSimulator
from providers.simulators.gemini_faults import GeminiFaults


@pytest.fixture
def simulator(clock: Clock) -> Iterator[GeminiSimulator]:
    with GeminiSimulator(faults=["picture_px=48", "batch_seconds=10"], clock=clock) as running:
        yield running


@pytest.fixture(params=["v1", "v1beta"])
def version(request: pytest.FixtureRequest) -> str:
    """What the SDK speaks by default, and what the documentation describes."""
    return str(request.param)


@pytest.fixture
def client(simulator: GeminiSimulator) -> Iterator[genai.Client]:
    made = made_for(simulator)
    yield made
    made.close()


# --- pictures now ---------------------------------------------------------------------------------------


def test_the_simulator_is_on_the_list() -> None:
    assert SIMULATORS["gemini"] is GeminiSimulator


def test_a_picture_comes_with_the_tokens_it_cost(simulator: GeminiSimulator, version: str) -> None:
    client = made_for(simulator, version)
    response = client.models.generate_content(model=MODEL, contents="a red mug", config=PICTURES)
    client.close()
    assert picture_of(response).format == "PNG"
    usage = response.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (
        3,
        1120,
        400,
    )
    (billed,) = simulator.billed
    assert billed.price == Decimal("0.0366045"), "(3 x 1.5 + 1120 x 30 + 400 x 7.5) / 1e6"
    assert response.model_version == MODEL


@pytest.mark.parametrize(
    ("shape", "size_class", "pixels"),
    [("16:9", "1K", (1376, 768)), ("2:3", None, (848, 1264)), ("1:1", "2K", (2048, 2048))],
)
def test_pictures_have_the_pixels_of_their_shape_and_class(
    clock: Clock, shape: str, size_class: str | None, pixels: tuple[int, int]
) -> None:
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig(aspect_ratio=shape, image_size=size_class),
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
    )
    with GeminiSimulator(clock=clock) as simulator:
        client = made_for(simulator)
        response = client.models.generate_content(model=MODEL, contents="a red mug", config=config)
        client.close()
        assert picture_of(response).size == pixels
        assert response.usage_metadata is not None
        assert response.usage_metadata.candidates_token_count == (1680 if size_class == "2K" else 1120)
        assert response.usage_metadata.thoughts_token_count is None


def test_reference_pictures_are_looked_at(client: genai.Client, simulator: GeminiSimulator) -> None:
    file = client.files.upload(file=io.BytesIO(picture()), config={"mime_type": "image/png"})
    contents = [
        "winter",
        types.Part.from_bytes(data=picture(), mime_type="image/png"),
        types.Part.from_uri(file_uri=str(file.uri), mime_type="image/png"),
        types.Part.from_uri(file_uri="https://shop.example/shoe.png", mime_type="image/png"),
    ]
    response = client.models.generate_content(model=MODEL, contents=contents, config=PICTURES)  # type: ignore[arg-type]
    assert response.usage_metadata is not None
    assert response.usage_metadata.prompt_token_count == 2 + 3 * 1120
    broken = types.Part.from_bytes(data=b"no picture", mime_type="image/png")
    with pytest.raises(errors.ClientError, match="process input image"):
        client.models.generate_content(model=MODEL, contents=["winter", broken], config=PICTURES)
    client.files.delete(name=str(file.name))
    with pytest.raises(errors.ClientError, match="or it may not exist") as gone:
        client.models.generate_content(model=MODEL, contents=contents, config=PICTURES)  # type: ignore[arg-type]
    assert gone.value.code == 403
    assert len(simulator.billed) == 1


def test_refusals_and_words_are_successes_to_the_vendor(
    client: genai.Client, simulator: GeminiSimulator
) -> None:
    def wish(prompt: str) -> types.GenerateContentResponse:
        return client.models.generate_content(model=MODEL, contents=prompt, config=PICTURES)

    blocked = wish("a moderated mug")
    assert blocked.prompt_feedback is not None
    assert blocked.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert not blocked.candidates
    reasons = []
    for prompt in ("gore", "mug [words]", "mug [nothing]"):
        (candidate,) = wish(prompt).candidates or []
        reasons.append(candidate.finish_reason)
    assert reasons == [types.FinishReason.IMAGE_SAFETY, types.FinishReason.NO_IMAGE, types.FinishReason.STOP]
    assert wish("mug [words]").text
    assert simulator.billed == []


@pytest.mark.parametrize(
    ("dial", "code", "name", "detail"),
    [
        ("rate_limit_rate=1", 429, "RESOURCE_EXHAUSTED", "PerMinute"),
        ("quota=on", 429, "RESOURCE_EXHAUSTED", "PerDay"),
        ("no_credit=on", 402, "RESOURCE_EXHAUSTED", "prepayment"),
        ("auth=on", 400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
        ("error_rate=1", 0, "", ""),
    ],
)
def test_the_account_has_its_bad_days(
    client: genai.Client, simulator: GeminiSimulator, dial: str, code: int, name: str, detail: str
) -> None:
    simulator.dials.turn(*dial.split("="))
    with pytest.raises(errors.APIError) as error:
        client.models.generate_content(model=MODEL, contents="mug", config=PICTURES)
    assert code in (error.value.code, 0)
    assert error.value.status == (name or error.value.status)
    assert detail in json.dumps(error.value.details)
    if code == 429:
        assert "retryDelay" in json.dumps(error.value.details)


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        ("gemini-99", {}, "not found"),
        ("gemini-3.1-flash-image", {}, "not found"),
        ("imagen-4.0-generate-001", {}, "not found"),
        (MODEL, {"image_config": {"image_size": "512"}}, "512"),
        (MODEL, {"image_config": {"aspect_ratio": "7:5"}}, "7:5"),
        (MODEL, {"image_config": {"aspect_ratio": "1:8"}}, "1:8"),
        (MODEL, {"response_modalities": ["AUDIO"]}, "modalities"),
        (MODEL, {"thinking_config": {"thinking_level": "LOW"}}, "LOW"),
        ("gemini-3-pro-image", {"thinking_config": {"thinking_level": "LOW"}}, "not enabled"),
        ("gemini-3.1-flash-lite-image", {"image_config": {"image_size": "2K"}}, "2K"),
    ],
)
def test_what_models_do_not_take_is_refused(
    client: genai.Client, model: str, config: Any, words: str
) -> None:
    with pytest.raises(errors.ClientError, match=words):
        client.models.generate_content(model=model, contents="mug", config=config)


def test_models_leave_on_their_day(clock: Clock) -> None:
    clock.now -= 60 * 86_400  # the end of September
    with GeminiSimulator(clock=clock) as simulator:
        client = made_for(simulator)
        before = {model.name for model in client.models.list()}
        clock.now += 20 * 86_400
        after = {model.name for model in client.models.list()}
        client.close()
    assert before - after == {"models/gemini-2.5-flash-image"}


@pytest.mark.parametrize("key", ["AIzaSy-a-real-one", "sk-sim"])
def test_other_keys_are_not_taken(simulator: GeminiSimulator, key: str) -> None:
    client = made_for(simulator, key=key)
    with pytest.raises(errors.ClientError, match="API key not valid"):
        client.models.list()
    client.close()
    assert ask(f"{simulator.url}/v1beta/models").status_code == 403
    assert ask(f"{simulator.url}/v1beta/models", params={"key": simulator.key}).status_code == 200


# --- files ----------------------------------------------------------------------------------------------


def test_an_upload_comes_in_pieces_and_lives_two_days(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    content = b'{"key": "a"}\n' * 700_000  # above the SDK's piece of 8 MiB
    file = client.files.upload(file=io.BytesIO(content), config={"mime_type": "jsonl", "display_name": "in"})
    assert [seen.path for seen in simulator.requests] == ["/upload/v1/files"] * 3
    assert (file.size_bytes, file.state, file.display_name) == (len(content), types.FileState.ACTIVE, "in")
    described(raw(simulator, f"/v1beta/{file.name}"), "File")
    assert [found.name for found in client.files.list()] == [file.name]
    with pytest.raises(errors.ClientError, match="cannot be downloaded"):
        client.files.download(file=str(file.name))
    clock.now += 48 * 3_600
    assert list(client.files.list()) == []
    with pytest.raises(errors.ClientError, match="or it may not exist"):
        client.files.get(name=str(file.name))


# --- the dials ------------------------------------------------------------------------------------------


def test_gemini_has_dials_of_its_own_beside_the_shared_ones(simulator: GeminiSimulator) -> None:
    answer = ask(f"{simulator.url}/_sim/faults", "POST", json={"no_credit": True, "refusal_rate": 0.5})
    assert (answer.json()["no_credit"], simulator.dials.refusal_rate) == (True, 0.5)
    assert ask(f"{simulator.url}/_sim/faults", "POST", json={"text_only_rate": 2}).status_code == 400
    assert simulator.dials.text_only_rate == 0
    assert GeminiSimulator(faults=Faults(seed=4)).dials.seed == 4
    own = GeminiFaults(jpeg=True)
    assert GeminiSimulator(faults=own).dials is own
    with pytest.raises(ValueError, match="no fault dial"):
        GeminiSimulator(faults=["nonsense=1"])


def test_pictures_may_be_jpeg_and_come_after_thoughts(
    client: genai.Client, simulator: GeminiSimulator
) -> None:
    simulator.dials.update({"jpeg": True, "thought_pictures": True})
    response = client.models.generate_content(model=MODEL, contents="mug", config=PICTURES)
    assert [part.thought for part in response.parts or []] == [True, True, None]
    assert picture_of(response).format == "JPEG"


def test_what_is_asked_elsewhere_is_not_found(simulator: GeminiSimulator) -> None:
    answer = ask(f"{simulator.url}/v1/batch", headers={"x-goog-api-key": simulator.key})
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
