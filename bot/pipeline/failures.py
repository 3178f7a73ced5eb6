"""What of a job came to nothing, by what can be done about it, and doing it: sent again as it is, in other
words, or as a sheet to be mended and returned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from bot.pipeline import prompts
from bot.pipeline.budget import bearing
from bot.pipeline.plan import BudgetError
from bot.pipeline.redo import Again, CannotRedoError, Redone, card_of, new_version
from bot.pipeline.results import Line, Wanted, write_results
from bot.runtime import Context
from bot.watch.failing import BAD_ROWS, CANCELLED, IN_DOUBT, Group, kind_of
from providers.base import FailureKind
from storage.failed import End, Failed
from storage.pictures import NOT_MADE
from storage.records import Item, Job, Row
from storage.returning import Taken
from storage.states import ItemState, ReviewState, StaleTransitionError

WORDS: Mapping[str, Collection[ItemState]] = {
    "failed": (ItemState.FAILED, ItemState.EXPIRED),
    "refused": (ItemState.REFUSED,),
    "all": NOT_MADE,
}
"""What people call several kinds together, by the states they ended in. Refused ones would be refused again,
and those in doubt may be paid twice, so that “failed” leaves both alone.
"""


def groups(ctx: Context, job: Job) -> Sequence[Group]:
    """What failed and what is being tried again, by who can act; nothing for a job of which all came out."""
    ended: dict[str, list[Failed]] = {}
    for failed in ctx.queries.failed(job.id):
        ended.setdefault(_kind(failed), []).append(failed)
    made = [_group(kind, some) for kind, some in ended.items()]
    if job.bad_rows:
        made.append(Group(BAD_ROWS, job.bad_rows))
    return sorted([*made, *_retrying(ctx, job)], key=lambda group: group.place)


def _group(kind: str, some: Sequence[Failed]) -> Group:
    return Group(
        kind,
        sum(one.count for one in some),
        usd=sum((one.spent.usd for one in some), Decimal(0)),
        unpriced=sum(one.spent.unpriced for one in some),
        billed=sum(one.billed for one in some),
        again_usd=_again_usd(some),
        ends=tuple(one.end for one in some),
    )


def _again_usd(some: Sequence[Failed]) -> Decimal | None:
    if any(one.unpriced for one in some):
        return None
    return sum((one.again_usd for one in some), Decimal(0))


def _retrying(ctx: Context, job: Job) -> Sequence[Group]:
    found: dict[str, Group] = {}
    for one in ctx.queries.retrying(job.id):
        kind = kind_of(one.kind, one.code)
        known = found.get(kind, Group(kind, 0, retrying=True))
        times = [at for at in (known.next_at, one.next_at) if at is not None]
        found[kind] = replace(known, count=known.count + one.count, next_at=min(times, default=None))
    return list(found.values())


def _kind(failed: Failed) -> str:
    match failed.state:
        case ItemState.IN_DOUBT:
            return IN_DOUBT
        case ItemState.CANCELLED:
            return CANCELLED
        case ItemState.REFUSED:
            return FailureKind.CONTENT_POLICY.value
        case ItemState.EXPIRED:
            return FailureKind.EXPIRED.value
        case _:
            return kind_of(failed.kind, failed.code)


def group_of(ctx: Context, job: Job, kind: str) -> Group | None:
    """What failed in this way; None where there is nothing of it (any more)."""
    found = (group for group in groups(ctx, job) if group.kind == kind and not group.retrying)
    return next(found, None)


def chosen(ctx: Context, job: Job, which: str) -> Sequence[Failed]:
    """What somebody means by one of `WORDS` or the kind of a group."""
    states = WORDS.get(which)
    failed = ctx.queries.failed(job.id)
    return [one for one in failed if (one.state in states if states else _kind(one) == which)]


@dataclass(frozen=True, slots=True)
class Example:
    """One of a group, as people know it."""

    line: int
    """Of the sheet."""
    key: str
    reason: str


def examples(ctx: Context, job: Job, group: Group, limit: int) -> Sequence[Example]:
    """The first of a group, in the sheet's order; none of what is being tried again."""
    if group.retrying:
        return []
    if group.kind == BAD_ROWS:
        bad = ctx.queries.rows(job.id, bad_only=True, limit=limit)
        return [Example(row.line, row.key or _first_cell(row), row.problem or "") for row in bad]
    items = ctx.queries.failed_items(job.id, group.ends, limit)
    lines = ctx.queries.lines(job.id, {item.row for item in items})
    return [Example(lines.get(item.row, 0), item.key, item.reason or "") for item in items]


def next_items(ctx: Context, job: Job, which: str, after: int, limit: int) -> tuple[Sequence[Item], int]:
    """The first of these in the sheet's order, behind item `after`, and how many come after them. Copies that
    share the fate of one of them are left out.
    """
    ends = _ends(ctx, job, which)
    items = ctx.queries.failed_items(job.id, ends, limit, after)
    return items, ctx.queries.failed_after(job.id, ends, items[-1].number) if items else 0


def _first_cell(row: Row) -> str:
    """By which people know a row that was not read to its key; mostly its number."""
    return " ".join(next(filter(None, row.cells.values()), "").split())[:40]


def _ends(ctx: Context, job: Job, which: str) -> list[End]:
    return [one.end for one in chosen(ctx, job, which)]


# --- as they are -------------------------------------------------------------------------------------------


def again_usd(ctx: Context, job: Job, which: str) -> Decimal | None:
    """What sending these again may cost at most; None: not known."""
    return _again_usd(chosen(ctx, job, which))


def send_again(ctx: Context, job: Job, which: str, person: str, now: datetime, once: str) -> int:
    """Send these once more as they are; how many pictures, 0 where the asking called `once` was followed
    before. Raises BudgetError.
    """
    with bearing(ctx, job, now) as within:
        return ctx.store.send_again(job.id, _ends(ctx, job, which), now, person, once, within=within)


# --- in other words ----------------------------------------------------------------------------------------


def changed(ctx: Context, job: Job, said: Mapping[int, str]) -> list[tuple[Item, str]]:
    """Pictures that are not made and still wanted, each with a prompt that is another than its own. What a
    form did to spaces and line ends is no change.
    """
    items = {item.number: item for item in ctx.queries.items_by_number(job.id, said)}
    return [
        (items[number], prompt.strip())
        for number, prompt in said.items()
        if number in items and _still_failed(items[number]) and prompt.split() != items[number].prompt.split()
    ]


def _still_failed(item: Item) -> bool:
    return item.state in NOT_MADE and item.review is not ReviewState.REPLACED


def objection(ctx: Context, item: Item, prompt: str, now: datetime) -> str | None:
    """Why a prompt cannot be sent for this picture, as a sentence; None when it can."""
    try:
        return prompts.lint(prompt.strip(), card_of(ctx, item, now))
    except CannotRedoError as problem:
        return str(problem)


def reword(
    ctx: Context, job: Job, wanted: Sequence[Again], person: str, now: datetime, once: str
) -> Redone | None:
    """New versions of failed pictures, all of them or none; None where the asking called `once` was followed
    before. Copies of one get its new picture, and are not paid. Raises CannotRedoError.
    """
    made, redone = _versions(ctx, job, wanted, now)
    taken = Taken(made=made, low=None if redone.unpriced else redone.low, high=redone.most)
    try:
        with bearing(ctx, job, now) as within:
            if not ctx.store.take_sheet(job.id, taken, now, person, once, within=within):
                return None
    except BudgetError as problem:
        raise CannotRedoError(f"{problem}.") from problem
    except StaleTransitionError:
        raise CannotRedoError(
            f"Job {job.id} has moved on meanwhile, so nothing was sent; look at what failed again."
        ) from None
    return redone


def reworded(ctx: Context, wanted: Sequence[Again], now: datetime) -> Redone:
    """What rewording would make, and what it would cost. Raises CannotRedoError."""
    return Redone.of([new_version(ctx, one, now) for one in wanted])


def _versions(
    ctx: Context, job: Job, wanted: Sequence[Again], now: datetime
) -> tuple[list[tuple[Item | None, Item]], Redone]:
    """Every version seen with its new one, copies too, and those that are paid; numbers as in `Taken`."""
    made: list[tuple[Item | None, Item]] = []
    added: list[Item] = []
    for one in wanted:
        new = replace(new_version(ctx, one, now), number=-1 - len(made))
        made.append((one.seen, new))
        added.append(new)
        for copy in ctx.queries.failed_copies(job.id, [one.seen.number]):
            version = new_version(ctx, replace(one, seen=copy), now)
            free = replace(version, quoted_low=Decimal(0), quoted_high=Decimal(0), duplicate_of=new.number)
            made.append((copy, replace(free, number=-1 - len(made))))
    return made, Redone.of(added)


# --- as a sheet --------------------------------------------------------------------------------------------


def write_failed(ctx: Context, job: Job, kind: str, file: BinaryIO, wanted: Wanted) -> int:
    """The rows of a group as a sheet to be mended and returned, with their prompts; how many."""
    ends = set(_ends(ctx, job, kind))

    def belongs(line: Line) -> bool:
        if line.row.problem is not None:
            return kind == BAD_ROWS
        return any(_end(item) in ends for item in line.current)

    return write_results(ctx, job, file, replace(wanted, only=belongs, prompts=True))


def _end(item: Item) -> End:
    return item.state.value, item.failure_kind or "", item.failure_code or ""
