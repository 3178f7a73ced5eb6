"""The heartbeat of the ticks: when each began and ended last, how long it took, and whether it is stuck.

Kept in memory alone: it says how this process does, and a new process begins healthy.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

BOUNDS_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)
"""Upper bounds by which runs are counted: a look that finds nothing takes a few milliseconds, a large result
file minutes.
"""

TOLD_AT = frozenset({1, 10, 100, 1_000, 10_000, 100_000, 1_000_000})
"""Failures in a row that are worth a line: a tick that fails three times a second must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One tick at a moment."""

    name: str
    patience: timedelta
    """How long it may go without coming to a good end."""
    succeeded: datetime | None
    """When it came to a good end last; None: not yet."""
    since: datetime
    """Since when no run has come to a good end: the last one, or when the process began."""
    running: timedelta | None
    """How long the run under way has taken; None between two runs."""
    idle: timedelta
    """How long none has begun or ended."""
    failures: int
    """In all."""
    failing: int
    """In a row, until now."""
    said: str
    """What the last failure said."""
    counts: Sequence[int]
    """Runs by duration: one for each of `BOUNDS_SECONDS`, and those above."""
    seconds: float
    """The time all runs took together."""

    @property
    def hangs(self) -> bool:
        """A run takes too long, or none begins any more: a restart helps."""
        return (self.running or timedelta()) > self.patience or self.idle > self.patience

    def stuck(self, now: datetime) -> bool:
        """It hangs, or all it did for a long time has failed."""
        return self.hangs or (self.failing > 0 and now - self.since > self.patience)


@dataclass(slots=True)
class _Tick:
    patience: timedelta
    since: datetime
    moved: datetime
    succeeded: datetime | None = None
    began: datetime | None = None
    failures: int = 0
    failing: int = 0
    kind: str = ""
    said: str = ""
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_SECONDS) + 1))
    seconds: float = 0.0


class Pulse:
    """Safe to use from many threads; times are given by the caller."""

    def __init__(self) -> None:
        self._ticks: dict[str, _Tick] = {}
        self._lock = threading.Lock()

    def expect(self, patience: Mapping[str, timedelta], now: datetime) -> None:
        """From now on these ticks run, each with the time it may take."""
        with self._lock:
            self._ticks = {name: _Tick(longest, now, now) for name, longest in patience.items()}

    def forget(self) -> None:
        """They are stopped on purpose."""
        with self._lock:
            self._ticks = {}

    def began(self, name: str, now: datetime) -> None:
        with self._lock:
            tick = self._ticks.get(name)
            if tick is not None:
                tick.began = tick.moved = now

    def succeeded(self, name: str, now: datetime) -> int:
        """How many failures in a row this ends."""
        with self._lock:
            tick = self._ended(name, now)
            if tick is None:
                return 0
            ended, tick.failing = tick.failing, 0
            tick.succeeded = tick.since = now
            return ended

    def failed(self, name: str, now: datetime, kind: str, said: str) -> int | None:
        """How many failures in a row there are, if that is worth a line in the log; else None.

        `kind`: the same for failures that need not be told apart.
        """
        with self._lock:
            tick = self._ended(name, now)
            if tick is None:
                return 1
            new = kind != tick.kind or not tick.failing
            tick.failures, tick.failing = tick.failures + 1, tick.failing + 1
            tick.kind, tick.said = kind, said
            return tick.failing if new or tick.failing in TOLD_AT else None

    def _ended(self, name: str, now: datetime) -> _Tick | None:
        tick = self._ticks.get(name)
        if tick is not None:
            took = max(0.0, (now - (tick.began or now)).total_seconds())
            tick.counts[bisect_left(BOUNDS_SECONDS, took)] += 1
            tick.seconds += took
            tick.began, tick.moved = None, now
        return tick

    def beats(self, now: datetime) -> list[Beat]:
        """Every tick as it stands."""
        with self._lock:
            return [
                Beat(
                    name,
                    tick.patience,
                    tick.succeeded,
                    tick.since,
                    now - tick.began if tick.began else None,
                    now - tick.moved,
                    tick.failures,
                    tick.failing,
                    tick.said,
                    tuple(tick.counts),
                    tick.seconds,
                )
                for name, tick in self._ticks.items()
            ]
