"""`/metrics`: what Prometheus is told, read from the data store and from this process when it asks.

Names and units as Prometheus advises: base units, `_total` for what only grows, few values for each label. No
prompt, title, or name of a person or channel is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from shutil import disk_usage

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily as Counted
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily as Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bot import health
from bot.meters import PROCESS
from bot.pulse import BOUNDS_SECONDS, Beat
from bot.runtime import Context
from bot.store_metrics import Store


class Metrics:
    """What `/metrics` answers."""

    def __init__(self, ctx: Context, folder: Path, connected: Callable[[], bool] | None = None) -> None:
        """`folder`: whose disk is looked at. `connected`: as for `bot.health.ready`."""
        self._registry = CollectorRegistry()
        for part in (PROCESS, Store(ctx), Process(ctx, folder, connected)):
            self._registry.register(part)
        ProcessCollector(registry=self._registry)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type, in the newest form that is accepted."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class Process(Collector):
    """What this process knows of itself."""

    def __init__(self, ctx: Context, folder: Path, connected: Callable[[], bool] | None) -> None:
        self._ctx = ctx
        self._folder = folder
        self._connected = connected

    def collect(self) -> Iterable[Metric]:
        now = self._ctx.clock()
        info = Gauge("imgbatch_build_info", "1; the version is in the label.", labels=["version"])
        info.add_metric([version("imgbatch")], 1)
        yield info
        yield self._ready()
        yield from _ticks(self._ctx.pulse.beats(now), now)
        yield from self._writer()
        yield from self._disk()

    def _ready(self) -> Metric:
        ready = Gauge("imgbatch_ready", "What /readyz looks at: 1 where it is well.", labels=["check"])
        for check in health.checks(self._ctx, self._folder, self._connected):
            ready.add_metric([check.name], check.ok)
        return ready

    def _writer(self) -> Iterator[Metric]:
        load = self._ctx.vitals.load
        yield Counted("imgbatch_writer_transactions", "Transactions that wrote.", value=load.transactions)
        waited = "Time spent until it was one's turn to write."
        yield Counted("imgbatch_writer_wait_seconds", waited, value=load.waited_seconds)
        yield Counted("imgbatch_writer_busy_seconds", "Time spent writing.", value=load.took_seconds)
        yield Gauge(
            "imgbatch_writer_present_transaction_seconds",
            "How long the transaction under way has taken; 0 between two.",
            value=load.present_seconds,
        )

    def _disk(self) -> Iterator[Metric]:
        try:
            usage = disk_usage(self._folder)
        except OSError:
            return
        yield Gauge("imgbatch_disk_free_bytes", "Free space where IMGBATCH_DATA lies.", value=usage.free)
        yield Gauge("imgbatch_disk_size_bytes", "Size of that disk.", value=usage.total)


def _ticks(beats: Iterable[Beat], now: datetime) -> Iterator[Metric]:
    names = ["tick"]
    runs = Histogram("imgbatch_tick_duration_seconds", "How long runs of the ticks took.", labels=names)
    failures = Counted("imgbatch_tick_failures", "Runs that ended in an error.", labels=names)
    last = Gauge("imgbatch_tick_last_success_timestamp_seconds", "Last good end, Unix time.", labels=names)
    running = Gauge("imgbatch_tick_running_seconds", "How long the run under way has taken.", labels=names)
    stuck = Gauge("imgbatch_tick_stuck", "1 where it hangs or fails for longer than it may.", labels=names)
    for beat in beats:
        runs.add_metric([beat.name], _buckets(beat), beat.seconds)
        failures.add_metric([beat.name], beat.failures)
        if beat.succeeded is not None:
            last.add_metric([beat.name], beat.succeeded.timestamp())
        running.add_metric([beat.name], beat.running.total_seconds() if beat.running else 0)
        stuck.add_metric([beat.name], beat.stuck(now))
    yield from (runs, failures, last, running, stuck)


def _buckets(beat: Beat) -> list[tuple[str, float]]:
    """Cumulative, as histograms are told."""
    bounds = [*(str(bound) for bound in BOUNDS_SECONDS), "+Inf"]
    return [(bound, float(sum(beat.counts[: place + 1]))) for place, bound in enumerate(bounds)]
