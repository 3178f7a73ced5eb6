"""APScheduler runs a few fixed ticks and holds no state: what is due stands in the data store."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bot.pipeline.rounds import STAGES
from bot.runtime import Context

log = logging.getLogger(__name__)

Tick = Callable[[datetime], int]
"""One run of a scheduled function; returns how much it did."""

EVERY_SECONDS: Mapping[str, float] = {
    "rescue": 2,
    "collect": 0.5,
    "reroute": 2,
    "deadlines": 5,
    "assemble": 0.5,
    "submit": 0.5,
    "poll": 1,
    "pilots": 1,
    "finish": 1,
    "attend": 2,
    "pack": 2,
    "schedule": 5,
    "home": 5,
    "inbox": 0.3,
    "announce": 1,
}
"""How often each tick looks at what is due. Looking costs a query; acting waits for due times in rows."""


def pipeline_ticks(ctx: Context) -> dict[str, Tick]:
    """The stages as ticks."""
    return {name: lambda now, stage=stage: stage(ctx, now) for name, stage in STAGES.items()}  # type: ignore[misc]


SWITCH_SECONDS = 0.0005
"""How soon a thread that computes makes room for one that waits, a tenth of Python's own: a transaction is a
dozen short calls that each wait for their turn. With 1,000 live calls of 4 s, 200 at once, on two cores, a
caller waited 0.20 s (median) for its answer to be written down with Python's 5 ms, and 0.08 s with this.
"""


@contextmanager
def ticking(ticks: Mapping[str, Tick], clock: Callable[[], datetime]) -> Iterator[None]:
    """Run each tick at its interval, never twice at once, until the block ends; a running tick is let end."""
    logging.getLogger("apscheduler").setLevel(
        logging.ERROR
    )  # a skipped run is not news: the next one is near
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(ticks))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, tick in ticks.items():
        scheduler.add_job(guarded(name, tick, clock), "interval", seconds=EVERY_SECONDS[name], id=name)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)
        sys.setswitchinterval(usual)


def guarded(name: str, tick: Tick, clock: Callable[[], datetime]) -> Callable[[], None]:
    """The tick with the one guard: what goes wrong is logged, and the next run tries again."""

    def run() -> None:
        try:
            tick(clock())
        except Exception:
            # Broad on purpose: a tick that stops running is worse than any error it can meet.
            log.exception("the %s tick failed; it is tried again", name)

    return run
