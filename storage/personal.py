"""What belongs to a person, and what is new for whoever looks at their Home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from storage.reading import Reader
from storage.records import Incident, Job
from storage.states import JobState
from storage.tables import table

JOB, EVENT, INCIDENT = table("job"), table("event"), table("incident")


class Personal(Reader):
    """Reads about people."""

    def jobs_of(self, person: str, limit: int, skipped: int = 0) -> Sequence[Job]:
        """Those a person asked for, newest first."""
        mine = (JOB.c.requested_by == person, JOB.c.state != JobState.DRAFT)
        query = select(JOB).where(*mine).order_by(JOB.c.created_at.desc(), JOB.c.id)
        return self._all(Job, query.limit(limit).offset(skipped))

    def last_event(self) -> int:
        """Number of the newest line of history: the same as long as no job, picture or submission moves."""
        with self._reading() as c:
            return int(c.execute(select(func.coalesce(func.max(EVENT.c.id), 0))).scalar_one())

    def recent_incidents(self, since: datetime, limit: int) -> Sequence[Incident]:
        """Newest first."""
        query = select(INCIDENT).where(INCIDENT.c.opened_at >= since)
        return self._all(Incident, query.order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.key).limit(limit))
