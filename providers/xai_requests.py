"""From our request to xAI's words, or the reason why it cannot be said. Pure.

Facts: docs.x.ai image generation, image editing and batch pages; field names and values as in the types of
the vendor's SDK 1.21.0; read in 2026-11. The vendor takes a shape (`aspect_ratio`) and a class of size
(`resolution`) instead of width and height.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.asking import card_for, kept_line, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Reference, Size
from providers.catalogue import ModelCard

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

GROUP = "images"
"""One file may hold lines for both endpoints (batch page), so every line can go with every other."""

REFERENCE_LIMIT = 10 * 1024 * 1024
"""Bytes of one reference picture (resellers; the vendor gives no figure)."""
REFERENCE_TYPES = ("image/png", "image/jpeg", "image/webp")

SHAPES: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "3:4": (896, 1280),
    "4:3": (1280, 896),
    "9:16": (768, 1408),
    "16:9": (1408, 768),
    "2:3": (864, 1296),
    "3:2": (1296, 864),
    "9:19.5": (576, 1248),
    "19.5:9": (1248, 576),
    "9:20": (576, 1280),
    "20:9": (1280, 576),
    "1:2": (704, 1408),
    "2:1": (1408, 704),
}
"""Pixels of each shape at "1k"; "2k" doubles both sides. The vendor only says "about 1 and 4 megapixels,
dimensions vary": the table is runware.ai's, which sells these models, read 2026-11-23. Left out: "auto"
(not a size), 21:9 and 5:2 (on the migration page, not in the SDK, pixels unknown), "1.5k" (priced, but
neither documented as a value nor in the SDK)."""

_SAID: Mapping[Size, tuple[str, str]] = {
    Size(width * times, height * times): (shape, resolution)
    for shape, (width, height) in SHAPES.items()
    for times, resolution in ((1, "1k"), (2, "2k"))
}


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line as the Batch API reads it. Raises Refused for what the model's card excludes.

    A seed is left out: the API has none. Live answers carry the bytes; batch results carry links.
    """
    card = card_for("xAI", request, lane, models, today)
    said = _SAID.get(request.size)
    if said is None:
        raise unsayable(f"{card.id} cannot make {request.size} pictures")
    shape, resolution = said
    body: dict[str, Any] = {
        "model": card.id,
        "prompt": request.prompt,
        "n": 1,
        "resolution": resolution,
        # A page of results holds up to 100 pictures: as links it stays small, and reading it again gives
        # fresh ones. A live answer is paid for when it comes, so nothing more should have to go well.
        "response_format": "url" if lane is Lane.BATCH else "b64_json",
    }
    quality = request.quality or card.default_quality
    if quality:
        body["quality"] = quality
    pictures = [{"url": _source(reference), "type": "image_url"} for reference in request.references]
    if len(pictures) == 1:
        body["image"] = pictures[0]  # the picture keeps its own shape; asking for one has no effect
    else:
        body["aspect_ratio"] = shape
    if len(pictures) > 1:
        body["images"] = pictures
    url = EDITS if pictures else GENERATIONS
    line = {"custom_id": request.key, "method": "POST", "url": url, "body": body}
    return EncodedLine(GROUP, kept_line(line))


def _source(reference: Reference) -> str:
    """The picture as an address. Bytes go as a data URL: xAI gives up on slow or private addresses."""
    if reference.content is not None:
        if reference.media_type not in REFERENCE_TYPES:
            raise unsayable(f"a reference picture may be PNG, JPEG or WebP, not {reference.media_type}")
        if len(reference.content) > REFERENCE_LIMIT:
            raise unsayable(
                f"a reference picture may have {REFERENCE_LIMIT:,} bytes, this one has "
                f"{len(reference.content):,}"
            )
        return f"data:{reference.media_type};base64,{base64.b64encode(reference.content).decode()}"
    if reference.url and reference.url.startswith(("https://", "data:image/")):
        return reference.url
    raise unsayable("a reference picture needs an https:// address or its bytes")
