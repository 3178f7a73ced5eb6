"""Who makes a picture: the first provider of a route that can, or the cheapest. Pure.

Asked when a job is planned, and again when a provider of its route has stopped working.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from bot.intake.spec import CHEAPEST
from bot.pipeline import prompts
from bot.pipeline.pricing import Asked, quote
from bot.watch.words import unit_price
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


@dataclass(frozen=True, slots=True)
class Behind:
    """Why a provider comes after those of which nothing bad is known."""

    rank: int
    """1: does poorly; 2: is paused. Higher ranks come later."""
    why: str


def meant(route: Sequence[str], cards: Iterable[str]) -> list[str]:
    """The providers of a route, in its order; of `cheapest` alone, all that are set up."""
    return [name for name in route if name != CHEAPEST] or list(cards)


def choose(
    route: Sequence[str],
    cards: Cards,
    need: Need,
    today: date,
    without: Collection[str] = (),
    behind: Mapping[str, Behind] = MappingProxyType({}),
) -> Choice | None:
    """By the first provider of the route that can make it and is not in `without`; None: by none.

    Those in `behind` come later, by rank, else the order stays. With `cheapest` in the route, of those of a
    rank the lowest price goes first, by the highest it may come to: of each provider its first model that
    can. An unknown price comes last, and so does a price of nothing: it is that of a stand-in.
    """
    rank = {name: behind[name].rank if name in behind else 0 for name in meant(route, cards)}
    names = sorted((name for name in rank if name not in without), key=rank.__getitem__)
    ways = (way for name in names if (way := _way(cards.get(name, {}), need, today)) is not None)
    if CHEAPEST not in route:
        return next(ways, None)

    def dearness(way: Choice) -> tuple[int, bool, Decimal]:
        high = way.price.high if way.price else Decimal(0)
        return rank[way.card.provider], not high, high

    return min(ways, key=dearness, default=None)


def _way(models: Mapping[str, ModelCard], need: Need, today: date) -> Choice | None:
    """How one provider would make it: with its first model that can."""
    for card in _offered(models, need, today):
        if objection(card, need, today) is None:
            made = made_size(card, need)
            assert made is not None, "a card without an objection has a size"
            quality = known_quality(card, need.quality)
            asked = Asked.of(need.prompt, need.references)
            return Choice(card, made, quality, quote(card, need.lane, made, quality, asked))
    return None


def explained(
    route: Sequence[str],
    cards: Cards,
    need: Need,
    today: date,
    behind: Mapping[str, Behind] = MappingProxyType({}),
) -> list[str]:
    """Which provider a picture goes to, why, and what it would cost at each, as sentences."""
    chosen = choose(route, cards, need, today, behind=behind)
    names = meant(route, cards)
    if chosen is None or len(names) < 2:
        return []
    why = "the cheapest that can" if CHEAPEST in route else "the first of the route that can"
    if any(name in behind for name in names):
        why += " and does well"
    said = []
    for name in names:
        way = _way(cards.get(name, {}), need, today)
        if way is None:
            said.append(next(objections([name], cards, need, today)))
        else:
            high = way.price.high if way.price else None
            said.append(f"{name} ({way.card.id}) {unit_price(high)}")
    later = [f"{name} comes later: {behind[name].why}." for name in names if name in behind]
    return [
        f"Pictures go to {chosen.card.provider}, {why}. One costs at most: {'; '.join(said)}.",
        *later,
    ]


def objection(card: ModelCard, need: Need, today: date) -> str | None:
    """Why this model cannot make it, as a sentence without full stop; None if it can."""
    if card.retired(today):
        return f"{card.id} was shut down on {card.shutdown}"
    if need.lane not in card.lanes:
        return f"{card.id} has no {need.lane} lane"
    if (said := wrong_references(card, need.references)) is not None:
        return said
    if need.background == "transparent" and not card.transparency:
        return f"{card.id} cannot make transparent backgrounds"
    if made_size(card, need) is None:
        return f"{card.id} cannot make a picture of the shape {need.size}"
    return prompts.lint(need.prompt, card)


def wrong_references(card: ModelCard, number: int) -> str | None:
    """Why this model cannot do with so many reference pictures, without full stop; None if it can."""
    if number > card.references:
        return f"{card.id} takes {card.references} reference pictures, not {number}"
    if card.edits_only and not number:
        return f"{card.id} only changes pictures; give each row a “reference”, or use another model"
    return None


def objections(route: Sequence[str], cards: Cards, need: Need, today: date) -> Iterator[str]:
    """What each provider of the route says of its first model that comes into question."""
    for name in meant(route, cards):
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
