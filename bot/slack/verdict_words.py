"""Decisions about many pictures, each with the sentence that says what came of it. mrkdwn, our own words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.intake.verdicts import EVERY, Pictures, Ranges, as_ranges, spoken
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import review
from bot.slack import words as w
from bot.slack.review_page import Tally
from bot.watch.words import count
from storage.records import Item, Job
from storage.reviews import Pick
from storage.states import ItemState, ReviewEvent, ReviewState

LISTED = 12
"""Pictures named one by one in an answer."""

SAID = {ReviewEvent.APPROVE: "approved", ReviewEvent.REJECT: "rejected"}


def late(ctx: Context, item: Item, now: datetime) -> str:
    """What happened to a picture before somebody's click, for who comes too late."""
    number = f"picture {item.first:,}"
    if item.review is ReviewState.REPLACED:
        newest = ctx.reviews.versions(item.job_id, item.first)[-1]
        if newest.number == item.number:
            return f"Another version of {number} counts now; look at the message as it is."
        state = f"version {newest.version} " + (
            "is there" if newest.state is ItemState.STORED else "is being made"
        )
        return f"{number.capitalize()} was asked for again meanwhile: {state}. Nothing was decided."
    if item.state is not ItemState.STORED:
        return f"{number.capitalize()} was not made, so there is nothing to decide about."
    if not item.kept:
        return (
            f"{number.capitalize()} is no longer kept: its files were let go of when it was old. "
            f"“redo {item.first}” makes it anew."
        )
    if item.review is ReviewState.UNREVIEWED:
        return f"What was decided about {number} was taken back meanwhile; it waits for review again."
    who = b.person(item.reviewed_by) if item.reviewed_by else "Somebody"
    at = f" at {w.when(item.reviewed_at, now)}" if item.reviewed_at else ""
    why = f" ({b.escaped(item.review_reason, 60)})" if item.review_reason else ""
    return f"{who} {item.review.value} {number}{at}{why}. If you see it differently, use its buttons now."


def where_it_stands(ctx: Context, job: Job) -> str:
    tally = Tally.of(ctx.reviews.counts(job.id))
    return f"Review of job `{job.id}`: {tally.line}."


def decided(
    ctx: Context,
    job: Job,
    pictures: Pictures,
    event: ReviewEvent,
    person: str,
    now: datetime,
    *,
    reason: str = "",
    note: str = "",
) -> str:
    """Decide about all of these; how many it was, and what was left as it is and why."""
    quorum = review.quorum_of(ctx, job)
    # Who names a picture means it; a range is for those that nobody has decided about.
    seen = {*ReviewState} - {ReviewState.REPLACED} if pictures.named else {ReviewState.UNREVIEWED}
    before = _looked_up(ctx, job, pictures)
    done = ctx.reviews.decide(
        job.id, Pick(pictures.ranges, seen=seen), event, person, now, quorum=quorum, reason=reason, note=note
    )
    said = []
    if done.moved or not done.voted:
        said.append(f"{_pictures(done.moved).capitalize()} {SAID[event]}.")
    if done.voted > done.moved:
        waits = done.voted - done.moved
        said.append(f"{_pictures(waits).capitalize()} now {'has' if waits == 1 else 'have'} your approval; "
                    f"{quorum} people must approve.")  # fmt: skip
    said += _left(before, pictures, event, seen)
    return " ".join(said)


def _pictures(number: int) -> str:
    return count(number, "picture") if number else "no picture"


def _looked_up(ctx: Context, job: Job, pictures: Pictures) -> Sequence[Item] | None:
    """The pictures as they are, where they are few enough to speak of each."""
    size = sum(high - low + 1 for low, high in pictures.ranges)
    return ctx.reviews.picked(job.id, pictures.ranges) if size <= 1000 else None


def _left(
    before: Sequence[Item] | None, pictures: Pictures, event: ReviewEvent, seen: Iterable[ReviewState]
) -> list[str]:
    """Why some of them were left alone."""
    if before is None:
        return []
    reasons: dict[str, list[int]] = {}
    for item in before:
        why = _why_left(item, event, set(seen))
        if why:
            reasons.setdefault(why, []).append(item.first)
    missing = _missing(pictures.ranges, {item.first for item in before})
    if missing:
        reasons["there is no such picture"] = missing
    said = [
        f"{spoken(as_ranges(numbers[:LISTED]))}{_and_more(numbers)} ({why})"
        for why, numbers in reasons.items()
    ]
    if not said:
        return []
    are = "it is" if sum(len(numbers) for numbers in reasons.values()) == 1 else "they are"
    wide = not pictures.named and any(" by " in why for why in reasons)
    hint = " Name a picture by itself to decide it anew." if wide else ""
    return [f"Left as {are}: {'; '.join(said)}.{hint}"]


def _and_more(numbers: Sequence[int]) -> str:
    return f" and {len(numbers) - LISTED:,} more" if len(numbers) > LISTED else ""


def _why_left(item: Item, event: ReviewEvent, seen: set[ReviewState]) -> str:
    if item.state is not ItemState.STORED:
        return "not made"
    if item.review is ReviewState.REPLACED:
        return "being made again"
    same = item.review.value == SAID[event]
    if same or item.review not in seen:
        by = f" by {b.person(item.reviewed_by)}" if item.reviewed_by else ""
        return f"{'already ' if same else ''}{item.review.value}{by}"
    return ""


def _missing(ranges: Ranges, known: set[int]) -> list[int]:
    last = max(known, default=0)
    ends = [(low, min(high, last) if high == EVERY else high) for low, high in ranges]
    return [number for low, high in ends for number in range(low, high + 1) if number not in known]


# --- taken back ------------------------------------------------------------------------------------------


def undone(
    ctx: Context, job: Job, pictures: Pictures | None, person: str, now: datetime, *, once: str
) -> str:
    """Take back the person's last decision, or what was decided about these."""
    quorum = review.quorum_of(ctx, job)
    pick = None if pictures is None else Pick(pictures.ranges)
    done = ctx.reviews.undo(job.id, pick, person, now, quorum=quorum, once=once)
    if done.withdrawn:
        return f"Not made again: {spoken(as_ranges(done.withdrawn))}. The earlier version counts."
    if len(done.decided) == 1:
        return f"Taken back: picture {done.decided[0]:,} waits for review again."
    if done.decided:
        numbers = spoken(as_ranges(done.decided[:200])) + (" …" if len(done.decided) > 200 else "")
        return f"Taken back for {len(done.decided):,} pictures ({numbers}); they wait for review again."
    if pictures is None:
        return "There is nothing of yours to take back in this batch."
    return "Nothing was decided about these pictures."
