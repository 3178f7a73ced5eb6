"""How many calls may begin now: token buckets, and the off-peak hours. Pure: time comes in as an argument.

A bucket for `most` calls in any `per` seconds holds at most a burst b and fills at (most - b) / per a second,
so that no window of that length can see more than b + (most - b) = most calls, wherever it begins. b is half
of a limit by the second, because ticks come twice a second, and a tenth of one by the minute.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, time, timedelta

from providers.catalogue import Limits

BURST_SECONDS = 6
"""A limit by the minute lets this share of it go at once; one by the second never more than half."""


Buckets = MutableMapping[str, tuple[float, datetime]]
"""What was left in each bucket, and when."""


def take(buckets: Buckets, name: str, limits: Limits, now: datetime) -> bool:
    """Whether one more call to a provider may begin now; it is counted if so, in all of its buckets."""
    found = []
    for most, per in ((limits.requests_per_second, 1), (limits.requests_per_minute, 60)):
        if most is None:
            continue
        key = f"{name} {per}"
        level = _level(buckets.get(key), most, per, now)
        if level < 1:
            return False
        found.append((key, level - 1))
    buckets.update({key: (level, now) for key, level in found})
    return True


def _level(kept: tuple[float, datetime] | None, most: float, per: int, now: datetime) -> float:
    burst = max(1.0, most * min(0.5, BURST_SECONDS / per))
    if kept is None:
        return burst
    # Below two a window there is nothing to divide: calls are spaced evenly.
    rate = (most - burst if most >= 2 else most) / per
    level, at = kept
    return min(burst, level + max(0.0, (now - at).total_seconds()) * rate)


def off_peak(now: datetime, begins: time, ends: time) -> datetime:
    """`now` within the off-peak hours, else when they begin next. They may pass midnight.

    Equal times mean the whole day.
    """
    clock = now.time().replace(tzinfo=None)
    within = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
    if within or begins == ends:
        return now
    today = datetime.combine(now.date(), begins, tzinfo=now.tzinfo)
    return today if today > now else today + timedelta(days=1)
