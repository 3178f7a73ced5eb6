"""What failed, gathered for whoever asks: as a page with buttons, an answer to words, a form of prompts.

What is decided there goes the way of every decision (`verbs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.pipeline import failures, redo
from bot.pipeline.redo import Again, CannotRedoError, Redone
from bot.runtime import Context
from bot.slack import answers, approval, cards, failure_page, limits, reach, verbs
from bot.slack.blocks import Message
from bot.slack.failure_page import AT_ONCE, Kept, Shown, Wording
from bot.slack.fields import Values, View
from bot.slack.reach import Where
from bot.slack.results import names_of
from bot.slack.telling import Desk
from bot.slack.verbs import Wish
from bot.watch.failing import BAD_ROWS
from bot.watch.words import count
from providers.base import Lane
from storage.records import Job
from storage.shelved import Export, ExportState

EXAMPLES = 3

NOTHING_CHANGED = "No prompt was changed, and the same words would be refused again; change one, or close."


def page(ctx: Context, job: Job, where: Where, now: datetime, *, about: str = "", said: str = "") -> View:
    """The page as things stand, with what is to be said of the group `about`."""
    closed = verbs.objection(ctx, Wish(verbs.REWORD, job.id, where.person), job) or ""
    shown = [
        replace(one, said=said) if one.group.kind == about and not one.group.retrying else one
        for one in _shown(ctx, job)
    ]
    gone = "" if any(one.said for one in shown) else said
    return failure_page.page(job, where, shown, now, closed=closed, said=gone)


def answer(ctx: Context, name: str, team: str, now: datetime) -> Message:
    """The same groups for somebody who asked in words."""
    job = answers.find_job(ctx, name, team)
    if job is None:
        return reach.sentence(answers.no_such_job(name))
    shown = _shown(ctx, job)
    number = sum(one.group.count for one in shown)
    return failure_page.answer(job, shown, now, cards.what_failed(job, number))


def _shown(ctx: Context, job: Job) -> list[Shown]:
    known = approval.may_cost(ctx, job) if job.plan else None
    found = []
    for group in failures.groups(ctx, job):
        usd = None if known is None or group.again_usd is None else known + group.again_usd
        to_agree = group.again and approval.needed(ctx, job, usd)
        found.append(Shown(group, failures.examples(ctx, job, group, EXAMPLES), to_agree))
    return found


# --- rewording -------------------------------------------------------------------------------------------


def form(ctx: Context, job: Job, kept: Kept, now: datetime) -> View | None:
    """The next prompts of a group to edit; None where there are none (any more)."""
    items, rest = failures.next_items(ctx, job, kept.kind, kept.after, AT_ONCE)
    if not items:
        return None
    lines = ctx.queries.lines(job.id, {item.row for item in items})
    copies = [copy.duplicate_of for copy in ctx.queries.failed_copies(job.id, [one.number for one in items])]
    wordings, left_out = [], []
    for item in items:
        try:
            most = min(limits.INPUT_CHARACTERS, redo.card_of(ctx, item, now).prompt_limit)
        except CannotRedoError:
            most = 0
        if len(item.prompt) <= most:
            wordings.append(Wording(item, lines.get(item.row, 0), copies.count(item.number), most))
        else:
            left_out.append(lines.get(item.row, 0))
    kept = replace(kept, after=items[-1].number)
    return failure_page.form(kept, wordings, _prices(ctx, wordings, now), rest, _left_out(left_out))


def _left_out(lines: Sequence[int]) -> str:
    if not lines:
        return ""
    named = ", ".join(f"{line:,}" for line in lines)
    return (
        f"Not here: line {named}, whose prompt is too long for a form or whose model is not available any "
        "more; get these rows as a sheet."
    )


def _prices(ctx: Context, wordings: Sequence[Wording], now: datetime) -> dict[Lane, Redone]:
    """What all of them cost in each lane that every model of theirs has."""
    found = {}
    for lane in (Lane.LIVE, Lane.BATCH):
        again = [Again(one.item, one.item.prompt, lane) for one in wordings]
        try:
            priced = failures.reworded(ctx, again, now)
        except CannotRedoError:
            continue  # one was asked for in words that would not be sent today
        if again and all(item.lane == lane for item in priced.added):
            found[lane] = priced
    return found


def wish_in(ctx: Context, job: Job, where: Where, values: Values) -> Wish:
    """What a form asks for: the prompts that were changed."""
    said = failures.changed(ctx, job, failure_page.prompts_in(values))
    prompts = {str(item.number): prompt for item, prompt in said}
    lane = values.get(failure_page.LANE)
    return Wish(verbs.REWORD, job.id, where.person, prompts=prompts, lane=str(lane) if lane else None)


def objections(ctx: Context, job: Job, wish: Wish, now: datetime) -> dict[str, str]:
    """Sentences by field, for prompts that cannot be sent."""
    found = {}
    said = {int(number): prompt for number, prompt in wish.prompts.items()}
    for item, prompt in failures.changed(ctx, job, said):
        problem = failures.objection(ctx, item, prompt, now)
        if problem:
            found[f"{failure_page.PROMPT}{item.number}"] = problem[: limits.FIELD_ERROR]
    return found


# --- as a sheet ------------------------------------------------------------------------------------------


def ask_sheet(desk: Desk, job: Job, kind: str, where: Where, once: str) -> str:
    """Have the rows of a group written as a sheet; what to tell the person."""
    group = failures.group_of(desk.ctx, job, kind)
    if group is None:
        return "There is nothing of that kind any more."
    names = names_of(desk, where.team)
    people = {person: names(person) for person in desk.ctx.queries.approvers(job.id)}
    wish: dict[str, Any] = {"sheet": kind, "to": "slack", "people": people}
    desk.ctx.shelf.ask_export(Export(once, job.id, where.person, wish, ExportState.ASKED, (), desk.now))
    what = count(group.count, "row" if kind == BAD_ROWS else "picture")
    return f"The sheet with the rows of {what} comes into the job's thread: mend it and drop it there."
