"""What is stored about a person, found by their id wherever it stands, and taken out of it.

Every table is looked through, so that one that is new is not forgotten: columns of text and of JSON, the id
as a word by itself. A look reads all of the data store; it is asked for rarely.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Engine,
    String,
    Table,
    and_,
    cast,
    delete,
    false,
    insert,
    or_,
    select,
    update,
)

from storage.mail import UNWANTED
from storage.reading import Reader
from storage.shelved import ScheduleState
from storage.states import ReviewState
from storage.tables import METADATA, table
from storage.writer import Writer

EVENT, DRAFT, PRESET, SCHEDULE = table("event"), table("draft"), table("preset"), table("schedule")
EXPORT, MEMO, UPLOAD, VOTE = table("export"), table("memo"), table("upload"), table("vote")

ERASE = "erase"
"""The event of the line of history that says that a person was erased."""

BINDING = ("approvers", "approval_usd", "quorum")
"""What a preset binds a whole channel with; one that holds any of it is the channel's, not a person's."""


RESULTS, ARCHIVES = "/gallery/results-", "/export/"
"""In the keys of files that name everybody who approved a picture of the job."""


class People(Reader):
    """Reads and writes about one person; part of `Shelf`."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    def everything(self, person: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every row in which the id stands, by table, in the order of the keys."""
        with self._reading() as c:
            for tbl in METADATA.sorted_tables:
                query = select(tbl).where(_mentions(tbl, person)).order_by(*tbl.primary_key.columns)
                for row in c.execution_options(yield_per=1000).execute(query):
                    values = dict(row._mapping)
                    if any(_holds(value, person) for value in values.values()):
                        yield tbl.name, values

    def named_in_files(self, person: str) -> Sequence[str]:
        """The jobs whose results sheets and archives name the person: who approved a picture is in them."""
        query = select(VOTE.c.job_id).where(_approved(person)).distinct()
        with self._reading() as c:
            return list(c.execute(query.order_by(VOTE.c.job_id)).scalars())

    def erase(self, person: str, alias: str, at: datetime, by: str) -> Mapping[str, int]:
        """Put `alias` for the id everywhere, and drop what was theirs alone: drafts, and presets that bind
        nobody. Their schedules end, and files at the messenger that name them are unwanted. How many rows of
        each table; all of it or nothing. Done again, it finds nothing.
        """
        with self._writer.transaction() as c:
            counts = {"draft": c.execute(delete(DRAFT).where(DRAFT.c.person == person)).rowcount}
            counts["files handed over"] = _unwant_files(c, person, at)
            _forget_names(c, person)
            counts["preset"] = _drop_presets(c, person)
            mine = and_(SCHEDULE.c.person == person, SCHEDULE.c.state != ScheduleState.ENDED)
            c.execute(update(SCHEDULE).where(mine).values(state=ScheduleState.ENDED.value, next_at=None))
            for tbl in METADATA.sorted_tables:
                counts[tbl.name] = counts.get(tbl.name, 0) + _put(c, tbl, person, alias)
            if any(counts.values()):
                c.execute(
                    insert(EVENT).values(
                        at=at, job_id="", subject="person", subject_id=alias, event=ERASE, from_state="",
                        to_state="", note=f"{sum(counts.values())} rows", person=by,
                    )
                )  # fmt: skip
        return {name: number for name, number in counts.items() if number}


def _texts(tbl: Table) -> list[Any]:
    # SQLModel's own type of text is a decorator around SQL's.
    return [c for c in tbl.columns if isinstance(getattr(c.type, "impl", c.type), String | JSON)]


def _mentions(tbl: Table, person: str) -> Any:
    """Coarse: the id anywhere in a text."""
    return or_(false(), *(cast(column, String).contains(person, autoescape=True) for column in _texts(tbl)))


def _put(c: Connection, tbl: Table, person: str, alias: str) -> int:
    keys = list(tbl.primary_key.columns)
    found = c.execute(select(tbl).where(_mentions(tbl, person))).all()
    changed = 0
    for row in found:
        old = row._mapping
        new = {
            column.name: swapped
            for column in _texts(tbl)
            if (swapped := swap(old[column.name], person, alias)) != old[column.name]
        }
        if new:
            if new.keys() & {key.name for key in keys}:
                # Said before under the alias as well: the later word stays.
                c.execute(delete(tbl).where(*(key == new.get(key.name, old[key.name]) for key in keys)))
            c.execute(update(tbl).where(*(key == old[key.name] for key in keys)).values(**new))
            changed += 1
    return changed


def _approved(person: str) -> Any:
    return and_(VOTE.c.person == person, VOTE.c.verdict == ReviewState.APPROVED)


def _unwant_files(c: Connection, person: str, at: datetime) -> int:
    """What was handed over with the person's name in it is to be deleted at the messenger; how many files."""
    theirs = UPLOAD.c.job_id.in_(select(VOTE.c.job_id).where(_approved(person)))
    known = select(MEMO.c.name).where(MEMO.c.scope == UNWANTED)
    named = or_(UPLOAD.c.blob_key.contains(RESULTS), UPLOAD.c.blob_key.contains(ARCHIVES))
    keys = list(
        c.execute(select(UPLOAD.c.blob_key).where(theirs, named, UPLOAD.c.blob_key.not_in(known))).scalars()
    )
    if keys:
        rows = [{"scope": UNWANTED, "name": key, "value": None, "at": at} for key in keys]
        c.execute(insert(MEMO), rows)
    return len(keys)


def _forget_names(c: Connection, person: str) -> None:
    """Exports were asked for with the names of those who had approved, by id."""
    wishes = c.execute(select(EXPORT.c.id, EXPORT.c.wish).where(_mentions(EXPORT, person))).all()
    for row in wishes:
        people = row.wish.get("people") or {}
        if people.pop(person, None) is not None:
            wish = {**row.wish, "people": {**people, person: person}}
            c.execute(update(EXPORT).where(EXPORT.c.id == row.id).values(wish=wish))


def _drop_presets(c: Connection, person: str) -> int:
    theirs = c.execute(select(PRESET).where(PRESET.c.changed_by == person)).all()
    dropped = 0
    for row in theirs:
        if any(row.body.get(name) for name in BINDING):
            continue
        same = (PRESET.c.team == row.team, PRESET.c.channel == row.channel, PRESET.c.name == row.name)
        dropped += c.execute(delete(PRESET).where(*same)).rowcount
    return dropped


def swap(value: Any, person: str, alias: str) -> Any:
    """The value with the alias wherever the id stands as a word."""
    if isinstance(value, str):
        return re.sub(rf"(?<![A-Za-z0-9]){re.escape(person)}(?![A-Za-z0-9])", alias, value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(swap(text, person, alias))
    return value


def _holds(value: Any, person: str) -> bool:
    return bool(swap(value, person, "") != value)
