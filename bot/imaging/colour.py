"""Colours as a browser expects them: sRGB, before the profile that explained them is dropped."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageCms

_ALREADY_SRGB: Final = frozenset({"sRGB", "sRGB IEC61966-2.1", "sRGB built-in", "c2"})
"""Profile descriptions that mean nothing is to be done. Matched whole: 'sRGB linear' is another thing."""

_SPACE_OF_MODE: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """The picture in sRGB (L, LA, RGB or RGBA), and a note, empty when nothing was worth one.

    Call it after resizing: the cost goes with the pixels. A profile that is broken or meant for another
    kind of picture is left out with a note; the colours are then taken as sRGB.
    """
    if profile:
        try:
            return _convert(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            note = "The colour profile could not be read; colours were taken as sRGB."
            return _without_profile(image), note
    return _without_profile(image), ""


def _convert(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    description = ImageCms.getProfileDescription(source).strip()
    if description in _ALREADY_SRGB:
        return _without_profile(image), ""
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    base = image.convert(image.mode[:-1]) if alpha else image
    space = source.profile.xcolor_space.strip()
    if space == "RGB" and base.mode == "L":
        base = base.convert("RGB")
    if _SPACE_OF_MODE[base.mode] != space:
        raise ValueError(f"a {space} profile on a {base.mode} picture")
    converted = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None, "only an in-place conversion gives None"
    if alpha:
        converted.putalpha(alpha)
    return converted, f"Colours were converted from {description or 'an unnamed profile'} to sRGB."


def _without_profile(image: Image.Image) -> Image.Image:
    return image.convert("RGB") if image.mode == "CMYK" else image
