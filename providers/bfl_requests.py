"""From our request to Black Forest Labs' words, or the reason why it cannot be said. Pure.

Facts: the vendor's OpenAPI description of 2026-04-23; for `flux-3-image`, which is newer, its pages of
October 2026. Reference pictures go as plain base64 or as an address; there is no upload.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from providers.asking import card_for, kept_line, only_line, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Outgoing, Reference, Size
from providers.catalogue import ModelCard
from providers.wire.shapes import mapping, text

REFERENCE_TYPES = ("image/png", "image/jpeg", "image/webp")
REFERENCE_LIMIT = 20_000_000
"""Longest reference in base64, in characters (FLUX.3 page: 20 MB)."""

RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
"""Shapes between the 21:9 and 9:21 that Ultra and Kontext reach; they decide the pixels themselves."""
RATIOS_3 = (
    "21:9", "2:1", "16:9", "3:2", "7:5", "4:3", "5:4", "1:1",
    "4:5", "3:4", "5:7", "2:3", "9:16", "1:2", "9:21",
)  # fmt: skip
RESOLUTIONS: Mapping[str, int] = {"768sq": 768, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
"""What `flux-3-image` calls a picture by the side of the square of its area."""
RATIO_SLACK = Decimal("0.05")
AREA_SLACK = 0.15
"""How far a size may be from what is named: their sizes are rounded, by up to 4.1% in shape."""

Shape = Callable[[ModelCard, Size], dict[str, Any]]
References = Callable[[ModelCard, tuple[Reference, ...]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a group of models wants its shape and its references, and whether it knows seed and format."""

    shape: Shape
    references: References
    loose: bool = True
    """False: any other field is refused (`extra_forbidden`)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One line, read back."""

    key: str
    model: str
    body: Mapping[str, Any]


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line with the model and its input. Raises Refused for what the model's card excludes."""
    card = card_for("Black Forest Labs", request, lane, models, today)
    dialect = DIALECTS.get(card.id, _BY_PIXELS)
    body: dict[str, Any] = {"prompt": request.prompt, **dialect.shape(card, request.size)}
    if dialect.loose:
        if request.seed is not None:
            body["seed"] = request.seed
        body["output_format"] = "png"  # the master should lose nothing
    if request.references:
        body.update(dialect.references(card, request.references))
    return EncodedLine(card.id, kept_line({"key": request.key, "model": card.id, "input": body}))


def read_wish(outgoing: Outgoing) -> Wish:
    """The one line of a submission. Raises Refused for another number of lines."""
    line = only_line(outgoing, taker="Black Forest Labs", kept="the payload")
    return Wish(text(line.get("key")), text(line.get("model")) or outgoing.model, mapping(line.get("input")))


def _pixels(_: ModelCard, size: Size) -> dict[str, Any]:
    return {"width": size.width, "height": size.height}


def _ratio(card: ModelCard, size: Size) -> dict[str, Any]:
    return {"aspect_ratio": _nearest(card, size, RATIOS)}


def _ratio_and_resolution(card: ModelCard, size: Size) -> dict[str, Any]:
    side = size.pixels**0.5
    named = min(RESOLUTIONS, key=lambda name: abs(RESOLUTIONS[name] - side))
    if abs(RESOLUTIONS[named] / side - 1) > AREA_SLACK:
        raise unsayable(
            f"{card.id} knows the sizes {', '.join(RESOLUTIONS)}, and {size} is near none of them"
        )
    if named == "768sq" and size.width != size.height:
        raise unsayable(f"{card.id} makes only square pictures of that size, not {size}")
    return {"aspect_ratio": _nearest(card, size, RATIOS_3), "resolution": named}


def _nearest(card: ModelCard, size: Size, ratios: tuple[str, ...]) -> str:
    def off(ratio: str) -> Decimal:
        wide, high = ratio.split(":")
        return abs(Decimal(size.width) / size.height * int(high) / int(wide) - 1)

    nearest = min(ratios, key=off)
    if off(nearest) > RATIO_SLACK:
        raise unsayable(f"{card.id} knows the shapes {', '.join(ratios)}, and {size} is none of them")
    return nearest


def _numbered(_: ModelCard, references: tuple[Reference, ...]) -> dict[str, Any]:
    """`input_image`, then `input_image_2` and so on."""
    return {
        "input_image" + (f"_{place}" if place > 1 else ""): _picture(reference)
        for place, reference in enumerate(references, 1)
    }


def _listed(_: ModelCard, references: tuple[Reference, ...]) -> dict[str, Any]:
    return {"images": [_picture(reference) for reference in references]}


def _image_prompt(card: ModelCard, references: tuple[Reference, ...]) -> dict[str, Any]:
    if references[0].content is None:
        raise unsayable(f"{card.id} needs the bytes of its reference picture, not an address")
    return {"image_prompt": _picture(references[0])}


def _picture(reference: Reference) -> str:
    """Base64 without a prefix, the documented form, or the address."""
    if reference.content is not None:
        if reference.media_type not in REFERENCE_TYPES:
            raise unsayable(f"a reference picture may be PNG, JPEG or WebP, not {reference.media_type}")
        encoded = base64.b64encode(reference.content).decode()
    elif reference.url and reference.url.startswith("data:image/"):
        encoded = reference.url.partition(",")[2]
    elif reference.url and reference.url.startswith("https://"):
        return reference.url
    else:
        raise unsayable("a reference picture needs an https:// address or its bytes")
    if len(encoded) > REFERENCE_LIMIT:
        raise unsayable(
            f"a reference picture takes {len(encoded):,} characters, at most {REFERENCE_LIMIT:,} are read"
        )
    return encoded


_BY_PIXELS = Dialect(_pixels, _numbered)
DIALECTS: Mapping[str, Dialect] = {
    "flux-pro-1.1": Dialect(_pixels, _image_prompt),
    "flux-dev": Dialect(_pixels, _image_prompt),
    "flux-pro-1.1-ultra": Dialect(_ratio, _image_prompt),
    "flux-kontext-pro": Dialect(_ratio, _numbered),
    "flux-kontext-max": Dialect(_ratio, _numbered),
    "flux-3-image": Dialect(_ratio_and_resolution, _listed, loose=False),
}
"""The models that are not asked as FLUX.2 is, which every other model is taken for."""
