"""The review of a job in its thread: which pictures the message shows is kept in the data store, what it says
about them is worked out anew whenever it is told, so that it is right after a restart and for everybody.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.intake.deadline import deadline_at
from bot.intake.verdicts import as_ranges
from bot.runtime import Context
from bot.slack import files, gallery, previews, review_page
from bot.slack.blocks import Message
from bot.slack.gallery import Part
from bot.slack.review_page import CARDS, PICTURES, Page, Tally, shown_by
from bot.slack.telling import TRIES, Desk, Fate, Place, tell
from storage.records import Announcement, AnnouncementState, Item, Job
from storage.states import ENDED_JOBS, ItemState, ReviewState

log = logging.getLogger(__name__)

REVIEW = "review"
"""Kind of the review message, and the scope under which its page is kept by the job's id."""

SHOWN = "shown"
"""Scope under which is kept which pictures a message shows, by job and kind."""

CAROUSELS = "carousels"
"""Name under which is kept, for a workspace, whether its clients take cards."""

TRY_CARDS_AGAIN = timedelta(days=30)
"""A workspace that refused cards is asked again after this long: Slack brings them to more clients."""


@dataclass(frozen=True, slots=True)
class Shows:
    """Which pictures the review message shows."""

    filter: str = "unreviewed"
    pictures: Sequence[int] = ()


def kept_page(ctx: Context, job_id: str) -> Shows | None:
    found = ctx.shelf.recall(REVIEW, job_id)
    return None if found is None else Shows(found[0]["filter"], found[0]["pictures"])


def keep_page(ctx: Context, job_id: str, page: Shows, now: datetime) -> None:
    """Also the sign by which the announce tick sees that a review has changed."""
    value: dict[str, Any] = {"filter": page.filter, "pictures": list(page.pictures)}
    ctx.shelf.remember(REVIEW, job_id, value, now)


def touch(ctx: Context, job_id: str, now: datetime) -> None:
    """Something was decided: the message is looked at again."""
    page = kept_page(ctx, job_id)
    if page is not None:
        keep_page(ctx, job_id, page, now)


def begin(ctx: Context, job: Job, name: str, size: int, now: datetime) -> Shows:
    """The first page of a filter."""
    items = ctx.reviews.after(job.id, shown_by(name), 0, size)
    page = Shows(name, [item.first for item in items])
    keep_page(ctx, job.id, page, now)
    return page


def turn(ctx: Context, job: Job, picture: int, size: int, now: datetime, *, back: bool) -> None:
    """The page behind (or in front of) this picture; a second click on the same button changes nothing."""
    page = kept_page(ctx, job.id) or Shows()
    look = ctx.reviews.before if back else ctx.reviews.after
    items = look(job.id, shown_by(page.filter), picture, size)
    if items:
        keep_page(ctx, job.id, replace(page, pictures=[item.first for item in items]), now)


def quorum_of(ctx: Context, job: Job) -> int:
    """How many different people must approve a picture: the job's own word, else the channel's, else one."""
    own = job.spec.get("quorum")
    if own is None:
        thread = ctx.mail.thread(job.id)
        preset = ctx.shelf.preset(thread.team, thread.channel) if thread else None
        own = preset.body.get("quorum") if preset else None
    return max(1, int(own or 1))


def mark(ctx: Context, job: Job) -> str:
    """What of a review the card of an ended job shows; behind its mark."""
    if job.state not in ENDED_JOBS or job.started_at is None:
        return ""
    tally = Tally.of(ctx.reviews.counts(job.id))
    return f"~{tally.approved}.{tally.rejected}.{tally.unreviewed}.{tally.remaking}"


def due_at(job: Job) -> datetime | None:
    """Until when the pictures shall be reviewed."""
    text = job.spec.get("review_by")
    return deadline_at(str(text), job.created_at, str(job.spec.get("zone") or "UTC")) if text else None


# --- what the workspace can show -------------------------------------------------------------------------


def takes_cards(ctx: Context, team: str, told: Announcement | None, now: datetime) -> bool:
    """Whether pictures are shown as cards. Slack's refusal of them is remembered for the workspace."""
    scope = f"workspace:{team}"
    found = ctx.shelf.recall(scope, CAROUSELS)
    # What is not known yet is tried; so is what was refused long ago.
    known = found is None or bool(found[0]) or now - found[1] >= TRY_CARDS_AGAIN
    if known and told is not None and _refused_cards(told):
        log.info("workspace %s takes no carousels: pictures are shown one below the other", team)
        ctx.shelf.remember(scope, CAROUSELS, False, now)
        return False
    return known


def _refused_cards(told: Announcement) -> bool:
    if not told.tries or "invalid_blocks" not in told.note:
        return False
    # A file may only be late, at first; a card that does not take files never does.
    return "slack file" not in told.note or told.tries >= TRIES // 2


def page_size(ctx: Context, team: str, now: datetime) -> int:
    return CARDS if takes_cards(ctx, team, None, now) else PICTURES


# --- telling ---------------------------------------------------------------------------------------------


def page_of(ctx: Context, job: Job, place: Shows) -> Page:
    """Everything the message says, as it is now."""
    shown = shown_by(place.filter)
    items = ctx.reviews.picked(job.id, as_ranges(place.pictures))
    before = behind = 0
    if items:
        before = ctx.reviews.rank(job.id, shown, items[0].first)
        behind = ctx.reviews.how_many(job.id, shown) - ctx.reviews.rank(job.id, shown, items[-1].first + 1)
    return replace(
        about(ctx, job, items),
        filter=place.filter,
        before=before,
        behind=behind,
        tally=Tally.of(ctx.reviews.counts(job.id)),
        models=ctx.reviews.models(job.id),
        due_at=due_at(job),
    )


def about(ctx: Context, job: Job, items: Sequence[Item]) -> Page:
    """These pictures alone, with who approved of them where more people must."""
    quorum = quorum_of(ctx, job)
    approvals: dict[int, list[str]] = {}
    if quorum > 1:
        for vote in ctx.reviews.votes(job.id, [item.number for item in items]):
            if vote.verdict is ReviewState.APPROVED:
                approvals.setdefault(vote.item, []).append(vote.person)
    return Page(job, "all", items, approvals=approvals, quorum=quorum)


def tell_review(desk: Desk, place: Place, team: str, job: Job, told: Announcement | None) -> Fate:
    """Bring the review message up to date, or post it. Raises SlackTrouble."""
    ctx, now = desk.ctx, desk.now
    cards = takes_cards(ctx, team, told, now)
    page = kept_page(ctx, job.id)
    if page is None:
        page = begin(ctx, job, "unreviewed", CARDS if cards else PICTURES, now)
    elif not cards and len(page.pictures) > PICTURES:
        page = replace(page, pictures=page.pictures[:PICTURES])
        keep_page(ctx, job.id, page, now)
    made = page_of(ctx, job, page)
    if says_so(told, review_page.page_message(made, ctx.mail.uploads(job.id), now, cards=cards)):
        return Fate.SAID
    ids = _files(desk, job, made.items, told)
    if ids is None:
        return Fate.WAITS
    fate = tell(desk, place, REVIEW, review_page.page_message(made, ids, now, cards=cards), told)
    if fate is Fate.SAID and told is None and cards:
        ctx.shelf.remember(f"workspace:{team}", CAROUSELS, True, now)
    if fate is Fate.SAID and made.behind:
        _send_ahead(desk, job, made)
    return fate


def says_so(told: Announcement | None, said: Message) -> bool:
    """Whether a message stands there saying just this: nothing has to be asked of Slack then."""
    return told is not None and told.state is AnnouncementState.POSTED and told.digest == said.digest


def _files(desk: Desk, job: Job, items: Sequence[Item], told: Announcement | None) -> dict[str, str] | None:
    """The pictures' files at Slack, once all are there; none of them where Slack never shows them."""
    refused = told is not None and told.tries > 0 and "slack file" in told.note
    if refused and told is not None and told.tries >= TRIES - 1:
        return {}
    part = _pictures(job, items)
    send(desk, job, part)
    if refused:
        # Slack said they are processed and then did not take one: ask again.
        desk.wire.ready -= set(desk.ctx.mail.uploads(job.id).values())
    return files.ready(desk.ctx, desk.wire, job.id, part.keys, desk.now)


def _pictures(job: Job, items: Sequence[Item]) -> Part:
    shots = [previews.picture_shot(job, item) for item in items if item.state is ItemState.STORED]
    return Part(REVIEW, "", shots)


def _send_ahead(desk: Desk, job: Job, made: Page) -> None:
    """The next page's pictures, so that turning to it does not wait."""
    last, size = made.items[-1].first, len(made.items)
    coming = desk.ctx.reviews.after(job.id, shown_by(made.filter), last, size)
    send(desk, job, _pictures(job, coming))


def send(desk: Desk, job: Job, part: Part) -> None:
    """Make and upload the pictures of a message, as many as go at once. Raises SlackTrouble."""
    gallery.prepare(desk.ctx, job, part)
    files.upload(desk.ctx, desk.wire, job.id, [shot.upload for shot in part.shots], desk.now)


# --- which pictures a message shows ----------------------------------------------------------------------


def remember_shown(ctx: Context, job_id: str, part: Part, now: datetime) -> None:
    """For reactions to a message and its files: which pictures they show. Written before it is posted."""
    name = f"{job_id}:{part.kind}"
    if ctx.shelf.recall(SHOWN, name) is not None:
        return
    for shot in part.shots:
        if shot.pictures:
            ctx.shelf.remember(SHOWN, shot.upload.key, list(shot.pictures), now)
    ctx.shelf.remember(SHOWN, name, list(part.pictures), now)


def pictures_in(ctx: Context, job_id: str, kind: str) -> Sequence[int]:
    """The pictures a message of this kind shows."""
    if kind == REVIEW:
        page = kept_page(ctx, job_id)
        return page.pictures if page else ()
    found = ctx.shelf.recall(SHOWN, f"{job_id}:{kind}")
    return found[0] if found else ()


def pictures_of_file(ctx: Context, file_id: str) -> tuple[str, list[int]]:
    """The job, and the pictures on a file of ours; an empty name where it is none."""
    found = ctx.mail.upload_of(file_id)
    if found is None:
        return "", []
    job_id, key = found
    single = _SINGLE.fullmatch(key.rpartition("/")[2])
    if single is None:
        kept = ctx.shelf.recall(SHOWN, key)
        return job_id, list(kept[0]) if kept else []
    item = ctx.queries.item(job_id, int(single[1]))
    # An earlier version that was replaced is not decided about any more.
    return job_id, [item.first] if item and item.review is not ReviewState.REPLACED else []


_SINGLE = re.compile(r"(?:preview|versions-\d+)-(\d+)-\d+\.jpg")
"""The last part of a blob's key where it shows one picture (`previews`)."""
