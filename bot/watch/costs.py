"""What was spent in some time, by model, in words: never kinder than what is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.watch.words import count, money, unit_price


@dataclass(frozen=True, slots=True)
class Spent:
    """What was sent to one model, and what it cost."""

    jobs: int = 0
    pictures: int = 0
    """That were made then, and copies of those; of a picture made again, the one that counts."""
    approved: int = 0
    """Of those, by now."""
    unreviewed: int = 0
    """Of those; while there are any, the price of an approved one goes on falling."""
    usd: Decimal = Decimal(0)
    """As far as it is known."""
    perhaps: Decimal = Decimal(0)
    """List price of what was or may have been billed, while nobody says how much."""
    unpriced: int = 0
    """Answers of which nobody has said what they cost."""

    @property
    def known(self) -> Decimal | None:
        """`usd`; None where nothing of it is known."""
        return None if self.unpriced and not self.usd else self.usd

    @property
    def each(self) -> Decimal | None:
        """usd / pictures: what is billed without a picture makes the others dearer. None where unknown."""
        return self.usd / self.pictures if self.pictures and self.known is not None else None

    @property
    def each_approved(self) -> Decimal | None:
        """usd / approved."""
        return self.usd / self.approved if self.approved and self.known is not None else None


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was spent from `since` until `until`."""

    since: datetime
    until: datetime
    models: Sequence[tuple[str, Spent]] = ()
    """By `provider/model`, the dearest first."""
    jobs: int = 0
    dearest: Sequence[tuple[str, str, Decimal]] = field(default_factory=tuple)
    """Jobs that cost most: id, title, USD."""

    @property
    def total(self) -> Spent:
        """All models together; a job with several is one job."""
        return added((spent for _, spent in self.models), self.jobs)

    def to_json(self) -> dict[str, Any]:
        """Money as numbers, null where unknown."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            **_json(self.total),
            "models": [{"model": name, **_json(spent)} for name, spent in self.models],
            "dearest": [{"job": job, "title": title, "usd": float(usd)} for job, title, usd in self.dearest],
        }


def added(parts: Iterable[Spent], jobs: int) -> Spent:
    """Together, of so many jobs."""
    listed = list(parts)
    names = [one.name for one in fields(Spent) if one.name not in ("jobs", "usd", "perhaps")]
    counts = {name: sum(getattr(part, name) for part in listed) for name in names}
    usd, perhaps = (sum((getattr(p, name) for p in listed), Decimal(0)) for name in ("usd", "perhaps"))
    return Spent(jobs=jobs, usd=usd, perhaps=perhaps, **counts)


def spent_line(spent: Spent) -> str:
    """“$12.40 for 310 pictures in 3 jobs: $0.04 each, $0.05 for each of the 248 approved.”"""
    said = f"{_sum(spent)} for {count(spent.pictures, 'picture')} in {count(spent.jobs, 'job')}"
    prices = [f"{unit_price(spent.each)} each"] if spent.each else []
    if spent.approved:
        price = f"{unit_price(spent.each_approved)} for each of the " if spent.each_approved else ""
        prices.append(f"{price}{spent.approved:,} approved")
        if spent.unreviewed:
            prices[-1] += f" ({spent.unreviewed:,} not reviewed yet)"
    said += f": {', '.join(prices)}" if prices else ""
    return f"{said}.{unknown_line(spent)}"


def sum_line(spent: Spent) -> str:
    """“At least $12.40. What 4 answers cost is not known ($0.16 at list price).” The sum alone where all is
    known.
    """
    said, unknown = _sum(spent), unknown_line(spent)
    return f"{said[:1].upper()}{said[1:]}.{unknown}" if unknown else said


def _sum(spent: Spent) -> str:
    if spent.known is None:
        return "cost unknown"
    return f"at least {money(spent.usd)}" if spent.unpriced else money(spent.usd)


def unknown_line(spent: Spent) -> str:
    """“ What 4 answers cost is not known ($0.16 at list price).” Empty where all is known."""
    if not spent.unpriced:
        return ""
    at_list = f" ({money(spent.perhaps)} at list price)" if spent.perhaps else ""
    return f" What {count(spent.unpriced, 'answer')} cost is not known{at_list}."


def _json(spent: Spent) -> dict[str, Any]:
    prices = {"usd": spent.known, "usd_each": spent.each, "usd_each_approved": spent.each_approved}
    return {
        "jobs": spent.jobs,
        "pictures": spent.pictures,
        "approved": spent.approved,
        "unreviewed": spent.unreviewed,
        **{name: None if usd is None else float(round(usd, 9)) for name, usd in prices.items()},
        "unpriced": spent.unpriced,
        "perhaps_usd": float(round(spent.perhaps, 9)),
    }
