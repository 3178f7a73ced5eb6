"""Many one-picture submissions seen as one batch, so that an adapter without a batch lane keeps the contract.

It does what the bot does with such an adapter: one submission for each line, each with a tag of its own, each
remembered once it was accepted. Nothing is hidden: what the adapter raises comes through.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from urllib.parse import urlsplit

from meddler import Answer, Asked, Meddler
from provider_contract import ended

from providers.base import (
    Answered,
    AskAgain,
    EncodedLine,
    Failure,
    FailureKind,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Outgoing,
    Phase,
    Progress,
    Provider,
    ProviderError,
    Refused,
)
from providers.catalogue import ModelCard

PARTS = "parts"
"""Where a handle of ours keeps those of its parts; one without is the adapter's own."""


class Bunch:
    """The adapter, one picture at a time."""

    def __init__(self, inner: Provider) -> None:
        self.inner = inner
        self._accepted: dict[str, Handle] = {}

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return self.inner.models

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        return self.inner.encode(request, Lane.LIVE)

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """A batch: every line not accepted yet. A live call: to its end."""
        if outgoing.lane is Lane.LIVE:
            reply = self.inner.submit(outgoing)
            if isinstance(reply, Answered):
                return reply
            ended(self.inner, reply)
            return Answered(tuple(self.inner.results(reply)))
        for single in _singles(outgoing):
            if single.tag not in self._accepted:
                reply = self.inner.submit(single)
                if isinstance(reply, Answered):
                    raise _refusal(reply)
                self._accepted[single.tag] = reply
        return self._together(outgoing)

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        if outgoing.lane is Lane.LIVE:
            return self.inner.find(outgoing, since)
        for single in _singles(outgoing):
            if single.tag in self._accepted:
                continue
            found = self.inner.find(single, since)
            if found is None:
                return None
            self._accepted[single.tag] = found
        return self._together(outgoing)

    def poll(self, handle: Handle) -> Progress:
        if PARTS not in handle.data:
            return self.inner.poll(handle)
        every = [self.inner.poll(part) for part in _parts(handle)]
        over = all(one.phase is Phase.ENDED for one in every)
        expiries = [one.results_expire_at for one in every if one.results_expire_at]
        return Progress(
            phase=Phase.ENDED if over else Phase.RUNNING,
            total=sum(one.total for one in every),
            completed=sum(one.completed for one in every),
            failed=sum(one.failed for one in every),
            unanswered=every[0].unanswered,
            results_expire_at=min(expiries, default=None),
        )

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        if PARTS not in handle.data:
            yield from self.inner.results(handle)
            return
        for part in _parts(handle):
            yield from self.inner.results(part)

    def fetch(self, locator: str) -> bytes:
        return self.inner.fetch(locator)

    def cancel(self, handle: Handle) -> None:
        for part in _parts(handle) if PARTS in handle.data else [handle]:
            self.inner.cancel(part)

    def check(self) -> str:
        return self.inner.check()

    def close(self) -> None:
        self.inner.close()

    def _together(self, outgoing: Outgoing) -> Handle:
        parts = [asdict(self._accepted[single.tag]) for single in _singles(outgoing)]
        return Handle(outgoing.tag, {PARTS: json.dumps(parts)})


def _parts(handle: Handle) -> list[Handle]:
    return [Handle(part["id"], part["data"]) for part in json.loads(handle.data[PARTS])]


def _singles(outgoing: Outgoing) -> list[Outgoing]:
    """A submission for each line, tagged by its place."""
    lines = outgoing.open().read().split(b"\n")[:-1]
    return [
        Outgoing(
            f"{outgoing.tag}-{place}",
            outgoing.model,
            Lane.LIVE,
            outgoing.group,
            1,
            len(line) + 1,
            lambda line=line: io.BytesIO(line + b"\n"),  # type: ignore[misc]
        )
        for place, line in enumerate(lines)
    ]


def _refusal(reply: Answered) -> ProviderError:
    """A failure told instead of a handle: what the bot tries again, and what it does not."""
    failure = reply.results[0].outcome
    assert isinstance(failure, Failure)
    if failure.kind in (FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.UNKNOWN):
        return AskAgain(failure.message, kind=failure.kind)
    return Refused(failure)


class Proxy(Meddler):
    """A meddler whose vendor's addresses lead back to it, as behind a real proxy."""

    def _forward(self, asked: Asked) -> Answer:
        real = super()._forward(asked)
        there, here = f"http://{self._upstream.netloc}", f"http://{urlsplit(self.url).netloc}"
        return replace(real, body=real.body.replace(there.encode(), here.encode()))
