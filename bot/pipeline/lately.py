"""What models cost and took lately against their own history, gathered for `stats` and the metrics.

Of batches that have finished alone: what runs is judged by the alerts, at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.pipeline.charges import charged
from bot.pipeline.slowness import Way, ended_times
from bot.runtime import Context
from bot.watch.lately import Lately, lately
from storage.measures import Piece
from storage.records import Job

IN_USE = timedelta(days=30)
"""A model whose last batch finished longer ago is in no metric."""

JUST_AFTER = timedelta(microseconds=1)
"""Judged as of then, the batch that has just finished is among them, whatever finishes meanwhile."""


def by_model(ctx: Context, jobs: Iterable[Job], now: datetime) -> Mapping[str, Sequence[Lately]]:
    """Of the models that these jobs are for, named as `measuring.by_model` names them: by lane.

    Everybody's batches count: a price and a time are the model's.
    """
    found: dict[str, list[Lately]] = {}
    for way in sorted({(job.provider, job.model, job.lane) for job in jobs}):
        found.setdefault(f"{way[0]}/{way[1]}", []).append(judged(ctx, way, now))
    return found


def judged(ctx: Context, way: Way, now: datetime) -> Lately:
    """One model and lane: the newest finished batches with enough pictures together, and those before."""
    price = charged(ctx, way, _newest(ctx, way, now), ctx.notices.suspensions_of(*way))
    return lately(way[2], price, ended_times(ctx, way, now), ctx.policy.rules)


def _newest(ctx: Context, way: Way, now: datetime) -> list[tuple[Job, Piece]]:
    rules, found, pictures = ctx.policy.rules, list[tuple[Job, Piece]](), 0
    for piece in ctx.queries.past(*way, now, rules.history):
        job = ctx.queries.job(piece.job_id) if piece.made else None
        if job is not None:
            found.append((job, piece))
            pictures += piece.made
        if pictures >= rules.cost_sample:
            break
    return found


def look_back(ctx: Context, now: datetime) -> None:
    """Keep `ctx.lately`, which the metrics tell, up to date: of models in use, by their last finished batch.

    What has been looked at since that batch costs nothing.
    """
    last = ctx.vitals.last_finished(now - IN_USE)
    known = {way: at for way, at in last.items() if _in_catalogue(ctx, way)}
    for way in ctx.lately.keys() - known.keys():
        del ctx.lately[way]
    for way, at in known.items():
        if way not in ctx.lately or ctx.lately[way][0] != at:
            ctx.lately[way] = at, judged(ctx, way, at + JUST_AFTER)


def _in_catalogue(ctx: Context, way: Way) -> bool:
    provider = ctx.providers.get(way[0])
    return provider is not None and way[1] in provider.models
