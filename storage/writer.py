"""The one way to write: a transaction at a time per process, begun as a writer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """How much a writer has had to do since the process began."""

    transactions: int
    waited_seconds: float
    """Spent by callers until their turn came, in all."""
    took_seconds: float
    """Spent in transactions, in all; waiting for another process included."""
    present_seconds: float
    """How long the present transaction has taken; 0 between two."""


class Writer:
    """Hands out write transactions one after the other.

    SQLite has one writer anyway; queueing here instead of in its sleeping busy handler keeps the order
    fair and the wait short (measured in the technology notes: thousands of transactions a second).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(imgbatch_write=True)
        self._turn = threading.Lock()
        self._transactions = 0
        self._waited = self._took = 0.0
        self._since: float | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Committed when the block ends well, rolled back when it raises."""
        asked = time.monotonic()
        with self._turn:
            began = self._since = time.monotonic()
            self._waited += began - asked
            try:
                with self._engine.connect() as connection, connection.begin():
                    yield connection
            finally:
                self._since = None
                self._took += time.monotonic() - began
                self._transactions += 1

    @property
    def load(self) -> Load:
        """Read without waiting for a turn."""
        since = self._since
        present = 0.0 if since is None else time.monotonic() - since
        return Load(self._transactions, self._waited, self._took, present)


class _Given(Generic[T]):
    """One thing handed in, and what became of it."""

    __slots__ = ("problem", "thing", "written")

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.written = False
        self.problem: BaseException | None = None


class Together(Generic[T]):
    """Many threads hand in one thing each; whoever's turn it is writes down all that wait, at once.

    Two hundred live calls that end together cost a few transactions instead of two hundred. `write` gives a
    problem, or None, for each thing; what it raises is raised for all of them.
    """

    def __init__(self, write: Callable[[Sequence[T]], Sequence[Exception | None]], most: int) -> None:
        self._write = write
        self._most = most
        self._waiting: deque[_Given[T]] = deque()
        self._turn = threading.Lock()

    def give(self, thing: T) -> None:
        """Returns when it is written down and committed; raises its problem."""
        mine = _Given(thing)
        self._waiting.append(mine)
        with self._turn:
            while not mine.written:
                self._write_some()
        if mine.problem is not None:
            raise mine.problem

    def _write_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            for given, problem in zip(some, self._write([given.thing for given in some]), strict=True):
                given.problem = problem
        except BaseException as problem:
            # Broad on purpose: it is raised again by `give`, in every thread whose thing was among them.
            for given in some:
                given.problem = problem
        finally:
            for given in some:
                given.written = True
