"""What people think of pictures, and the versions that come of it. Every decision is a compare-and-set with
a line of history that has the person's name, however many pictures it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
)

from storage import voting
from storage.budgets import Budget, keeping
from storage.moves import columns, move_items, move_one
from storage.pictures import ITEM, NOT_MADE, Pictures, Shown
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
from storage.tables import table
from storage.voting import STANDING, Pick
from storage.writer import Writer

__all__ = ["Decision", "Pick", "Reviews", "Shown", "Undone"]

JOB, VOTE, EVENT = table("job"), table("vote"), table("event")

LASTING_JOBS = SENDING_JOBS | {JobState.PAUSED}
"""Jobs to which a new version is added as they are; one that has ended is opened again."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back, by the pictures' numbers."""

    decided: tuple[int, ...] = ()
    withdrawn: tuple[int, ...] = ()
    """Redos of which nothing had been sent."""


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
            for meant in voting.chosen(job_id, pick, sources(event)):
                chosen = and_(
                    meant, ITEM.c.rendition_key.is_not(None)
                )  # what is no longer kept stays as it is
                voted += voting.vote(c, chosen, event, person, at, reason, note)
                enough = [chosen]
                if event is ReviewEvent.APPROVE and quorum > 1:
                    enough.append(voting.votes(ReviewState.APPROVED) >= quorum)
                values = {"review_reason": reason or None, "review_note": note or None}
                moved += voting.move(c, and_(*enough), event, person, at, reason or note, **values)
        return Decision(voted, moved)

    def undo(
        self, job_id: str, pick: Pick | None, person: str, at: datetime, *, quorum: int = 1, once: str = ""
    ) -> Undone:
        """Take decisions back.

        Without a pick the person's last one, however many pictures it was about; a redo as far as it was not
        sent. With one, the person's own vote on each picture; where they gave none, everybody's (an approver
        takes back what others decided). `once` names the asking: asked again after a crash, nothing more is
        taken back.
        """
        with self._writer.transaction() as c:
            if voting.asked_before(c, job_id, person, once, at):
                return Undone()
            withdrawn = _withdraw(c, job_id, person, at) if pick is None else []
            if withdrawn:
                return Undone(withdrawn=tuple(withdrawn))
            conditions = (
                voting.last(c, job_id, person) if pick is None else voting.chosen(job_id, pick, STANDING)
            )
            found = [voting.undo(c, chosen, person, at, quorum) for chosen in conditions]
            return Undone(tuple(number for numbers in found for number in numbers))

    # --- versions --------------------------------------------------------------------------------

    def add_versions(
        self,
        job_id: str,
        wanted: Sequence[tuple[Item, Item]],
        person: str,
        at: datetime,
        *,
        once: str = "",
        within: Sequence[Budget] = (),
    ) -> Sequence[Item]:
        """New versions of pictures: (the version seen, the new one as it shall be made); those added.

        The one seen is replaced and kept; the new one gets the next number and version and waits to be
        sent. A job that has ended goes on, in the same transaction. One whose version was replaced
        meanwhile is left out, so a second click adds nothing; `once` names an asking that says only which
        picture. Raises StaleTransitionError where the job takes no new versions, such as while it is being
        cancelled, OverBudgetError where one of the budgets `within` does not bear them.
        """
        added: list[Item] = []
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            if voting.asked_before(c, job_id, person, once, at):
                return []
            number = c.execute(select(func.max(ITEM.c.number)).where(ITEM.c.job_id == job_id)).scalar() or 0
            for seen, new in wanted:
                same = and_(
                    ITEM.c.job_id == job_id,
                    ITEM.c.number == seen.number,
                    ITEM.c.state.in_(list(FINAL_ITEMS)),
                )
                if not voting.move(c, same, ReviewEvent.REPLACE, person, at, ""):
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
        """Where a new version came to nothing, the picture there was before counts again; their numbers.

        It has to be reviewed anew. Nothing happens while another version of the picture is being made, nor
        where none was made before: then the newest words count.
        """
        made = ITEM.alias("made")
        first = func.coalesce(made.c.version_of, made.c.number)
        failed = and_(
            ITEM.c.job_id == job_id,
            ITEM.c.version_of.is_not(None),
            ITEM.c.state.in_(list(NOT_MADE)),
            ITEM.c.review != ReviewState.REPLACED,
            exists().where(
                made.c.job_id == job_id, first == ITEM.c.version_of, made.c.state == ItemState.STORED
            ),
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
                voting.move(c, _exactly(other), ReviewEvent.REPLACE, person, at, "")
            return bool(voting.move(c, _exactly(chosen), ReviewEvent.UNDO, person, at, "this version counts"))

    def withdraw(self, job_id: str, person: str, at: datetime) -> Sequence[int]:
        """Take back the person's newest redo as far as nothing was sent; the pictures' numbers.

        Nothing where they decided something else since.
        """
        with self._writer.transaction() as c:
            return _withdraw(c, job_id, person, at)


# --- within a transaction ----------------------------------------------------------------------------------


def _withdraw(c: Connection, job_id: str, person: str, at: datetime) -> list[int]:
    mine = (EVENT.c.job_id == job_id, EVENT.c.subject == "review", EVENT.c.person == person)
    redos = select(func.max(EVENT.c.at)).where(*mine, EVENT.c.event == ReviewEvent.REPLACE)
    votes = select(func.max(VOTE.c.at)).where(VOTE.c.job_id == job_id, VOTE.c.person == person)
    asked, voted = c.execute(redos).scalar(), c.execute(votes).scalar()
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


def _restore(c: Connection, job_id: str, first: int, at: datetime) -> bool:
    versions = _versions(c, job_id, first)
    count = [v for v in versions if v.review is not ReviewState.REPLACED]
    if any(v.state in UNDER_WAY or v.state is ItemState.STORED for v in count):
        return False
    kept = [v for v in versions if v.review is ReviewState.REPLACED and v not in count]
    if not kept:
        return False
    for failed in count:
        voting.move(c, _exactly(failed), ReviewEvent.REPLACE, "", at, f"came to nothing: {failed.state}")
    back = max(kept, key=lambda v: (v.state is ItemState.STORED, v.version))
    return bool(voting.move(c, _exactly(back), ReviewEvent.UNDO, "", at, "the newer version came to nothing"))


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
