"""How a job is doing, as numbers: rates, time and money, each with its formula."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tally:
    """A job's items counted by where they stand; every item is in exactly one of the first eight."""

    requested: int
    stored: int = 0
    """Pictures a person can look at."""
    refused: int = 0
    """Content rules."""
    failed: int = 0
    """Every other failure after the last try."""
    cancelled: int = 0
    expired: int = 0
    in_doubt: int = 0
    """Sent, reply lost, and the provider cannot tell whether it arrived."""
    in_flight: int = 0
    """Waiting, sent, made but not yet kept, or waiting for the next try."""
    made: int = 0
    """Of `in_flight`: made, and not yet kept."""

    duplicates: int = 0
    """Of `stored`: copied from an identical request instead of made and paid."""
    duplicates_usd: Decimal | None = None
    """What making those would have cost at the list price; None where that is not known."""
    reused: int = 0
    """Of `stored`: copied of pictures approved in earlier jobs; they say nothing of how this one went."""
    reused_usd: Decimal | None = None
    """The same for these."""
    first_try: int = 0
    """Of `stored`: made at the first attempt."""
    retries: int = 0
    """Attempts beyond each item's first."""
    spent_usd: Decimal | None = None
    """What the providers charged so far, as far as it is known; None when nothing of it is."""
    unpriced: int = 0
    """Attempts that may have cost something nobody has said; `spent_usd` is then the least."""

    def __post_init__(self) -> None:
        counts = (self.requested, *self._parts, self.duplicates, self.reused, self.first_try, self.retries)
        if any(number < 0 for number in counts):
            raise ValueError(f"a count is negative: {self}")

    def counting_made(self) -> Tally:
        """The same with what is made counted as stored. A refusal is final at once, a picture only when it
        is kept: while many are fetched, the rates of what is settled are too bad.
        """
        return replace(self, stored=self.stored + self.made, in_flight=self.in_flight - self.made, made=0)

    @property
    def unaccounted(self) -> int:
        """requested - (stored + refused + failed + cancelled + expired + in_doubt + in_flight); must be 0."""
        return self.requested - sum(self._parts)

    @property
    def wanted(self) -> int:
        """requested - cancelled: what somebody still hopes for."""
        return self.requested - self.cancelled

    @property
    def settled(self) -> int:
        """requested - cancelled - in_flight: the items whose end is known and was not asked for."""
        return self.requested - self.cancelled - self.in_flight

    @property
    def missed(self) -> int:
        """settled - stored: refused, failed, expired or in doubt."""
        return self.settled - self.stored

    @property
    def finished(self) -> bool:
        """Nothing is in flight."""
        return self.in_flight == 0

    @property
    def success_rate(self) -> float | None:
        """(stored - reused) / (requested - cancelled - in_flight - reused); None while nothing is settled.

        Refused, failed, expired and in-doubt items count against it: nobody has their picture.
        """
        settled = self.settled - self.reused
        return (self.stored - self.reused) / settled if settled > 0 else None

    @property
    def sent(self) -> int:
        """settled - duplicates - reused: what is no copy, and copies that share a failure."""
        return self.settled - self.duplicates - self.reused

    @property
    def first_pass_rate(self) -> float | None:
        """first_try / sent: the share made at once."""
        return self.first_try / self.sent if self.sent > 0 else None

    @property
    def refusal_rate(self) -> float | None:
        """refused / sent: the share content rules refused."""
        return self.refused / self.sent if self.sent > 0 else None

    @property
    def cost_per_image_usd(self) -> Decimal | None:
        """spent_usd / (stored - reused): failures that were billed make pictures dearer, duplicates cheaper.

        None when the spending is not known or no picture is its own.
        """
        if self.spent_usd is None or self.stored <= self.reused:
            return None
        return self.spent_usd / (self.stored - self.reused)

    @property
    def _parts(self) -> tuple[int, ...]:
        return (
            self.stored,
            self.refused,
            self.failed,
            self.cancelled,
            self.expired,
            self.in_doubt,
            self.in_flight,
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """When a job began and ended, against the time its plan promised. All times aware UTC."""

    started_at: datetime
    ended_at: datetime | None = None
    """None while it runs."""
    window: timedelta | None = None
    """From the plan: the time by which it should be done; None when the provider promises nothing."""
    mean_item_time: timedelta | None = None
    """Mean time from sending an item to its picture being kept; None before the first."""

    def elapsed(self, now: datetime) -> timedelta:
        """(ended_at or now) - started_at, never negative."""
        return max((self.ended_at or now) - self.started_at, timedelta())

    def share_of_window(self, now: datetime) -> float | None:
        """elapsed / window: 1.0 is on the dot, 1.5 half as long again; None without a window."""
        return self.elapsed(now) / self.window if self.window else None

    def mean_share_of_window(self) -> float | None:
        """mean_item_time / window: how much of the promised time a picture took on average."""
        return self.mean_item_time / self.window if self.window and self.mean_item_time is not None else None

    def overrun(self, now: datetime) -> timedelta:
        """elapsed - window, or nothing when in time or without a window."""
        if self.window is None:
            return timedelta()
        return max(self.elapsed(now) - self.window, timedelta())
