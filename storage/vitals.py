"""How the data store itself does: whether it answers, the form of its tables, what the writer has to do."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from storage.engine import newest_form, present_form
from storage.gauges import Gauges
from storage.writer import Load, Writer


@dataclass(frozen=True, slots=True)
class Form:
    """The revision of the tables, and the one this program works with."""

    present: str | None
    newest: str

    @property
    def current(self) -> bool:
        return self.present == self.newest


class Vitals(Gauges):
    """Reads about the data store. Cheap enough to be asked every few seconds."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer
        self._newest = newest_form()

    def form(self) -> Form:
        """Raises StoreError where the data store cannot be read."""
        return Form(present_form(self._engine), self._newest)

    @property
    def load(self) -> Load:
        return self._writer.load
