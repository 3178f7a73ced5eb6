"""What happened in a channel over a day or a week, as a person would write it. Plain sentences, no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.watch.compare import dearer, points
from bot.watch.costs import Spent, spent_line
from bot.watch.measures import Measure
from bot.watch.words import count, listed, money, percent


@dataclass(frozen=True, slots=True)
class Batch:
    """One that came to its end."""

    job: str
    title: str
    stored: int
    wanted: int
    usd: Decimal | None
    """None: not known."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A channel's day or week in numbers."""

    ended: Sequence[Batch] = ()
    measure: Measure = field(default_factory=Measure)
    """Of the batches that ended."""
    spent: Spent = field(default_factory=Spent)
    before: Measure = field(default_factory=Measure)
    """The time before, as long."""
    spent_before: Spent = field(default_factory=Spent)
    approved: int = 0
    """Pictures people decided about in that time."""
    rejected: int = 0
    to_review: int = 0
    """Of the batches that ended."""
    running: int = 0
    waiting: int = 0
    """Batches that wait for a person: planned, paused, or with a sample."""
    alerts: int = 0
    begun: int = 0
    """Batches that were made or started in that time."""

    @property
    def anything(self) -> bool:
        """Whether there is something to tell; what only goes on waiting is nothing."""
        return bool(self.ended or self.begun or self.spent.jobs or self.approved or self.rejected)


def digest_lines(found: Happened, before: str) -> list[str]:
    """One sentence each. `before` names the time before: “the week before”."""
    lines = [_ended(found), _spent(found), _compared(found, before), _reviewed(found), _open(found)]
    if found.alerts:
        lines.append(f"{count(found.alerts, 'alert')} {'was' if found.alerts == 1 else 'were'} raised.")
    return [line for line in lines if line]


def batch_line(batch: Batch) -> str:
    """“480 of 500 pictures, $19.20”."""
    return f"{batch.stored:,} of {count(batch.wanted, 'picture')}, {_cost(batch.usd)}"


def _cost(usd: Decimal | None) -> str:
    return "cost unknown" if usd is None else money(usd)


def _ended(found: Happened) -> str:
    if not found.ended:
        return "No batch came to its end."
    batches = count(len(found.ended), "batch", "batches")
    rate = found.measure.success_rate
    if rate is None:
        return f"{batches} came to an end."
    all_of_it = found.measure.stored == found.measure.settled
    came = f"{found.measure.stored:,} of {count(found.measure.settled, 'picture')} came out ({percent(rate)})"
    came = f"all {count(found.measure.settled, 'picture')} came out" if all_of_it else came
    return f"{batches} came to an end: {came}."


def _spent(found: Happened) -> str:
    return f"Spent: {spent_line(found.spent)}" if found.spent.jobs else ""


def _compared(found: Happened, before: str) -> str:
    """“12% cheaper per picture and 2 points more came out than the week before.”"""
    sure = not (found.spent.unpriced or found.spent_before.unpriced)
    price = dearer(found.spent.each, found.spent_before.each) if sure else ""
    rate = points(found.measure.success_rate, found.before.success_rate)
    said = []
    if price and price != SAME:
        said.append(f"{price} per picture")
    if rate and rate != AS_MANY:
        said.append(f"{rate} came out")
    return f"{listed(said).capitalize()} than {before}." if said else ""


SAME, AS_MANY = dearer(Decimal(1), Decimal(1)), points(1.0, 1.0)
"""What is no news."""


def _reviewed(found: Happened) -> str:
    said = []
    if found.approved or found.rejected:
        said.append(f"{count(found.approved, 'picture')} approved, {found.rejected:,} rejected")
    if found.to_review:
        said.append(f"{found.to_review:,} still to review")
    return f"Reviews: {', '.join(said)}." if said else ""


def _open(found: Happened) -> str:
    said = []
    if found.running:
        said.append(f"{count(found.running, 'batch', 'batches')} under way")
    if found.waiting:
        said.append(f"{found.waiting:,} waiting for a word from you")
    return f"Now: {', '.join(said)}." if said else ""
