"""The parts a picture file is made of, read from its structure without decoding a pixel."""

from __future__ import annotations

from collections.abc import Iterator


def parts(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The named parts of the file: PNG chunks, JPEG segments up to the pixels, or WebP chunks.

    Pixels come with an empty body. Stops where the file stops making sense; never raises.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_chunks(content)
    if content.startswith(b"\xff\xd8"):
        return _jpeg_segments(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp_chunks(content)
    return iter(())


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        name = content[at + 4 : at + 8]
        yield name, b"" if name == b"IDAT" else content[at + 8 : at + 8 + size]
        if name == b"IEND":
            return
        at += 12 + size


def _jpeg_segments(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        if content[at + 1] == 0xFF:  # fill byte before a marker
            at += 1
            continue
        marker = content[at : at + 2]
        if marker in (b"\xff\xda", b"\xff\xd9"):  # pixels begin, or the end
            return
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        if size < 2:
            return
        yield marker, content[at + 4 : at + 2 + size]
        at += 2 + size


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        name = content[at : at + 4]
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        yield name, b"" if name in (b"VP8 ", b"VP8L") else content[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
