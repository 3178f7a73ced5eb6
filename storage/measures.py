"""Reads for figures over many jobs: how pictures ended, what they cost and how long they took, by what they
share; what waits and since when; how long results can still be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, or_, select

from storage.copies import OWN
from storage.findings import FOUND
from storage.reading import Reader
from storage.records import Job
from storage.states import LIVING_JOBS, UNDER_WAY, ItemState, JobState, ReviewState
from storage.tables import table
from storage.timings import seconds_between

JOB, ROW, ITEM = table("job"), table("row"), table("item")
ATTEMPT, SUBMISSION = table("attempt"), table("submission")

ENDED = (ItemState.STORED, ItemState.REFUSED, ItemState.FAILED, ItemState.EXPIRED, ItemState.IN_DOUBT)
"""Ended, and not because somebody cancelled."""

IN_LIST = 500

PAST_KEPT = 2_000
"""Ended jobs whose figures are kept in memory."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Pictures of one job, model and lane in numbers; of a picture made again, the version that counts.

    `bot.watch.measures.Measure` has these names once more, and adds the rates: what judges figures may not
    know where they are kept, nor the data store who judges. `measure_of` carries one over to the other, and
    a test holds their names together.
    """

    job_id: str
    provider: str
    model: str
    lane: str
    stored: int = 0
    refused: int = 0
    failed: int = 0
    expired: int = 0
    in_doubt: int = 0
    cancelled: int = 0
    under_way: int = 0
    duplicates: int = 0
    """Of `stored`: copied."""
    flagged: int = 0
    """Of `stored`: the quality gate found fault with them."""
    approved: int = 0
    rejected: int = 0
    first_try: int = 0
    """Of `stored`: made at the first sending."""
    sends: int = 0
    """Sendings of all versions, at this model."""
    cost_usd: Decimal = Decimal(0)
    """Of all sendings, as far as it is known."""
    unpriced: int = 0
    """Sendings that may have cost something nobody has said."""
    made: int = 0
    """Sendings that made a picture and whose cost and list price are both known, as the next two are."""
    made_usd: Decimal = Decimal(0)
    listed_usd: Decimal = Decimal(0)
    """What those were quoted at most."""
    timed: int = 0
    """Sendings that made a picture."""
    seconds: float = 0.0
    """From sending to answer, over those together."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Pictures that wait to be sent."""

    provider: str
    model: str
    lane: str
    number: int
    oldest: datetime
    """Since when the first of them waits."""


@dataclass(frozen=True, slots=True)
class Valued:
    """Pictures whose row has the same value in one column."""

    value: str
    settled: int
    refused: int


class Measures(Reader):
    """These reads; part of `Queries`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._past: dict[tuple[str, datetime | None], Sequence[Piece]] = {}

    def attended_jobs(self, since: datetime) -> Sequence[Job]:
        """Jobs that have not ended, and those that finished since then; newest first."""
        finished = and_(JOB.c.state == JobState.FINISHED, JOB.c.finished_at >= since)
        query = select(JOB).where(or_(JOB.c.state.in_(list(LIVING_JOBS)), finished))
        return self._all(Job, query.order_by(JOB.c.created_at.desc(), JOB.c.id))

    def started_jobs(self, since: datetime, until: datetime | None = None) -> Sequence[Job]:
        """Jobs that run now or ended since then, and had begun before `until`; newest first."""
        ended = and_(JOB.c.state.in_([JobState.FINISHED, JobState.CANCELLED]), JOB.c.finished_at >= since)
        query = select(JOB).where(
            JOB.c.started_at.is_not(None), or_(JOB.c.state.in_(list(LIVING_JOBS)), ended)
        )
        if until is not None:
            query = query.where(JOB.c.started_at < until)
        return self._all(Job, query.order_by(JOB.c.started_at.desc(), JOB.c.id))

    def pieces(self, job_ids: Sequence[str]) -> Sequence[Piece]:
        """These jobs in numbers, by job, model and lane."""
        found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        for start in range(0, len(job_ids), IN_LIST):
            some = job_ids[start : start + IN_LIST]
            with self._reading() as c:
                for key, values in (*_pictures(c, some), *_sendings(c, some)):
                    found.setdefault(key, {}).update(values)
        return [Piece(*key, **values) for key, values in sorted(found.items())]

    def past(self, provider: str, model: str, lane: str, before: datetime, most: int) -> Sequence[Piece]:
        """The newest finished jobs of this model and lane, newest first; what they were at this model.

        Jobs that ended before the moment given; kept in memory, since what has ended changes only by a retry.
        """
        query = (
            select(JOB.c.id, JOB.c.finished_at)
            .where(
                JOB.c.state == JobState.FINISHED,
                JOB.c.provider == provider,
                JOB.c.model == model,
                JOB.c.lane == lane,
                JOB.c.finished_at < before,
            )
            .order_by(JOB.c.finished_at.desc(), JOB.c.id)
            .limit(most)
        )
        with self._reading() as c:
            jobs = [(job_id, at) for job_id, at in c.execute(query)]
        missing = [job_id for job_id, at in jobs if (job_id, at) not in self._past]
        if missing:
            if len(self._past) > PAST_KEPT:
                self._past.clear()
                missing = [job_id for job_id, _ in jobs]
            fresh = self.pieces(missing)
            for job_id, at in jobs:
                if job_id in missing:
                    self._past[job_id, at] = [piece for piece in fresh if piece.job_id == job_id]
        same = (provider, model, lane)
        return [
            piece
            for key in jobs
            for piece in self._past.get(key, ())
            if (piece.provider, piece.model, piece.lane) == same
        ]

    def settled_since(
        self, job_ids: Sequence[str], edges: Sequence[datetime]
    ) -> Mapping[tuple[str, ItemState], tuple[int, ...]]:
        """By job and state: how many pictures ended at or after each of these times, earliest time first."""
        found: dict[tuple[str, ItemState], tuple[int, ...]] = {}
        counts = [func.count().filter(ITEM.c.moved_at >= edge) for edge in edges]
        for start in range(0, len(job_ids), IN_LIST):
            query = select(ITEM.c.job_id, ITEM.c.state, *counts).where(
                ITEM.c.job_id.in_(job_ids[start : start + IN_LIST]),
                ITEM.c.state.in_(list(ENDED)),
                ITEM.c.moved_at >= min(edges),
                ITEM.c.reused_job.is_(None),
            )
            with self._reading() as c:
                for job_id, state, *numbers in c.execute(query.group_by(ITEM.c.job_id, ITEM.c.state)):
                    found[job_id, ItemState(state)] = tuple(numbers)
        return found

    def by_value(self, job_id: str, column: str, most: int) -> Sequence[Valued]:
        """The job's pictures that are made or have ended, copies left out, by their row's value in a column;
        most refused first.
        """
        value = func.coalesce(ROW.c.cells[column].as_string(), "")
        refused = func.count().filter(ITEM.c.state == ItemState.REFUSED)
        query = (
            select(value, func.count(), refused)
            .select_from(ITEM.join(ROW, and_(ROW.c.job_id == ITEM.c.job_id, ROW.c.number == ITEM.c.row)))
            .where(ITEM.c.job_id == job_id, ITEM.c.state.in_([*ENDED, ItemState.GENERATED]), OWN)
            .group_by(value)
            .order_by(refused.desc(), func.count().desc(), value)
            .limit(most)
        )
        with self._reading() as c:
            return [Valued(*row) for row in c.execute(query)]

    def queued(self) -> Sequence[Queued]:
        """What waits to be sent, of all jobs that run, by model and lane."""
        way = (ITEM.c.provider, ITEM.c.model, ITEM.c.lane)
        query = (
            select(*way, func.count(), func.min(ITEM.c.moved_at))
            .join(JOB, JOB.c.id == ITEM.c.job_id)
            .where(
                JOB.c.state.in_([JobState.PILOT, JobState.RUNNING]),
                ITEM.c.state.in_([ItemState.WAITING, ItemState.SENDING]),
            )
            .group_by(*way)
        )
        with self._reading() as c:
            return [Queued(*row) for row in c.execute(query)]


_Key = tuple[str, str, str, str]


def _pictures(c: Connection, job_ids: Sequence[str]) -> list[tuple[_Key, dict[str, Any]]]:
    way = (ITEM.c.job_id, ITEM.c.provider, ITEM.c.model, ITEM.c.lane)
    state, review = ITEM.c.state, ITEM.c.review
    stored = state == ItemState.STORED
    counted: Mapping[str, ColumnElement[bool]] = {
        **{name.value: state == name for name in (*ENDED, ItemState.CANCELLED)},
        "under_way": state.in_([ItemState.PLANNED, *UNDER_WAY]),
        "duplicates": and_(stored, ITEM.c.duplicate_of.is_not(None)),
        "flagged": and_(stored, FOUND),
        "approved": review == ReviewState.APPROVED,
        "rejected": review == ReviewState.REJECTED,
        "first_try": and_(stored, ITEM.c.sends == 1),
    }
    query = (
        select(*way, *(func.count().filter(which) for which in counted.values()))
        .where(ITEM.c.job_id.in_(job_ids), review != ReviewState.REPLACED, ITEM.c.reused_job.is_(None))
        .group_by(*way)
    )
    return [
        ((row[0], row[1], row[2], row[3]), dict(zip(counted, row[4:], strict=True)))
        for row in c.execute(query)
    ]


def _sendings(c: Connection, job_ids: Sequence[str]) -> list[tuple[_Key, dict[str, Any]]]:
    way = (ATTEMPT.c.job_id, SUBMISSION.c.provider, SUBMISSION.c.model, SUBMISSION.c.lane)
    a = ATTEMPT.c
    made, closed = a.outcome == "made", a.outcome.is_not(None)
    priced = and_(made, a.cost.is_not(None), a.quoted > Decimal(0))
    query = (
        select(
            *way,
            func.count().filter(or_(~closed, a.outcome != "not_sent")),
            func.coalesce(func.sum(a.cost).filter(closed), 0),
            func.count().filter(and_(closed, a.cost.is_(None), a.billed != "no")),
            func.count().filter(priced),
            func.coalesce(func.sum(a.cost).filter(priced), 0),
            func.coalesce(func.sum(a.quoted).filter(priced), 0),
            func.count().filter(made),
            func.coalesce(func.sum(seconds_between(c, a.sent_at, a.answered_at)).filter(made), 0),
        )
        .join(SUBMISSION, SUBMISSION.c.id == a.submission_id)
        .where(a.job_id.in_(job_ids))
        .group_by(*way)
    )
    found = []
    for job_id, provider, model, lane, sends, cost, unpriced, *rest in c.execute(query):
        number, made_usd, listed_usd, timed, seconds = rest
        values = {
            "sends": sends,
            "cost_usd": Decimal(cost),
            "unpriced": unpriced,
            "made": number,
            "made_usd": Decimal(made_usd),
            "listed_usd": Decimal(listed_usd),
            "timed": timed,
            "seconds": max(0.0, float(seconds)),
        }
        found.append(((job_id, provider, model, lane), values))
    return found
