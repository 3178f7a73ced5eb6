"""From our request to fal's words, or the reason why it cannot be said. Pure.

Facts: the input types of fal's 33 image endpoints as its JavaScript client 1.10.1 carries them (read
2026-11-23). On fal a model is a family of endpoints: one for words alone, others for words and pictures.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from providers.asking import card_for, kept_line, only_line, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Outgoing, Reference, Size
from providers.catalogue import ModelCard
from providers.wire.shapes import mapping, text

REFERENCE_TYPES = ("image/png", "image/jpeg", "image/webp")
REFERENCE_BYTES = 20_000_000
"""Largest reference picture sent. fal names no limit; FLUX itself reads pictures up to 20 MB."""

RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
"""The shapes the Kontext and Ultra endpoints know; they decide the pixels themselves."""
RATIO_SLACK = Decimal("0.05")
"""How far a size may be from a shape to count as that shape: their own 16:9 is 1392x752, 4.1% off."""

_SEED_BITS = 31
"""Seeds are numbers of JavaScript there; this many bits are safe everywhere."""


@dataclass(frozen=True, slots=True)
class Family:
    """The endpoints of one model, by what the request carries."""

    words: str | None
    """The endpoint for a prompt alone; None where a picture is required."""
    one: str | None = None
    """For exactly one reference, in `image_url`."""
    many: str | None = None
    """For references in `image_urls`; also for one where `one` is None."""
    by_ratio: bool = False
    """It takes an aspect ratio and no size in pixels."""


FAMILIES: Mapping[str, Family] = {
    "fal-ai/flux-2-pro": Family("fal-ai/flux-2-pro", many="fal-ai/flux-2-pro/edit"),
    "fal-ai/flux-2-max": Family("fal-ai/flux-2-max", many="fal-ai/flux-2-max/edit"),
    "fal-ai/flux-2-flex": Family("fal-ai/flux-2-flex", many="fal-ai/flux-2-flex/edit"),
    "fal-ai/flux-2": Family("fal-ai/flux-2", many="fal-ai/flux-2/edit"),
    "fal-ai/flux-pro/v1.1-ultra": Family(
        "fal-ai/flux-pro/v1.1-ultra", one="fal-ai/flux-pro/v1.1-ultra", by_ratio=True
    ),
    "fal-ai/flux-pro/kontext": Family(
        "fal-ai/flux-pro/kontext/text-to-image",
        one="fal-ai/flux-pro/kontext",
        many="fal-ai/flux-pro/kontext/multi",
        by_ratio=True,
    ),
    "fal-ai/flux-pro/kontext/max": Family(
        None,
        one="fal-ai/flux-pro/kontext/max",
        many="fal-ai/flux-pro/kontext/max/multi",
        by_ratio=True,
    ),
}
"""The models that are more than one endpoint with a size in pixels, which every other model is taken for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One line, read back."""

    key: str
    endpoint: str
    body: Mapping[str, Any]


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line with the endpoint and its input. Raises Refused for what the model's card excludes."""
    card = card_for("fal", request, lane, models, today)
    family = FAMILIES.get(card.id) or Family(card.id)
    body: dict[str, Any] = {"prompt": request.prompt}
    if family.by_ratio:
        body["aspect_ratio"] = _ratio(card, request.size)
    else:
        body["image_size"] = {"width": request.size.width, "height": request.size.height}
    if request.seed is not None:
        body["seed"] = request.seed
    body["output_format"] = "png"  # every endpoint of the catalogue knows it; the master should lose nothing
    endpoint = family.words
    if request.references:
        urls = [_image_url(reference) for reference in request.references]
        if family.one and len(urls) == 1:
            endpoint, body["image_url"] = family.one, urls[0]
        else:
            endpoint, body["image_urls"] = family.many, urls
    if endpoint is None:
        needed = "needs a reference picture" if family.words is None else "takes one reference picture"
        raise unsayable(f"{card.id} {needed}")
    return EncodedLine(endpoint, kept_line({"key": request.key, "endpoint": endpoint, "input": body}))


def read_wish(outgoing: Outgoing) -> Wish:
    """The one line of a submission, with its seed. Raises Refused for another number of lines.

    A request without a seed gets one made from the submission's tag: it is the only mark fal is sure to
    keep, so it is what an orphan is known by (see `Fal.find`). A seed that was asked for stays.
    """
    line = only_line(outgoing, taker="fal", kept="the payload")
    body = {"seed": seed_of(outgoing.tag), **mapping(line.get("input"))}
    return Wish(text(line.get("key")), text(line.get("endpoint")) or outgoing.group, body)


def seed_of(tag: str) -> int:
    """A seed no other submission is likely to have: the first 31 bits of the tag's SHA-256."""
    digest = hashlib.sha256(tag.encode()).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - _SEED_BITS)


def _ratio(card: ModelCard, size: Size) -> str:
    def off(ratio: str) -> Decimal:
        wide, high = ratio.split(":")
        return abs(Decimal(size.width) / size.height * int(high) / int(wide) - 1)

    nearest = min(RATIOS, key=off)
    if off(nearest) > RATIO_SLACK:
        raise unsayable(f"{card.id} knows the shapes {', '.join(RATIOS)}, and {size} is none of them")
    return nearest


def _image_url(reference: Reference) -> str:
    """The address, or the bytes as a data URL; `Uploads` turns those into addresses before they are sent."""
    if reference.content is not None:
        if reference.media_type not in REFERENCE_TYPES:
            raise unsayable(f"a reference picture may be PNG, JPEG or WebP, not {reference.media_type}")
        if len(reference.content) > REFERENCE_BYTES:
            raise unsayable(
                f"a reference picture has {len(reference.content):,} bytes, at most {REFERENCE_BYTES:,} fit"
            )
        return f"data:{reference.media_type};base64,{base64.b64encode(reference.content).decode()}"
    if reference.url and reference.url.startswith(("https://", "data:image/")):
        return reference.url
    raise unsayable("a reference picture needs an https:// address or its bytes")
