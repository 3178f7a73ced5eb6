"""How a state changes: a compare-and-set that also writes history, within the caller's transaction.

What the events mean is in `states`; who calls this is `store`, and nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    insert,
    literal,
    select,
    update,
)

from storage.column_types import Utc
from storage.records import Submission
from storage.states import (
    ItemEvent,
    StaleTransitionError,
    SubmissionEvent,
    sources,
)
from storage.tables import table

JOB, ROW, ITEM, ATTEMPT = table("job"), table("row"), table("item"), table("attempt")
SUBMISSION, EVENT = table("submission"), table("event")


@dataclass(frozen=True, slots=True)
class Packed:
    """An item put into a submission."""

    number: int
    send: int
    """Its sending number: one more than before."""
    quoted: Decimal | None


def not_sent(c: Connection, submission_id: str, at: datetime) -> None:
    """Close a submission's lines of the ledger: nothing was sent, nothing is owed."""
    c.execute(
        update(ATTEMPT)
        .where(ATTEMPT.c.submission_id == submission_id)
        .values(outcome="not_sent", billed="no", cost=Decimal(0), answered_at=at)
    )


def move_submission(
    c: Connection, submission: Submission, event: SubmissionEvent, at: datetime, **values: Any
) -> None:
    """One submission, by event. Raises StaleTransitionError."""
    move_one(c, "submission", submission.id, submission.job_id, event, at, **values)


def move_items(
    c: Connection,
    event: ItemEvent,
    where: Sequence[ColumnElement[bool]],
    at: datetime,
    note: str | ColumnElement[str] = "",
    person: str = "",
    **values: Any,
) -> int:
    """Every chosen item to which the event applies, with history; how many moved."""
    moves = sources(event)
    (to,) = set(moves.values())
    chosen = and_(ITEM.c.state.in_(list(moves)), *where)
    write_history(c, chosen, event.value, to, at, note, person)
    return c.execute(update(ITEM).where(chosen).values(state=to.value, moved_at=at, **values)).rowcount


def write_history(
    c: Connection,
    chosen: ColumnElement[bool],
    event: str,
    to: StrEnum,
    at: datetime,
    note: str | ColumnElement[str],
    person: str = "",
) -> None:
    """A line of history for each chosen item, before it moves."""
    history = select(
        literal(at, Utc()),
        ITEM.c.job_id,
        literal("item"),
        cast(ITEM.c.number, String),
        literal(event),
        ITEM.c.state,
        literal(to.value),
        literal(note) if isinstance(note, str) else note,
        literal(person),
    )
    history = history.where(chosen).order_by(ITEM.c.number)
    names = ["at", "job_id", "subject", "subject_id", "event", "from_state", "to_state", "note", "person"]
    c.execute(insert(EVENT).from_select(names, history))


def move_one(
    c: Connection,
    subject: str,
    subject_id: str,
    job_id: str,
    event: StrEnum,
    at: datetime,
    person: str = "",
    **values: Any,
) -> StrEnum:
    """A job or a submission, by event; its new state. Raises StaleTransitionError."""
    tbl = JOB if subject == "job" else SUBMISSION
    moves = sources(event)
    state = c.execute(select(tbl.c.state).where(tbl.c.id == subject_id)).scalar_one_or_none()
    to = next((to for known, to in moves.items() if known == state), None)
    if to is None:
        raise StaleTransitionError(f"“{event}” does not apply: {subject} {subject_id} is {state or 'gone'}")
    c.execute(update(tbl).where(tbl.c.id == subject_id).values(state=to.value, **values))
    c.execute(
        insert(EVENT).values(
            at=at,
            job_id=job_id,
            subject=subject,
            subject_id=subject_id,
            event=event.value,
            from_state=state,
            to_state=to.value,
            note=str(values.get("note", ""))[:200],
            person=person,
        )
    )
    return to


def columns(record: Any) -> dict[str, Any]:
    """A record as column values."""
    # Not `asdict`, which copies every value deeply: this runs once for each of 500,000 rows.
    return {name: getattr(record, name) for name in record.__slots__}


def of(submission: Submission) -> list[ColumnElement[bool]]:
    """The items now in a submission."""
    return [ITEM.c.job_id == submission.job_id, ITEM.c.submission_id == submission.id]
