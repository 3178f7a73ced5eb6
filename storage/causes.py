"""Reads about why pictures are missing: errors of a provider in some time, refusals of many jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from storage.reading import Reader
from storage.states import ItemState
from storage.tables import table

ITEM = table("item")

IN_LIST = 500


class Causes(Reader):
    """These reads; part of `Queries`."""

    def provider_errors(
        self,
        job_ids: Sequence[str],
        provider: str,
        kinds: Collection[str],
        since: datetime,
        until: datetime | None = None,
    ) -> Mapping[str, int]:
        """By job: how many of its pictures ended without one at this provider, from a failure of these kinds,
        at `since` or later and no later than `until`.
        """
        found: dict[str, int] = {}
        for start in range(0, len(job_ids), IN_LIST):
            query = select(ITEM.c.job_id, func.count()).where(
                ITEM.c.job_id.in_(job_ids[start : start + IN_LIST]),
                ITEM.c.state == ItemState.FAILED,
                ITEM.c.provider == provider,
                ITEM.c.failure_kind.in_(list(kinds)),
                ITEM.c.moved_at >= since,
            )
            if until is not None:
                query = query.where(ITEM.c.moved_at <= until)
            with self._reading() as c:
                for job_id, number in c.execute(query.group_by(ITEM.c.job_id)):
                    found[job_id] = number
        return found
