"""What the two kinds of sheet file hand over, the limits they keep, and the one error they raise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MAX_BYTES = 256 * 1024 * 1024
"""A CSV above this is refused. Half a million rows of six cells are about 30 MB."""

MAX_ROWS = 1_048_575
"""Excel's own limit, less the header: a longer sheet could not be looked at by the person who sent it."""

MAX_COLUMNS = 500
"""A product sheet has tens. Thousands mean that the delimiter is not what the file suggests."""

MAX_CELL_CHARACTERS = 32_767
"""Excel's limit for a cell, and as long as the longest prompt any model of the catalogue takes."""

SAMPLE_RECORDS = 50
"""Records looked at to find the delimiter and the shape; more made no better guesses on trial files."""


class SheetError(ValueError):
    """The file cannot be used as a sheet; one sentence that says what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be read, in the place of its cells."""

    problem: str


Record = tuple[int, list[str] | Broken]
"""The line where it begins, and its cells, trimmed; blank records do not appear."""


class Source(Protocol):
    """A file that gives the same records, header first, as often as it is asked."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was guessed or left out on the way in, one sentence each."""

    @property
    def sample(self) -> tuple[Record, ...]:
        """The header and the first rows."""

    def records(self) -> Iterator[Record]:
        """Every record that is not blank, streamed."""


def quoted(text: str, limit: int = 40) -> str:
    """The text as shown inside a message: on one line, cut, in quotation marks."""
    flat = " ".join(text.split())
    flat = "".join(c if c.isprintable() else "�" for c in flat)
    return f"“{flat if len(flat) <= limit else flat[: limit - 1] + '…'}”"
