"""Items change the lane they travel in, and the job's quote follows; within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, and_, case, insert, select, update

from storage.each import IN_LIST, update_each
from storage.states import ItemState, JobState, SubmissionState
from storage.tables import table

JOB, ITEM, SUBMISSION, EVENT = table("job"), table("item"), table("submission"), table("event")

RELANE, RUSH = "relane", "rush"
"""Events of lines of history that tell of a change of lane: the state stays as it is."""


@dataclass(frozen=True, slots=True)
class Relaned:
    """An item that is to travel in another lane, and what it may cost there."""

    number: int
    lane: str
    quoted_low: Decimal | None
    quoted_high: Decimal | None
    due_at: datetime | None = None
    """When it may be sent; None: as before."""


def relane(
    c: Connection,
    job_id: str,
    pages: Iterable[Sequence[Relaned]],
    state: ItemState,
    at: datetime,
    note: str | None = None,
) -> int:
    """Those of the items that are (still) in `state` get their lane and quotes; how many.

    The job's quote grows or shrinks by as much as theirs; it becomes unknown with the first of them whose
    price is not known. `note`: written into a line of history for each; None: no history.
    """
    moved = 0
    low = high = Decimal(0)
    priced = True
    for page in pages:
        for start in range(0, len(page), IN_LIST):
            some = {relaned.number: relaned for relaned in page[start : start + IN_LIST]}
            mine = and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(some), ITEM.c.state == state)
            found = c.execute(select(ITEM.c.number, ITEM.c.quoted_low, ITEM.c.quoted_high).where(mine)).all()
            for number, old_low, old_high in found:
                new = some[number]
                if None in (old_low, old_high, new.quoted_low, new.quoted_high):
                    priced = False
                else:
                    low += new.quoted_low - old_low
                    high += new.quoted_high - old_high
            _write(c, job_id, [some[number] for number, _, _ in found], state, at, note)
            moved += len(found)
    if moved:
        by = {"quoted_low": JOB.c.quoted_low + low, "quoted_high": JOB.c.quoted_high + high}
        unknown = {"quoted_low": None, "quoted_high": None}
        c.execute(update(JOB).where(JOB.c.id == job_id).values(by if priced else unknown))
        if state is ItemState.WAITING and high > 0:
            # What was reserved for this: from now on the items' own quotes have it.
            rest = case((JOB.c.rush_usd > high, JOB.c.rush_usd - high), else_=Decimal(0))
            c.execute(update(JOB).where(JOB.c.id == job_id).values(rush_usd=rest))
    return moved


def rush(c: Connection, job_id: str, at: datetime) -> bool:
    """Mark the job as rushed, once; its open batches are asked about, and cancelled, now."""
    mine = and_(JOB.c.id == job_id, JOB.c.rushed_at.is_(None), JOB.c.state == JobState.RUNNING)
    if not c.execute(update(JOB).where(mine).values(rushed_at=at)).rowcount:
        return False
    c.execute(
        insert(EVENT).values(
            at=at, job_id=job_id, subject="job", subject_id=job_id, event=RUSH, note="",
            from_state=JobState.RUNNING.value, to_state=JobState.RUNNING.value,
        )
    )  # fmt: skip
    open_batches = and_(
        SUBMISSION.c.job_id == job_id,
        SUBMISSION.c.lane == "batch",
        SUBMISSION.c.state == SubmissionState.OPEN,
    )
    c.execute(update(SUBMISSION).where(open_batches).values(due_at=at))
    return True


def _write(
    c: Connection,
    job_id: str,
    some: Sequence[Relaned],
    state: ItemState,
    at: datetime,
    note: str | None,
) -> None:
    if note is not None and some:
        line = {
            "at": at, "job_id": job_id, "subject": "item", "event": RELANE, "from_state": state.value,
            "to_state": state.value, "note": note,
        }  # fmt: skip
        c.execute(insert(EVENT), [{**line, "subject_id": str(relaned.number)} for relaned in some])
    update_each(
        c,
        ITEM,
        ("job_id", "number"),
        [
            {
                "job_id": job_id,
                "number": relaned.number,
                "lane": relaned.lane,
                "quoted_low": relaned.quoted_low,
                "quoted_high": relaned.quoted_high,
                **({} if relaned.due_at is None else {"due_at": relaned.due_at}),
            }
            for relaned in some
        ],
    )
