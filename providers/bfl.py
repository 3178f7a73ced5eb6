"""Black Forest Labs: its own API for FLUX, one picture a task, in the live lane.

`submit` starts a task and gives a handle with the address to poll, which is on another host than the one the
task was sent to and is used as it is. Pictures can be had for ten minutes and are fetched with the result.
There is no cancel, no batch, no idempotency key and no list of tasks: a lost reply stays in doubt. Facts: the
vendor's OpenAPI description of 2026-04-23, docs.bfl.ai (integration, errors, limits), read 2026-11-23.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from providers import bfl_answers as answers
from providers import bfl_requests as requests
from providers.base import (
    Answered,
    AskAgain,
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
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    Picture,
    Progress,
    ProviderError,
)
from providers.catalogue import ModelCard
from providers.wire import jsonl, pictures
from providers.wire.client import Patience, Reply, Wire, bare_key
from providers.wire.errors import redact, retry_after
from providers.wire.hosts import Hosts
from providers.wire.replies import Replies
from providers.wire.shapes import mapping, text

BASE_URL = "https://api.bfl.ai"
"""The global address; `https://api.eu.bfl.ai` and `https://api.us.bfl.ai` keep tasks in a region."""
DOMAINS = ("bfl.ai",)
"""Hosts the key may be sent to: tasks are polled at a cluster's own, such as api.us1.bfl.ai."""

DELIVERY = timedelta(minutes=10)
"""How long a picture can be had where the model's card does not say."""
SLOT_WAIT = timedelta(seconds=5)
"""How long to leave the vendor alone when all the account's tasks are active and it does not say itself."""

_ANSWERS = (500, 503)
"""Server errors the vendor documents. Another 5xx comes from a gateway that may have passed the task on."""

log = logging.getLogger(__name__)


class Bfl:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "bfl"

    def __init__(
        self,
        models: Mapping[str, ModelCard],
        *,
        api_key: SecretStr | str,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        patience: Patience | None = None,
    ) -> None:
        """Raises TellOperator for a base URL or key that cannot be one."""
        key = bare_key(api_key)
        self.models = models
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._hosts = Hosts(
            title="Black Forest Labs",
            base_url=self._base_url,
            domains=DOMAINS,
            headers={"x-key": key},
            secrets=(key,),
            patience=patience,
        )
        self._pictures = Wire(title="Black Forest Labs", base_url=self._base_url, patience=patience)
        self._replies = Replies(
            title="Black Forest Labs",
            variable="BFL_BASE_URL",
            safe=self._hosts.safe,
            clock=clock,
            failure=self._failure,
            request_id="",
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """One line with the model (its group) and the input. Raises Refused for what the card excludes.

        For `flux-3-image` a seed is left out: that API refuses one.
        """
        return requests.encode(request, lane, self.models, self._clock().date())

    # --- submit ---------------------------------------------------------------------------------------

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """Start the one task. A refusal or a documented server error is an answer about the item.

        A lost reply, and a gateway's error, is MaybeAccepted; nobody can look it up. 429 is AskAgain: all the
        tasks the account may have are active.
        """
        wish = requests.read_wish(outgoing)
        reply = self._hosts.base.call(
            "POST",
            f"/v1/{quote(wish.model, safe='')}",
            creates=True,
            content=jsonl.encode(wish.body),
        )
        if not reply.ok:
            return self._not_taken(reply, wish)
        started = reply.fields()
        task_id = text(started.get("id"))
        if not task_id:
            raise MaybeAccepted(
                "Black Forest Labs' answer to the new task cannot be read; it may have been accepted"
            )
        data = {"key": wish.key, "model": wish.model, "polling_url": self._polling_url(task_id, started)}
        quoted = answers.usd(started.get("cost"))
        if quoted is not None:
            data["cost_usd"] = str(quoted)
        return Handle(task_id, data)

    def _not_taken(self, reply: Reply, wish: requests.Wish) -> Answered:
        """The item's failure as an answer. Raises where it is no matter of the item."""
        prompt = text(wish.body.get("prompt"))
        failed = self._failure(reply, prompt)
        answered = failed.kind is FailureKind.MALFORMED_REQUEST or reply.status in _ANSWERS
        if answered and reply.status >= 400:
            return Answered((ItemResult(wish.key, failed),))
        raise self._replies.refusal(reply, "tasks", creates=True, prompt=prompt)

    def _polling_url(self, task_id: str, started: Mapping[str, Any]) -> str:
        """The server's own address; without one we may use, the one of the address we were given."""
        url = text(started.get("polling_url"))
        if url and self._hosts.trusts(url):
            return url
        if url:
            log.warning("Black Forest Labs named an address of another host for task %s", redact(task_id))
        return f"{self._base_url}/v1/get_result?id={quote(task_id, safe='')}"

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """Always NoLookup: there is no list of tasks, and no mark of ours that it would keep."""
        del outgoing, since
        raise NoLookup("Black Forest Labs keeps no list of tasks")

    # --- poll, results, fetch -------------------------------------------------------------------------

    def poll(self, handle: Handle) -> Progress:
        """Where the task stands. Words not met before count as running, so that it is asked again."""
        task = self._task(handle)
        status = text(task.get("status"))
        phase = answers.PHASES.get(status, Phase.RUNNING)
        if status not in answers.PHASES:
            log.warning(
                "Black Forest Labs' task %s is in a state not met before: %s", handle.id, redact(status)
            )
        ready = status == answers.READY
        return Progress(
            phase=phase,
            total=1,
            completed=int(ready),
            failed=int(phase is Phase.ENDED and not ready),
            results_expire_at=answers.expires(task, self._lifetime(handle)) if ready else None,
        )

    def _task(self, handle: Handle) -> Mapping[str, Any]:
        url = handle.data.get("polling_url", "")
        if not self._hosts.trusts(url):  # kept when another base URL was set, or found by hand
            url = self._polling_url(handle.id, {})
        reply = self._hosts.call("GET", url)
        task = reply.fields()
        status = text(task.get("status"))
        if status == answers.NOT_FOUND:
            raise Gone("Black Forest Labs no longer knows the task")
        # A state has been seen under 404, 422 and 503 as well: where it is this task's, it counts.
        if reply.ok or (status in answers.PHASES and text(task.get("id")) == handle.id):
            if not task:
                raise AskAgain("Black Forest Labs' answer about a task cannot be read")
            return task
        raise self._read_refusal(reply)

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """The one answer, with the picture's bytes: its address is dead in ten minutes.

        Raises AskAgain while there is none and when the picture cannot be fetched just now, or Gone.
        """
        yield ItemResult(handle.data.get("key", ""), self._outcome(self._task(handle), handle))

    def _outcome(self, task: Mapping[str, Any], handle: Handle) -> Made | Failure:
        status, cost = text(task.get("status")), _quoted(handle)
        if status in answers.FAILURES:
            return answers.task_failure(task, cost, self._hosts.safe)
        if status != answers.READY:
            raise AskAgain("Black Forest Labs has not finished the task")
        sample = text(mapping(task.get("result")).get("sample"))
        if not sample:
            words = "no picture in the answer"
            return Failure(FailureKind.UNKNOWN, "no_picture", words, Billed.YES, cost)
        try:
            content = self.fetch(sample)
        except Gone as problem:
            return Failure(FailureKind.EXPIRED, "delivery_expired", str(problem), Billed.YES, cost)
        return Made((Picture(content=content, media_type=pictures.media_type(content)),), cost)

    def fetch(self, locator: str) -> bytes:
        """The bytes from the delivery network, asked for without the key. `results` has them already."""
        return self._pictures.fetch_picture(locator)

    def _lifetime(self, handle: Handle) -> timedelta:
        card = self.models.get(handle.data.get("model", ""))
        return card.result_lifetime if card else DELIVERY

    # --- cancel, check, close -------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        """Nothing can be asked: the vendor has no cancel. The task ends in seconds, and is billed."""

    def check(self) -> str:
        """How many credits are left: needs the key, makes nothing."""
        reply = self._hosts.base.call("GET", "/v1/credits")
        if not reply.ok:
            raise self._read_refusal(reply)
        left = answers.usd(reply.fields().get("credits"))
        said = f": {left:.2f} USD of credits are left" if left is not None else ""
        return f"Black Forest Labs answers{said}"

    def close(self) -> None:
        self._hosts.close()
        self._pictures.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        failed = answers.failure(reply.status, reply.fields(), lambda words: self._hosts.safe(words, prompt))
        if failed.kind is not FailureKind.RATE_LIMITED:
            return failed
        return replace(failed, retry_after=retry_after(reply.headers, self._clock()) or SLOT_WAIT)

    def _read_refusal(self, reply: Reply) -> ProviderError:
        """The error for a question that was not answered."""
        if reply.status in (404, 410):
            return Gone("Black Forest Labs no longer knows the task")
        return self._replies.unanswered(reply)


def _quoted(handle: Handle) -> Decimal | None:
    """What the vendor said at the start that the task costs."""
    try:
        return Decimal(handle.data.get("cost_usd", ""))
    except InvalidOperation:
        return None
