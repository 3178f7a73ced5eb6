"""From our request to OpenAI's words, or the reason why it cannot be said. Pure.

Facts: reference of `POST /images/generations` and `/images/edits`, image guide, batch guide; read in 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.asking import card_for, kept_line, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Reference
from providers.catalogue import ModelCard

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

DATA_URL_LIMIT = 20_971_520
"""Longest `image_url`, in characters (specification, `EditImageBodyJsonParam`)."""
REFERENCE_TYPES = ("image/png", "image/jpeg", "image/webp")
BACKGROUNDS = ("auto", "opaque", "transparent")


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line as the Batch API reads it. Raises Refused for what the model's card excludes."""
    unknown = request.background not in (None, *BACKGROUNDS)
    words = f"has no background “{request.background}”, only {', '.join(BACKGROUNDS)}"
    card = card_for("OpenAI", request, lane, models, today, also=((unknown, words),))
    body: dict[str, Any] = {
        "model": card.id,
        "prompt": request.prompt,
        "size": str(request.size),
        "n": 1,
        "output_format": "png",
    }
    quality = request.quality or card.default_quality
    if quality:
        body["quality"] = quality
    if request.background:
        body["background"] = request.background
    if request.references:
        # A line of JSON cannot carry the multipart form of this endpoint: both lanes use the JSON form.
        body["images"] = [{"image_url": _image_url(reference)} for reference in request.references]
    group = EDITS if request.references else GENERATIONS
    line = {"custom_id": request.key, "method": "POST", "url": group, "body": body}
    return EncodedLine(group, kept_line(line))


def _image_url(reference: Reference) -> str:
    if reference.content is not None:
        if reference.media_type not in REFERENCE_TYPES:
            raise unsayable(f"a reference picture may be PNG, JPEG or WebP, not {reference.media_type}")
        url = f"data:{reference.media_type};base64,{base64.b64encode(reference.content).decode()}"
    elif reference.url and reference.url.startswith(("https://", "data:image/")):
        url = reference.url
    else:
        raise unsayable("a reference picture needs an https:// address or its bytes")
    if len(url) > DATA_URL_LIMIT:
        raise unsayable(
            f"a reference picture takes {len(url):,} characters, at most {DATA_URL_LIMIT:,} are read"
        )
    return url
