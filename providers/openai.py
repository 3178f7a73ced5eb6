"""OpenAI: the Batch API by file, and the Images API live; generations and edits with reference pictures.

Facts about the vendor: developers.openai.com (batch guide, image guide, error codes, deprecations) and the
types of its SDK 3.54.0, read in 2026-11. Creating a batch is not idempotent there, so a lost reply is looked
up by the tag in the batch's metadata before anything is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from providers import openai_answers as answers
from providers import openai_requests as requests
from providers.asking import only_line
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
    Made,
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    Progress,
    TellOperator,
)
from providers.catalogue import ModelCard
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Patience, Reply, Wire, bare_key
from providers.wire.errors import redact
from providers.wire.replies import Replies
from providers.wire.shapes import count, mapping, moment, sequence, text

BASE_URL = "https://api.openai.com/v1"

TAG = "imgbatch_submission"
"""Where our submission's id stands in a batch's metadata."""

INPUT_LIFETIME = timedelta(days=3)
"""An uploaded payload goes away by itself: a batch reads it within its window of 24 hours."""
SHORTEST_LIFETIME, LONGEST_LIFETIME = timedelta(hours=1), timedelta(days=30)
"""What `expires_after` may say."""

CLOCK_SLACK = timedelta(minutes=10)
"""How far their clock may be behind ours when batches are looked through by date."""
MOST_PAGES = 2_000

_PHASES: Mapping[str, Phase] = {
    "validating": Phase.WAITING,
    "in_progress": Phase.RUNNING,
    "finalizing": Phase.RUNNING,
    "cancelling": Phase.RUNNING,
    "completed": Phase.ENDED,
    "expired": Phase.ENDED,
    "cancelled": Phase.ENDED,
    "failed": Phase.REJECTED,
}
_UNANSWERED: Mapping[str, FailureKind] = {
    "expired": FailureKind.EXPIRED,
    "cancelled": FailureKind.CANCELLED,
}

log = logging.getLogger(__name__)


class OpenAI:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "openai"

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
        if not key:
            raise TellOperator("No key is set for OpenAI", kind=FailureKind.AUTH)
        self.models = models
        self._clock = clock
        self._wire = Wire(
            title="OpenAI",
            base_url=base_url,
            headers={"authorization": f"Bearer {key}"},
            secrets=(key,),
            patience=patience,
        )
        self._replies = Replies(
            title="OpenAI",
            variable="OPENAI_BASE_URL",
            safe=self._wire.safe,
            clock=clock,
            failure=self._failure,
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """One line as the Batch API reads it; the live lane sends its `body`.

        A seed is left out: the API has none. Raises Refused for what the model's card excludes.
        """
        return requests.encode(request, lane, self.models, self._clock().date())

    # --- submit ---------------------------------------------------------------------------------------

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """Send the payload once: as a batch, or the single line of a live submission.

        A lost reply to the upload is AskAgain, since a file starts nothing; to what comes after it
        MaybeAccepted. Of live calls, only a rate limit, the key or the money raise; the rest is an answer.
        """
        if outgoing.lane is Lane.LIVE:
            return self._live(outgoing)
        return self._create(outgoing, self._upload(outgoing))

    def _upload(self, outgoing: Outgoing) -> str:
        with outgoing.open() as payload:
            reply = self._wire.call(
                "POST",
                "/files",
                form={
                    "purpose": "batch",
                    "expires_after[anchor]": "created_at",
                    "expires_after[seconds]": _seconds(INPUT_LIFETIME),
                },
                file=(f"{outgoing.tag}.jsonl", payload, "application/jsonl"),
                making=True,  # 200 MB are taken in before the reply begins
            )
        if not reply.ok:
            raise self._replies.refusal(reply, "the payload", creates=False)
        file_id = text(reply.fields().get("id"))
        if not file_id:
            raise AskAgain("OpenAI took the payload without naming it")
        return file_id

    def _create(self, outgoing: Outgoing, file_id: str) -> Handle:
        lifetime = _lifetime(self.models.get(outgoing.model))
        wanted = {
            "input_file_id": file_id,
            "endpoint": outgoing.group,
            "completion_window": "24h",
            "metadata": {TAG: outgoing.tag},
            "output_expires_after": {"anchor": "created_at", "seconds": int(lifetime.total_seconds())},
        }
        reply = self._wire.call("POST", "/batches", creates=True, content=jsonl.encode(wanted))
        if not reply.ok:
            # A 5xx is MaybeAccepted (see whole_call): the look-up is free, a second batch is not.
            raise self._replies.refusal(reply, "the batch", creates=True)
        batch_id = text(reply.fields().get("id"))
        if not batch_id:
            raise MaybeAccepted("OpenAI's answer to the new batch cannot be read; it may have been accepted")
        return _handle(batch_id, outgoing)

    def _live(self, outgoing: Outgoing) -> Answered:
        line = only_line(outgoing)
        body = mapping(line.get("body"))
        reply = self._wire.call(
            "POST",
            outgoing.group.removeprefix("/v1"),  # the base URL ends in it
            creates=True,
            content=jsonl.encode(body),
            making=True,
            limit=PICTURE_LIMIT,
        )
        key = text(line.get("custom_id"))
        return Answered((ItemResult(key, self._live_outcome(reply, outgoing, text(body.get("prompt")))),))

    def _live_outcome(self, reply: Reply, outgoing: Outgoing, prompt: str) -> Made | Failure:
        card = self.models.get(outgoing.model)
        tokens = card.tokens if card else None
        edit = outgoing.group == requests.EDITS
        found = self._replies.drawn(
            reply, prompt, lambda body: answers.outcome(body, tokens, Decimal(1), edit=edit)
        )
        if reply.ok or not isinstance(found, Failure):
            return found
        cost = answers.cost_usd(mapping(reply.fields().get("usage")), tokens, Decimal(1), edit=edit)
        return answers.charged(found, cost)

    # --- find, poll, results --------------------------------------------------------------------------

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """The batch with this tag, looked for back to `since`. Raises NoLookup for live calls.

        Whatever cannot be read is AskAgain: None means "send it again", which costs money.
        """
        if outgoing.lane is Lane.LIVE:
            raise NoLookup("OpenAI keeps no list of live calls")
        query = {"limit": "100"}
        for _ in range(MOST_PAGES):
            page = self._read("/batches", "the list of batches", query)
            batches = page.get("data")
            if not isinstance(batches, list):
                raise AskAgain("OpenAI's list of batches cannot be read")
            for batch in map(mapping, batches):
                if text(mapping(batch.get("metadata")).get(TAG)) == outgoing.tag and text(batch.get("id")):
                    return _handle(text(batch["id"]), outgoing)
            if not page.get("has_more") or not any(_recent(mapping(b), since) for b in batches):
                return None
            last = text(page.get("last_id")) or text(mapping(batches[-1]).get("id"))
            if not last or last == query.get("after"):
                raise AskAgain("OpenAI's list of batches does not lead on")
            query["after"] = last
        raise AskAgain(f"OpenAI's list of batches is longer than {MOST_PAGES} pages")

    def poll(self, handle: Handle) -> Progress:
        """Where the batch stands. A state not met before counts as running, so that it is asked again."""
        batch = self._batch(handle)
        status, counts = text(batch.get("status")), mapping(batch.get("request_counts"))
        phase = _PHASES.get(status, Phase.RUNNING)
        if status not in _PHASES:
            log.warning("OpenAI's batch %s is in a state not met before: %s", handle.id, redact(status))
        completed, failed = count(counts.get("completed")), count(counts.get("failed"))
        if phase is Phase.REJECTED and (completed or text(batch.get("output_file_id"))):
            phase = Phase.ENDED  # "failed" should mean that nothing ran; what did run was paid for
        return Progress(
            phase=phase,
            total=count(counts.get("total")),
            completed=completed,
            failed=failed,
            unanswered=_UNANSWERED.get(status, FailureKind.UNKNOWN),
            results_expire_at=_results_expire_at(batch, self.models.get(handle.data.get("model", ""))),
            failure=answers.batch_failure(batch) if phase is Phase.REJECTED else None,
        )

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Every line of the output and error files, each key once, one line in memory at a time.

        A line that cannot be read is logged and left out. Raises AskAgain in the middle when the connection
        keeps being cut: read from the start again then. Raises Gone once the files have expired.
        """
        batch = self._batch(handle)
        output, errors = text(batch.get("output_file_id")), text(batch.get("error_file_id"))
        if not output and count(mapping(batch.get("request_counts")).get("completed")):
            raise AskAgain("OpenAI counts finished pictures but does not name their file yet")
        card, endpoint = self.models.get(handle.data.get("model", "")), text(batch.get("endpoint"))
        seen: set[str] = set()
        for file_id in filter(None, (output, errors)):
            path = f"/files/{quote(file_id, safe='')}/content"
            for line in jsonl.split(self._wire.download(path, self._replies.unanswered)):
                found = answers.result(line, card, endpoint)
                if isinstance(found, answers.Skipped):
                    log.warning("Skipped in file %s of OpenAI's batch %s: %s", file_id, handle.id, found.why)
                elif found.key in seen:
                    log.warning("OpenAI's batch %s answers %s twice", handle.id, redact(found.key))
                else:
                    seen.add(found.key)
                    yield found

    def fetch(self, locator: str) -> bytes:
        """Only gateways that speak this API hand out links; OpenAI's own results carry the bytes."""
        return self._wire.fetch_picture(locator)

    # --- cancel, check, close -------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        """Ask to stop. What is over already (400 or 409) needs no stopping."""
        reply = self._wire.call("POST", f"/batches/{quote(handle.id, safe='')}/cancel")
        if not reply.ok and reply.status not in (400, 409):
            raise self._replies.unanswered(reply)

    def check(self) -> str:
        """Which models the key can use, and which of them will be shut down soon."""
        page = self._read("/models", "the list of models")
        offered = {
            text(m.get("id")): text(m.get("shutdown_date")) for m in map(mapping, sequence(page.get("data")))
        }
        today = self._clock().date()
        usable = [card for name, card in self.models.items() if name in offered and not card.retired(today)]
        said = f"OpenAI answers: {len(usable)} of the known models can be used"
        if usable:
            said += f" ({', '.join(card.id for card in usable)})"
        leaving = []
        for card in usable:
            date = offered[card.id] or (str(card.shutdown) if card.retiring(today) else "")
            if date:
                leaving.append(
                    f"{card.id} on {redact(date)}"
                    + (f", then use {card.successor}" if card.successor else "")
                )
        return said + (f"; shut down soon: {'; '.join(leaving)}" if leaving else "")

    def close(self) -> None:
        self._wire.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _batch(self, handle: Handle) -> Mapping[str, Any]:
        return self._read(f"/batches/{quote(handle.id, safe='')}", "the batch")

    def _read(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._replies.read(self._wire.call("GET", path, query=query), what)

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        return answers.failure(reply.status, reply.fields(), lambda words: self._wire.safe(words, prompt))


def _handle(batch_id: str, outgoing: Outgoing) -> Handle:
    return Handle(batch_id, {"model": outgoing.model, "endpoint": outgoing.group})


def _seconds(span: timedelta) -> str:
    return str(int(span.total_seconds()))


def _lifetime(card: ModelCard | None) -> timedelta:
    """How long to keep results: what the card says, within what may be asked for."""
    return min(max(card.result_lifetime if card else LONGEST_LIFETIME, SHORTEST_LIFETIME), LONGEST_LIFETIME)


def _recent(batch: Mapping[str, Any], since: datetime) -> bool:
    created = moment(batch.get("created_at"))
    return created is None or created >= since.astimezone(UTC) - CLOCK_SLACK


def _results_expire_at(batch: Mapping[str, Any], card: ModelCard | None) -> datetime | None:
    """A lifetime after the files were made; their own date is not told, so the earliest possible counts."""
    begun = moment(batch.get("finalizing_at")) or moment(batch.get("completed_at"))
    begun = begun or moment(batch.get("cancelling_at")) or moment(batch.get("expired_at"))
    return begun + _lifetime(card) if begun else None
