"""How many calls may begin now: token buckets, and the off-peak hours. Pure: time comes in as an argument.

A bucket for `most` calls in any `per` seconds holds at most a burst b and fills at (most - b) / per a second,
so that no window of that length can see more than b + (most - b) = most calls, wherever it begins. b is half
of a limit by the second, because ticks come twice a second, and a tenth of one by the minute. One bucket
counts pictures instead: a call for several takes as many from it.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, time, timedelta

from bot.policy import Policy
from providers.catalogue import Limits, ModelCard
from storage.records import Job

BURST_SECONDS = 6
"""A limit by the minute lets this share of it go at once; one by the second never more than half."""


Buckets = MutableMapping[str, tuple[float, datetime]]
"""What was left in each bucket, and when."""


def take(buckets: Buckets, name: str, limits: Limits, now: datetime, pictures: int = 1) -> bool:
    """Whether one more call, for so many pictures, may begin now; it is counted if so, in all buckets of the
    provider.
    """
    found = []
    for key, most, per, number in (
        (f"{name} 1", limits.requests_per_second, 1, 1),
        (f"{name} 60", limits.requests_per_minute, 60, 1),
        (f"{name} pictures 60", limits.images_per_minute, 60, pictures),
    ):
        if most is None:
            continue
        level = _level(buckets.get(key), most, per, now)
        # What was packed before the limit was set lower than one call asks for goes out from a full bucket.
        needed = min(number, _burst(most, per))
        if level < needed:
            return False
        found.append((key, level - needed))
    buckets.update({key: (level, now) for key, level in found})
    return True


def pictures_a_call(card: ModelCard) -> int:
    """How many pictures of one request a live call to this model may ask for: never more than may begin at
    once.
    """
    by_the_minute = card.limits.images_per_minute
    return (
        card.images_per_call
        if by_the_minute is None
        else min(card.images_per_call, int(_burst(by_the_minute, 60)))
    )


def _burst(most: float, per: int) -> float:
    return max(1.0, most * min(0.5, BURST_SECONDS / per))


def _level(kept: tuple[float, datetime] | None, most: float, per: int, now: datetime) -> float:
    burst = _burst(most, per)
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


def first_due(job: Job, policy: Policy, started: datetime) -> datetime:
    """When a job started then begins to be sent."""
    if not job.spec.get("off_peak"):
        return started
    return off_peak(started, policy.off_peak_from, policy.off_peak_until)
