"""XLSX: checked for size before it is parsed, then read cell by cell as text.

The parser keeps one worksheet in memory while it is read, filled out to a rectangle, so a tiny file can ask
for terabytes (one cell in A1, one in XFD1048576). The checks below look at the bytes first.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from bot.intake.records import SAMPLE_RECORDS, Record, SheetError, quoted

MAX_UNZIPPED_BYTES = 512 * 1024 * 1024
"""Half a million rows of six cells unzip to about 150 MB; a zip bomb to whatever it likes."""

MAX_CELLS = 4_000_000
"""Cells of one worksheet's rectangle. Measured at about 100 bytes each: 3 million took 310 MB in all."""

CHUNK_BYTES = 4 * 1024 * 1024
"""Read at once while a worksheet is measured."""

_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br=[\"'](\d+)")
_COLUMN = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]+)")
_FORMULA = (b"<f>", b"<f ", b":f>", b":f ")

Cell = int | float | str | bool | time | date | datetime | timedelta


@dataclass(frozen=True, slots=True)
class WorkbookFile:
    """One worksheet of an XLSX file."""

    path: Path
    name: str
    worksheet: str
    sample: tuple[Record, ...]
    warnings: tuple[str, ...]

    def records(self) -> Iterator[Record]:
        """Every row that is not blank; the line is the row's number in the spreadsheet."""
        with _open(self.path, self.name) as book:
            yield from _records(_load(book, self.worksheet, self.name))


def open_workbook(path: Path, name: str) -> WorkbookFile:
    """Check the file and choose its first worksheet that is not empty. Raises SheetError."""
    has_formulas = _measure(path, name)
    with _open(path, name) as book:
        sheets = [
            meta
            for meta in book.sheets_metadata
            if meta.typ == SheetTypeEnum.WorkSheet and meta.visible == SheetVisibleEnum.Visible
        ]
        warnings: list[str] = []
        filled: list[str] = []
        sample: tuple[Record, ...] = ()
        for meta in sheets:
            try:
                worksheet = _load(book, meta.name, name)
            except SheetError:
                if filled:
                    continue  # only the first is read; what is behind it may be as it likes
                raise
            found = tuple(islice(_records(worksheet), SAMPLE_RECORDS + 1))
            if found and not filled:
                sample = found
                warnings += _never_calculated(worksheet) if has_formulas else ()
            if found:
                filled.append(meta.name)
    if not filled:
        raise SheetError(f"{name} has no visible worksheet with cells in it; fill one in, or unhide it.")
    if len(filled) > 1:
        others = ", ".join(quoted(other) for other in filled[1:4]) + (", …" if len(filled) > 4 else "")
        warnings.append(
            f"The workbook has {len(filled)} worksheets; only the first, {quoted(filled[0])}, is read, "
            f"not {others}."
        )
    return WorkbookFile(path, name, filled[0], sample, tuple(warnings))


def _load(book: CalamineWorkbook, worksheet: str, name: str) -> CalamineSheet:
    try:
        return book.get_sheet_by_name(worksheet)
    except CalamineError as problem:
        raise SheetError(
            f"The worksheet {quoted(worksheet)} of {name} is damaged ({problem}); save it again."
        ) from None


def _open(path: Path, name: str) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(path)
    except PasswordError:
        raise SheetError(f"{name} is protected by a password; save it without one.") from None
    except (CalamineError, OSError) as problem:
        raise SheetError(
            f"{name} is not an XLSX workbook that can be read ({problem}); save it again as XLSX or CSV."
        ) from None


# --- before the parser sees it -----------------------------------------------------------------------


def _measure(path: Path, name: str) -> bool:
    """Refuse what would not fit in memory; whether there are formulas."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith((".xml", ".rels"))]
            if not any(part.filename.startswith("xl/worksheets/") for part in parts):
                raise SheetError(
                    f"{name} is a zip archive, not an XLSX workbook; send a CSV or an XLSX file."
                )
            unzipped = sum(part.file_size for part in parts)
            if unzipped > MAX_UNZIPPED_BYTES:
                raise SheetError(
                    f"{name} unpacks to {unzipped / 1e6:,.0f} MB and the limit is "
                    f"{MAX_UNZIPPED_BYTES / 1e6:,.0f} MB; split it, or save it as CSV."
                )
            has_formulas = False
            for part in parts:
                # Read to its end whatever it is: zipfile then checks that the part is as long as the
                # directory says, on which the limit above rests. A worksheet may have any name.
                with archive.open(part) as stream:
                    has_formulas |= _scan(stream, name)
            return has_formulas
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, OSError) as problem:
        raise SheetError(f"{name} is damaged ({problem}); save it again as XLSX or CSV.") from None


def _scan(stream: IO[bytes], name: str) -> bool:
    """Refuse a part whose cells span too large a rectangle; whether it has formulas."""
    rows, columns, ends, has_formulas, rest = 0, 0, 0, False, b""
    while chunk := stream.read(CHUNK_BYTES):
        whole, end, rest = (rest + chunk).rpartition(b"row>")
        if not end:
            whole, rest = rest, b""  # no worksheet, or a row longer than a chunk
        rows = max(rows, max(map(int, _ROW.findall(whole)), default=0))
        columns = max(columns, *map(_number, set(_COLUMN.findall(whole))), 0)
        in_rows = whole.split(b"row>")
        columns = max(columns, *(part.count(b"<c") - part.count(b"<col") for part in in_rows))
        ends += len(in_rows)
        has_formulas = has_formulas or any(mark in whole for mark in _FORMULA)
        _check_area(max(rows, ends // 2), columns, name)
    return has_formulas


def _check_area(rows: int, columns: int, name: str) -> None:
    if rows * columns > MAX_CELLS:
        raise SheetError(
            f"A worksheet of {name} spans {rows:,} rows x {columns:,} columns, over {MAX_CELLS:,} cells; "
            "delete stray cells far from the table, or save it as CSV."
        )


def _number(letters: bytes) -> int:
    """Column letters as a number: A is 1, XFD is 16,384."""
    number = 0
    for letter in letters[:4]:
        number = number * 26 + letter - 64
    return number


# --- cells ----------------------------------------------------------------------------------------------


def _records(worksheet: CalamineSheet) -> Iterator[Record]:
    for line, row in enumerate(worksheet.iter_rows(), 1):
        cells = [_text(cell) for cell in row]
        if any(cells):
            yield line, cells


def _never_calculated(worksheet: CalamineSheet) -> Iterator[str]:
    """A sentence for each named column without one value; the parser sees results, never formulas."""
    header: list[str] = []
    empty: set[int] = set()
    for _, cells in _records(worksheet):
        if not header and isinstance(cells, list):
            header = cells
            empty = {i for i, cell in enumerate(header) if cell}
        elif isinstance(cells, list):
            empty -= {i for i in empty if cells[i]}
        if not empty:
            return
    for i in sorted(empty):
        yield (
            f"Column {quoted(header[i])} is empty in every row; if it holds formulas, open the file in a "
            "spreadsheet and save it, so that their results are kept."
        )


def _text(cell: Cell) -> str:
    """The cell as the person reads it; the parser gives every number as a float."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(int(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return str(cell)
