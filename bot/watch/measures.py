"""Figures of pictures that share something: a batch, model, provider, template or a value in a column.

API success and quality are told apart: the first is whether a picture came, the second whether it passed the
quality gate and whether people approved it. Every rate is None where there is nothing to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Measure:
    """Counts that add up; the rates are worked out from the sums."""

    stored: int = 0
    refused: int = 0
    failed: int = 0
    expired: int = 0
    in_doubt: int = 0
    cancelled: int = 0
    under_way: int = 0
    duplicates: int = 0
    """Of `stored`: copied."""
    flagged: int = 0
    """Of `stored`: flagged by the quality gate."""
    approved: int = 0
    rejected: int = 0
    first_try: int = 0
    sends: int = 0
    """Sendings of all versions."""
    cost_usd: Decimal = Decimal(0)
    """As far as it is known."""
    unpriced: int = 0
    """Sendings that may have cost something nobody has said; `cost_usd` is then the least."""
    made: int = 0
    """Sendings that made a picture, of known cost and known list price; the next two are theirs."""
    made_usd: Decimal = Decimal(0)
    listed_usd: Decimal = Decimal(0)
    timed: int = 0
    """Sendings that made a picture; `seconds` is what they took together."""
    seconds: float = 0.0
    jobs: int = 0
    late: int = 0
    """Jobs that took longer than their promised window."""
    window_shares: float = 0.0
    """Time taken divided by the promised window, added up over `windows` jobs that had one and have ended."""
    windows: int = 0

    def __add__(self, other: Measure) -> Measure:
        sums = {name: getattr(self, name) + getattr(other, name) for name in _NAMES}
        return Measure(**sums)

    @property
    def settled(self) -> int:
        """stored + refused + failed + expired + in_doubt: pictures whose end is known and not asked for."""
        return self.stored + self.refused + self.failed + self.expired + self.in_doubt

    @property
    def asked(self) -> int:
        """settled - duplicates: pictures a provider was asked for."""
        return self.settled - self.duplicates

    @property
    def success_rate(self) -> float | None:
        """stored / settled: whether a picture came, whatever it looks like."""
        return _share(self.stored, self.settled)

    @property
    def quality_rate(self) -> float | None:
        """(stored - flagged) / stored: pictures the quality gate found nothing wrong with."""
        return _share(self.stored - self.flagged, self.stored)

    @property
    def approval_rate(self) -> float | None:
        """approved / (approved + rejected), of what people have looked at."""
        return _share(self.approved, self.approved + self.rejected)

    @property
    def refusal_rate(self) -> float | None:
        """refused / (settled - duplicates)."""
        return _share(self.refused, self.asked)

    @property
    def retries_each(self) -> float | None:
        """sends / (settled - duplicates) - 1, never below 0: sendings beyond the first, for each picture."""
        return max(0.0, self.sends / self.asked - 1) if self.asked > 0 else None

    @property
    def cost_per_image_usd(self) -> Decimal | None:
        """cost / stored."""
        return self.cost_usd / self.stored if self.stored else None

    @property
    def cost_per_approved_usd(self) -> Decimal | None:
        """cost / approved: what a picture costs that can be used, all that was thrown away included."""
        return self.cost_usd / self.approved if self.approved else None

    @property
    def cost_against_list(self) -> float | None:
        """made_usd / listed_usd: 1.1 is ten per cent above the highest quoted."""
        return float(self.made_usd / self.listed_usd) if self.listed_usd else None

    @property
    def mean_time(self) -> timedelta | None:
        """From sending to answer, of what made a picture."""
        return timedelta(seconds=self.seconds / self.timed) if self.timed else None

    @property
    def mean_window_share(self) -> float | None:
        """Time taken against the promised window, on average over jobs; 1.0 is on the dot."""
        return self.window_shares / self.windows if self.windows else None


_NAMES = tuple(field.name for field in fields(Measure))


def total(measures: Iterable[Measure]) -> Measure:
    """All of them together."""
    found = Measure()
    for measure in measures:
        found += measure
    return found


def grouped(measures: Iterable[tuple[K, Measure]]) -> dict[K, Measure]:
    """Added up by key, the one with most settled pictures first."""
    found: dict[K, Measure] = {}
    for key, measure in measures:
        found[key] = found.get(key, Measure()) + measure
    return dict(sorted(found.items(), key=lambda pair: -pair[1].settled))


def ranked(found: dict[K, Measure], by: Callable[[Measure], float | None]) -> list[tuple[K, Measure]]:
    """Those with a figure, the highest first."""
    known = [(key, measure, figure) for key, measure in found.items() if (figure := by(measure)) is not None]
    return [(key, measure) for key, measure, _ in sorted(known, key=lambda entry: -entry[2])]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None
