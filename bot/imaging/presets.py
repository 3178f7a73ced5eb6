"""Where pictures go, and what is taken there: one entry for each channel, with the source of its figures.

The figures are from the channels' public help pages and from guides that repeat them, read on 23 November
2026. Where sources differ or only guides say it, the entry says "unsure".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bot.imaging.focus import Point
from bot.imaging.renditions import MAX_SIDE_PX, Fit, Format
from providers.base import Size

MB: Final = 1_000_000
EXTENSIONS: Final[Mapping[Format, str]] = {"jpeg": "jpg", "webp": "webp", "png": "png"}
_FORMATS: Final[Mapping[str, Format]] = {"jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", "png": "png"}
_CUSTOM: Final = re.compile(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})(?:\.([A-Za-z]{3,4}))?")
MOST_PIXELS: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One kind of file made from every master."""

    name: str
    size: Size
    format: Format = "jpeg"
    fit: Fit = "cover"
    background: str = "white"
    """Padding for `contain`, and what see-through parts are filled with in a JPEG."""
    focus: Point | Literal["auto"] = "auto"
    """What `cover` keeps: a point (0 to 1 from the left and the top), or the picture's centre of interest."""
    quality: int = 88
    """The best quality tried, for JPEG and WebP."""
    least_quality: int = 40
    """Below this a picture is visibly poor and none is made."""
    max_bytes: int | None = None
    smallest: Size | None = None
    """With a cap that quality alone cannot meet: it may be made smaller, in the same shape, down to this."""
    white_border: bool = False
    """The channel wants a pure white ground: a note says so where the picture has none."""
    fill: float | None = None
    """The share of the frame's longer side the product should fill: a note says where it does not."""
    source: str = ""
    """Where the figures are from."""

    def __post_init__(self) -> None:
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ValueError(f"a file of {self.max_bytes} bytes cannot be made; allow at least some kB")
        if not 1 <= self.least_quality <= self.quality <= 100:
            raise ValueError(
                f"quality runs from {self.least_quality} to {self.quality}; use 1 to 100, the lesser first"
            )
        if max(self.size.width, self.size.height) > MAX_SIDE_PX[self.format]:
            raise ValueError(f"a side of a {self.format} file is at most {MAX_SIDE_PX[self.format]:,} px")
        if self.size.pixels > MOST_PIXELS:
            raise ValueError(f"{self.size} is more than {MOST_PIXELS // MB} million pixels")


_META: Final = (
    "developers.facebook.com, Instagram content publishing: JPEG, 8 MB, width 320 to 1440 px, shape 4:5 to "
    "1.91:1 in the feed; read 2026-11-23 through guides that repeat it"
)

PRESETS: Final[Mapping[str, Delivery]] = {
    preset.name: preset
    for preset in (
        Delivery(
            "shopify",
            Size(2048, 2048),
            format="webp",
            fit="contain",
            max_bytes=20 * MB,
            source="help.shopify.com, product media: 2048x2048 recommended for square pictures, 20 MB, 25 "
            "megapixels (5000x5000; unsure: many guides say 4472x4472), JPEG, PNG and WebP taken; read "
            "2026-11-23 through guides that repeat it",
        ),
        Delivery(
            "amazon-main",
            Size(2000, 2000),
            fit="contain",
            background="#ffffff",
            quality=92,
            max_bytes=10 * MB,
            smallest=Size(1000, 1000),
            white_border=True,
            fill=0.85,
            source="sellercentral.amazon.com, product image requirements: ground pure white (255, 255, 255), "
            "product 85% of the frame, longer side 1000 px for zoom (500 at least, 10,000 at most), JPEG "
            "preferred, sRGB; 10 MB is unsure (guides only); read 2026-11-23",
        ),
        Delivery("instagram-square", Size(1080, 1080), max_bytes=8 * MB, source=_META),
        Delivery("instagram-portrait", Size(1080, 1350), max_bytes=8 * MB, source=_META),
        Delivery(
            "story",
            Size(1080, 1920),
            max_bytes=8 * MB,
            source=_META + "; 9:16 for stories. Unsure: keep about 250 px at top and bottom free of words",
        ),
        Delivery(
            "open-graph",
            Size(1200, 630),
            max_bytes=5 * MB,
            source="developers.facebook.com, images in link shares: 1200x630 for large screens, 8 MB; "
            "5 MB is the limit of X's large card (unsure); read 2026-11-23",
        ),
    )
}
"""By the name people write."""


def find(text: str) -> Delivery:
    """A preset by name, or one of its own size: `800x600`, `800x600.webp`. Raises ValueError, a sentence."""
    wanted = text.strip()
    preset = PRESETS.get(wanted.lower())
    if preset is not None:
        return preset
    custom = _CUSTOM.fullmatch(wanted)
    if custom is None:
        raise ValueError(
            f"“{wanted[:40]}” is no delivery preset. Write one of {', '.join(PRESETS)}, or a size such as "
            "1200x800.jpg."
        )
    format_ = _FORMATS.get((custom[3] or "jpg").lower())
    if format_ is None:
        raise ValueError(f"“.{custom[3]}” files are not made. Write .jpg, .webp or .png.")
    width, height = int(custom[1]), int(custom[2])
    if not (width and height):
        raise ValueError(f"A picture of {wanted} has no pixels. Write a size such as 1200x800.jpg.")
    # Its name says all of it, so that the name alone may be kept and read again.
    return Delivery(f"{width}x{height}.{EXTENSIONS[format_]}", Size(width, height), format_)
