"""Reads about why pictures are missing: errors of a provider in some time, refusals of many jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, func, select

from storage.copies import OWN
from storage.measures import ENDED, IN_LIST
from storage.reading import Reader
from storage.records import Job
from storage.states import LIVING_JOBS, ItemState, JobState
from storage.tables import table

JUDGED = (*ENDED, ItemState.GENERATED)
"""Refused or not: what is made will be stored, and a refusal is final at once."""

JOB, ROW, ITEM = table("job"), table("row"), table("item")


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

    # --- refusals of many small jobs ---------------------------------------------------------------

    def small_jobs(self, since: datetime, under: int, most: int) -> Sequence[str]:
        """The newest jobs made since then of fewer than so many pictures that have begun, newest first."""
        query = (
            select(JOB.c.id)
            .where(
                JOB.c.state.in_([*LIVING_JOBS, JobState.FINISHED]),
                JOB.c.created_at >= since,
                JOB.c.started_at.is_not(None),
                JOB.columns["items"] < under,
            )
            .order_by(JOB.c.created_at.desc(), JOB.c.id)
            .limit(most)
        )
        with self._reading() as c:
            return list(c.execute(query).scalars())

    def jobs_by_id(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """These jobs, as far as they exist."""
        found: dict[str, Job] = {}
        for start in range(0, len(job_ids), IN_LIST):
            some = select(JOB).where(JOB.c.id.in_(job_ids[start : start + IN_LIST]))
            found |= {job.id: job for job in self._all(Job, some)}
        return found

    def refused(self, job_ids: Sequence[str]) -> int:
        """How many pictures of these jobs were refused. Read from an index alone."""
        found = 0
        for start in range(0, len(job_ids), IN_LIST):
            some = job_ids[start : start + IN_LIST]
            query = select(func.count()).where(ITEM.c.job_id.in_(some), ITEM.c.state == ItemState.REFUSED)
            with self._reading() as c:
                found += c.execute(query).scalar_one()
        return found

    def ended_and_refused(self, job_ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """By job: its own pictures that are made or have ended, and how many of them were refused."""
        found: dict[str, tuple[int, int]] = {}
        refused = func.count().filter(ITEM.c.state == ItemState.REFUSED)
        for start in range(0, len(job_ids), IN_LIST):
            query = select(ITEM.c.job_id, func.count(), refused).where(
                ITEM.c.job_id.in_(job_ids[start : start + IN_LIST]), ITEM.c.state.in_(list(JUDGED)), OWN
            )
            with self._reading() as c:
                for job_id, of, hits in c.execute(query.group_by(ITEM.c.job_id)):
                    found[job_id] = (of, hits)
        return found

    def refused_rows(self, job_ids: Sequence[str], most: int) -> Sequence[tuple[str, Mapping[str, str]]]:
        """Job and cells of the rows behind the newest refused pictures of these jobs, copies left out."""
        found: list[tuple[str, Mapping[str, str]]] = []
        for start in range(0, len(job_ids), IN_LIST):
            query = (
                select(ITEM.c.job_id, ROW.c.cells)
                .select_from(ITEM.join(ROW, and_(ROW.c.job_id == ITEM.c.job_id, ROW.c.number == ITEM.c.row)))
                .where(
                    ITEM.c.job_id.in_(job_ids[start : start + IN_LIST]),
                    ITEM.c.state == ItemState.REFUSED,
                    OWN,
                )
                .order_by(ITEM.c.moved_at.desc())
                .limit(most - len(found))
            )
            with self._reading() as c:
                found += [(job_id, cells) for job_id, cells in c.execute(query)]
        return found

    def with_values(
        self, job_ids: Sequence[str], column: str, values: Collection[str]
    ) -> Mapping[tuple[str, str], tuple[int, int]]:
        """By job and value: its own pictures that are made or have ended and whose row has the value in the
        column, and how many of them were refused.
        """
        value = func.coalesce(ROW.c.cells[column].as_string(), "")
        refused = func.count().filter(ITEM.c.state == ItemState.REFUSED)
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for start in range(0, len(job_ids), IN_LIST):
            query = (
                select(ITEM.c.job_id, value, func.count(), refused)
                .select_from(ITEM.join(ROW, and_(ROW.c.job_id == ITEM.c.job_id, ROW.c.number == ITEM.c.row)))
                .where(
                    ITEM.c.job_id.in_(job_ids[start : start + IN_LIST]),
                    ITEM.c.state.in_(list(JUDGED)),
                    OWN,
                    value.in_(list(values)),
                )
                .group_by(ITEM.c.job_id, value)
            )
            with self._reading() as c:
                for job_id, said, of, hits in c.execute(query):
                    found[job_id, said] = (of, hits)
        return found
