"""Questions that need no key: what time a server has, and whether a door is there. For `imgbatch doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from providers.base import ProviderError
from providers.wire.client import Patience, Reply, Wire

QUICK = Patience(connect_seconds=5, write_seconds=5, read_seconds=10, reply_seconds=15)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server said of the time."""

    title: str
    ahead: timedelta | None
    """How far its clock is ahead of ours, within a second or two; None where it does not say."""


def ask_time(title: str, address: str, clock: Callable[[], datetime]) -> Asked:
    """What time the server has, from the `Date` of its answer (RFC 9110), whatever else it answers."""
    began = clock()
    try:
        reply = _once(title, address, "HEAD", "/")
        told = parsedate_to_datetime(reply.headers.get("date", ""))
    except (ProviderError, ValueError):
        return Asked(title, None)
    if told.tzinfo is None:  # “-0000”: the server does not say where it is
        return Asked(title, None)
    # `Date` has whole seconds, cut off: half of one is added on average.
    middle = began + (clock() - began) / 2
    return Asked(title, told + timedelta(seconds=0.5) - middle)


def knock(address: str, path: str) -> int:
    """The status a POST of an empty object gets there, unsigned. Raises AskAgain, TellOperator."""
    return _once("The address", address, "POST", path, b"{}").status


def _once(title: str, address: str, method: str, path: str, content: bytes | None = None) -> Reply:
    wire = Wire(title=title, base_url=address, patience=QUICK, shards=1)
    try:
        return wire.call(method, path, content=content)
    finally:
        wire.close()
