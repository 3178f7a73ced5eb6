"""Reminders of a review that has a date: once a day and two hours before, while something is left to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.slack import blocks as b
from bot.slack import review
from bot.slack import words as w
from bot.slack.telling import Desk, Fate, Place, tell
from bot.watch.words import count
from storage.records import Announcement, Job
from storage.states import ReviewState

BEFORE = timedelta(hours=2)
"""The last one comes so long before the date."""

EVERY = timedelta(days=1)

LATE = timedelta(hours=6)
"""A reminder that could not be given in time, because the program stood still, is left out after this."""


def moments(ended: datetime, due: datetime) -> list[datetime]:
    """When to remind: each full day after the pictures were there, and two hours before the date."""
    found: list[datetime] = []
    at = ended + EVERY
    while at < due - BEFORE and len(found) < 365:
        found.append(at)
        at += EVERY
    if due - BEFORE > ended:
        found.append(due - BEFORE)
    return found


def next_at(job: Job, now: datetime) -> datetime | None:
    """When this job is to be looked at next for a reminder."""
    due = review.due_at(job)
    if due is None or job.finished_at is None:
        return None
    return next((at for at in moments(job.finished_at, due) if at > now), None)


def tell_reminder(desk: Desk, place: Place, job: Job, told: Mapping[str, Announcement]) -> Fate:
    """The reminder whose time has come, if any; each is given once."""
    due = review.due_at(job)
    if due is None or job.finished_at is None:
        return Fate.SAID
    come = [at for at in moments(job.finished_at, due) if at <= desk.now < at + LATE]
    if not come:
        return Fate.SAID
    kind = f"remind-{come[-1]:%Y%m%d%H%M%S}"
    if kind in told:
        return tell(desk, place, kind, _message(desk, job, due), told[kind], digest=told[kind].digest or None)
    left = desk.ctx.reviews.counts(job.id).get(ReviewState.UNREVIEWED, 0)
    return tell(desk, place, kind, _message(desk, job, due), None) if left else Fate.SAID


def _message(desk: Desk, job: Job, due: datetime) -> b.Message:
    left = desk.ctx.reviews.counts(job.id).get(ReviewState.UNREVIEWED, 0)
    waits = "waits" if left == 1 else "wait"
    text = (
        f"{b.person(job.requested_by)} {count(left, 'picture')} of {b.escaped(job.title, 150)} still {waits} "
        f"for review, due {w.when(due, desk.now)}."
    )
    return b.message(text, [b.section(text)])
