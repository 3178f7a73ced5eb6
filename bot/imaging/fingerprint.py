"""A short fingerprint by which two pictures that look the same are found, whatever their bytes.

Two parts. The structure is the difference hash of N. Krawetz ("Kind of Like That", hackerfactor.com, 2013):
shrink to 9x8 grey, one bit for each pixel brighter than its left neighbour, 64 bits. Structure alone is not
enough for products: the same mug in red and in blue has the same one (measured: 0 bits apart), and both are
wanted. So the colours of a 4x4 copy come with it, and a look-alike must agree in both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from PIL import Image

STRUCTURE_BITS: Final = 6
"""Of 64: at most this many may differ. Saved anew at another size and quality: up to 6."""
COLOUR_LEVELS: Final = 10
"""Of 256: the most any of the 16 fields may differ in any channel. Saved anew: 2; navy or black: 15."""

REMEMBERED: Final = 20_000
"""Pictures of a job that a new one is compared with, the newest: bounds time (1 to 2 ms each) and memory."""

_STRUCTURE_DIGITS: Final = 16
_COLOUR_SIDE: Final = 4
_MIDDLE_FIRST: Final = tuple(
    3 * field + channel for field in (5, 6, 9, 10, *range(5), 7, 8, *range(11, 16)) for channel in range(3)
)
"""The order in which colour bytes are compared: products differ in the middle, on one ground."""


class Distance(NamedTuple):
    """How unlike two pictures are."""

    structure: int
    """Bits of 64 that differ."""
    colour: int
    """The largest difference of any field in any channel, in levels of 256."""

    @property
    def alike(self) -> bool:
        return self.structure <= STRUCTURE_BITS and self.colour <= COLOUR_LEVELS


def fingerprint(image: Image.Image) -> str:
    """112 hexadecimal digits: 16 of structure, 96 of colour (4x4 fields, red, green and blue of each)."""
    grey = image.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for place in range(72):
        if place % 9:
            bits = bits << 1 | (grey[place] > grey[place - 1])
    colours = image.convert("RGB").resize((_COLOUR_SIDE, _COLOUR_SIDE), Image.Resampling.BOX).tobytes()
    return f"{bits:0{_STRUCTURE_DIGITS}x}{colours.hex()}"


def distance(a: str, b: str) -> Distance:
    """How unlike two fingerprints are. Raises ValueError for what is none."""
    one, other = _parts(a), _parts(b)
    return Distance((one[0] ^ other[0]).bit_count(), _colour(one[1], other[1]))


@dataclass(slots=True)
class Seen:
    """The newest pictures of one job, to find whether a new one looks like one of another row; and how its
    pictures fared so far.
    """

    passed: int = 0
    """Pictures in which nothing was found."""
    again: int = 0
    """How often one was made again."""

    _kept: deque[tuple[int, bytes, int, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def like(self, phash: str, row: int) -> tuple[int, str] | None:
        """Row and key of the picture of another row that it looks like; None when of none.

        Variants of one row are meant to look alike and do not count.
        """
        structure, colours = _parts(phash)
        for kept, kept_colours, other, key in self._kept:
            if (kept ^ structure).bit_count() > STRUCTURE_BITS or other == row:
                continue
            if _near(kept_colours, colours):
                return other, key
        return None

    def add(self, phash: str, row: int, key: str) -> None:
        """Remember a picture that stays."""
        self._kept.append((*_parts(phash), row, key))


def _parts(phash: str) -> tuple[int, bytes]:
    colours = bytes.fromhex(phash[_STRUCTURE_DIGITS:])
    if len(colours) != 3 * _COLOUR_SIDE**2:
        raise ValueError(f"“{phash[:20]}…” is no fingerprint")
    return int(phash[:_STRUCTURE_DIGITS], 16), bytes(map(colours.__getitem__, _MIDDLE_FIRST))


def _near(a: bytes, b: bytes) -> bool:
    """Whether no field differs too much; most pairs are told apart by the first bytes."""
    for one, other in zip(a, b, strict=True):  # noqa: SIM110  # `all` with a generator takes twice as long
        if abs(one - other) > COLOUR_LEVELS:
            return False
    return True


def _colour(a: bytes, b: bytes) -> int:
    return max(abs(one - other) for one, other in zip(a, b, strict=True))
