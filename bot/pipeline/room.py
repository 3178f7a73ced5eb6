"""Which waiting items may be packed now, so that no more is written down than can leave soon."""

from __future__ import annotations

from datetime import datetime

from bot.pipeline.breaker import PROBES, SPEAKING, Standing, standing
from bot.pipeline.cadence import pictures_a_call
from bot.pipeline.plan import call_of
from bot.runtime import Context
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Item


class Room:
    """None for a paused provider, a few items for one that is tried again, and live ones only as fast as
    their calls leave.
    """

    def __init__(self, ctx: Context, now: datetime) -> None:
        self._ctx = ctx
        self._pauses = ctx.notices.pauses()
        self._standing = {name: standing(pause, now) for name, pause in self._pauses.items()}
        self._probes_left: dict[tuple[str, str], int] = {}
        self._calls_left: dict[str, int] = {}
        self._row = 0
        self._in_call: dict[tuple[object, ...], int] = {}
        """Pictures in the last call of each request of the row."""

    def take(self, item: Item) -> bool:
        """Whether this one may be packed; it is counted if so. Items come in the order of their rows."""
        if item.provider not in self._ctx.providers:
            return False
        match self._standing.get(item.provider, Standing.CLOSED):
            case Standing.OPEN:
                return False
            case Standing.HALF_OPEN:
                return self._probe(item.provider, item.lane)
            case Standing.CLOSED:
                pass
        return item.lane != Lane.LIVE or self._call(item)

    def _call(self, item: Item) -> bool:
        """Whether it joins a call of its row, or there may be one call more."""
        card = self._ctx.providers[item.provider].models[item.model]
        if item.row != self._row:
            self._row = item.row
            self._in_call.clear()
        request = (item.provider, item.model, *call_of(item, card))
        there = self._in_call.get(request, 0)
        if there % pictures_a_call(card) == 0 and not self._one_more_call(item.provider, card):
            return False
        self._in_call[request] = there + 1
        return True

    def _one_more_call(self, provider: str, card: ModelCard) -> bool:
        if provider not in self._calls_left:
            waiting = self._ctx.queries.live_calls(provider)
            self._calls_left[provider] = max(0, 4 * card.limits.concurrency - waiting)
        self._calls_left[provider] -= 1
        return self._calls_left[provider] >= 0

    def _probe(self, provider: str, lane: str) -> bool:
        key = (provider, lane)
        if key not in self._probes_left:
            out = self._ctx.queries.probing(provider, self._pauses[provider].until, SPEAKING, lane)
            self._probes_left[key] = 0 if out.prepared or out.under_way else PROBES
        self._probes_left[key] -= 1
        return self._probes_left[key] >= 0
