"""From our request to Gemini's words, or the reason why it cannot be said. Pure.

Facts: v1beta discovery document of 2026-08-22 (`GenerateContentRequest`, `ImageConfig`, `ThinkingConfig`),
ai.google.dev image generation and file input pages; read in 2026-11.

The vendor takes no width and height but a shape (`aspectRatio`) and a class of size (`imageSize`), and gives
a picture of fixed pixels for each pair. `shape_of` knows all pairs with published pixels; which of them a
model makes is in its card.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from providers.asking import Checks, card_for, kept_line, unsayable
from providers.base import EncodedLine, ImageRequest, Lane, Reference, Size
from providers.catalogue import ModelCard

GROUP = "generateContent"
"""Every request is one of these; lines that share a submission need the same model only."""

REFERENCE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
}
"""Pictures the models read, by the ending of an address (page "image understanding")."""

OPAQUE = ("auto", "opaque")
"""Backgrounds that need no saying: there is no other."""

SEED_LIMIT = 2**31
"""`seed` is an int32."""

_ONE_K: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
"""Pixels at 1K since Gemini 3; the other classes are exact multiples (image generation page, table of 3 Pro
and 3.1 Flash). The last four shapes are those of 3.1 Flash alone."""
_CLASSES: Mapping[str, int] = {"512": 1, "1K": 2, "2K": 4, "4K": 8}
"""Halves of the 1K size."""
_GEMINI_2_5: Mapping[str, tuple[int, int]] = {
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
"""Pixels of Gemini 2.5 Flash Image, which has one class of size and rejects the word for it."""

DEFAULT_CLASS = "1K"
"""What is made where `imageSize` is absent (discovery document)."""

_SHAPES: Mapping[Size, tuple[str, str]] = {
    **{Size(*pixels): (shape, DEFAULT_CLASS) for shape, pixels in _GEMINI_2_5.items()},
    **{
        Size(width * halves // 2, height * halves // 2): (shape, name)
        for name, halves in _CLASSES.items()
        for shape, (width, height) in _ONE_K.items()
    },
}


def shape_of(size: Size) -> tuple[str, str] | None:
    """The `aspectRatio` and `imageSize` that make pictures of exactly this size; None: no pair does."""
    return _SHAPES.get(size)


def encode(request: ImageRequest, lane: Lane, models: Mapping[str, ModelCard], today: date) -> EncodedLine:
    """One line as the Batch API reads it. Raises Refused for what the model's card excludes."""
    card = card_for("Gemini", request, lane, models, today, also=_excluded(request))
    parts: list[dict[str, Any]] = [{"text": request.prompt}]
    parts += [_part(reference) for reference in request.references]
    config: dict[str, Any] = {"responseModalities": ["IMAGE"], "imageConfig": _image_config(request, card)}
    level = request.quality or card.default_quality
    if level:
        # The vendor has no quality. What its cards list under it are thinking levels: they cost and improve.
        config["thinkingConfig"] = {"thinkingLevel": level.upper()}
    if request.seed is not None:
        config["seed"] = request.seed
    line = {
        "key": request.key,  # first, so that it can be read without the rest
        "request": {"contents": [{"role": "user", "parts": parts}], "generationConfig": config},
    }
    return EncodedLine(GROUP, kept_line(line))


def _excluded(request: ImageRequest) -> Checks:
    """What no model of the vendor's can be asked for."""
    seed = request.seed or 0
    return (
        (shape_of(request.size) is None, f"cannot make {request.size} pictures"),
        (request.background not in (None, *OPAQUE), f"cannot make a background “{request.background}”"),
        (not -SEED_LIMIT <= seed < SEED_LIMIT, f"takes seeds below {SEED_LIMIT:,}, not {seed:,}"),
    )


def _image_config(request: ImageRequest, card: ModelCard) -> dict[str, str]:
    said = shape_of(request.size)
    assert said is not None, "checked in _excluded"
    shape, size_class = said
    classes = {pair[1] for pair in map(shape_of, card.sizes) if pair}
    # Models with one class reject the word, or need none: it is said where there is a choice.
    return {"aspectRatio": shape, "imageSize": size_class} if len(classes) > 1 else {"aspectRatio": shape}


def _part(reference: Reference) -> dict[str, Any]:
    """A reference picture as part of the request: its bytes, or an https address the vendor reads itself.

    Addresses outside the vendor's own file store are read since 2026-01, in batches as well (page "file
    input methods").
    """
    if reference.content is not None:
        if reference.media_type not in REFERENCE_TYPES.values():
            raise unsayable(f"a reference picture may be PNG, JPEG, WebP or HEIC, not {reference.media_type}")
        data = base64.b64encode(reference.content).decode()
        return {"inlineData": {"mimeType": reference.media_type, "data": data}}
    if not reference.url or not reference.url.startswith("https://"):
        raise unsayable("a reference picture needs an https:// address or its bytes")
    file = {"fileUri": reference.url}
    try:
        path = urlsplit(reference.url).path
    except ValueError:
        raise unsayable("a reference picture has an address that cannot be read") from None
    # With an address `media_type` is only a default: the ending says more, and without one the vendor looks.
    known = REFERENCE_TYPES.get(PurePosixPath(path).suffix.lower())
    return {"fileData": {"mimeType": known, **file} if known else file}
