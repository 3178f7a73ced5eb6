"""CSV of unknown dialect: find the encoding and the delimiter, then stream records with true line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from bot.intake.records import MAX_BYTES, SAMPLE_RECORDS, Broken, Record, SheetError, quoted

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
"""The four that spreadsheets write. csv.Sniffer would also settle on a letter or a space."""

NO_DELIMITER = "\x1f"
"""Given to the csv reader for a one-column sheet: prompts with commas stay whole."""

CHUNK_BYTES = 1024 * 1024
"""Read at once while the encoding is checked; also the longest line: none of our sheets comes near it."""

MAX_RECORD_LINES = 1_000
"""A record over more lines than this is taken for a quote that was never closed."""

MAX_OPEN_QUOTES = 100
"""After so many never-closed quotes the file is not CSV; reading on would cost time for nothing."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _NeverClosed(Exception):
    """The record being read has run over MAX_RECORD_LINES lines."""


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A CSV file whose dialect is known."""

    path: Path
    name: str
    encoding: str
    delimiter: str
    first_line: int
    """2 where the first line is Excel's `sep=;`."""
    warnings: tuple[str, ...]

    @property
    def sample(self) -> tuple[Record, ...]:
        """The header and the first rows."""
        return tuple(islice(self.records(), SAMPLE_RECORDS + 1))

    def records(self) -> Iterator[Record]:
        """Every record that is not blank. Raises SheetError for a file that is not CSV after all."""
        with self.path.open(encoding=self.encoding, newline="") as stream:
            for _ in range(1, self.first_line):
                stream.readline()
            try:
                yield from _records(stream, self.delimiter, self.first_line, self.name)
            except UnicodeDecodeError as problem:
                raise SheetError(
                    f"{self.name} changed while it was being read ({problem.reason}); send it again."
                ) from problem


def open_delimited(path: Path, name: str, encoding: str | None) -> DelimitedFile:
    """Find out how the file is written. Raises SheetError when it is not a text table."""
    found, warnings = _encoding(path, name, encoding)
    with path.open(encoding=found, newline="") as stream:
        sample = _sample(stream)
    first_line, delimiter = 1, None
    hint = re.match(r"\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n)", sample, re.IGNORECASE)
    if hint:
        delimiter = hint[1]
        first_line = 2
        sample = sample[hint.end() :]
    if not delimiter:
        delimiter = _vote(sample)
        if delimiter != ",":
            how = DELIMITERS.get(delimiter)
            warnings.append(
                f"The cells are separated by {'a tab' if how == 'tab' else f'{how}s'}."
                if how
                else "The sheet has one column; commas are read as part of the text."
            )
    return DelimitedFile(path, name, found, delimiter, first_line, tuple(warnings))


def _sample(stream: IO[str]) -> str:
    return "".join(islice(stream, SAMPLE_RECORDS * 4))[: CHUNK_BYTES // 2]


# --- encoding ----------------------------------------------------------------------------------------


def _encoding(path: Path, name: str, given: str | None) -> tuple[str, list[str]]:
    """BOM, else UTF-16 by its zeros, else UTF-8 if all of it is, else what was given, else cp1252."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SheetError(
            f"{name} is {size / 1e6:,.0f} MB and the limit is {MAX_BYTES / 1e6:,.0f} MB; "
            "split it into several sheets."
        )
    with path.open("rb") as stream:
        head = stream.read(8192)
    if not head.strip():
        raise SheetError(f"{name} is empty; send a sheet with a header line and one line for each row.")
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            if not _decodes(path, name, encoding):
                raise SheetError(
                    f"{name} begins as {encoding[:6].upper()} text but breaks off; save it again."
                )
            return encoding, []
    wide = _wide(head)
    if wide and _decodes(path, name, wide):
        return wide, [f"The file does not say how its letters are written; read as {wide.upper()}."]
    if _decodes(path, name, "utf-8"):
        return "utf-8", []
    if given:
        return _given(path, name, given), []
    guess = "cp1252" if _decodes(path, name, "cp1252") else "latin-1"
    _refuse_binary(head, name)
    return guess, [
        f"The file is not UTF-8; read as {'Windows-1252' if guess == 'cp1252' else 'Latin-1'}, "
        "so look at letters with accents in the first rows, or save it again as “CSV UTF-8”."
    ]


def _given(path: Path, name: str, given: str) -> str:
    try:
        "".encode(given)
    except LookupError:
        raise SheetError(f"{quoted(given)} is not a text encoding; write one like utf-8 or cp1250.") from None
    if not _decodes(path, name, given):
        raise SheetError(
            f"{name} cannot be read as {given}; try another encoding, or save it as “CSV UTF-8”."
        )
    return given


def _wide(head: bytes) -> str | None:
    """UTF-16 without a BOM: its delimiters and Latin letters have every other byte zero."""
    pairs = len(head) // 2
    even, odd = head[0 : pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
    few = max(1, pairs // 25)
    if odd >= few and even * 4 <= odd:
        return "utf-16-le"
    if even >= few and odd * 4 <= even:
        return "utf-16-be"
    return None


def _decodes(path: Path, name: str, encoding: str) -> bool:
    """Whether the whole file is valid in this encoding; it is never held whole."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as stream:
        try:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
                if len(chunk) == CHUNK_BYTES and b"\n" not in chunk and b"\r" not in chunk:
                    raise SheetError(
                        f"{name} has a line of more than a million characters; it is not a sheet."
                    )
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _refuse_binary(head: bytes, name: str) -> None:
    odd = sum(head.count(byte) for byte in (*range(9), *range(14, 32)))
    if odd * 20 > len(head):
        raise SheetError(f"{name} is not a text table; send a CSV or an XLSX file.")


# --- delimiter ---------------------------------------------------------------------------------------


def _vote(sample: str) -> str:
    """The delimiter under which most records have as many cells as the header; wider wins a tie."""
    best, best_score = NO_DELIMITER, (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
            counts = [len(record) for record in islice(reader, SAMPLE_RECORDS) if any(record)]
        except csv.Error:
            continue
        if not counts or counts[0] < 2:
            continue
        agree = sum(count == counts[0] for count in counts[1:])
        score = (agree / max(1, len(counts) - 1), counts[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


# --- records -----------------------------------------------------------------------------------------


class _Lines:
    """Feeds the csv reader and keeps the record's lines, so that reading can begin again after its first."""

    def __init__(self, stream: IO[str], first_line: int) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.line = first_line - 1
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._stream)
        self.line += 1
        self.record.append(line)
        if len(self.record) > MAX_RECORD_LINES:
            raise _NeverClosed
        return line

    def begin_again_after_first(self) -> None:
        rest = self.record[1:]
        self._again.extendleft(reversed(rest))
        self.line -= len(rest)


def _records(stream: IO[str], delimiter: str, first_line: int, name: str) -> Iterator[Record]:
    lines = _Lines(stream, first_line)
    # strict, because otherwise an unclosed quote swallows the rest of the file without a word
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    never_closed = 0
    while True:
        lines.record.clear()
        start = lines.line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _NeverClosed) as problem:
            if len(lines.record) == 1 and "end of data" not in str(problem):
                yield start, Broken(_one_line_problem(str(problem)))
                continue
            never_closed += 1
            if never_closed > MAX_OPEN_QUOTES:
                raise SheetError(
                    f"{name} has more than {MAX_OPEN_QUOTES} quotes that never close, the last on line "
                    f"{start}; save it again as CSV from the spreadsheet."
                ) from None
            yield (
                start,
                Broken(
                    'A quote (") opens here and is never closed; '
                    "close it, or double a quote that is part of the text."
                ),
            )
            lines.begin_again_after_first()
            continue
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield start, cells


def _one_line_problem(problem: str) -> str:
    if "field limit" in problem:
        return "A cell is longer than 131,072 characters; shorten it."
    return (
        'There is text behind a closing quote ("); put the whole cell in quotes and double those inside it.'
    )
