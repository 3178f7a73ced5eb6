"""Judges what is about no single job: prices, times, all pictures together, the disk, the ticks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.pipeline import incidents, prices
from bot.pipeline.charges import charged
from bot.pipeline.incidents import Open
from bot.pipeline.lately import look_back
from bot.pipeline.refused_together import judge_refusals, told_together
from bot.pipeline.slowness import Way, judge_times
from bot.runtime import Context
from bot.watch.alerts import Alert, Rule, wanted
from bot.watch.facts import Disk, StuckTick
from bot.watch.fleet_alerts import Fleet, Settled, fleet_alert, windows
from bot.watch.house_alerts import disk_alert, stuck_alerts
from bot.watch.price_alerts import Charged, price_alert, price_key
from storage.measures import Piece
from storage.records import Job, Suspension
from storage.states import ItemState

RECENT = timedelta(minutes=10)
"""A job that has ended is still looked at this long for its prices and times."""


def oversee(ctx: Context, now: datetime) -> int:
    """One look; how many incidents were opened."""
    opened = judge_refusals(ctx, incidents.open_incidents(ctx), now)
    known = incidents.open_incidents(ctx)  # with those: what they tell of is not told again below
    jobs = ctx.queries.started_jobs(now - ctx.policy.rules.slow_window)
    opened += _judge(ctx, known, Rule.BURN_RATE, _fleet(ctx, jobs, known, now), now)
    opened += _judge(ctx, known, Rule.DISK, _disk(ctx, known), now)
    opened += _judge(ctx, known, Rule.STUCK, stuck_alerts(_stuck(ctx, now)), now)
    active = [job for job in jobs if job.finished_at is None or now - job.finished_at <= RECENT]
    opened += judge_times(ctx, known, active, now)
    opened += _judge_prices(ctx, known, active, now)
    look_back(ctx, now)
    return opened


def _judge(ctx: Context, known: Open, rule: Rule, found: Iterable[Alert | None], now: datetime) -> int:
    alerts = wanted([alert for alert in found if alert is not None], ctx.policy.rules)
    mine = [incident for incident in known.values() if incident.rule == rule]
    incidents.close_others(ctx, mine, alerts, now)
    return incidents.keep(ctx, alerts, known, now)


# --- all pictures together -----------------------------------------------------------------------------


def _fleet(ctx: Context, jobs: Sequence[Job], known: Open, now: datetime) -> list[Alert | None]:
    rules = ctx.policy.rules
    if Rule.BURN_RATE in rules.off or not jobs:
        return []
    spans = windows(rules)
    hours = [timedelta(hours=number) for number in range(12, 0, -1)]
    edges = sorted({*spans, *(hour for hour in hours if hour <= rules.slow_window)}, reverse=True)
    counted = ctx.queries.settled_since([job.id for job in jobs], [now - span for span in edges])
    by_id = {job.id: job for job in jobs}
    by_job: dict[str, list[Settled]] = {}
    for (job_id, state), numbers in counted.items():
        if state is ItemState.REFUSED:
            elsewhere = told_together(ctx, by_id[job_id], known, by_model=False)
            numbers = tuple(max(0, number - elsewhere) for number in numbers)
        so_far = by_job.setdefault(job_id, [Settled()] * len(edges))
        stored = state is ItemState.STORED
        by_job[job_id] = [
            was + (Settled(number, 0) if stored else Settled(0, number))
            for was, number in zip(so_far, numbers, strict=True)
        ]
    sums = [sum((found[place] for found in by_job.values()), Settled()) for place in range(len(edges))]
    titles = {job_id: job.title for job_id, job in by_id.items()}
    fleet = Fleet(
        windows={span: sums[edges.index(span)] for span in spans},
        jobs={span: _worst(by_job, titles, edges.index(span)) for span in spans},
        hours=_by_hour(edges, sums, now),
    )
    told = incidents.told(f"{Rule.BURN_RATE}:all", known) is not None
    return [fleet_alert(fleet, rules, told=told)]


def _worst(
    by_job: Mapping[str, Sequence[Settled]], titles: Mapping[str, str], place: int
) -> list[tuple[str, str, Settled]]:
    found = [(job, titles[job], seen[place]) for job, seen in by_job.items() if seen[place].missed]
    return sorted(found, key=lambda entry: -entry[2].missed)


def _by_hour(edges: Sequence[timedelta], sums: Sequence[Settled], now: datetime) -> list[tuple[str, Settled]]:
    whole = [(span, found) for span, found in zip(edges, sums, strict=True) if not span % timedelta(hours=1)]
    later = [found for _, found in whole[1:]] + [Settled()]
    return [
        (f"{now - span:%H:%M}", Settled(seen.stored - after.stored, seen.missed - after.missed))
        for (span, seen), after in zip(whole, later, strict=True)
    ]


# --- the disk and the ticks ------------------------------------------------------------------------------


def _disk(ctx: Context, known: Open) -> list[Alert | None]:
    room = ctx.blobs.room()
    if room is None:
        return []
    told = incidents.told(f"{Rule.DISK}:data", known) is not None
    return [disk_alert(Disk(room.folder, room.free, room.total), ctx.policy.rules, told=told)]


def _stuck(ctx: Context, now: datetime) -> list[StuckTick]:
    return [
        StuckTick(beat.name, max(now - beat.since, beat.idle), "" if beat.hangs else beat.said)
        for beat in ctx.pulse.beats(now)
        if beat.stuck(now)
    ]


# --- prices --------------------------------------------------------------------------------------------


def _judge_prices(ctx: Context, known: Open, jobs: Sequence[Job], now: datetime) -> int:
    """Each model and lane that pictures are made with now; its price is suspended with the alert."""
    if Rule.COST_DRIFT in ctx.policy.rules.off:
        return 0
    active = {job.id: job for job in jobs}
    by_way: dict[Way, list[Piece]] = {}
    for piece in ctx.queries.pieces(list(active)):
        if piece.made:
            by_way.setdefault((piece.provider, piece.model, piece.lane), []).append(piece)
    in_force = {(one.provider, one.model, one.lane): one for one in ctx.notices.suspended_prices()}
    _believe_new_tables(ctx, in_force, known, now)
    return sum(
        _judge_price(ctx, way, [(active[piece.job_id], piece) for piece in pieces], known, now)
        for way, pieces in by_way.items()
    )


def _judge_price(
    ctx: Context, way: Way, pieces: Sequence[tuple[Job, Piece]], known: Open, now: datetime
) -> int:
    rules, earlier = ctx.policy.rules, ctx.notices.suspensions_of(*way)
    before = incidents.told(price_key("/".join(way)), known)
    if before is not None:
        pieces = [(job, piece) for job, piece in pieces if job.began > before.opened_at]
    found = charged(ctx, way, pieces, earlier, before)
    if found.pictures < rules.cost_sample:
        return 0
    alert = price_alert(found, rules, told=before is not None)
    if alert is not None:
        opened = incidents.keep(ctx, [alert], known, now)
        if before is None:
            _suspend(ctx, found, now)
        return opened
    if before is not None:
        ctx.notices.close_incident(before.key, now)
        _lift(ctx, earlier, now, "newer pictures cost what is listed")
    return 0


def _suspend(ctx: Context, found: Charged, now: datetime) -> None:
    card = ctx.providers[found.provider].models.get(found.model) if found.provider in ctx.providers else None
    if card is not None:
        ctx.notices.suspend_price(
            Suspension(
                provider=found.provider,
                model=found.model,
                lane=found.lane,
                since=now,
                factor=max(1.0, round(found.against_list, 4)),
                each_usd=found.each_usd,
                listed_usd=found.listed_each_usd,
                price_mark=prices.price_mark(card),
            )
        )


def _lift(ctx: Context, suspensions: Iterable[Suspension], now: datetime, why: str) -> None:
    for one in suspensions:
        if one.lifted_at is None:
            ctx.notices.lift_suspension(one, now, why)


def _believe_new_tables(ctx: Context, in_force: Mapping[Way, Suspension], known: Open, now: datetime) -> None:
    """A price table that was changed is believed; its incident is over."""
    for way, one in in_force.items():
        card = ctx.providers[one.provider].models.get(one.model) if one.provider in ctx.providers else None
        if card is None or prices.price_mark(card) == one.price_mark:
            continue
        _lift(ctx, [one], now, "the price table was changed")
        before = incidents.told(price_key("/".join(way)), known)
        if before is not None:
            ctx.notices.close_incident(before.key, now)
