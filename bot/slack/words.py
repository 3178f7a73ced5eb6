"""Prices, times and choices of a job as short phrases of our own, free to stand in mrkdwn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from math import ceil, floor

from bot.pipeline.plan import LaneQuote
from bot.watch.words import count, duration, money, money_range, unit_price
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Job
from storage.states import ItemState, JobState

LANES: Mapping[Lane, str] = {
    Lane.BATCH: "cheaper, done within hours",
    Lane.LIVE: "full price, made now",
}
"""What a lane means to the person who chooses."""

MISSED = (ItemState.REFUSED, ItemState.FAILED, ItemState.EXPIRED, ItemState.IN_DOUBT)
"""Ended without a picture, and not because somebody cancelled."""


def price(quote: LaneQuote) -> str:
    """“$1.27”, “$1.20 to $1.50”, “price unknown”, or both where only some are known."""
    known = money_range(quote.low, quote.high)
    if not quote.unpriced:
        return known
    if not quote.high:
        return "price unknown"
    return f"at least {money(quote.low)}, price unknown for {count(quote.unpriced, 'picture')}"


def spread(low: Decimal, high: Decimal) -> str:
    """A price for a button: “$41–46”, “$0.32–0.40”, “$42.13”; the highest alone where they hardly differ."""
    if high - low <= high * HARDLY:
        return money(high)
    if high >= WHOLE_DOLLARS_FROM:
        least, most = floor(low), ceil(high)
        return f"${least:,}–{most:,}" if least < most else f"${most:,}"
    least_text, most_text = money(low), money(high)
    return f"{least_text}–{most_text.removeprefix('$')}" if least_text != most_text else most_text


HARDLY = Decimal("0.02")
"""A range within this share of its highest price is one price to the reader."""

WHOLE_DOLLARS_FROM = Decimal(10)
"""Of a range this high nobody counts the cents."""


def short_price(quote: LaneQuote) -> str:
    """The quote for a button."""
    if not quote.unpriced:
        return spread(quote.low, quote.high)
    return f"at least {money(quote.low)}" if quote.high else "price unknown"


def saving(cheap: LaneQuote, dear: LaneQuote) -> int:
    """How many per cent the cheaper lane saves, at the highest prices; 0 where a price is not known."""
    if cheap.unpriced or dear.unpriced or not dear.high:
        return 0
    return max(0, floor(100 * (1 - cheap.high / dear.high)))


def about(time: timedelta) -> str:
    """“about 25 min”: rounded up, so that it is not said to the second."""
    seconds = max(60, ceil(time.total_seconds()))
    step = 60 if seconds < 600 else 300 if seconds < 5400 else 1800
    return f"about {duration(timedelta(seconds=ceil(seconds / step) * step))}"


HALF_HOUR = 1800


def next_half_hour(at: datetime) -> datetime:
    return datetime.fromtimestamp(ceil(at.timestamp() / HALF_HOUR) * HALF_HOUR, at.tzinfo)


def by_when(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """“by 08:00”, to the next half hour, for text that Slack does not turn into each reader's own time.

    `zone`: that of the person it is for; None: not known, and UTC is named.
    """
    local = next_half_hour(at).astimezone(zone or now.tzinfo)
    day = "" if local.date() == now.astimezone(local.tzinfo).date() else f"{local:%a} "
    return f"by {day}{local:%H:%M}{'' if zone else ' UTC'}"


def each(card: ModelCard) -> str:
    """What one picture of default size costs in each lane."""
    said = []
    for lane in (Lane.BATCH, Lane.LIVE):
        if lane in card.lanes:
            found = card.price(lane, card.default_size, None)
            name = "later" if lane is Lane.BATCH else "now"
            said.append(f"{_range(found.low, found.high)} {name}" if found else "")
    known = [text for text in said if text]
    return ", ".join(known) if known else "price unknown"


def _range(low: Decimal, high: Decimal) -> str:
    return unit_price(low) if low == high else f"{unit_price(low)}–{unit_price(high)}"


def when(at: datetime, now: datetime) -> str:
    """A time each reader sees in their own zone; for mrkdwn."""
    form = "{time}" if abs(at - now) < timedelta(hours=12) else "{date_short_pretty} {time}"
    return f"<!date^{int(at.timestamp())}^{form}|{at:%d %b %H:%M} UTC>"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"


STATES: Mapping[JobState, str] = {
    JobState.DRAFT: "being read",
    JobState.PLANNED: "planned, waits for Start",
    JobState.PILOT: "making its sample",
    JobState.PILOT_REVIEW: "waits for a word on its sample",
    JobState.RUNNING: "running",
    JobState.PAUSED: "paused",
    JobState.CANCELLING: "being cancelled",
    JobState.FINISHED: "finished",
    JobState.CANCELLED: "cancelled",
}


def standing(job: Job, counts: Mapping[ItemState, int]) -> str:
    """One line about a job, without its title."""
    stored = counts.get(ItemState.STORED, 0)
    missed = sum(counts.get(state, 0) for state in MISSED)
    line = f"{STATES[job.state]}, {stored:,} of {count(job.items, 'picture')} ready"
    return f"{line}, {missed:,} not made" if missed else line
