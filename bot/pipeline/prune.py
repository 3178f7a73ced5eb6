"""What need not be kept any more is let go, a little at a time: by age, and sooner where room is wanted.

Rows forget their files before the files go (`storage.pruning`), so that the process may be killed anywhere;
what is left over is swept up by the next run. Jobs that live, pictures nobody has decided about (unless the
operator says when to stop waiting), exports under way and pictures another job is to copy are left alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.logs import about
from bot.policy import Keep
from bot.runtime import Context
from storage.pruning import SEEN, SEEN_EARLY, File, Gone
from storage.records import Incident, Job
from storage.shelved import ExportState
from storage.states import ENDED_JOBS, FINAL_ITEMS, ItemState, ReviewState

log = logging.getLogger(__name__)

AT_A_TIME = 200
"""Items, or files, let go of together: a transaction of a few hundredths of a second."""

MOST = 2_000
"""Files that one run of the tick lets go, so that it ends soon."""

LOOK_AGAIN = timedelta(days=1)
"""So often a job that has ended is looked through: people decide about old pictures, too."""

JOBS = 20
"""Jobs looked through in one run."""

EARLIEST = timedelta(days=1)
"""However little room there is, a job's files stay so long after it ended: people are at work with them."""

MEASURED = timedelta(hours=1)
"""So often it is added up what all files take."""

RULE = "disk-budget"
MEMO = "prune"
"""Scope of what is remembered between runs."""

BOTH = frozenset(File)
REDONE = frozenset({ReviewState.REJECTED, ReviewState.REPLACED})
STORED = frozenset({ItemState.STORED})


@dataclass(slots=True)
class Freed:
    """What was let go."""

    files: int = 0
    bytes: int = 0


def prune(ctx: Context, now: datetime) -> int:
    """Let go of what is due; how many files and lines of history that were."""
    freed = Freed(*_delete(ctx, ctx.queries.trash(MOST)))
    keep = ctx.policy.keep
    ages = [age for age in _ages(keep) if age is not None]
    if ages:
        _through(ctx, keep, now, now - min(ages), freed, SEEN)
    lines = 0
    if keep.history is not None:
        lines = ctx.store.forget_moves(now - keep.history, MOST)
    if keep.disk_bytes is not None:
        _make_room(ctx, keep, keep.disk_bytes, now, freed)
    return freed.files + lines


def _ages(keep: Keep) -> tuple[timedelta | None, ...]:
    return keep.approved, keep.unreviewed, keep.masters, keep.renditions, keep.payloads


def _through(
    ctx: Context,
    keep: Keep,
    now: datetime,
    before: datetime,
    freed: Freed,
    scope: str,
    enough: int | None = None,
) -> bool:
    """Look through ended jobs, the oldest first, until this run has done its share or `enough` bytes are
    free; True if none is left to look at.
    """
    start = freed.bytes
    for job in ctx.queries.ended_jobs(before, now - LOOK_AGAIN, JOBS, scope):
        with about(job=job.id):
            if not _job(ctx, job, keep, now, freed):
                return False
        ctx.shelf.remember(scope, job.id, None, now)
        if freed.files >= MOST or (enough is not None and freed.bytes - start >= enough):
            return False
    return not ctx.queries.ended_jobs(before, now - LOOK_AGAIN, 1, scope)


def _job(ctx: Context, job: Job, keep: Keep, now: datetime, freed: Freed) -> bool:
    """Let go of one job's files; False if it is not through yet."""
    if any(export.state is ExportState.ASKED for export in ctx.shelf.exports(job.id)):
        return True  # looked at again tomorrow
    for gone in wanted(job, keep, now):
        number = AT_A_TIME
        while number == AT_A_TIME:
            number, keys = ctx.store.let_go(gone, ctx.clock(), AT_A_TIME)
            _count(freed, _delete(ctx, keys))
            if freed.files >= MOST:
                return False
    if due(job, keep.payloads, now):
        _count(freed, _delete(ctx, ctx.store.let_payloads_go(job.id, ctx.clock())))
    _count(freed, _loose(ctx, job, keep, now))
    return True


def due(job: Job, age: timedelta | None, now: datetime) -> bool:
    return age is not None and job.finished_at is not None and job.finished_at < now - age


def wanted(job: Job, keep: Keep, now: datetime) -> Iterator[Gone]:
    """What of a job's pictures is not to be kept any more."""
    made = FINAL_ITEMS - STORED
    unreviewed = frozenset({ReviewState.UNREVIEWED})
    rules = (
        (keep.approved, BOTH, frozenset({ReviewState.APPROVED}), FINAL_ITEMS),
        (keep.unreviewed, BOTH, unreviewed, STORED),
        (keep.masters, frozenset({File.MASTER}), REDONE, FINAL_ITEMS),
        (keep.masters, frozenset({File.MASTER}), unreviewed, made),  # of tries that came to nothing
        (keep.renditions, frozenset({File.RENDITION}), REDONE, FINAL_ITEMS),
    )
    for age, files, reviews, states in rules:
        if age is not None and due(job, age, now):
            yield Gone(job.id, files, reviews, now - age, states)


# --- files that no row names -----------------------------------------------------------------------------


def _loose(ctx: Context, job: Job, keep: Keep, now: datetime) -> tuple[int, int]:
    """Contact sheets and previews, archives, payloads nobody sent, pictures of superseded tries."""
    keys = loose(ctx, job, keep, now)
    freed = _delete(ctx, keys, struck=False)
    if freed[0]:
        ctx.store.note_pruned(job.id, ctx.clock(), f"files drawn, packed or superseded: {freed[0]}")
    return freed


def loose(ctx: Context, job: Job, keep: Keep, now: datetime) -> list[str]:
    """The keys of such files of a job that has ended."""
    folders: dict[str, timedelta | None] = {
        "gallery": keep.renditions, "sample": keep.renditions, "payload": keep.payloads,
        "export": keep.payloads, "master": keep.masters, "web": keep.masters,
    }  # fmt: skip
    found: list[str] = []
    for folder, age in folders.items():
        if age is None or not due(job, age, now):
            continue
        keys = [key for key, _size in ctx.blobs.listed(f"{job.id}/{folder}/")]
        if folder == "export":
            keys = _shared(ctx, job, keys, now - age)
        elif folder == "payload":
            keys = sorted(set(keys) - set(ctx.queries.payloads(job.id)))
        elif folder in ("master", "web"):
            keys = _superseded(ctx, job, keys)
        found += keys
    after = ctx.queries.job(job.id)
    # What was listed while the job was at rest is what nothing names; a job that goes on is left alone.
    at_rest = after is not None and after.state in ENDED_JOBS and after.finished_at == job.finished_at
    return found if at_rest else []


def _shared(ctx: Context, job: Job, keys: Sequence[str], before: datetime) -> list[str]:
    recent = [one.id for one in ctx.shelf.exports(job.id) if (one.ended_at or one.created_at) >= before]
    return [key for key in keys if not any(f"/{name}-" in key for name in recent)]


def _superseded(ctx: Context, job: Job, keys: Sequence[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(keys), AT_A_TIME):
        some = {key: int(n[1]) for key in keys[start : start + AT_A_TIME] if (n := _NUMBER.search(key))}
        found += some.keys() - ctx.queries.named(job.id, some.values())
    return found


_NUMBER = re.compile(r"/(\d+)-\d+\.\w+$")


# --- deleting --------------------------------------------------------------------------------------------


def _delete(ctx: Context, keys: Sequence[str], *, struck: bool = True) -> tuple[int, int]:
    """Delete these files and strike them off the trash; how many, and how many bytes that frees."""
    size = 0
    for start in range(0, len(keys), AT_A_TIME):
        some = keys[start : start + AT_A_TIME]
        for key in some:
            size += _size(ctx, key)
            ctx.blobs.delete(key)
        if struck:
            ctx.store.deleted(some)
    if keys:
        log.info("let go of %d files, %.1f MB", len(keys), size / 1e6)
    return len(keys), size


def _size(ctx: Context, key: str) -> int:
    try:
        return ctx.blobs.size(key)
    except FileNotFoundError:
        return 0


def _count(freed: Freed, more: tuple[int, int]) -> None:
    freed.files += more[0]
    freed.bytes += more[1]


# --- room ------------------------------------------------------------------------------------------------


def _make_room(ctx: Context, keep: Keep, budget: int, now: datetime, freed: Freed) -> None:
    """Measure once an hour. Above the budget what may go at all goes sooner, the oldest jobs first; where
    that is not enough an incident says so.
    """
    kept, last = ctx.shelf.recall(MEMO, "over"), ctx.shelf.recall(MEMO, "measured")
    over = int(kept[0]) if kept else 0
    if last is None or now - last[1] >= MEASURED:
        over = max(0, used(ctx) - budget)
        ctx.shelf.remember(MEMO, "over", over, now)  # first: killed in between, it is measured again
        ctx.shelf.remember(MEMO, "measured", None, now)
        if not over:
            _close(ctx, now)
    if not over or freed.files >= MOST:
        return
    before = freed.bytes
    through = _through(ctx, early(keep), now, now - EARLIEST, freed, SEEN_EARLY, over)
    left = max(0, over - (freed.bytes - before))
    ctx.shelf.remember(MEMO, "over", left, now)
    if through and left:
        _tell(ctx, keep, left, budget, now)


def used(ctx: Context) -> int:
    """What all files take, in bytes."""
    return sum(size for _, size in ctx.blobs.listed())


def early(keep: Keep) -> Keep:
    """The same rules for want of room: what may go at all may go after a day."""

    def sooner(age: timedelta | None) -> timedelta | None:
        return None if age is None else min(age, EARLIEST)

    return replace(
        keep,
        approved=sooner(keep.approved),
        unreviewed=sooner(keep.unreviewed),
        masters=sooner(keep.masters),
        renditions=sooner(keep.renditions),
        payloads=sooner(keep.payloads),
    )


def _tell(ctx: Context, keep: Keep, over: int, budget: int, now: datetime) -> None:
    if _open(ctx):
        return
    kinds = (("approved", keep.approved), ("unreviewed", keep.unreviewed))
    for_good = " and ".join(name for name, age in kinds if age is None)
    details = [f"Kept for good: {for_good} pictures."] if for_good else []
    ctx.notices.open_incident(
        Incident(
            key=f"{RULE}@{now:%Y%m%dT%H%M%S}",
            rule=RULE,
            severity="warning",
            headline=f"The files take {over / 1e9:,.1f} GB more than their budget of {budget / 1e9:,.1f} GB, "
            "and nothing more may be pruned",
            details=details,
            opened_at=now,
            advice="For the operator: raise IMGBATCH_DISK_BUDGET_GB, or let more go "
            "(IMGBATCH_KEEP_APPROVED_DAYS, IMGBATCH_KEEP_UNREVIEWED_DAYS); `imgbatch prune --dry-run` says "
            "what that would be.",
        )
    )


def _open(ctx: Context) -> list[Incident]:
    return [one for one in ctx.notices.incidents(open_only=True) if one.rule == RULE]


def _close(ctx: Context, now: datetime) -> None:
    for incident in _open(ctx):
        ctx.notices.close_incident(incident.key, now)
