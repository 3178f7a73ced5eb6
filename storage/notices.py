"""Paused providers, incidents and mutes: what an operator must know, written once each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from storage.moves import columns
from storage.records import Incident, Mute, Pause
from storage.suspensions import Suspensions
from storage.tables import table

PAUSE, INCIDENT, MUTE = table("pause"), table("incident"), table("mute")

JOB_SCOPE = "job:"
"""Begins the scope of a mute of everything about one job."""


class Notices(Suspensions):
    """Reads and writes of pauses, incidents, mutes and suspended prices."""

    # --- pauses ----------------------------------------------------------------------------------

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

    # --- incidents -------------------------------------------------------------------------------

    def open_incident(self, incident: Incident) -> bool:
        """True if it is news: an incident of that key that was ever opened is left as it is."""
        with self._writer.transaction() as c:
            known = c.execute(select(INCIDENT.c.key).where(INCIDENT.c.key == incident.key)).first()
            if known is None:
                c.execute(insert(INCIDENT).values(**columns(incident)))
            return known is None

    def change_incident(self, key: str, at: datetime, **says: Any) -> bool:
        """What an open incident says now; `at` is told as the time of the change. True if it was open."""
        return self._change(key, changed_at=at, **says)

    def close_incident(self, key: str, at: datetime) -> bool:
        """True if it was open."""
        return self._change(key, closed_at=at)

    def _change(self, key: str, **values: Any) -> bool:
        is_open = and_(INCIDENT.c.key == key, INCIDENT.c.closed_at.is_(None))
        with self._writer.transaction() as c:
            return bool(c.execute(update(INCIDENT).where(is_open).values(**values)).rowcount)

    def acknowledge(self, key: str, person: str, at: datetime) -> bool:
        """Somebody looks after it; False if somebody did before, or there is no such incident."""
        mine = and_(INCIDENT.c.key == key, INCIDENT.c.acknowledged_at.is_(None))
        with self._writer.transaction() as c:
            done = c.execute(update(INCIDENT).where(mine).values(acknowledged_by=person, acknowledged_at=at))
            return bool(done.rowcount)

    def incident(self, key: str) -> Incident | None:
        return self._one(Incident, select(INCIDENT).where(INCIDENT.c.key == key))

    def incidents(
        self, job_id: str | None = None, *, open_only: bool = False, since: datetime | None = None
    ) -> Sequence[Incident]:
        """Oldest first; of one job, or of all. `since`: those that are open or were closed after it."""
        query = select(INCIDENT).order_by(INCIDENT.c.opened_at, INCIDENT.c.key)
        if job_id is not None:
            query = query.where(INCIDENT.c.job_id == job_id)
        if open_only:
            query = query.where(INCIDENT.c.closed_at.is_(None))
        if since is not None:
            query = query.where(or_(INCIDENT.c.closed_at.is_(None), INCIDENT.c.closed_at >= since))
        return self._all(Incident, query)

    # --- mutes -----------------------------------------------------------------------------------

    def mute(self, mute: Mute) -> None:
        """It takes the place of an earlier one of the same scope."""
        with self._writer.transaction() as c:
            c.execute(delete(MUTE).where(MUTE.c.scope == mute.scope))
            c.execute(insert(MUTE).values(**columns(mute)))

    def unmute(self, scope: str) -> bool:
        """True if it was muted."""
        with self._writer.transaction() as c:
            return bool(c.execute(delete(MUTE).where(MUTE.c.scope == scope)).rowcount)

    def mutes(self, now: datetime) -> Mapping[str, Mute]:
        """What is muted now, by scope."""
        query = select(MUTE).where(or_(MUTE.c.until.is_(None), MUTE.c.until > now))
        return {mute.scope: mute for mute in self._all(Mute, query)}
