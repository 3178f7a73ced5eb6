"""What a job has to generate: how many, by whom, how sent, for how much. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.pipeline.plan import Chunk, LaneQuote, call_of, usual_seconds
from bot.pipeline.pricing import Asked, with_reading
from bot.policy import Policy
from providers.base import Lane, Size
from providers.catalogue import Cards, ModelCard, Price
from storage.records import Item

ENVELOPE_BYTES = 300
"""What a request line holds beside its prompt; for the estimate of submissions only."""


class Making:
    """Grows with the kinds of picture a job has, not with their number."""

    def __init__(self, cards: Cards, policy: Policy, chunk: int | None) -> None:
        """`chunk`: at most so many items a submission, as the job wants it."""
        self._cards = cards
        self._policy = policy
        self._chunk = chunk
        self._generated: dict[tuple[str, str, Size, str | None], Asked] = {}
        """By provider, model, generated size and quality."""
        self._chunks: dict[tuple[object, ...], Chunk] = {}
        self._calls: dict[tuple[object, ...], Chunk] = {}
        """Live calls of one row that may take more pictures of it; of the last row alone."""
        self._row = 0
        self._prices: dict[tuple[str, str, Lane, Size, str | None], Price | None] = {}
        self.submissions = 0

    def add(self, item: Item, card: ModelCard, made: Size) -> None:
        """One more picture to generate, `made` being the item's size."""
        kind_of_price = (card.provider, card.id, made, item.quality)
        references = len(item.references or ())
        asked = Asked.of(item.prompt, references)
        self._generated[kind_of_price] = self._generated.get(kind_of_price, Asked()) + asked
        if item.row != self._row:
            self._row, self._calls = item.row, {}
        call = call_of(item, card)
        chunks = self._calls if call else self._chunks
        kind = (card.provider, card.id, bool(item.references), *call)
        size_in = len(item.prompt.encode()) + ENVELOPE_BYTES
        size_out = card.expected_output_bytes(made)
        tokens = card.input_tokens(item.prompt, references)
        chunk = chunks.get(kind)
        if chunk is None or not chunk.add(size_in, size_out, tokens):
            chunk = chunks[kind] = Chunk(card, Lane(item.lane), self._policy, self._chunk)
            chunk.add(size_in, size_out, tokens)
            self.submissions += 1

    def price(self, card: ModelCard, lane: Lane, size: Size, quality: str | None) -> Price | None:
        """The list price of one picture; looked up once for each kind."""
        key = (card.provider, card.id, lane, size, quality)
        if key not in self._prices:
            self._prices[key] = card.price(lane, size, quality)
        return self._prices[key]

    def cards(self) -> list[ModelCard]:
        """The models that generate, each once."""
        named = dict.fromkeys((provider, model) for provider, model, _, _ in self._generated)
        return [self._cards[provider][model] for provider, model in named]

    def models(self) -> Mapping[str, int]:
        """Pictures by `provider/model`."""
        return self._counted((f"{p}/{m}", asked) for (p, m, _, _), asked in self._generated.items())

    def made_sizes(self) -> Mapping[str, int]:
        return self._counted((str(made), asked) for (_, _, made, _), asked in self._generated.items())

    @staticmethod
    def _counted(found: Iterable[tuple[str, Asked]]) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for name, asked in found:
            counts[name] += asked.pictures
        return counts

    def quotes(self, lanes: Iterable[Lane], default: ModelCard) -> Mapping[Lane, LaneQuote]:
        """Of each of the lanes; a model without it is priced by its own. `default` is asked for times where
        nothing is generated.
        """
        models, cards = self.models(), self.cards() or [default]
        return {lane: self._quote(lane, cards, models) for lane in lanes}

    def _quote(self, lane: Lane, cards: list[ModelCard], models: Mapping[str, int]) -> LaneQuote:
        low = high = Decimal(0)
        unpriced = 0
        for (provider, model, made, quality), asked in self._generated.items():
            card = self._cards[provider][model]
            own = card.lane_for(lane)
            price = with_reading(card, own, self.price(card, own, made, quality), asked)
            if price is None:
                unpriced += asked.pictures
            else:
                low, high = low + price.low, high + price.high
        return LaneQuote(low, high, unpriced, usual_seconds(lane, cards, models))
