"""Telling a picture from anything else by its bytes, without decoding it."""

from __future__ import annotations

import base64
import binascii
import re


class NoPicture(ValueError):
    """The bytes are not a whole picture of a kind we know; the message says what is wrong with them."""


def media_type(content: bytes) -> str:
    """The media type the bytes themselves show. Raises NoPicture for other things and for cut pictures.

    Looks at the outer structure only; whether every pixel decodes is found out when it is rendered.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _whole("image/png", _png_ends(content))
    if content.startswith(b"\xff\xd8\xff"):
        # Cameras and editors append data behind the end marker, so it need not be the very last.
        return _whole("image/jpeg", b"\xff\xd9" in content[-65_536:])
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _whole("image/webp", len(content) >= int.from_bytes(content[4:8], "little") + 8)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _whole("image/gif", content.rstrip(b"\0").endswith(b";"))
    if re.match(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!--|!DOCTYPE svg)", content[:512]):
        if b"<svg" not in content[:65_536]:
            raise NoPicture("XML without a drawing")
        return _whole("image/svg+xml", b"</svg" in content[-4_096:] or b"/>" in content[-16:])
    raise NoPicture("not a picture" if content else "empty")


def _whole(kind: str, complete: bool) -> str:
    if not complete:
        raise NoPicture(f"an {kind} that ends in the middle")
    return kind


def _png_ends(content: bytes) -> bool:
    """Whether the chunks lead to the closing one (PNG specification, 5.2 and 11.2)."""
    position = 8
    while position + 12 <= len(content):
        if content[position + 4 : position + 8] == b"IEND":
            return True
        position += 12 + int.from_bytes(content[position : position + 4], "big")
    return False


def from_base64(words: str) -> bytes:
    """The bytes behind base64, also when it comes as a data URL. Raises NoPicture for anything else."""
    if words.startswith("data:"):
        words = words.partition(",")[2]
    try:
        return base64.b64decode(words, validate=True)
    except (binascii.Error, ValueError):
        raise NoPicture("base64 that cannot be read") from None
