"""From our request to OpenAI's words, or the reason why it cannot be said. Pure.

Facts: reference of `POST /images/generations` and `/images/edits`, image guide, batch guide; read in 2026-11.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.base import (
    Billed,
    EncodedLine,
    Failure,
    FailureKind,
    ImageRequest,
    Lane,
    Reference,
    Refused,
    Size,
)
from providers.catalogue import ModelCard
from providers.wire import jsonl
from providers.wire.errors import redact

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

DATA_URL_LIMIT = 20_971_520
"""Longest `image_url`, in characters (specification, `EditImageBodyJsonParam`)."""
REFERENCE_TYPES = ("image/png", "image/jpeg", "image/webp")
BACKGROUNDS = ("auto", "opaque", "transparent")


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line as the Batch API reads it. Raises Refused for what the model's card excludes."""
    card = _card(request, lane, models, today)
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
    try:
        return EncodedLine(group, jsonl.encode(line))
    except ValueError:
        raise unsayable("the prompt holds characters that are not Unicode text") from None


def unsayable(words: str, code: str = "") -> Refused:
    """The error for a request that cannot be put to the vendor."""
    return Refused(Failure(FailureKind.MALFORMED_REQUEST, code, redact(words), Billed.NO))


def _card(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> ModelCard:
    """The model's card, once nothing in the request goes against it."""
    card = models.get(request.model)
    if card is None:
        raise unsayable(f"OpenAI has no model “{request.model}”", "model_not_found")
    if card.retired(today):
        instead = f"; use {card.successor}" if card.successor else ""
        raise unsayable(f"{card.id} was shut down on {card.shutdown}{instead}", "model_not_found")
    problem = _problem(request, lane, card)
    if problem:
        raise unsayable(f"{card.id} {problem}")
    return card


def _problem(request: ImageRequest, lane: Lane, card: ModelCard) -> str | None:
    """What this model cannot be asked for, as the rest of a sentence; None when all is well."""
    references = len(request.references)
    checks = (
        (lane not in card.lanes, f"does not work in the {lane.value} lane"),
        (not request.prompt.strip(), "needs a prompt, and this one is empty"),
        (
            len(request.prompt) > card.prompt_limit,
            f"reads at most {card.prompt_limit:,} characters, the prompt has {len(request.prompt):,}",
        ),
        (not _makes(card, request.size), f"cannot make {request.size} pictures"),
        (
            request.quality is not None and request.quality not in card.qualities,
            f"has no quality “{request.quality}”, only {', '.join(card.qualities) or 'its own'}",
        ),
        (
            request.background not in (None, *BACKGROUNDS),
            f"has no background “{request.background}”, only {', '.join(BACKGROUNDS)}",
        ),
        (
            request.background == "transparent" and not card.transparency,
            "cannot make a transparent background",
        ),
        (
            references > card.references,
            f"takes at most {card.references} reference pictures, not {references}",
        ),
    )
    return next((words for wrong, words in checks if wrong), None)


def _makes(card: ModelCard, size: Size) -> bool:
    return size in card.sizes or (card.size_rule is not None and card.size_rule.allows(size))


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
