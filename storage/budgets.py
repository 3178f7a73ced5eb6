"""Budgets: what may be spent, what of it is used, and the writes that must not pass them.

Used is what was billed, what may have been, and what is reserved: the highest price of all that is written
down to be sent and has no answer. Nothing is kept beside the items and attempts themselves, so that a crash
leaves no reservation behind: an item that ends reserves no more. All budgets but a job's own are for a
calendar month in UTC, and an attempt belongs to the month in which it was packed.

Within the caller's transaction. `keeping` is for whoever lets items wait to be sent, or makes them dearer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, select, text, true

from storage.copies import OWN
from storage.reading import Reader
from storage.states import LIVING_JOBS, ItemState, StaleTransitionError
from storage.tables import table

JOB, ITEM, ATTEMPT = table("job"), table("item"), table("attempt")
SUBMISSION, THREAD, EVENT = table("submission"), table("thread"), table("event")

BUDGET_LOCK = 0x1B47C6
"""Key of the PostgreSQL advisory lock of whoever reserves; SQLite has one writer anyway."""

ALLOW_UNPRICED = "allow_unpriced"
"""The event of a line of history: a job may spend under a budget what nobody knows the price of."""


class BudgetKind(StrEnum):
    """Whose spending is limited."""

    JOB = "job"
    """One job, as long as it lives."""
    CHANNEL = "channel"
    """Jobs told in one channel, in a month; likewise below."""
    PERSON = "person"
    """Jobs one person asked for."""
    PROVIDER = "provider"
    MONTH = "month"
    """All jobs together."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So much may be spent."""

    kind: BudgetKind
    key: str
    """Of the job, channel, person or provider; empty for MONTH."""
    usd: Decimal
    team: str = ""
    """Of the channel."""


@dataclass(frozen=True, slots=True)
class Used:
    """What is used of a budget, in USD."""

    settled: Decimal = Decimal(0)
    """Billed, by the vendor's own word or the price table."""
    perhaps: Decimal = Decimal(0)
    """Answered or lost, and nobody says whether or how much was billed: the list price."""
    reserved: Decimal = Decimal(0)
    """The most that what is under way may still cost."""
    unpriced: int = 0
    """Pictures under way or perhaps billed, of which no price is known at all."""

    @property
    def total(self) -> Decimal:
        return self.settled + self.perhaps + self.reserved


class OverBudgetError(Exception):
    """It was not done, because a budget would be passed."""

    def __init__(self, budget: Budget, more: Decimal, left: Decimal, unpriced: int = 0) -> None:
        super().__init__(f"{more} USD more, and {left} left of the {budget.kind} budget {budget.key}")
        self.budget = budget
        self.more = more
        """What it would have added at most."""
        self.left = left
        """What was left before; negative where the budget is passed already."""
        self.unpriced = unpriced
        """Pictures of unknown price; 0: the price was known, and too high."""


def month_of(at: datetime) -> datetime:
    """When the calendar month began, UTC."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def keeping(c: Connection, job_id: str, within: Sequence[Budget], at: datetime) -> Iterator[None]:
    """What is written in this block raises no budget above its limit, and adds nothing of unknown price.

    Raises OverBudgetError after the block, so that the transaction is rolled back. Who adds nothing may go
    on, whatever a budget has come to. One at a time, also among several processes.
    """
    if not within:
        yield
        return
    if c.dialect.name == "postgresql":
        c.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": BUDGET_LOCK})
    before = [used(c, budget, at) for budget in within]
    yield
    for budget, was in zip(within, before, strict=True):
        now = used(c, budget, at)
        more, left = now.total - was.total, budget.usd - was.total
        if now.unpriced > was.unpriced and not _allowed(c, job_id):
            raise OverBudgetError(budget, more, left, now.unpriced - was.unpriced)
        if more > max(Decimal(0), left):
            raise OverBudgetError(budget, more, left)


def used(c: Connection, budget: Budget, at: datetime) -> Used:
    """What is used of it now. One statement, so that an item that moves meanwhile is counted once."""
    parts = [part.subquery() for part in (_attempts(budget, at), _items(budget), _rushes(budget))]
    first, *others = parts
    joined: Any = first
    for other in others:
        joined = joined.join(other, true())
    row = c.execute(select(*(column for part in parts for column in part.c)).select_from(joined)).one()
    settled, perhaps, open_now, unpriced, waiting, unknown, rushing = row
    reserved = Decimal(open_now) + Decimal(waiting) + Decimal(rushing)
    return Used(Decimal(settled), Decimal(perhaps), reserved, int(unpriced) + int(unknown))


def allow_unpriced(c: Connection, job_id: str, at: datetime, person: str) -> bool:
    """Write down that a job may spend what nobody knows the price of; False if it might before."""
    state = c.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one_or_none()
    if state is None:
        raise StaleTransitionError(f"job {job_id} is gone")
    if _allowed(c, job_id):
        return False
    c.execute(
        insert(EVENT).values(
            at=at, job_id=job_id, subject="job", subject_id=job_id, event=ALLOW_UNPRICED, note="",
            from_state=state, to_state=state, person=person,
        )
    )  # fmt: skip
    return True


def _allowed(c: Connection, job_id: str) -> bool:
    said = (EVENT.c.job_id == job_id, EVENT.c.subject == "job", EVENT.c.event == ALLOW_UNPRICED)
    return c.execute(select(EVENT.c.id).where(*said).limit(1)).first() is not None


def _sum(column: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    total = func.sum(column)
    return func.coalesce(total.filter(and_(*where)) if where else total, 0)


def _attempts(budget: Budget, at: datetime) -> Select[Any]:
    """Billed; perhaps billed; open; and how many of these have no price."""
    a = ATTEMPT.c
    answered, owed = a.outcome.is_not(None), a.billed != "no"
    unknown = and_(answered, owed, a.cost.is_(None))
    query = select(
        _sum(a.cost, answered).label("settled"),
        _sum(a.quoted, unknown).label("perhaps"),
        _sum(a.quoted, ~answered).label("open_now"),
        func.count().filter(and_(owed, a.cost.is_(None), a.quoted.is_(None))).label("unpriced"),
    )
    if budget.kind is BudgetKind.JOB:
        return query.where(a.job_id == budget.key)
    query = query.where(a.sent_at >= month_of(at))
    if budget.kind is BudgetKind.PROVIDER:
        mine = select(SUBMISSION.c.id).where(SUBMISSION.c.provider == budget.key)
        return query.where(a.submission_id.in_(mine))
    return query.where(_of(budget, a.job_id))


def _items(budget: Budget) -> Select[Any]:
    """What is to be sent: its highest price, and how many have none. A job's own budget also bears what a
    sample has left for later.
    """
    i = ITEM.c
    living = select(JOB.c.id).where(JOB.c.state.in_(list(LIVING_JOBS)))
    states = [ItemState.WAITING]
    if budget.kind is BudgetKind.JOB:
        states.append(ItemState.PLANNED)
    query = select(
        _sum(i.quoted_high).label("waiting"), func.count().filter(i.quoted_high.is_(None)).label("unknown")
    ).where(i.state.in_(states), OWN)
    if budget.kind is BudgetKind.PROVIDER:
        return query.where(i.job_id.in_(living), i.provider == budget.key)
    if budget.kind is not BudgetKind.JOB:
        living = living.where(_of(budget, JOB.c.id))
    else:
        living = living.where(JOB.c.id == budget.key)
    return query.where(i.job_id.in_(living))


def _rushes(budget: Budget) -> Select[Any]:
    """What rushing may cost beyond the items' own quotes."""
    query = select(_sum(JOB.c.rush_usd).label("rushing")).where(JOB.c.state.in_(list(LIVING_JOBS)))
    if budget.kind is BudgetKind.PROVIDER:
        return query.where(JOB.c.provider == budget.key)
    return query.where(_of(budget, JOB.c.id))


def _of(budget: Budget, job_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a job is among those the budget is about."""
    match budget.kind:
        case BudgetKind.JOB:
            return job_id == budget.key
        case BudgetKind.CHANNEL:
            here = (THREAD.c.team == budget.team, THREAD.c.channel == budget.key)
            return job_id.in_(select(THREAD.c.job_id).where(*here))
        case BudgetKind.PERSON:
            asked = JOB.alias("asked")
            return job_id.in_(select(asked.c.id).where(asked.c.requested_by == budget.key))
        case _:
            return true()


class Spending(Reader):
    """Reads about budgets; part of `Queries`."""

    def used(self, budget: Budget, at: datetime) -> Used:
        """What is used of a budget, in the month of `at` unless it is a job's own."""
        with self._reading() as c:
            return used(c, budget, at)
