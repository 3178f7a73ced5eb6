"""How often each method may be called, as Slack counts: per method, and for posts per channel too."""

import math
from collections import defaultdict, deque

from bot.workspace import limits


class Rates:
    """Counts calls and says when one is too many.

    `scale` multiplies every allowance (10.0 lets tests run ten times as fast); None allows everything.
    """

    def __init__(self, scale: float | None = 1.0) -> None:
        self.scale = scale
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._posts: dict[str, tuple[float, float]] = {}

    def wait_for(self, method: str, channel: str | None, now: float) -> int:
        """Whole seconds to wait before this call; 0 when it may go on (and is then counted)."""
        if self.scale is None:
            return 0
        allowed = limits.PER_MINUTE[limits.TIERS.get(method, 3)]
        if method == "chat.postMessage":
            allowed = limits.POSTS_PER_MINUTE
        wait = self._wait_in_window(method, allowed * self.scale, now)
        if not wait and method == "chat.postMessage" and channel:
            wait = self._wait_in_bucket(channel, now)
        if not wait:
            self._calls[method].append(now)
        return wait

    def _wait_in_window(self, method: str, allowed: float, now: float) -> int:
        calls = self._calls[method]
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) < max(1, int(allowed)):
            return 0
        return max(1, math.ceil(calls[0] + 60 - now))

    def _wait_in_bucket(self, channel: str, now: float) -> int:
        rate = limits.POST_PER_SECOND * (self.scale or 1)
        burst = limits.POST_BURST * max(1.0, self.scale or 1)
        tokens, at = self._posts.get(channel, (burst, now))
        tokens = min(burst, tokens + (now - at) * rate)
        if tokens < 1:
            self._posts[channel] = (tokens, now)
            return max(1, math.ceil((1 - tokens) / rate))
        self._posts[channel] = (tokens - 1, now)
        return 0
