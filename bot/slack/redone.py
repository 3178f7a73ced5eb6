"""Pictures that were made again, told in the thread: before and after side by side, with their own buttons.

A few come in one message. Which ones a message tells of stands in its kind, so that after a crash it says
the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.slack import blocks as b
from bot.slack import files, previews, review, review_page
from bot.slack.blocks import Block, Message
from bot.slack.gallery import Part, Shot
from bot.slack.telling import TRIES, Desk, Fate, Place, tell
from storage.records import Announcement, Item, Job
from storage.states import ENDED_JOBS, ItemState, ReviewState

REDO = "redo-"
"""Begins the kind of these messages; the numbers of the new versions follow."""

TOGETHER = 4
"""Pictures in one message. More are waited for while the job goes on, so that a thread is not flooded."""

MOST = 60
"""Of one job. A returned sheet may ask for hundreds; those are shown by the review and the contact sheets."""

Told = Mapping[str, Announcement]


def tell_redone(desk: Desk, place: Place, job: Job, told: Told) -> bool:
    """Tell what was made again, and bring up to date what was told of it; True when all of it stands."""
    kinds = [kind for kind in told if kind.startswith(REDO)]
    versions = {item.number: item for item in desk.ctx.reviews.remade(job.id)}
    known = {number for kind in kinds for number in numbers_of(kind)}
    new = [number for number in versions if number not in known]
    done = True
    for kind in [*kinds, *_kinds(desk, job, new, len(known))]:
        items = [versions[number] for number in numbers_of(kind) if number in versions]
        if _show(desk, place, job, kind, items, told.get(kind)) is Fate.WAITS:
            done = False
    return done


def numbers_of(kind: str) -> list[int]:
    """The new versions a message of this kind tells of."""
    return [int(number) for number in kind.removeprefix(REDO).split(".")]


def _kinds(desk: Desk, job: Job, new: Sequence[int], told: int) -> list[str]:
    """The messages still to be posted; a last one that is not full waits while others are being made."""
    whole = len(new) - len(new) % TOGETHER
    coming = job.state not in ENDED_JOBS and desk.ctx.reviews.counts(job.id).get(ReviewState.REPLACED)
    last = min(whole if coming else len(new), max(0, MOST - told))
    return [
        REDO + ".".join(str(number) for number in new[start : min(start + TOGETHER, last)])
        for start in range(0, last, TOGETHER)
    ]


def _show(
    desk: Desk, place: Place, job: Job, kind: str, items: Sequence[Item], told: Announcement | None
) -> Fate:
    pairs = [(_before(desk, job, item), item) for item in items]
    shots = [_shot(job, old, new) for old, new in pairs if new.state is ItemState.STORED]
    part = Part(kind, "", shots)
    if review.says_so(told, _message(desk, job, pairs, desk.ctx.mail.uploads(job.id))):
        return Fate.SAID
    ids: dict[str, str] | None = {}
    refused = told is not None and told.tries > 0 and "slack file" in told.note
    if not (refused and told is not None and told.tries >= TRIES - 1):
        review.remember_shown(desk.ctx, job.id, part, desk.now)
        review.send(desk, job, part)
        if refused:
            desk.wire.ready -= set(desk.ctx.mail.uploads(job.id).values())
        ids = files.ready(desk.ctx, desk.wire, job.id, part.keys, desk.now)
    if ids is None:
        return Fate.WAITS
    return tell(desk, place, kind, _message(desk, job, pairs, ids), told)


def _shot(job: Job, old: Item | None, new: Item) -> Shot:
    """Before and after; by itself where there was no picture before."""
    return previews.picture_shot(job, new) if old is None else previews.comparison(job, old, new)


def _before(desk: Desk, job: Job, item: Item) -> Item | None:
    """The newest kept version that is older."""
    versions = desk.ctx.reviews.versions(job.id, item.first)
    kept = [v for v in versions if v.version < item.version and v.state is ItemState.STORED]
    return kept[-1] if kept else None


def _message(
    desk: Desk, job: Job, pairs: Sequence[tuple[Item | None, Item]], file_ids: Mapping[str, str]
) -> Message:
    made = [item for _, item in pairs if item.state is ItemState.STORED]
    page = review.about(desk.ctx, job, made)
    heading = _heading(made, pairs)
    body: list[Block] = [b.section(f"*{heading}*")]
    for old, new in pairs:
        if new.state is not ItemState.STORED:
            body.append(b.words(_came_to_nothing(old, new)))
            continue
        if (shot := _shot(job, old, new)).upload.key in file_ids:
            body.append(b.image(file_ids[shot.upload.key], shot.alt, shot.title))
        else:
            body.append(b.words(previews.title_of(job, new)))
        body.append(b.context(_standing(page, new, desk)))
        buttons = review_page.buttons_for(new)
        if old is not None and new.review is not ReviewState.REPLACED:
            label = f"Keep version {old.version}"
            buttons.append(b.button(label, review_page.KEEP, review_page.carried(old)))
        if buttons:
            body.append(b.actions(f"redo-{new.number}-{new.review}", *buttons))
    return b.message(f"{b.escaped(job.title, 150)}: {heading}", body)


def _heading(made: Sequence[Item], pairs: Sequence[tuple[Item | None, Item]]) -> str:
    failed = [item for _, item in pairs if item.state is not ItemState.STORED]
    said = []
    for items, what in ((made, "Made again"), (failed, "Could not be made again")):
        if items:
            numbers = ", ".join(f"{item.first:,}" for item in items)
            said.append(f"{what}: {'picture' if len(items) == 1 else 'pictures'} {numbers}.")
    return " ".join(said)


def _standing(page: review_page.Page, item: Item, desk: Desk) -> str:
    if item.review is ReviewState.REPLACED:
        return "Another version counts now."
    return review_page.standing(page, item, desk.now)


def _came_to_nothing(old: Item | None, item: Item) -> str:
    why = (item.reason or item.state.value.replace("_", " ")).rstrip(".")
    counts = " The earlier version counts." if old is not None else ""
    return f"{b.cut(f'Picture {item.first:,}: {why}', 400)}.{counts}"
