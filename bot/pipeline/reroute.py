"""Providers that stopped working are left alone, and what has not been sent to them goes the next way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.pipeline import prices, routing
from bot.pipeline.attend import paused_key
from bot.pipeline.breaker import LASTING, PROBES, SPEAKING, Standing, Verdict, standing, verdict
from bot.pipeline.budget import budgets_of, room
from bot.pipeline.health import troubles
from bot.runtime import Context
from bot.tracing import doing
from bot.watch.alerts import Rule, Severity
from bot.watch.words import count, listed, unit_price
from providers.base import Lane, Size
from storage.budgets import OverBudgetError
from storage.records import Incident, Item, Job, Pause
from storage.states import SENDING_JOBS, StaleTransitionError

PAGE = 500
"""Items looked at together; bounds memory."""


def reroute(ctx: Context, now: datetime) -> int:
    """Judge every provider, then move what waits for one that is left alone, or that is being tried with a
    few others; how many items moved.
    """
    judge(ctx, now)
    pauses = ctx.notices.pauses()
    shut = [name for name, pause in pauses.items() if pause.kind in LASTING]
    if not shut:
        return 0
    resting = {name for name, pause in pauses.items() if not _is(pause, Standing.CLOSED, now)}
    probes = {name: _probes_wanted(ctx, pauses[name], now) for name in shut}
    moved = 0
    for job in ctx.queries.jobs(SENDING_JOBS):
        route = list(job.spec.get("route") or ())
        names = routing.meant(route, ctx.providers) if route else []
        if any(name not in resting and name in ctx.providers for name in names):
            for name in shut:
                if name not in names:
                    continue
                with doing("reroute", job=job.id, provider=name) as step:
                    left = _leave(ctx, job, route, pauses[name], resting, probes[name], now)
                    if left.moved:
                        step.note(pictures=left.moved)
                probes[name] -= left.probes
                moved += left.moved
    return moved


def _probes_wanted(ctx: Context, pause: Pause, now: datetime) -> int:
    """How many pictures stay with a provider to be its next probes: none while it is left alone, or while
    some are out.
    """
    if not _is(pause, Standing.HALF_OPEN, now):
        return 0
    out = ctx.queries.probing(pause.provider, pause.until, SPEAKING)
    return 0 if out.prepared or out.under_way else PROBES


def judge(ctx: Context, now: datetime) -> None:
    """Open, renew and close the breakers."""
    pauses, found = ctx.notices.pauses(), troubles(ctx, now)
    until = now + ctx.policy.pause
    for name in ctx.providers:
        pause = pauses.get(name)
        if pause is not None and _is(pause, Standing.HALF_OPEN, now):
            _judge_probes(ctx, pause, now)
        elif (pause is None or pause.kind not in LASTING) and (why := found.get(name)) is not None:
            if pause is not None:
                ctx.notices.resume(pause)  # a short one: this one has a beginning of its own
            ctx.notices.pause(name, why.kind, why.reason, now, until)


def _judge_probes(ctx: Context, pause: Pause, now: datetime) -> None:
    """By the lane that answers first: live calls within seconds, a batch may take hours."""
    said = {
        verdict(pause.kind, ctx.queries.probing(pause.provider, pause.until, SPEAKING, lane), now)
        for lane in Lane
    }
    if Verdict.PASSED in said:
        ctx.notices.resume(pause)
        ctx.notices.close_incident(paused_key(pause), now)
    elif Verdict.FAILED in said:
        ctx.notices.pause(pause.provider, pause.kind, pause.reason, now, now + ctx.policy.pause)


def _is(pause: Pause, wanted: Standing, now: datetime) -> bool:
    return standing(pause, now) is wanted


@dataclass(slots=True)
class _Move:
    """Items of one job that go the same way."""

    choice: routing.Choice
    numbers: list[int]
    highest: Decimal | None
    """What one of them was quoted at most."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What became of the items of one job that waited for a provider."""

    moved: int
    probes: int
    """Items kept where they are, to be tried there."""


def _leave(
    ctx: Context,
    job: Job,
    route: list[str],
    pause: Pause,
    resting: Collection[str],
    probes: int,
    now: datetime,
) -> _Left:
    """Move what the job has not sent to a provider yet, but for the first `probes` items."""
    source = pause.provider
    _withdraw(ctx, job, pause, now)
    left = room(ctx, job)
    moves: dict[tuple[object, ...], _Move] = {}
    kept = after = staying = 0
    while page := ctx.queries.waiting_at(job.id, source, PAGE, after):
        after = page[-1].number
        for item in page:
            if staying < probes:
                staying += 1
                continue
            choice = _choose(ctx, job, item, route, resting, now)
            more = _dearer(item, choice)
            if choice is None or (left is not None and (more is None or more > left)):
                kept += 1
                continue
            if left is not None and more is not None:
                left -= more
            way = (choice.card.provider, choice.card.id, choice.made, choice.quality, *_prices(item, choice))
            moves.setdefault(way, _Move(choice, [], item.quoted_high)).numbers.append(item.number)
    moved = sum(_carry_out(ctx, job, move, pause, now) for move in moves.values())
    if moved:
        _tell(ctx, job, list(moves.values()), kept, pause, now)
    return _Left(moved, staying)


def _withdraw(ctx: Context, job: Job, pause: Pause, now: datetime) -> None:
    """Take apart what has certainly not been sent; a probe, prepared since the pause is over, stays."""
    for submission in ctx.queries.prepared(job.id, [pause.provider]):
        if now >= pause.until <= submission.created_at:
            continue
        try:
            ctx.store.withdraw(submission, now, note=f"{pause.provider} is paused: {pause.reason}")
        except StaleTransitionError:
            continue  # its call has begun: it stays


def _choose(
    ctx: Context, job: Job, item: Item, route: list[str], resting: Collection[str], now: datetime
) -> routing.Choice | None:
    cards = prices.cards(ctx)
    card = cards.get(item.provider, {}).get(item.model)
    need = routing.Need(
        prompt=item.prompt,
        lane=Lane(item.lane),
        size=Size.parse(item.size or item.made_size),
        references=len(item.references or ()),
        background=item.background,
        quality=item.quality,
        model=job.spec.get("model"),
        vector=card is not None and card.vector,
    )
    return routing.choose(route, cards, need, now.date(), without=resting)


def _dearer(item: Item, choice: routing.Choice | None) -> Decimal | None:
    """How much more the picture may cost there; None where that is not known."""
    if choice is None or choice.price is None or item.quoted_high is None:
        return None
    return choice.price.high - item.quoted_high


def _prices(item: Item, choice: routing.Choice) -> tuple[Decimal | None, ...]:
    """What sets items of one way apart: where words are sold by the token, each has its own price."""
    price = choice.price
    return (item.quoted_high, price.low if price else None, price.high if price else None)


def _carry_out(ctx: Context, job: Job, move: _Move, pause: Pause, now: datetime) -> int:
    choice = move.choice
    try:
        return ctx.store.reroute(
            job.id,
            move.numbers,
            pause.provider,
            now,
            note=f"{pause.provider} is paused; {choice.card.provider}/{choice.card.id}, {choice.made}",
            within=budgets_of(ctx, job),
            provider=choice.card.provider,
            model=choice.card.id,
            made_size=str(choice.made),
            quality=choice.quality,
            quoted_low=choice.price.low if choice.price else None,
            quoted_high=choice.price.high if choice.price else None,
        )
    except OverBudgetError:
        return 0  # they wait for the first provider; the next tick tries again


def _tell(ctx: Context, job: Job, moves: list[_Move], kept: int, pause: Pause, now: datetime) -> None:
    ways = {}
    for move in moves:
        card = move.choice.card
        high = move.choice.price.high if move.choice.price else None
        ways[f"{card.provider}/{card.id}"] = (
            f"{card.provider}/{card.id}: a picture was quoted {unit_price(move.highest)} at most, "
            f"there it costs {unit_price(high)} at most."
        )
    details = [*ways.values(), "What they cost may differ from the plan's quote; a budget is kept."]
    if kept:
        details.append(f"{count(kept, 'picture')} wait: no other provider can make them within the budget.")
    ctx.notices.open_incident(
        Incident(
            key=f"{Rule.REROUTED}:{job.id}:{pause.provider}@{pause.since:%Y%m%dT%H%M%S}",
            rule=Rule.REROUTED.value,
            severity=Severity.WARNING.value,
            headline=f"{job.title}: {pause.provider} is paused; "
            f"{count(sum(len(move.numbers) for move in moves), 'picture')} not yet sent "
            f"go to {listed(list(dict.fromkeys(m.choice.card.provider for m in moves)))}",
            details=details,
            advice="Nothing: what is at the first provider is awaited, nothing is paid twice.",
            opened_at=now,
            job_id=job.id,
        )
    )
