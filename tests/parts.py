"""Real parts for tests: SQLite and blobs in a folder, real providers, a clock the test moves."""

from __future__ import annotations

import csv
import io
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bot.app import width
from bot.intake.spec import JobSpec
from bot.pipeline.create import Wanted, create_job
from bot.pipeline.results import write_results
from bot.pipeline.rounds import one_round
from bot.pipeline.start import start
from bot.policy import Policy
from bot.runtime import Context
from providers import catalogue
from providers.base import Provider
from providers.sketch import Sketch
from storage.blobs import FolderBlobs
from storage.engine import migrate, open_engine
from storage.failed import End
from storage.mail import Mail
from storage.notices import Notices
from storage.queries import Queries
from storage.records import Job
from storage.reviews import Reviews
from storage.shelf import Shelf
from storage.states import ItemState, JobState
from storage.store import Store
from storage.vitals import Vitals
from storage.writer import Writer

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

QUICK = Policy(
    poll_least=timedelta(seconds=1),
    poll_most=timedelta(seconds=5),
    look_up_after=timedelta(seconds=2),
    retry_first=timedelta(seconds=1),
    quality_gate=False,  # simulators draw small pictures that look alike; its own tests switch it on
)
"""A policy for tests that move the clock by seconds."""


class TestClock:
    """A clock that stands still until the test moves it."""

    __test__ = False

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@contextmanager
def make_context(
    folder: Path,
    providers: Mapping[str, Provider] | None = None,
    *,
    policy: Policy = QUICK,
    clock: Callable[[], datetime] | None = None,
    url: str | None = None,
) -> Iterator[Context]:
    """A Context over `folder`; opening it again over the same folder is a restart."""
    clock = clock or TestClock()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "imgbatch.db"
    if url is None and not path.exists():
        path.write_bytes(_empty_store())
    engine = open_engine(url or f"sqlite:///{path}")
    migrate(engine, folder / "migrate.lock")
    writer = Writer(engine)
    if providers is None:
        providers = {"sketch": Sketch(catalogue.load()["sketch"], folder=folder / "sketch", clock=clock)}
    renderers = ThreadPoolExecutor(2)
    callers = {name: ThreadPoolExecutor(width(provider)) for name, provider in providers.items()}
    dice = random.Random(7)
    try:
        yield Context(
            store=Store(writer),
            queries=Queries(engine),
            notices=Notices(engine, writer),
            mail=Mail(engine, writer),
            reviews=Reviews(engine, writer),
            shelf=Shelf(engine, writer),
            vitals=Vitals(engine, writer),
            blobs=FolderBlobs(folder / "blobs"),
            providers=providers,
            policy=policy,
            renderers=renderers,
            callers=callers,
            clock=clock,
            chance=dice.random,
        )
    finally:
        for pool in (renderers, *callers.values()):
            pool.shutdown(wait=True, cancel_futures=True)
        engine.dispose()


@cache
def _empty_store() -> bytes:
    """A data store in its newest form: to copy one takes a hundredth of making it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "imgbatch.db"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()
        return path.read_bytes()


def sheet(folder: Path, rows: list[dict[str, str]], name: str = "sheet.csv") -> Path:
    """A plain CSV of these rows."""
    columns = list(rows[0])
    quoted = [",".join('"' + row.get(c, "").replace('"', '""') + '"' for c in columns) for row in rows]
    path = folder / name
    path.write_text("\n".join([",".join(columns), *quoted]) + "\n", encoding="utf-8")
    return path


def planned(ctx: Context, path: Path, template: str | None = "{{ prompt }}", **options: Any) -> Job:
    """A job of this sheet, PLANNED."""
    spec = replace(JobSpec(template=template, provider=next(iter(ctx.providers))), **options)
    job, _ = create_job(ctx, Wanted(path, path.name, spec, "tester"), ctx.clock())
    return job


def started(ctx: Context, path: Path, template: str | None = "{{ prompt }}", **options: Any) -> Job:
    """The same, and a person pressed Start."""
    job = planned(ctx, path, template, **options)
    start(ctx, job, ctx.clock())
    return job


def run_to_end(ctx: Context, job: Job, rounds: int = 200, step: float = 1.0, real_pause: float = 0.0) -> Job:
    """Rounds of all stages, the clock moved between them, until the job has ended.

    `real_pause`: seconds a server on its own clock gets between two rounds.
    """
    idle = threading.Event()
    for _ in range(rounds):
        one_round(ctx, ctx.clock())
        current = ctx.queries.job(job.id)
        assert current is not None
        if current.state in (JobState.FINISHED, JobState.CANCELLED):
            return current
        assert isinstance(ctx.clock, TestClock)
        ctx.clock.move(step)
        if real_pause:
            idle.wait(real_pause)
    raise AssertionError(f"job {job.id} has not ended after {rounds} rounds: {ctx.queries.counts(job.id)}")


def run_until(
    ctx: Context, happened: Callable[[], bool], rounds: int = 300, real_pause: float = 0.02
) -> None:
    """Rounds of all stages until something has happened."""
    idle = threading.Event()
    for _ in range(rounds):
        one_round(ctx, ctx.clock())
        if happened():
            return
        assert isinstance(ctx.clock, TestClock)
        ctx.clock.move(1)
        idle.wait(real_pause)
    raise AssertionError(f"it has not happened after {rounds} rounds")


def ends(ctx: Context, job: Job, *states: ItemState) -> list[End]:
    """How the job's pictures ended that came to these states."""
    return [failed.end for failed in ctx.queries.failed(job.id) if failed.state in states]


def results_of(ctx: Context, job: Job) -> list[dict[str, str]]:
    """The lines of the job's results.csv."""
    out = io.BytesIO()
    write_results(ctx, job, out)
    return list(csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig"))))
