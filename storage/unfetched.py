"""Pictures that are made and paid, and still only at their provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from storage.reading import Reader
from storage.states import LIVING_JOBS, ItemState, SubmissionState
from storage.tables import table

JOB, ITEM, SUBMISSION = table("job"), table("item"), table("submission")


@dataclass(frozen=True, slots=True)
class Unfetched:
    """What is to be fetched of one submission."""

    job_id: str
    provider: str
    model: str
    items: int
    ended_at: datetime
    """When the provider had made them, as far as is known; else when they were asked for."""
    expires_at: datetime | None
    """Until when it keeps them, if it said so."""


class Fetching(Reader):
    """Reads about what has to be fetched."""

    def unfetched(self, job_id: str | None = None) -> Sequence[Unfetched]:
        """Of one job or of all that go on: ended submissions whose results are not all read, and those of
        whose pictures so far only the address is known. Also what a provider still makes, where it told the
        end already.
        """
        since = func.coalesce(SUBMISSION.c.ended_at, SUBMISSION.c.sent_at, type_=SUBMISSION.c.sent_at.type)
        told = (since, SUBMISSION.c.results_expire_at)
        of = (SUBMISSION.c.job_id, SUBMISSION.c.provider, SUBMISSION.c.model)
        mine = JOB.c.state.in_(list(LIVING_JOBS)) if job_id is None else JOB.c.id == job_id
        known = or_(SUBMISSION.c.ended_at.is_not(None), SUBMISSION.c.results_expire_at.is_not(None))
        unread = (
            select(*of, SUBMISSION.c.count, *told)
            .join(JOB, JOB.c.id == SUBMISSION.c.job_id)
            .where(mine, known, SUBMISSION.c.state == SubmissionState.OPEN)
        )
        addressed = (
            select(*of, func.count(), *told)
            .select_from(JOB)
            .join(ITEM, ITEM.c.job_id == JOB.c.id)
            .join(SUBMISSION, SUBMISSION.c.id == ITEM.c.submission_id)
            .where(
                mine,
                SUBMISSION.c.state != SubmissionState.OPEN,
                ITEM.c.state == ItemState.GENERATED,
                ITEM.c.locator.is_not(None),
                ITEM.c.master_key.is_(None),
            )
            .group_by(*of, *told)
        )
        with self._reading() as c:
            return [Unfetched(*row) for query in (unread, addressed) for row in c.execute(query)]
