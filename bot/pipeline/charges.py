"""What pictures were charged against the price table itself, gathered from the data store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bot.pipeline.slowness import Way
from bot.runtime import Context
from bot.watch.price_alerts import Charged
from storage.measures import Piece
from storage.records import Incident, Job, Suspension


def charged(
    ctx: Context,
    way: Way,
    pieces: Sequence[tuple[Job, Piece]],
    earlier: Sequence[Suspension],
    before: Incident | None = None,
) -> Charged:
    """What these pieces were charged, against the list itself: quotes of a time when the price was suspended
    are divided by what they were multiplied by. What is usual is what was before the incident.
    """
    listed = sum((_listed(piece, _factor_at(earlier, job.created_at)) for job, piece in pieces), Decimal(0))
    starts = [before.opened_at] if before is not None else [job.began for job, _ in pieces]
    past = ctx.queries.past(*way, min(starts), ctx.policy.rules.history) if starts else []
    return Charged(
        *way,
        pictures=sum(piece.made for _, piece in pieces),
        cost_usd=sum((piece.made_usd for _, piece in pieces), Decimal(0)),
        listed_usd=listed,
        past=[
            float(piece.made_usd / _listed(piece, _factor_of_past(ctx, earlier, piece)))
            for piece in past
            if piece.made >= ctx.policy.rules.cost_sample and piece.listed_usd
        ],
    )


def _listed(piece: Piece, factor: float) -> Decimal:
    return piece.listed_usd / Decimal(str(factor))


def _factor_of_past(ctx: Context, earlier: Sequence[Suspension], piece: Piece) -> float:
    if not earlier:
        return 1.0
    job = ctx.queries.job(piece.job_id)
    return _factor_at(earlier, job.created_at) if job is not None else 1.0


def _factor_at(earlier: Sequence[Suspension], at: datetime) -> float:
    return next(
        (one.factor for one in earlier if one.since <= at and (one.lifted_at is None or at < one.lifted_at)),
        1.0,
    )
