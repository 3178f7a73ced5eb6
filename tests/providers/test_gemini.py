"""Our requests in Gemini's words, against the vendor's own description; and its cards in the catalogue."""

from __future__ import annotations

import base64
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from test_gemini_answers import MODELS, K, valid

from providers import gemini_requests as requests
from providers.base import Billed, ImageRequest, Lane, Reference, Refused, Size

TODAY = date(2026, 11, 23)
LIVE_MODELS = [card.id for card in MODELS.values() if not card.retired(TODAY)]


def request(**change: Any) -> ImageRequest:
    usual = {"key": "k1", "model": "gemini-nano-banana-2.1", "prompt": "a fox", "size": Size(1024, 1024)}
    return ImageRequest(**{**usual, **change})


def encoded(lane: Lane = Lane.BATCH, **change: Any) -> dict[str, Any]:
    made = requests.encode(request(**change), lane, MODELS, TODAY)
    line: dict[str, Any] = json.loads(made.line)
    assert line.keys() == {"key", "request"}
    valid("GenerateContentRequest", line["request"])
    return line


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("model", LIVE_MODELS)
def test_every_size_of_every_model_is_said_as_the_vendor_describes(lane: Lane, model: str) -> None:
    card = MODELS[model]
    said = set()
    for size in card.sizes:
        config = encoded(lane, model=model, size=size, prompt="naïve 👟 \u2028")["request"][
            "generationConfig"
        ]
        assert config["responseModalities"] == ["IMAGE"]
        said.add((config["imageConfig"]["aspectRatio"], config["imageConfig"].get("imageSize")))
    assert len(said) == len(card.sizes), "no two sizes are said alike"


def test_a_line_begins_with_its_key_and_holds_the_prompt_as_written() -> None:
    line = requests.encode(request(prompt="naïve 👟 \u2028"), Lane.BATCH, MODELS, TODAY).line
    assert line.startswith(b'{"key":"k1","request":')
    assert json.loads(line)["request"]["contents"] == [
        {"role": "user", "parts": [{"text": "naïve 👟 \u2028"}]}
    ]


@pytest.mark.parametrize(
    ("model", "size", "config"),
    [
        ("gemini-nano-banana-2.1", Size(1376, 768), {"aspectRatio": "16:9", "imageSize": "1K"}),
        ("gemini-nano-banana-2.1", Size(3168, 1344), {"aspectRatio": "21:9", "imageSize": "2K"}),
        ("gemini-3-pro-image", Size(3392, 5056), {"aspectRatio": "2:3", "imageSize": "4K"}),
        ("gemini-3.1-flash-lite-image", Size(928, 1152), {"aspectRatio": "4:5"}),
    ],
)
def test_the_class_of_size_is_said_where_there_is_a_choice(
    model: str, size: Size, config: dict[str, str]
) -> None:
    assert encoded(model=model, size=size)["request"]["generationConfig"]["imageConfig"] == config


def test_sizes_are_exact_multiples_and_each_is_said_in_one_way() -> None:
    assert requests.shape_of(Size(424, 632)) == ("2:3", "512")
    assert requests.shape_of(Size(2048, 8192)) == ("1:4", "4K")
    assert requests.shape_of(Size(1344, 768)) == ("16:9", "1K"), "Gemini 2.5's own"
    assert requests.shape_of(Size(1025, 1024)) is None


def test_thinking_is_kept_low_unless_asked_for_and_only_where_there_is_a_choice() -> None:
    def level(**change: Any) -> Any:
        return encoded(**change)["request"]["generationConfig"].get("thinkingConfig")

    assert level() == {"thinkingLevel": "MINIMAL"}, "what the plan priced is what is asked for"
    assert level(quality="high") == {"thinkingLevel": "HIGH"}
    assert level(model="gemini-3-pro-image") is None
    card = MODELS["gemini-nano-banana-2.1"]
    assert card.price(Lane.LIVE, Size(1024, 1024), "high") is None, "how much it thinks is not published"


def test_reference_pictures_follow_the_prompt() -> None:
    line = encoded(
        seed=7,
        background="opaque",
        references=(
            Reference(content=b"\x89PNG", media_type="image/png"),
            Reference(url="https://shop.example/shoe.JPG?x=1"),
            Reference(url="https://shop.example/shoe"),
        ),
    )
    assert line["request"]["contents"][0]["parts"] == [
        {"text": "a fox"},
        {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"\x89PNG").decode()}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://shop.example/shoe.JPG?x=1"}},
        {"fileData": {"fileUri": "https://shop.example/shoe"}},
    ]
    assert line["request"]["generationConfig"]["seed"] == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "gemini-99"}, "no model"),
        ({"model": "imagen-4.0-generate-001"}, "2026-08-17; use gemini-nano-banana-2.1"),
        ({"model": "imagen-4.0-fast-generate-001"}, "use gemini-3.1-flash-lite-image"),
        ({"model": "imagen-4.0-ultra-generate-001"}, "use gemini-3-pro-image"),
        ({"model": "gemini-3.1-flash-image"}, "2026-10-29; use gemini-nano-banana-2.1"),
        ({"model": "gemini-3-pro-image-preview"}, "2026-06-25"),
        ({"model": "gemini-2.5-flash-image"}, "2026-10-02"),
        ({"prompt": " \n"}, "empty"),
        ({"prompt": "x" * 65_537}, "65,536 characters, the prompt has 65,537"),
        ({"prompt": "\udc00"}, "Unicode"),
        ({"quality": "low"}, "minimal, medium, high"),
        ({"model": "gemini-3-pro-image", "quality": "high"}, "no quality"),
        ({"size": Size(1024, 1000)}, "1024x1000"),
        ({"size": Size(512, 512)}, "512x512"),
        ({"size": Size(2048, 512)}, "2048x512"),
        ({"model": "gemini-3.1-flash-lite-image", "size": Size(2048, 2048)}, "2048x2048"),
        ({"background": "transparent"}, "transparent"),
        ({"seed": 2**31}, "2,147,483,648"),
        ({"references": (Reference(url="https://a.example/b.png"),) * 15}, "at most 14"),
        ({"references": (Reference(url="http://a.example/b.png"),)}, "https://"),
        ({"references": (Reference(url="https://[a/b.png"),)}, "cannot be read"),
        ({"references": (Reference(url="gs://bucket/b.png"),)}, "https://"),
        ({"references": (Reference(),)}, "or its bytes"),
        ({"references": (Reference(content=b"x", media_type="image/gif"),)}, "image/gif"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_said_is_refused_with_its_numbers(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        encoded(**change)
    assert refused.value.failure.kind is K.MALFORMED_REQUEST
    assert refused.value.failure.billed is Billed.NO


def test_a_model_without_the_lane_is_refused() -> None:
    card = MODELS["gemini-3-pro-image"].model_copy(update={"id": "m", "lanes": frozenset({Lane.LIVE})})
    with pytest.raises(Refused, match="batch lane"):
        requests.encode(request(model="m"), Lane.BATCH, {"m": card}, TODAY)


# --- the catalogue --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "usd"),
    [
        ("gemini-nano-banana-2.1", Size(768, 1376), "0.0336"),
        ("gemini-nano-banana-2.1", Size(2048, 2048), "0.0504"),
        ("gemini-nano-banana-2.1", Size(5504, 3072), "0.1134"),
        ("gemini-3-pro-image", Size(1584, 672), "0.134"),
        ("gemini-3-pro-image", Size(2752, 1536), "0.134"),
        ("gemini-3-pro-image", Size(4096, 4096), "0.24"),
        ("gemini-3.1-flash-lite-image", Size(1200, 896), "0.0336"),
    ],
)
def test_pictures_are_priced_by_their_class_and_half_in_a_batch(model: str, size: Size, usd: str) -> None:
    for lane, share in ((Lane.LIVE, 1), (Lane.BATCH, 2)):
        price = MODELS[model].price(lane, size, None)
        assert price is not None
        assert price.low == price.high == Decimal(usd) / share


def test_a_batch_is_cut_by_what_its_answer_will_weigh() -> None:
    card = MODELS["gemini-nano-banana-2.1"]
    most = card.limits.output_bytes_per_submission
    assert most is not None
    assert most // card.expected_output_bytes(Size(1024, 1024)) == 800
    assert most // card.expected_output_bytes(Size(4096, 4096)) == 50


def test_every_retired_model_names_one_that_lives() -> None:
    for card in MODELS.values():
        assert card.shutdown is None or MODELS[card.successor or ""].shutdown is None
