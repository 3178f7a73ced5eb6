"""A returned sheet against its job: what is new, changed or to be made again. Nothing is written here.

A row counts as changed where it asks for other pictures than before: other words in a column the prompt does
not use, or a number that a spreadsheet wrote differently, make nothing again. What is compared is always the
job as it stands, so the same sheet returned twice asks for nothing the second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

from bot.intake.columns import understand
from bot.intake.outgoing import guarded, unguarded
from bot.intake.rows import row_reader
from bot.intake.sheet import open_sheet
from bot.intake.spec import JobSpec, SheetRow, Wish
from bot.intake.template import compile_template
from bot.pipeline import prices
from bot.pipeline.create import SPEC
from bot.pipeline.health import behind
from bot.pipeline.plan import PlanError
from bot.pipeline.planner import Planner
from bot.pipeline.results import ROW_COLUMN
from bot.pipeline.returned import Back, Diff, Returned
from bot.runtime import Context
from providers.base import Lane
from storage.records import Item, Job, Row
from storage.returning import Taken
from storage.states import FINAL_ITEMS, ItemState, ReviewState

PAGE = 500
"""Rows compared together; bounds memory."""

AGAIN = frozenset({ItemState.FAILED, ItemState.EXPIRED})
"""Unchanged pictures that are sent again. Refused ones would be refused again, those in doubt may be paid
twice, and cancelled ones were not wanted.
"""


def compare(ctx: Context, job: Job, path: Path, name: str, now: datetime) -> tuple[Diff, Taken]:
    """What the sheet at `path` would do to its job, and the same ready to be written. Raises SheetError, and
    PlanError or TemplateError where nothing can be made of the job any more.
    """
    returned = Returned(job, open_sheet(path, name=name))
    comparison = _Comparison(ctx, job, returned, now)
    rows = returned.rows()
    while page := list(islice(rows, PAGE)):
        comparison.take(page)
    return comparison.end()


def _wants(wish: Wish) -> tuple[object, ...]:
    """What makes it another picture."""
    return (
        wish.prompt,
        wish.provider,
        wish.model,
        wish.size,
        wish.quality,
        wish.background,
        wish.references,
    )


class _Comparison:
    """One returned sheet against its job. Memory grows with what is new, not with the sheet."""

    def __init__(self, ctx: Context, job: Job, returned: Returned, now: datetime) -> None:
        self._ctx, self._job = ctx, job
        self.diff = Diff()
        self._columns = returned.columns
        self._grown: dict[str, None] = {}
        """New columns that something is written in, in order."""
        self._spec = _spec_of(job)
        cards = prices.cards(ctx)
        known = understand(self._columns, len(self._columns))
        template = None
        if self._spec.template:
            template = compile_template(self._spec.template, known.names, self._spec.mapping)
        self._read = row_reader(known, self._spec, template, cards=cards)
        late = behind(ctx, now) if self._spec.route else {}
        self._planner = Planner(job.id, self._spec, cards, ctx.policy, now, late)
        self._seen: set[int] = set()
        self._fresh: dict[bytes, Back] = {}
        self._made: list[tuple[Item | None, Item]] = []
        self._kept: dict[int, int] = {}
        """Planner's number -> item that stands for it already."""
        self._changed: list[Row] = []
        self._rows: list[Row] = []
        self._again: list[Item] = []

    # --- comparing ---------------------------------------------------------------------------------

    def take(self, page: Sequence[Back]) -> None:
        """Compare some rows."""
        numbers = [back.number for back in page if back.number is not None and back.problem is None]
        rows = self._ctx.queries.rows_by_number(self._job.id, numbers)
        items = self._ctx.queries.items_by_row(self._job.id, numbers)
        for back in page:
            if back.problem is not None:
                self.diff.object_to(back.line, back.problem)
            elif back.number is None:
                self._note_fresh(back)
            elif back.number not in rows:
                self.diff.object_to(
                    back.line, f"The job has no row {back.number}; leave the number as it was."
                )
            elif back.number in self._seen:
                self.diff.object_to(
                    back.line,
                    f"Row {back.number} is in the sheet twice; empty {ROW_COLUMN} in the copy to make it a "
                    "new row.",
                )
            else:
                self._seen.add(back.number)
                self._known(back, rows[back.number], items.get(back.number, ()))

    def _note_fresh(self, back: Back) -> None:
        """A row without a number. Twice the same is one: the copy would be the same picture."""
        cells = {name: unguarded(value) for name, value in back.cells.items()}
        if any(cells.values()):
            self._fresh.setdefault(self._print(cells), replace(back, cells=cells))

    def _print(self, cells: Mapping[str, str]) -> bytes:
        text = "\x1f".join(f"{name}\x1e{_plain(cells.get(name, ''))}" for name in self._columns)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]

    def _known(self, back: Back, row: Row, items: Sequence[Item]) -> None:
        cells = {**row.cells}
        for name, value in back.cells.items():
            cells[name] = _as_stored(value, row.cells.get(name, ""))
        edited = any(value != row.cells.get(name, "") for name, value in cells.items())
        if row.problem is not None:
            self._unusable_before(back, replace(row, cells=cells), edited=edited)
            return
        current = [item for item in items if item.review is not ReviewState.REPLACED]
        if not edited:
            self._unedited(current)
            return
        try:
            wishes = self._wishes(row.number, row.line, cells)
        except ValueError as problem:
            self.diff.object_to(back.line, str(problem))
            return
        before = self._before(row)
        other = {wish.variant for wish in wishes if before.get(wish.variant) != _wants(wish)}
        if not other:
            self._changed.append(replace(row, cells=cells))
            self._unedited(current)
        elif any(item.state not in FINAL_ITEMS for item in current):
            self.diff.busy += 1
        else:
            self._rework(back, replace(row, cells=cells), items, wishes, other)

    def _before(self, row: Row) -> Mapping[int, tuple[object, ...]]:
        """What the row asked for as it stood, by variant."""
        try:
            return {wish.variant: _wants(wish) for wish in self._wishes(row.number, row.line, row.cells)}
        except ValueError:
            return {}

    def _wishes(self, number: int, line: int, cells: Mapping[str, str]) -> list[Wish]:
        """Raises ValueError with the row's problem."""
        full = {name: cells.get(name, "") for name in self._columns}
        return self._read(SheetRow(number, line, full))

    def _unedited(self, current: Sequence[Item]) -> None:
        failed = [item for item in current if item.state in AGAIN]
        if failed:
            self.diff.again += 1
            self._again += failed
            return
        self.diff.unchanged += 1
        self.diff.refused += any(item.state is ItemState.REFUSED for item in current)
        self.diff.doubtful += any(item.state is ItemState.IN_DOUBT for item in current)

    def _unusable_before(self, back: Back, row: Row, *, edited: bool) -> None:
        if not edited:
            self.diff.object_to(back.line, str(row.problem))
            return
        found = self._planned(back, row)
        if found is not None:
            key, items = found
            self.diff.mended += 1
            self._changed.append(replace(row, key=key, problem=None))
            self._made += [(None, item) for item in items]

    def _planned(self, back: Back, row: Row) -> tuple[str, list[Item]] | None:
        """The row's key and all its pictures as new ones; None, and its problem noted, where it has one."""
        try:
            wishes = self._wishes(row.number, row.line, row.cells)
            items = self._planner.add([_with_reference(wish, ()) for wish in wishes])
        except ValueError as problem:
            self.diff.object_to(back.line, str(problem))
            return None
        self._grow(row.cells)
        return wishes[0].key if wishes else "", [_provisional(item) for item in items]

    def _rework(
        self, back: Back, row: Row, items: Sequence[Item], wishes: Sequence[Wish], other: set[int]
    ) -> None:
        """New versions of what the row asks for otherwise, and pictures it did not ask for before."""
        firsts = [item for item in items if item.version_of is None]
        newest = {item.first: item for item in items if item.review is not ReviewState.REPLACED}
        try:
            mine = [
                _with_reference(wish, [item for item in firsts if item.variant == wish.variant])
                for wish in wishes
            ]
            planned = self._planner.add(mine)
        except ValueError as problem:
            self.diff.object_to(back.line, str(problem))
            return
        made: list[tuple[Item | None, Item]] = []
        for variant in dict.fromkeys(item.variant for item in planned):
            known = [
                newest[item.first] for item in firsts if item.variant == variant and item.first in newest
            ]
            for place, item in enumerate(new for new in planned if new.variant == variant):
                seen = known[place] if place < len(known) else None
                if variant in other or seen is None:
                    made.append((seen, _provisional(item)))
                else:
                    self._kept[item.number] = seen.number
        asked = {item.variant for item in planned}
        self.diff.fewer += sum(item.variant not in asked for item in firsts)
        self.diff.changed += 1
        self._made += made
        self._changed.append(row)
        self._grow(row.cells)

    def _grow(self, cells: Mapping[str, str]) -> None:
        for name in self._columns:
            if name not in self._job.columns and cells.get(name):
                self._grown[name] = None

    # --- the end -----------------------------------------------------------------------------------

    def end(self) -> tuple[Diff, Taken]:
        self._add_fresh()
        diff = self.diff
        diff.gone = self._job.rows - len(self._seen)
        self._copy_what_was_made()
        to_make = [item for _, item in self._made if item.duplicate_of is None]
        to_make += [item for item in self._again if item.duplicate_of is None]
        diff.pictures = len(to_make)
        diff.copied = len(self._made) + len(self._again) - len(to_make)
        priced = [item for item in to_make if item.quoted_low is not None and item.quoted_high is not None]
        diff.low = sum((item.quoted_low or Decimal(0) for item in priced), Decimal(0))
        diff.high = sum((item.quoted_high or Decimal(0) for item in priced), Decimal(0))
        diff.unpriced = len(to_make) - len(priced)
        known = not diff.unpriced
        taken = Taken(
            rows=self._rows,
            changed=self._changed,
            mended=diff.mended,
            made=self._made,
            again=[item.number for item in self._again],
            columns=[*self._job.columns, *self._grown] if self._grown else None,
            low=diff.low if known else None,
            high=diff.high if known else None,
        )
        return diff, taken

    def _add_fresh(self) -> None:
        """Rows without a number that are not in the job yet: they are, if this sheet was returned before."""
        if not self._fresh:
            return
        for row in self._ctx.queries.rows(self._job.id):
            found = self._fresh.pop(self._print(row.cells), None)
            if found is not None and row.number not in self._seen:
                self._seen.add(row.number)
                self.diff.unchanged += 1
        number = self._ctx.queries.last_row(self._job.id)
        for back in self._fresh.values():
            # Its line is where it will stand in the next results sheet.
            row = Row(self._job.id, number + 1, number + 2, "", dict(back.cells))
            found_items = self._planned(back, row)
            if found_items is not None:
                number += 1
                key, items = found_items
                self._rows.append(replace(row, key=key))
                self._made += [(None, item) for item in items]
                self.diff.new += 1

    def _copy_what_was_made(self) -> None:
        """What the job has a kept picture of, asked for in the same words, is copied and not paid again."""
        fingerprints = {item.fingerprint for _, item in self._made if item.duplicate_of is None}
        before = self._ctx.queries.made_before(self._job.id, fingerprints)
        mine = {item.number for _, item in self._made}
        made = []
        for seen, planned in self._made:
            item, original = planned, planned.duplicate_of
            if original is None:
                original = before.get(item.fingerprint)
            elif original not in mine:
                original = self._kept.get(-original)
            if original is not None:
                free = Decimal(0)
                item = replace(item, duplicate_of=original, quoted_low=free, quoted_high=free)
            made.append((seen, item))
        self._made = made


def _provisional(item: Item) -> Item:
    """With negative numbers, which the data store puts its own for."""
    copied = None if item.duplicate_of is None else -item.duplicate_of
    return replace(item, number=-item.number, duplicate_of=copied)


def _spec_of(job: Job) -> JobSpec:
    """The job's options for pictures that are asked for now: without what was said of its beginning."""
    spec = SPEC.validate_python(job.spec)
    return replace(
        spec,
        lane=Lane(job.lane),
        deadline=None,
        rush=False,
        pilot=None,
        budget_usd=None,
        chunk=None,
        reuse=None,
    )


def _with_reference(wish: Wish, items: Sequence[Item]) -> Wish:
    """References by address stay; files that were given with the first sheet are those of the row's items."""
    if not wish.references or all(name.startswith("https://") for name in wish.references):
        return wish
    kept = next((item.references for item in items if item.references), None)
    if kept is None or len(kept) != len(wish.references):
        raise PlanError(
            "a reference picture cannot be given with a returned sheet; write its https address, or hand the "
            "row in as a new batch"
        )
    return replace(wish, references=tuple(kept))


def _as_stored(value: str, stored: str) -> str:
    """A returned cell: the stored one where only a spreadsheet's habits make them differ."""
    if _plain(value) in (_plain(stored), _plain(guarded(stored))):
        return stored
    return unguarded(value)


def _plain(value: str) -> str:
    """Line breaks as one kind: spreadsheets write their own."""
    return value.replace("\r\n", "\n").replace("\r", "\n")
