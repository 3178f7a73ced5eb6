"""Reads about the quality gate: what it has seen of a job, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, String, and_, cast, func, select

from storage.copies import OWN
from storage.reading import PAGE, Reader
from storage.states import ItemState
from storage.tables import table

ITEM = table("item")


class Findings(Reader):
    """These reads; part of `Queries`."""

    def fingerprints(self, job_id: str, most: int) -> Sequence[tuple[int, str, str]]:
        """Row, key and perceptual hash of the newest kept pictures, oldest first; copies are left out."""
        query = select(ITEM.c.row, ITEM.c.key, ITEM.c.phash).where(
            ITEM.c.job_id == job_id,
            ITEM.c.state == ItemState.STORED,
            OWN,
            ITEM.c.phash.is_not(None),
        )
        with self._reading() as c:
            found = c.execute(query.order_by(ITEM.c.moved_at.desc(), ITEM.c.number.desc()).limit(most))
            return [(row, key, phash) for row, key, phash in reversed(found.all())]

    def judged(self, job_id: str) -> tuple[int, int]:
        """How many kept pictures passed the gate, and how often one was made again for it."""
        passed = and_(ITEM.c.state == ItemState.STORED, OWN, NOTHING_FOUND)
        query = select(func.count().filter(passed), func.coalesce(func.sum(ITEM.c.regenerated), 0)).where(
            ITEM.c.job_id == job_id
        )
        with self._reading() as c:
            stored, again = c.execute(query).one()
        return int(stored), int(again)

    def flagged(self, job_id: str) -> tuple[int, Mapping[str, int]]:
        """How many kept pictures are flagged, copies included, and how many have each code, most first."""
        query = select(ITEM.c.flags).where(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, FOUND)
        pictures, codes = 0, dict[str, int]()
        with self._reading() as c:
            for (flags,) in c.execution_options(yield_per=PAGE).execute(query):
                pictures += 1
                for code in {flag.partition(":")[0] for flag in flags}:
                    codes[code] = codes.get(code, 0) + 1
        return pictures, dict(sorted(codes.items(), key=lambda found: (-found[1], found[0])))


_KEPT_FLAGS: ColumnElement[str] = cast(ITEM.c.flags, String)
NOTHING_FOUND: ColumnElement[bool] = _KEPT_FLAGS == "[]"
"""Judged, and nothing found."""
FOUND: ColumnElement[bool] = and_(ITEM.c.flags.is_not(None), _KEPT_FLAGS.not_in(["[]", "null"]))
"""Flagged by the quality gate."""
