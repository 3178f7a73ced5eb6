"""What may leave in one round of `submit`: pauses, probes, and the vendor's own limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from bot.pipeline.breaker import PROBES, SPEAKING, Standing, standing
from bot.pipeline.cadence import take
from bot.runtime import Context
from providers.base import Lane, Provider
from providers.catalogue import Limits
from storage.records import Submission


class Gate:
    """Counts what it lets through, by provider; made anew each round, so that each figure is read once."""

    def __init__(self, ctx: Context, now: datetime, due: Sequence[Submission]) -> None:
        self._ctx = ctx
        self._now = now
        self._pauses = ctx.notices.pauses()
        # A live call that waits for a caller is not yet SENDING, and will be.
        self._handed_over = Counter(s.provider for s in due if s.id in ctx.sending)
        self._let = Counter[str]()
        self._let_tokens = Counter[tuple[str, str]]()
        self._queue_full: set[tuple[str, str]] = set()
        self._enqueued = lru_cache(None)(ctx.queries.enqueued_tokens)
        self._counts = lru_cache(None)(self._read_counts)
        self._probes = lru_cache(None)(self._read_probes)

    def lets(self, submission: Submission) -> bool:
        """Whether this one may leave now; it is counted if so."""
        name = submission.provider
        provider = self._ctx.providers.get(name)
        card = provider.models.get(submission.model) if provider else None
        if provider is None or card is None or submission.id in self._ctx.sending:
            return False
        live = submission.lane == Lane.LIVE
        match standing(self._pauses.get(name), self._now):
            case Standing.OPEN:
                return False
            case Standing.HALF_OPEN if self._let[name] >= min(
                self._probes(name, submission.lane), PROBES if live else 1
            ):
                return False
            case _:
                pass
        if live and not self._turn_is_near(provider):
            return False
        if not self._within(submission, card.limits, live=live):
            return False
        self._let[name] += 1
        self._let_tokens[name, submission.model] += submission.tokens
        return True

    def _within(self, submission: Submission, limits: Limits, *, live: bool) -> bool:
        """Within the limits on open submissions, on creations an hour and enqueued tokens (batches), and on
        calls (live).
        """
        name = submission.provider
        if not live and not self._queue_takes(submission, limits.enqueued_tokens):
            return False
        most_open = limits.open_submissions
        hourly = None if live else limits.submissions_per_hour
        paced = live and (
            limits.requests_per_second or limits.requests_per_minute or limits.images_per_minute
        )
        if most_open is None and hourly is None and not paced:
            return True
        now_open, sent, calling = self._counts(name)
        mine = self._let[name] + self._handed_over[name]
        if most_open is not None and now_open + mine >= most_open:
            return False
        if hourly is not None and sent + self._let[name] >= hourly:
            return False
        # Counted calls must begin when they are counted: none may queue for a caller.
        return not paced or (
            calling + mine < limits.concurrency
            and take(self._ctx.buckets, name, limits, self._now, submission.count)
        )

    def _queue_takes(self, submission: Submission, limit: int | None) -> bool:
        """Whether its tokens fit in the vendor's queue. What is too large alone goes when the queue is empty;
        what waits is not overtaken by smaller ones, which would keep it waiting.
        """
        if limit is None:
            return True
        queue = (submission.provider, submission.model)
        waiting = self._enqueued(*queue) + self._let_tokens[queue]
        if queue in self._queue_full or (waiting and waiting + submission.tokens > limit):
            self._queue_full.add(queue)
            return False
        return True

    def _turn_is_near(self, provider: Provider) -> bool:
        """Whether a caller would have a turn for it soon: of a provider that turned calls away, few wait."""
        backlog = self._ctx.turns.backlog(provider)
        return backlog is None or self._handed_over[provider.name] + self._let[provider.name] < backlog

    def _read_counts(self, name: str) -> tuple[int, int, int]:
        now_open, sent = self._ctx.queries.open_submissions(name, self._now - timedelta(hours=1))
        return now_open, sent, self._ctx.queries.calling(name)

    def _read_probes(self, name: str, lane: str) -> int:
        out = self._ctx.queries.probing(name, self._pauses[name].until, SPEAKING, lane)
        handed_over = lane == Lane.LIVE and self._handed_over[name]
        return 0 if out.under_way or handed_over else PROBES
