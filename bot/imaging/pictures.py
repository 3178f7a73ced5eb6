"""From bytes somebody else made to a picture that is safe to work with.

Every other file of this room opens pictures here and nowhere else, so that the checks cannot be
forgotten: which formats, how many pixels, one frame, upright, and a mode that resizes well.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from PIL import Image, ImageFile, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from bot.imaging.parts import parts

MAX_PIXELS: Final = 64_000_000
"""Largest picture opened, 8000x8000. Models make up to 17 million; more is a mistake or an attack."""

_SVG_SNIFF_BYTES: Final = 1024
"""How far into a text file the `<svg` may begin, after XML declaration, doctype and comments."""

_DECODING_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    TypeError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's plugins raise on bytes that lie; they do not agree on one error."""


class NotAPicture(ValueError):
    """The bytes cannot be used as a picture; the message is a sentence that says why."""


def open_picture(
    content: bytes, *, max_pixels: int = MAX_PIXELS, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """The decoded picture: one frame, upright, mode L, LA, RGB, RGBA or CMYK, its profile in `info`.

    PNG, JPEG and WebP only. `at_least` (width, height in px) lets a JPEG be decoded smaller when it is
    at least twice that big. Raises NotAPicture; the size is checked before any pixel is decoded.
    """
    image = _open(content, max_pixels)
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise NotAPicture(f"The file is an animation of {frames} frames, not a single picture.")
    if image.format == "PNG" and not any(name == b"IEND" for name, _ in parts(content)):
        # Pillow is content once it has the pixels; a download that stopped short is still not the file.
        raise NotAPicture("The picture is cut short (no end mark).")
    try:
        if at_least:
            # The orientation may swap the sides, so both must be as long as the longer one asked for.
            long_side = 2 * max(at_least)
            image.draft(image.mode, (long_side, long_side))
        image.load()
        _turn_upright(image)
        return _plain_mode(image)
    except _DECODING_ERRORS as error:
        raise NotAPicture(f"The picture is damaged or cut short ({_words(error)}).") from error


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height in px as the file states them, without decoding. Raises NotAPicture."""
    return _open(content, MAX_PIXELS).size


def has_alpha(image: Image.Image) -> bool:
    """Whether the picture carries an alpha channel."""
    return image.mode in ("LA", "RGBA")


def _open(content: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """The picture's header, read by the one plugin its first bytes name."""
    plugin = _plugin(content)
    if plugin is WebPImageFile:
        # WebP's decoder takes memory for the canvas when it is made, so its size is read first.
        _check_size(_webp_canvas(content), max_pixels)
    try:
        # Not `Image.open`: it only warns between one and two times a process-wide limit, and
        # turning warnings into errors is not safe in threads. The plugin alone does not judge.
        image = plugin(io.BytesIO(content))
    except _DECODING_ERRORS as error:
        raise NotAPicture(f"The file's header cannot be read ({_words(error)}).") from error
    _check_size(image.size, max_pixels)
    return image


def _plugin(content: bytes) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if content.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WebPImageFile
    if not content:
        raise NotAPicture("The file is empty.")
    if b"<svg" in content[:_SVG_SNIFF_BYTES].lower():
        raise NotAPicture("The file is an SVG drawing, not a picture made of pixels.")
    if content[:6] in (b"GIF87a", b"GIF89a"):
        raise NotAPicture("The file is a GIF; only PNG, JPEG and WebP are used.")
    raise NotAPicture("The file is not a PNG, JPEG or WebP picture.")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise NotAPicture(f"The picture says it is {width}x{height} px.")
    if width * height > max_pixels:
        raise NotAPicture(
            f"The picture says it is {width}x{height} px, "
            f"{width * height / 1e6:.0f} million; at most {max_pixels / 1e6:.0f} million are opened."
        )


def _webp_canvas(content: bytes) -> tuple[int, int]:
    """Width and height from a WebP's first chunk, in each of its three kinds."""
    kind = content[12:16]
    if kind == b"VP8X" and len(content) >= 30:
        return (
            int.from_bytes(content[24:27], "little") + 1,
            int.from_bytes(content[27:30], "little") + 1,
        )
    if kind == b"VP8L" and len(content) >= 25:
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(content) >= 30:
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise NotAPicture("The file's header cannot be read (WebP without a picture).")


def _turn_upright(image: Image.Image) -> None:
    """Apply the orientation a camera wrote; EXIF that cannot be read is no reason to refuse a picture."""
    with suppress(*_DECODING_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)


def _plain_mode(image: Image.Image) -> Image.Image:
    """The same picture in a mode that Pillow resizes and saves faithfully."""
    match image.mode:
        case "P" | "PA":
            # Pillow resizes palette pictures with NEAREST whatever is asked.
            see_through = image.mode == "PA" or "transparency" in image.info
            plain = image.convert("RGBA" if see_through else "RGB")
        case "I;16" | "I;16B" | "I":
            # convert("L") clips 16 bits to white; scale instead. A transparent grey level (rare in
            # 16 bits) is not kept.
            plain = image.point(lambda level: level * (1 / 256)).convert("L")
        case "1":
            plain = image.convert("LA" if "transparency" in image.info else "L")
        case "L" | "RGB" if "transparency" in image.info:
            plain = image.convert("LA" if image.mode == "L" else "RGBA")
        case "L" | "LA" | "RGB" | "RGBA" | "CMYK":
            plain = image
        case _:
            plain = image.convert("RGB")
    if has_alpha(plain) and plain.getchannel("A").getextrema() == (255, 255):
        # Vendors send RGBA for opaque pictures too; three channels are quicker and smaller.
        plain = plain.convert(plain.mode[:-1])
    return plain


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
