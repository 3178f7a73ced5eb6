"""What fal's image endpoints accept, refuse, cost and give back, in the simulator's rendering.

Facts are from the input and output types of fal's JavaScript client 1.10.1 and fal's pages on errors and
prices, read 2026-11-23. "Ours" marks what no public page gives.

**Words in a prompt that provoke something:**

- ``moderated``: 422 content_policy_violation. ``gore``: where the endpoint tells, a black picture with
  ``has_nsfw_concepts`` (and a bill), else the 422. Always.
- ``[nothing]``: 422 no_media_generated. ``[down]``: a 500 internal_server_error. Always.
- ``[flaky]``: a 503 the first time this prompt is seen. ``[timeout]``: a 504 generation_timeout likewise.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

PRESETS: Mapping[str, tuple[int, int]] = {
    "square_hd": (1024, 1024), "square": (512, 512), "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024), "landscape_4_3": (1024, 768), "landscape_16_9": (1024, 576),
}  # fmt: skip
RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
MIN_SIDE_PX, MAX_SIDE_PX = 64, 4_096
"""Ours; the real bounds differ by endpoint and are not published."""
MEGAPIXEL = 1_048_576
"""Ours: 1024x1024 counts as one; a started one counts in full, as third parties report."""
OTHER_FIELDS: Mapping[str, type] = {
    "sync_mode": bool, "enable_safety_checker": bool, "enhance_prompt": bool, "raw": bool,
    "enable_prompt_expansion": bool, "guidance_scale": float, "num_inference_steps": int,
    "acceleration": str, "image_prompt_strength": float,
}  # fmt: skip
"""Accepted and, but for `sync_mode`, without effect on a drawing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of the gallery. `per_further` is None where the price is per picture."""

    unit_price: Decimal
    per_further: Decimal | None = None
    """Units of each megapixel after the first, in units of the first."""
    by_ratio: bool = False
    area: int = MEGAPIXEL
    """Pixels of a picture where only the ratio is asked."""
    image: str = ""
    """"one" or "many" reference pictures; a star where they are required."""
    many_pictures: bool = True
    """It takes `num_images` and tells `has_nsfw_concepts`."""
    tolerance: int = 6
    """Highest `safety_tolerance`; 0 where there is none."""
    formats: tuple[str, ...] = ("jpeg", "png")

    @property
    def unit(self) -> str:
        return "image" if self.per_further is None else "megapixel"

    def units(self, width: int, height: int) -> Decimal:
        """Units of one picture."""
        if self.per_further is None:
            return Decimal(1)
        return 1 + self.per_further * (max(1, math.ceil(width * height / MEGAPIXEL)) - 1)


def _flux_2(price: str, further: str, image: str = "") -> Endpoint:
    return Endpoint(Decimal(price), Decimal(further), image=image, many_pictures=False, tolerance=5)


def _kontext(price: str, image: str = "") -> Endpoint:
    return Endpoint(Decimal(price), by_ratio=True, image=image)


_OPEN = ("jpeg", "png", "webp")
ENDPOINTS: Mapping[str, Endpoint] = {
    "fal-ai/flux-2-pro": _flux_2("0.03", "0.5"),
    "fal-ai/flux-2-pro/edit": _flux_2("0.03", "0.5", "many*"),
    "fal-ai/flux-2-max": _flux_2("0.07", "0.43"),
    "fal-ai/flux-2-max/edit": _flux_2("0.07", "0.43", "many*"),
    "fal-ai/flux-2-flex": _flux_2("0.05", "1"),
    "fal-ai/flux-2-flex/edit": _flux_2("0.05", "1", "many*"),
    "fal-ai/flux-2": Endpoint(Decimal("0.012"), Decimal(1), tolerance=0, formats=_OPEN),
    "fal-ai/flux-2/edit": Endpoint(Decimal("0.012"), Decimal(1), image="many*", tolerance=0, formats=_OPEN),
    "fal-ai/flux-2/turbo": Endpoint(Decimal("0.008"), Decimal(1), tolerance=0, formats=_OPEN),
    "fal-ai/flux-2/klein/9b": Endpoint(Decimal("0.006"), Decimal(1), tolerance=0),
    "fal-ai/flux-pro/v1.1": Endpoint(Decimal("0.04")),
    "fal-ai/flux-pro/v1.1-ultra": Endpoint(Decimal("0.06"), by_ratio=True, area=4 * MEGAPIXEL, image="one"),
    "fal-ai/flux-pro/kontext": _kontext("0.04", "one*"),
    "fal-ai/flux-pro/kontext/multi": _kontext("0.04", "many*"),
    "fal-ai/flux-pro/kontext/max": _kontext("0.08", "one*"),
    "fal-ai/flux-pro/kontext/max/multi": _kontext("0.08", "many*"),
    "fal-ai/flux-pro/kontext/text-to-image": _kontext("0.04"),
    "fal-ai/flux/dev": Endpoint(Decimal("0.025"), Decimal(1), tolerance=0),
    "fal-ai/flux/schnell": Endpoint(Decimal("0.003"), Decimal(1), tolerance=0),
}
"""Prices of flux-2, turbo, klein and the further megapixels of max are ours."""


class Failed(Exception):
    """The request's own error: what its result answers."""

    def __init__(
        self, status: int, error_type: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error_type)
        self.status = status
        self.error_type = error_type
        self.body = body
        self.headers = dict(headers or {})


def invalid(kind: str, field: str, message: str, given: object = None, **context: Any) -> Failed:
    """A 422 as models write them; `input` repeats what was sent, as on the real thing."""
    detail = {
        "loc": ["body", field],
        "msg": message,
        "type": kind,
        "url": f"https://docs.fal.ai/errors#{kind}",
        "ctx": context,
        "input": given,
    }
    return Failed(422, kind, {"detail": [detail]})


def broken(status: int, error_type: str, message: str, **headers: str) -> Failed:
    """An error of the request rather than of the model."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Failed(
        status,
        error_type,
        {"detail": message, "error_type": error_type},
        {"x-fal-error-type": error_type, **named},
    )


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, understood and found acceptable."""

    prompt: str
    width: int
    height: int
    number: int
    seed: int | None
    media_type: str
    inline: bool


def read_ask(endpoint: Endpoint, body: Mapping[str, Any], file_exists: Callable[[str], bool]) -> Ask:
    """The request as understood. Raises Failed as the model would, once it runs."""
    body = {name: value for name, value in body.items() if value is not None}
    prompt = body.get("prompt")
    if prompt is None:
        raise invalid("missing", "prompt", "Field required", body)
    if not isinstance(prompt, str):
        raise invalid("string_type", "prompt", "Input should be a valid string", prompt)
    _others(body)
    width, height = _shape(endpoint, body)
    _references(endpoint, body, file_exists)
    tolerances = tuple(str(n) for n in range(1, endpoint.tolerance + 1))
    if tolerances:
        _one_of(body, "safety_tolerance", tolerances, "2")
    number = body.get("num_images", 1)
    if not endpoint.many_pictures:
        number = 1  # unknown keys are ignored here; on the real thing that is up to each model
    if isinstance(number, bool) or not isinstance(number, int):
        raise invalid("int_parsing", "num_images", "Input should be a valid integer", number)
    if not 1 <= number <= 4:
        kind = "greater_than_equal" if number < 1 else "less_than_equal"
        raise invalid(kind, "num_images", "Input should be between 1 and 4", number, le=4)
    seed = body.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise invalid("int_parsing", "seed", "Input should be a valid integer", seed)
    default = "png" if endpoint.formats == _OPEN else "jpeg"
    kind = _one_of(body, "output_format", endpoint.formats, default)
    return Ask(prompt, width, height, number, seed, f"image/{kind}", body.get("sync_mode") is True)


def _others(body: Mapping[str, Any]) -> None:
    for name, kind in OTHER_FIELDS.items():
        value = body.get(name)
        fits = isinstance(value, (int, float) if kind is float else kind)
        if value is not None and (not fits or (isinstance(value, bool) and kind is not bool)):
            raise invalid("value_error", name, f"Input should be a valid {kind.__name__}", value)


def _one_of(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name, default)
    if value not in allowed:
        choices = ", ".join(f"'{choice}'" for choice in allowed)
        raise invalid("literal_error", name, f"Input should be {choices}", value, expected=choices)
    return str(value)


def _shape(endpoint: Endpoint, body: Mapping[str, Any]) -> tuple[int, int]:
    if endpoint.by_ratio:
        wide, high = map(int, _one_of(body, "aspect_ratio", RATIOS, "1:1").split(":"))
        height = math.sqrt(endpoint.area * high / wide)
        return round(height * wide / high / 16) * 16, round(height / 16) * 16
    size = body.get("image_size", "landscape_4_3")
    if size == "auto" and endpoint.image:
        size = "square_hd"
    if isinstance(size, dict):
        sides = (size.get("width", 512), size.get("height", 512))
        for name, side in zip(("width", "height"), sides, strict=True):
            if isinstance(side, bool) or not isinstance(side, int):
                raise invalid("int_parsing", "image_size", f"{name} should be a valid integer", size)
            if not MIN_SIDE_PX <= side <= MAX_SIDE_PX:
                kind = "greater_than_equal" if side < MIN_SIDE_PX else "less_than_equal"
                raise invalid(kind, "image_size", f"{name} is out of bounds", size)
        return sides
    if not isinstance(size, str) or size not in PRESETS:
        raise invalid("literal_error", "image_size", f"Input should be one of {', '.join(PRESETS)}", size)
    return PRESETS[size]


def _references(endpoint: Endpoint, body: Mapping[str, Any], file_exists: Callable[[str], bool]) -> None:
    if not endpoint.image:
        return
    name = "image_url" if endpoint.image.startswith("one") else "image_urls"
    given = body.get(name)
    if given is None:
        if endpoint.image.endswith("*"):
            raise invalid("missing", name, "Field required")
        return
    urls = given if name == "image_urls" else [given]
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise invalid("string_type", name, "Input should be a valid string")
    if not 1 <= len(urls) <= 10:
        kind = "sequence_too_short" if not urls else "sequence_too_long"
        raise invalid(kind, name, "1 to 10 pictures are read")
    for url in urls:
        _check_reference(name, url, file_exists)


def _check_reference(name: str, url: str, file_exists: Callable[[str], bool]) -> None:
    if url.startswith("data:"):
        try:
            Image.open(BytesIO(base64.b64decode(url.partition(",")[2], validate=True))).verify()
        except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError):
            raise invalid("image_load_error", name, "Failed to load the image") from None
    elif not re.match(r"https?://", url) or not file_exists(url):
        raise invalid("file_download_error", name, "Failed to download the file")
