"""A web-ready picture made from a master, with private data out and the label of its origin in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageColor
from PIL.PngImagePlugin import PngInfo

from bot.imaging.colour import to_srgb
from bot.imaging.disclosure import has_c2pa, read_disclosure, term_for, xmp_packet
from bot.imaging.focus import CENTRE, Point, crop_box, focal_point
from bot.imaging.pictures import MAX_PIXELS, NotAPicture, has_alpha, open_picture
from providers.base import Size

__all__ = ["Fit", "Format", "NotAPicture", "RenderPolicy", "Rendition", "has_c2pa", "render"]

Format = Literal["webp", "jpeg", "png"]
Fit = Literal["cover", "contain", "inside", "stretch"]

MAX_SIDE_PX: Final[dict[Format, int]] = {"webp": 16_383, "jpeg": 65_500, "png": 100_000}
"""Longest side a format can hold (WebP: 14 bits; JPEG: libjpeg's own limit; PNG: no real limit)."""

MEDIA_TYPES: Final[dict[Format, str]] = {"webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png"}

_REDUCING_GAP: Final = 3.0
"""Pillow may halve a picture cheaply until it is three times the target, then resizes well: no
visible difference, and quicker from about a sixth of the size down."""


@dataclass(frozen=True, slots=True)
class RenderPolicy:
    """How masters become renditions."""

    format: Format = "webp"
    quality: int = 82
    """1 to 100, for WebP and JPEG."""
    method: int = 4
    """WebP's effort, 0 to 6. Measured: 2 makes half as many pictures again per second for 3% more bytes,
    6 saves 6% of the bytes at two thirds of the speed; 3 gains nothing over 4."""
    fit: Fit = "cover"
    """When the master's shape differs from the size asked: `cover` crops around `focus`, `contain`
    pads with `background`, `inside` keeps the shape within the size and never enlarges, `stretch`
    distorts."""
    focus: Point | Literal["auto"] = CENTRE
    """What `cover` keeps in the middle as far as the edges allow: a point, or the centre of interest."""
    background: str = "white"
    """A CSS colour, `#rrggbb` or `#rrggbbaa`: padding for `contain`, and what see-through parts of a
    JPEG are filled with."""
    disclosure: bool = True
    """Write the IPTC label "made by a trained model" into the file."""
    max_pixels: int = MAX_PIXELS
    """Masters with more pixels are refused before they are decoded."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; use 1 to 100")
        if not 0 <= self.method <= 6:
            raise ValueError(f"method is {self.method}; use 0 to 6")
        if self.focus != "auto" and not all(0 <= part <= 1 for part in self.focus):
            raise ValueError(f"focus is {self.focus}; both parts are from 0 to 1")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels is {self.max_pixels}; use at least 1")
        ImageColor.getrgb(self.background)  # raises ValueError for a colour it does not know


@dataclass(frozen=True, slots=True)
class Rendition:
    """A finished file and what it is."""

    content: bytes
    media_type: str
    width: int
    height: int
    notes: tuple[str, ...] = ()
    """What was done to the picture that a person may want to know, as sentences."""


def render(master: bytes, size: Size | None = None, policy: RenderPolicy | None = None) -> Rendition:
    """The master as a web-ready file of the size asked, or of its own size.

    Upright, in sRGB, without EXIF, GPS, text, comments or profile; labelled unless the policy says
    otherwise. Safe to call from many threads. Raises NotAPicture for a master that cannot be used, and
    ValueError for a size the format cannot hold.
    """
    policy = policy or RenderPolicy()
    image, notes = fitted(master, size, policy)
    content = encode(image, policy, master)
    return Rendition(content, MEDIA_TYPES[policy.format], image.width, image.height, notes)


def fitted(master: bytes, size: Size | None, policy: RenderPolicy) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture as `render` would encode it, and its notes; for who encodes it more than once."""
    _check_target(size, policy)
    image = open_picture(
        master, max_pixels=policy.max_pixels, at_least=(size.width, size.height) if size else None
    )
    profile = image.info.get("icc_profile")
    notes: list[str] = []
    image = _resized(image, size, policy, notes)
    image, colour_note = to_srgb(image, profile)
    image = _on_background(image, size, policy, notes)
    notes.append(colour_note)
    notes.append(_mark_note(master, policy))
    return image, tuple(note for note in notes if note)


def _check_target(size: Size | None, policy: RenderPolicy) -> None:
    if size is None:
        return
    limit = MAX_SIDE_PX[policy.format]
    if max(size.width, size.height) > limit:
        raise ValueError(f"{size} is too big: a side of {policy.format} is at most {limit} px")
    if size.pixels > policy.max_pixels:
        raise ValueError(f"{size} is {size.pixels} pixels; at most {policy.max_pixels} are made")


def _resized(image: Image.Image, size: Size | None, policy: RenderPolicy, notes: list[str]) -> Image.Image:
    """The picture scaled (and for `cover`, cropped); `contain` is padded later, in sRGB."""
    if size is None:
        limit = MAX_SIDE_PX[policy.format]
        if max(image.size) <= limit:
            return image
        notes.append(
            f"Shrunk from {image.width}x{image.height}: a {policy.format} side is at most {limit} px."
        )
        return _scaled(image, _within(image.size, (limit, limit)))
    box = None
    target = (size.width, size.height)
    match policy.fit:
        case "cover":
            point = focal_point(image) if policy.focus == "auto" else policy.focus
            box = crop_box(image.size, target, point)
        case "contain":
            target = _within(image.size, target)
        case "inside":
            if size.covers(Size(*image.size)):
                return image
            target = _within(image.size, target)
        case "stretch":
            pass
    from_width = box[2] - box[0] if box else image.width
    from_height = box[3] - box[1] if box else image.height
    scale = max(target[0] / from_width, target[1] / from_height)
    if scale > 1.005:
        notes.append(f"Enlarged {scale:.2f} times from {image.width}x{image.height}.")
    return _scaled(image, target, box)


def _scaled(
    image: Image.Image, target: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    if target == image.size and (box is None or box == (0, 0, *image.size)):
        return image
    # Pillow multiplies alpha in and out by itself, so see-through edges get no dark rim.
    return image.resize(target, Image.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)


def _within(of: tuple[int, int], bounds: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape inside the bounds, at least 1x1."""
    scale = min(bounds[0] / of[0], bounds[1] / of[1])
    return max(1, min(bounds[0], round(of[0] * scale))), max(1, min(bounds[1], round(of[1] * scale)))


def _on_background(
    image: Image.Image, size: Size | None, policy: RenderPolicy, notes: list[str]
) -> Image.Image:
    """The picture padded to the size for `contain`, and without alpha for JPEG."""
    keep_alpha = policy.format != "jpeg"
    colour = ImageColor.getcolor(policy.background, "RGBA")
    assert isinstance(colour, tuple)
    if has_alpha(image) and not keep_alpha:
        notes.append(f"See-through parts were filled with {policy.background}: JPEG cannot hold them.")
    pads = policy.fit == "contain" and size is not None and image.size != (size.width, size.height)
    if not pads and (keep_alpha or not has_alpha(image)):
        return image
    canvas_size = (size.width, size.height) if pads and size is not None else image.size
    picture = image.convert("RGBA") if has_alpha(image) else image.convert("RGB")
    place = ((canvas_size[0] - image.width) // 2, (canvas_size[1] - image.height) // 2)
    if keep_alpha and (colour[3] < 255 or has_alpha(image)):
        canvas = Image.new("RGBA", canvas_size, colour)
        canvas.paste(picture, place)  # see-through parts stay see-through, the margin gets the colour
        return canvas
    canvas = Image.new("RGB", canvas_size, colour[:3])
    canvas.paste(picture, place, picture if has_alpha(picture) else None)
    return canvas


def _mark_note(master: bytes, policy: RenderPolicy) -> str:
    if has_c2pa(master):
        label = "it carries the label of its origin instead" if policy.disclosure else "it carries no label"
        return f"The master's C2PA manifest stays in the master; the rendition cannot keep it, {label}."
    if not policy.disclosure and read_disclosure(master):
        return "The master's label “made by a model” was left out, as the policy says."
    return ""


def encode(image: Image.Image, policy: RenderPolicy, master: bytes) -> bytes:
    """A fitted picture as a file, labelled as its master is unless the policy says otherwise."""
    xmp = xmp_packet(term_for(master)) if policy.disclosure else b""
    # A fresh info: Pillow's JPEG writer copies a comment from it, the PNG writer a profile.
    image.info = {}
    out = io.BytesIO()
    match policy.format:
        case "webp":
            image.save(out, "WEBP", quality=policy.quality, method=policy.method, xmp=xmp)
        case "jpeg":
            image.save(out, "JPEG", quality=policy.quality, optimize=True, progressive=True, xmp=xmp)
        case "png":
            chunks = PngInfo()
            if xmp:
                chunks.add_itxt("XML:com.adobe.xmp", xmp.decode())
            image.save(out, "PNG", pnginfo=chunks)
    return out.getvalue()
