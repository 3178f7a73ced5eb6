"""Tables that go out to people, as CSV or XLSX: streamed, and harmless in a spreadsheet. Pure.

A CSV cell that a spreadsheet would run as a formula gets an apostrophe in front, and so does one that would
be taken for such a cell when it comes back; `unguarded` takes exactly that one off again. An XLSX cell of
text is typed as text, which no spreadsheet runs, and stays as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import BinaryIO, Protocol

from xlsxwriter import Workbook

from bot.intake.records import MAX_CELL_CHARACTERS

Cell = str | int | Decimal | None
"""Text is anybody's words; a number is ours."""

_RUN = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""What a spreadsheet would run, however many apostrophes stand in front. Full-width signs count in East Asian
versions of Excel (OWASP, CSV injection)."""

_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)*%?")
"""What begins with a sign and is still no formula."""


def guarded(value: str) -> str:
    """The cell as it was, or with one apostrophe in front where a spreadsheet would run it."""
    return f"'{value}" if _RUN.match(value) and not _NUMBER.fullmatch(value) else value


def unguarded(value: str) -> str:
    """The cell without the apostrophe that `guarded` put in front; any other cell as it is."""
    return value[1:] if value.startswith("'") and _RUN.match(value) else value


class Table(Protocol):
    """A table being written, row by row."""

    def row(self, cells: Sequence[Cell]) -> None:
        """One more row; the first is the header."""


@contextmanager
def writing_table(file: BinaryIO, kind: str) -> Iterator[Table]:
    """A table of this kind (`csv` or `xlsx`) into the file, complete when the block ends."""
    if kind == "xlsx":
        with _workbook(file) as table:
            yield table
        return
    # The mark at the beginning tells Excel that it is UTF-8: without it, it takes Windows' own code page.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        yield _Csv(text)
    finally:
        text.detach()


class _Csv:
    def __init__(self, text: io.TextIOWrapper) -> None:
        self._writer = csv.writer(text, lineterminator="\r\n")

    def row(self, cells: Sequence[Cell]) -> None:
        self._writer.writerow([guarded(cell) if isinstance(cell, str) else plain(cell) for cell in cells])


class _Xlsx:
    def __init__(self, book: Workbook) -> None:
        self._sheet = book.add_worksheet("imgbatch")
        self._sheet.freeze_panes(1, 0)
        self._bold = book.add_format({"bold": True})
        self._rows = 0

    def row(self, cells: Sequence[Cell]) -> None:
        looks = None if self._rows else self._bold
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                if cell:
                    self._sheet.write_string(self._rows, column, cell[:MAX_CELL_CHARACTERS], looks)
            elif cell is not None:
                self._sheet.write_number(self._rows, column, float(cell), looks)
        self._rows += 1


@contextmanager
def _workbook(file: BinaryIO) -> Iterator[Table]:
    # constant_memory keeps one row in memory, the rest in a temporary file until it is closed.
    book = Workbook(file, {"constant_memory": True})
    try:
        yield _Xlsx(book)
    finally:
        book.close()


def plain(amount: Cell) -> str:
    """Plain decimal text without exponent or trailing noise: `0.0265`, `12.5`, `0`; empty for None."""
    if amount is None:
        return ""
    if isinstance(amount, Decimal):
        text = f"{amount:.9f}".rstrip("0").rstrip(".")
        return text or "0"
    return str(amount)
