"""How often Slack may be called: one limiter for the whole app, because Slack counts per app.

Nothing here waits. What does not fit is not done now, and the next tick tries again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: `burst` at once, refilled at `per_minute`.

    In any 60 seconds at most burst + per_minute calls go out, which must not pass Slack's figure.
    """

    per_minute: float
    burst: int


TIER_2: Final = Allowance(14, 5)
"""Slack: 20+ a minute."""
TIER_3: Final = Allowance(40, 8)
"""Slack: 50+ a minute."""
TIER_4: Final = Allowance(78, 20)
"""Slack: 100+ a minute."""
POSTS: Final = Allowance(120, 40)
"""chat.postMessage over all channels; Slack once wrote of several hundred a minute."""
POSTS_IN_CHANNEL: Final = Allowance(55, 4)
"""chat.postMessage in one channel: Slack allows about one a second and tolerates short bursts."""

ALLOWANCES: Final[Mapping[str, Allowance]] = MappingProxyType(
    {
        "chat.postMessage": POSTS,
        "chat.update": TIER_3,
        "chat.postEphemeral": TIER_4,
        "conversations.history": TIER_3,
        "conversations.replies": TIER_3,
        "conversations.open": TIER_3,
        "files.getUploadURLExternal": TIER_4,
        "files.completeUploadExternal": TIER_4,
        "files.info": TIER_4,
        "views.publish": TIER_4,
    }
)
"""By method, from the tier named on each method's page. Slack counts each method for itself."""

UPDATE_EVERY: Final = timedelta(seconds=3)
"""Shortest time between two updates of one progress message: nobody reads faster."""


class Pace:
    """Says whether a call may be made now, and counts it if so. For all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, datetime]] = {}
        self._held: dict[str, datetime] = {}

    def take(self, method: str, now: datetime, channel: str | None = None, *, spare: int = 0) -> bool:
        """True if the call fits and leaves `spare` more for what is urgent; it is counted then."""
        buckets = [(method, ALLOWANCES.get(method, TIER_2))]
        if method == "chat.postMessage" and channel is not None:
            buckets.append((f"{method} {channel}", POSTS_IN_CHANNEL))
        with self._lock:
            if now < self._held.get(method, now):
                return False
            left = [self._tokens(name, allowance, now) for name, allowance in buckets]
            if left[0] < 1 + spare or min(left) < 1:
                return False
            for (name, _), tokens in zip(buckets, left, strict=True):
                at = self._buckets[name][1] if name in self._buckets else now
                self._buckets[name] = (tokens - 1, max(now, at))
            return True

    def hold(self, method: str, until: datetime) -> None:
        """Slack said when this method may be called again."""
        with self._lock:
            self._held[method] = max(until, self._held.get(method, until))

    def _tokens(self, name: str, allowance: Allowance, now: datetime) -> float:
        tokens, at = self._buckets.get(name, (float(allowance.burst), now))
        refilled = tokens + max(0.0, (now - at).total_seconds()) * allowance.per_minute / 60
        return min(float(allowance.burst), refilled)


def between_updates(running: int) -> timedelta:
    """How long one job's progress rests, so that all running jobs share the updates of a minute."""
    return max(UPDATE_EVERY, timedelta(seconds=60 * running / TIER_3.per_minute))
