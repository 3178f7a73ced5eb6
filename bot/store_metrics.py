"""What the data store knows, for `/metrics`: what there is now, and what people paid for and got.

The latter is counted from the first of the calendar month on (UTC): a restart neither loses nor repeats
anything, and what is read stays small. At the turn of the month these counters begin at nothing, as after a
restart of a program that keeps nothing; Prometheus' functions know that. Providers and models that the
catalogue does not know count as “other”.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily as Counted
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from bot.pipeline.expiring import expiring
from bot.runtime import Context
from bot.watch.alerts import Rule
from providers.base import FailureKind, Lane, Provider
from storage.engine import StoreError
from storage.gauges import Backlog, Settled
from storage.states import UNDER_WAY, ItemState, JobState

OTHER = "other"
"""A provider or model that is not (any more) in the catalogue."""

OUTCOMES = ("made", "not_sent", "in_doubt", *(kind.value for kind in FailureKind))
"""What an answer can be, or the lack of one that is not waited for any more."""

FRESH = timedelta(minutes=1)
"""What is made is fetched within seconds; after this it counts as not fetched."""

STILL_CHANGING = timedelta(hours=6)
"""Answers are dated when their reading began, and written down in the hours after, as long as results are
waited for (`Policy.results_patience`).
"""

Key = tuple[str, str, str]
"""Provider, model and lane."""


class Store(Collector):
    """What the data store knows."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._answers = Answers(ctx)

    def collect(self) -> Iterable[Metric]:
        """Where it cannot be read, that alone is said."""
        ctx, now = self._ctx, self._ctx.clock()
        up = Gauge("imgbatch_database_up", "1 while the data store can be read.")
        try:
            ctx.vitals.form()
        except StoreError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield self._jobs()
        yield from self._items(now)
        yield from self._submissions(now)
        yield from self._settled(now)
        yield from self._lately()
        yield self._pauses()
        yield self._incidents()
        yield from _inbox(ctx.vitals.inbox(), now)
        yield from _announcements(*ctx.vitals.announcements())

    def _jobs(self) -> Metric:
        jobs = Gauge("imgbatch_jobs", "Jobs by state.", labels=["state"])
        counts = self._ctx.vitals.jobs_by_state()
        for state in JobState:
            jobs.add_metric([state.value], counts.get(state, 0))
        return jobs

    def _items(self, now: datetime) -> Iterator[Metric]:
        names = ["state", "provider", "lane"]
        items = Gauge("imgbatch_items", "Pictures under way in jobs that were started.", labels=names)
        ages = Gauge(
            "imgbatch_oldest_item_age_seconds",
            "How long one picture has been in this state; of waiting ones, since it was due.",
            labels=names,
        )
        counts = dict.fromkeys(
            ((s.value, p, lane.value) for s in UNDER_WAY for p in self._ctx.providers for lane in Lane), 0
        )
        oldest: dict[tuple[str, str, str], float] = {}
        for some in self._ctx.vitals.moving(now):
            key = (some.state.value, self._known(some.provider), some.lane)
            counts[key] = counts.get(key, 0) + some.count
            if some.oldest is not None and some.state not in _AGELESS:
                oldest[key] = max(oldest.get(key, 0.0), _seconds(now, some.oldest))
        for key, number in sorted(counts.items()):
            items.add_metric(key, number)
        for key, age in sorted(oldest.items()):
            ages.add_metric(key, age)
        yield from (items, ages)

    def _submissions(self, now: datetime) -> Iterator[Metric]:
        open_now = Gauge(
            "imgbatch_submissions", "Submissions that are not over.", labels=["state", "provider", "lane"]
        )
        margin = Gauge(
            "imgbatch_results_expiry_margin_seconds",
            "Until the first pictures that are made and not fetched vanish at the provider.",
            labels=["provider"],
        )
        counts: dict[tuple[str, str, str], int] = {}
        for sent in self._ctx.vitals.sent():
            provider = self._known(sent.provider)
            key = (sent.state.value, provider, sent.lane)
            counts[key] = counts.get(key, 0) + sent.count
        for key, number in sorted(counts.items()):
            open_now.add_metric(key, number)
        first: dict[str, float] = {}
        for results in expiring(self._ctx):
            if results.expires_at - results.lasts > now - FRESH:
                continue  # what is fetched within seconds is no news, however short it is kept
            provider, left = self._known(results.provider), -_seconds(now, results.expires_at)
            first[provider] = min(first.get(provider, left), left)
        for provider, left in sorted(first.items()):
            margin.add_metric([provider], left)
        yield from (open_now, margin)

    def _settled(self, now: datetime) -> Iterator[Metric]:
        names = ["provider", "model", "lane"]
        answers = Counted(
            "imgbatch_answers",
            "Answers for pictures this month, by what they were.",
            labels=[*names, "outcome"],
        )
        spend = Counted("imgbatch_spend_usd", "What answers cost this month.", labels=names)
        unpriced = Counted(
            "imgbatch_unpriced_answers",
            "Answers this month that may have been billed and of whose price nobody says anything.",
            labels=[*names, "outcome"],
        )
        for key, found in sorted(self._answers.since_the_first(now).items()):
            for outcome in sorted({*OUTCOMES, *found}):
                some = found.get(outcome)
                answers.add_metric([*key, outcome], some.count if some else 0)
                unpriced.add_metric([*key, outcome], some.unpriced if some else 0)
            spend.add_metric(key, float(sum(one.usd for one in found.values())))
        yield from (answers, spend, unpriced)

    def _lately(self) -> Iterator[Metric]:
        """Only of what there is enough to judge: a model that nobody can judge has no series."""
        names = ["provider", "model", "lane"]
        of_list = Gauge(
            "imgbatch_price_to_list_ratio",
            "What the newest batches' pictures cost, by the most the price table allows; 1 is as listed.",
            labels=names,
        )
        of_usual = Gauge(
            "imgbatch_price_to_usual_ratio",
            "The same by what it was in the batches before, in the middle; 1 is as usual.",
            labels=names,
        )
        of_time = Gauge(
            "imgbatch_time_to_usual_ratio",
            "What the newest batches' calls or submissions took, by those before; 1 is as usual.",
            labels=names,
        )
        for way, (_, found) in sorted(self._ctx.lately.copy().items(), key=lambda one: one[0]):
            for gauge, ratio in (
                (of_list, found.price_against_list),
                (of_usual, found.price_against_usual),
                (of_time, found.time_against_usual),
            ):
                if ratio is not None:
                    gauge.add_metric(way, ratio)
        yield from (of_list, of_usual, of_time)

    def _pauses(self) -> Metric:
        paused = Gauge(
            "imgbatch_provider_paused", "1 where a provider is left alone.", labels=["provider", "kind"]
        )
        for pause in self._ctx.notices.pauses().values():
            paused.add_metric([self._known(pause.provider), pause.kind], 1)
        return paused

    def _incidents(self) -> Metric:
        standing = Gauge("imgbatch_incidents_open", "Alerts that stand, by rule.", labels=["rule"])
        counts = self._ctx.vitals.open_incidents()
        for rule in sorted({*(rule.value for rule in Rule), *counts}):
            standing.add_metric([rule], counts.get(rule, 0))
        return standing

    def _known(self, provider: str) -> str:
        return provider if provider in self._ctx.providers else OTHER


_AGELESS = frozenset({ItemState.PLANNED, ItemState.COPYING})
"""They wait for people or for other pictures."""


def _inbox(waiting: Backlog, now: datetime) -> Iterator[Metric]:
    asked = "What people asked for and is not done"
    yield Gauge("imgbatch_inbox_entries_pending", f"{asked}.", value=waiting.count)
    age = 0.0 if waiting.oldest is None else max(0.0, _seconds(now, waiting.oldest))
    yield Gauge("imgbatch_inbox_oldest_entry_age_seconds", f"{asked}: age of the oldest.", value=age)


def _announcements(pending: int, tries: int) -> Iterator[Metric]:
    begun = "Messages begun and not known to stand in Slack"
    yield Gauge("imgbatch_announcements_pending", f"{begun}.", value=pending)
    yield Gauge("imgbatch_announcement_tries", f"{begun}: the most failures of one.", value=tries)


def _seconds(now: datetime, then: datetime) -> float:
    return (now - then).total_seconds()


class Answers:
    """The answers of this month, by provider, model and lane, then by what they were.

    What is older than `STILL_CHANGING` is added up once; each reading then costs what came since. No figure
    ever falls within a month, not even where history is thrown away.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._month: datetime | None = None
        self._until = ctx.clock()
        self._old: dict[tuple[Key, str], Settled] = {}
        self._told: dict[tuple[Key, str], Settled] = {}

    def since_the_first(self, now: datetime) -> Mapping[Key, Mapping[str, Settled]]:
        """Also of whom answers are awaited, with nothing in it: a counter should be seen before it grows."""
        with self._lock:
            self._turn_to(now)
            new = self._folded(self._ctx.vitals.settled(self._until))
            found: dict[Key, dict[str, Settled]] = {}
            for sent in self._ctx.vitals.sent():
                found.setdefault(self._key(sent.provider, sent.model, sent.lane), {})
            for name in {*self._old, *new, *self._told}:
                self._told[name] = _most(_sum(self._old.get(name), new.get(name)), self._told.get(name))
                key, outcome = name
                found.setdefault(key, {})[outcome] = self._told[name]
            return found

    def _turn_to(self, now: datetime) -> None:
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if month != self._month:
            self._month = self._until = month
            self._old, self._told = {}, {}
        settled = now - STILL_CHANGING
        if settled - self._until > STILL_CHANGING / 6:
            for name, some in self._folded(self._ctx.vitals.settled(self._until, settled)).items():
                self._old[name] = _sum(self._old.get(name), some)
            self._until = settled

    def _folded(self, found: Iterable[Settled]) -> dict[tuple[Key, str], Settled]:
        folded: dict[tuple[Key, str], Settled] = {}
        for some in found:
            outcome = some.outcome if some.outcome in OUTCOMES else OTHER
            name = (self._key(some.provider, some.model, some.lane), outcome)
            folded[name] = _sum(folded.get(name), some)
        return folded

    def _key(self, provider: str, model: str, lane: str) -> Key:
        known: Provider | None = self._ctx.providers.get(provider)
        if known is None:
            return OTHER, OTHER, lane
        return provider, model if model in known.models else OTHER, lane


def _sum(one: Settled | None, other: Settled | None) -> Settled:
    if one is None or other is None:
        found = one or other
        assert found is not None
        return found
    return replace(
        one,
        count=one.count + other.count,
        usd=one.usd + other.usd,
        unpriced=one.unpriced + other.unpriced,
    )


def _most(one: Settled, other: Settled | None) -> Settled:
    if other is None:
        return one
    return replace(
        one,
        count=max(one.count, other.count),
        usd=max(one.usd, other.usd),
        unpriced=max(one.unpriced, other.unpriced),
    )
