"""Reads about how long submissions took, by job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    and_,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
)

from storage.reading import Reader
from storage.states import JobState, SubmissionState
from storage.tables import table

JOB, SUBMISSION = table("job"), table("submission")

KEPT = 2_000
"""Ended jobs whose figures are kept in memory."""


@dataclass(frozen=True, slots=True)
class Took:
    """The submissions of one job to one model and lane: those that are answered and those that are open."""

    job_id: str
    spec: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None
    answered: int
    """Submissions that gave at least one picture."""
    seconds: float
    """From sending to the end, over those together."""
    open: int
    open_seconds: float
    """Since sending, over the open ones together."""
    pictures: int
    """Asked for in all of them."""


class Timings(Reader):
    """These reads; part of `Queries`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._took: dict[tuple[str, str, str, str, datetime], Took] = {}

    def took(self, provider: str, model: str, lane: str, now: datetime, most: int) -> Sequence[Took]:
        """Of the newest jobs of this model and lane that run or have finished, newest first; jobs without an
        answer or an open submission there are left out. Ended jobs are kept in memory.
        """
        query = (
            select(JOB.c.id, JOB.c.spec, JOB.c.started_at, JOB.c.finished_at)
            .where(
                JOB.c.state.in_([JobState.RUNNING, JobState.FINISHED]),
                JOB.c.provider == provider,
                JOB.c.model == model,
                JOB.c.lane == lane,
                JOB.c.started_at.is_not(None),
            )
            .order_by(JOB.c.started_at.desc(), JOB.c.id)
            .limit(most)
        )
        with self._reading() as c:
            jobs = c.execute(query).all()
            found, fresh = [], []
            for job_id, _, _, ended in jobs:
                known = self._took.get((provider, model, lane, job_id, ended)) if ended else None
                if known is None:
                    fresh.append(job_id)
                else:
                    found.append(known)
            counted = _counted(c, fresh, provider, model, lane, now) if fresh else {}
        if len(self._took) > KEPT:
            self._took.clear()
        for job_id, spec, began, ended in jobs:
            if job_id in counted:
                one = Took(job_id, spec, began, ended, *counted[job_id])
                found.append(one)
                if ended is not None:
                    self._took[provider, model, lane, job_id, ended] = one
        place = {row.id: number for number, row in enumerate(jobs)}
        return sorted(found, key=lambda one: place[one.job_id])


def _counted(
    c: Connection, job_ids: Sequence[str], provider: str, model: str, lane: str, now: datetime
) -> dict[str, tuple[int, float, int, float, int]]:
    s = SUBMISSION.c
    answered = and_(s.state == SubmissionState.SETTLED, s.completed > 0)
    still = s.state == SubmissionState.OPEN
    # What is open may have ended at the provider: its results are being read.
    age = seconds_between(c, s.sent_at, func.coalesce(s.ended_at, literal(now, s.sent_at.type)))
    query = (
        select(
            s.job_id,
            func.count().filter(answered),
            func.coalesce(func.sum(age).filter(answered), 0),
            func.count().filter(still),
            func.coalesce(func.sum(age).filter(still), 0),
            func.sum(s.count),
        )
        .where(
            s.job_id.in_(job_ids),
            s.provider == provider,
            s.model == model,
            s.lane == lane,
            s.sent_at.is_not(None),
            or_(answered, still),
        )
        .group_by(s.job_id)
    )
    return {
        job_id: (number, max(0.0, float(seconds)), still_open, max(0.0, float(ages)), int(pictures))
        for job_id, number, seconds, still_open, ages, pictures in c.execute(query)
    }


def seconds_between(
    c: Connection, start: ColumnElement[Any], end: ColumnElement[Any]
) -> ColumnElement[float]:
    """SQLite keeps times as text and has no difference of two."""
    if c.dialect.name == "sqlite":
        return cast((func.julianday(end) - func.julianday(start)) * 86_400, Float)
    return cast(extract("epoch", end - start), Float)
