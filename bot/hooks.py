"""Webhooks of providers: proved, taken once, and believed no further than "look now".

They only bring the next poll forward. What was answered comes from the poll itself, over our own call to the
provider; so a lost webhook costs a wait, and a forged one would cost a question.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from providers.base import AskAgain, Forged, Hooked

REMEMBERED_FOR = timedelta(minutes=15)
"""Longer than any message stays fresh, which is ten minutes where its clock is five ahead of ours."""
MOST_REMEMBERED = 50_000
"""Ids of messages, about 10 MB; the oldest are forgotten first."""
QUIET = timedelta(minutes=1)
"""Refused messages are told at most this often for each provider: anybody may send them."""

Wake = Callable[[str, Sequence[str], datetime], int]
"""`Store.wake`."""

log = logging.getLogger(__name__)


class Reception(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    """Also when it is known already, or about something else."""
    FORGED = "forged"
    LATER = "later"
    """It could not be dealt with now; the provider should send it again."""


class Hooks:
    """The door for webhooks. Safe to use from many threads."""

    def __init__(self, hooked: Mapping[str, Hooked], wake: Wake, clock: Callable[[], datetime]) -> None:
        self._hooked = hooked
        self._wake = wake
        self._clock = clock
        self._taken: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._told: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def expects(self, provider: str) -> bool:
        """Whether this provider's webhooks are set up."""
        return provider in self._hooked

    def receive(self, provider: str, headers: Mapping[str, str], body: bytes) -> Reception:
        """Deal with one message; header names in lower case."""
        now = self._clock()
        try:
            hint = self._hooked[provider].verify(headers, body, now)
        except Forged as problem:
            self._tell(provider, f"refused a webhook for {provider}: {problem}", now)
            return Reception.FORGED
        except AskAgain as problem:
            self._tell(provider, f"a webhook for {provider} cannot be proved now: {problem}", now)
            return Reception.LATER
        if not hint.handle_ids or not self._first(provider, hint.id, now):
            return Reception.TAKEN
        try:
            woken = self._wake(provider, hint.handle_ids, now)
        except BaseException:
            self._forget(provider, hint.id)  # it has done nothing yet: let it come again
            raise
        log.debug("a webhook of %s brought %d polls forward", provider, woken)
        return Reception.TAKEN

    def close(self) -> None:
        for hooked in self._hooked.values():
            hooked.close()

    def _first(self, provider: str, message_id: str, now: datetime) -> bool:
        """Whether this message has not been here before; from now on it has."""
        with self._lock:
            while self._taken:
                oldest, at = next(iter(self._taken.items()))
                if len(self._taken) < MOST_REMEMBERED and now - at < REMEMBERED_FOR:
                    break
                del self._taken[oldest]
            if (provider, message_id) in self._taken:
                return False
            self._taken[provider, message_id] = now
            return True

    def _forget(self, provider: str, message_id: str) -> None:
        with self._lock:
            self._taken.pop((provider, message_id), None)

    def _tell(self, provider: str, words: str, now: datetime) -> None:
        with self._lock:
            told = self._told.get(provider)
            if told is not None and now - told < QUIET:
                return
            self._told[provider] = now
        log.warning("%s", words)
