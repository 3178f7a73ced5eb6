"""From our request to Recraft's words, or the reason why it cannot be said. Pure.

Facts: recraft.ai/docs/api-reference (endpoints, appendix, models), read in 2026-11, and its OpenAPI
description of 2026-08-22. One endpoint makes both kinds; vector models take shapes instead of sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from providers import at_once
from providers.asking import card_for, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Size
from providers.catalogue import ModelCard

GENERATIONS = "/images/generations"
"""Below the base URL."""

SHAPES = (
    "1:1", "2:1", "1:2", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "6:10", "14:10", "10:14", "16:9", "9:16",
)  # fmt: skip
"""The aspect ratios every model knows (appendix)."""
SHAPE_TOLERANCE = 0.01
"""How far a size may be from a shape; whole pixels cannot meet every ratio."""

BACKGROUNDS = (None, "auto", "opaque")
"""What pictures have anyway; nothing is sent for it."""
LARGEST_SEED = 2**32 - 1

STYLE_MARK = ":"
"""In a card's id it divides Recraft's model from a style: `recraftv3:digital_illustration`."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """The body of one call. Raises Refused for what the model's card excludes or Recraft has no word for."""
    card = card_for("Recraft", request, lane, models, today)
    if request.background not in BACKGROUNDS:
        raise unsayable(f"Recraft has no background “{request.background}”; say it in the prompt")
    if request.seed is not None and not 0 <= request.seed <= LARGEST_SEED:
        raise unsayable(f"a seed for Recraft is a number from 0 to {LARGEST_SEED}, not {request.seed}")
    model, _, style = card.id.partition(STYLE_MARK)
    body: dict[str, Any] = {
        "model": model,
        "prompt": request.prompt,
        "n": 1,
        "size": shape(request.size) if card.vector else str(request.size),
        # The bytes come with the answer: an address would die after a day, and the picture is paid for.
        "response_format": "b64_json",
    }
    if not card.vector:
        body["image_format"] = "png"  # the other choice is WebP, which would be compressed twice
    if request.seed is not None:
        body["random_seed"] = request.seed
    if style:
        body["style_id" if _UUID.fullmatch(style) else "style"] = style
    return EncodedLine(GENERATIONS, at_once.line(request.key, body))


def shape(size: Size) -> str:
    """The aspect ratio of a size, as Recraft writes it. Raises Refused for one it does not know."""
    nearest = min(SHAPES, key=lambda name: abs(size.ratio / _ratio(name) - 1))
    if abs(size.ratio / _ratio(nearest) - 1) > SHAPE_TOLERANCE:
        raise unsayable(f"Recraft has no shape for {size}; it knows {', '.join(SHAPES)}")
    return nearest


def _ratio(name: str) -> float:
    width, _, height = name.partition(":")
    return int(width) / int(height)
