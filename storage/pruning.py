"""What is not kept any more: rows let go of their files first, then the files go.

In one transaction the rows forget the keys and the keys are noted as trash; whoever deletes a file strikes it
off there. After a crash what still stands there is deleted again. Only jobs that have ended are touched, with
no export under way, and never a picture that another job has still to copy (`storage.reusing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from storage.each import IN_LIST
from storage.mail import UNWANTED
from storage.reading import Reader
from storage.records import Job
from storage.reusing import PENDING
from storage.shelved import ExportState
from storage.states import ENDED_JOBS, FINAL_ITEMS, ItemState, ReviewState
from storage.tables import table

JOB, ITEM, EVENT, MEMO = table("job"), table("item"), table("event"), table("memo")
SUBMISSION, EXPORT, UPLOAD = table("submission"), table("export"), table("upload")
INBOX = table("inbox")

PRUNE = "prune"
"""The event of a line of history about a job: its state stays as it is."""

TRASH = "trash"
"""Scope in which the keys of files stand that are to be deleted."""

SEEN, SEEN_EARLY = "pruned", "pruned early"
"""Scopes in which it is remembered when a job was looked through last: by age, and for want of room."""


class File(StrEnum):
    """Files of an item, by the column that names them."""

    MASTER = "master_key"
    RENDITION = "rendition_key"


@dataclass(frozen=True, slots=True)
class Gone:
    """Pictures of a job whose files are not to be kept any more."""

    job_id: str
    files: frozenset[File]
    reviews: frozenset[ReviewState]
    before: datetime
    """Those decided about later stay."""
    states: frozenset[ItemState] = FINAL_ITEMS


class Pruning(Reader):
    """Reads about what may go; part of `Queries`."""

    def ended_jobs(
        self, before: datetime, unseen_since: datetime, limit: int, scope: str = SEEN
    ) -> Sequence[Job]:
        """Jobs that ended before then and have not been looked through since, the oldest first."""
        seen = and_(MEMO.c.scope == scope, MEMO.c.name == JOB.c.id, MEMO.c.at > unseen_since)
        query = select(JOB).where(_ended(before), ~exists().where(seen))
        return self._all(Job, query.order_by(JOB.c.finished_at, JOB.c.id).limit(limit))

    def prunable(self, gone: Gone) -> Sequence[str]:
        """The keys of these files, each once; for a look beforehand."""
        found: dict[str, None] = {}
        with self._reading() as c:
            for file in sorted(gone.files):
                query = select(ITEM.c[file]).where(_items(gone, [file]))
                found.update(dict.fromkeys(c.execute(query).scalars()))
        return list(found)

    def trash(self, limit: int) -> Sequence[str]:
        """Files that no row names any more and that are perhaps still there."""
        query = select(MEMO.c.name).where(MEMO.c.scope == TRASH).order_by(MEMO.c.at, MEMO.c.name).limit(limit)
        with self._reading() as c:
            return list(c.execute(query).scalars())

    def named(self, job_id: str, numbers: Iterable[int]) -> set[str]:
        """Keys that these items, and their duplicates, have."""
        with self._reading() as c:
            return _still_named(c, job_id, set(numbers))

    def payloads(self, job_id: str) -> Sequence[str]:
        """Keys of what was sent for a job that has ended."""
        query = select(SUBMISSION.c.payload_key).where(
            SUBMISSION.c.job_id == job_id, SUBMISSION.c.payload_key != ""
        )
        with self._reading() as c:
            return list(c.execute(query).scalars())

    def old_uploads(
        self, before: datetime | None, limit: int | None = None
    ) -> Sequence[tuple[str, str, str]]:
        """Files at the messenger that are older than that and whose job, if they are of one, ended before
        then; and those that are unwanted. Job, blob key and file id, oldest first.
        """
        unwanted = exists().where(MEMO.c.scope == UNWANTED, MEMO.c.name == UPLOAD.c.blob_key)
        due: ColumnElement[bool] = unwanted
        if before is not None:
            due = or_(unwanted, and_(UPLOAD.c.at < before, or_(JOB.c.id.is_(None), _ended(before))))
        query = (
            select(UPLOAD.c.job_id, UPLOAD.c.blob_key, UPLOAD.c.file_id)
            .outerjoin(JOB, JOB.c.id == UPLOAD.c.job_id)
            .where(due)
            .order_by(UPLOAD.c.at, UPLOAD.c.blob_key)
        )
        with self._reading() as c:
            return [(row.job_id, row.blob_key, row.file_id) for row in c.execute(query.limit(limit))]

    def moves_before(self, before: datetime) -> int:
        """Lines of history about single pictures of jobs that ended before then."""
        with self._reading() as c:
            return int(c.execute(select(func.count()).select_from(EVENT).where(_moves(before))).scalar_one())


# --- writes, within the caller's transaction -------------------------------------------------------------


def let_go(c: Connection, gone: Gone, at: datetime, limit: int) -> tuple[int, Sequence[str]]:
    """Up to `limit` items forget their files: how many, and the keys nothing names any more, which are in the
    trash now.
    """
    if not _free(c, gone.job_id):
        return 0, []
    files = sorted(gone.files)
    chosen = c.execute(
        select(ITEM.c.number, ITEM.c.duplicate_of, *(ITEM.c[file] for file in files))
        .where(_items(gone, files))
        .order_by(ITEM.c.number)
        .limit(limit)
    ).all()
    if not chosen:
        return 0, []
    numbers = [row.number for row in chosen]
    keys = {key for row in chosen for key in row[2:] if key}
    for start in range(0, len(numbers), IN_LIST):
        mine = and_(ITEM.c.job_id == gone.job_id, ITEM.c.number.in_(numbers[start : start + IN_LIST]))
        c.execute(update(ITEM).where(mine).values({ITEM.c[file]: None for file in files}))
    keys -= _still_named(c, gone.job_id, {row.duplicate_of or row.number for row in chosen})
    what = " and ".join("originals" if file is File.MASTER else "web files" for file in files)
    reviews = " or ".join(sorted(gone.reviews))
    _bin(c, gone.job_id, keys, at, f"{what} of {reviews} pictures: {len(numbers)}")
    return len(numbers), sorted(keys)


def let_payloads_go(c: Connection, job_id: str, at: datetime) -> Sequence[str]:
    """The job's submissions forget what was sent; the keys, which are in the trash now."""
    if not _free(c, job_id):
        return []
    mine = and_(SUBMISSION.c.job_id == job_id, SUBMISSION.c.payload_key != "")
    keys = set(c.execute(select(SUBMISSION.c.payload_key).where(mine)).scalars())
    if keys:
        c.execute(update(SUBMISSION).where(mine).values(payload_key=""))
        _bin(c, job_id, keys, at, f"payloads: {len(keys)}")
    return sorted(keys)


def deleted(c: Connection, keys: Iterable[str]) -> None:
    """These files are gone."""
    wanted = list(keys)
    for start in range(0, len(wanted), IN_LIST):
        some = wanted[start : start + IN_LIST]
        c.execute(delete(MEMO).where(MEMO.c.scope == TRASH, MEMO.c.name.in_(some)))


def note_pruned(c: Connection, job_id: str, at: datetime, note: str) -> None:
    """A line of history about files no row names."""
    _line(c, job_id, at, note)


def forget_moves(c: Connection, before: datetime, limit: int) -> int:
    """Delete up to so many lines of history about single pictures of jobs that ended before then, and what
    was heard and done with before then; how many lines. What people decided stays.
    """
    lines = select(EVENT.c.id).where(_moves(before)).order_by(EVENT.c.id).limit(limit)
    number = c.execute(delete(EVENT).where(EVENT.c.id.in_(list(c.execute(lines).scalars())))).rowcount
    heard = select(INBOX.c.id).where(INBOX.c.state != "new", INBOX.c.received_at < before).limit(limit)
    number += c.execute(delete(INBOX).where(INBOX.c.id.in_(list(c.execute(heard).scalars())))).rowcount
    return number


def _ended(before: datetime) -> ColumnElement[bool]:
    return and_(JOB.c.state.in_(list(ENDED_JOBS)), JOB.c.finished_at < before)


def _moves(before: datetime) -> ColumnElement[bool]:
    old = select(JOB.c.id).where(_ended(before))
    single = EVENT.c.subject.in_(["item", "submission"])
    return and_(single, EVENT.c.person == "", EVENT.c.at < before, EVENT.c.job_id.in_(old))


def _free(c: Connection, job_id: str) -> bool:
    """Whether the job has ended and nothing is being packed of it."""
    ended = select(JOB.c.id).where(JOB.c.id == job_id, JOB.c.state.in_(list(ENDED_JOBS)))
    packing = select(EXPORT.c.id).where(EXPORT.c.job_id == job_id, EXPORT.c.state == ExportState.ASKED)
    return c.execute(ended).first() is not None and c.execute(packing.limit(1)).first() is None


def _items(gone: Gone, files: Sequence[File]) -> ColumnElement[bool]:
    copying = ITEM.alias("copying")
    held = exists().where(
        copying.c.reused_job == ITEM.c.job_id,
        copying.c.reused_item == ITEM.c.number,
        copying.c.state.in_(PENDING),
    )
    return and_(
        ITEM.c.job_id == gone.job_id,
        ITEM.c.state.in_(list(gone.states)),
        ITEM.c.review.in_(list(gone.reviews)),
        or_(*(ITEM.c[file].is_not(None) for file in files)),
        or_(ITEM.c.reviewed_at.is_(None), ITEM.c.reviewed_at < gone.before),
        ~held,
    )


def _still_named(c: Connection, job_id: str, originals: set[int]) -> set[str]:
    """Keys that originals and their duplicates, which share files, have still."""
    named: set[str] = set()
    wanted = sorted(originals)
    for start in range(0, len(wanted), IN_LIST):
        some = wanted[start : start + IN_LIST]
        theirs = or_(ITEM.c.number.in_(some), ITEM.c.duplicate_of.in_(some))
        query = select(ITEM.c.master_key, ITEM.c.rendition_key).where(ITEM.c.job_id == job_id, theirs)
        named |= {key for row in c.execute(query) for key in row if key}
    return named


def _bin(c: Connection, job_id: str, keys: set[str], at: datetime, note: str) -> None:
    rows = [{"scope": TRASH, "name": key, "value": job_id, "at": at} for key in sorted(keys)]
    if rows:
        deleted(c, keys)  # no key stands there twice
        c.execute(insert(MEMO), rows)
    _line(c, job_id, at, note)


def _line(c: Connection, job_id: str, at: datetime, note: str) -> None:
    state = c.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one()
    c.execute(
        insert(EVENT).values(
            at=at, job_id=job_id, subject="job", subject_id=job_id, event=PRUNE, note=note[:200],
            from_state=state, to_state=state, person="",
        )
    )  # fmt: skip
