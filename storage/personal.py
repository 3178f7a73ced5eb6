"""What belongs to whom: a person's jobs, and what was spent by them or by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from storage.reading import Reader
from storage.records import Incident, Job
from storage.states import JobState
from storage.tables import table

JOB, ATTEMPT, EVENT, INCIDENT = table("job"), table("attempt"), table("event"), table("incident")


@dataclass(frozen=True, slots=True)
class Spent:
    """Money that is gone."""

    usd: Decimal
    unpriced: int
    """Billed (or possibly billed) attempts whose price nobody knows; they are not in `usd`."""


class Personal(Reader):
    """Reads about people."""

    def jobs_of(self, person: str, limit: int, skipped: int = 0) -> Sequence[Job]:
        """Those a person asked for, newest first."""
        mine = (JOB.c.requested_by == person, JOB.c.state != JobState.DRAFT)
        query = select(JOB).where(*mine).order_by(JOB.c.created_at.desc(), JOB.c.id)
        return self._all(Job, query.limit(limit).offset(skipped))

    def spent(self, since: datetime, person: str | None = None) -> Spent:
        """What the answers since then cost, for a person's jobs or for all."""
        made = ATTEMPT.c.outcome == "made"
        paid = or_(ATTEMPT.c.billed == "yes", made)
        perhaps = or_(paid, and_(ATTEMPT.c.billed == "unknown", ATTEMPT.c.outcome.is_not(None)))
        query = select(
            func.coalesce(func.sum(ATTEMPT.c.cost), 0),
            func.count().filter(and_(perhaps, ATTEMPT.c.cost.is_(None))),
        ).where(ATTEMPT.c.answered_at >= since)
        if person is not None:
            query = query.join(JOB, JOB.c.id == ATTEMPT.c.job_id).where(JOB.c.requested_by == person)
        with self._reading() as c:
            usd, unpriced = c.execute(query).one()
        return Spent(Decimal(usd or 0), int(unpriced))

    def last_event(self) -> int:
        """Number of the newest line of history: the same as long as no job, picture or submission moves."""
        with self._reading() as c:
            return int(c.execute(select(func.coalesce(func.max(EVENT.c.id), 0))).scalar_one())

    def recent_incidents(self, since: datetime, limit: int) -> Sequence[Incident]:
        """Newest first."""
        query = select(INCIDENT).where(INCIDENT.c.opened_at >= since)
        return self._all(Incident, query.order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.key).limit(limit))
