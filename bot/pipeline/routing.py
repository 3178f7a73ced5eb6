"""Who makes a picture: the first provider of a route that can. Pure.

Asked when a job is planned, and again when a provider of its route has stopped working.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.pipeline import prompts
from bot.pipeline.pricing import Asked, quote
from providers.base import Lane, Size
from providers.catalogue import Cards, ModelCard, Price


@dataclass(frozen=True, slots=True)
class Need:
    """What a picture asks of the model that makes it."""

    prompt: str
    lane: Lane
    size: Size | None = None
    """Size to deliver; None: as the model makes it."""
    references: int = 0
    background: str | None = None
    quality: str | None = None
    model: str | None = None
    """The model wanted where a provider has it; elsewhere the provider's first that can."""
    vector: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that makes it, and how."""

    card: ModelCard
    made: Size
    quality: str | None
    price: Price | None


def choose(
    route: Sequence[str], cards: Cards, need: Need, today: date, without: Collection[str] = ()
) -> Choice | None:
    """By the first provider of the route that can make it and is not in `without`; None: by none."""
    for name in route:
        if name in without:
            continue
        for card in _offered(cards.get(name, {}), need, today):
            if objection(card, need, today) is None:
                made = made_size(card, need)
                assert made is not None, "a card without an objection has a size"
                quality = known_quality(card, need.quality)
                asked = Asked.of(need.prompt, need.references)
                return Choice(card, made, quality, quote(card, need.lane, made, quality, asked))
    return None


def objection(card: ModelCard, need: Need, today: date) -> str | None:
    """Why this model cannot make it, as a sentence without full stop; None if it can."""
    if card.retired(today):
        return f"{card.id} was shut down on {card.shutdown}"
    if need.lane not in card.lanes:
        return f"{card.id} has no {need.lane} lane"
    if need.references > card.references:
        return f"{card.id} takes {card.references} reference pictures, not {need.references}"
    if need.background == "transparent" and not card.transparency:
        return f"{card.id} cannot make transparent backgrounds"
    if made_size(card, need) is None:
        return f"{card.id} cannot make a picture of the shape {need.size}"
    return prompts.lint(need.prompt, card)


def objections(route: Sequence[str], cards: Cards, need: Need, today: date) -> Iterator[str]:
    """What each provider of the route says of its first model that comes into question."""
    for name in route:
        card = next(iter(_offered(cards.get(name, {}), need, today)), None)
        if card is None:
            yield f"{name} has no model for it"
        elif (said := objection(card, need, today)) is not None:
            yield said


def made_size(card: ModelCard, need: Need) -> Size | None:
    """The size the model would make."""
    return card.fit(need.size) if need.size else card.default_size


def known_quality(card: ModelCard, quality: str | None) -> str | None:
    """The quality asked for, or the model's own where it does not know that word."""
    if quality is None or (card.qualities and quality not in card.qualities):
        return card.default_quality
    return quality if card.qualities else None


def _offered(models: Mapping[str, ModelCard], need: Need, today: date) -> list[ModelCard]:
    """The models of one provider that come into question, in its order."""
    if need.model is not None and need.model in models:
        return [models[need.model]]
    return [card for card in models.values() if card.vector == need.vector and not card.retired(today)]
