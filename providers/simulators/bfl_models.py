"""What Black Forest Labs' models accept, refuse, cost and give back, in the simulator's rendering.

Facts are from the vendor's OpenAPI description of 2026-04-23, its price and error pages, and for
``flux-3-image`` its pages of October 2026. "Ours" marks what no public page gives.

**Words in a prompt that provoke something:**

- ``moderated``: Request Moderated, with a reason. ``gore``: Content Moderated. Always.
- ``[down]``: Error. Always. ``[flaky]``: Error the first time this prompt is seen.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

MEGAPIXEL = 1_048_576
"""Ours: 1024x1024 counts as one for the price, though `output_mp` says 1.05."""
FORMATS = ("jpeg", "png", "webp")
RATIOS_3 = (
    "auto", "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1",
    "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21",
)  # fmt: skip
RESOLUTIONS: Mapping[str, int] = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
CREDITS_3: Mapping[str, Decimal] = {
    "768sq": Decimal("4.1"), "1k": Decimal("4.8"), "1.5k": Decimal("7.2"), "2k": Decimal(10),
    "4k": Decimal("60.7"),
}  # fmt: skip
"""1.5k is ours."""
COMMON = frozenset({"prompt", "seed", "safety_tolerance", "output_format", "webhook_url", "webhook_secret"})
LONGEST_PROMPT = 128_000
"""Ours, for 32K tokens."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `credits` is the flat price, or that of the first megapixel."""

    credits: Decimal
    per_megapixel: Decimal | None = None
    """Credits of each further megapixel, and of each megapixel of a reference."""
    shape: str = "pixels"
    """"pixels", "steps" (multiples of 32 up to 1440), "ratio" or "resolution"."""
    area: int = MEGAPIXEL
    references: int = 0
    image_prompt: bool = False
    tolerance: int = 5
    output_format: str = "jpeg"
    also: frozenset[str] = frozenset()
    """Further fields, without effect on a drawing."""

    @property
    def fields(self) -> frozenset[str]:
        shapes = {"pixels": {"width", "height"}, "steps": {"width", "height"}, "ratio": {"aspect_ratio"}}
        pictures = {f"input_image_{n}" for n in range(2, self.references + 1)}
        if self.references:
            pictures.add("input_image")
        if self.image_prompt:
            pictures.add("image_prompt")
        return COMMON | self.also | pictures | shapes[self.shape]


_UP = frozenset({"prompt_upsampling"})
_FLUX_1_TUNING = _UP | {"image_prompt_strength", "raw"}
MODELS: Mapping[str, Model] = {
    "flux-2-pro": Model(Decimal(3), Decimal("1.5"), references=8),
    "flux-2-pro-preview": Model(Decimal(3), Decimal("1.5"), references=8),
    "flux-2-max": Model(Decimal(7), Decimal(3), references=8),
    "flux-2-flex": Model(
        Decimal(5), Decimal(5), references=8, also=_UP | {"guidance", "steps", "input_image_blob_path"}
    ),
    "flux-2-klein-4b": Model(Decimal("1.4"), Decimal("0.1"), references=4),
    "flux-2-klein-9b": Model(Decimal("1.5"), Decimal("0.2"), references=4),
    "flux-2-klein-9b-preview": Model(Decimal("1.5"), Decimal("0.2"), references=4),
    "flux-pro-1.1": Model(Decimal(4), shape="steps", image_prompt=True, tolerance=6, also=_UP),
    "flux-dev": Model(
        Decimal("2.5"), shape="steps", image_prompt=True, tolerance=6, also=_UP | {"steps", "guidance"}
    ),
    "flux-pro-1.1-ultra": Model(
        Decimal(6), shape="ratio", area=4 * MEGAPIXEL, image_prompt=True, tolerance=6, also=_FLUX_1_TUNING
    ),
    "flux-kontext-pro": Model(
        Decimal(4), shape="ratio", references=4, tolerance=6, output_format="png", also=_UP
    ),
    "flux-kontext-max": Model(
        Decimal(8), shape="ratio", references=4, tolerance=6, output_format="png", also=_UP
    ),
}
FLUX_3 = "flux-3-image"


class Invalid(Exception):
    """A 422: the parts of its `detail`."""

    def __init__(self, kind: str, field: str, message: str, given: object = None) -> None:
        super().__init__(message)
        self.detail = [{"type": kind, "loc": ["body", field], "msg": message, "input": given}]


@dataclass(frozen=True, slots=True)
class Ask:
    """One task, understood and found acceptable."""

    prompt: str
    width: int
    height: int
    seed: int | None
    media_type: str
    input_pixels: int
    credits: Decimal

    @property
    def output_mp(self) -> float:
        return round(self.width * self.height / 1_000_000, 2)

    @property
    def input_mp(self) -> float:
        return round(self.input_pixels / 1_000_000, 2)


def read_ask(name: str, body: Mapping[str, Any]) -> Ask:
    """The task as understood. Raises Invalid as the vendor would, before anything begins."""
    body = {field: value for field, value in body.items() if value is not None}
    prompt = body.get("prompt", "" if name in ("flux-pro-1.1", "flux-dev", "flux-pro-1.1-ultra") else None)
    if prompt is None:
        raise Invalid("missing", "prompt", "Field required", body)
    if not isinstance(prompt, str):
        raise Invalid("string_type", "prompt", "Input should be a valid string", prompt)
    if len(prompt) > LONGEST_PROMPT:
        raise Invalid("string_too_long", "prompt", f"At most {LONGEST_PROMPT} characters", None)
    return _read_flux_3(prompt, body) if name == FLUX_3 else _read_other(MODELS[name], prompt, body)


def _read_other(model: Model, prompt: str, body: Mapping[str, Any]) -> Ask:
    """Unknown fields are let through, as the description does not close its schemas."""
    width, height = _sides(model, body)
    _whole(body, "safety_tolerance", 0, model.tolerance, 2)
    seed = body.get("seed")
    if seed is not None:
        seed = _whole(body, "seed", -(2**63), 2**63, 0)
    named = body.get("output_format", model.output_format)
    if named not in FORMATS:
        raise Invalid("enum", "output_format", f"Input should be {', '.join(FORMATS)}", named)
    fields = sorted(f for f in model.fields if f.startswith("input_image") and not f.endswith("path"))
    pixels = sum(_reference(field, body[field], 1) for field in fields if field in body)
    if model.image_prompt and "image_prompt" in body:
        _reference("image_prompt", body["image_prompt"], 1, addresses=False)
    price = model.credits
    if model.per_megapixel is not None:
        further = max(1, math.ceil(width * height / MEGAPIXEL)) - 1 + math.ceil(pixels / MEGAPIXEL)
        price += model.per_megapixel * further
    return Ask(prompt, width, height, seed, f"image/{named}", pixels, price)


def _sides(model: Model, body: Mapping[str, Any]) -> tuple[int, int]:
    if model.shape == "ratio":
        return _by_ratio("aspect_ratio", body.get("aspect_ratio", "16:9"), model.area)
    if model.shape == "steps":
        sides = (_whole(body, "width", 256, 1_440, 1_024), _whole(body, "height", 256, 1_440, 768))
        for name, side in zip(("width", "height"), sides, strict=True):
            if side % 32:
                raise Invalid("multiple_of", name, "Input should be a multiple of 32", side)
        return sides
    if not body.get("width") and not body.get("height"):
        return 1_024, 1_024  # what 0 stands for is not described; ours
    width, height = _whole(body, "width", 64, 4_096, 1_024), _whole(body, "height", 64, 4_096, 1_024)
    if width * height > 4 * MEGAPIXEL:
        raise Invalid("value_error", "width", "The output is larger than 4 megapixels", width)
    return width // 16 * 16, height // 16 * 16


def _by_ratio(field: str, ratio: object, area: int) -> tuple[int, int]:
    wide, colon, high = ratio.partition(":") if isinstance(ratio, str) else ("", "", "")
    if (
        not colon
        or not wide.isdigit()
        or not high.isdigit()
        or not 0 < int(wide) < 99
        or not 0 < int(high) < 99
    ):
        raise Invalid("value_error", field, "Input should be an aspect ratio like 16:9", ratio)
    if not 9 / 21 - 0.01 <= int(wide) / int(high) <= 21 / 9 + 0.01:
        raise Invalid("value_error", field, "The aspect ratio is between 21:9 and 9:21", ratio)
    height = math.sqrt(area * int(high) / int(wide))
    return round(height * int(wide) / int(high) / 16) * 16, round(height / 16) * 16


def _whole(body: Mapping[str, Any], field: str, low: int, high: int, default: int) -> int:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid("int_type", field, "Input should be a valid integer", value)
    if value < low:
        raise Invalid("greater_than_equal", field, f"Input should be greater than or equal to {low}", value)
    if value > high:
        raise Invalid("less_than_equal", field, f"Input should be less than or equal to {high}", value)
    return value


def _read_flux_3(prompt: str, body: Mapping[str, Any]) -> Ask:
    """Closed: a field it does not know is refused, `seed` and `width` included."""
    known = {
        "prompt", "images", "aspect_ratio", "resolution", "grounding", "safety_tolerance", "version",
        "webhook_url", "webhook_secret",
    }  # fmt: skip
    for field in body:
        if field not in known:
            raise Invalid("extra_forbidden", field, "Extra inputs are not permitted", body[field])
    _whole(body, "safety_tolerance", 0, 4, 2)
    ratio, named = body.get("aspect_ratio", "auto"), body.get("resolution", "1k")
    if ratio not in RATIOS_3:
        raise Invalid("literal_error", "aspect_ratio", f"Input should be {', '.join(RATIOS_3)}", ratio)
    if named not in RESOLUTIONS:
        raise Invalid("literal_error", "resolution", f"Input should be {', '.join(RESOLUTIONS)}", named)
    images = body.get("images", [])
    if not isinstance(images, list) or len(images) > 10:
        raise Invalid("too_long", "images", "At most 10 pictures are read", None)
    pixels = sum(_reference("images", image, 256) for image in images)
    area = RESOLUTIONS[named] ** 2
    width, height = _by_ratio("aspect_ratio", "1:1" if ratio == "auto" else ratio, area)
    return Ask(prompt, width, height, None, "image/jpeg", pixels, CREDITS_3[named])


def _reference(field: str, given: object, least_px: int, *, addresses: bool = True) -> int:
    """Pixels of a reference; those behind an address count as one megapixel, since none is fetched."""
    if isinstance(given, str) and addresses and given.startswith(("https://", "http://")):
        if ".invalid" in given:
            raise Invalid("value_error", field, "The image could not be downloaded", None)
        return MEGAPIXEL
    try:
        content = base64.b64decode(given if isinstance(given, str) else "?", validate=True)
        with Image.open(BytesIO(content)) as picture:
            width, height = picture.size
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise Invalid("value_error", field, "Input should be a base64 encoded image", None) from None
    if min(width, height) < least_px:
        raise Invalid("value_error", field, f"The image is smaller than {least_px} pixels", None)
    return width * height
