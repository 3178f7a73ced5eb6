"""Figures over jobs, gathered from the data store: by batch, model, provider, lane, template or value.

What the digests, `/imgbatch stats` and the metrics read. The figures themselves: `bot.watch.measures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from bot.runtime import Context
from bot.watch.measures import Measure, grouped, total
from storage.costs import Whose
from storage.measures import Piece
from storage.records import Job

By = Callable[[Job, Piece], str]
"""What pictures are put together by."""


def by_batch(job: Job, _: Piece) -> str:
    return job.id


def by_model(_: Job, piece: Piece) -> str:
    return f"{piece.provider}/{piece.model}"


def by_provider(_: Job, piece: Piece) -> str:
    return piece.provider


def by_lane(_: Job, piece: Piece) -> str:
    return piece.lane


def by_template(job: Job, _: Piece) -> str:
    """Its text; empty where every row brings its own prompt."""
    return str(job.spec.get("template") or "")


def measured(ctx: Context, jobs: Sequence[Job], by: By) -> Mapping[str, Measure]:
    """These jobs' pictures by something they share, most settled pictures first.

    A job counts (`jobs`, `late`, the windows) once in each group that has pictures of it.
    """
    known = {job.id: job for job in jobs}
    pieces: dict[tuple[str, str], Measure] = {}
    for piece in ctx.queries.pieces(list(known)):
        key = (by(known[piece.job_id], piece), piece.job_id)
        pieces[key] = pieces.get(key, Measure()) + measure_of(piece)
    return grouped((name, found + _punctual(known[job_id])) for (name, job_id), found in pieces.items())


def measured_whole(ctx: Context, jobs: Sequence[Job]) -> Measure:
    """These jobs together."""
    return total(measured(ctx, jobs, by_batch).values())


def by_value(ctx: Context, job: Job, column: str, most: int = 20) -> Mapping[str, Measure]:
    """A job's pictures by their rows' value in one column of its sheet: how many ended, how many refused."""
    return {
        found.value: Measure(refused=found.refused, stored=found.settled - found.refused)
        for found in ctx.queries.by_value(job.id, column, most)
    }


def since(ctx: Context, at: datetime, until: datetime | None = None) -> Sequence[Job]:
    """Jobs that run, or ended since then; newest first."""
    return ctx.queries.started_jobs(at, until)


def of(ctx: Context, whose: Whose, jobs: Sequence[Job]) -> Sequence[Job]:
    """Those of the jobs that were told in a channel, or that a person asked for."""
    here = {t.job_id for t in ctx.mail.threads() if (t.team, t.channel) == (whose.team, whose.channel)}
    return [
        job
        for job in jobs
        if (not whose.channel or job.id in here) and (not whose.person or job.requested_by == whose.person)
    ]


def measure_of(piece: Piece) -> Measure:
    """Without the job's own figures."""
    values = asdict(piece)
    for name in ("job_id", "provider", "model", "lane"):
        del values[name]
    return Measure(**values)


def times(pieces: Iterable[Piece], least: int) -> list[float]:
    """Seconds from sending to answer on average, of those with at least so many pictures."""
    return [piece.seconds / piece.timed for piece in pieces if piece.timed >= max(1, least)]


def _punctual(job: Job) -> Measure:
    """The job's time against its promised window, once it has ended."""
    if job.finished_at is None or job.started_at is None or not job.window_seconds:
        return Measure(jobs=1)
    share = (job.finished_at - job.started_at).total_seconds() / job.window_seconds
    return Measure(jobs=1, late=int(share > 1), window_shares=share, windows=1)
