"""One master to the files the channels take, each within its limit of bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from PIL import Image, ImageChops

from bot.imaging.pictures import NotAPicture, has_alpha
from bot.imaging.presets import EXTENSIONS, Delivery
from bot.imaging.quality import GROUND_SHARE, ground_share
from bot.imaging.renditions import MEDIA_TYPES, RenderPolicy, Rendition, encode, fitted
from bot.imaging.vector import MAX_SIDE_PX as VECTOR_MOST_PX
from bot.imaging.vector import is_vector, rasterise
from providers.base import Size

__all__ = ["CannotDeliver", "Delivered", "NotAPicture", "deliver"]

_SHRINK: Final = 0.85
"""How much shorter each side becomes at a time where the cap cannot be met otherwise, at most."""
_PURE: Final = 2
"""Levels of 256 that rounding and the encoder may be off pure white."""
_NEAR_WHITE: Final = 12
"""Levels of 256 below white that still count as white when the product is looked for."""


class CannotDeliver(ValueError):
    """The picture cannot be made as the preset wants it; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class Delivered(Rendition):
    """A file for one channel."""

    preset: str = ""
    extension: str = "jpg"
    quality: int | None = None
    """What was needed to stay within the cap; None for PNG."""


def deliver(master: bytes, delivery: Delivery, *, disclosure: bool = True) -> Delivered:
    """The master as the preset wants it: upright, sRGB, without private data, labelled as renditions are.

    With a cap on bytes: the highest quality that stays within it, then smaller sides where the preset allows.
    A drawing (SVG) is rasterised. Raises NotAPicture for a master that cannot be used, and CannotDeliver for
    a cap that cannot be met.
    """
    if is_vector(master):
        side = 2 * max(delivery.size.width, delivery.size.height)
        master = rasterise(master, min(side, VECTOR_MOST_PX))
    policy = RenderPolicy(
        format=delivery.format,
        quality=delivery.quality,
        fit=delivery.fit,
        focus=delivery.focus,
        background=delivery.background,
        disclosure=disclosure,
    )
    size = delivery.size
    while True:
        image, notes = fitted(master, size, policy)
        content, quality = _best(image, policy, delivery, master)
        if delivery.max_bytes is None or len(content) <= delivery.max_bytes:
            break
        size = _smaller(size, delivery, len(content))
    if size != delivery.size:
        notes += (f"Made {size} instead of {delivery.size} to stay under {_kb(delivery.max_bytes or 0)}.",)
    return Delivered(
        content,
        MEDIA_TYPES[delivery.format],
        image.width,
        image.height,
        (*notes, *_channel_notes(image, delivery)),
        preset=delivery.name,
        extension=EXTENSIONS[delivery.format],
        quality=quality,
    )


def _best(
    image: Image.Image, policy: RenderPolicy, delivery: Delivery, master: bytes
) -> tuple[bytes, int | None]:
    """The file of the highest quality within the cap, found by bisection (7 encodings at most), and that
    quality; where none is, the one of the least quality.
    """
    content = encode(image, policy, master)
    if delivery.format == "png":
        return content, None
    if delivery.max_bytes is None or len(content) <= delivery.max_bytes:
        return content, policy.quality
    low, high = delivery.least_quality, delivery.quality - 1
    found = encode(image, replace(policy, quality=low), master), low
    while low < high and len(found[0]) <= delivery.max_bytes:
        middle = (low + high + 1) // 2
        content = encode(image, replace(policy, quality=middle), master)
        if len(content) <= delivery.max_bytes:
            found, low = (content, middle), middle
        else:
            high = middle - 1
    return found


def _smaller(size: Size, delivery: Delivery, made: int) -> Size:
    """The next size to try after one whose file was too big. Raises CannotDeliver."""
    assert delivery.max_bytes is not None
    least = delivery.smallest or delivery.size
    scale = least.width / delivery.size.width
    if size.width <= round(delivery.size.width * scale):
        how = "" if delivery.format == "png" else f" at quality {delivery.least_quality}"
        raise CannotDeliver(
            f"{delivery.name}: {size} px{how} still has {_kb(made)}, and {_kb(delivery.max_bytes)} are "
            "allowed. Allow more bytes or a smaller picture, or choose another format."
        )
    # Bytes go with the pixels, about; a little further, so that few tries are needed.
    shrunk = max(
        scale, min(_SHRINK, 0.95 * sqrt(delivery.max_bytes / made)) * size.width / delivery.size.width
    )
    return Size(max(1, round(delivery.size.width * shrunk)), max(1, round(delivery.size.height * shrunk)))


def _channel_notes(image: Image.Image, delivery: Delivery) -> list[str]:
    """What the channel wants and only the picture itself can give, as sentences."""
    if not (delivery.white_border or delivery.fill):
        return []
    small = image.copy()
    small.thumbnail((512, 512), Image.Resampling.BOX)
    small = small.convert("RGBA" if has_alpha(small) else "RGB")
    notes = []
    white = ground_share(small, "#ffffff", delta=_PURE)
    if delivery.white_border and white < GROUND_SHARE:
        notes.append(
            f"{delivery.name} wants a pure white ground; only {white:.0%} of this picture's border is. "
            "Ask for “on a pure white background” in the prompt."
        )
    elif delivery.fill and (filled := _filled(small)) < delivery.fill:
        notes.append(
            f"{delivery.name} wants the product to fill {delivery.fill:.0%} of the frame; "
            f"it fills {filled:.0%}."
        )
    return notes


def _filled(image: Image.Image) -> float:
    """How much of the frame's longer side the product takes, where the ground is white."""
    flat = image.convert("RGB")
    dark = ImageChops.difference(flat, Image.new("RGB", flat.size, "#ffffff")).convert("L")
    box = dark.point(lambda level: 255 if level > _NEAR_WHITE else 0).getbbox()
    if box is None:
        return 0.0
    return max((box[2] - box[0]) / flat.width, (box[3] - box[1]) / flat.height)


def _kb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size / 1000:.0f} kB"
