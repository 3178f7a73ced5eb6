"""Reads for sheets that go out and come back: rows, their pictures, what each cost, what was made before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from storage.each import IN_LIST
from storage.reading import Reader
from storage.records import Item, Row
from storage.states import ItemState, ReviewState
from storage.tables import table
from storage.voting import ASKED

ROW, ITEM, ATTEMPT, EVENT = table("row"), table("item"), table("attempt"), table("event")
VOTE = table("vote")


@dataclass(frozen=True, slots=True)
class Spent:
    """What was paid for something, as the ledger counts it."""

    usd: Decimal = Decimal(0)
    """Known cost of what was billed."""
    unpriced: int = 0
    """Attempts that were billed, or perhaps were, and whose price nobody knows."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.usd + other.usd, self.unpriced + other.unpriced)


class Sheets(Reader):
    """These reads; part of `Queries`."""

    def rows_by_number(self, job_id: str, numbers: Iterable[int]) -> Mapping[int, Row]:
        found: dict[int, Row] = {}
        for some in _parts(numbers):
            query = select(ROW).where(ROW.c.job_id == job_id, ROW.c.number.in_(some))
            found.update((row.number, row) for row in self._all(Row, query))
        return found

    def items_by_row(self, job_id: str, rows: Iterable[int]) -> Mapping[int, Sequence[Item]]:
        """All versions of the pictures of these rows, by number."""
        found: dict[int, list[Item]] = {}
        for some in _parts(rows):
            query = select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.row.in_(some))
            for item in self._all(Item, query.order_by(ITEM.c.row, ITEM.c.number)):
                found.setdefault(item.row, []).append(item)
        return found

    def last_row(self, job_id: str) -> int:
        """The highest number of a row; 0 where there is none."""
        with self._reading() as c:
            query = select(func.max(ROW.c.number)).where(ROW.c.job_id == job_id)
            return int(c.execute(query).scalar() or 0)

    def spent_by_row(self, job_id: str, rows: Iterable[int]) -> Mapping[int, Spent]:
        """What these rows cost; the sum over all rows is what `Queries.ledger` says."""
        found: dict[int, Spent] = {}
        for some in _parts(rows):
            query = (
                select(ITEM.c.row, KNOWN, UNKNOWN)
                .select_from(ATTEMPT.join(ITEM, _OF_ITEM))
                .where(ATTEMPT.c.job_id == job_id, ITEM.c.row.in_(some))
                .group_by(ITEM.c.row)
            )
            with self._reading() as c:
                for row, usd, unpriced in c.execute(query):
                    found[row] = Spent(Decimal(usd or 0), unpriced)
        return found

    def made_before(self, job_id: str, fingerprints: Collection[str]) -> Mapping[str, int]:
        """Kept pictures of the job that were asked for in the same words, by fingerprint; none that was
        rejected.
        """
        found: dict[str, int] = {}
        kept = ITEM.c.master_key.is_not(None)
        wanted = (ITEM.c.state == ItemState.STORED, ITEM.c.review != ReviewState.REJECTED, kept)
        for some in _parts(fingerprints):
            query = select(ITEM.c.fingerprint, func.min(ITEM.c.number)).where(
                ITEM.c.job_id == job_id, ITEM.c.fingerprint.in_(some), *wanted
            )
            with self._reading() as c:
                for known, number in c.execute(query.group_by(ITEM.c.fingerprint)):
                    found[known] = number
        return found

    def approvers(self, job_id: str) -> Sequence[str]:
        """Everybody who approved one of the pictures."""
        query = select(VOTE.c.person).where(VOTE.c.job_id == job_id, VOTE.c.verdict == ReviewState.APPROVED)
        with self._reading() as c:
            return list(c.execute(query.distinct()).scalars())

    def followed(self, job_id: str, once: str) -> bool:
        """Whether the asking of this name was followed."""
        same = (EVENT.c.job_id == job_id, EVENT.c.event == ASKED, EVENT.c.note == once)
        with self._reading() as c:
            return c.execute(select(EVENT.c.id).where(*same).limit(1)).first() is not None


_OF_ITEM = and_(ITEM.c.job_id == ATTEMPT.c.job_id, ITEM.c.number == ATTEMPT.c.item)
_OPEN = ATTEMPT.c.outcome.is_(None)
_PAID = or_(ATTEMPT.c.billed == "yes", ATTEMPT.c.outcome == "made")
_PERHAPS = and_(ATTEMPT.c.billed == "unknown", ~_OPEN)
# The same sums as in `Queries.ledger`.
KNOWN = func.coalesce(func.sum(ATTEMPT.c.cost).filter(~_OPEN), 0)
UNKNOWN = func.count().filter(and_(or_(_PAID, _PERHAPS), ATTEMPT.c.cost.is_(None)))
BILLED = func.count().filter(or_(ATTEMPT.c.cost > Decimal(0), and_(_PAID, ATTEMPT.c.cost.is_(None))))


def _parts(values: Iterable[int | str]) -> Iterable[list[int | str]]:
    wanted = sorted(set(values))
    return [wanted[start : start + IN_LIST] for start in range(0, len(wanted), IN_LIST)]
