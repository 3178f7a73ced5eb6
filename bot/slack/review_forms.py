"""The modals of a review: why a picture is rejected, how it is made again, and many pictures at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.intake.options import CommandError
from bot.intake.verdicts import Say, parse_pictures
from bot.pipeline import redo
from bot.pipeline.redo import CannotRedoError, price_words
from bot.runtime import Context
from bot.slack import approval, fields, limits, previews
from bot.slack import blocks as b
from bot.slack.blocks import Block
from bot.slack.fields import View, choice, field, option, text
from bot.slack.reach import Where
from bot.slack.review_words import REASONS
from bot.watch.words import count
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Item, Job
from storage.states import ItemState, ReviewState

REJECT, REDO, MANY = "review_reject_form", "review_redo_form", "review_many_form"
"""Callback ids."""
PICTURES = "review_many_pictures"
"""Action id of the field whose typing is counted while the form is open."""

NOTE_CHARACTERS = 500


def kept(where: Where, item: Item | None = None, job: str = "") -> str:
    """What a form gives back: where it was opened, and on which version as it stood."""
    about = {"item": item.number, "seen": item.review.value, "job": item.job_id} if item else {"job": job}
    return json.dumps({"where": where.to_json(), **about})


def read_kept(view: Mapping[str, Any]) -> dict[str, Any]:
    """Ids only, and looked up again: what comes back can be forged."""
    found: dict[str, Any] = json.loads(view.get("private_metadata") or "{}")
    return found


def _seen(ctx: Context, job: Job, item: Item) -> list[Block]:
    """The picture itself, where Slack has it already."""
    file_id = ctx.mail.uploads(job.id).get(previews.preview_key(item))
    title = previews.title_of(job, item)
    if file_id is None or item.state is not ItemState.STORED:
        return [b.small(title)]
    return [b.image(file_id, previews.alt_text(item), title)]


# --- reject ----------------------------------------------------------------------------------------------


def reject_form(ctx: Context, job: Job, item: Item, where: Where) -> View:
    """Why: one of the usual reasons, and a note."""
    reasons = choice([option(name, name) for name in REASONS], None, kind="radio_buttons")
    example = text(None, "Should be bordeaux, as on the label", most=NOTE_CHARACTERS, lines=True)
    body = [
        field("reason", "What is wrong?", reasons, optional=False),
        field("note", "Note", example),
        *_seen(ctx, job, item),
    ]
    title = f"Reject picture {item.first}"
    return fields.modal(REJECT, title, body, submit="Reject", kept=kept(where, item))


# --- redo ------------------------------------------------------------------------------------------------


def redo_form(ctx: Context, job: Job, item: Item, where: Where, now: datetime) -> View:
    """The prompt to edit, what stays, when and for how much. Raises CannotRedoError."""
    card = redo.card_of(ctx, item, now)
    most = min(limits.INPUT_CHARACTERS, card.prompt_limit)
    if len(item.prompt) > most:
        raise CannotRedoError(
            f"The prompt of picture {item.first} is too long for a form; write “redo {item.first}” in the "
            "thread to make it again as it is."
        )
    stays = [f"Model {item.model}", f"size {item.size or item.made_size}"]
    stays += [f"quality {item.quality}"] if item.quality else []
    why = item.review_note or item.review_reason
    body = [
        *([b.small(f"Rejected for: {why}")] if item.review is ReviewState.REJECTED and why else []),
        field("prompt", "Prompt", text(item.prompt, most=most, lines=True), optional=False),
        _lanes(card, item),
        *_above(ctx, job, card, item),
        b.small(f"Kept as it was: {', '.join(stays)}. The version you see is kept, too."),
        *_seen(ctx, job, item),
    ]
    title = f"Redo picture {item.first}"
    return fields.modal(REDO, title, body, submit="Make it again", kept=kept(where, item))


def _above(ctx: Context, job: Job, card: ModelCard, item: Item) -> list[Block]:
    """That a second person is asked first, where the quickest way passes the spending limit."""
    price = redo.price_of(card, item, item.prompt, redo.lane_of(card, None))
    above = approval.above_words(ctx, job, approval.in_all(ctx, job, price.high if price else None))
    return [b.small(f"{above}: a second person is asked in the thread first.")] if above else []


def _lanes(card: ModelCard, item: Item) -> Block:
    """When, each with its price."""
    spoken = {Lane.LIVE: "Now", Lane.BATCH: "Within hours, cheaper"}
    lanes = [lane for lane in (Lane.LIVE, Lane.BATCH) if lane in card.lanes]
    options = [option(f"{spoken[lane]}: {_price(card, item, lane)}", lane.value) for lane in lanes]
    quickest = redo.lane_of(card, None).value
    return field("lane", "When", choice(options, quickest, kind="radio_buttons"), optional=False)


def _price(card: ModelCard, item: Item, lane: Lane) -> str:
    price = redo.price_of(card, item, item.prompt, lane)
    return price_words(price.low, price.high, 0) if price else "price unknown"


# --- many ------------------------------------------------------------------------------------------------


def many_form(ctx: Context, job: Job, where: Where, typed: str | None = None) -> View:
    """Which pictures, and what about them; counts what was typed."""
    says = {"Approve": Say.APPROVE, "Reject": Say.REJECT, "Make again": Say.REDO}
    what = choice([option(name, say.value) for name, say in says.items()], Say.APPROVE.value)
    typing = {"dispatch_action_config": _WHILE_TYPING}
    numbers = {**text(None, "1-40 except 7, 12", most=NOTE_CHARACTERS), **typing}
    hint = "Numbers as on the contact sheets; “all” is everything that is left to review."
    body = [
        field("say", "What", what, optional=False),
        field(PICTURES, "Which pictures", numbers, hint=hint, optional=False, live=True),
        b.context(counted(ctx, job, typed)),
        field("words", "Reason", text(None, "Wrong colour", most=NOTE_CHARACTERS), hint="For rejecting."),
    ]
    return fields.modal(MANY, "Review many pictures", body, submit="Do it", kept=kept(where, job=job.id))


_WHILE_TYPING = {"trigger_actions_on": ["on_character_entered"]}


def counted(ctx: Context, job: Job, typed: str | None) -> str:
    """How many pictures these numbers mean now, and how they stand."""
    if not typed:
        left = ctx.reviews.counts(job.id).get(ReviewState.UNREVIEWED, 0)
        return f"{count(left, 'picture')} left to review."
    try:
        ranges = parse_pictures(typed).ranges
    except CommandError as problem:
        return b.escaped(str(problem), 300)
    stands = ctx.reviews.counts_within(job.id, ranges)
    said = [
        f"{stands[state]:,} {name}"
        for state, name in (
            (ReviewState.UNREVIEWED, "to review"),
            (ReviewState.APPROVED, "approved already"),
            (ReviewState.REJECTED, "rejected already"),
            (ReviewState.REPLACED, "being made again"),
        )
        if stands.get(state)
    ]
    total = sum(stands.values())
    return f"*{count(total, 'picture')}*: {', '.join(said)}." if total else "No picture has these numbers."
