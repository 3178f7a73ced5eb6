"""When a job should be done, from the speed it really has, and from its plan where that is not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ENOUGH = 5
"""Pictures answered before their speed says when the rest is done."""

LATELY = timedelta(minutes=10)
"""The speed of live calls is measured over this long: a job that was paused is as fast as it is now."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures asked for together."""

    count: int
    done: int = 0
    """As many of them the provider says it has answered; 0 where it does not say."""
    sent_at: datetime | None = None
    """None: not sent yet."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Pictures that are asked for one by one."""

    to_come: int = 0
    answered: int = 0
    """Lately (LATELY)."""
    since: datetime | None = None
    """When the first of those answered was sent."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What the plan expects."""

    begins_at: datetime
    """When the first may be sent."""
    batch: timedelta
    """One batch, from sending to answer."""
    calls: timedelta
    """All the live calls of the job."""


def expected_end(
    now: datetime, usual: Usual, calls: Calls, batches: Sequence[Batch], unsent: int
) -> datetime:
    """When the last picture should be there; before `now` when it takes longer than usual.

    Live: now + to come x (now - since) / answered. A batch: sent + (now - sent) x count / done. With fewer
    than ENOUGH answers: what is usual. `unsent`: pictures that wait to be put into a batch. The slowest
    counts.
    """
    ends = [batch_end(now, usual, batch) for batch in batches]
    if unsent:
        ends.append(max(usual.begins_at, now) + usual.batch)
    if calls.to_come:
        ends.append(_calls_end(now, usual, calls))
    return max(ends, default=now)


def batch_end(now: datetime, usual: Usual, batch: Batch) -> datetime:
    """When a batch should be answered."""
    if batch.sent_at is None:
        return max(usual.begins_at, now) + usual.batch
    if batch.done >= ENOUGH:
        return batch.sent_at + (now - batch.sent_at) * (batch.count / batch.done)
    return batch.sent_at + usual.batch


def _calls_end(now: datetime, usual: Usual, calls: Calls) -> datetime:
    if calls.answered >= ENOUGH and calls.since is not None:
        return now + (now - calls.since) * (calls.to_come / calls.answered)
    return usual.begins_at + usual.calls


def rounded(at: datetime, now: datetime) -> datetime:
    """To the next whole minute, from an hour ahead on to the next five: what is said stands for a while."""
    step = 60 if at - now < timedelta(hours=1) else 300
    return datetime.fromtimestamp(-(-int(at.timestamp()) // step) * step, UTC)
