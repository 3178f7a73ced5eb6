"""What fal charges this account for one unit of an endpoint, asked when it is first needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from providers.base import ProviderError
from providers.wire.shapes import mapping, sequence, text

KEPT = timedelta(hours=6)
"""How long a price is believed."""
ASKED_AGAIN = timedelta(minutes=10)
"""How long one that could not be had is not asked for again: it must not double every call."""

log = logging.getLogger(__name__)


def unit_price(body: Mapping[str, Any], endpoint: str) -> tuple[Decimal, str] | None:
    """USD of one unit of the endpoint and the unit's name, from the pricing API's answer."""
    for price in map(mapping, sequence(body.get("prices"))):
        amount = price.get("unit_price")
        usable = isinstance(amount, int | float) and not isinstance(amount, bool) and amount >= 0
        if text(price.get("endpoint_id")) == endpoint and usable and text(price.get("currency")) == "USD":
            return Decimal(str(amount)), text(price.get("unit"))
    return None


class Prices:
    """Remembers prices; safe to use from many threads. `ask` gives the pricing API's answer or raises."""

    def __init__(self, ask: Callable[[str], Mapping[str, Any]], clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Decimal | None, datetime]] = {}

    def of(self, endpoint: str) -> Decimal | None:
        """USD of one unit, discounts included; None where fal does not say."""
        now = self._clock()
        with self._lock:
            price, until = self._known.get(endpoint, (None, now))
        if until > now:
            return price
        try:
            found = unit_price(self._ask(endpoint), endpoint)
        except ProviderError as problem:
            log.warning("fal's price of %s could not be read: %s", endpoint, problem)
            found = None
        price = found[0] if found else None
        with self._lock:
            self._known[endpoint] = (price, now + (KEPT if found else ASKED_AGAIN))
        return price
