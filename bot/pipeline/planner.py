"""From wishes to items, and what they will cost: computed, shown, and only then applied. Pure.

Fingerprint: SHA-256 over provider, model, prompt, generated size, quality, background, references, and
which repeat of the same request within its row it is. Two items of one fingerprint are one picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bot.intake.deadline import deadline_at
from bot.intake.spec import JobSpec, Wish
from bot.pipeline import prompts, routing
from bot.pipeline.making import Making
from bot.pipeline.plan import OTHERS, LaneQuote, Plan, PlanError, choose, keep_budget, window_of
from bot.pipeline.pricing import Asked, with_reading
from bot.policy import Policy
from bot.watch.words import count, money
from providers.base import Lane, Size
from providers.catalogue import Cards, ModelCard
from storage.records import Item
from storage.states import ItemState


@dataclass(slots=True)
class _Totals:
    """Running sums of a plan."""

    items: int = 0
    duplicates: int = 0
    warnings: dict[str, None] = field(default_factory=dict)
    """Sentences, each once, in order."""


class Planner:
    """Turns the wishes of one sheet into items, row by row, in memory that grows with distinct pictures
    only (16 bytes of fingerprint each).
    """

    def __init__(
        self,
        job_id: str,
        spec: JobSpec,
        cards: Cards,
        policy: Policy,
        now: datetime,
        behind: Mapping[str, routing.Behind] = MappingProxyType({}),
    ) -> None:
        """Raises PlanError if the job as a whole names a provider, model or lane that cannot be used.

        `behind`: providers that do poorly or are paused at present; a route comes to them last.
        """
        self._job_id = job_id
        self._spec = spec
        self._cards = cards
        self._policy = policy
        self._now = now
        self._today: date = now.date()
        self._first: dict[bytes, int] = {}
        self._totals = _Totals()
        self._making = Making(cards, policy, spec.chunk)
        self._chosen: dict[tuple[str | None, str | None], ModelCard] = {}
        self._lists: dict[tuple[str | None, str | None], list[ModelCard]] = {}
        self._deadline = self._wanted_by()
        self._behind = behind
        self.default = self._first_of_route() if spec.route else self._compared(spec.provider, spec.model)[0]
        most = self.default.limits.items_per_submission
        if spec.chunk and spec.chunk > most and self.default.lane_for(spec.lane) is Lane.BATCH:
            raise PlanError(
                f"{self.default.id} takes at most {count(most, 'picture')} a submission; write chunk={most} "
                "or less, or leave it out"
            )

    def add(self, wishes: Sequence[Wish]) -> list[Item]:
        """The row's items, numbered on. Raises PlanError with the row's problem; nothing is counted then."""
        seen: dict[str, int] = {}
        drafts = [self._draft(wish, card, seen) for wish in wishes for card in self._cards_for(wish)]
        return [self._count(draft, card, size) for draft, card, size in drafts]

    def _cards_for(self, wish: Wish) -> Sequence[ModelCard]:
        spec = self._spec
        if spec.route and wish.provider is None and wish.model in (None, spec.model):
            return [self._routed(wish)]
        provider = wish.provider or (None if wish.model else spec.provider)
        return self._compared(provider, wish.model or spec.model)

    def _first_of_route(self) -> ModelCard:
        """The model a picture without wishes of its own is made by."""
        spec = self._spec
        names = routing.meant(spec.route, self._cards)
        for name in names:
            if name not in self._cards:
                known = ", ".join(self._cards) or "none"
                raise PlanError(f"There is no provider “{name}” here; set up are: {known}. {OTHERS}")
        if spec.model and not any(spec.model in self._cards[name] for name in names):
            raise PlanError(
                f"None of {', '.join(names)} has a model “{spec.model}”; leave it out, or name one model"
            )
        return self._by_route(self._plain).card

    @property
    def _plain(self) -> routing.Need:
        """What a picture without wishes of its own needs."""
        spec = self._spec
        wanted = (models.get(spec.model or "") for models in self._cards.values())
        references = int(any(card is not None and card.edits_only for card in wanted))
        return routing.Need(
            "any", spec.lane, spec.size, references, spec.background, spec.quality, spec.model
        )

    def _by_route(self, need: routing.Need) -> routing.Choice:
        """Raises PlanError with what each provider of the route says against it."""
        route, cards, today = self._spec.route, self._cards, self._today
        choice = routing.choose(route, cards, need, today, behind=self._behind)
        if choice is None:
            raise PlanError("; ".join(routing.objections(route, cards, need, today)))
        return choice

    def _routed(self, wish: Wish) -> ModelCard:
        spec = self._spec
        need = routing.Need(
            prompt=wish.prompt,
            lane=spec.lane,
            size=wish.size or spec.size,
            references=len(wish.references),
            background=wish.background or spec.background,
            quality=wish.quality or spec.quality,
            model=spec.model,
        )
        choice = self._by_route(need)
        if choice.quality != need.quality and need.quality is not None:
            own = f"its own, {choice.quality}, is used" if choice.quality else "it is left out"
            self._totals.warnings.setdefault(
                f"{choice.card.id} has no quality “{need.quality}”: {own}.", None
            )
        return choice.card

    def _compared(self, provider: str | None, model: str | None) -> Sequence[ModelCard]:
        """One card for each model of a comma list: the same wish on several models is a comparison."""
        key = (provider, model)
        if key not in self._lists:
            names = [name.strip() for name in model.split(",") if name.strip()] if model else [None]
            self._lists[key] = list(
                {id(card): card for card in (self._choose(provider, n) for n in names)}.values()
            )
        return self._lists[key]

    def _draft(
        self, wish: Wish, card: ModelCard, seen: dict[str, int]
    ) -> tuple[dict[str, Any], ModelCard, Size]:
        """The item's values but for its number: a row with one bad wish counts nothing at all."""
        spec = self._spec
        lane = card.lane_for(spec.lane)
        problem = prompts.lint(wish.prompt, card)
        if problem:
            raise PlanError(problem)
        wanted = wish.size or spec.size
        made = card.fit(wanted) if wanted else card.default_size
        if made is None:
            raise PlanError(f"{card.id} cannot make a picture of the shape {wanted}; use a less extreme size")
        self._note_size(card, wanted, made)
        quality = wish.quality or spec.quality or card.default_quality
        if spec.route:
            quality = routing.known_quality(card, quality)
        if quality and card.qualities and quality not in card.qualities:
            raise PlanError(f"{card.id} has no quality “{quality}”; use {', '.join(card.qualities)}")
        background = wish.background or spec.background
        if background == "transparent" and not card.transparency:
            raise PlanError(f"{card.id} cannot make transparent backgrounds")
        problem = routing.wrong_references(card, len(wish.references))
        if problem:
            raise PlanError(problem)
        same = [card.provider, card.id, wish.prompt, str(made), quality, background, list(wish.references)]
        text = json.dumps(same, ensure_ascii=False, separators=(",", ":"))
        repeat = seen[text] = seen.get(text, -1) + 1
        picture = self._making.price(card, lane, made, quality)
        price = with_reading(card, lane, picture, Asked.of(wish.prompt, len(wish.references)))
        draft = {
            "job_id": self._job_id,
            "row": wish.row,
            "variant": wish.variant,
            "key": wish.key,
            "prompt": wish.prompt,
            "alt_text": wish.alt_text,
            "provider": card.provider,
            "model": card.id,
            "lane": lane.value,
            "size": str(wanted) if wanted else None,
            "made_size": str(made),
            "quality": quality,
            "background": background,
            "references": list(wish.references) or None,
            "fingerprint": hashlib.sha256(f"{repeat}{text}".encode()).hexdigest()[:32],
            "quoted_low": price.low if price else None,
            "quoted_high": price.high if price else None,
            "state": ItemState.PLANNED,
            "moved_at": self._now,
        }
        return draft, card, made

    def _count(self, draft: dict[str, Any], card: ModelCard, made: Size) -> Item:
        totals = self._totals
        totals.items += 1
        original = self._first.setdefault(bytes.fromhex(draft["fingerprint"]), totals.items)
        if original != totals.items:
            totals.duplicates += 1
            free = {"quoted_low": Decimal(0), "quoted_high": Decimal(0)}
            return Item(number=totals.items, duplicate_of=original, **{**draft, **free})
        item = Item(number=totals.items, **draft)
        self._making.add(item, card, made)
        return item

    def _note_size(self, card: ModelCard, wanted: Size | None, made: Size) -> None:
        if wanted is None or made == wanted:
            return
        if made.covers(wanted):
            note = f"{wanted} is delivered from {made}, the smallest {card.id} makes for it."
        else:
            note = f"{card.id} makes {made} at most for {wanted}: those pictures are enlarged."
        self._totals.warnings.setdefault(note, None)

    def _choose(self, provider: str | None, model: str | None) -> ModelCard:
        key = (provider, model)
        if key not in self._chosen:
            self._chosen[key] = choose(self._cards, provider or self._fallback(model), model, self._today)
        return self._chosen[key]

    def _fallback(self, model: str | None) -> str | None:
        return self._policy.default_provider if model is None else None

    def plan(self, rows: int, bad_rows: int, warnings: Sequence[str] = ()) -> Plan:
        """The whole plan. Raises BudgetError when its highest price passes the budget; not where pictures are
        to be reused, which makes it cheaper yet (`bot.pipeline.reuse`).
        """
        totals, making = self._totals, self._making
        cards = making.cards() or [self.default]
        lanes = [lane for lane in Lane if any(lane in card.lanes for card in cards)]
        quotes = making.quotes(lanes, self.default)
        asked = self._spec.lane
        chosen = asked if asked in quotes else next(iter(quotes))
        plan = Plan(
            rows=rows,
            bad_rows=bad_rows,
            items=totals.items,
            duplicates=totals.duplicates,
            lane=chosen,
            quotes=quotes,
            submissions=making.submissions,
            models=making.models(),
            made_sizes=making.made_sizes(),
            window_seconds=window_of(chosen, cards, quotes[chosen]),
            warnings=[
                *warnings,
                *totals.warnings,
                *self._retiring(cards),
                *_other_lane(asked, cards),
                *self._conditions(),
                *self._hurry(chosen, quotes),
            ],
            deadline_at=self._deadline,
            rush=self._spec.rush,
        )
        if self._spec.reuse is None:
            keep_budget(plan, self._spec, self._policy)
        return plan

    def _wanted_by(self) -> datetime | None:
        if self._spec.deadline is None:
            return None
        try:
            wanted = deadline_at(self._spec.deadline, self._now, self._spec.zone)
        except ValueError as problem:
            raise PlanError(str(problem)) from None
        if wanted <= self._now:
            raise PlanError(f"The deadline, {wanted:%a %d %b %H:%M} UTC, has passed; write a later one")
        return wanted

    def _conditions(self) -> list[str]:
        spec, policy = self._spec, self._policy
        said = []
        if spec.route:
            said += routing.explained(spec.route, self._cards, self._plain, self._today, self._behind)
        if len(names := routing.meant(spec.route, self._cards)) > 1 and spec.route:
            said.append(
                f"If {self.default.provider} stops working, what is not yet sent goes on to the next of "
                f"{', '.join(names)}: the cost may differ from this quote."
            )
        if spec.off_peak:
            begins, ends = f"{policy.off_peak_from:%H:%M}", f"{policy.off_peak_until:%H:%M}"
            said.append(f"Nothing is sent before the off-peak hours, {begins} to {ends} UTC.")
        return said

    def _hurry(self, lane: Lane, quotes: Mapping[Lane, LaneQuote]) -> list[str]:
        """What becomes of a job that does not keep its deadline."""
        live = quotes.get(Lane.LIVE)
        if self._deadline is None or live is None or lane is Lane.LIVE:
            return []
        cost = "an unknown price" if live.unpriced else f"at most {money(live.high)}"
        what = f"what the batch lane does not make by {self._deadline:%a %d %b %H:%M} UTC"
        if self._spec.rush:
            return [f"In time, {what} goes to the live lane: then it costs {cost}."]
        return [f"You are told before {what} is late; rush=yes approves the live lane for it, at {cost}."]

    def _retiring(self, cards: Sequence[ModelCard]) -> list[str]:
        return [
            f"{card.id} will be shut down on {card.shutdown}"
            + (f"; {card.successor} follows it." if card.successor else ".")
            for card in cards
            if card.retiring(self._today)
        ]


def _other_lane(asked: Lane, cards: Sequence[ModelCard]) -> list[str]:
    return [
        f"{card.id} has no {asked} lane: its pictures go {card.lane_for(asked)}."
        for card in cards
        if asked not in card.lanes
    ]
