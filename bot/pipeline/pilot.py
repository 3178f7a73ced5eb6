"""A sample is made and shown before the rest of a job: chosen, watched to its end, gone on from.

The sample goes round the kinds of picture a job has, the most frequent first, and takes one of each in turn.
Pictures are of one kind when they agree in model, generated size, quality, number within their row (so that
choices and variants differ), length of the prompt (short, middle, long) and in the sheet's first column that
sorts its rows into few groups, such as a colour or a category. Within a kind the pictures are taken in the
order of their fingerprints, which is as good as chance and always the same. Copies are never taken.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.logs import about
from bot.pipeline import prices
from bot.pipeline.budget import bearing
from bot.pipeline.cadence import first_due
from bot.pipeline.create import SPEC
from bot.pipeline.plan import LaneQuote, Plan, keep_budget
from bot.pipeline.pricing import relaned
from bot.runtime import Context
from providers.base import Lane
from storage.lanes import Relaned
from storage.records import Item, Job, Row
from storage.states import UNDER_WAY, ItemState, JobState, StaleTransitionError

log = logging.getLogger(__name__)

LEAST, MOST = 6, 12
"""Pictures in the sample of an ordinary job: enough to see a template go wrong, few enough to look at."""

ONE_IN = 20
"""Between those, one picture in so many."""

VERY_LARGE = 5_000
"""From so many pictures on a dozen says too little."""

OF_VERY_LARGE = 100

GROUPS = 12
"""A column with more values than this does not sort rows into groups."""

SHORT, LONG = 200, 800
"""Characters of a prompt: up to the first it is short, beyond the second long."""


def usual_size(pictures: int) -> int:
    """How many of a job's pictures a sample has when nobody asks for a number."""
    if pictures >= VERY_LARGE:
        return OF_VERY_LARGE
    return min(pictures, max(LEAST, min(MOST, pictures // ONE_IN)))


def sample(pairs: Iterable[tuple[Item, str]], size: int) -> list[int]:
    """Numbers of at most `size` items, each given with its row's value in the grouping column.

    Reads the items once, in memory that grows with the kinds of picture only.
    """
    counts: Counter[tuple[object, ...]] = Counter()
    kept: dict[tuple[object, ...], list[tuple[str, int]]] = {}
    for item, group in pairs:
        if item.copied:
            continue
        kind = _kind(item, group)
        counts[kind] += 1
        mine = kept.setdefault(kind, [])
        mine.append((item.fingerprint, item.number))
        if len(mine) >= 2 * size:
            kept[kind] = sorted(mine)[:size]
    # `most_common` keeps the sheet's order among equals.
    queues = [[number for _, number in sorted(kept[kind])[:size]] for kind, _ in counts.most_common()]
    rounds = (queue[turn] for turn in range(size) for queue in queues if turn < len(queue))
    return sorted(number for number, _ in zip(rounds, range(size), strict=False))


def _kind(item: Item, group: str) -> tuple[object, ...]:
    length = len(item.prompt)
    words = "short" if length <= SHORT else "middle" if length <= LONG else "long"
    return (item.provider, item.model, item.made_size, item.quality, item.variant, words, group)


def grouping_column(rows: Iterable[Row], columns: Sequence[str]) -> str | None:
    """The first column with 2 to `GROUPS` different values, each of them twice at least on average."""
    values: dict[str, set[str]] = {name: set() for name in columns}
    number = 0
    for row in rows:
        if row.problem is not None:
            continue
        number += 1
        for name in [name for name, known in values.items() if len(known) > GROUPS]:
            del values[name]
        if not values:
            return None
        for name, known in values.items():
            known.add(row.cells.get(name, ""))
    return next((n for n, known in values.items() if 2 <= len(known) <= min(GROUPS, number // 2)), None)


def chosen(ctx: Context, job: Job, plan: Plan, size: int) -> Sequence[Relaned]:
    """The sample of a planned job, each item in the live lane where its model has one.

    Raises BudgetError if making it there would cost more than the budget leaves.
    """
    column = grouping_column(ctx.queries.rows(job.id), job.columns)
    numbers = sample(_with_groups(ctx, job, column), size)
    made: list[Relaned] = []
    known = prices.cards(ctx)
    more = LaneQuote(plan.quote.low, plan.quote.high, plan.quote.unpriced, plan.quote.seconds)
    for item in ctx.queries.items_by_number(job.id, numbers):
        card = known.get(item.provider, {}).get(item.model)
        if card is None:
            made.append(Relaned(item.number, item.lane, item.quoted_low, item.quoted_high))
            continue
        now_live, planned = relaned(card, item, Lane.LIVE), relaned(card, item, plan.lane)
        made.append(now_live)
        if now_live.quoted_high is not None and planned.quoted_high is not None:
            more = replace(more, high=more.high + now_live.quoted_high - planned.quoted_high)
    spec = SPEC.validate_python(job.spec)
    keep_budget(replace(plan, quotes={**plan.quotes, plan.lane: more}), spec, ctx.policy)
    return made


def _with_groups(ctx: Context, job: Job, column: str | None) -> Iterator[tuple[Item, str]]:
    """Both streams are in sheet order: merged, never loaded."""
    rows = ctx.queries.rows(job.id)
    row = next(rows, None)
    for item in ctx.queries.items(job.id, [ItemState.PLANNED]):
        while row is not None and row.number < item.row:
            row = next(rows, None)
        yield item, row.cells.get(column, "") if column and row is not None else ""


def pilots(ctx: Context, now: datetime) -> int:
    """Show each pilot of which nothing is under way any more; how many."""
    shown = 0
    for job in ctx.queries.jobs([JobState.PILOT]):
        with about(job=job.id):
            shown += _show(ctx, job, now)
    return shown


def _show(ctx: Context, job: Job, now: datetime) -> bool:
    counts = ctx.queries.counts(job.id)
    busy = any(counts.get(state) for state in UNDER_WAY - {ItemState.PLANNED})
    if busy or ctx.queries.unfinished_submissions(job.id):
        return False
    try:
        ctx.store.show_pilot(job.id, now)
    except StaleTransitionError:
        return False  # cancelled meanwhile
    log.info("its sample is made; it waits for a person")
    return True


def go_on(ctx: Context, job: Job, now: datetime, person: str = "") -> None:
    """PILOT_REVIEW -> RUNNING: the rest is made; what the sample made is kept and not made again.

    Raises StaleTransitionError if the job is not PILOT_REVIEW any more, BudgetError if a budget does not
    bear the rest.
    """
    with bearing(ctx, job, now) as within:
        ctx.store.go_on(job.id, now, first_due(job, ctx.policy, now), person, within=within)
