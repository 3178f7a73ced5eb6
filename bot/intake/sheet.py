"""Open what was dropped into the thread, whatever it is, as a sheet of named columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.intake.columns import Columns, understand
from bot.intake.delimited import open_delimited
from bot.intake.records import (
    MAX_BYTES,
    MAX_CELL_CHARACTERS,
    MAX_COLUMNS,
    MAX_ROWS,
    Broken,
    SheetError,
    Source,
    quoted,
)
from bot.intake.spec import BadRow, SheetRow
from bot.intake.workbook import open_workbook

__all__ = ["Sheet", "SheetError", "open_sheet"]

_FOREIGN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a picture or a sound"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf", "a compressed archive"),
    (b"Rar!", "a compressed archive"),
    (b"{\\rtf", "a text document"),
    (b"SQLite format 3", "a database"),
)
"""First bytes of what people drop by mistake, and what it is."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Sheet:
    """A sheet that was opened: its columns, what was guessed on the way, and its rows as often as asked."""

    def __init__(self, source: Source, name: str, columns: Columns, warnings: tuple[str, ...]) -> None:
        self.source = source
        self.name = name
        self.columns: tuple[str, ...] = columns.names
        """As written in the header, made distinct."""
        self.variables: Mapping[str, str] = columns.variables
        """Template variable -> column."""
        self.roles: Mapping[str, str] = columns.roles
        """What we recognised (key, prompt, size, ...: `columns.ROLES`) -> column."""
        self.warnings = warnings
        """What was guessed, renamed or left out; a sentence each, worth showing before money is spent."""
        self.notes: tuple[str, ...] = columns.notes
        """How columns are written in templates and which were recognised; a sentence each."""

    def rows(self) -> Iterator[SheetRow | BadRow]:
        """Every line with something in it, streamed. Raises SheetError where reading cannot go on."""
        records = self.source.records()
        next(records, None)
        columns, width = self.columns, len(self.columns)
        for number, (line, cells) in enumerate(records, 1):
            if number > MAX_ROWS:
                raise SheetError(
                    f"{self.name} has more than {MAX_ROWS:,} rows; split it into several sheets."
                )
            if isinstance(cells, Broken):
                yield BadRow(number, line, dict.fromkeys(columns, ""), cells.problem)
                continue
            have = len(cells)
            if have < width:
                # Editors leave out empty cells at the end of a line
                cells.extend([""] * (width - have))
            row = dict(zip(columns, cells, strict=False))
            problem = self._problem(cells, width)
            yield BadRow(number, line, row, problem) if problem else SheetRow(number, line, row)

    def _problem(self, cells: list[str], width: int) -> str | None:
        if len(cells) > width and any(cells[width:]):
            extra = next(cell for cell in cells[width:] if cell)
            return (
                f"The row has {len(cells)} cells, the header {width}; the first too many is {quoted(extra)}; "
                "put a cell that contains the separator in quotes."
            )
        text = "".join(cells)
        if len(text) <= MAX_CELL_CHARACTERS and "\0" not in text:
            return None
        for i, cell in enumerate(cells[:width]):
            if "\0" in cell:
                return (
                    f"{quoted(self.columns[i])} holds a NUL character; save the sheet again as “CSV UTF-8”."
                )
            if len(cell) > MAX_CELL_CHARACTERS:
                return (
                    f"{quoted(self.columns[i])} has {len(cell):,} characters and a cell holds "
                    f"{MAX_CELL_CHARACTERS:,}; shorten it."
                )
        return None


def open_sheet(path: Path, *, name: str | None = None, encoding: str | None = None) -> Sheet:
    """The CSV or XLSX file at `path`, called `name` in messages.

    `encoding` is the person's correction of a wrong guess; text that is UTF-8 or UTF-16 is read as what it
    is. The whole file is looked at once (its encoding or its size unpacked), none of it is kept. Raises
    SheetError.
    """
    name = name or path.name
    try:
        with path.open("rb") as stream:
            head = stream.read(8192)
        source = _source(path, name, encoding, head)
    except OSError as problem:
        raise SheetError(f"{name} cannot be read ({problem.strerror}); send it again.") from problem
    return _sheet(source, name)


def _source(path: Path, name: str, encoding: str | None, head: bytes) -> Source:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise SheetError(f"{name} is {what}, not a sheet; send a CSV or an XLSX file.")
    if head.startswith(_ZIP):
        return open_workbook(path, name)
    if head.startswith(_OLE):
        # A protected workbook is wrapped in the old container; only the name of its inner part tells
        if _contains(path, "EncryptedPackage".encode("utf-16-le")):
            raise SheetError(f"{name} is protected by a password; save it without one.")
        raise SheetError(f"{name} is in the old Excel format (.xls); save it as XLSX or CSV.")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        raise SheetError(f"{name} is a web page or XML, not a sheet; send a CSV or an XLSX file.")
    return open_delimited(path, name, encoding)


def _contains(path: Path, wanted: bytes) -> bool:
    """Whether the bytes occur; only the first MAX_BYTES are looked at, a piece at a time."""
    tail, read = b"", 0
    with path.open("rb") as stream:
        while read < MAX_BYTES and (chunk := stream.read(1 << 20)):
            if wanted in tail + chunk:
                return True
            tail, read = chunk[-len(wanted) :], read + len(chunk)
    return False


def _sheet(source: Source, name: str) -> Sheet:
    sample = source.sample
    if not sample:
        raise SheetError(f"{name} is empty; send a sheet with a header line and one line for each row.")
    line, header = sample[0]
    if isinstance(header, Broken):
        raise SheetError(f"The header of {name} (line {line}) cannot be read: {header.problem}")
    if len(header) > MAX_COLUMNS and any(header[MAX_COLUMNS:]):
        raise SheetError(
            f"{name} has {len(header):,} columns and the limit is {MAX_COLUMNS}; keep those you use."
        )
    too_long = next((cell for cell in header if len(cell) > MAX_CELL_CHARACTERS), None)
    if too_long:
        raise SheetError(
            f"The header of {name} (line {line}) has a cell of {len(too_long):,} characters; shorten it."
        )
    if "\0" in "".join(header):
        raise SheetError(f"The header of {name} contains a NUL character; save it again as “CSV UTF-8”.")
    rows = [cells for _, cells in sample[1:] if not isinstance(cells, Broken)]
    if not rows and len(sample) == 1:
        raise SheetError(f"{name} has a header and no rows; add one line for each picture.")
    used = max((i + 1 for cells in rows for i, cell in enumerate(cells) if cell), default=0)
    columns = understand(header, used)
    warnings = [*source.warnings, *columns.warnings, *_doubts(header)]
    return Sheet(source, name, columns, tuple(warnings))


def _doubts(header: list[str]) -> Iterator[str]:
    longest = max(header, key=len)
    if len(longest.split()) > 6 or len(longest) > 80:
        yield (
            f"The first line is read as the names of the columns, but {quoted(longest)} does not look like "
            "one; if it is a row, put a line such as “prompt” above it."
        )
