"""What a picture may cost in a lane: the list price, and the tokens of what is read for it. Pure.

List prices are those of the drawing alone. Where a vendor also sells what it reads by the token, a quote has
between `characters / CHARACTERS_A_TOKEN` and `bytes / BYTES_A_TOKEN + AROUND_A_PROMPT` tokens of words for
each picture: plain English is near the lower end, other scripts take a token for a letter or two. A reference
picture is between nothing and `REFERENCE_TOKENS`. All of it at the lane's share of the live price.
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

REFERENCE_TOKENS = 1_120
"""What one vendor states for a reference picture; others leave it open."""

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
    picture = card.price(lane, size, quality)
    if picture is None:
        return None
    low, high = picture.low * asked.pictures, picture.high * asked.pictures
    if card.tokens is not None:
        a_token = card.tokens.text_in / MILLION * _share(card, lane)
        low += a_token * asked.characters / CHARACTERS_A_TOKEN
        high += a_token * (Decimal(asked.bytes) / BYTES_A_TOKEN + AROUND_A_PROMPT * asked.pictures)
        high += card.tokens.image_in / MILLION * _share(card, lane) * REFERENCE_TOKENS * asked.references
    return Price(low=low, high=high)


def _share(card: ModelCard, lane: Lane) -> Decimal:
    return card.batch_factor if lane is Lane.BATCH else Decimal(1)


def relaned(card: ModelCard, item: Item, wanted: Lane, due_at: datetime | None = None) -> Relaned:
    """The item in this lane (or in the one its model has), with the quote there."""
    lane = card.lane_for(wanted)
    if item.duplicate_of is not None:
        return Relaned(item.number, lane.value, item.quoted_low, item.quoted_high, due_at)
    asked = Asked.of(item.prompt, len(item.references or ()))
    price = quote(card, lane, Size.parse(item.made_size), item.quality, asked)
    low, high = (price.low, price.high) if price else (None, None)
    return Relaned(item.number, lane.value, low, high, due_at)
