"""What there is of everything now, in a few numbers, for the operator's metrics.

Measured with 100,000 items in one running job and as many answers within six hours (SQLite, two cores): see
docs/measured.md. Ended jobs cost nothing here, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, case, func, or_, select

from storage.reading import Reader
from storage.records import AnnouncementState, InboxState
from storage.states import (
    LIVE_SUBMISSIONS,
    LIVING_JOBS,
    SENDING_JOBS,
    UNDER_WAY,
    ItemState,
    JobState,
    SubmissionState,
)
from storage.tables import table

JOB, ITEM, ATTEMPT, SUBMISSION = table("job"), table("item"), table("attempt"), table("submission")
INBOX, ANNOUNCEMENT, INCIDENT = table("inbox"), table("announcement"), table("incident")


@dataclass(frozen=True, slots=True)
class Moving:
    """Items of living jobs in one state."""

    state: ItemState
    provider: str
    lane: str
    count: int
    oldest: datetime | None
    """Since when the one that has been longest in it is in it; of waiting ones, since when it has been due,
    if it may be sent at all.
    """


@dataclass(frozen=True, slots=True)
class Sent:
    """Submissions in one state that still need a tick."""

    state: SubmissionState
    provider: str
    model: str
    lane: str
    count: int


@dataclass(frozen=True, slots=True)
class Settled:
    """Answers of one kind."""

    provider: str
    model: str
    lane: str
    outcome: str
    count: int
    usd: Decimal
    """What they cost, as far as anybody says."""
    unpriced: int
    """Those that may have been billed and of whose price nobody says anything."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be done, and since when."""

    count: int
    oldest: datetime | None


class Gauges(Reader):
    """Reads of counts."""

    def jobs_by_state(self) -> Mapping[JobState, int]:
        query = select(JOB.c.state, func.count()).group_by(JOB.c.state)
        with self._reading() as c:
            return {JobState(state): int(number) for state, number in c.execute(query)}

    def moving(self, now: datetime) -> Sequence[Moving]:
        """Everything under way, by state, provider and lane."""
        waiting = ITEM.c.state == ItemState.WAITING
        not_yet = and_(waiting, or_(ITEM.c.due_at > now, JOB.c.state.not_in(list(SENDING_JOBS))))
        since = case(
            (not_yet, None), (waiting, func.coalesce(ITEM.c.due_at, ITEM.c.moved_at)), else_=ITEM.c.moved_at
        )
        group = (ITEM.c.state, ITEM.c.provider, ITEM.c.lane)
        query = (
            select(*group, func.count(), func.min(since, type_=ITEM.c.moved_at.type))
            .join(JOB, JOB.c.id == ITEM.c.job_id)
            .where(JOB.c.state.in_(list(LIVING_JOBS)), ITEM.c.state.in_(list(UNDER_WAY)))
            .group_by(*group)
        )
        with self._reading() as c:
            return [
                Moving(ItemState(state), provider, lane, int(number), oldest)
                for state, provider, lane, number, oldest in c.execute(query)
            ]

    def last_finished(self, since: datetime) -> Mapping[tuple[str, str, str], datetime]:
        """By provider, model and lane: when the last of their jobs finished, at or after that time."""
        way = (JOB.c.provider, JOB.c.model, JOB.c.lane)
        query = (
            select(*way, func.max(JOB.c.finished_at, type_=JOB.c.finished_at.type))
            .where(JOB.c.state == JobState.FINISHED, JOB.c.finished_at >= since)
            .group_by(*way)
        )
        with self._reading() as c:
            return {(provider, model, lane): at for provider, model, lane, at in c.execute(query)}

    def sent(self) -> Sequence[Sent]:
        """Submissions that still need a tick."""
        group = (SUBMISSION.c.state, SUBMISSION.c.provider, SUBMISSION.c.model, SUBMISSION.c.lane)
        query = (
            select(*group, func.count())
            .where(SUBMISSION.c.state.in_(list(LIVE_SUBMISSIONS)))
            .group_by(*group)
        )
        with self._reading() as c:
            return [
                Sent(SubmissionState(state), provider, model, lane, int(number))
                for state, provider, model, lane, number in c.execute(query)
            ]

    def settled(self, since: datetime, until: datetime | None = None) -> Sequence[Settled]:
        """Answers given from `since` on, and before `until`."""
        group = (SUBMISSION.c.provider, SUBMISSION.c.model, SUBMISSION.c.lane, ATTEMPT.c.outcome)
        unpriced = func.count().filter(ATTEMPT.c.cost.is_(None), ATTEMPT.c.billed != "no")
        within = [ATTEMPT.c.answered_at >= since]
        if until is not None:
            within.append(ATTEMPT.c.answered_at < until)
        query = (
            select(*group, func.count(), func.sum(ATTEMPT.c.cost), unpriced)
            .join(SUBMISSION, SUBMISSION.c.id == ATTEMPT.c.submission_id)
            .where(*within, ATTEMPT.c.outcome.is_not(None))
            .group_by(*group)
        )
        with self._reading() as c:
            return [
                Settled(provider, model, lane, outcome, int(number), usd or Decimal(0), int(unknown))
                for provider, model, lane, outcome, number, usd, unknown in c.execute(query)
            ]

    def inbox(self) -> Backlog:
        """What people asked for and what is not done."""
        query = select(func.count(), func.min(INBOX.c.received_at)).where(INBOX.c.state == InboxState.NEW)
        with self._reading() as c:
            return Backlog(*c.execute(query).one())

    def announcements(self) -> tuple[int, int]:
        """Messages that were begun and are not known to stand: how many, and the most tries for one."""
        posting = ANNOUNCEMENT.c.state == AnnouncementState.POSTING
        query = select(func.count(), func.coalesce(func.max(ANNOUNCEMENT.c.tries), 0)).where(posting)
        with self._reading() as c:
            number, tries = c.execute(query).one()
        return int(number), int(tries)

    def open_incidents(self) -> Mapping[str, int]:
        """How many alerts stand, by rule."""
        query = select(INCIDENT.c.rule, func.count()).where(INCIDENT.c.closed_at.is_(None))
        with self._reading() as c:
            return {rule: int(number) for rule, number in c.execute(query.group_by(INCIDENT.c.rule))}
