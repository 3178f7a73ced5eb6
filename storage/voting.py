"""One person's word on pictures, within the caller's transaction: votes, and the compare-and-set that follows
from them, with a line of history each. Who calls this is `reviews`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from storage.column_types import Utc
from storage.pictures import ITEM, Ranges, in_turn, within
from storage.states import ItemState, ReviewEvent, ReviewState, sources
from storage.tables import table

VOTE, EVENT = table("vote"), table("event")

STANDING = frozenset(ReviewState) - {ReviewState.REPLACED}
"""What a picture may be when it is decided about."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Which pictures a decision is about, and in which standing it found them."""

    ranges: Ranges = ()
    """By the numbers people use; each means the version that counts."""
    version: int | None = None
    """One version exactly, by its item's number, in place of ranges: the one a button belongs to."""
    seen: Collection[ReviewState] = STANDING
    """Pictures that are something else by now are left alone."""


ASKED = "asked"
"""Event of the line of history that says that an asking was followed."""


def asked_before(c: Connection, job_id: str, person: str, once: str, at: datetime) -> bool:
    """Whether this asking was followed before; written down if not."""
    if not once:
        return False
    same = (EVENT.c.job_id == job_id, EVENT.c.event == ASKED, EVENT.c.note == once)
    if c.execute(select(EVENT.c.id).where(*same).limit(1)).first() is not None:
        return True
    line = {"at": at, "job_id": job_id, "subject": "review", "subject_id": "", "event": ASKED}
    c.execute(insert(EVENT).values(**line, from_state="", to_state="", note=once, person=person))
    return False


def move(
    c: Connection,
    chosen: ColumnElement[bool],
    event: ReviewEvent,
    person: str,
    at: datetime,
    note: str,
    **values: Any,
) -> int:
    """Every chosen version to which the event applies, with history; how many moved."""
    moves = sources(event)
    (to,) = set(moves.values())
    chosen = and_(chosen, ITEM.c.review.in_([state.value for state in moves]))
    history = select(
        literal(at, Utc()),
        ITEM.c.job_id,
        literal("review"),
        cast(ITEM.c.number, String),
        literal(event.value),
        ITEM.c.review,
        literal(to.value),
        literal(note[:200]),
        literal(person),
    )
    names = ["at", "job_id", "subject", "subject_id", "event", "from_state", "to_state", "note", "person"]
    c.execute(insert(EVENT).from_select(names, history.where(chosen).order_by(ITEM.c.number)))
    who: dict[str, Any] = {"reviewed_by": person or None, "reviewed_at": at}
    if event is ReviewEvent.UNDO:
        who = {"reviewed_by": None, "reviewed_at": None, "review_reason": None, "review_note": None}
    return c.execute(update(ITEM).where(chosen).values(review=to.value, **who, **values)).rowcount


def vote(
    c: Connection,
    chosen: ColumnElement[bool],
    event: ReviewEvent,
    person: str,
    at: datetime,
    reason: str,
    note: str,
) -> int:
    """The person's vote on every chosen version, in place of an earlier one; how many."""
    job_and_item = and_(VOTE.c.job_id == ITEM.c.job_id, VOTE.c.item == ITEM.c.number)
    c.execute(delete(VOTE).where(VOTE.c.person == person, exists().where(job_and_item, chosen)))
    (verdict,) = set(sources(event).values())
    votes = select(
        ITEM.c.job_id,
        ITEM.c.number,
        literal(person),
        literal(verdict.value),
        literal(reason),
        literal(note),
        literal(at, Utc()),
    )
    names = ["job_id", "item", "person", "verdict", "reason", "note", "at"]
    c.execute(insert(VOTE).from_select(names, votes.where(chosen)))
    return int(c.execute(select(func.count()).select_from(ITEM).where(chosen)).scalar_one())


def votes(verdict: ReviewState) -> ColumnElement[int]:
    """How many people think so of the version."""
    theirs = (VOTE.c.job_id == ITEM.c.job_id, VOTE.c.item == ITEM.c.number, VOTE.c.verdict == verdict)
    return select(func.count()).where(*theirs).correlate(ITEM).scalar_subquery()


def chosen(job_id: str, pick: Pick, states: Collection[Any] | Mapping[Any, Any]) -> list[ColumnElement[bool]]:
    """The versions a pick means, in conditions of a bearable length."""
    seen = [state.value for state in pick.seen if state in states]
    base = and_(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, ITEM.c.review.in_(seen))
    if pick.version is not None:
        return [and_(base, ITEM.c.number == pick.version)]
    return [and_(base, within(some)) for some in in_turn(pick.ranges)]


def last(c: Connection, job_id: str, person: str) -> list[ColumnElement[bool]]:
    """The versions of the person's last decision: those voted on at the same moment."""
    mine = (VOTE.c.job_id == job_id, VOTE.c.person == person)
    newest = select(func.max(VOTE.c.at)).where(*mine).scalar_subquery()
    items = list(c.execute(select(VOTE.c.item).where(*mine, VOTE.c.at == newest)).scalars())
    return [
        and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(items[start : start + 500]))
        for start in range(0, len(items), 500)
    ]


def undo(c: Connection, chosen: ColumnElement[bool], person: str, at: datetime, quorum: int) -> list[int]:
    theirs = and_(VOTE.c.job_id == ITEM.c.job_id, VOTE.c.item == ITEM.c.number)
    mine = exists().where(theirs, VOTE.c.person == person)
    # The numbers first: a condition on the standing would not hold any more after the first change.
    found = c.execute(select(ITEM.c.job_id, ITEM.c.number, mine).where(chosen, exists().where(theirs))).all()
    gone: list[int] = []
    for start in range(0, len(found), 500):
        some = found[start : start + 500]
        job_id = some[0].job_id
        own = [number for _, number, is_mine in some if is_mine]
        others = [number for _, number, is_mine in some if not is_mine]
        here = VOTE.c.job_id == job_id
        c.execute(delete(VOTE).where(here, VOTE.c.item.in_(own), VOTE.c.person == person))
        c.execute(delete(VOTE).where(here, VOTE.c.item.in_(others)))
        numbers = [number for _, number, _ in some]
        loose = or_(
            and_(ITEM.c.review == ReviewState.APPROVED, votes(ReviewState.APPROVED) < quorum),
            and_(ITEM.c.review == ReviewState.REJECTED, votes(ReviewState.REJECTED) == 0),
        )
        move(
            c, and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(numbers), loose),
            ReviewEvent.UNDO, person, at, "",
        )  # fmt: skip
        first = func.coalesce(ITEM.c.version_of, ITEM.c.number)
        named = select(first).where(ITEM.c.job_id == job_id, ITEM.c.number.in_(numbers)).order_by(first)
        gone += c.execute(named).scalars()
    return gone
