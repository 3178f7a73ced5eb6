"""How many live calls a provider is given at once: what it takes, learned from its “too many requests”.

Additive increase, multiplicative decrease. A call that is turned away lowers the limit to what is under way
and was not turned away, by a tenth at least and by half at most; those that began before it are of the same
fall. A call that is taken while the limit is used up raises it by 1 / (2 x limit): by one each time all of
them are answered twice.

Kept in memory alone: after a restart the first calls find the limit again, as they did the first time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from providers.base import Provider

RISE = 0.5
"""How much the limit rises while each of the calls under way is answered once: a vendor that takes five is
asked for a sixth after ten answers.
"""

WAIT_SECONDS = 1.0
"""How long a caller waits for its turn before it puts the call back: short, so that a process can end."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A provider's limit at a moment."""

    most: int
    """What the catalogue says it takes."""
    limit: float
    fall: int = 0
    """How many falls there have been: a call belongs to the fall it may cause, the one after those it saw."""
    floor: float = 1.0
    """How far the present fall may go."""

    @classmethod
    def whole(cls, most: int) -> Allowance:
        """As much as the catalogue says."""
        return cls(most, float(most))

    @property
    def at_once(self) -> int:
        return max(1, int(self.limit))

    @property
    def lowered(self) -> bool:
        return self.at_once < self.most

    def turned_away(self, seen: int, under_way: int) -> Allowance:
        """After one was turned away that began after `seen` falls, with so many others under way."""
        if seen == self.fall:
            floor = max(1.0, self.limit / 2)
            lower = max(floor, min(self.limit * 0.9, float(under_way)))
            return replace(self, limit=lower, floor=floor, fall=self.fall + 1)
        return replace(self, limit=max(self.floor, min(self.limit, float(under_way))))

    def taken(self, under_way: int) -> Allowance:
        """After one was taken, with so many others under way. A limit that is not used up says nothing."""
        if under_way + 1 < self.at_once:
            return self
        return replace(self, limit=min(float(self.most), self.limit + RISE / self.limit))


class _Desk:
    """The calls of one provider."""

    def __init__(self, most: int) -> None:
        self.allowance = Allowance.whole(most)
        self.under_way = 0
        self.changed = threading.Condition()


class Turns:
    """Hands out turns to the callers of every provider. Safe to use from many threads."""

    def __init__(self) -> None:
        self._desks: dict[str, _Desk] = {}
        self._lock = threading.Lock()

    def begin(self, provider: Provider) -> int | None:
        """A turn, to be given to `end`; None if there was none for `WAIT_SECONDS`."""
        desk = self._desk(provider)
        with desk.changed:
            if not desk.changed.wait_for(
                lambda: desk.under_way < desk.allowance.at_once, timeout=WAIT_SECONDS
            ):
                return None
            desk.under_way += 1
            return desk.allowance.fall

    def end(self, provider: Provider, turn: int, *, taken: bool | None) -> None:
        """The call is over: it was taken, or there were too many; None where its end says neither."""
        desk = self._desk(provider)
        with desk.changed:
            desk.under_way -= 1
            match taken:
                case True:
                    desk.allowance = desk.allowance.taken(desk.under_way)
                case False:
                    desk.allowance = desk.allowance.turned_away(turn, desk.under_way)
            desk.changed.notify(2)  # one turn is free, and there may be one more than before

    def backlog(self, provider: Provider) -> int | None:
        """How many calls may wait for their turn; None where they need not wait: all callers may call."""
        allowance = self._desk(provider).allowance
        return 2 * allowance.at_once if allowance.lowered else None

    def at_once(self, provider: Provider) -> int:
        """The limit now."""
        return self._desk(provider).allowance.at_once

    def _desk(self, provider: Provider) -> _Desk:
        with self._lock:
            return self._desks.setdefault(provider.name, _Desk(width(provider)))


def width(provider: Provider) -> int:
    """How many live calls it takes at once, by the catalogue."""
    return max((card.limits.concurrency for card in provider.models.values()), default=1)
