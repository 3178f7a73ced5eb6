"""Reads for the audit of a job: its ledger, what was billed on whose word, whether the books agree, who
decided what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from storage.reading import Reader
from storage.states import FINAL_ITEMS, UNDER_WAY, ItemState, ReviewState
from storage.tables import table

ITEM, ATTEMPT, EVENT = table("item"), table("attempt"), table("event")


@dataclass(frozen=True, slots=True)
class Billed:
    """Closed attempts that ended alike."""

    outcome: str
    billed: str
    """`yes`, `no` or `unknown`."""
    priced_by: str
    """`vendor`, `table`, or empty."""
    number: int
    cost: Decimal
    """USD, as far as it is known."""
    perhaps: Decimal
    """List price of those whose cost is not known and that were not free."""


@dataclass(frozen=True, slots=True)
class Books:
    """The same figures from both sides, read at one moment."""

    items_cost: Decimal
    attempts_cost: Decimal
    items_out: int
    """Items that are being sent or at a provider."""
    attempts_open: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What one person decided; of reviews how often."""

    person: str
    event: str
    first_at: datetime
    last_at: datetime
    number: int = 1
    """Pictures it was about; 1 for a decision about the whole job."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A job in rows and dollars. `holds` is the invariant people test first."""

    requested: int
    states: Mapping[ItemState, int]
    settled_usd: Decimal
    """Known cost of what was billed."""
    reserved_usd: Decimal
    """List price of attempts still open."""
    unpriced: int
    """Billed (or possibly billed) attempts whose price nobody knows."""
    attempts: int
    open_attempts: int
    made: int
    """Attempts that made a picture."""
    overpaid: Sequence[str]
    """Items for which more than one picture was made, by key sent."""

    def count(self, *states: ItemState) -> int:
        return sum(self.states.get(state, 0) for state in states)

    @property
    def under_way(self) -> int:
        return self.count(*UNDER_WAY)

    @property
    def holds(self) -> bool:
        """requested = stored + refused + failed + cancelled + expired + in doubt + in flight."""
        return self.requested == self.count(*FINAL_ITEMS) + self.under_way


class Accounts(Reader):
    """These reads; part of `Queries`."""

    def ledger(self, job_id: str) -> Ledger:
        """A job in rows and dollars, from the items and attempts themselves."""
        made = ATTEMPT.c.outcome == "made"
        is_open = ATTEMPT.c.outcome.is_(None)
        paid = or_(ATTEMPT.c.billed == "yes", made)
        perhaps = and_(ATTEMPT.c.billed == "unknown", ~is_open)
        mine = ATTEMPT.c.job_id == job_id
        sums = select(
            func.count(),
            func.count().filter(is_open),
            func.count().filter(made),
            func.coalesce(func.sum(ATTEMPT.c.cost).filter(~is_open), 0),
            func.coalesce(func.sum(ATTEMPT.c.quoted).filter(is_open), 0),
            func.count().filter(and_(or_(paid, perhaps), ATTEMPT.c.cost.is_(None))),
        ).where(mine)
        # What the quality gate had made again was decided, and is no payment too many.
        decided = and_(ITEM.c.job_id == ATTEMPT.c.job_id, ITEM.c.number == ATTEMPT.c.item)
        twice = (
            select(ATTEMPT.c.item, func.count())
            .join(ITEM, decided)
            .where(mine, made)
            .group_by(ATTEMPT.c.item, ITEM.c.regenerated)
            .having(func.count() > 1 + ITEM.c.regenerated)
        )
        by_state = select(ITEM.c.state, func.count()).where(ITEM.c.job_id == job_id).group_by(ITEM.c.state)
        with self._reading() as c:
            total, open_now, pictures, cost, reserved, unpriced = c.execute(sums).one()
            overpaid = [f"{job_id}-{item} ({count} pictures)" for item, count in c.execute(twice)]
            states = {ItemState(state): number for state, number in c.execute(by_state)}
        return Ledger(
            requested=sum(states.values()),
            states=states,
            settled_usd=Decimal(cost or 0),
            reserved_usd=Decimal(reserved or 0),
            unpriced=unpriced,
            attempts=total,
            open_attempts=open_now,
            made=pictures,
            overpaid=overpaid,
        )

    def billing(self, job_id: str) -> Sequence[Billed]:
        """Every closed attempt of a job, by how it ended, most first."""
        a = ATTEMPT.c
        unknown = and_(a.cost.is_(None), a.billed != "no")
        alike = (a.outcome, a.billed, a.priced_by)
        query = (
            select(
                *alike,
                func.count(),
                func.coalesce(func.sum(a.cost), 0),
                func.coalesce(func.sum(a.quoted).filter(unknown), 0),
            )
            .where(a.job_id == job_id, a.outcome.is_not(None))
            .group_by(*alike)
            .order_by(func.count().desc(), *alike)
        )
        with self._reading() as c:
            return [
                Billed(outcome, billed, priced_by, number, Decimal(cost), Decimal(perhaps))
                for outcome, billed, priced_by, number, cost, perhaps in c.execute(query)
            ]

    def books(self, job_id: str) -> Books:
        """Money and what is under way, by the items and by their attempts. One statement: one moment."""
        mine, theirs = ITEM.c.job_id == job_id, ATTEMPT.c.job_id == job_id
        out = ITEM.c.state.in_([ItemState.SENDING, ItemState.IN_FLIGHT])
        is_open = ATTEMPT.c.outcome.is_(None)
        query = select(
            select(func.coalesce(func.sum(ITEM.c.cost), 0)).where(mine).scalar_subquery(),
            select(func.coalesce(func.sum(ATTEMPT.c.cost), 0)).where(theirs).scalar_subquery(),
            select(func.count()).select_from(ITEM).where(mine, out).scalar_subquery(),
            select(func.count()).select_from(ATTEMPT).where(theirs, is_open).scalar_subquery(),
        )
        with self._reading() as c:
            items, attempts, items_out, attempts_open = c.execute(query).one()
        return Books(Decimal(items), Decimal(attempts), items_out, attempts_open)

    def dearer(self, job_id: str, limit: int) -> tuple[int, Sequence[tuple[int, Decimal, Decimal]]]:
        """Attempts dearer than quoted at most: how many, and the worst as (item, cost, quote)."""
        a = ATTEMPT.c
        mine = (a.job_id == job_id, a.cost > a.quoted)
        worst = select(a.item, a.cost, a.quoted).where(*mine).order_by((a.cost - a.quoted).desc(), a.item)
        with self._reading() as c:
            number = c.execute(select(func.count()).where(*mine)).scalar_one()
            return number, [(item, cost, quoted) for item, cost, quoted in c.execute(worst.limit(limit))]

    def saved(self, job_id: str) -> tuple[int, Decimal, int]:
        """Duplicates that got their original's picture: how many, what making them would have cost in USD at
        the list price, and of how many that is not known.
        """
        original = ITEM.alias("original")
        same = and_(original.c.job_id == ITEM.c.job_id, original.c.number == ITEM.c.duplicate_of)
        query = (
            select(
                func.count(),
                func.coalesce(func.sum(original.c.quoted_high), 0),
                func.count().filter(original.c.quoted_high.is_(None)),
            )
            .select_from(ITEM.join(original, same))
            .where(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED)
        )
        with self._reading() as c:
            number, usd, unknown = c.execute(query).one()
        return number, Decimal(usd), unknown

    def standing_duplicates(self, job_id: str) -> int:
        """The same, without those that a newer version has taken the place of."""
        copied = (ITEM.c.state == ItemState.STORED, ITEM.c.duplicate_of.is_not(None))
        query = select(func.count()).where(
            ITEM.c.job_id == job_id, *copied, ITEM.c.review != ReviewState.REPLACED
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def decisions(self, job_id: str) -> Sequence[Decided]:
        """What people decided about a job, oldest first; a person's reviews of one kind together."""
        e = EVENT.c
        mine = (e.job_id == job_id, e.person != "")
        whole = select(e.person, e.event, e.at).where(*mine, e.subject == "job").order_by(e.id)
        reviews = (
            select(e.person, e.event, func.min(e.at), func.max(e.at), func.count())
            .where(*mine, e.subject == "review", e.subject_id != "")
            .group_by(e.person, e.event)
        )
        with self._reading() as c:
            found = [Decided(person, event, at, at) for person, event, at in c.execute(whole)]
            found += [Decided(*row) for row in c.execute(reviews)]
        return sorted(found, key=lambda decided: decided.first_at)
