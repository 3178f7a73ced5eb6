"""A picture is asked for again: same row, perhaps other words, a new version. Quoted and held against the
budget first; the version before is kept.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.intake.rows import alt_text_from
from bot.pipeline import prices, prompts
from bot.pipeline.budget import bearing
from bot.pipeline.plan import BudgetError
from bot.pipeline.pricing import Asked, quote
from bot.runtime import Context
from bot.watch.words import count, money_range
from providers.base import Lane, Size
from providers.catalogue import ModelCard, Price
from storage.records import Item, Job
from storage.states import FINAL_ITEMS, ItemState, ReviewState, StaleTransitionError

log = logging.getLogger(__name__)


class CannotRedoError(ValueError):
    """It cannot be made again as asked; one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Again:
    """One picture wanted again."""

    seen: Item
    """The version the person saw."""
    prompt: str | None = None
    """None: as it was."""
    lane: Lane | None = None
    """None: now, where its model can; people wait for it."""


@dataclass(frozen=True, slots=True)
class Redone:
    """What came of it."""

    added: Sequence[Item]
    """The new versions; fewer than asked for where somebody was quicker."""
    low: Decimal
    high: Decimal
    unpriced: int
    """Pictures whose price nobody knows; they are not in `low` and `high`."""

    @classmethod
    def of(cls, added: Sequence[Item]) -> Redone:
        """These new versions with what they cost."""
        priced = [(new.quoted_low, new.quoted_high) for new in added]
        known = [(low, high) for low, high in priced if low is not None and high is not None]
        low = sum((low for low, _ in known), Decimal(0))
        return cls(added, low, sum((high for _, high in known), Decimal(0)), len(added) - len(known))

    @property
    def most(self) -> Decimal | None:
        """The highest price; None: not known."""
        return None if self.unpriced else self.high

    @property
    def price(self) -> str:
        """“$0.04”, or what is not known about it."""
        return price_words(self.low, self.high, self.unpriced)


def price_words(low: Decimal, high: Decimal, unpriced: int) -> str:
    known = money_range(low, high)
    if not unpriced:
        return known
    return "price unknown" if not high else f"{known}, price unknown for {count(unpriced, 'picture')}"


def card_of(ctx: Context, item: Item, now: datetime) -> ModelCard:
    """The model that made a picture. Raises CannotRedoError where it cannot be asked again."""
    card = prices.card(ctx, item.provider, item.model)
    if card is None or card.retired(now.date()):
        raise CannotRedoError(
            f"{item.model}, which made picture {item.first}, is not available any more; hand in the row as a "
            "new batch with another model."
        )
    return card


def lane_of(card: ModelCard, wanted: Lane | None) -> Lane:
    """The lane a new version travels in: the one wanted, else the one that is quicker."""
    return card.lane_for(wanted or Lane.LIVE)


def price_of(card: ModelCard, item: Item, prompt: str, lane: Lane) -> Price | None:
    """What one more version costs; None when nobody knows."""
    asked = Asked.of(prompt, len(item.references or ()))
    return quote(card, lane, Size.parse(item.made_size), item.quality, asked)


def redo(
    ctx: Context, job: Job, wanted: Sequence[Again], person: str, now: datetime, *, once: str = ""
) -> Redone:
    """New versions of these pictures, waiting to be sent. Asked twice for the same version, there is one;
    `once` names an asking that says only which picture (`Reviews.add_versions`).

    Raises CannotRedoError, and nothing is added, where one of them cannot be made or the budget is passed.
    """
    pairs = [(one.seen, new_version(ctx, one, now)) for one in wanted if can_be(one.seen)]
    try:
        with bearing(ctx, job, now) as within:
            added = ctx.reviews.add_versions(job.id, pairs, person, now, once=once, within=within)
    except BudgetError as problem:
        raise CannotRedoError(f"{problem}.") from problem
    except StaleTransitionError as problem:
        log.info("no new version: %s", problem)
        raise CannotRedoError(
            f"Job {job.id} takes no new pictures while it is being cancelled; try again when it has ended."
        ) from problem
    return Redone.of(added)


def priced(ctx: Context, wanted: Sequence[Again], now: datetime) -> Redone:
    """What `redo` would add, and for how much, before any of it is done. Raises CannotRedoError."""
    return Redone.of([new_version(ctx, one, now) for one in wanted if can_be(one.seen)])


def can_be(seen: Item) -> bool:
    """Whether this version has ended and still counts, so that another may take its place."""
    return seen.state in FINAL_ITEMS and seen.review is not ReviewState.REPLACED


def new_version(ctx: Context, one: Again, now: datetime) -> Item:
    """The item that is to be made, priced. Raises CannotRedoError where it cannot be."""
    seen, card = one.seen, card_of(ctx, one.seen, now)
    prompt = seen.prompt if one.prompt is None else one.prompt.strip()
    problem = prompts.lint(prompt, card)
    if problem:
        raise CannotRedoError(f"Picture {seen.first}: {problem}")
    lane = lane_of(card, one.lane)
    price = price_of(card, seen, prompt, lane)
    # Never the fingerprint of another picture: what is asked for again is wanted as one of its own.
    fingerprint = hashlib.sha256(f"{seen.fingerprint} {seen.version + 1} {prompt}".encode()).hexdigest()[:32]
    return replace(
        seen,
        **_BLANK,
        prompt=prompt,
        alt_text=_alt_text(seen, prompt),
        lane=lane.value,
        fingerprint=fingerprint,
        quoted_low=price.low if price else None,
        quoted_high=price.high if price else None,
        state=ItemState.WAITING,
        moved_at=now,
    )


def _alt_text(seen: Item, prompt: str) -> str:
    """What it was, unless that was only the prompt it was made from, which says something else now."""
    return alt_text_from(prompt) if seen.alt_text == alt_text_from(seen.prompt) else seen.alt_text


_BLANK: dict[str, Any] = {
    **dict.fromkeys(("duplicate_of", "due_at", "submission_id", "failure_kind", "failure_code", "reason")),
    **dict.fromkeys(("locator", "master_key", "rendition_key", "width", "height", "byte_size", "cost")),
    **dict.fromkeys(("reused_job", "reused_item", "reused_by")),
    **dict.fromkeys(("reviewed_by", "reviewed_at", "review_reason", "review_note", "phash", "flags")),
    **dict.fromkeys(("sends", "attempts", "regenerated"), 0),
    "review": ReviewState.UNREVIEWED,
}
"""What a new version does not have from the one before."""
