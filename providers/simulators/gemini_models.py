"""What Gemini's image models accept, cost and count, in the simulator's rendering.

Facts are from the v1beta discovery document of 2026-08-22, ai.google.dev (image generation, pricing,
deprecations) and LiteLLM 1.109.1, read 2026-11-23. "Ours" marks a figure no public page gives. The sizes are
kept apart from the adapter's on purpose: each checks the other.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

from PIL import Image

from providers.simulators.gemini_errors import invalid, no_such_field

SIZES = {
    "1:1": "1024x1024", "2:3": "848x1264", "3:2": "1264x848", "3:4": "896x1200", "4:3": "1200x896",
    "4:5": "928x1152", "5:4": "1152x928", "9:16": "768x1376", "16:9": "1376x768", "21:9": "1584x672",
}  # fmt: skip
"""Pixels at 1K; 2K is twice that and 4K four times."""
OLD_SIZES = {
    "1:1": "1024x1024", "2:3": "832x1248", "3:2": "1248x832", "3:4": "864x1184", "4:3": "1184x864",
    "4:5": "896x1152", "5:4": "1152x896", "9:16": "768x1344", "16:9": "1344x768", "21:9": "1536x672",
}  # fmt: skip
"""Pixels of Gemini 2.5 Flash Image."""
CLASSES = {"1K": 1, "2K": 2, "4K": 4}
LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
THOUGHTS = {"MINIMAL": 0, "LOW": 150, "MEDIUM": 400, "HIGH": 1_200}
"""Tokens thought before a picture. Ours."""
REFERENCE_TOKENS = 1_120
"""Input tokens of one reference picture: what 0.00168 USD at 1.50 a million are."""
REQUEST_FIELDS = frozenset(
    {
        "contents", "generationConfig", "safetySettings", "systemInstruction", "model", "store", "tools",
        "toolConfig", "cachedContent", "serviceTier", "labels",
    }
)  # fmt: skip
CONFIG_FIELDS = frozenset(
    {
        "responseModalities", "imageConfig", "thinkingConfig", "seed", "temperature", "topP", "topK",
        "candidateCount", "maxOutputTokens", "stopSequences", "mediaResolution", "responseMimeType",
        "presencePenalty", "frequencyPenalty",
    }
)  # fmt: skip
PART_FIELDS = frozenset({"text", "inlineData", "fileData", "mediaResolution", "partMetadata"})
READABLE = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")

Find = Callable[[str], object]
"""Raises Refused for a file of the store that is not there."""


@dataclass(frozen=True)
class Model:
    """One entry of the vendor's list of models."""

    title: str
    tokens: dict[str, int]
    """Of a picture, by class of size."""
    text_price: str
    image_price: str
    words_price: str
    """USD per million tokens: read, drawn, thought and said. A batch costs half."""
    levels: tuple[str, ...] = ()
    """Thinking levels that can be chosen, the first by default; none: thinking is not enabled."""
    thinks: int = 0
    """Tokens it thinks where no level can be chosen. Ours."""
    references: int = 14
    shutdown: str | None = None
    old: bool = False
    """Knows neither classes of size nor thinking."""


MODELS: dict[str, Model] = {
    "gemini-nano-banana-2.1": Model(
        "Nano Banana 2.1", {"1K": 1120, "2K": 1680, "4K": 3780}, "1.5", "30", "7.5",
        ("MEDIUM", "MINIMAL", "HIGH"),
    ),
    "gemini-3-pro-image": Model(
        "Nano Banana Pro", {"1K": 1120, "2K": 1120, "4K": 2000}, "2", "120", "12", thinks=250
    ),
    "gemini-3.1-flash-lite-image": Model(
        "Nano Banana 2 Lite", {"1K": 1120}, "0.25", "30", "1.5", ("MINIMAL", "HIGH")
    ),
    "gemini-2.5-flash-image": Model(
        "Nano Banana", {"1K": 1290}, "0.3", "30", "2.5", references=3, shutdown="2026-10-02", old=True
    ),
    "gemini-3.1-flash-image": Model(
        "Nano Banana 2", {"1K": 1120, "2K": 1680, "4K": 2520}, "0.5", "60", "3", ("MINIMAL", "HIGH"),
        shutdown="2026-10-29",
    ),
}  # fmt: skip
"""Previews (2026-06-25) and Imagen 4 (2026-08) are gone. The last two go by the simulator's clock."""


def available(model: str, now: float) -> Model | None:
    """The model, unless it does not exist or was shut down by now."""
    found = MODELS.get(model)
    if found and found.shutdown:
        gone = datetime.fromisoformat(found.shutdown).replace(tzinfo=UTC).timestamp()
        if now >= gone:
            return None
    return found


@dataclass(frozen=True)
class Ask:
    """One request for a picture, understood and found acceptable."""

    prompt: str
    model: str
    shape: str
    size_class: str
    level: str
    with_words: bool
    references: int

    @property
    def card(self) -> Model:
        return MODELS[self.model]

    @property
    def thoughts(self) -> int:
        """Tokens thought before the picture."""
        return THOUGHTS[self.level] if self.card.levels else self.card.thinks

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        width, _, height = (OLD_SIZES if self.card.old else SIZES)[self.shape].partition("x")
        times = CLASSES[self.size_class]
        return int(width) * times, int(height) * times

    def usage(self, *, image: int = 0, words: int = 0, thoughts: int = 0) -> dict[str, Any]:
        """Tokens, in the vendor's words; what is zero is left out, as proto3 JSON does."""
        text, pictures = text_tokens(self.prompt), REFERENCE_TOKENS * self.references
        asked = [{"modality": "TEXT", "tokenCount": text}]
        if pictures:
            asked.append({"modality": "IMAGE", "tokenCount": pictures})
        given = [
            {"modality": modality, "tokenCount": number}
            for modality, number in (("IMAGE", image), ("TEXT", words))
            if number
        ]
        usage = {
            "promptTokenCount": text + pictures,
            "candidatesTokenCount": image + words,
            "totalTokenCount": text + pictures + image + words + thoughts,
            "promptTokensDetails": asked,
            "candidatesTokensDetails": given,
            "thoughtsTokenCount": thoughts,
        }
        return {name: value for name, value in usage.items() if value}

    def price(self, usage: dict[str, Any], *, batch: bool) -> Decimal:
        """USD: `(read * text + image * image + (words + thoughts) * words) / 1e6`, half in a batch."""
        given = {entry["modality"]: entry["tokenCount"] for entry in usage.get("candidatesTokensDetails", ())}
        whole: Decimal = (
            usage["promptTokenCount"] * Decimal(self.card.text_price)
            + given.get("IMAGE", 0) * Decimal(self.card.image_price)
            + (given.get("TEXT", 0) + usage.get("thoughtsTokenCount", 0)) * Decimal(self.card.words_price)
        ) / 1_000_000
        return whole / 2 if batch else whole


def text_tokens(text: str) -> int:
    """About four characters to a token. Ours."""
    return max(1, -(-len(text) // 4))


def camel(value: Any) -> Any:
    """A request in the spelling the service answers in; it reads both."""
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda m: m[1].upper(), name): camel(part) for name, part in value.items()
        }
    return [camel(part) for part in value] if isinstance(value, list) else value


def check_fields(request: Any) -> dict[str, Any]:
    """The request in one spelling, when it holds only fields there are. Raises Refused."""
    if not isinstance(request, dict):
        raise invalid("Invalid JSON payload received. The request is not an object.")
    request = camel(request)
    config = _object(request, "generationConfig")
    places = [("request", request, REQUEST_FIELDS), ("generation_config", config, CONFIG_FIELDS)]
    places.append(("image_config", _object(config, "imageConfig"), frozenset({"aspectRatio", "imageSize"})))
    thinking = frozenset({"thinkingLevel", "includeThoughts", "thinkingBudget"})
    places.append(("thinking_config", _object(config, "thinkingConfig"), thinking))
    contents = request.get("contents")
    if not isinstance(contents, list) or not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    for content in contents:
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(parts, list) or not parts:
            raise invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
        places += [("parts", part if isinstance(part, dict) else {}, PART_FIELDS) for part in parts]
    for place, found, known in places:
        for name in found.keys() - known:
            raise no_such_field(name, place)
    return dict(request)


def read_ask(request: Any, model: str, now: float, find_file: Find) -> Ask:
    """The request as understood. Raises Refused as the vendor would."""
    request = check_fields(request)
    card = available(model, now)
    assert card is not None, "the caller looked"
    parts = [part for content in request["contents"] for part in content["parts"]]
    words = "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not words.strip():
        raise invalid("Unable to submit request because it must have a text parameter.")
    config = _object(request, "generationConfig")
    modalities = config.get("responseModalities") or ["TEXT", "IMAGE"]
    if set(modalities) not in ({"IMAGE"}, {"TEXT", "IMAGE"}):
        raise invalid(f"The requested combination of response modalities ({modalities}) is not supported.")
    shape, size_class = _image_config(_object(config, "imageConfig"), model, card)
    references = [part for part in parts if "text" not in part]
    if len(references) > card.references:
        raise invalid(f"Too many images: {len(references)}; models/{model} takes {card.references}.")
    for reference in references:
        _check_reference(reference, find_file)
    level = _level(_object(config, "thinkingConfig"), model, card)
    return Ask(words, model, shape, size_class, level, "TEXT" in modalities, len(references))


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name, {})
    if not isinstance(found, dict):
        raise invalid(f"Invalid value at '{name}': expected an object.")
    return found


def _image_config(config: dict[str, Any], model: str, card: Model) -> tuple[str, str]:
    shape = config.get("aspectRatio", "1:1")
    if shape not in SIZES:
        choices = ", ".join(f"'{choice}'" for choice in SIZES)
        raise invalid(f"Invalid aspect ratio '{shape}' for models/{model}. Supported values are: {choices}.")
    size_class = config.get("imageSize", "1K")
    if size_class not in card.tokens or (card.old and "imageSize" in config):
        raise invalid(f"Image size '{size_class}' is not supported for models/{model}.")
    return shape, size_class


def _level(config: dict[str, Any], model: str, card: Model) -> str:
    if config and not card.levels:
        raise invalid(f"Thinking is not enabled for models/{model}")
    default = card.levels[0] if card.levels else "MINIMAL"
    level = str(config.get("thinkingLevel", default)).upper()
    if level not in (card.levels or LEVELS):
        raise invalid(f"Thinking level {level} is not supported for models/{model}.")
    return level


def _check_reference(part: dict[str, Any], find_file: Find) -> None:
    blob, file = part.get("inlineData"), part.get("fileData")
    if isinstance(file, dict):
        uri = str(file.get("fileUri", ""))
        stored = re.search(r"/(files/[\w-]+)$", uri)
        if stored:
            find_file(stored[1])
        elif not uri.startswith("https://"):
            raise invalid(f"Invalid or unsupported file uri: {uri[:100]}")
        return  # addresses elsewhere are taken on trust: nothing here leaves this machine
    if not isinstance(blob, dict):
        raise invalid("* contents.parts: one of text, inline_data or file_data must be set.")
    if blob.get("mimeType") not in READABLE:
        raise invalid(f"Unsupported MIME type: {blob.get('mimeType')}")
    try:
        with Image.open(BytesIO(base64.b64decode(str(blob.get("data", "")), validate=True))) as picture:
            picture.verify()
    except (OSError, SyntaxError, binascii.Error, ValueError):
        raise invalid("Unable to process input image. Please retry or report in the forum.") from None
