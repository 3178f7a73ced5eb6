"""A sheet that came back is written into its job, within one transaction of the caller. Who calls this is
`store`.

All of it or nothing: where one of the pictures has moved since the sheet was compared, StaleTransitionError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from storage import voting
from storage.copies import COPIED, OWN
from storage.each import IN_LIST
from storage.moves import columns, move_items, move_one
from storage.pictures import FIRST
from storage.records import Item, Row
from storage.states import (
    ENDED_JOBS,
    FINAL_ITEMS,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    ReviewEvent,
    ReviewState,
    StaleTransitionError,
)
from storage.tables import table

JOB, ROW, ITEM = table("job"), table("row"), table("item")

OPEN_JOBS = ENDED_JOBS | {JobState.RUNNING, JobState.PAUSED}
"""Jobs a sheet can be returned to."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a returned sheet changes. Numbers of new items are negative until they are written, and so are
    references to them in `duplicate_of`.
    """

    rows: Sequence[Row] = ()
    """New ones."""
    changed: Sequence[Row] = ()
    """Known ones, as they are now."""
    mended: int = 0
    """How many of those could not be used before."""
    made: Sequence[tuple[Item | None, Item]] = ()
    """(the version it takes the place of, the new one)."""
    again: Sequence[int] = ()
    """Items to be sent once more as they are."""
    columns: Sequence[str] | None = None
    """The job's columns, where there are new ones."""
    low: Decimal | None = Decimal(0)
    """What the quote grows by; None: a price is not known."""
    high: Decimal | None = Decimal(0)


def take(c: Connection, job_id: str, taken: Taken, person: str, at: datetime, once: str) -> bool:
    """Write it; False if this asking was followed before. Raises StaleTransitionError."""
    if voting.asked_before(c, job_id, person, once, at):
        return False
    _open(c, job_id, person, at)
    _replace(c, job_id, [seen for seen, _ in taken.made if seen is not None], person, at)
    _insert_items(c, job_id, taken.made, at)
    _send_again(c, job_id, taken.again, person, at)
    if taken.rows:
        c.execute(insert(ROW), [columns(row) for row in taken.rows])
    for row in taken.changed:
        known = and_(ROW.c.job_id == job_id, ROW.c.number == row.number)
        values = {"cells": dict(row.cells), "key": row.key, "problem": row.problem}
        c.execute(update(ROW).where(known).values(**values))
    _grow(c, job_id, taken)
    return True


def _open(c: Connection, job_id: str, person: str, at: datetime) -> None:
    """A job that has ended goes on."""
    state = JobState(c.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one())
    if state not in OPEN_JOBS:
        raise StaleTransitionError(f"job {job_id} is {state}; no sheet can be returned to it")
    if state in ENDED_JOBS:
        move_one(c, "job", job_id, job_id, JobEvent.REOPEN, at, person, finished_at=None)


def _replace(c: Connection, job_id: str, seen: Sequence[Item], person: str, at: datetime) -> None:
    """The versions seen are replaced, if every one of them is as it was."""
    for review in sorted({item.review for item in seen}):
        for numbers in _parts([item.number for item in seen if item.review is review]):
            same = and_(
                ITEM.c.job_id == job_id,
                ITEM.c.number.in_(numbers),
                ITEM.c.state.in_(list(FINAL_ITEMS)),
                ITEM.c.review == review,
            )
            moved = voting.move(c, same, ReviewEvent.REPLACE, person, at, "sheet returned")
            if moved != len(numbers):
                raise StaleTransitionError(f"{len(numbers) - moved} pictures of job {job_id} moved meanwhile")


def _insert_items(c: Connection, job_id: str, made: Sequence[tuple[Item | None, Item]], at: datetime) -> None:
    if not made:
        return
    last = c.execute(select(func.max(ITEM.c.number)).where(ITEM.c.job_id == job_id)).scalar() or 0
    numbers = {new.number: last + place for place, (_, new) in enumerate(made, 1)}
    newest = _newest(c, job_id, [seen.first for seen, _ in made if seen is not None])
    values = []
    for seen, new in made:
        copied = new.duplicate_of
        original = numbers.get(copied, copied) if copied is not None else None
        state = ItemState.WAITING if original is None else ItemState.COPYING
        item = replace(
            new,
            number=numbers[new.number],
            duplicate_of=original,
            state=state,
            moved_at=at,
            due_at=at if original is None else None,
            version=1 if seen is None else newest[seen.first] + 1,
            version_of=None if seen is None else seen.first,
        )
        values.append(columns(item))
    c.execute(insert(ITEM), values)


def _newest(c: Connection, job_id: str, firsts: Sequence[int]) -> dict[int, int]:
    """The highest version of each picture."""
    found: dict[int, int] = {}
    for some in _parts(firsts):
        query = select(FIRST, func.max(ITEM.c.version)).where(ITEM.c.job_id == job_id, FIRST.in_(some))
        found.update((first, version) for first, version in c.execute(query.group_by(FIRST)))
    return found


def _send_again(c: Connection, job_id: str, numbers: Sequence[int], person: str, at: datetime) -> None:
    fresh: dict[str, Any] = {"attempts": 0, "failure_kind": None, "failure_code": None, "reason": None}
    for some in _parts(numbers):
        mine = and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(some), ITEM.c.review != ReviewState.REPLACED)
        moved = move_items(c, ItemEvent.REOPEN, [mine, OWN], at, person=person, due_at=at, **fresh)
        moved += move_items(c, ItemEvent.REOPEN_COPY, [mine, COPIED], at, person=person, **fresh)
        if moved != len(some):
            raise StaleTransitionError(f"{len(some) - moved} pictures of job {job_id} moved meanwhile")


def _grow(c: Connection, job_id: str, taken: Taken) -> None:
    """The job's own counts and quote."""
    job = c.execute(select(JOB).where(JOB.c.id == job_id)).one()
    added = [new for seen, new in taken.made if seen is None]
    values: dict[str, Any] = {
        "rows": job.rows + len(taken.rows),
        "bad_rows": job.bad_rows - taken.mended,
        "items": job.items + len(added),
        "duplicates": job.duplicates + sum(new.duplicate_of is not None for new in added),
        "quoted_low": _sum(job.quoted_low, taken.low),
        "quoted_high": _sum(job.quoted_high, taken.high),
    }
    if taken.columns is not None:
        values["columns"] = list(taken.columns)
    c.execute(update(JOB).where(JOB.c.id == job_id).values(**values))


def _sum(quoted: Decimal | None, more: Decimal | None) -> Decimal | None:
    return None if quoted is None or more is None else quoted + more


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), IN_LIST):
        yield numbers[start : start + IN_LIST]
