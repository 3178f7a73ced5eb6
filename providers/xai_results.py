"""Reading a batch's results page by page, with the pictures fetched while their links live.

Links are signed when a page is read and die an hour later (docs.x.ai batch page, 2026-11); reading the page
again gives fresh ones.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from providers import xai_answers as answers
from providers.base import AskAgain, Billed, Failure, FailureKind, Gone, ItemResult, Picture
from providers.wire.errors import redact
from providers.wire.shapes import mapping, sequence, text

MOST_PAGES = 5_000
FETCHERS = 8
"""Pictures fetched at once; as many are held in memory."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Results:
    """One batch's results. Iterate as often as needed; each time they are read from the start."""

    batch_id: str
    page: Callable[[str], Mapping[str, Any]]
    """Reads the page a token names ("" the first). Raises AskAgain or Gone."""
    fetch: Callable[[str], bytes]
    """Reads the picture behind a link. Raises AskAgain or Gone."""
    cancelled: FailureKind
    """What a row means that says it was cancelled."""

    def __iter__(self) -> Iterator[ItemResult]:
        """Each key once. A picture that cannot be had now comes as its link, to be tried again soon."""
        seen: set[str] = set()
        token = ""
        for _ in range(MOST_PAGES):
            page = self.page(token)
            yield from self._with_pictures(token, self._new(page, seen))
            token, before = text(page.get("pagination_token")), token
            if not token:
                return
            if token == before:
                raise AskAgain("xAI's results do not lead on")
        raise AskAgain(f"xAI's results are longer than {MOST_PAGES} pages")

    def _rows(self, page: Mapping[str, Any]) -> Iterator[ItemResult]:
        for entry in map(mapping, sequence(page.get("results"))):
            result = answers.row(entry)
            if result is None:
                log.warning("A result of xAI's batch %s does not say whose it is", self.batch_id)
            elif isinstance(result.outcome, Failure) and result.outcome.kind is FailureKind.CANCELLED:
                yield replace(result, outcome=replace(result.outcome, kind=self.cancelled))
            else:
                yield result

    def _new(self, page: Mapping[str, Any], seen: set[str]) -> Sequence[ItemResult]:
        fresh = []
        for result in self._rows(page):
            if result.key in seen:
                log.warning("xAI's batch %s answers %s twice", self.batch_id, redact(result.key))
                continue
            seen.add(result.key)
            fresh.append(result)
        return fresh

    def _with_pictures(self, token: str, found: Sequence[ItemResult]) -> Iterator[ItemResult]:
        """The same results in the same order, their links replaced by bytes, a few fetched ahead."""
        pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="xai-fetch")
        ahead: deque[tuple[ItemResult, Future[ItemResult]]] = deque()
        left = iter(found)
        try:
            while True:
                while len(ahead) < FETCHERS and (result := next(left, None)):
                    ahead.append((result, pool.submit(self._carried, result)))
                if not ahead:
                    return
                result, carried = ahead.popleft()
                try:
                    done = carried.result()
                except Gone as gone:
                    done = self._carried_late(token, result, gone)
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _carried(self, result: ItemResult) -> ItemResult:
        """The result with its pictures' bytes; with their links where those fail for now. Raises Gone."""
        if isinstance(result.outcome, Failure):
            return result
        pictures = tuple(self._carry(picture) for picture in result.outcome.pictures)
        return replace(result, outcome=replace(result.outcome, pictures=pictures))

    def _carry(self, picture: Picture) -> Picture:
        if picture.locator is None:
            return picture
        try:
            return Picture(self.fetch(picture.locator), media_type=picture.media_type)
        except AskAgain as problem:
            log.info("A picture of xAI's batch %s is left for later: %s", self.batch_id, problem)
            return picture

    def _carried_late(self, token: str, dead: ItemResult, gone: Gone) -> ItemResult:
        """The result whose link had died, by a fresh one; a failure if that is dead as well."""
        try:
            for result in self._rows(self.page(token)):
                if result.key == dead.key:
                    return self._carried(result)
        except Gone as again:
            gone = again
        failed = Failure(FailureKind.EXPIRED, "picture_gone", str(gone), Billed.YES, dead.outcome.cost_usd)
        return replace(dead, outcome=failed)
