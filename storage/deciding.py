"""What people decide about a whole job, within the caller's transaction. Who calls this is `store`.

Each decision moves the job by its own event, with the person's name in the history; a second click finds the
job moved and raises StaleTransitionError.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from storage.copies import COPIED, OWN
from storage.failed import End, ended_as
from storage.lanes import Relaned, relane
from storage.moves import ITEM, JOB, SUBMISSION, move_items, move_one, not_sent
from storage.pictures import NOT_MADE
from storage.states import (
    ENDED_JOBS,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    ReviewState,
    SubmissionEvent,
    SubmissionState,
)
from storage.tables import table
from storage.voting import asked_before

EVENT = table("event")

APPROVE_RUSH = "approve_rush"
"""The event of a line of history: the state stays as it is."""


def start(
    c: Connection,
    job_id: str,
    at: datetime,
    due_at: datetime,
    person: str,
    relaned: Iterable[Sequence[Relaned]],
    values: Mapping[str, Any],
) -> None:
    """PLANNED -> RUNNING; before that, `relaned` items change their lane and `values` are set in the job."""
    move_one(c, "job", job_id, job_id, JobEvent.START, at, person, started_at=at)
    _set_lane(c, job_id, relaned, at, values)
    confirm(c, job_id, at, due_at)


def start_pilot(
    c: Connection,
    job_id: str,
    at: datetime,
    person: str,
    sample: Sequence[Relaned],
    relaned: Iterable[Sequence[Relaned]],
    values: Mapping[str, Any],
) -> None:
    """PLANNED -> PILOT: the items of the sample wait to be sent now, in their own lane; the rest stays."""
    move_one(c, "job", job_id, job_id, JobEvent.START_PILOT, at, person, started_at=at)
    _set_lane(c, job_id, relaned, at, values)
    relane(c, job_id, [sample], ItemState.PLANNED, at)
    chosen = ITEM.c.number.in_([item.number for item in sample])
    mine = [ITEM.c.job_id == job_id, chosen, OWN]
    move_items(c, ItemEvent.CONFIRM, mine, at, due_at=at, pilot=True)


def _set_lane(
    c: Connection,
    job_id: str,
    relaned: Iterable[Sequence[Relaned]],
    at: datetime,
    values: Mapping[str, Any],
) -> None:
    relane(c, job_id, relaned, ItemState.PLANNED, at)
    if values:
        c.execute(update(JOB).where(JOB.c.id == job_id).values(**values))


def go_on(c: Connection, job_id: str, at: datetime, due_at: datetime, person: str) -> None:
    """PILOT_REVIEW -> RUNNING: what is still planned is confirmed. The job's time counts from here."""
    move_one(c, "job", job_id, job_id, JobEvent.GO_ON, at, person, started_at=at)
    confirm(c, job_id, at, due_at)


def confirm(c: Connection, job_id: str, at: datetime, due_at: datetime) -> None:
    """Planned originals wait to be sent, not before `due_at`; duplicates wait for them, and what is reused
    for its copy.
    """
    mine = ITEM.c.job_id == job_id
    move_items(c, ItemEvent.CONFIRM, [mine, OWN], at, due_at=due_at)
    move_items(c, ItemEvent.CONFIRM_COPY, [mine, COPIED], at)


def pause(c: Connection, job_id: str, at: datetime, person: str) -> int:
    """RUNNING -> PAUSED: what is prepared and not sent is taken apart; how many items wait again."""
    move_one(c, "job", job_id, job_id, JobEvent.PAUSE, at, person)
    waiting = 0
    for submission_id in _withdrawn(c, job_id, at, "The job is paused."):
        mine = [ITEM.c.job_id == job_id, ITEM.c.submission_id == submission_id]
        waiting += move_items(c, ItemEvent.UNPACK, mine, at, note=submission_id, due_at=at)
    return waiting


def cancel(c: Connection, job_id: str, at: datetime, person: str) -> int:
    """Stop what has not left; how many items that were. What is at the provider is awaited."""
    state = move_one(c, "job", job_id, job_id, JobEvent.CANCEL, at, person)
    if state is JobState.CANCELLED:
        c.execute(update(JOB).where(JOB.c.id == job_id).values(finished_at=at))
    return stop_unsent(c, job_id, at)


def stop_unsent(c: Connection, job_id: str, at: datetime) -> int:
    """Cancel what a job has not sent; how many items."""
    stopped = 0
    for submission_id in _withdrawn(c, job_id, at, ""):
        mine = [ITEM.c.job_id == job_id, ITEM.c.submission_id == submission_id]
        stopped += move_items(c, ItemEvent.CANCEL, mine, at)
    idle = ITEM.c.state.in_([ItemState.PLANNED, ItemState.WAITING, ItemState.COPYING])
    return stopped + move_items(c, ItemEvent.CANCEL, [ITEM.c.job_id == job_id, idle], at)


def _withdrawn(c: Connection, job_id: str, at: datetime, note: str) -> Sequence[str]:
    """Take back what is prepared and not sent: the submissions' ids. Their items are still SENDING."""
    unsent = select(SUBMISSION.c.id).where(
        SUBMISSION.c.job_id == job_id, SUBMISSION.c.state == SubmissionState.PREPARED
    )
    ids = list(c.execute(unsent).scalars())
    for submission_id in ids:
        move_one(
            c, "submission", submission_id, job_id, SubmissionEvent.WITHDRAW, at,
            due_at=None, ended_at=at, note=note,
        )  # fmt: skip
        not_sent(c, submission_id, at)
    return ids


def send_again(
    c: Connection, job_id: str, ends: Collection[End], at: datetime, person: str, once: str
) -> int:
    """Send what came to nothing in one of these ways again; how many items. A job that had ended goes on, and
    so does a pilot. Nothing where the asking called `once` was followed before.
    """
    if asked_before(c, job_id, person, once, at):
        return 0
    # What a newer version took the place of is not wanted any more.
    wanted = ITEM.c.review != ReviewState.REPLACED
    mine = and_(ITEM.c.job_id == job_id, ITEM.c.state.in_(list(NOT_MADE)), wanted, ended_as(ends))
    fresh: dict[str, Any] = {"attempts": 0, "failure_kind": None, "failure_code": None, "reason": None}
    own, copies = [mine, OWN], [mine, COPIED]
    moved = move_items(c, ItemEvent.REOPEN, own, at, person=person, due_at=at, **fresh)
    moved += move_items(c, ItemEvent.REOPEN_COPY, copies, at, person=person, **fresh)
    if moved:
        state = JobState(c.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one())
        if state in ENDED_JOBS or state is JobState.PILOT_REVIEW:
            move_one(c, "job", job_id, job_id, JobEvent.REOPEN, at, person, finished_at=None)
    return moved


def approve_rush(c: Connection, job_id: str, at: datetime, person: str, rush_usd: Decimal) -> bool:
    """Write down that the live lane's cost is approved, should it be needed, and reserve what it may cost
    more; False if it was before.
    """
    job = c.execute(select(JOB.c.spec, JOB.c.state).where(JOB.c.id == job_id)).one()
    if job.spec.get("rush"):
        return False
    c.execute(
        update(JOB).where(JOB.c.id == job_id).values(spec={**job.spec, "rush": True}, rush_usd=rush_usd)
    )
    c.execute(
        insert(EVENT).values(
            at=at, job_id=job_id, subject="job", subject_id=job_id, event=APPROVE_RUSH, note="",
            from_state=job.state, to_state=job.state, person=person,
        )
    )  # fmt: skip
    return True
