"""Pictures approved in earlier jobs are offered for the same requests, and taken when a person says so.

Until then everything is made. What is taken is chosen before the start, so that the plan's price is what it
costs. It is looked up once more at the start, and where something has gone meanwhile the person is asked
again (docs/decisions/0014-reuse.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice

from bot.pipeline import prices
from bot.pipeline.making import Making
from bot.pipeline.plan import PLAN, Plan, PlanError, of_plan, window_of
from bot.pipeline.pricing import relaned
from bot.runtime import Context
from bot.watch.words import count
from providers.base import Lane, Size
from providers.catalogue import Cards, ModelCard
from storage.records import Item, Job
from storage.reusing import Place, Reuse
from storage.states import ItemState

AT_A_TIME = 500
"""Pictures looked at together; bounds memory."""


MANY = 2_000
"""Pictures whose files and prices are looked at one by one for the card: a fifth of a second."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What could be reused."""

    number: int
    saves: Mapping[Lane, Decimal]
    """USD at the highest list price, by lane; nothing where a price is not known."""


def place_of(ctx: Context, job_id: str) -> Place | None:
    """Where the job is told about; None: in a terminal, whose owner sees every job."""
    thread = ctx.mail.thread(job_id)
    return Place(thread.team, thread.channel) if thread else None


def offer(ctx: Context, job: Job) -> Offer:
    """What of a planned job could be reused. Of very many the files are not looked at, and what they save is
    said for the planned lane alone: `take` looks closely.
    """
    number, usd, unpriced = ctx.queries.reusable(job.id, place_of(ctx, job.id))
    if number > MANY:
        return Offer(number, {} if unpriced else {PLAN.validate_python(job.plan).lane: usd})
    found = [one.number for one in _available(ctx, job.id, place_of(ctx, job.id))]
    lanes = PLAN.validate_python(job.plan).quotes
    return Offer(len(found), _price(ctx, job.id, found, lanes))


def find(ctx: Context, items: Iterable[Item], place: Place | None) -> tuple[set[int], Offer]:
    """The same for items that are not written down, in any lane, and their numbers. Nothing is written."""
    found: set[int] = set()
    saves: dict[Lane, Decimal] | None = dict.fromkeys(Lane, Decimal(0))
    cards, originals = prices.cards(ctx), (item for item in items if item.duplicate_of is None)
    while some := list(islice(originals, AT_A_TIME)):
        before = {one.number for one in ctx.queries.approved_like(some, place) if _kept(ctx, one.master_key)}
        found |= before
        saves = _added(saves, cards, [item for item in some if item.number in before])
    return found, Offer(len(found), saves if saves and found else {})


def take(ctx: Context, job: Job, now: datetime, person: str) -> Plan:
    """Reuse what there is in a planned job; its plan then. Nothing is reused where `plan.reused` is 0.

    Raises StaleTransitionError if the job has started, PlanError if a model of it is not set up any more.
    """
    plan = PLAN.validate_python(job.plan)
    return _choose(ctx, job, plan, list(_available(ctx, job.id, place_of(ctx, job.id))), now, person)


def make_anew(ctx: Context, job: Job, now: datetime, person: str) -> Plan:
    """Reuse nothing after all. Raises as `take`."""
    return _choose(ctx, job, PLAN.validate_python(job.plan), [], now, person)


def mark(ctx: Context, job: Job, plan: Plan, place: Place | None, now: datetime) -> Plan:
    """The plan of a draft that was asked for with `reuse=approved`, and its items marked."""
    found = list(_available(ctx, job.id, place))
    if not found:
        return with_none_reused(plan)
    plan = _replanned(ctx, job, plan, {one.number for one in found})
    ctx.store.choose_reuse(job.id, found, now, job.requested_by)
    return plan


def with_none_reused(plan: Plan) -> Plan:
    """The plan with a line for who asked for it in vain."""
    said = "None of these pictures were approved here before: all are made."
    return replace(plan, warnings=[*plan.warnings, said])


def look_again(ctx: Context, job: Job, plan: Plan, now: datetime, person: str) -> None:
    """Before the start: what was chosen must still be approved and kept. Raises PlanError where it costs more
    now than the plan said; the plan is up to date then.
    """
    if not plan.reused or not _any_gone(ctx, job.id):
        return
    again = take(ctx, job, now, person)
    if again.reused < plan.reused:
        gone = count(plan.reused - again.reused, "picture")
        raise PlanError(
            f"{gone} to be reused: not kept or approved any more, so to be made and paid for; the plan says "
            "what it costs now, start it again if that is right"
        )


def _available(ctx: Context, job_id: str, place: Place | None) -> Iterator[Reuse]:
    """The newest approved picture for each item of which the file is there."""
    last = 0
    for one in ctx.queries.approved_before(job_id, place):
        if one.number != last and _kept(ctx, one.master_key):
            last = one.number
            yield one


def _kept(ctx: Context, key: str) -> bool:
    try:
        return ctx.blobs.size(key) > 0
    except FileNotFoundError:
        return False


def _any_gone(ctx: Context, job_id: str) -> bool:
    last = 0
    while page := ctx.queries.sources(job_id, last, AT_A_TIME):
        for number, source in page:
            last = number
            if source is None or source.master_key is None or not _kept(ctx, source.master_key):
                return True
    return False


def _choose(ctx: Context, job: Job, plan: Plan, found: Sequence[Reuse], now: datetime, person: str) -> Plan:
    plan = _replanned(ctx, job, plan, {one.number for one in found})
    ctx.store.choose_reuse(job.id, found, now, person, **of_plan(plan))
    return plan


# --- what it costs then ----------------------------------------------------------------------------------


def _replanned(ctx: Context, job: Job, plan: Plan, reused: Collection[int]) -> Plan:
    items = ctx.queries.items(job.id, [ItemState.PLANNED])
    saves = _price(ctx, job.id, reused, plan.quotes)
    return replanned(ctx, items, plan, job.spec.get("chunk"), reused, saves)


def replanned(
    ctx: Context,
    items: Iterable[Item],
    plan: Plan,
    chunk: int | None,
    reused: Collection[int],
    saves: Mapping[Lane, Decimal],
) -> Plan:
    """The plan of these items if some are reused. Raises PlanError where there are none."""
    cards = prices.cards(ctx)
    making = Making(cards, ctx.policy, chunk)
    default: ModelCard | None = None
    for item in items:
        card = _card(cards, item)
        default = default or card
        if item.duplicate_of is None and item.number not in reused:
            making.add(item, card, Size.parse(item.made_size))
    if default is None:
        raise PlanError("Nothing of this job is planned any more")
    quotes = making.quotes(plan.quotes, default)
    return replace(
        plan,
        quotes=quotes,
        submissions=making.submissions,
        models=making.models(),
        made_sizes=making.made_sizes(),
        window_seconds=window_of(plan.lane, making.cards() or [default], quotes[plan.lane]),
        reused=len(reused),
        reuse_saves={lane: usd for lane, usd in saves.items() if lane in plan.quotes},
    )


def _price(
    ctx: Context, job_id: str, numbers: Collection[int], lanes: Collection[Lane]
) -> Mapping[Lane, Decimal]:
    """What these items cost at most in each lane; nothing where there are none or a price is not known."""
    if not numbers:
        return {}
    saved: dict[Lane, Decimal] | None = dict.fromkeys(lanes, Decimal(0))
    cards, wanted = prices.cards(ctx), sorted(numbers)
    for start in range(0, len(wanted), AT_A_TIME):
        saved = _added(saved, cards, ctx.queries.items_by_number(job_id, wanted[start : start + AT_A_TIME]))
    return saved or {}


def _added(
    saved: dict[Lane, Decimal] | None, cards: Cards, items: Iterable[Item]
) -> dict[Lane, Decimal] | None:
    """With what these cost in each lane; None as soon as the price of one is not known."""
    if saved is None:
        return None
    for item in items:
        card = _card(cards, item)
        for lane in saved:
            price = relaned(card, item, lane).quoted_high
            if price is None:
                return None
            saved[lane] += price
    return saved


def _card(cards: Cards, item: Item) -> ModelCard:
    card = cards.get(item.provider, {}).get(item.model)
    if card is None:
        raise PlanError(f"{item.model} of {item.provider} is not set up any more; hand the sheet in again")
    return card
