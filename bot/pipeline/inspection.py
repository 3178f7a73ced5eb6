"""The quality gate: whether a made picture is shown, made again, or shown with a flag.

Pure eyes are in `bot.imaging.quality`; here is what follows from what they saw, and what only the job knows:
whether another row has the same picture, and what may still be spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from bot.imaging.fingerprint import REMEMBERED, Seen
from bot.imaging.presets import find
from bot.imaging.quality import Checks, Code, Flag
from bot.pipeline.budget import budgets_of, room
from bot.policy import Policy
from bot.runtime import Context
from providers.base import Size
from storage.budgets import Budget
from storage.records import Item, Job
from storage.states import JobState

AGAIN: Final = frozenset(Code) - {Code.WRONG_SIZE}
"""Findings for which a picture is made again. Not for being small: the same request brings the same size."""

FIRST_AGAIN: Final = 5
PASSED_FOR_ONE: Final = 4
"""At most five pictures, and one more for each four that passed, are made again. Where most of a job fails,
the cause is its words, its model or a limit of ours, and a second bill would not mend it."""

SPENDING: Final = frozenset({JobState.RUNNING, JobState.PILOT, JobState.PAUSED})
"""Jobs for which something may be sent again; a cancelled one keeps what it has."""


class Gate:
    """One job's gate, for one hand of pictures."""

    def __init__(self, ctx: Context, job: Job) -> None:
        self._ctx = ctx
        self._job = job
        self._room = _Room(ctx, job)
        self.on = is_on(job, ctx.policy)

    @cached_property
    def budgets(self) -> Sequence[Budget]:
        """What making a picture again has to keep."""
        return budgets_of(self._ctx, self._job)

    def checks(self, item: Item) -> Checks | None:
        """What to look for in the item's master; None where the gate is off."""
        if not self.on:
            return None
        background = "transparent" if item.background == "transparent" else ground(self._job)
        return Checks(Size.parse(item.made_size), background)

    def judge(self, item: Item, values: dict[str, Any]) -> str | None:
        """Why the item is to be made again, or None: it stays, and `values` has all that was found."""
        if not self.on:
            return None
        seen = self._seen()
        flags = [Flag.read(flag) for flag in values["flags"]]
        phash = values["phash"]
        if phash is not None and (twin := seen.like(phash, item.row)) is not None:
            line = self._ctx.queries.lines(item.job_id, [twin[0]]).get(twin[0], 0)
            flags.append(Flag(Code.LOOKS_LIKE, f"looks like line {line:,} ({twin[1]})"))
            values["flags"] = [str(flag) for flag in flags]
        if any(flag.code in AGAIN for flag in flags) and self.may_again(item):
            seen.again += 1
            return "; ".join(flag.words for flag in flags)
        if phash is not None:
            seen.add(phash, item.row, item.key)
        seen.passed += not flags
        return None

    def may_again(self, item: Item) -> bool:
        """Whether the item may be made again: within the tries, the share of the job, and the budget. If so,
        its price is taken from what is left.
        """
        seen = self._seen()
        return (
            self._job.state in SPENDING
            and item.regenerated < self._ctx.policy.quality_retries
            and seen.again < FIRST_AGAIN + seen.passed // PASSED_FOR_ONE
            and self._room.take(item.quoted_high)
        )

    def _seen(self) -> Seen:
        seen = self._ctx.inspected.get(self._job.id)
        if seen is None:
            queries = self._ctx.queries
            passed, again = queries.judged(self._job.id)
            seen = Seen(passed=passed, again=again)
            for row, key, phash in queries.fingerprints(self._job.id, REMEMBERED):
                seen.add(phash, row, key)
            self._ctx.inspected[self._job.id] = seen
        return seen


class _Room:
    """What is left of a budget; asked for once, when it is first needed."""

    def __init__(self, ctx: Context, job: Job) -> None:
        self._ctx, self._job = ctx, job
        self._asked = False
        self._left: Decimal | None = None

    def take(self, price: Decimal | None) -> bool:
        """Whether so much may be spent; with a budget, never what has no known price."""
        if not self._asked:
            self._left, self._asked = room(self._ctx, self._job), True
        if self._left is None:
            return True
        if price is None or price > self._left:
            return False
        self._left -= price
        return True


def is_on(job: Job, policy: Policy) -> bool:
    """Whether the job's pictures are judged: as it says itself, else as the operator set it."""
    own = job.spec.get("quality_gate")
    return policy.quality_gate if own is None else bool(own)


def ground(job: Job) -> str | None:
    """The colour the border of every picture must have: the job's own wish, or what its delivery demands."""
    if wanted := job.spec.get("ground"):
        return str(wanted)
    delivery = job.spec.get("delivery")
    try:
        return "#ffffff" if delivery and find(str(delivery)).white_border else None
    except ValueError:
        return None  # a set of files by another name: it says nothing of the ground
