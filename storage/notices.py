"""Paused providers and incidents: what an operator must know, written once each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, delete, insert, select, update

from storage.reading import Reader
from storage.records import Incident, Pause
from storage.tables import table
from storage.writer import Writer

PAUSE, INCIDENT = table("pause"), table("incident")


class Notices(Reader):
    """Reads and writes of pauses and incidents."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    def pause(
        self,
        provider: str,
        kind: str,
        reason: str,
        at: datetime,
        until: datetime,
        *,
        yields_to: Collection[str] = (),
    ) -> bool:
        """Send nothing to the provider until then; True if it was not paused before.

        A pause of one of the kinds `yields_to` stays as it is: a caller that comes back late must not put its
        short wait in the place of an outage found meanwhile.
        """
        values = {"kind": kind, "reason": reason, "until": until}
        mine = PAUSE.c.provider == provider
        with self._writer.transaction() as c:
            known = c.execute(select(PAUSE.c.kind).where(mine)).scalar()
            if known is not None:
                if known not in yields_to:
                    c.execute(update(PAUSE).where(mine).values(**values))
                return False
            c.execute(insert(PAUSE).values(provider=provider, since=at, **values))
            return True

    def resume(self, pause: Pause) -> bool:
        """End this pause; False if it has ended, or another has come in its place, since it was read."""
        same = and_(
            PAUSE.c.provider == pause.provider, PAUSE.c.kind == pause.kind, PAUSE.c.until == pause.until
        )
        with self._writer.transaction() as c:
            return bool(c.execute(delete(PAUSE).where(same)).rowcount)

    def pauses(self) -> Mapping[str, Pause]:
        return {pause.provider: pause for pause in self._all(Pause, select(PAUSE))}

    def open_incident(self, incident: Incident) -> bool:
        """True if it is news: an incident of that key that was ever opened is left as it is."""
        with self._writer.transaction() as c:
            known = c.execute(select(INCIDENT.c.key).where(INCIDENT.c.key == incident.key)).first()
            if known is None:
                values = {name: getattr(incident, name) for name in Incident.__slots__}
                c.execute(insert(INCIDENT).values(**values))
            return known is None

    def close_incident(self, key: str, at: datetime) -> bool:
        """True if it was open."""
        is_open = and_(INCIDENT.c.key == key, INCIDENT.c.closed_at.is_(None))
        with self._writer.transaction() as c:
            return bool(c.execute(update(INCIDENT).where(is_open).values(closed_at=at)).rowcount)

    def incidents(self, job_id: str | None = None, *, open_only: bool = False) -> Sequence[Incident]:
        """Oldest first; of one job, or of all."""
        query = select(INCIDENT).order_by(INCIDENT.c.opened_at, INCIDENT.c.key)
        if job_id is not None:
            query = query.where(INCIDENT.c.job_id == job_id)
        if open_only:
            query = query.where(INCIDENT.c.closed_at.is_(None))
        return self._all(Incident, query)
