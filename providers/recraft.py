"""Recraft: raster and vector pictures, live; every call answers with the pictures themselves.

Facts about the vendor: recraft.ai/docs/api-reference and its OpenAPI description of 2026-08-22, read in
2026-11. There is no job, no list of calls, no cancel and no idempotency key: a lost reply cannot be found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import SecretStr

from providers import recraft_answers as answers
from providers import recraft_requests as requests
from providers.at_once import AtOnce
from providers.base import (
    Answered,
    EncodedLine,
    Failure,
    FailureKind,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Outgoing,
    Progress,
    TellOperator,
)
from providers.catalogue import ModelCard
from providers.wire.client import Patience, Reply, Wire, bare_key
from providers.wire.replies import Replies

BASE_URL = "https://external.api.recraft.ai/v1"

PAUSE = timedelta(seconds=10)
"""After "too many requests", which comes without Retry-After. The longer of the two limits counts a minute's
pictures, so waiting a second would only bring the next one."""


class Recraft:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "recraft"

    def __init__(
        self,
        models: Mapping[str, ModelCard],
        *,
        api_key: SecretStr | str,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        patience: Patience | None = None,
    ) -> None:
        """Raises TellOperator for a base URL or token that cannot be one."""
        key = bare_key(api_key)
        if not key:
            raise TellOperator("No token is set for Recraft", kind=FailureKind.AUTH)
        self.models = models
        self._clock = clock
        self._wire = Wire(
            title="Recraft",
            base_url=base_url,
            headers={"authorization": f"Bearer {key}"},
            secrets=(key,),
            patience=patience,
        )
        self._calls = AtOnce(
            self._wire,
            Replies(
                title="Recraft",
                variable="RECRAFT_BASE_URL",
                safe=self._wire.safe,
                clock=clock,
                failure=self._failure,
                request_id="x-recraft-requestid",
                pause=PAUSE,
            ),
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """The body of one call. Raises Refused for what the model's card excludes."""
        return requests.encode(request, lane, self.models, self._clock().date())

    def submit(self, outgoing: Outgoing) -> Answered:
        """The pictures themselves. Only a rate limit, the token, the units or a lost reply raise."""
        card = self.models.get(outgoing.model)
        most = card.images_per_call if card else 1
        outcomes = functools.partial(answers.outcomes, vector=card is not None and card.vector)
        return self._calls.answer_together(outgoing, most, outcomes)

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """Raises NoLookup: Recraft keeps no list."""
        del outgoing, since
        raise self._calls.no_lookup()

    def poll(self, handle: Handle) -> Progress:
        """Raises Gone: no handle was ever given out."""
        del handle
        raise self._calls.gone()

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Raises Gone: the results came with the answer."""
        del handle
        raise self._calls.gone()

    def fetch(self, locator: str) -> bytes:
        """The picture behind a link, should an answer hold one; links live about a day."""
        return self._wire.fetch_picture(locator)

    def cancel(self, handle: Handle) -> None:
        """Nothing to stop: whatever was asked has been answered."""

    def check(self) -> str:
        """How many units are left. Raises TellOperator when there are none: then nothing is drawn."""
        units = self._calls.ask("/users/me", "the account").get("credits")
        if isinstance(units, bool) or not isinstance(units, int):
            return "Recraft answers; it does not say how many units are left"
        if units <= 0:
            raise TellOperator("Recraft: no units are left; buy some to go on", kind=FailureKind.QUOTA)
        return f"Recraft answers: {units:,} units are left, worth ${units / answers.UNITS_PER_USD:,.2f}"

    def close(self) -> None:
        self._wire.close()

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        return answers.failure(reply.status, reply.body, lambda words: self._wire.safe(words, prompt))
