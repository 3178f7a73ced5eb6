"""What a picture may cost in a lane: the list price, and the tokens of what is read for it. Pure.

List prices are those of the drawing alone. Where a vendor also sells what it reads by the token, a quote has
between `characters / CHARACTERS_A_TOKEN` and `bytes / BYTES_A_TOKEN + AROUND_A_PROMPT` tokens of words for
each picture: plain English is near the lower end, other scripts take a token for a letter or two. A reference
picture is between nothing and the card's `reference_tokens`, and what a model thinks before it draws between
nothing and its `thoughts`. All at the lane's share of the live price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from providers.base import Lane, Size
from providers.catalogue import ModelCard, Price
from storage.lanes import Relaned
from storage.records import Item

CHARACTERS_A_TOKEN = 4
"""As vendors say of English text."""

BYTES_A_TOKEN = 2
"""Of UTF-8: half a letter of plain English, two thirds of one of Chinese."""

AROUND_A_PROMPT = 32
"""Tokens that vendors put around a prompt; they also make up for prices that are listed rounded."""

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for at one price: so many pictures, with so much to read for them."""

    pictures: int = 0
    characters: int = 0
    bytes: int = 0
    references: int = 0

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.pictures + other.pictures,
            self.characters + other.characters,
            self.bytes + other.bytes,
            self.references + other.references,
        )

    @classmethod
    def of(cls, prompt: str, references: int = 0) -> Asked:
        """One picture."""
        return cls(1, len(prompt), len(prompt.encode("utf-8", "surrogatepass")), references)


def quote(card: ModelCard, lane: Lane, size: Size, quality: str | None, asked: Asked) -> Price | None:
    """What `asked` costs with this model, size and quality; None when the price of a picture is not known."""
    return with_reading(card, lane, card.price(lane, size, quality), asked)


def with_reading(card: ModelCard, lane: Lane, picture: Price | None, asked: Asked) -> Price | None:
    """The same where the list price of one picture is at hand."""
    if picture is None:
        return None
    low, high = picture.low * asked.pictures, picture.high * asked.pictures
    if card.tokens is not None:
        share = card.batch_factor if lane is Lane.BATCH else Decimal(1)
        a_word, a_picture = card.tokens.text_in / MILLION * share, card.tokens.image_in / MILLION * share
        low += a_word * asked.characters / CHARACTERS_A_TOKEN
        high += a_word * (Decimal(asked.bytes) / BYTES_A_TOKEN + AROUND_A_PROMPT * asked.pictures)
        high += a_picture * card.reference_tokens * asked.references
        high += (card.tokens.text_out or 0) / MILLION * share * card.thoughts * asked.pictures
    return Price(low=low, high=high)


def relaned(card: ModelCard, item: Item, wanted: Lane, due_at: datetime | None = None) -> Relaned:
    """The item in this lane (or in the one its model has), with the quote there."""
    lane = card.lane_for(wanted)
    if item.duplicate_of is not None:
        return Relaned(item.number, lane.value, item.quoted_low, item.quoted_high, due_at)
    asked = Asked.of(item.prompt, len(item.references or ()))
    price = quote(card, lane, Size.parse(item.made_size), item.quality, asked)
    low, high = (price.low, price.high) if price else (None, None)
    return Relaned(item.number, lane.value, low, high, due_at)
