"""Pictures as people see them: one place in the sheet, whatever versions of it there are. Reads only.

A picture is called by the number of its first version. The version that counts is the one that is not
replaced; while a newer one is being made, the newest there is stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, or_, select

from storage.reading import PAGE, Reader
from storage.records import Item, Vote
from storage.states import FINAL_ITEMS, ItemState, ReviewState
from storage.tables import table

ITEM, VOTE, EVENT = table("item"), table("vote"), table("event")

FIRST: ColumnElement[int] = func.coalesce(ITEM.c.version_of, ITEM.c.number)
"""What people call the picture."""

NOT_MADE = FINAL_ITEMS - {ItemState.STORED}

MOST_RANGES = 200
"""Ranges in one statement; more are taken in turn."""

Ranges = Sequence[tuple[int, int]]
"""Numbers of pictures as (first, last), both included."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which pictures a person wants to look at; with nothing set, all that are made."""

    review: ReviewState | None = None
    flagged: bool = False
    """Those the quality gate was not happy with."""
    failed: bool = False
    """Those that were not made."""
    model: str | None = None


class Pictures(Reader):
    """Reads of reviews and versions. Each page is one query, however large the job."""

    def counts(self, job_id: str) -> Mapping[ReviewState, int]:
        """Pictures that are made, by what is thought of them; one being made again counts as replaced."""
        query = select(ITEM.c.review, func.count()).where(_made(job_id)).group_by(ITEM.c.review)
        with self._reading() as c:
            return {ReviewState(review): count for review, count in c.execute(query)}

    def counts_within(self, job_id: str, ranges: Ranges) -> Mapping[ReviewState, int]:
        """The same for the pictures of these numbers only."""
        found: dict[ReviewState, int] = {}
        for some in in_turn(ranges):
            query = select(ITEM.c.review, func.count()).where(_made(job_id), within(some))
            with self._reading() as c:
                for review, count in c.execute(query.group_by(ITEM.c.review)):
                    found[ReviewState(review)] = found.get(ReviewState(review), 0) + count
        return found

    def standing(self, job_id: str) -> Mapping[ItemState, int]:
        """Pictures, not versions, by state: what is replaced is left out."""
        query = select(ITEM.c.state, func.count()).where(
            ITEM.c.job_id == job_id, ITEM.c.review != ReviewState.REPLACED
        )
        with self._reading() as c:
            return {ItemState(state): count for state, count in c.execute(query.group_by(ITEM.c.state))}

    def models(self, job_id: str) -> Sequence[str]:
        """The models that made its pictures, by name."""
        query = select(ITEM.c.model).where(ITEM.c.job_id == job_id).distinct().order_by(ITEM.c.model)
        with self._reading() as c:
            return list(c.execute(query).scalars())

    def how_many(self, job_id: str, shown: Shown) -> int:
        with self._reading() as c:
            return int(c.execute(select(func.count()).where(_chosen(job_id, shown))).scalar_one())

    def rank(self, job_id: str, shown: Shown, picture: int) -> int:
        """How many of those shown come before this picture."""
        query = select(func.count()).where(_chosen(job_id, shown), picture > FIRST)
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def after(self, job_id: str, shown: Shown, picture: int, limit: int) -> Sequence[Item]:
        """The next page behind this picture, by number."""
        query = select(ITEM).where(_chosen(job_id, shown), picture < FIRST)
        return self._all(Item, query.order_by(FIRST).limit(limit))

    def before(self, job_id: str, shown: Shown, picture: int, limit: int) -> Sequence[Item]:
        """The page in front of this picture, by number."""
        query = select(ITEM).where(_chosen(job_id, shown), picture > FIRST)
        return self._all(Item, query.order_by(FIRST.desc()).limit(limit))[::-1]

    def current(self, job_id: str) -> Iterator[Item]:
        """For every picture the version that counts (made or not), by number, streamed."""
        counts = and_(ITEM.c.job_id == job_id, or_(_stands(), ITEM.c.review != ReviewState.REPLACED))
        last = 0
        while True:
            query = select(ITEM).where(counts, last < FIRST).order_by(FIRST, ITEM.c.version).limit(PAGE)
            page = self._all(Item, query)
            full = len(page) == PAGE
            if full:  # the last picture may have another version on the next page
                page = [item for item in page if item.first != page[-1].first]
            yield from _one_each(page)
            if not full:
                return
            last = page[-1].first

    def picked(self, job_id: str, ranges: Ranges) -> Sequence[Item]:
        """The versions that count of these pictures, by number, made or not."""
        found: list[Item] = []
        counts = and_(ITEM.c.job_id == job_id, or_(_stands(), ITEM.c.review != ReviewState.REPLACED))
        for some in in_turn(ranges):
            query = select(ITEM).where(counts, within(some)).order_by(FIRST, ITEM.c.version)
            found += _one_each(self._all(Item, query))
        return found

    def versions(self, job_id: str, first: int) -> Sequence[Item]:
        """All versions of a picture, oldest first."""
        query = select(ITEM).where(
            ITEM.c.job_id == job_id, (ITEM.c.number == first) | (ITEM.c.version_of == first)
        )
        return self._all(Item, query.order_by(ITEM.c.version))

    def remade(self, job_id: str) -> Sequence[Item]:
        """Redone versions that have ended, made or not, by number."""
        query = select(ITEM).where(
            ITEM.c.job_id == job_id, ITEM.c.version_of.is_not(None), ITEM.c.state.in_(list(FINAL_ITEMS))
        )
        return self._all(Item, query.order_by(ITEM.c.number))

    def asked_for(self, job_id: str, since: datetime | None) -> bool:
        """Whether anything happened since then to pictures the sheet asked for, not only to redos of them."""
        query = select(
            exists().where(
                ITEM.c.job_id == job_id,
                ITEM.c.version_of.is_(None),
                *([] if since is None else [ITEM.c.moved_at > since]),
            )
        )
        with self._reading() as c:
            return bool(c.execute(query).scalar())

    def votes(self, job_id: str, items: Iterable[int]) -> Sequence[Vote]:
        """What people think of these versions, oldest first for each."""
        wanted = list(items)
        found: list[Vote] = []
        for start in range(0, len(wanted), 500):
            query = select(VOTE).where(VOTE.c.job_id == job_id, VOTE.c.item.in_(wanted[start : start + 500]))
            found += self._all(Vote, query.order_by(VOTE.c.item, VOTE.c.at))
        return found


# --- conditions ------------------------------------------------------------------------------------------


def within(ranges: Ranges) -> ColumnElement[bool]:
    """Pictures of these numbers."""
    return or_(*(FIRST.between(low, high) for low, high in ranges))


def in_turn(ranges: Ranges) -> Iterator[Ranges]:
    for start in range(0, len(ranges), MOST_RANGES):
        yield ranges[start : start + MOST_RANGES]


def _made(job_id: str) -> ColumnElement[bool]:
    """One stored version of each picture that has any."""
    return and_(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, _stands())


def _stands() -> ColumnElement[bool]:
    """The version that counts, or the newest kept one while another is being made."""
    other = ITEM.alias("other")
    first = func.coalesce(ITEM.c.version_of, ITEM.c.number)
    better = exists().where(
        other.c.job_id == ITEM.c.job_id,
        or_(other.c.number == first, other.c.version_of == first),
        other.c.number != ITEM.c.number,
        other.c.state == ItemState.STORED,
        or_(other.c.review != ReviewState.REPLACED, other.c.version > ITEM.c.version),
    )
    return or_(
        ITEM.c.review != ReviewState.REPLACED,
        and_(ITEM.c.state == ItemState.STORED, ~better),
    )


def _chosen(job_id: str, shown: Shown) -> ColumnElement[bool]:
    if shown.failed:
        kept = ITEM.c.review != ReviewState.REPLACED
        chosen = [ITEM.c.job_id == job_id, ITEM.c.state.in_(list(NOT_MADE)), kept]
    else:
        chosen = [_made(job_id)]
    if shown.review is not None:
        chosen.append(ITEM.c.review == shown.review)
    if shown.flagged:
        chosen += [ITEM.c.flags.is_not(None), cast(ITEM.c.flags, String).not_in(["[]", "null"])]
    if shown.model is not None:
        chosen.append(ITEM.c.model == shown.model)
    return and_(*chosen)


def _one_each(page: Sequence[Item]) -> list[Item]:
    """One version of each picture: the kept one stands in for one that is still being made."""
    best: dict[int, Item] = {}
    for item in page:
        known = best.get(item.first)
        if known is None or (item.state is ItemState.STORED, item.version) > (
            known.state is ItemState.STORED,
            known.version,
        ):
            best[item.first] = item
    return list(best.values())
