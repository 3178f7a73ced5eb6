"""Google Gemini: the Batch API by file, and `generateContent` live; the Nano Banana family of image models.

Facts about the vendor: ai.google.dev (batch, image generation, files, troubleshooting), the v1beta discovery
document of 2026-08-22 and the bytes of its SDK 3.4.0, read in 2026-11. Pictures go by file only: the answer
to a batch sent inline carries every picture twice and cannot be read once it is large. Creating a batch is
not idempotent there, so a lost reply is looked up by the display name before anything is sent again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from providers import gemini_answers as answers
from providers import gemini_operations as operations
from providers import gemini_requests as requests
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
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    Progress,
)
from providers.catalogue import ModelCard
from providers.gemini_upload import notes, unpack_keys, upload
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Patience, Reply, Wire, bare_key
from providers.wire.errors import redact
from providers.wire.replies import Replies
from providers.wire.shapes import mapping, sequence, text

BASE_URL = "https://generativelanguage.googleapis.com"
VERSION = "v1beta"
"""What the documentation describes; the SDK has gone over to v1. A base URL that ends in one chooses it."""

MOST_PAGES = 2_000
PAGE_SIZE = "100"
SHORTEST_LIFETIME = timedelta(hours=48)
"""Of files in the vendor's store; results are said to stay longer."""
log = logging.getLogger(__name__)


class Gemini:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "gemini"

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
        found = re.fullmatch(r"(.*?)/(v\d+(?:(?:alpha|beta)\d*)?)", base_url.strip().rstrip("/"))
        root, self._version = (found[1], found[2]) if found else (base_url.strip().rstrip("/"), VERSION)
        self.models = models
        self._clock = clock
        self._root = root
        self._wire = Wire(
            title="Gemini",
            base_url=root,
            headers={"x-goog-api-key": key},
            secrets=(key,),
            patience=patience,
        )
        self._replies = Replies(
            title="Gemini",
            variable="GEMINI_BASE_URL",
            safe=self._wire.safe,
            clock=clock,
            failure=self._failure,
            request_id="",
            gone=lambda reply: answers.gone(reply.status, mapping(reply.fields().get("error"))),
        )

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """One line as the Batch API reads it; the live lane sends its `request`.

        Raises Refused for what the model's card excludes, and for sizes no shape and class give exactly.
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
        handed = notes(outgoing)
        file = upload(self._wire, self._root, self._version, outgoing, self._replies.refusal)
        return self._create(outgoing, file, handed)

    def _create(self, outgoing: Outgoing, file: str, handed: Mapping[str, str]) -> Handle:
        wanted = {"batch": {"displayName": outgoing.tag, "inputConfig": {"fileName": file}}}
        path = f"/{self._version}/models/{quote(outgoing.model, safe='')}:batchGenerateContent"
        # Every line is checked before the reply, so it takes its time.
        reply = self._wire.call("POST", path, creates=True, content=jsonl.encode(wanted), making=True)
        if not reply.ok:
            # A 5xx is MaybeAccepted (see whole_call): the look-up is free, a second batch is not. A 400 is a
            # clear no, also where it may be tried again (the file is not ready yet).
            raise self._replies.refusal(reply, "the batch", creates=reply.status != 400)
        name = operations.name_of(reply.fields())
        if not name:
            raise MaybeAccepted("Gemini's answer to the new batch cannot be read; it may have been accepted")
        return Handle(name, handed)

    def _live(self, outgoing: Outgoing) -> Answered:
        line = only_line(outgoing)
        request = mapping(line.get("request"))
        reply = self._wire.call(
            "POST",
            f"/{self._version}/models/{quote(outgoing.model, safe='')}:generateContent",
            creates=True,
            content=jsonl.encode(request),
            making=True,
            limit=PICTURE_LIMIT,
        )
        card = self.models.get(outgoing.model)
        tokens = card.tokens if card else None
        outcome = self._replies.drawn(
            reply, _prompt(request), lambda body: answers.outcome(body, tokens, Decimal(1))
        )
        return Answered((ItemResult(text(line.get("key")), outcome),))

    # --- find, poll, results --------------------------------------------------------------------------

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:  # noqa: ARG002  # see below
        """The batch with this display name. Raises NoLookup for live calls.

        All batches are looked through: in which order they are listed is not documented, so `since` cannot
        end the search. Whatever cannot be read is AskAgain: None means "send it again", which costs money.
        """
        if outgoing.lane is Lane.LIVE:
            raise NoLookup("Gemini keeps no list of live calls")
        query = {"pageSize": PAGE_SIZE}
        for _ in range(MOST_PAGES):
            page = self._read(f"/{self._version}/batches", "the list of batches", query)
            batches = page.get("operations", [])
            if not isinstance(batches, list) or page.keys() - operations.LIST_FIELDS:
                raise AskAgain("Gemini's list of batches cannot be read")
            for operation in map(mapping, batches):
                name = operations.name_of(operation)
                if name and text(operations.batch_of(operation).get("displayName")) == outgoing.tag:
                    return Handle(name, notes(outgoing))
            following = text(page.get("nextPageToken"))
            if not following:
                return None
            if following == query.get("pageToken"):
                raise AskAgain("Gemini's list of batches does not lead on")
            query["pageToken"] = following
        raise AskAgain(f"Gemini's list of batches is longer than {MOST_PAGES} pages")

    def poll(self, handle: Handle) -> Progress:
        """Where the batch stands. A state not met before counts as running, so that it is asked again."""
        operation = self._operation(handle)
        batch, state = operations.batch_of(operation), operations.state_of(operation)
        stats = mapping(batch.get("batchStats"))
        completed = answers.whole(stats.get("successfulRequestCount"))
        failed = answers.whole(stats.get("failedRequestCount"))
        phase = operations.PHASES.get(state, Phase.RUNNING)
        if state not in operations.PHASES:
            log.warning("Gemini's batch %s is in a state not met before: %s", handle.id, redact(state))
        output = operations.output_of(operation)
        if phase is Phase.REJECTED and (completed or output):
            phase = Phase.ENDED  # what did run before it failed was paid for
        ended_at = answers.moment(batch.get("endTime")) or answers.moment(batch.get("updateTime"))
        card = self.models.get(handle.data.get("model", ""))
        return Progress(
            phase=phase,
            total=answers.whole(stats.get("requestCount")),
            completed=completed,
            failed=failed,
            unanswered=operations.UNANSWERED.get(state, FailureKind.UNKNOWN),
            results_expire_at=ended_at + _lifetime(card) if output and ended_at else None,
            failure=answers.batch_failure(mapping(operation.get("error")))
            if phase is Phase.REJECTED
            else None,
        )

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Every line of the output file, each key once, one line in memory at a time.

        A line without a key goes by its place in the file, as long as the lines before it kept the order of
        the input; what cannot be read is logged and left out. Raises AskAgain in the middle when the
        connection keeps being cut: read from the start again then. Raises Gone once the file has expired.
        """
        operation = self._operation(handle)
        file = operations.output_of(operation)
        if not file:
            if operations.state_of(operation) in operations.NOTHING_TO_READ:
                return  # nothing is handed out then
            raise AskAgain("Gemini does not name the file of finished pictures yet")
        card = self.models.get(handle.data.get("model", ""))
        path = f"/download/{self._version}/{quote(file)}:download?alt=media"
        places = chain(unpack_keys(handle.data.get("keys", "")), repeat(None))
        seen: set[str] = set()
        in_order = True
        lines = jsonl.split(self._wire.download(path, self._replies.unanswered))
        for line, place in zip(lines, places, strict=False):
            found = answers.result(line, card, place if in_order else None)
            if isinstance(found, answers.Skipped):
                log.warning("Skipped in file %s of Gemini's %s: %s", redact(file), handle.id, found.why)
                continue
            in_order = in_order and found.key == place
            if found.key in seen:
                log.warning("Gemini's batch %s answers %s twice", handle.id, redact(found.key))
                continue
            seen.add(found.key)
            yield found

    def fetch(self, locator: str) -> bytes:
        """Never needed: the results carry the bytes. Answers for a gateway's links all the same."""
        return self._wire.fetch_picture(locator)

    # --- cancel, check, close -------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        """Ask to stop. What is over already (400 or 409) needs no stopping."""
        reply = self._wire.call("POST", f"{self._path(handle)}:cancel", content=b"{}")
        over = reply.status in (400, 409) and self._failure(reply, "").kind is not FailureKind.AUTH
        if not reply.ok and not over:
            raise self._replies.unanswered(reply)

    def check(self) -> str:
        """Which models the key can use, and which of them will be shut down soon."""
        page = self._read(f"/{self._version}/models", "the list of models", {"pageSize": "1000"})
        offered = {text(mapping(m).get("name")).removeprefix("models/") for m in sequence(page.get("models"))}
        today = self._clock().date()
        usable = [card for name, card in self.models.items() if name in offered and not card.retired(today)]
        said = f"Gemini answers: {len(usable)} of the known models can be used"
        if usable:
            said += f" ({', '.join(card.id for card in usable)})"
        leaving = [
            f"{card.id} on {card.shutdown}" + (f", then use {card.successor}" if card.successor else "")
            for card in usable
            if card.retiring(today)
        ]
        return said + (f"; shut down soon: {'; '.join(leaving)}" if leaving else "")

    def close(self) -> None:
        self._wire.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _path(self, handle: Handle) -> str:
        return f"/{self._version}/batches/{quote(handle.id.removeprefix('batches/'), safe='')}"

    def _operation(self, handle: Handle) -> Mapping[str, Any]:
        return self._read(self._path(handle), "the batch")

    def _read(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._replies.read(self._wire.call("GET", path, query=query), what)

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        return answers.failure(
            reply.status, mapping(reply.fields().get("error")), lambda words: self._wire.safe(words, prompt)
        )


def _prompt(request: Mapping[str, Any]) -> str:
    """The words of a request, to be kept out of what is passed on."""
    parts = (mapping(p) for c in sequence(request.get("contents")) for p in sequence(mapping(c).get("parts")))
    return next((text(part.get("text")) for part in parts if text(part.get("text"))), "")


def _lifetime(card: ModelCard | None) -> timedelta:
    return card.result_lifetime if card else SHORTEST_LIFETIME
