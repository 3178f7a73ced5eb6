"""Reads about earlier jobs: which ended before in a channel, when a job had ended for the first time, and
what happened in a channel over some time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select

from storage.costs import Whose, stretch
from storage.reading import Reader
from storage.records import Job
from storage.states import ENDED_JOBS, FINAL_ITEMS, ItemState, JobState, ReviewState
from storage.tables import table

JOB, ITEM, THREAD, EVENT = table("job"), table("item"), table("thread"), table("event")


class Histories(Reader):
    """These reads; part of `Queries`."""

    def ended_before(self, job: Job, limit: int) -> Sequence[Job]:
        """Jobs told in the same channel (or, of one told nowhere, those told nowhere) that were made before
        it and have ended, newest first.
        """
        query = (
            select(JOB)
            .where(JOB.c.state.in_(list(ENDED_JOBS)), JOB.c.started_at.is_not(None))
            .where(JOB.c.created_at < job.created_at, JOB.c.id != job.id)
        )
        mine = THREAD.alias("mine")
        with self._reading() as c:
            place = c.execute(select(mine.c.team, mine.c.channel).where(mine.c.job_id == job.id)).first()
        here = exists().where(THREAD.c.job_id == JOB.c.id)
        if place is not None:
            here = here.where(THREAD.c.team == place.team, THREAD.c.channel == place.channel)
        query = query.where(here if place is not None else ~here)
        return self._all(Job, query.order_by(JOB.c.created_at.desc(), JOB.c.id).limit(limit))

    def first_end(self, job_id: str) -> datetime | None:
        """When it had ended for the first time; redos and retries end it again."""
        ends = (EVENT.c.subject == "job", EVENT.c.to_state.in_(list(ENDED_JOBS)))
        with self._reading() as c:
            found: datetime | None = c.execute(
                select(func.min(EVENT.c.at)).where(EVENT.c.job_id == job_id, *ends)
            ).scalar_one()
        return found

    def jobs_between(self, whose: Whose, since: datetime, until: datetime) -> Sequence[Job]:
        """Jobs that were made, started or ended in that time, or were under way all of it; oldest first."""
        made, began, ended = JOB.c.created_at, JOB.c.started_at, JOB.c.finished_at
        lasted = and_(began < since, or_(ended.is_(None), ended >= until))
        query = select(JOB).where(
            JOB.c.state != JobState.DRAFT,
            whose.jobs(JOB.c.id),
            or_(*(at.between(since, until) for at in (made, began, ended)), lasted),
        )
        return self._all(Job, query.order_by(made, JOB.c.id))

    def reviewed_between(self, whose: Whose, since: datetime, until: datetime) -> Mapping[ReviewState, int]:
        """How many pictures people decided about in that time, by what they stand at now."""
        query = select(ITEM.c.review, func.count()).where(
            ITEM.c.reviewed_at >= since, ITEM.c.reviewed_at < until, whose.jobs(ITEM.c.job_id)
        )
        with self._reading() as c:
            return {ReviewState(review): n for review, n in c.execute(query.group_by(ITEM.c.review))}

    def ended_between(self, whose: Whose, edges: Sequence[datetime]) -> Sequence[Mapping[ItemState, int]]:
        """For each stretch between rising `edges`: how many pictures came to their end then, by which end. Of
        versions the one that counts; nothing of jobs that were never started.
        """
        at, when = ITEM.c.moved_at, stretch(ITEM.c.moved_at, edges)
        query = select(when, ITEM.c.state, func.count()).where(
            ITEM.c.state.in_(list(FINAL_ITEMS)),
            ITEM.c.review != ReviewState.REPLACED,
            at >= edges[0],
            at < edges[-1],
            ITEM.c.job_id.in_(select(JOB.c.id).where(JOB.c.started_at.is_not(None))),
            whose.jobs(ITEM.c.job_id),
        )
        found: list[dict[ItemState, int]] = [{} for _ in edges[1:]]
        with self._reading() as c:
            for number, state, pictures in c.execute(query.group_by(when, ITEM.c.state)):
                found[number][ItemState(state)] = pictures
        return found
