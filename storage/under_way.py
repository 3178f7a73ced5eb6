"""Reads about jobs that are being made: how fast they go, what they wait for, what came last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from storage.copies import OWN
from storage.reading import Reader
from storage.records import Event, Item, Submission
from storage.states import LIVE_SUBMISSIONS, ItemState, SubmissionState
from storage.tables import table

ITEM, ATTEMPT, SUBMISSION, EVENT = table("item"), table("attempt"), table("submission"), table("event")

LIVE, BATCH = "live", "batch"
"""Lanes, as they are kept."""


class UnderWay(Reader):
    """These reads; part of `Queries`."""

    def lanes(self, job_id: str) -> Mapping[tuple[str, ItemState], int]:
        """Items by lane and state."""
        query = select(ITEM.c.lane, ITEM.c.state, func.count()).where(ITEM.c.job_id == job_id)
        with self._reading() as c:
            found = c.execute(query.group_by(ITEM.c.lane, ITEM.c.state))
            return {(lane, ItemState(state)): count for lane, state, count in found}

    def live_answers(self, job_id: str, since: datetime) -> tuple[int, datetime | None]:
        """How many live calls' pictures were answered since then, and when the first of them was sent."""
        query = (
            select(func.count(), func.min(ATTEMPT.c.sent_at))
            .join(SUBMISSION, SUBMISSION.c.id == ATTEMPT.c.submission_id)
            .where(ATTEMPT.c.job_id == job_id, ATTEMPT.c.answered_at >= since, SUBMISSION.c.lane == LIVE)
        )
        with self._reading() as c:
            count, first = c.execute(query).one()
        return count, first

    def batches(self, job_id: str) -> Sequence[Submission]:
        """A job's batches that need a tick: prepared, being sent, or at the provider."""
        query = select(SUBMISSION).where(
            SUBMISSION.c.job_id == job_id,
            SUBMISSION.c.lane == BATCH,
            SUBMISSION.c.state.in_(list(LIVE_SUBMISSIONS)),
        )
        return self._all(Submission, query.order_by(SUBMISSION.c.due_at, SUBMISSION.c.id))

    def begins_at(self, job_id: str) -> datetime | None:
        """When the first of a job's waiting items may be sent; None where none waits."""
        query = select(func.min(ITEM.c.due_at)).where(
            ITEM.c.job_id == job_id, ITEM.c.state == ItemState.WAITING
        )
        with self._reading() as c:
            first: datetime | None = c.execute(query).scalar_one()
        return first

    def ahead(self, submission: Submission) -> int:
        """How many other batches prepared for the same provider will be sent before this one."""
        earlier = or_(
            SUBMISSION.c.due_at < submission.due_at,
            and_(SUBMISSION.c.due_at == submission.due_at, SUBMISSION.c.id < submission.id),
        )
        query = select(func.count()).where(
            SUBMISSION.c.provider == submission.provider,
            SUBMISSION.c.lane == BATCH,
            SUBMISSION.c.state == SubmissionState.PREPARED,
            earlier,
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def batches_at(self, provider: str) -> Sequence[Submission]:
        """All batches that are at a provider now, or on their way there."""
        there = [SubmissionState.SENDING, SubmissionState.OPEN]
        query = select(SUBMISSION).where(
            SUBMISSION.c.provider == provider, SUBMISSION.c.lane == BATCH, SUBMISSION.c.state.in_(there)
        )
        return self._all(Submission, query.order_by(SUBMISSION.c.sent_at, SUBMISSION.c.id))

    def to_be_started(self, job_id: str) -> tuple[int, Decimal, Decimal, int]:
        """What waits for a person's Start: items, the lowest and highest they may cost in USD as far as that
        is known, and how many have no known price. What is reused costs nothing.
        """
        query = select(
            func.count(),
            func.coalesce(func.sum(ITEM.c.quoted_low).filter(OWN), 0),
            func.coalesce(func.sum(ITEM.c.quoted_high).filter(OWN), 0),
            func.count().filter(ITEM.c.quoted_high.is_(None), OWN),
        ).where(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.PLANNED)
        with self._reading() as c:
            number, low, high, unpriced = c.execute(query).one()
        return number, Decimal(low or 0), Decimal(high or 0), unpriced

    def newest_picture(self, job_id: str) -> Item | None:
        """The item whose picture was kept last."""
        query = select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED)
        return self._one(Item, query.order_by(ITEM.c.moved_at.desc(), ITEM.c.number.desc()))

    def last_decision(self, job_id: str) -> Event | None:
        """What moved the job as a whole last."""
        query = select(EVENT).where(EVENT.c.job_id == job_id, EVENT.c.subject == "job")
        return self._one(Event, query.order_by(EVENT.c.id.desc()))
