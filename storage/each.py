"""Many rows moved together, each to values of its own: one statement for all that are alike.

The same compare-and-set and the same lines of history as in `moves`, within the caller's transaction. A
hundred live answers written one by one are eight hundred statements; together they are ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    insert,
    literal,
    select,
    update,
)

from storage.column_types import Utc
from storage.records import Submission
from storage.states import ItemEvent, ItemState, SubmissionEvent, sources
from storage.tables import table

ITEM, ATTEMPT, SUBMISSION, EVENT = table("item"), table("attempt"), table("submission"), table("event")

IN_LIST = 500
"""Values per IN list: well under SQLite's limit on variables, large enough to be fast."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sending of an item, ready to be written down."""

    number: int
    send: int
    event: ItemEvent
    """MAKE, RETRY, REFUSE, FAIL, EXPIRE, CANCEL or UNPACK."""
    outcome: str
    """For the ledger: `made` or a failure kind."""
    code: str = ""
    message: str = ""
    billed: str = "unknown"
    cost: Decimal | None = None
    priced_by: str = ""
    """`vendor` or `table`, where a cost is known."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Item columns to set beside the state: master_key, locator, due_at."""


@dataclass(frozen=True, slots=True)
class ItemMove:
    """One item, by event, where it is still as it was found."""

    job_id: str
    number: int
    send: int
    event: ItemEvent
    state: ItemState | None = None
    """The state it was found in; None: any that the event applies to."""
    submission_id: str | None = None
    """The submission it was found in; None: whichever."""
    note: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Item columns to set beside the state."""
    cost: Decimal | None = None
    """To be added to what it has cost so far."""
    counts: bool = False
    """Whether this was an attempt."""


def move_submissions(
    c: Connection, event: SubmissionEvent, ids: Sequence[str], at: datetime, **values: Any
) -> set[str]:
    """Those submissions, at most `IN_LIST`, to which the event applies, with history; which ones moved."""
    moves = sources(event)
    (to,) = set(moves.values())
    chosen = and_(SUBMISSION.c.id.in_(ids), SUBMISSION.c.state.in_(list(moves)))
    moved = set(c.execute(select(SUBMISSION.c.id).where(chosen)).scalars())
    history = select(
        literal(at, Utc()),
        SUBMISSION.c.job_id,
        literal("submission"),
        SUBMISSION.c.id,
        literal(event.value),
        SUBMISSION.c.state,
        literal(to.value),
        literal(""),
    ).where(chosen)
    names = ["at", "job_id", "subject", "subject_id", "event", "from_state", "to_state", "note"]
    c.execute(insert(EVENT).from_select(names, history))
    c.execute(update(SUBMISSION).where(chosen).values(state=to.value, **values))
    return moved


def settle_each(c: Connection, answers: Sequence[tuple[Submission, Outcome, datetime]]) -> int:
    """Answers: the items move, and their lines of the ledger are closed; how many were new.

    An item that has its answer keeps it, and so does one that is answered twice here.
    """
    moves = [
        ItemMove(
            submission.job_id,
            outcome.number,
            outcome.send,
            outcome.event,
            submission_id=submission.id,
            note=outcome.message[:200],
            values=outcome.values,
            cost=outcome.cost,
            counts=outcome.event is not ItemEvent.UNPACK,
        )
        for submission, outcome, _ in answers
    ]
    moved = move_each(c, moves, max((at for _, _, at in answers), default=None))
    lines = [
        {
            "job_id": submission.job_id,
            "item": outcome.number,
            "send": outcome.send,
            "answered_at": at,
            "outcome": outcome.outcome,
            "code": outcome.code,
            "message": outcome.message,
            "billed": outcome.billed,
            "cost": outcome.cost,
            "priced_by": outcome.priced_by,
        }
        for place, (submission, outcome, at) in enumerate(answers)
        if place in moved
    ]
    update_each(c, ATTEMPT, ("job_id", "item", "send"), lines)
    return len(lines)


def move_each(c: Connection, moves: Sequence[ItemMove], at: datetime | None) -> set[int]:
    """The places, in `moves`, of the items that moved. One that has moved meanwhile is left alone."""
    moved: set[int] = set()
    for start in range(0, len(moves), IN_LIST):
        some = moves[start : start + IN_LIST]
        moved |= {start + place for place in _move_some(c, some, at)}
    return moved


def _move_some(c: Connection, moves: Sequence[ItemMove], at: datetime | None) -> set[int]:
    found = _found(c, moves)
    moved: set[int] = set()
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for place, move in enumerate(moves):
        known = found.get((move.job_id, move.number))
        to = sources(move.event).get(known.state) if known is not None else None
        if known is None or to is None or not _as_found(known, move):
            continue
        del found[move.job_id, move.number]  # it moves once
        moved.add(place)
        row = {"job_id": move.job_id, "number": move.number, "state": to.value, "moved_at": at}
        if move.cost is not None:
            row["cost"] = (known.cost or Decimal(0)) + move.cost
        if move.counts:
            row["attempts"] = known.attempts + 1
        rows.append({**row, **move.values})
        history.append(_line(move, known.state, to.value, at))
    if history:
        c.execute(insert(EVENT), history)
    update_each(c, ITEM, ("job_id", "number"), rows)
    return moved


def _line(move: ItemMove, was: str, to: str, at: datetime | None) -> dict[str, Any]:
    """A line of history."""
    return {
        "at": at,
        "job_id": move.job_id,
        "subject": "item",
        "subject_id": str(move.number),
        "event": move.event.value,
        "from_state": was,
        "to_state": to,
        "note": move.note,
    }


def _found(c: Connection, moves: Sequence[ItemMove]) -> dict[tuple[str, int], Row[Any]]:
    """The items as they are now."""
    numbers: dict[str, list[int]] = {}
    for move in moves:
        numbers.setdefault(move.job_id, []).append(move.number)
    names = ("job_id", "number", "sends", "submission_id", "state", "attempts", "cost")
    query = select(*(ITEM.c[name] for name in names))
    return {
        (row.job_id, row.number): row
        for job_id, theirs in numbers.items()
        for row in c.execute(query.where(ITEM.c.job_id == job_id, ITEM.c.number.in_(theirs)))
    }


def _as_found(known: Row[Any], move: ItemMove) -> bool:
    return (
        known.sends == move.send
        and (move.state is None or known.state == move.state)
        and (move.submission_id is None or known.submission_id == move.submission_id)
    )


def update_each(c: Connection, tbl: Table, keys: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> None:
    """Set each row's columns where its keys are; rows that set the same columns share a statement."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append({f"its_{name}": value for name, value in row.items()})
    for names, some in alike.items():
        its = {name: bindparam(f"its_{name}", type_=tbl.c[name].type) for name in names}
        where = and_(*(tbl.c[key] == its[key] for key in keys))
        values = {name: its[name] for name in names if name not in keys}
        c.execute(update(tbl).where(where).values(values), some)
