"""The one way to write: a transaction at a time per process, begun as a writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine


class Writer:
    """Hands out write transactions one after the other.

    SQLite has one writer anyway; queueing here instead of in its sleeping busy handler keeps the order
    fair and the wait short (measured in the technology notes: thousands of transactions a second).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(imgbatch_write=True)
        self._turn = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Committed when the block ends well, rolled back when it raises."""
        with self._turn, self._engine.connect() as connection, connection.begin():
            yield connection
