"""What a simulated vendor did and would bill: the other side of "nothing paid twice"."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Literal

REMEMBERED_REQUESTS = 100_000
"""Older requests are forgotten; a test that makes more looks at sums."""


@dataclass(frozen=True, slots=True)
class Billed:
    """One image that was generated, and so is paid for whether or not anybody received it."""

    lane: Literal["batch", "live"]
    custom_id: str | None
    batch_id: str | None
    prompt: str
    model: str
    size: str
    quality: str
    price: Decimal
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One HTTP request as it arrived."""

    method: str
    path: str
    at: float


class Ledger:
    """Everything billed and asked, for tests to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._billed: list[Billed] = []
        self._requests: deque[Seen] = deque(maxlen=REMEMBERED_REQUESTS)
        self._creates = 0

    @property
    def billed(self) -> list[Billed]:
        """Every image generated, in the order of generation."""
        with self._lock:
            return list(self._billed)

    @property
    def requests(self) -> list[Seen]:
        """Every request that arrived, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def creates(self) -> int:
        """How many batches were created."""
        return self._creates

    def bill(self, image: Billed) -> None:
        with self._lock:
            self._billed.append(image)

    def saw(self, request: Seen) -> None:
        with self._lock:
            self._requests.append(request)

    def created(self) -> int:
        """Counts a batch and gives its number, from 1."""
        with self._lock:
            self._creates += 1
            return self._creates

    def as_json(self) -> dict[str, object]:
        """The whole ledger for another process; prices are strings, so that no cent is rounded."""
        billed, requests = self.billed, self.requests
        return {
            "creates": self.creates,
            "total": str(sum((image.price for image in billed), Decimal(0))),
            "billed": [{**asdict(image), "price": str(image.price)} for image in billed],
            "requests": [asdict(request) for request in requests],
        }
