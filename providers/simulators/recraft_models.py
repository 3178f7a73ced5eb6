"""What Recraft's models accept, refuse and cost, in the simulator's rendering.

Facts are from recraft.ai/docs/api-reference (endpoints, appendix, pricing, models), its OpenAPI description
of 2026-08-22 and what others saw on the wire, read 2026-11-23. "Ours" marks what no public page gives.

**Words in a prompt that provoke something:**

- ``moderated`` or ``gore``: refused, always, in words of ours. ``[down]``: a 500, always.
- ``[flaky]``: a 500 the first time this prompt is seen. ``[timeout]``: a 408 likewise.
"""

from __future__ import annotations

import colorsys
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

RATIOS = (
    "1:1", "2:1", "1:2", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "6:10", "14:10", "10:14", "16:9", "9:16",
)  # fmt: skip
V4_SIZES: Mapping[str, tuple[int, int]] = dict(zip(RATIOS, (
    (1024, 1024), (1536, 768), (768, 1536), (1280, 832), (832, 1280), (1216, 896), (896, 1216), (1152, 896),
    (896, 1152), (832, 1344), (1280, 896), (896, 1280), (1344, 768), (768, 1344),
), strict=True))  # fmt: skip
PRO_SIZES: Mapping[str, tuple[int, int]] = {ratio: (2 * w, 2 * h) for ratio, (w, h) in V4_SIZES.items()}
V3_SIZES: Mapping[str, tuple[int, int]] = dict(zip(RATIOS, (
    (1024, 1024), (2048, 1024), (1024, 2048), (1536, 1024), (1024, 1536), (1365, 1024), (1024, 1365),
    (1280, 1024), (1024, 1280), (1024, 1707), (1434, 1024), (1024, 1434), (1820, 1024), (1024, 1820),
), strict=True))  # fmt: skip
"""Appendix: the size of each ratio, for V4 and V4.1, their Pro models, V2 and V3."""

V3_STYLES = ("any", "digital_illustration", "icon", "realistic_image", "vector_illustration", "logo_raster")
VECTOR_STYLES = ("vector_illustration", "icon")
MOST_PICTURES = 6
STYLE_UNITS = 5
UNITS_PER_USD = 1_000
LARGEST_SEED = 2**32 - 1

FIELDS = frozenset(
    {
        "prompt", "model", "n", "size", "response_format", "image_format", "random_seed", "style", "substyle",
        "style_id", "style_match", "negative_prompt", "controls", "text_layout", "creativity", "upscale",
        "block_nsfw", "calculate_features", "expire",
    }
)  # fmt: skip
"""What is taken; style references are not there."""


class Refused(Exception):
    """A call answered with an error: `{code, message}`, or plain text where the code is empty."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    return Refused(400, "invalid_request_parameter", message)


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the list of models."""

    name: str
    units: int
    vector: bool = False
    sizes: Mapping[str, tuple[int, int]] | None = None
    styles: str = "ids"
    """"ids": custom styles; "names": those and its own by name; "none"; "must": only with one."""
    prompt_limit: int = 10_000


def _family(stem: str, name: str, raster: int, vector: int, **more: Any) -> dict[str, Model]:
    return {
        stem: Model(name, raster, **more),
        f"{stem}_vector": Model(f"{name} Vector", vector, vector=True, **more),
    }


MODELS: Mapping[str, Model] = {
    **_family("recraftv4_1", "Recraft V4.1", 35, 80, sizes=V4_SIZES),
    **_family("recraftv4_1_pro", "Recraft V4.1 Pro", 210, 300, sizes=PRO_SIZES),
    **_family("recraftv4_1_utility", "Recraft V4.1 Utility", 35, 80, sizes=V4_SIZES),
    **_family("recraftv4_1_utility_pro", "Recraft V4.1 Utility Pro", 210, 300, sizes=PRO_SIZES),
    "recraftv4_1_flash": Model("Recraft V4.1 Flash", 7, sizes=V4_SIZES, styles="none"),
    **_family("recraftv4", "Recraft V4", 40, 80, sizes=V4_SIZES),
    **_family("recraftv4_pro", "Recraft V4 Pro", 250, 300, sizes=PRO_SIZES),
    **_family("recraftv4_styles", "Recraft V4 Styles", 35, 50, sizes=V4_SIZES, styles="must"),
    **_family("recraftv4_styles_pro", "Recraft V4 Styles Pro", 100, 120, sizes=PRO_SIZES, styles="must"),
    **_family("recraftv3", "Recraft V3", 40, 80, sizes=V3_SIZES, styles="names", prompt_limit=1_000),
    **_family("recraftv2", "Recraft V2", 22, 44, sizes=V3_SIZES, styles="names", prompt_limit=1_000),
}
"""Prices in units a picture (pricing page). Every raster model also answers to its name with `_raster`."""
DEFAULT_MODEL = "recraftv4_1"


@dataclass(frozen=True, slots=True)
class Ask:
    """One call for pictures, understood and found acceptable."""

    prompt: str
    name: str
    model: Model
    n: int
    width: int
    height: int
    b64: bool
    media_type: str
    seed: int | None

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


def read_ask(body: Mapping[str, Any], kind: str, styles: frozenset[str]) -> Ask:
    """The call as understood. `kind` is "", "raster" or "vector": the endpoint. Raises Refused."""
    for name in body.keys() - FIELDS:
        raise invalid(f"unknown parameter: {name}")
    body = {name: value for name, value in body.items() if value is not None}
    name = body.get("model", DEFAULT_MODEL)
    model = MODELS.get(name.removesuffix("_raster")) if isinstance(name, str) else None
    if model is None:
        raise Refused(400, "invalid_model", f"model {name} is not supported")
    if kind and (kind == "vector") != model.vector:
        raise Refused(400, "invalid_image_type", f"model {name} does not make {kind} images")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= model.prompt_limit:
        raise invalid(f"prompt length should be in [1, {model.prompt_limit}]")
    _check_style(body, model, styles)
    width, height = _size(body.get("size", "1:1"), model)
    image_format = _one_of(body, "image_format", ("webp", "png"))
    return Ask(
        prompt=prompt,
        name=name,
        model=model,
        n=_whole(body, "n", 1, MOST_PICTURES) or 1,
        width=width,
        height=height,
        b64=_one_of(body, "response_format", ("url", "b64_json")) == "b64_json",
        media_type="image/svg+xml" if model.vector else f"image/{image_format}",
        seed=_whole(body, "random_seed", 0, LARGEST_SEED),
    )


def _one_of(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """The first choice is the default."""
    value = body.get(name, choices[0])
    if value not in choices:
        raise invalid(f"{name} should be one of {', '.join(choices)}")
    return str(value)


def _whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(f"{name} should be in [{low}, {high}]")
    return value


def _size(size: object, model: Model) -> tuple[int, int]:
    sizes = model.sizes or {}
    if isinstance(size, str):
        if size in sizes:
            return sizes[size]
        made = tuple(int(side) for side in size.split("x")) if re.fullmatch(r"\d{1,5}x\d{1,5}", size) else ()
        if made in sizes.values() and not model.vector:
            return made[0], made[1]
    raise invalid(f"size {size} is not supported by the model")


def _check_style(body: Mapping[str, Any], model: Model, styles: frozenset[str]) -> None:
    name, known = body.get("style"), body.get("style_id")
    if name is not None and known is not None:
        raise invalid("style and style_id are mutually exclusive")
    if (name is not None or known is not None) and model.styles == "none":
        raise invalid("styles are not supported by the model")
    if name is None and known is None and model.styles == "must":
        raise invalid("the model needs a style_id")
    if known is not None and known not in styles:
        raise invalid("style not found")
    if name is None:
        return
    if model.styles != "names" or name not in V3_STYLES:
        raise invalid(f"style '{name}' is not supported by the model")
    if model.vector and name not in VECTOR_STYLES:
        raise invalid(f"Style '{name}' is not a vector style")


def drawing(prompt: str, width: int, height: int, seed: int) -> bytes:
    """A vector picture of soft shapes, always the same for the same words and seed."""
    dice = random.Random(f"{prompt}|{seed}".encode("utf-8", "replace"))  # taste, not secrets
    hue = dice.random() * 360
    shapes = [_shape(dice, width, height, hue) for _ in range(dice.randint(5, 9))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><rect width="{width}" height="{height}" '
        f"fill={quoteattr(_colour(hue, 40, 93))}/>{''.join(shapes)}</svg>"
    ).encode()


def _shape(dice: random.Random, width: int, height: int, hue: float) -> str:
    colour = _colour(hue + dice.choice((0, 0, 30, 180)), dice.uniform(45, 80), dice.uniform(35, 70))
    x, y = dice.uniform(0.2, 0.8) * width, dice.uniform(0.2, 0.8) * height
    size = dice.uniform(0.08, 0.28) * min(width, height)
    if dice.random() < 0.4:
        return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{size:.0f}" fill="{colour}"/>'
    points = [(x + dice.uniform(-1, 1) * size, y + dice.uniform(-1, 1) * size) for _ in range(6)]
    (a, b), (c, d), (e, f), (g, h), (i, j), (k, m) = points
    return (
        f'<path d="M{a:.0f} {b:.0f}C{c:.0f} {d:.0f} {e:.0f} {f:.0f} {g:.0f} {h:.0f}'
        f'S{i:.0f} {j:.0f} {k:.0f} {m:.0f}Z" fill="{colour}"/>'
    )


def _colour(hue: float, saturation: float, lightness: float) -> str:
    """`#rrggbb`: not every reader of SVG knows `hsl()`."""
    parts = colorsys.hls_to_rgb(hue % 360 / 360, lightness / 100, saturation / 100)
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
