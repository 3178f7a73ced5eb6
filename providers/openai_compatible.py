"""Any server that speaks OpenAI's Images API: LocalAI, vLLM-Omni, SGLang, a gateway. One picture a call.

Only what they have in common is sent: model, prompt, size, n and response_format, and what a row asks for
beyond it. Answers are read leniently: base64, data URLs or links, with usage or without, errors in OpenAI's
envelope, in FastAPI's or as text. Which models there are is the operator's to say (docs/providers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

from pydantic import SecretStr

from providers import at_once
from providers import openai_answers as answers
from providers import openai_requests as requests
from providers.asking import card_for
from providers.at_once import AtOnce
from providers.base import (
    Answered,
    Billed,
    EncodedLine,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    Outgoing,
    Progress,
    TellOperator,
)
from providers.catalogue import ModelCard
from providers.wire.client import Patience, Reply, Wire, bare_key
from providers.wire.errors import redact
from providers.wire.replies import Replies
from providers.wire.shapes import Unreadable, mapping, parse_object, sequence, text

TITLE = "OpenAI-compatible server"
VARIABLE = "OPENAI_COMPATIBLE_BASE_URL"
DEFAULT = "default"
"""The card offered when the operator has none of his own: the server's own choice, so no model is sent."""
SHOWN_MODELS = 8

_REFUSED = re.compile(r"content.?(?:filter|policy)|moderat|safety|nsfw", re.IGNORECASE)
"""Codes gateways have for refused words; their other codes are OpenAI's."""


class OpenAICompatible:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "openai_compatible"

    def __init__(
        self,
        models: Mapping[str, ModelCard],
        *,
        base_url: str,
        clock: Callable[[], datetime],
        api_key: SecretStr | str = "",
        patience: Patience | None = None,
    ) -> None:
        """Raises TellOperator for a base URL or key that cannot be one. Most such servers need no key."""
        key = bare_key(api_key)
        own = {name: card for name, card in models.items() if name != DEFAULT}
        self.models: Mapping[str, ModelCard] = own or models
        self._clock = clock
        self._base_url = base_url.rstrip("/") + "/"
        self._wire = Wire(
            title=TITLE,
            base_url=base_url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            secrets=(key,) if key else (),
            patience=patience,
        )
        self._calls = AtOnce(
            self._wire,
            Replies(
                title=TITLE,
                variable=VARIABLE,
                safe=self._wire.safe,
                clock=clock,
                failure=self._failure,
            ),
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """The body of one call. Raises Refused for what the model's card excludes.

        The card's `extra` fields go in last: an empty text takes a field of ours out again.
        """
        today = self._clock().date()
        card = card_for(TITLE, request, lane, self.models, today)
        line = json.loads(requests.encode(request, lane, self.models, today).line)
        body = {**line["body"], "response_format": "b64_json"}
        del body["output_format"]  # not among what they have in common
        if card.id == DEFAULT:
            del body["model"]
        if request.seed is not None:
            body["seed"] = request.seed
        body.update(card.extra)
        kept = {name: value for name, value in body.items() if value != ""}
        return EncodedLine(line["url"].removeprefix("/v1"), at_once.line(request.key, kept))

    def submit(self, outgoing: Outgoing) -> Answered:
        """The picture itself. Only a rate limit, the key, the money or a lost reply raise."""
        card = self.models.get(outgoing.model)
        edit = requests.EDITS.endswith(outgoing.group)
        return self._calls.answer(outgoing, lambda body: self._outcome(body, card, edit=edit))

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """Raises NoLookup: such servers keep no list."""
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
        """The picture behind a link. Other hosts than the server's own must be https, and get no key."""
        return self._wire.fetch_picture(locator)

    def cancel(self, handle: Handle) -> None:
        """Nothing to stop: whatever was asked has been answered."""

    def check(self) -> str:
        """Which models the server lists, and which of ours it does not. Raises ProviderError."""
        try:
            page = self._calls.ask("/models", "its models")
        except Gone:
            raise TellOperator(
                f"The {TITLE} has no list of models at that address: check {VARIABLE}, which usually ends "
                "in /v1",
                kind=FailureKind.MALFORMED_REQUEST,
            ) from None
        offered = [text(model.get("id")) for model in map(mapping, sequence(page.get("data")))]
        offered = [redact(name) for name in offered if name]
        said = f"The {TITLE} answers: it lists {len(offered)} models"
        if offered:
            more = ", …" if len(offered) > SHOWN_MODELS else ""
            said += f" ({', '.join(offered[:SHOWN_MODELS])}{more})"
        missing = [name for name in self.models if name != DEFAULT and name not in offered]
        return said + (f"; not among them: {', '.join(missing)}" if missing else "")

    def close(self) -> None:
        self._wire.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _outcome(self, body: Mapping[str, Any], card: ModelCard | None, *, edit: bool) -> Made | Failure:
        if body.get("error"):  # some gateways say so with a 200
            return _read_failure(None, body, self._wire.safe)
        entries = [self._absolute(mapping(entry)) for entry in sequence(body.get("data"))]
        tokens = card.tokens if card else None
        found = answers.outcome({**body, "data": entries}, tokens, Decimal(1), edit=edit)
        if isinstance(found, Failure) and found.cost_usd is None:
            return replace(found, billed=Billed.UNKNOWN)
        return found

    def _absolute(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """The entry with its link in full: some servers name a path on themselves."""
        url = text(entry.get("url"))
        if url.startswith("data:"):
            return {"b64_json": url}
        if not url:
            return entry
        try:
            return {**entry, "url": urljoin(self._base_url, url)}
        except ValueError:
            return {}

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        return _read_failure(
            reply.status, _enveloped(reply.body), lambda words: self._wire.safe(words, prompt)
        )


def _read_failure(status: int | None, body: Mapping[str, Any], safe: Callable[[str], str]) -> Failure:
    failed = answers.failure(status, body, safe)
    if _REFUSED.search(failed.code):
        return replace(failed, kind=FailureKind.CONTENT_POLICY, billed=Billed.UNKNOWN)
    if status == 402:
        return replace(failed, kind=FailureKind.QUOTA, billed=Billed.NO)
    return failed


def _enveloped(content: bytes) -> Mapping[str, Any]:
    """A body in OpenAI's envelope, from whichever it came in."""
    try:
        body = parse_object(content)
    except Unreadable:
        words = content[:2_000].decode("utf-8", "replace").strip()
        return {} if words.startswith(("<", "{", "[")) else {"error": {"message": words}}
    if body.get("error"):
        return body
    detail = body.get("detail")
    if isinstance(detail, list):
        # FastAPI: each entry repeats what was sent as `input`, so only its own words are read.
        problems = (mapping(entry) for entry in detail)
        detail = "; ".join(f"{_place(p)}{text(p.get('msg'))}" for p in problems if text(p.get("msg")))
    return {"error": {"message": text(detail) or text(body.get("message")), "code": body.get("code")}}


def _place(problem: Mapping[str, Any]) -> str:
    names = [name for name in sequence(problem.get("loc")) if isinstance(name, str) and name != "body"]
    return f"{'.'.join(names)}: " if names else ""
