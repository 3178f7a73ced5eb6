"""A provider whose calls are counted, timed and traced; it changes nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from bot.meters import PROVIDER_CALLS, PROVIDER_SECONDS
from bot.tracing import Fact, begin, doing
from providers import registry
from providers.base import (
    Answered,
    AskAgain,
    EncodedLine,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Progress,
    Provider,
    Refused,
    TellOperator,
)
from providers.catalogue import ModelCard

GENERATE = "generate_content"
"""What the semantic conventions of OpenTelemetry call the making of a picture."""

CALLS = ("submit", "find", "poll", "results", "fetch", "cancel", "check")
"""The calls of the seam that go over the network."""

OUTCOMES = ("ok", "rate_limited", "again", "lost", "refused", "operator", "gone", "no_lookup", "error")
"""What can come of a call, see `outcome`."""


class Metered:
    """A `Provider` around a provider."""

    def __init__(self, provider: Provider, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._monotonic = monotonic
        for call in CALLS:
            for said in OUTCOMES:
                # Told as 0 from the start: Prometheus sees growth only, and a first failure is one.
                PROVIDER_CALLS.labels(self.name, call, said)

    @property
    def name(self) -> str:
        return self._provider.name

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return self._provider.models

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        return self._provider.encode(request, lane)

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        asked: dict[str, Fact] = {"pictures": outgoing.count, "gen_ai.request.model": outgoing.model}
        name = None
        if outgoing.lane is Lane.LIVE:
            name = f"{GENERATE} {outgoing.model}"
            asked |= {"gen_ai.operation.name": GENERATE, "gen_ai.output.type": "image"}
            asked |= {"gen_ai.request.choice.count": outgoing.count} if outgoing.count > 1 else {}
        with self._counted("submit", name, asked):
            return self._provider.submit(outgoing)

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        with self._counted("find"):
            return self._provider.find(outgoing, since)

    def poll(self, handle: Handle) -> Progress:
        with self._counted("poll"):
            return self._provider.poll(handle)

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Counted once, when it has come to its end or broken off; given up half way it is not counted."""
        waited, read = 0.0, 0
        results = self._provider.results(handle)
        step = begin(f"{self.name} results")
        step.note(**self._named)
        failed: Exception | None = None
        try:
            while True:
                began = self._monotonic()
                try:
                    with step.within():
                        result = next(results, None)
                except Exception as problem:
                    failed = problem
                    self._note("results", outcome(problem), waited + self._monotonic() - began)
                    raise
                waited += self._monotonic() - began
                if result is None:
                    self._note("results", "ok", waited)
                    return
                read += 1
                yield result
        finally:
            said = "ok" if failed is None else outcome(failed)
            step.note(results=read, waited_seconds=round(waited, 3), outcome=said)
            step.end(failed)

    def fetch(self, locator: str) -> bytes:
        with self._counted("fetch"):
            return self._provider.fetch(locator)

    def cancel(self, handle: Handle) -> None:
        with self._counted("cancel"):
            self._provider.cancel(handle)

    def check(self) -> str:
        with self._counted("check"):
            return self._provider.check()

    def close(self) -> None:
        self._provider.close()

    @property
    def _named(self) -> dict[str, Fact]:
        return {"gen_ai.provider.name": registry.gen_ai_name(self.name)}

    @contextmanager
    def _counted(
        self, call: str, name: str | None = None, asked: Mapping[str, Fact] | None = None
    ) -> Iterator[None]:
        began = self._monotonic()
        said = "ok"
        with doing(name or f"{self.name} {call}", call=True, provider=self.name) as step:
            step.note(**self._named, **(asked or {}))
            try:
                yield
            except Exception as problem:
                said = outcome(problem)
                raise
            finally:
                self._note(call, said, self._monotonic() - began)
                step.note(outcome=said)

    def _note(self, call: str, said: str, seconds: float) -> None:
        PROVIDER_CALLS.labels(self.name, call, said).inc()
        PROVIDER_SECONDS.labels(self.name, call).observe(seconds)


def outcome(problem: Exception) -> str:
    """What came of a call, in one of a few words."""
    match problem:
        case AskAgain(kind=FailureKind.RATE_LIMITED):
            return "rate_limited"
        case Refused() if problem.failure.kind is FailureKind.RATE_LIMITED:
            return "rate_limited"
        case AskAgain():
            return "again"
        case MaybeAccepted():
            return "lost"
        case Refused():
            return "refused"
        case TellOperator():
            return "operator"
        case Gone():
            return "gone"
        case NoLookup():
            return "no_lookup"
        case _:
            return "error"
