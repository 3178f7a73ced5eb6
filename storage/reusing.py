"""Pictures approved in earlier jobs: found by fingerprint, taken into a planned job, held until copied.

An item that is to be a copy names its source: the job, the item there, and who approved it. While it is
PLANNED or COPYING nothing may remove that source's files (`storage.pruning`); once STORED it has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    column,
    exists,
    func,
    insert,
    select,
    true,
    update,
    values,
)

from storage.copies import REUSED
from storage.each import IN_LIST, update_each
from storage.reading import Reader, record_of
from storage.records import Item
from storage.states import ItemState, JobState, ReviewState, StaleTransitionError
from storage.tables import table

JOB, ITEM, EVENT, THREAD = table("job"), table("item"), table("event"), table("thread")

REUSE, MAKE_ANEW = "reuse", "make_anew"
"""Events of lines of history about a job: its state stays as it is."""

PENDING = (ItemState.PLANNED, ItemState.COPYING)
"""An item in one of these has not copied its source yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs are told about; what was approved there may be reused there."""

    team: str
    channel: str


@dataclass(frozen=True, slots=True)
class Reuse:
    """An item of a planned job, and the approved picture that would do for it."""

    number: int
    job_id: str
    item: int
    master_key: str
    person: str = ""
    """Who approved it; empty: nobody knows."""


class Reusing(Reader):
    """Reads about pictures that are reused; part of `Queries`."""

    def approved_before(self, job_id: str, place: Place | None) -> Iterator[Reuse]:
        """For the originals of a planned job, in sheet order: the pictures of the same request that were
        approved in other jobs of that place (None: anywhere) and are kept, the newest approval first.

        A new version made with the words of the first is the same request; one with other words is another.
        """
        with self._reading() as c:
            found = c.execute(_matches(*_planned(job_id), place)).all()
        for row in found:
            yield Reuse(row.number, row.job_id, row.item, row.master_key, row.person or "")

    def approved_like(self, items: Sequence[Item], place: Place | None) -> Sequence[Reuse]:
        """The same for items that are not written down, some hundreds at a time."""
        if not items:
            return []
        given = values(
            *(column(name, ITEM.c[name].type) for name in ("job_id", "number", *_REQUEST)), name="wanted"
        )
        rows = [(one.job_id, one.number, one.provider, one.model, one.fingerprint) for one in items]
        with self._reading() as c:
            found = c.execute(_matches(given.data(rows).cte("wanted"), (), place)).all()
        return [Reuse(row.number, row.job_id, row.item, row.master_key, row.person or "") for row in found]

    def reusable(self, job_id: str, place: Place | None) -> tuple[int, Decimal, int]:
        """For how many originals of a planned job `approved_before` finds something, what making them costs
        in USD at most as they are planned, and of how many that is not known.
        """
        numbers = select(_matches(*_planned(job_id), place).order_by(None).subquery().c.number)
        query = select(
            func.count(),
            func.coalesce(func.sum(ITEM.c.quoted_high), 0),
            func.count().filter(ITEM.c.quoted_high.is_(None)),
        ).where(ITEM.c.job_id == job_id, ITEM.c.number.in_(numbers))
        with self._reading() as c:
            number, usd, unknown = c.execute(query).one()
        return int(number), Decimal(usd), int(unknown)

    def sources(self, job_id: str, after: int, limit: int) -> Sequence[tuple[int, Item | None]]:
        """Items that have not copied their source yet, by number, each with the source if it is still
        approved and kept.
        """
        wanted = ITEM.alias("wanted")
        source = and_(
            ITEM.c.job_id == wanted.c.reused_job,
            ITEM.c.number == wanted.c.reused_item,
            ITEM.c.state == ItemState.STORED,
            ITEM.c.review == ReviewState.APPROVED,
            ITEM.c.master_key.is_not(None),
        )
        mine = (wanted.c.job_id == job_id, wanted.c.reused_job.is_not(None), wanted.c.state.in_(PENDING))
        query = (
            select(wanted.c.number.label("wanted_by"), ITEM)
            .select_from(wanted.outerjoin(ITEM, source))
            .where(*mine, wanted.c.number > after)
            .order_by(wanted.c.number)
            .limit(limit)
        )
        with self._reading() as c:
            found = c.execute(query).all()
        return [(row.wanted_by, None if row.job_id is None else record_of(Item, row)) for row in found]

    def reuses_ready(self, job_id: str, limit: int) -> Sequence[tuple[Item, Item | None]]:
        """Items that wait for a copy of an earlier job's picture, each with that; None: it is gone."""
        query = select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.COPYING, REUSED)
        waiting = self._all(Item, query.order_by(ITEM.c.number).limit(limit))
        found: list[tuple[Item, Item | None]] = []
        for item in waiting:
            source = (ITEM.c.job_id == item.reused_job, ITEM.c.number == item.reused_item)
            found.append((item, self._one(Item, select(ITEM).where(*source))))
        return found

    def reused(self, job_id: str) -> tuple[int, Decimal, int]:
        """Pictures a job has from earlier jobs: how many are kept, what making them would have cost in USD at
        the list price, and of how many that is not known.
        """
        kept = (ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, REUSED)
        query = select(
            func.count(),
            func.coalesce(func.sum(ITEM.c.quoted_high), 0),
            func.count().filter(ITEM.c.quoted_high.is_(None)),
        ).where(*kept)
        with self._reading() as c:
            number, usd, unknown = c.execute(query).one()
        return int(number), Decimal(usd), int(unknown)

    def standing_reused(self, job_id: str) -> int:
        """The same, without those that a newer version has taken the place of."""
        kept = (ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, REUSED)
        query = select(func.count()).where(*kept, ITEM.c.review != ReviewState.REPLACED)
        with self._reading() as c:
            return int(c.execute(query).scalar_one())


_REQUEST = ("provider", "model", "fingerprint")
"""By which two items ask for the same."""


def _planned(job_id: str) -> tuple[FromClause, Sequence[ColumnElement[bool]]]:
    """The originals of a planned job, and what says which items they are."""
    wanted = ITEM.alias("wanted")
    mine = (wanted.c.job_id == job_id, wanted.c.state == ItemState.PLANNED, wanted.c.duplicate_of.is_(None))
    return wanted, mine


def _matches(wanted: FromClause, mine: Sequence[ColumnElement[bool]], place: Place | None) -> Any:
    """Every approved picture for every one wanted, the newest approval of each first."""
    made, first = ITEM.alias("made"), ITEM.alias("first")
    good = (
        made.c.job_id != wanted.c.job_id,
        made.c.provider == wanted.c.provider,
        made.c.model == wanted.c.model,
        made.c.state == ItemState.STORED,
        made.c.review == ReviewState.APPROVED,
        made.c.master_key.is_not(None),
        _told_in(made.c.job_id, place),
    )
    shown = (
        wanted.c.number,
        made.c.job_id,
        made.c.number.label("item"),
        made.c.master_key,
        made.c.reviewed_by.label("person"),
        made.c.reviewed_at.label("at"),
    )
    as_planned = select(*shown).where(*mine, made.c.fingerprint == wanted.c.fingerprint, *good)
    redone = select(*shown).where(
        *mine,
        first.c.fingerprint == wanted.c.fingerprint,
        made.c.job_id == first.c.job_id,
        made.c.version_of == first.c.number,
        made.c.prompt == first.c.prompt,
        *good,
    )
    both = as_planned.union_all(redone).subquery()
    newest = (both.c.at.is_(None), both.c.at.desc(), both.c.job_id, both.c.item.desc())
    return select(both).order_by(both.c.number, *newest)


def _told_in(job_id: ColumnElement[str], place: Place | None) -> ColumnElement[bool]:
    if place is None:
        return true()
    here = (THREAD.c.team == place.team, THREAD.c.channel == place.channel)
    return exists().where(THREAD.c.job_id == job_id, *here)


# --- writes, within the caller's transaction -------------------------------------------------------------


def choose(
    c: Connection, job_id: str, taken: Iterable[Reuse], at: datetime, person: str, changed: dict[str, Any]
) -> int:
    """These items of a job that has not started are copies, and no others; how many. Of the job these
    columns are `changed` with that. Raises StaleTransitionError if it has started.
    """
    job = c.execute(select(JOB.c.spec, JOB.c.state).where(JOB.c.id == job_id)).first()
    if job is None or job.state not in (JobState.DRAFT, JobState.PLANNED):
        raise StaleTransitionError(f"job {job_id} is {job.state if job else 'gone'}")
    none = {"reused_job": None, "reused_item": None, "reused_by": None}
    c.execute(update(ITEM).where(ITEM.c.job_id == job_id, REUSED).values(**none))
    rows = [
        {"job_id": job_id, "number": one.number, "reused_job": one.job_id, "reused_item": one.item,
         "reused_by": one.person}
        for one in taken
    ]  # fmt: skip
    for start in range(0, len(rows), IN_LIST):
        update_each(c, ITEM, ("job_id", "number"), rows[start : start + IN_LIST])
    spec = {**job.spec, "reuse": "approved" if rows else None}
    c.execute(update(JOB).where(JOB.c.id == job_id).values(spec=spec, **changed))
    note = f"{len(rows)} pictures approved before" if rows else ""
    c.execute(
        insert(EVENT).values(
            at=at, job_id=job_id, subject="job", subject_id=job_id, event=REUSE if rows else MAKE_ANEW,
            note=note, from_state=job.state, to_state=job.state, person=person,
        )
    )  # fmt: skip
    return len(rows)
