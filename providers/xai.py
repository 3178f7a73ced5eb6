"""xAI: the Batch API by file, and the Imagine API live; generations and edits with reference pictures.

Facts about the vendor: docs.x.ai (batch, image generation and editing, debugging, pricing) and the messages
of its SDK 1.21.0, read in 2026-11. The SDK speaks gRPC; this adapter speaks the REST API beside it. Creating
a batch is not idempotent there, so a lost reply is looked up by the batch's name before anything is sent
again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from providers import xai_answers as answers
from providers import xai_requests as requests
from providers.asking import same_lines
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
    TellOperator,
)
from providers.catalogue import ModelCard
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Patience, Reply, Wire, bare_key
from providers.wire.replies import Replies
from providers.wire.shapes import mapping, sequence, text
from providers.xai_results import Results

BASE_URL = "https://api.x.ai/v1"

INPUT_LIFETIME = timedelta(days=3)
"""An uploaded payload goes away by itself; files cost money for as long as they lie there."""

SETTLING = timedelta(seconds=60)
"""How long counters must stand still after a cancel before they are believed: they were seen to go back from
cancelled to succeeded within 20 seconds (see `answers.standing`). Nobody gives a bound; this is three times
that."""
REMEMBERED_BATCHES = 1_000

CLOCK_SLACK = timedelta(minutes=10)
"""How far their clock may be behind ours when batches are looked through by date."""
PAGE = 100
"""Entries asked for at once, as in the docs; more were seen to work."""
MOST_PAGES = 5_000
PAGE_TRIES = 4
"""How often a page of results is asked for when the connection is cut."""


class XAI:
    """The adapter; see `providers.base.Provider` for what each method promises."""

    name = "xai"

    def __init__(
        self,
        models: Mapping[str, ModelCard],
        *,
        api_key: SecretStr | str,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        patience: Patience | None = None,
        settling: timedelta = SETTLING,
    ) -> None:
        """Raises TellOperator for a base URL or key that cannot be one."""
        key = bare_key(api_key)
        if not key:
            raise TellOperator("No key is set for xAI", kind=FailureKind.AUTH)
        self.models = models
        self._clock = clock
        self._settling = settling
        self._unsettled: dict[str, tuple[tuple[int, ...], datetime]] = {}
        self._lock = threading.Lock()
        self._wire = Wire(
            title="xAI",
            base_url=base_url,
            headers={"authorization": f"Bearer {key}"},
            secrets=(key,),
            patience=patience,
        )
        self._replies = Replies(
            title="xAI",
            variable="XAI_BASE_URL",
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
        """Send the payload once: as a batch, or in one live call the lines of one and the same request.

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
                form={"expires_after": str(int(INPUT_LIFETIME.total_seconds()))},  # must precede the file
                file=(f"{outgoing.tag}.jsonl", payload, "application/jsonl"),
                making=True,  # 200 MB are taken in before the reply begins
            )
        if not reply.ok:
            raise self._replies.refusal(reply, "the payload", creates=False)
        file_id = text(reply.fields().get("id"))
        if not file_id:
            raise AskAgain("xAI took the payload without naming it")
        return file_id

    def _create(self, outgoing: Outgoing, file_id: str) -> Handle:
        wanted = {"name": outgoing.tag, "input_file_id": file_id}
        reply = self._wire.call("POST", "/batches", creates=True, content=jsonl.encode(wanted))
        if not reply.ok:
            # A 5xx is MaybeAccepted (see whole_call): the look-up is free, a second batch is not.
            raise self._replies.refusal(reply, "the batch", creates=True)
        batch_id = text(reply.fields().get("batch_id"))
        if not batch_id:
            raise MaybeAccepted("xAI's answer to the new batch cannot be read; it may have been accepted")
        return _handle(batch_id, outgoing)

    def _live(self, outgoing: Outgoing) -> Answered:
        card = self.models.get(outgoing.model)
        keys, line = same_lines(outgoing, card.images_per_call if card else 1)
        body, number = mapping(line.get("body")), len(keys)
        reply = self._wire.call(
            "POST",
            text(line.get("url")).removeprefix("/v1"),  # the base URL ends in it
            creates=True,
            content=jsonl.encode({**body, "n": number}),
            making=True,
            limit=number * PICTURE_LIMIT,
        )
        found = self._replies.drawn_together(reply, text(body.get("prompt")), number, answers.outcomes)
        return Answered(tuple(map(ItemResult, keys, found)))

    # --- find, poll -----------------------------------------------------------------------------------

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """The batch of this name, unless it is older than `since`. Raises NoLookup for live calls.

        Every page is read, since their order is not documented. Whatever cannot be read is AskAgain: None
        means "send it again", which costs money.
        """
        if outgoing.lane is Lane.LIVE:
            raise NoLookup("xAI keeps no list of live calls")
        token = ""
        for _ in range(MOST_PAGES):
            query = {"limit": str(PAGE)} | ({"pagination_token": token} if token else {})
            page = self._read("/batches", "the list of batches", query)
            batches = page.get("batches")
            if not isinstance(batches, list):
                raise AskAgain("xAI's list of batches cannot be read")
            for batch in map(mapping, batches):
                named = text(batch.get("name")) == outgoing.tag and text(batch.get("batch_id"))
                if named and not answers.created_before(batch, since - CLOCK_SLACK):
                    return _handle(text(batch["batch_id"]), outgoing)
            token, before = text(page.get("pagination_token")), token
            if not token:
                return None
            if token == before:
                raise AskAgain("xAI's list of batches does not lead on")
        raise AskAgain(f"xAI's list of batches is longer than {MOST_PAGES} pages")

    def poll(self, handle: Handle) -> Progress:
        """Where the batch stands, by its counters.

        An end that may still be taken back counts as running until it has stood still for `settling`; after
        a restart that time begins again.
        """
        batch, now = self._batch(handle), self._clock()
        found = answers.standing(batch, _expected(handle), now)
        if found.settled or found.progress.phase in (Phase.WAITING, Phase.RUNNING):
            return found.progress
        with self._lock:
            counters, seen = self._unsettled.get(handle.id, (None, now))
            if counters != found.counters:
                seen = now
                self._unsettled.pop(handle.id, None)  # so that it becomes the youngest
                self._unsettled[handle.id] = (found.counters, seen)
                if len(self._unsettled) > REMEMBERED_BATCHES:
                    del self._unsettled[next(iter(self._unsettled))]
        if now - seen >= self._settling:
            return found.progress
        return replace(found.progress, phase=Phase.RUNNING, failure=None)

    def _batch(self, handle: Handle) -> Mapping[str, Any]:
        batch = self._read(f"/batches/{quote(handle.id, safe='')}", "the batch")
        if not text(batch.get("batch_id")) or not isinstance(batch.get("state"), dict):
            raise AskAgain("xAI's answer about the batch cannot be read")
        return batch

    # --- results --------------------------------------------------------------------------------------

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Every row of every page, each key once, with the bytes of its picture.

        The links in a page die an hour after it is read, so pictures are fetched while paging, a few at once;
        one that cannot be had now comes as its link, for `fetch` to try again soon. A row that cannot be read
        is logged and left out. Raises AskAgain in the middle when the connection keeps being cut: read from
        the start again then. Raises Gone once the batch is not there any more.
        """
        cancelled = answers.cancelled_means(self._batch(handle))
        yield from Results(handle.id, lambda token: self._page(handle, token), self.fetch, cancelled)

    def _page(self, handle: Handle, token: str) -> Mapping[str, Any]:
        query = {"limit": str(PAGE)} | ({"pagination_token": token} if token else {})
        path = f"/batches/{quote(handle.id, safe='')}/results"
        for left in reversed(range(PAGE_TRIES)):
            try:
                reply = self._wire.call("GET", path, query=query, limit=PICTURE_LIMIT)
            except AskAgain:
                if not left:
                    raise
            else:
                break
        page = self._replies.read(reply, "the results")
        if not isinstance(page.get("results"), list):
            raise AskAgain("xAI's page of results cannot be read")
        return page

    def fetch(self, locator: str) -> bytes:
        """The picture behind a link; links die an hour after their page was read, and then this is Gone."""
        return self._wire.fetch_picture(locator)

    # --- cancel, check, close -------------------------------------------------------------------------

    def cancel(self, handle: Handle) -> None:
        """Ask to stop. What is over already (400, 409 or 412) needs no stopping."""
        reply = self._wire.call("POST", f"/batches/{quote(handle.id, safe='')}:cancel")
        if reply.ok:
            return
        over = reply.status in (400, 409, 412)
        if not over or self._failure(reply, "").kind is not FailureKind.MALFORMED_REQUEST:
            raise self._replies.unanswered(reply)

    def check(self) -> str:
        """Which of the known models the key can use."""
        page = self._read("/image-generation-models", "the list of image models")
        offered: set[str] = set()
        for model in map(mapping, (*sequence(page.get("models")), *sequence(page.get("data")))):
            offered |= {text(model.get("id")), text(model.get("name"))}
            offered |= {text(alias) for alias in sequence(model.get("aliases"))}
        today = self._clock().date()
        known = (card for name, card in self.models.items() if name in offered)
        usable = [card.id for card in known if not card.retired(today)]
        said = f"xAI answers: {len(usable)} of the known models can be used"
        return said + (f" ({', '.join(usable)})" if usable else "")

    def close(self) -> None:
        self._wire.close()

    # --- what their replies mean ----------------------------------------------------------------------

    def _read(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return self._replies.read(self._wire.call("GET", path, query=query), what)

    def _failure(self, reply: Reply, prompt: str) -> Failure:
        return answers.failure(reply.status, reply.fields(), lambda words: self._wire.safe(words, prompt))


def _handle(batch_id: str, outgoing: Outgoing) -> Handle:
    return Handle(batch_id, {"model": outgoing.model, "count": str(outgoing.count)})


def _expected(handle: Handle) -> int:
    sent = handle.data.get("count", "")
    return int(sent) if sent.isascii() and sent.isdigit() else 0
