"""The card of a job that is planned: what it will make, what that costs in each lane, the ways to start."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from bot.pipeline.plan import LaneQuote, Plan
from bot.pipeline.reuse import Offer as Reusable
from bot.slack import blocks as b
from bot.slack import cards
from bot.slack import words as w
from bot.slack.approval import Ask, sample_cost
from bot.slack.blocks import Block, Message
from bot.slack.cards import Rush
from bot.watch.words import count, duration, money
from providers.base import Lane
from storage.records import Item, Job, Row

SHOWN_BAD_ROWS = 10
SHOWN_WARNINGS = 5
PROMPT_CHARACTERS = 400

SOON = timedelta(hours=1)
"""What is done sooner is said as a time from now, what is later as a time of day."""

FRESH = timedelta(days=1)
"""So long after it was made the card is brought up to date as time goes by; then it says no times of day."""

LANES = (Lane.LIVE, Lane.BATCH)
"""In the order of the buttons: now, later."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the card shows beside the plan itself."""

    bad: Sequence[Row] = ()
    first: Item | None = None
    """Its prompt is shown."""
    begins_at: datetime | None = None
    """When a batch would be sent if it were started now; None: at once."""
    zone: tzinfo | None = None
    """Of the person who asked for the job."""
    sample: int = 0
    """Pictures to make first; 0: the job is too small for a sample."""
    sample_proposed: bool = False
    """The sample is what a careful person would press."""
    to_agree: Collection[Lane] = ()
    """Lanes whose price a second person must agree to."""
    ask: Ask | None = None
    """Somebody has asked for that."""
    rush: Rush | None = None
    """The job has a deadline, and a lane in which it could be hurried."""
    reuse: Reusable | None = None
    """Pictures approved before that would do, and are not reused unless somebody says so."""


def plan_card(job: Job, plan: Plan, offer: Offer, now: datetime) -> Message:
    """What the job will do and cost, before a cent is spent, with a button for each way to start."""
    body: list[Block] = [
        b.header(f"Plan: {job.title}"),
        b.section(_scope(plan)),
        b.fields([_lane(job, plan, lane, offer, now) for lane in LANES if lane in plan.quotes]),
        b.small(_choices(plan)),
    ]
    if offer.first is not None:
        body.append(b.words(f"First prompt: {b.cut(offer.first.prompt, PROMPT_CHARACTERS)}"))
    if offer.bad:
        body.append(b.words(bad_rows(offer.bad, plan.bad_rows)))
    body += [b.small(f"Note: {warning}") for warning in plan.warnings[:SHOWN_WARNINGS]]
    if plan.reused or offer.reuse is not None:
        body.append(b.section(_reuse(plan, offer.reuse)))
    if offer.rush is not None:
        body.append(b.section(cards.rush_line(offer.rush, now)))
    if offer.ask is not None:
        body.append(
            b.section(
                f":moneybag: {b.person(offer.ask.person)} has asked for somebody's approval of "
                f"{offer.ask.price}, see the thread."
            )
        )
    body.append(b.actions(f"plan-{job.id}", *_buttons(job, plan, offer, now)))
    body.append(b.context(cards.who(job)))
    text = (
        f"Plan for {b.escaped(job.title, 150)}: {count(plan.items, 'picture')}, "
        f"{w.price(plan.quote)} in the {plan.lane.value} lane. Nothing is spent until somebody starts it."
    )
    return b.message(text, body)


def _scope(plan: Plan) -> str:
    line = f"*{count(plan.items, 'picture')}* from {count(plan.rows - plan.bad_rows, 'row')}"
    if plan.duplicates:
        copied = count(plan.duplicates, "of them a duplicate", "of them duplicates")
        line += f", {copied}: copied, not paid again{_saved(plan)}"
    line += "."
    if plan.bad_rows:
        line += f" {count(plan.bad_rows, 'row')} cannot be used and will be left out."
    return line


def _reuse(plan: Plan, offered: Reusable | None) -> str:
    """What was approved before: what using it again saves, or what it has saved."""
    if offered is None:
        saved = _by_lane(plan, plan.reuse_saves)
        return f":recycle: *{count(plan.reused, 'picture')} approved before will be reused*{saved}."
    number = f"{count(offered.number, 'of these was', 'of these were')} approved before"
    return f":recycle: *{number}.* They are made anew unless you reuse them{_by_lane(plan, offered.saves)}."


def _by_lane(plan: Plan, saves: Mapping[Lane, Decimal]) -> str:
    """“, which saves $1.52”, or both amounts where the lanes' prices differ."""
    if not saves:
        return ", which saves a price that is not known"
    amounts = {lane: money(saves[lane]) for lane in LANES if lane in saves and lane in plan.quotes}
    if len(set(amounts.values())) < 2:
        return f", which saves {next(iter(amounts.values()))}"
    return f", which saves {amounts[Lane.LIVE]} now or {amounts[Lane.BATCH]} later"


def _saved(plan: Plan) -> str:
    """What the duplicates would have cost: duplicates x the highest quote / pictures to generate."""
    if plan.quote.unpriced or not plan.to_generate or not plan.quote.high:
        return ""
    return f" ({money(plan.quote.high / plan.to_generate * plan.duplicates)} saved)"


# --- the lanes -----------------------------------------------------------------------------------------


def _lane(job: Job, plan: Plan, lane: Lane, offer: Offer, now: datetime) -> str:
    """One lane in the text: Slack shows each reader the times in their own zone."""
    quote = plan.quotes[lane]
    name = "Now" if lane is Lane.LIVE else "Later, cheaper" if Lane.LIVE in plan.quotes else "Later"
    chosen = " (as asked for)" if lane is plan.lane and len(plan.quotes) > 1 else ""
    lines = [f"*{name}*{chosen}", w.price(quote) + _saves(plan, lane)]
    time = timedelta(seconds=max(1, quote.seconds))
    if lane is Lane.LIVE or not _tells_time(job, now):
        lines.append(f"usually {w.about(time)}")
    else:
        lines.append(f"usually done by {w.when(w.next_half_hour(_done(offer, quote, now)), now)}")
    if lane is plan.lane:
        lines.append(f"at most {duration(timedelta(seconds=plan.window_seconds))}")
    return "\n".join(lines)


def _saves(plan: Plan, lane: Lane) -> str:
    if lane is not Lane.BATCH or Lane.LIVE not in plan.quotes:
        return ""
    saving = w.saving(plan.quotes[Lane.BATCH], plan.quotes[Lane.LIVE])
    return f", saves {saving}%" if saving else ""


def _tells_time(job: Job, now: datetime) -> bool:
    return now - job.created_at < FRESH


def _done(offer: Offer, quote: LaneQuote, now: datetime) -> datetime:
    return max(offer.begins_at or now, now) + timedelta(seconds=max(1, quote.seconds))


def label(job: Job, plan: Plan, lane: Lane, offer: Offer, now: datetime) -> str:
    """“Now, $41–46, about 25 min” or “By 08:00, $20–23, saves 50%”."""
    quote = plan.quotes[lane]
    time = timedelta(seconds=max(1, quote.seconds))
    done = _done(offer, quote, now)
    price = w.short_price(quote)
    if lane is Lane.LIVE:
        return f"Now, {price}, {w.about(time)}"
    said = w.by_when(done, now, offer.zone) if done - now >= SOON and _tells_time(job, now) else w.about(time)
    return f"{said[0].upper()}{said[1:]}, {price}{_saves(plan, lane)}"


def _choices(plan: Plan) -> str:
    models = ", ".join(f"{number:,} with {name}" for name, number in list(plan.models.items())[:6])
    sizes = ", ".join(f"{name} ({number:,})" for name, number in list(plan.made_sizes.items())[:6])
    said = f"To make: {models}. Size: {sizes}."
    several = plan.lane is Lane.BATCH and plan.submissions > 1
    return f"{said} Sent in {plan.submissions:,} submissions." if several else said


def bad_rows(bad: Sequence[Row], total: int) -> str:
    """The first bad rows by line, and how many more there are."""
    lines = [f"line {row.line}: {b.cut(row.problem or '', 200)}" for row in bad[:SHOWN_BAD_ROWS]]
    if total > len(lines):
        lines.append(f"… and {total - len(lines):,} more")
    one = "Correct it in the sheet and hand that in again, or start without it."
    advice = one if total == 1 else "Correct them in the sheet and hand it in again, or start without them."
    return "\n".join([f"{count(total, 'row')} cannot be used:", *lines, advice])


# --- the buttons ---------------------------------------------------------------------------------------


def _buttons(job: Job, plan: Plan, offer: Offer, now: datetime) -> list[Block]:
    """Now, later, a sample first, cancel; with a large job the sample comes first."""
    made = [_start(job, plan, lane, offer, now) for lane in LANES if lane in plan.quotes]
    if offer.sample:
        made.insert(0 if offer.sample_proposed else len(made), _sample(job, plan, offer))
    if plan.reused:
        made.append(b.button("Make all anew", cards.ANEW, cards.carried(job)))
    elif offer.reuse is not None:
        made.append(_take_up(job, plan, offer.reuse))
    if offer.rush is not None and not offer.rush.allowed:
        made.append(cards.rush_button(job, offer.rush))
    return [*made, cards.cancel(job)]


def _start(job: Job, plan: Plan, lane: Lane, offer: Offer, now: datetime) -> Block:
    quote, question = plan.quotes[lane], None
    text = label(job, plan, lane, offer, now)
    if lane in offer.to_agree:
        text = f"Ask for approval: {text[0].lower()}{text[1:]}"
    elif quote.unpriced:
        question = b.confirm(
            "The price is not known",
            f"The price of {count(quote.unpriced, 'picture')} is not published. Start all the same?",
            "Start",
            "Not now",
        )
    own = lane is plan.lane
    style = "primary" if own and not offer.sample_proposed else None
    action = cards.START if own else cards.START_OTHER
    return b.button(text, action, cards.carried(job, lane.value), style=style, confirm=question)


def _take_up(job: Job, plan: Plan, offered: Reusable) -> Block:
    usd = offered.saves.get(plan.lane)
    saving = f", saves {money(usd)}" if usd else ""
    return b.button(f"Reuse {offered.number:,} approved{saving}", cards.REUSE, cards.carried(job))


def _sample(job: Job, plan: Plan, offer: Offer) -> Block:
    usd = sample_cost(plan, offer.sample)
    price = "price unknown" if usd is None else f"~{money(usd)}"
    text = f"Sample first ({count(offer.sample, 'picture')}, {price})"
    style = "primary" if offer.sample_proposed else None
    return b.button(text, cards.SAMPLE, cards.carried(job, str(offer.sample)), style=style)
