"""APScheduler runs a few fixed ticks and holds no state: what is due stands in the data store."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bot.pipeline.rounds import STAGES
from bot.pulse import Pulse
from bot.runtime import Context
from bot.tracing import doing
from storage.engine import StoreError

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
    "oversee": 20,
    "pack": 2,
    "prune": 60,
    "schedule": 5,
    "old_files": 60,
    "home": 5,
    "digest": 15,
    "inbox": 0.3,
    "announce": 1,
}
"""How often each tick looks at what is due. Looking costs a query; acting waits for due times in rows."""

WATCHING = frozenset({"announce"})
"""Ticks whose number says what they keep an eye on, not what they did."""

PATIENCE = timedelta(minutes=5)
"""How long a tick may go without coming to a good end before it counts as stuck."""

LONG_PATIENCE: Mapping[str, timedelta] = {
    "poll": timedelta(hours=2),
    "submit": timedelta(hours=1),
    "collect": timedelta(hours=1),
    "rescue": timedelta(minutes=30),
    "reroute": timedelta(minutes=30),
    "deadlines": timedelta(minutes=30),
    "assemble": timedelta(minutes=30),
    "inbox": timedelta(minutes=30),
    "announce": timedelta(minutes=30),
    "schedule": timedelta(minutes=30),
    "digest": timedelta(minutes=30),
    "pack": timedelta(hours=2),
    "prune": timedelta(hours=2),
    "old_files": timedelta(minutes=30),
}
"""Those that move much in one run: a result file of 20 GB over a slow line, a payload of 200 MB, a job of
500,000 rows, a gallery of large pictures, the files of a year.
"""


def pipeline_ticks(ctx: Context) -> dict[str, Tick]:
    """The stages as ticks."""
    return {name: lambda now, stage=stage: stage(ctx, now) for name, stage in STAGES.items()}  # type: ignore[misc]


ASK_EVERY = timedelta(seconds=10)
"""How often it is asked whether the ticks may run: a query, on PostgreSQL."""

SWITCH_SECONDS = 0.0005
"""How soon a thread that computes makes room for one that waits, a tenth of Python's own: a transaction is a
dozen short calls that each wait for their turn. With 1,000 live calls of 4 s, 200 at once, on two cores, a
caller waited 0.20 s (median) for its answer to be written down with Python's 5 ms, and 0.08 s with this.
"""


class Charge:
    """Whether this process may (still) run ticks on the data store, asked now and then.

    A tick that may not run does nothing. That ends in `/healthz` saying that it hangs, and a restart says who
    else works on the data store.
    """

    def __init__(self, held: Callable[[], bool]) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._asked: datetime | None = None
        self._answer = True

    def there(self, now: datetime) -> bool:
        with self._lock:
            if self._asked is None or now - self._asked >= ASK_EVERY:
                self._asked, before = now, self._answer
                try:
                    self._answer = self._held()
                except StoreError:
                    return self._answer  # the data store is away: what the ticks say of that is enough
                if before and not self._answer:
                    log.error("another process works on the data store now; this one does nothing more")
            return self._answer


@contextmanager
def ticking(
    ticks: Mapping[str, Tick],
    clock: Callable[[], datetime],
    pulse: Pulse | None = None,
    in_charge: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Run each tick at its interval, never twice at once, until the block ends; a running tick is let end.

    `pulse` is told how they do. `in_charge` says whether they may run.
    """
    logging.getLogger("apscheduler").setLevel(
        logging.ERROR
    )  # a skipped run is not news: the next one is near
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(ticks))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    pulse = pulse or Pulse()
    pulse.expect({name: LONG_PATIENCE.get(name, PATIENCE) for name in ticks}, clock())
    charge = Charge(in_charge)
    for name, tick in ticks.items():
        run = guarded(name, tick, clock, pulse, charge)
        scheduler.add_job(run, "interval", seconds=EVERY_SECONDS[name], id=name)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    scheduler.start()
    try:
        yield
    finally:
        pulse.forget()
        scheduler.shutdown(wait=True)
        sys.setswitchinterval(usual)


def guarded(
    name: str, tick: Tick, clock: Callable[[], datetime], pulse: Pulse, charge: Charge
) -> Callable[[], None]:
    """The tick with the one guard: what goes wrong is logged, and the next run tries again.

    A failure that comes again and again is logged the first time, the 10th, the 100th, and when it is over.
    """

    def run() -> None:
        with doing(f"tick {name}", tick=name) as step:
            now = clock()
            if not charge.there(now):
                return
            pulse.began(name, now)
            try:
                did = tick(now)
                if did and name not in WATCHING:
                    step.note(did=did)
            except Exception as problem:
                # Broad on purpose: a tick that stops running is worse than any error it can meet.
                step.failed(problem)
                times = pulse.failed(name, clock(), _kind(problem), type(problem).__name__)
                if times is not None:
                    often = "" if times == 1 else f", {times:,} times in a row"
                    log.exception("the %s tick failed%s; it is tried again", name, often)
            else:
                over = pulse.succeeded(name, clock())
                if over:
                    log.info("the %s tick works again, after %d failures", name, over)

    return run


def _kind(problem: Exception) -> str:
    """Where in the program which error was raised: its words may have an id in them that is new each time."""
    frames = traceback.extract_tb(problem.__traceback__)
    return f"{type(problem).__name__} {frames[-1].filename}:{frames[-1].lineno}"
