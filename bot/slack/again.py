"""Pictures made again because a reviewer says so: at once, or when a second person agreed to the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.intake.options import CommandError
from bot.intake.verdicts import Pictures, as_ranges, spoken
from bot.pipeline import redo
from bot.pipeline.redo import Again
from bot.runtime import Context
from bot.slack import approval
from bot.slack.approval import Ask
from bot.watch.words import count
from providers.base import Lane
from storage.records import Item, Job

REDO = "redo"
"""What a second person is asked to agree to."""

MOST_AGAIN = 100
"""Pictures made again by one word: more is a batch of its own, with its own quote and Start."""


def pictures_meant(ctx: Context, job: Job, pictures: Pictures) -> Sequence[Item]:
    """The versions that count of these pictures. Raises CommandError for too many, or none."""
    total = job.items or 1
    size = sum(min(high, total) - low + 1 for low, high in pictures.ranges if low <= total)
    if size > MOST_AGAIN:
        raise CommandError(
            f"That is {count(size, 'picture')}; at most {MOST_AGAIN} are made again at a time. Name fewer, "
            "or hand them in as a batch of their own."
        )
    items = ctx.reviews.picked(job.id, pictures.ranges)
    if not items:
        raise CommandError(f"There is no picture {spoken(pictures.ranges)} in this batch.")
    return items


def made_again(
    ctx: Context,
    job: Job,
    items: Sequence[Item],
    person: str,
    now: datetime,
    *,
    prompt: str | None = None,
    lane: Lane | None = None,
    once: str = "",
) -> str:
    """New versions of these, or a question for a second person where the job would pass the spending limit
    with them; empty where there was nothing left to do.

    Raises CannotRedoError, CommandError or AskedAlreadyError with a sentence.
    """
    if prompt and len(items) > 1:
        raise CommandError("New words are for one picture at a time; name one, or leave the words out.")
    wanted = [Again(item, prompt or None, lane) for item in items]
    new = redo.priced(ctx, wanted, now)
    usd = approval.in_all(ctx, job, new.most)
    if new.added and approval.needed(ctx, job, usd):
        prompts = {str(one.seen.number): one.prompt or "" for one in wanted}
        return approval.request(ctx, job, Ask(person, REDO, lane, usd, now, prompts=prompts))
    return _made(ctx, job, wanted, person, now, once)


def agreed(
    ctx: Context,
    job: Job,
    prompts: Mapping[str, str],
    lane: Lane | None,
    person: str,
    now: datetime,
    once: str,
) -> str:
    """The same after a second person's word, as far as it is still to be done. Raises CannotRedoError."""
    said = [(item, prompts[str(item.number)]) for item in waiting(ctx, job, prompts)]
    return _made(ctx, job, [Again(item, prompt or None, lane) for item, prompt in said], person, now, once)


def waiting(ctx: Context, job: Job, prompts: Mapping[str, str]) -> Sequence[Item]:
    """Of the versions somebody wants made again, by number, those of which that can still be done."""
    items = ctx.queries.items_by_number(job.id, [int(number) for number in prompts])
    return [item for item in items if redo.can_be(item)]


def _made(ctx: Context, job: Job, wanted: Sequence[Again], person: str, now: datetime, once: str) -> str:
    done = redo.redo(ctx, job, wanted, person, now, once=once)
    if not done.added:
        return ""
    numbers = spoken(as_ranges(item.first for item in done.added))
    which = f"Picture {numbers} is" if len(done.added) == 1 else f"Pictures {numbers} are"
    hours = " within hours" if any(item.lane == Lane.BATCH for item in done.added) else ""
    return f"{which} being made again{hours}, for {done.price}. Before and after come in the thread."
