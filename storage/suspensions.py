"""Listed prices that are not believed: since when, what was charged instead, and when that was over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from storage.moves import columns
from storage.reading import Reader
from storage.records import Suspension
from storage.tables import table
from storage.writer import Writer

SUSPENSION = table("suspension")


class Suspensions(Reader):
    """Reads and writes of these."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    def suspend_price(self, suspension: Suspension) -> bool:
        """True if that price was believed until now."""
        s = SUSPENSION.c
        same = (
            s.provider == suspension.provider,
            s.model == suspension.model,
            s.lane == suspension.lane,
            s.lifted_at.is_(None),
        )
        with self._writer.transaction() as c:
            known = c.execute(select(s.since).where(*same)).first()
            if known is None:
                c.execute(insert(SUSPENSION).values(**columns(suspension)))
            return known is None

    def lift_suspension(self, suspension: Suspension, at: datetime, why: str) -> bool:
        """Its price is believed again; True if it was not."""
        s = SUSPENSION.c
        same = (
            s.provider == suspension.provider,
            s.model == suspension.model,
            s.lane == suspension.lane,
            s.since == suspension.since,
            s.lifted_at.is_(None),
        )
        with self._writer.transaction() as c:
            done = c.execute(update(SUSPENSION).where(*same).values(lifted_at=at, lifted_for=why))
            return bool(done.rowcount)

    def suspended_prices(self) -> Sequence[Suspension]:
        """Those in force."""
        return self._all(Suspension, select(SUSPENSION).where(SUSPENSION.c.lifted_at.is_(None)))

    def suspensions_of(self, provider: str, model: str, lane: str) -> Sequence[Suspension]:
        """All there ever were of this price, oldest first."""
        s = SUSPENSION.c
        query = select(SUSPENSION).where(s.provider == provider, s.model == model, s.lane == lane)
        return self._all(Suspension, query.order_by(s.since))

    def suspended_at(self, provider: str, model: str, lane: str, at: datetime) -> Suspension | None:
        """The one in force at a time."""
        return next(
            (
                one
                for one in self.suspensions_of(provider, model, lane)
                if one.since <= at and (one.lifted_at is None or one.lifted_at > at)
            ),
            None,
        )
