"""What a job will do and cost, as values, and the rules for choosing models and keeping budgets. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from bot.intake.spec import JobSpec
from bot.pipeline.cadence import pictures_a_call
from bot.policy import Policy
from bot.watch.words import count, money
from providers.base import Lane
from providers.catalogue import Cards, ModelCard, load
from storage.records import Item

LIVE_WINDOW_SECONDS = 600
"""A live job is not called late before this, however small it is."""

OTHERS = "`imgbatch doctor` says which keys would add others"


class PlanError(ValueError):
    """The job cannot be planned as asked; one sentence that says what to change."""


class BudgetError(PlanError):
    """The job may cost more than it is allowed to; the sentence has the numbers."""


@dataclass(frozen=True, slots=True)
class LaneQuote:
    """What the job costs and how long it takes in one lane."""

    low: Decimal
    high: Decimal
    unpriced: int
    """Pictures whose price nobody has published; they are not in `low` and `high`."""
    seconds: int
    """A usual time; for reading, not for deciding."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job will do and cost."""

    rows: int
    bad_rows: int
    items: int
    duplicates: int
    lane: Lane
    quotes: Mapping[Lane, LaneQuote]
    """Of each lane that a model of the job has; a model without it is priced by its own."""
    submissions: int
    models: Mapping[str, int]
    """Pictures to generate by `provider/model`."""
    made_sizes: Mapping[str, int]
    """Pictures to generate by generated size."""
    window_seconds: int
    warnings: Sequence[str]
    deadline_at: datetime | None = None
    rush: bool = False
    """What does not keep the deadline goes to the live lane: that cost is approved."""
    reused: int = 0
    """Of the items: copied of pictures approved in earlier jobs, as somebody chose."""
    reuse_saves: Mapping[Lane, Decimal] = field(default_factory=dict)
    """What making those would cost at most, in USD; nothing where a price is not known."""

    @property
    def compares(self) -> bool:
        """Whether several models make the pictures, so that each must be told with its picture."""
        return len(self.models) > 1

    @property
    def to_generate(self) -> int:
        return self.items - self.duplicates - self.reused

    @property
    def quote(self) -> LaneQuote:
        """Of the lane chosen."""
        return self.quotes[self.lane]

    @property
    def rushed(self) -> LaneQuote | None:
        """What it costs at most if all of it has to be rushed; None where nothing will be."""
        approved = self.rush and self.deadline_at is not None and self.lane is Lane.BATCH
        return self.quotes.get(Lane.LIVE) if approved else None


PLAN = TypeAdapter(Plan)


def of_plan(plan: Plan) -> dict[str, Any]:
    """A job's columns that say what its plan says."""
    quote = plan.quote
    return {
        "lane": plan.lane.value,
        "quoted_low": None if quote.unpriced else quote.low,
        "quoted_high": None if quote.unpriced else quote.high,
        "expected_seconds": quote.seconds,
        "window_seconds": plan.window_seconds,
        "plan": PLAN.dump_python(plan, mode="json"),
    }


class Chunk:
    """How much still fits into one submission of a model: items, bytes and tokens in, expected bytes out."""

    def __init__(self, card: ModelCard, lane: Lane, policy: Policy, most: int | None = None) -> None:
        """`most`: fewer items than the vendor allows, as the operator may want as well."""
        limits = card.limits
        items = limits.items_per_submission if lane is Lane.BATCH else pictures_a_call(card)
        self._items = min(n for n in (items, policy.chunk_items, most) if n is not None)
        self._bytes_in = limits.bytes_per_submission
        self._bytes_out = limits.output_bytes_per_submission
        self._tokens = limits.enqueued_tokens if lane is Lane.BATCH else None
        self.items = self.bytes_in = self.bytes_out = self.tokens = 0

    def add(self, bytes_in: int, bytes_out: int, tokens: int = 0) -> bool:
        """Count one more item in; False, and nothing counted, if it does not fit any more."""
        if self.items and (
            self.full
            or _past(self._bytes_in, self.bytes_in + bytes_in)
            or _past(self._bytes_out, self.bytes_out + bytes_out)
            or _past(self._tokens, self.tokens + tokens)
        ):
            return False
        self.items += 1
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.tokens += tokens
        return True

    @property
    def full(self) -> bool:
        return self.items >= self._items


def _past(limit: int | None, amount: int) -> bool:
    return limit is not None and amount > limit


def call_of(item: Item, card: ModelCard) -> tuple[object, ...]:
    """What items must have in common, beside model and lane, to be asked for in one live call: the whole
    request, for the same row. Nothing where they travel as a batch, or each in a call of its own.
    """
    if item.lane != Lane.LIVE or pictures_a_call(card) == 1:
        return ()
    references = tuple(item.references or ())
    return (item.row, item.prompt, item.made_size, item.quality, item.background, references)


def choose(cards: Cards, provider: str | None, model: str | None, today: date) -> ModelCard:
    """The model meant. Raises PlanError naming what is there, or the successor of a retired model."""
    if provider is not None and provider not in cards:
        known = ", ".join(cards) or "none"
        raise PlanError(f"There is no provider “{provider}” here; set up are: {known}. {OTHERS}")
    offered = cards[provider] if provider else {}
    if model is None:
        pool = offered or next(iter(cards.values()), {})
        card = next((card for card in pool.values() if not card.retired(today)), None)
        if card is None:
            raise PlanError("No provider that works is set up; set a key (see `imgbatch doctor`)")
        return card
    found = [models[model] for models in ([offered] if provider else cards.values()) if model in models]
    if not found:
        raise PlanError(_no_such_model(offered or None, cards, provider, model, today))
    card = found[0]
    if card.retired(today):
        raise PlanError(_retired(card))
    return card


def _no_such_model(
    offered: Mapping[str, ModelCard] | None, cards: Cards, provider: str | None, model: str, today: date
) -> str:
    """Why there is no such model here: it is another provider's, it is gone, or it was written wrongly."""
    known = next((models[model] for models in load().values() if model in models), None)
    if known is not None and known.retired(today):
        return _retired(known)
    if known is not None and known.provider not in cards:
        return f"{model} is a model of {known.provider}, which is not set up here; {OTHERS}"
    names = [name for models in ([offered] if offered else cards.values()) for name in models]
    close = difflib.get_close_matches(model, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(names[:8])}. {OTHERS}"
    return f"There is no model “{model}”{f' at {provider}' if provider else ''}; {hint}"


def _retired(card: ModelCard) -> str:
    instead = f"; use {card.successor} instead" if card.successor else ""
    return f"{card.id} was shut down on {card.shutdown}{instead}"


def usual_seconds(lane: Lane, cards: Sequence[ModelCard], models: Mapping[str, int]) -> int:
    """The slowest model's. Batch: its usual batch. Live: calls x seconds a call / calls at once. A model
    without that lane goes by the other.
    """

    def seconds(card: ModelCard) -> float:
        if card.lane_for(lane) is Lane.BATCH:
            return card.typical_batch.total_seconds()
        calls = models.get(f"{card.provider}/{card.id}", 1)
        return -(-calls // card.limits.concurrency) * card.typical_call.total_seconds()

    return int(max(seconds(card) for card in cards))


def window_of(lane: Lane, cards: Sequence[ModelCard], quote: LaneQuote) -> int:
    """Seconds after which a job is late: the longest window its vendors promise; live, four times what it
    usually takes.
    """
    if lane is Lane.LIVE:
        return max(LIVE_WINDOW_SECONDS, 4 * quote.seconds)
    return int(max((card.window for card in cards), default=timedelta(0)).total_seconds())


def _or(ways: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f"{', '.join(ways[:-1])} or {ways[-1]}" if len(ways) > 1 else ways[0]


def keep_budget(plan: Plan, spec: JobSpec, policy: Policy) -> None:
    """Raises BudgetError if the job may come to more than its budget or the operator's, rushed or not."""
    caps = [cap for cap in (spec.budget_usd, policy.budget_usd) if cap is not None]
    if not caps:
        return
    cap, quote = min(caps), plan.rushed or plan.quote
    if quote.unpriced:
        raise BudgetError(
            f"The price of {quote.unpriced} of {plan.to_generate} pictures is unknown, so the budget of "
            f"{money(cap)} cannot be kept; choose a model with a listed price or lift the budget"
        )
    if quote.high > cap:
        cheaper = plan.quotes.get(Lane.BATCH) if plan.lane is Lane.LIVE or plan.rushed else None
        ways = ["a lower quality or a cheaper model", "fewer rows"]
        ways += ["a higher budget"] if policy.budget_usd is None or cap < policy.budget_usd else []
        if cheaper and cheaper.high <= cap:
            ways = ["the batch lane"]
        raise BudgetError(
            f"{count(plan.to_generate, 'picture')} may cost {money(quote.high)}, "
            f"{money(quote.high - cap)} over the budget of {money(cap)}; {_or(ways)} would keep within it"
        )
