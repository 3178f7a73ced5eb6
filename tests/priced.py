"""A provider that draws here and asks for money, for tests about budgets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from providers import catalogue
from providers.base import Answered, Failure, Handle, ItemResult, Made, Outgoing
from providers.catalogue import ModelCard
from providers.sketch import Sketch


class PaidSketch(Sketch):
    """Sketches at a list price. It gives no cost of its own, so that the price table has the word."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], usd: str | None) -> None:
        """`usd`: a picture in either lane; None: nobody knows."""
        super().__init__(models_at(usd), folder=folder / "sketch", clock=clock)
        self.says: Decimal | None = None
        """What it says that a picture cost."""
        self.failures: deque[Failure] = deque()
        """What the next answers are instead of pictures, in turn."""

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        answer = super().submit(outgoing)
        if isinstance(answer, Handle):
            return answer
        return Answered(tuple(self._billed(result) for result in answer.results))

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        for result in super().results(handle):
            yield self._billed(result)

    def _billed(self, result: ItemResult) -> ItemResult:
        if self.failures:
            return replace(result, outcome=self.failures.popleft())
        assert isinstance(result.outcome, Made)
        return replace(result, outcome=replace(result.outcome, cost_usd=self.says))


def models_at(usd: str | None) -> Mapping[str, ModelCard]:
    """The models that draw here, at this price."""
    known = catalogue.load()["sketch"]
    entries = next(iter(known.values())).prices
    prices = tuple(entry.model_copy(update={"usd": Decimal(usd)}) for entry in entries) if usd else ()
    return {name: card.model_copy(update={"prices": prices}) for name, card in known.items()}
