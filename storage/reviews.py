"""What people think of pictures, and the versions that come of it. Every decision is a compare-and-set with
a line of history that has the person's name, however many pictures it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
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

from storage.moves import columns, move_items, move_one
from storage.pictures import ITEM, NOT_MADE, Pictures, Ranges, Shown, in_turn, within
from storage.reading import record_of
from storage.records import Item
from storage.states import (
    FINAL_ITEMS,
    SENDING_JOBS,
    UNDER_WAY,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    ReviewEvent,
    ReviewState,
    StaleTransitionError,
    sources,
)
from storage.tables import Utc, table
from storage.writer import Writer

__all__ = ["Decision", "Pick", "Reviews", "Shown"]

JOB, VOTE, EVENT = table("job"), table("vote"), table("event")

STANDING = frozenset(ReviewState) - {ReviewState.REPLACED}
"""What a picture may be when it is decided about."""

LASTING_JOBS = SENDING_JOBS | {JobState.PAUSED}
"""Jobs to which a new version is added as they are; one that has ended is opened again."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Which pictures a decision is about, and in which standing it found them."""

    ranges: Ranges = ()
    """By the numbers people use; each means the version that counts."""
    version: int | None = None
    """One version exactly, by its item's number, in place of ranges: the one a button belongs to."""
    seen: Collection[ReviewState] = STANDING
    """Pictures that are something else by now are left alone."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a decision."""

    voted: int
    """Pictures it was counted for."""
    moved: int
    """Pictures whose standing it changed; fewer while more people must approve."""


class Reviews(Pictures):
    """Reads and writes of reviews and versions."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    # --- deciding --------------------------------------------------------------------------------

    def decide(
        self,
        job_id: str,
        pick: Pick,
        event: ReviewEvent,
        person: str,
        at: datetime,
        *,
        quorum: int = 1,
        reason: str = "",
        note: str = "",
    ) -> Decision:
        """One person approves or rejects stored pictures.

        A picture is approved when `quorum` different people approve of it; one person's rejection is
        enough. Of two people who saw the same and decide at once, the second finds it decided.
        """
        voted = moved = 0
        with self._writer.transaction() as c:
            for chosen in _chosen(job_id, pick, sources(event)):
                voted += _vote(c, chosen, event, person, at, reason, note)
                enough = [chosen]
                if event is ReviewEvent.APPROVE and quorum > 1:
                    enough.append(_votes(ReviewState.APPROVED) >= quorum)
                values = {"review_reason": reason or None, "review_note": note or None}
                moved += _move(c, and_(*enough), event, person, at, reason or note, **values)
        return Decision(voted, moved)

    def undo(
        self, job_id: str, pick: Pick | None, person: str, at: datetime, *, quorum: int = 1
    ) -> Sequence[int]:
        """Take decisions back; the numbers of the pictures whose decision is gone.

        Without a pick the person's last one, however many pictures it was about. With one, the person's own
        vote on each picture; where they gave none, everybody's (an approver takes back what others decided).
        """
        with self._writer.transaction() as c:
            conditions = _last(c, job_id, person) if pick is None else _chosen(job_id, pick, STANDING)
            return [number for chosen in conditions for number in _undo(c, chosen, person, at, quorum)]

    # --- versions --------------------------------------------------------------------------------

    def add_versions(
        self, job_id: str, wanted: Sequence[tuple[Item, Item]], person: str, at: datetime
    ) -> Sequence[Item]:
        """New versions of pictures: (the version seen, the new one as it shall be made); those added.

        The one seen is replaced and kept; the new one gets the next number and version and waits to be
        sent. A job that has ended goes on, in the same transaction. One whose version was replaced
        meanwhile is left out, so a second click adds nothing. Raises StaleTransitionError where the job
        takes no new versions, such as while it is being cancelled.
        """
        added: list[Item] = []
        with self._writer.transaction() as c:
            number = c.execute(select(func.max(ITEM.c.number)).where(ITEM.c.job_id == job_id)).scalar() or 0
            for seen, new in wanted:
                same = and_(
                    ITEM.c.job_id == job_id,
                    ITEM.c.number == seen.number,
                    ITEM.c.state.in_(list(FINAL_ITEMS)),
                )
                if not _move(c, same, ReviewEvent.REPLACE, person, at, ""):
                    continue
                versions = _of_picture(job_id, seen.first)
                last = c.execute(select(func.max(ITEM.c.version)).where(versions)).scalar_one()
                number += 1
                named = {"number": number, "version": last + 1, "version_of": seen.first}
                made = replace(new, **named, state=ItemState.WAITING, moved_at=at, due_at=at)
                c.execute(insert(ITEM).values(**columns(made)))
                added.append(made)
            if added:
                _go_on(c, job_id, at)
        return added

    def restore(self, job_id: str, at: datetime) -> Sequence[int]:
        """Where a new version came to nothing, the one before counts again; their pictures' numbers.

        It has to be reviewed anew. Nothing happens while another version of the picture is being made.
        """
        failed = and_(
            ITEM.c.job_id == job_id,
            ITEM.c.version_of.is_not(None),
            ITEM.c.state.in_(list(NOT_MADE)),
            ITEM.c.review != ReviewState.REPLACED,
        )
        with self._reading() as c:
            if c.execute(select(ITEM.c.number).where(failed).limit(1)).first() is None:
                return []
        with self._writer.transaction() as c:
            firsts = list(c.execute(select(ITEM.c.version_of).where(failed).distinct()).scalars())
            return [first for first in firsts if _restore(c, job_id, first, at)]

    def prefer(self, job_id: str, number: int, person: str, at: datetime) -> bool:
        """Let an earlier version count again instead of the newer one; False if that is not possible now."""
        with self._writer.transaction() as c:
            chosen = _item(c, job_id, number)
            if chosen is None or chosen.state is not ItemState.STORED:
                return False
            others = [v for v in _versions(c, job_id, chosen.first) if v.number != number]
            if chosen.review is not ReviewState.REPLACED or any(v.state in UNDER_WAY for v in others):
                return False
            for other in others:
                _move(c, _exactly(other), ReviewEvent.REPLACE, person, at, "")
            return bool(_move(c, _exactly(chosen), ReviewEvent.UNDO, person, at, "this version counts"))

    def withdraw(self, job_id: str, person: str, at: datetime) -> Sequence[int]:
        """Take back the person's newest redo as far as nothing was sent; the pictures' numbers."""
        with self._writer.transaction() as c:
            mine = and_(
                EVENT.c.job_id == job_id,
                EVENT.c.subject == "review",
                EVENT.c.person == person,
                EVENT.c.event == ReviewEvent.REPLACE,
            )
            asked = c.execute(select(func.max(EVENT.c.at)).where(mine)).scalar()
            voted = c.execute(
                select(func.max(VOTE.c.at)).where(VOTE.c.job_id == job_id, VOTE.c.person == person)
            ).scalar()
            if asked is None or (voted is not None and voted >= asked):
                return []
            unsent = and_(
                ITEM.c.job_id == job_id,
                ITEM.c.version_of.is_not(None),
                ITEM.c.state == ItemState.WAITING,
                ITEM.c.sends == 0,
                ITEM.c.moved_at == asked,
            )
            firsts = list(c.execute(select(ITEM.c.version_of).where(unsent)).scalars())
            move_items(c, ItemEvent.CANCEL, [unsent], at)
            return [first for first in firsts if _restore(c, job_id, first, at)]


# --- within a transaction ----------------------------------------------------------------------------------


def _move(
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


def _vote(
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


def _votes(verdict: ReviewState) -> ColumnElement[int]:
    """How many people think so of the version."""
    theirs = (VOTE.c.job_id == ITEM.c.job_id, VOTE.c.item == ITEM.c.number, VOTE.c.verdict == verdict)
    return select(func.count()).where(*theirs).correlate(ITEM).scalar_subquery()


def _chosen(
    job_id: str, pick: Pick, states: Collection[Any] | Mapping[Any, Any]
) -> list[ColumnElement[bool]]:
    """The versions a pick means, in conditions of a bearable length."""
    seen = [state.value for state in pick.seen if state in states]
    base = and_(ITEM.c.job_id == job_id, ITEM.c.state == ItemState.STORED, ITEM.c.review.in_(seen))
    if pick.version is not None:
        return [and_(base, ITEM.c.number == pick.version)]
    return [and_(base, within(some)) for some in in_turn(pick.ranges)]


def _last(c: Connection, job_id: str, person: str) -> list[ColumnElement[bool]]:
    """The versions of the person's last decision: those voted on at the same moment."""
    mine = (VOTE.c.job_id == job_id, VOTE.c.person == person)
    newest = select(func.max(VOTE.c.at)).where(*mine).scalar_subquery()
    items = list(c.execute(select(VOTE.c.item).where(*mine, VOTE.c.at == newest)).scalars())
    return [
        and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(items[start : start + 500]))
        for start in range(0, len(items), 500)
    ]


def _undo(c: Connection, chosen: ColumnElement[bool], person: str, at: datetime, quorum: int) -> list[int]:
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
            and_(ITEM.c.review == ReviewState.APPROVED, _votes(ReviewState.APPROVED) < quorum),
            and_(ITEM.c.review == ReviewState.REJECTED, _votes(ReviewState.REJECTED) == 0),
        )
        _move(
            c, and_(ITEM.c.job_id == job_id, ITEM.c.number.in_(numbers), loose),
            ReviewEvent.UNDO, person, at, "",
        )  # fmt: skip
        first = func.coalesce(ITEM.c.version_of, ITEM.c.number)
        named = select(first).where(ITEM.c.job_id == job_id, ITEM.c.number.in_(numbers)).order_by(first)
        gone += c.execute(named).scalars()
    return gone


def _restore(c: Connection, job_id: str, first: int, at: datetime) -> bool:
    versions = _versions(c, job_id, first)
    count = [v for v in versions if v.review is not ReviewState.REPLACED]
    if any(v.state in UNDER_WAY or v.state is ItemState.STORED for v in count):
        return False
    kept = [v for v in versions if v.review is ReviewState.REPLACED and v not in count]
    if not kept:
        return False
    for failed in count:
        _move(c, _exactly(failed), ReviewEvent.REPLACE, "", at, f"came to nothing: {failed.state}")
    back = max(kept, key=lambda v: (v.state is ItemState.STORED, v.version))
    return bool(_move(c, _exactly(back), ReviewEvent.UNDO, "", at, "the newer version came to nothing"))


def _go_on(c: Connection, job_id: str, at: datetime) -> None:
    """A job that has ended goes on. Raises StaleTransitionError where it cannot."""
    state = JobState(c.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one())
    if state in LASTING_JOBS:
        return
    if state not in sources(JobEvent.REOPEN):
        raise StaleTransitionError(f"job {job_id} is {state}; no version can be added")
    move_one(c, "job", job_id, job_id, JobEvent.REOPEN, at, finished_at=None)


def _of_picture(job_id: str, first: int) -> ColumnElement[bool]:
    return and_(ITEM.c.job_id == job_id, or_(ITEM.c.number == first, ITEM.c.version_of == first))


def _versions(c: Connection, job_id: str, first: int) -> list[Item]:
    query = select(ITEM).where(_of_picture(job_id, first)).order_by(ITEM.c.version)
    return [record_of(Item, row) for row in c.execute(query)]


def _item(c: Connection, job_id: str, number: int) -> Item | None:
    row = c.execute(select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.number == number)).first()
    return None if row is None else record_of(Item, row)


def _exactly(item: Item) -> ColumnElement[bool]:
    """The version as it was read."""
    return and_(ITEM.c.job_id == item.job_id, ITEM.c.number == item.number, ITEM.c.review == item.review)
