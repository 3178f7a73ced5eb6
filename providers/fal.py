"""fal.ai: the queue API for FLUX and other picture endpoints, one picture a request, in the live lane.

A submission is one request in fal's queue: `submit` gives a handle with the addresses the server named, and
those are used as they are. Facts: docs.fal.ai (queue, errors, headers, pricing), the platform's OpenAPI of
2026-08-21, fal-client 1.0.3 and @fal-ai/client 1.10.1, read 2026-11-23. There is no idempotency key: a lost
reply is looked up in the platform's list of requests, see `find`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from providers import fal_answers as answers
from providers import fal_requests as requests
from providers.base import (
    Answered,
    AskAgain,
    EncodedLine,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    Progress,
)
from providers.catalogue import ModelCard
from providers.fal_prices import Prices, unit_price
from providers.fal_uploads import INITIATE, Uploads
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Patience, Reply, Wire, bare_key
from providers.wire.errors import redact
from providers.wire.hosts import Hosts
from providers.wire.replies import Replies
from providers.wire.shapes import Unreadable, mapping, text

BASE_URL = "https://queue.fal.run"
PLATFORM_URL = "https://api.fal.ai/v1"
STORAGE_URL = "https://rest.fal.ai"
"""fal's three addresses. Another base URL than the first carries all three, the platform below `/v1`."""
DOMAINS = ("fal.run", "fal.ai")
"""Hosts the key may be sent to."""

START_WITHIN = timedelta(hours=1)
"""How long a request may wait in fal's queue before fal drops it, unbilled (`X-Fal-Request-Timeout`)."""
LOOKUP_SLACK = timedelta(minutes=30)
"""How much earlier than the call itself `find`'s `since` may be, their list's delay included."""
CLOCK_SLACK = timedelta(minutes=10)
MOST_PAGES = 200

_PHASES: Mapping[str, Phase] = {
    "IN_QUEUE": Phase.WAITING,
    "IN_PROGRESS": Phase.RUNNING,
    "COMPLETED": Phase.ENDED,
}
_ANSWERED_AT_ONCE = (FailureKind.CONTENT_POLICY, FailureKind.MALFORMED_REQUEST)
"""What a refused submission says of the item; everything else says something of the account or of fal."""

log = logging.getLogger(__name__)


class Fal:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "fal"

    def __init__(
        self,
        models: Mapping[str, ModelCard],
        *,
        api_key: SecretStr | str,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        patience: Patience | None = None,
        hook_address: str = "",
    ) -> None:
        """Raises TellOperator for a base URL or key that cannot be one.

        `hook_address`: where fal is to send a webhook when a request is over; empty for none.
        """
        key = bare_key(api_key)
        self.models = models
        self._clock = clock
        self._queue_url = base_url.rstrip("/")
        self._hook_address = hook_address
        self._platform_url = PLATFORM_URL if _own(self._queue_url) else f"{self._queue_url}/v1"
        storage_url = storage_address(base_url)
        self._hosts = Hosts(
            title="fal",
            base_url=self._queue_url,
            domains=DOMAINS,
            headers={"authorization": f"Key {key}"},
            secrets=(key, key.partition(":")[2] or key),
            patience=patience,
        )
        bare = Hosts(title="fal", base_url=storage_url, domains=None, headers={}, patience=patience)
        self._bare = bare
        self._pictures = Wire(title="fal", base_url=self._queue_url, patience=patience)
        self._uploads = Uploads(
            ask=lambda wanted: self._hosts.call("POST", storage_url + INITIATE, content=wanted),
            put=lambda url, content, kind: bare.call(
                "PUT", url, content=content, headers={"content-type": kind}
            ),
            refusal=lambda reply: self._replies.refusal(reply, "reference pictures", creates=False),
            clock=clock,
        )
        self._prices = Prices(self._prices_of, clock)
        self._replies = Replies(
            title="fal",
            variable="FAL_BASE_URL",
            safe=self._hosts.safe,
            clock=clock,
            failure=self._failure,
            request_id="x-fal-request-id",
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """One line with the endpoint (its group) and the input. Raises Refused for what the card excludes."""
        return requests.encode(request, lane, self.models, self._clock().date())

    # --- submit ---------------------------------------------------------------------------------------

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """Put the one line into fal's queue, its reference pictures uploaded before.

        A refusal of the item is an answer. A lost reply or a 5xx is MaybeAccepted: the look-up is free, a
        second request is not.
        """
        wish = requests.read_wish(outgoing)
        body = self._uploads.placed(wish.body)
        reply = self._hosts.base.call(
            "POST",
            f"/{wish.endpoint}",
            creates=True,
            content=jsonl.encode(body),
            headers=self._submit_headers(outgoing.model),
            query={"fal_webhook": self._hook_address} if self._hook_address else None,
        )
        if not reply.ok:
            return self._not_taken(reply, wish)
        accepted = reply.fields()
        request_id = text(accepted.get("request_id"))
        if not request_id:
            raise MaybeAccepted("fal's answer to the new request cannot be read; it may have been accepted")
        return self._handle(request_id, wish, outgoing.model, accepted)

    def _submit_headers(self, model: str) -> Mapping[str, str]:
        card = self.models.get(model)
        headers = {
            "x-fal-request-timeout": str(int(START_WITHIN.total_seconds())),
            "x-fal-queue-priority": "normal",
        }
        if card is not None:
            # Their pages disagree how long files are kept unless asked; so it is said.
            seconds = int(card.result_lifetime.total_seconds())
            headers["x-fal-object-lifecycle-preference"] = json.dumps(
                {"expiration_duration_seconds": seconds}
            )
        return headers

    def _not_taken(self, reply: Reply, wish: requests.Wish) -> Answered:
        """The item's failure as an answer. Raises where it is no matter of the item."""
        prompt = text(wish.body.get("prompt"))
        failed = self._failure(reply, prompt)
        if failed.kind in _ANSWERED_AT_ONCE and not 300 <= reply.status < 400:
            return Answered((ItemResult(wish.key, failed),))
        if failed.kind is FailureKind.CANCELLED:
            raise MaybeAccepted(self._replies.sentence(reply, failed))
        raise self._replies.refusal(reply, "requests", creates=True, prompt=prompt)

    def _handle(
        self, request_id: str, wish: requests.Wish, model: str, named: Mapping[str, Any] | None = None
    ) -> Handle:
        """With the addresses the server named; where we may not use one, with what its clients build."""
        data = {"key": wish.key, "model": model, "endpoint": wish.endpoint}
        for name in ("status_url", "response_url", "cancel_url"):
            url = text((named or {}).get(name))
            if url and not self._hosts.trusts(url):
                log.warning("fal named an address of another host for request %s", redact(request_id))
                url = ""
            data[name] = url or self._built(request_id, wish.endpoint, name)
        return Handle(request_id, data)

    def _built(self, request_id: str, endpoint: str, name: str) -> str:
        """As both of their clients build it: without the endpoint's sub-path, which answers 405."""
        parts = endpoint.split("/")
        owner = "/".join(parts[: 3 if parts[0] in ("workflows", "comfy") else 2])
        tail = {"status_url": "/status", "response_url": "", "cancel_url": "/cancel"}[name]
        return f"{self._queue_url}/{owner}/requests/{quote(request_id, safe='')}{tail}"

    def _address(self, handle: Handle, name: str) -> str:
        """The server's own address, unless the handle is from a time when another base URL was set."""
        url = handle.data.get(name, "")
        if url and self._hosts.trusts(url):
            return url
        endpoint = handle.data.get("endpoint") or handle.data.get("model") or ""
        return self._built(handle.id, endpoint, name)

    # --- find -----------------------------------------------------------------------------------------

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """The request with this submission's prompt and seed in the platform's list of requests.

        The list holds what has started, not what still waits in the queue. Not being there means something
        once fal would have dropped a waiting request, `START_WITHIN` after the call (till then: AskAgain).
        Raises NoLookup where the list does not tell the inputs, or the key may not read it.
        """
        wish = requests.read_wish(outgoing)
        query = {
            "endpoint_id": wish.endpoint,
            "start": (since - CLOCK_SLACK).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "expand": "payloads",
            "limit": "100",
        }
        blind = False
        for _ in range(MOST_PAGES):
            page = self._listed(query)
            items = page.get("items")
            if not isinstance(items, list):
                raise AskAgain("fal's list of requests cannot be read")
            for item in map(mapping, items):
                sent = item.get("json_input")
                blind = blind or not isinstance(sent, dict)
                if _same(wish.body, mapping(sent)) and text(item.get("request_id")):
                    return self._handle(text(item["request_id"]), wish, outgoing.model)
            cursor = text(page.get("next_cursor"))
            if not cursor:
                break
            if cursor == query.get("cursor"):
                raise AskAgain("fal's list of requests does not lead on")
            query["cursor"] = cursor
        else:
            raise AskAgain(f"fal's list of requests is longer than {MOST_PAGES} pages")
        if blind:
            raise NoLookup("fal's list of requests does not say what was asked")
        may_wait_until = since + START_WITHIN + LOOKUP_SLACK
        if self._clock() < may_wait_until:
            raise AskAgain(
                "fal lists requests once they start; this one may still wait in its queue",
                retry_after=may_wait_until - self._clock(),
            )
        return None

    def _listed(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        url = f"{self._platform_url}/models/requests/by-endpoint"
        reply = self._hosts.call("GET", url, query=query)
        if reply.status == 403 and self._failure(reply).kind is FailureKind.AUTH:
            raise NoLookup("This key may not read fal's list of requests")
        return self._replies.read(reply, "requests")

    # --- poll, results, fetch -------------------------------------------------------------------------

    def poll(self, handle: Handle) -> Progress:
        """Where the request stands. A failed one is COMPLETED there too. Unknown words count as running."""
        said = self._status(handle)
        status, error_type = text(said.get("status")), text(said.get("error_type"))
        phase = _PHASES.get(status, Phase.RUNNING)
        if status not in _PHASES:
            log.warning("fal's request %s is in a state not met before: %s", handle.id, redact(status))
        failed = phase is Phase.ENDED and _failed(said)
        cancelled = answers.KINDS.get(error_type) is FailureKind.CANCELLED
        return Progress(
            phase=phase,
            total=1,
            completed=int(phase is Phase.ENDED and not failed),
            failed=int(failed),
            unanswered=FailureKind.CANCELLED if cancelled else FailureKind.UNKNOWN,
        )

    def _status(self, handle: Handle) -> Mapping[str, Any]:
        said = self._replies.read(self._hosts.call("GET", self._address(handle, "status_url")), "a request")
        if said.get("status") == "NOT_FOUND":
            raise Gone("fal no longer knows the request")
        return said

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """The one answer. Raises AskAgain while there is none, Gone once it has expired."""
        url = self._address(handle, "response_url")
        reply = self._hosts.call("GET", url, limit=PICTURE_LIMIT)
        outcome = self._outcome(reply, handle) if reply.ok else self._ended_badly(reply, handle)
        yield ItemResult(handle.data.get("key", ""), outcome)

    def _outcome(self, reply: Reply, handle: Handle) -> Made | Failure:
        try:
            body = reply.parsed()
        except Unreadable as problem:
            raise AskAgain(f"fal's result is {problem}") from None
        if _PHASES.get(text(body.get("status")), Phase.ENDED) is not Phase.ENDED:
            raise AskAgain("fal has not finished the request")
        return answers.outcome(body, self._cost(reply, handle))

    def _ended_badly(self, reply: Reply, handle: Handle) -> Failure:
        """A failed request answers with the error it met; its status tells that from a call that failed."""
        if 300 <= reply.status < 400:
            raise self._replies.refusal(reply, "questions", creates=False)
        said = self._status(handle)
        if said.get("status") != "COMPLETED":
            raise AskAgain("fal has not finished the request")
        if reply.status in (404, 410) and not _failed(said):
            raise Gone("fal no longer has the result")
        if not _failed(said) and "x-fal-error-type" not in reply.headers and reply.status != 422:
            raise self._replies.unanswered(reply)
        return self._failure(reply, status=said, cost=self._cost(reply, handle))

    def fetch(self, locator: str) -> bytes:
        """The bytes from fal's file network, asked for without the key: the addresses are public."""
        return self._pictures.fetch_picture(locator)

    def _cost(self, reply: Reply, handle: Handle) -> Decimal | None:
        """USD: the units fal counted x the account's price of a unit; None where either is not told."""
        counted = answers.units(reply.headers)
        if counted is None:
            return None
        if counted == 0:
            return Decimal(0)
        price = self._prices.of(handle.data.get("endpoint", ""))
        return None if price is None else counted * price

    def _prices_of(self, endpoint: str) -> Mapping[str, Any]:
        url = f"{self._platform_url}/models/pricing"
        return self._replies.read(self._hosts.call("GET", url, query={"endpoint_id": endpoint}), "prices")

    # --- cancel, check, close -------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        """Ask to stop. What is over (400, 409) or unknown (404, as after an earlier call) needs no stopping.

        A request that runs may still finish and be billed.
        """
        reply = self._hosts.call("PUT", self._address(handle, "cancel_url"))
        if not reply.ok and reply.status not in (400, 404, 409, 410):
            raise self._replies.unanswered(reply)

    def check(self) -> str:
        """What the first model of the catalogue costs this account: needs the key, makes nothing."""
        today = self._clock().date()
        usable = [card for card in self.models.values() if not card.retired(today)]
        endpoint = usable[0].id if usable else "fal-ai/flux-2-pro"
        found = unit_price(self._prices_of(endpoint), endpoint)
        if found is None:
            return "fal answers"
        return f"fal answers: {endpoint} costs {found[0].normalize():f} USD per {redact(found[1])[:40]}"

    def close(self) -> None:
        self._hosts.close()
        self._bare.close()
        self._pictures.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _failure(
        self,
        reply: Reply,
        prompt: str = "",
        status: Mapping[str, Any] | None = None,
        cost: Decimal | None = None,
    ) -> Failure:
        said = answers.Said(
            reply.status,
            reply.fields(),
            reply.headers,
            error_type=text((status or {}).get("error_type")),
            error=text((status or {}).get("error")),
        )
        return answers.failure(said, lambda words: self._hosts.safe(words, prompt), cost)


def storage_address(base_url: str) -> str:
    """Where fal's storage and its public keys are, for this base URL."""
    return STORAGE_URL if _own(base_url) else base_url.rstrip("/")


def _own(base_url: str) -> bool:
    return urlsplit(base_url).hostname == urlsplit(BASE_URL).hostname


def _failed(status: Mapping[str, Any]) -> bool:
    return bool(text(status.get("error")) or text(status.get("error_type")))


def _same(sent: Mapping[str, Any], listed: Mapping[str, Any]) -> bool:
    """Whether a listed input is the one we sent: prompt, seed and shape. Addresses of files may differ."""
    if sent.get("prompt") != listed.get("prompt") or sent.get("seed") != listed.get("seed"):
        return False
    shape = ("image_size", "aspect_ratio")
    return all(sent.get(name) == listed[name] for name in shape if name in sent and name in listed)
