"""Delivers a simulated vendor's webhooks, to loopback only, and tries again after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from providers.base import ProviderError
from providers.wire.client import Wire, is_loopback

TRIES = 4
FIRST_WAIT_SECONDS = 0.2
"""Before the second try; it doubles. Real vendors go on for hours."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One try at delivering one webhook."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a receiver answered; 0 for no answer."""

    url: str
    letter: Letter
    status: int


class Courier:
    """Every webhook one simulator sends. Safe to use from many threads."""

    def __init__(self, vendor: str) -> None:
        self.delivered: list[Delivered] = []
        """Each try, oldest first."""
        self._vendor = vendor
        self._stopping = threading.Event()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def send(self, url: str, write: Callable[[], Letter]) -> None:
        """Deliver soon. `write` is called for each try, which has a time and so a signature of its own.

        Raises ValueError for an address that is not this machine's.
        """
        if not is_loopback(urlsplit(url).hostname or ""):
            raise ValueError(f"a simulator sends webhooks to loopback alone, not to {url}")
        with self._lock:
            if self._stopping.is_set():
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"{self._vendor}-courier")
            self._pool.submit(self._deliver, url, write)

    def stop(self) -> None:
        """Drop what has not been delivered."""
        with self._lock:
            self._stopping.set()
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _deliver(self, url: str, write: Callable[[], Letter]) -> None:
        wait = FIRST_WAIT_SECONDS
        for _ in range(TRIES):
            try:
                if 200 <= self._post(url, write()) < 300:
                    return
            except Exception:
                log.exception("the %s simulator could not write a webhook", self._vendor)
                return
            if self._stopping.wait(wait):
                return
            wait *= 2

    def _post(self, url: str, letter: Letter) -> int:
        parts = urlsplit(url)
        wire = Wire(title="the receiver of webhooks", base_url=f"{parts.scheme}://{parts.netloc}", shards=1)
        try:
            status = wire.call("POST", parts.path, content=letter.body, headers=letter.headers).status
        except ProviderError:
            status = 0
        finally:
            wire.close()
        self.delivered.append(Delivered(url, letter, status))
        return status
