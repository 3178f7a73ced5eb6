"""Reads for what was spent: over any time, by whom or where, by provider and model, and by job.

An attempt belongs to the time in which it was packed, as it does for the budgets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, exists, func, select, true

from storage.reading import Reader
from storage.states import ItemState, ReviewState
from storage.tables import table

JOB, ITEM, ATTEMPT = table("job"), table("item"), table("attempt")
SUBMISSION, THREAD = table("submission"), table("thread")


@dataclass(frozen=True, slots=True)
class Whose:
    """Of which jobs something is wanted: those told in a channel, those a person asked for; empty: all."""

    team: str = ""
    channel: str = ""
    person: str = ""

    def jobs(self, job_id: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a job is among them, as a condition."""
        wanted = []
        if self.channel:
            here = (THREAD.c.team == self.team, THREAD.c.channel == self.channel)
            wanted.append(job_id.in_(select(THREAD.c.job_id).where(*here)))
        if self.person:
            asked = JOB.alias("asked")
            wanted.append(job_id.in_(select(asked.c.id).where(asked.c.requested_by == self.person)))
        return and_(true(), *wanted)


@dataclass(frozen=True, slots=True)
class Cost:
    """What was sent to one model, or of one job, and what it cost."""

    provider: str
    model: str
    jobs: int
    usd: Decimal
    """Billed, as far as it is known."""
    perhaps: Decimal
    """List price of answers that were or may have been billed, while nobody says how much."""
    unpriced: int
    """How many answers those are, and those without a list price."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The same over all models."""

    usd: Decimal
    perhaps: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class Pictured:
    """Pictures of one model."""

    number: int = 0
    approved: int = 0
    unreviewed: int = 0


class Costs(Reader):
    """These reads; part of `Queries`."""

    def cost(self, whose: Whose, since: datetime, until: datetime) -> Sum:
        """All together, without the models: what may be looked at every few seconds."""
        with self._reading() as c:
            usd, perhaps, unpriced = c.execute(select(*_SUMS).where(*_sent(whose, since, until))).one()
        return Sum(Decimal(usd), Decimal(perhaps), unpriced)

    def costs(self, whose: Whose, since: datetime, until: datetime) -> Sequence[Cost]:
        """By provider and model, the dearest first."""
        way = (SUBMISSION.c.provider, SUBMISSION.c.model)
        query = (
            select(*way, func.count(ATTEMPT.c.job_id.distinct()), *_SUMS)
            .join(SUBMISSION, SUBMISSION.c.id == ATTEMPT.c.submission_id)
            .where(*_sent(whose, since, until))
            .group_by(*way)
            .order_by(_SUMS[0].desc(), *way)
        )
        with self._reading() as c:
            return [
                Cost(provider, model, jobs, Decimal(cost), Decimal(perhaps), unpriced)
                for provider, model, jobs, cost, perhaps, unpriced in c.execute(query)
            ]

    def costs_between(self, whose: Whose, edges: Sequence[datetime]) -> Sequence[tuple[Decimal, int]]:
        """For each stretch between rising `edges`: what was billed, as far as it is known, and how many
        answers of unknown price there are.
        """
        when, (usd, _, unknown) = stretch(ATTEMPT.c.sent_at, edges), _SUMS
        query = select(when, usd, unknown).where(*_sent(whose, edges[0], edges[-1])).group_by(when)
        found = [(Decimal(0), 0)] * (len(edges) - 1)
        with self._reading() as c:
            for number, billed, unpriced in c.execute(query):
                found[number] = (Decimal(billed), unpriced)
        return found

    def pictures_of(
        self, whose: Whose, since: datetime, until: datetime
    ) -> Mapping[tuple[str, str], Pictured]:
        """By provider and model: the pictures there are of what was made then. A duplicate counts with its
        original; of versions the one that counts.
        """
        made = exists().where(
            ATTEMPT.c.job_id == ITEM.c.job_id,
            ATTEMPT.c.item == func.coalesce(ITEM.c.duplicate_of, ITEM.c.number),
            ATTEMPT.c.outcome == "made",
            ATTEMPT.c.sent_at >= since,
            ATTEMPT.c.sent_at < until,
        )
        then = select(ATTEMPT.c.job_id).where(*_sent(whose, since, until))
        way, review = (ITEM.c.provider, ITEM.c.model), ITEM.c.review
        query = select(
            *way,
            func.count(),
            func.count().filter(review == ReviewState.APPROVED),
            func.count().filter(review == ReviewState.UNREVIEWED),
        ).where(
            ITEM.c.job_id.in_(then),
            ITEM.c.state == ItemState.STORED,
            review != ReviewState.REPLACED,
            made,
        )
        with self._reading() as c:
            return {(row[0], row[1]): Pictured(*row[2:]) for row in c.execute(query.group_by(*way))}

    def dearest(
        self, whose: Whose, since: datetime, until: datetime, limit: int
    ) -> tuple[int, Sequence[tuple[str, str, Decimal]]]:
        """How many jobs sent something then, and those that cost most: id, title and USD."""
        usd = func.coalesce(func.sum(ATTEMPT.c.cost), 0)
        sent = _sent(whose, since, until)
        query = (
            select(JOB.c.id, JOB.c.title, usd)
            .join(ATTEMPT, ATTEMPT.c.job_id == JOB.c.id)
            .where(*sent)
            .group_by(JOB.c.id, JOB.c.title)
            .order_by(usd.desc(), JOB.c.id)
            .limit(limit)
        )
        with self._reading() as c:
            number = c.execute(select(func.count(ATTEMPT.c.job_id.distinct())).where(*sent)).scalar_one()
            return number, [(job, title, Decimal(cost)) for job, title, cost in c.execute(query)]


def stretch(at: ColumnElement[datetime], edges: Sequence[datetime]) -> ColumnElement[int]:
    """Between which of the rising `edges` a moment lies, from 0; it must lie within them."""
    return case(*((at < edge, number) for number, edge in enumerate(edges[1:])))


_UNKNOWN = and_(ATTEMPT.c.outcome.is_not(None), ATTEMPT.c.billed != "no", ATTEMPT.c.cost.is_(None))
"""Answered, perhaps billed, and nobody says how much."""

_SUMS = (
    func.coalesce(func.sum(ATTEMPT.c.cost), 0),
    func.coalesce(func.sum(ATTEMPT.c.quoted).filter(_UNKNOWN), 0),
    func.count().filter(_UNKNOWN),
)
"""Billed, list price of what nobody priced, how many those are."""


def _sent(whose: Whose, since: datetime, until: datetime) -> Sequence[ColumnElement[bool]]:
    """What was packed then and left."""
    a = ATTEMPT.c
    left = func.coalesce(a.outcome, "") != "not_sent"
    return (a.sent_at >= since, a.sent_at < until, left, whose.jobs(a.job_id))
