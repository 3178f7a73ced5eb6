"""Price tables as they are believed at present: where pictures were charged otherwise, what was seen instead.

A price is suspended for one model and lane. While it is, quotes are multiplied by what was seen (never made
lower: a reservation must bear what comes), and each plan says so. It is believed again when newer pictures
cost what is listed, or when the price table says something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.runtime import Context
from bot.watch.words import unit_price
from providers.base import Lane
from providers.catalogue import Cards, ModelCard
from storage.records import Suspension

Suspended = Mapping[tuple[str, str], Mapping[str, Suspension]]
"""By provider and model, then by lane."""


def cards(ctx: Context) -> Cards:
    """Every model that can be used, with the price that is to be reckoned with."""
    by_model = suspended(ctx)
    return {
        name: {
            model: _believed(card, by_model[name, model]) if (name, model) in by_model else card
            for model, card in provider.models.items()
        }
        for name, provider in ctx.providers.items()
    }


def card(ctx: Context, provider: str, model: str) -> ModelCard | None:
    """One of them; None where it cannot be used."""
    return cards(ctx).get(provider, {}).get(model)


def suspended(ctx: Context) -> Suspended:
    """The prices that are not believed now."""
    found: dict[tuple[str, str], dict[str, Suspension]] = {}
    for one in ctx.notices.suspended_prices():
        found.setdefault((one.provider, one.model), {})[one.lane] = one
    return found


def notes(ctx: Context, models: Iterable[str]) -> list[str]:
    """One sentence for each price of these models (`provider/model`) that is not confirmed."""
    by_model = suspended(ctx)
    said = []
    for name in models:
        provider, _, model = name.partition("/")
        for lane, one in sorted(by_model.get((provider, model), {}).items()):
            reckoned = "This quote reckons with that." if one.factor > 1 else "This quote keeps to the list."
            said.append(
                f"The price of {model} is not confirmed: in the {lane} lane a picture was last charged "
                f"{unit_price(one.each_usd)}, listed {unit_price(one.listed_usd)} at most. {reckoned}"
            )
    return said


def price_mark(card: ModelCard) -> str:
    """The same as long as the price table says the same of this model."""
    said = card.model_dump_json(include={"prices", "tokens", "batch_factor", "thoughts", "reference_tokens"})
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _believed(card: ModelCard, lanes: Mapping[str, Suspension]) -> ModelCard:
    live, batch = (_factor(lanes.get(lane.value)) for lane in (Lane.LIVE, Lane.BATCH))
    if live == batch == 1:
        return card
    prices = tuple(point.model_copy(update={"usd": point.usd * live}) for point in card.prices)
    tokens = None
    if card.tokens is not None:
        sold = {name: usd * live for name, usd in dict(card.tokens).items() if usd is not None}
        tokens = card.tokens.model_copy(update=sold)
    changed = {"prices": prices, "tokens": tokens, "batch_factor": card.batch_factor * batch / live}
    return card.model_copy(update=changed)


def _factor(suspension: Suspension | None) -> Decimal:
    return Decimal(str(suspension.factor)) if suspension is not None else Decimal(1)
