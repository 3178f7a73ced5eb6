"""Reads about pictures that came to nothing, and about those that are being tried again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select

from storage.copies import OWN
from storage.pictures import NOT_MADE
from storage.reading import Reader
from storage.records import Item
from storage.sheets import BILLED, KNOWN, UNKNOWN, Spent
from storage.states import UNDER_WAY, ItemState, ReviewState
from storage.tables import table

ITEM, ATTEMPT = table("item"), table("attempt")

End = tuple[str, str, str]
"""How a picture ended: state, failure kind and the provider's code; the last two perhaps empty."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Pictures that ended alike and are still wanted, with what they cost."""

    state: ItemState
    kind: str
    code: str
    count: int
    spent: Spent
    billed: int
    """How many of them were billed at least once."""
    again_usd: Decimal
    """What sending them once more may cost at most; copies are free."""
    unpriced: int
    """Pictures of which that is not known."""

    @property
    def end(self) -> End:
        return self.state.value, self.kind, self.code


@dataclass(frozen=True, slots=True)
class Retrying:
    """Pictures that failed alike, and are being tried again without anybody's doing."""

    kind: str
    code: str
    count: int
    next_at: datetime | None
    """When the first of them is sent again; None: they are at the provider."""


class FailedItems(Reader):
    """These reads; part of `Queries`. What a newer version took the place of is left out everywhere."""

    def failed(self, job_id: str) -> Sequence[Failed]:
        """By how they ended, most first."""
        spent = (
            select(ATTEMPT.c.item, KNOWN.label("usd"), UNKNOWN.label("unpriced"), BILLED.label("billed"))
            .where(
                ATTEMPT.c.job_id == job_id, ATTEMPT.c.item.in_(select(ITEM.c.number).where(*_unmade(job_id)))
            )
            .group_by(ATTEMPT.c.item)
            .subquery()
        )
        alike = (ITEM.c.state, ITEM.c.failure_kind, ITEM.c.failure_code)
        query = (
            select(
                *alike,
                func.count(),
                func.coalesce(func.sum(spent.c.usd), 0),
                func.coalesce(func.sum(spent.c.unpriced), 0),
                func.count().filter(spent.c.billed > 0),
                func.coalesce(func.sum(ITEM.c.quoted_high).filter(OWN), 0),
                func.count().filter(and_(OWN, ITEM.c.quoted_high.is_(None))),
            )
            .select_from(ITEM.outerjoin(spent, spent.c.item == ITEM.c.number))
            .where(*_unmade(job_id))
            .group_by(*alike)
            .order_by(func.count().desc(), *alike)
        )
        with self._reading() as c:
            return [
                Failed(
                    ItemState(state), kind or "", code or "", count,
                    Spent(Decimal(usd), int(unknown)), billed, Decimal(again), unpriced,
                )
                for state, kind, code, count, usd, unknown, billed, again, unpriced in c.execute(query)
            ]  # fmt: skip

    def retrying(self, job_id: str) -> Sequence[Retrying]:
        """Under way after a failure, by what failed, most first."""
        alike = (ITEM.c.failure_kind, ITEM.c.failure_code)
        waits = ITEM.c.state == ItemState.WAITING
        query = (
            select(*alike, func.count(), func.min(ITEM.c.due_at).filter(waits))
            .where(
                ITEM.c.job_id == job_id,
                ITEM.c.state.in_(list(UNDER_WAY)),
                ITEM.c.failure_kind.is_not(None),
                ITEM.c.review != ReviewState.REPLACED,
            )
            .group_by(*alike)
            .order_by(func.count().desc(), *alike)
        )
        with self._reading() as c:
            return [Retrying(kind, code or "", count, at) for kind, code, count, at in c.execute(query)]

    def failed_items(self, job_id: str, ends: Collection[End], limit: int, after: int = 0) -> Sequence[Item]:
        """The first of those that ended in one of these ways, behind item `after`. A copy whose original is
        among them is left out: what is done about that one does for both.
        """
        if not ends:
            return []
        query = select(ITEM).where(*_by_themselves(job_id, ends), ITEM.c.number > after)
        return self._all(Item, query.order_by(ITEM.c.number).limit(limit))

    def failed_after(self, job_id: str, ends: Collection[End], after: int) -> int:
        """How many of those there are behind item `after`."""
        if not ends:
            return 0
        query = select(func.count()).where(*_by_themselves(job_id, ends), ITEM.c.number > after)
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def failed_copies(self, job_id: str, originals: Iterable[int]) -> Sequence[Item]:
        """Copies of these (a few) that share their fate."""
        query = select(ITEM).where(*_unmade(job_id), ITEM.c.duplicate_of.in_(list(originals)))
        return self._all(Item, query.order_by(ITEM.c.number))


def ended_as(ends: Collection[End]) -> ColumnElement[bool]:
    """Whether an item ended in one of these ways."""
    return or_(
        false(),
        *(
            and_(
                ITEM.c.state == state,
                func.coalesce(ITEM.c.failure_kind, "") == kind,
                func.coalesce(ITEM.c.failure_code, "") == code,
            )
            for state, kind, code in ends
        ),
    )


def _by_themselves(job_id: str, ends: Collection[End]) -> tuple[ColumnElement[bool], ...]:
    """Not the copies of one that is not made either."""
    other = ITEM.alias("other")
    with_it = exists().where(
        other.c.job_id == ITEM.c.job_id,
        other.c.number == ITEM.c.duplicate_of,
        other.c.state.in_(list(NOT_MADE)),
        other.c.review != ReviewState.REPLACED,
    )
    return (*_unmade(job_id), ended_as(ends), ~with_it)


def _unmade(job_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ITEM.c.job_id == job_id,
        ITEM.c.state.in_(list(NOT_MADE)),
        ITEM.c.review != ReviewState.REPLACED,
    )
