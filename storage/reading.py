"""How rows become records: one at a time, all at once, or page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select

from storage.records import (
    Announcement,
    AnnouncementState,
    InboxEntry,
    InboxState,
    Item,
    Job,
    Submission,
    Vote,
)
from storage.shelved import Export, ExportState, Schedule, ScheduleState
from storage.states import ItemState, JobState, ReviewState, SubmissionState

R = TypeVar("R")

PAGE = 1000
"""Rows read at a time when streaming."""

_ENUMS: Mapping[type[Any], Mapping[str, type[Any]]] = {
    Job: {"state": JobState},
    Item: {"state": ItemState, "review": ReviewState},
    Submission: {"state": SubmissionState},
    InboxEntry: {"state": InboxState},
    Announcement: {"state": AnnouncementState},
    Schedule: {"state": ScheduleState},
    Export: {"state": ExportState},
    Vote: {"verdict": ReviewState},
}

_NAMES: dict[type[Any], tuple[str, ...]] = {}


def record_of(record: type[R], row: Any) -> R:
    """The row as a record; states become their enums."""
    names = _NAMES.get(record)
    if names is None:
        names = _NAMES.setdefault(record, tuple(f.name for f in fields(record)))  # type: ignore[arg-type]
    values = row._mapping
    made = {name: values[name] for name in names}
    for name, enum in _ENUMS.get(record, {}).items():
        made[name] = enum(made[name])
    return record(**made)


class Reader:
    """Reads through its own connections; never waits for the writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection

    def _one(self, record: type[R], query: Select[Any]) -> R | None:
        with self._reading() as c:
            row = c.execute(query.limit(1)).first()
        return None if row is None else record_of(record, row)

    def _all(self, record: type[R], query: Select[Any]) -> list[R]:
        with self._reading() as c:
            return [record_of(record, row) for row in c.execute(query)]

    def _pages(self, record: type[R], query: Select[Any], key: Any, limit: int | None) -> Iterator[R]:
        """Keyset pages, so that no read transaction stays open while the caller works."""
        last: Any = None
        left = limit
        while left is None or left > 0:
            page = query if last is None else query.where(key > last)
            size = PAGE if left is None else min(PAGE, left)
            with self._reading() as c:
                rows = c.execute(page.order_by(key).limit(size)).all()
            for row in rows:
                yield record_of(record, row)
            if len(rows) < size:
                return
            last = rows[-1]._mapping[key.name]
            left = None if left is None else left - size
