"""JSON lines: split a stream of bytes into lines, and write a value as one line.

Lines end at the byte 0x0A and nowhere else. `str.splitlines` and `httpx.Response.iter_lines` also break at
U+2028, U+2029 and U+0085, which JSON allows unescaped inside strings, and would cut a prompt in two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

LINE_LIMIT = 64 * 1024 * 1024
"""Longest line read, in bytes. A 3840x2160 PNG in base64 takes about 30 MB; more than this is no picture."""

HEAD = 64 * 1024
"""Bytes kept of a line that is too long: enough to read whose it was."""

_ESCAPED = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029", "\u0085": "\\u0085"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a stream."""

    number: int
    """From 1; blank lines count but are not given."""
    offset: int
    """Byte position of its first byte in the stream."""
    content: bytes
    """Without its newline. Of a line that is too long only the first `HEAD` bytes."""
    ended: bool = True
    """False for a last line without a newline: the stream may have been cut inside it."""
    too_long: bool = False


class _Pending:
    """The line being gathered; holds at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._number = 1
        self._offset = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        elif len(self._parts) > 1 or not self._parts:
            # Just went over the limit: from here on only the head is worth keeping.
            self._parts = [b"".join((*self._parts, part[:HEAD]))[:HEAD]]
        else:
            self._parts[0] = self._parts[0][:HEAD]

    def take(self, *, ended: bool) -> Line:
        too_long = self._size > self._limit
        line = Line(self._number, self._offset, b"".join(self._parts), ended, too_long)
        self._number += 1
        self._offset += self._size + 1
        self._parts, self._size = [], 0
        return line


def split(pieces: Iterable[bytes], *, limit: int = LINE_LIMIT) -> Iterator[Line]:
    """The lines of a byte stream, blank ones left out; one line at a time is held, never the whole.

    A line over `limit` bytes comes as its head with `too_long` set, and reading goes on behind it.
    """
    pending = _Pending(limit)
    for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            pending.add(piece[start:end])
            start = end + 1
            line = pending.take(ended=True)
            if line.content.strip():
                yield line
        if start < len(piece):
            pending.add(piece[start:])
    last = pending.take(ended=False)
    if last.content.strip():
        yield last


def encode(value: Any) -> bytes:
    """The value as compact UTF-8 JSON on one line, without the newline.

    The three separators named above are escaped: a vendor's reader may split at them. Raises ValueError
    for text that is no Unicode (a lone surrogate).
    """
    words = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return words.translate(_ESCAPED).encode("utf-8")
