"""A results sheet comes back edited: what its rows say, and what it would do, in numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.intake.columns import identifier
from bot.intake.sheet import Sheet
from bot.intake.spec import BadRow, SheetRow
from bot.pipeline.results import JOB_COLUMN, ROW_COLUMN, added_columns
from storage.records import Job

SHOWN_BAD = 20
"""Rows that cannot be used, of which the problem is kept to be shown."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A row of the returned sheet that cannot be used."""

    line: int
    problem: str


@dataclass(slots=True)
class Diff:
    """What a returned sheet would do. Counts of rows, but for `pictures`, `copied` and `fewer`."""

    changed: int = 0
    mended: int = 0
    """Could not be used before."""
    new: int = 0
    again: int = 0
    """Failed, and unchanged."""
    unchanged: int = 0
    gone: int = 0
    """In the job and not in the sheet."""
    busy: int = 0
    """Changed, but their pictures are being made."""
    refused: int = 0
    doubtful: int = 0
    """Unchanged, and left alone."""
    bad_rows: int = 0
    bad: list[Bad] = field(default_factory=list)
    pictures: int = 0
    """To be made, copies not counted."""
    copied: int = 0
    """Made before, or made once for several rows."""
    fewer: int = 0
    """Pictures of changed rows that are not asked for any more; they stay."""
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def anything(self) -> bool:
        """Whether there is something to be made."""
        return bool(self.pictures or self.copied)

    @property
    def mark(self) -> str:
        """Equal where the sheet would do the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def object_to(self, line: int, problem: str) -> None:
        self.bad_rows += 1
        if len(self.bad) < SHOWN_BAD:
            self.bad.append(Bad(line, problem))


def whose(sheet: Sheet) -> str | None:
    """The job a returned sheet says it belongs to; empty where its rows do not say; None for other sheets."""
    column = column_of(sheet.columns, JOB_COLUMN)
    if column is None or column_of(sheet.columns, ROW_COLUMN) is None:
        return None
    named = (row.cells.get(column, "").strip().lower() for row in sheet.rows())
    return next((name for name in named if name), "")


def column_of(names: Sequence[str], wanted: str) -> str | None:
    """The last column of this name: an earlier one would be the person's own."""
    return next((name for name in reversed(names) if identifier(name) == wanted), None)


@dataclass(frozen=True, slots=True)
class Back:
    """A row of the returned sheet."""

    line: int
    number: int | None
    """Of the job's row; None: a new one."""
    cells: Mapping[str, str]
    """The person's own columns that the sheet has."""
    problem: str | None = None


class Returned:
    """The rows of a returned sheet, as often as asked."""

    def __init__(self, job: Job, sheet: Sheet) -> None:
        self._job, self._sheet = job, sheet
        ours = {identifier(column) for column in added_columns(job)}
        own = [name for name in job.columns if identifier(name) not in ours]
        new = [name for name in sheet.columns if name not in own and identifier(name) not in ours]
        self.columns: tuple[str, ...] = (*own, *new)
        """The person's own, known ones first."""

    def rows(self) -> Iterator[Back]:
        job_column = column_of(self._sheet.columns, JOB_COLUMN) or ""
        row_column = column_of(self._sheet.columns, ROW_COLUMN) or ""
        mine = [name for name in self._sheet.columns if name in self.columns]
        for row in self._sheet.rows():
            number = row.cells.get(row_column, "").strip().removesuffix(".0")
            own = {name: row.cells[name] for name in mine if name in row.cells}
            problem = self._problem(row, row.cells.get(job_column, "").strip().lower(), number)
            yield Back(row.line, int(number) if number and problem is None else None, own, problem)

    def _problem(self, row: SheetRow | BadRow, job_id: str, number: str) -> str | None:
        if isinstance(row, BadRow):
            return row.problem
        if job_id and job_id != self._job.id:
            return f"It is a row of job {job_id}, not of {self._job.id}."
        if number and not (number.isascii() and number.isdigit() and len(number) < 9):
            return f"“{number[:30]}” is not the number of a row; leave it as it was."
        return None
