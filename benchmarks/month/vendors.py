"""The vendors' stand-ins, in a process of their own, on a clock that the benchmark moves."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import httpx

from providers.simulators import SIMULATORS


@dataclass(frozen=True)
class Vendor:
    """One of them."""

    url: str
    base_url: str
    key: str

    def turn(self, **dials: float) -> None:
        """Set what it does wrong."""
        httpx.post(f"{self.url}/_sim/faults", json=dials).raise_for_status()

    def books(self) -> Mapping[str, Any]:
        """What it was asked and what it billed (`providers.simulators.ledger`)."""
        books: Mapping[str, Any] = httpx.get(f"{self.url}/_sim/ledger", timeout=120).json()
        return books


class SharedClock:
    """A clock for both processes, which stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self.seconds = multiprocessing.get_context("spawn").Value("d", at.timestamp())

    def __call__(self) -> datetime:
        return self._at

    def move_to(self, at: datetime) -> None:
        self._at = at
        self.seconds.value = at.timestamp()


@contextmanager
def vendors(clock: SharedClock) -> Iterator[Mapping[str, Vendor]]:
    """All of them, running."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(clock.seconds, there), daemon=True)
    process.start()
    there.close()  # so that waiting for it ends with it
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()


def _serve(seconds: Any, pipe: Connection) -> None:
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(kind(clock=lambda: float(seconds.value)))
            for name, kind in SIMULATORS.items()
        }
        pipe.send({name: Vendor(one.url, one.base_url, one.key) for name, one in running.items()})
        pipe.recv()
