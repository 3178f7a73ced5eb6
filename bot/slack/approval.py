"""A second person's word for what costs much: when it is needed, who asked for it, what was agreed to.

What was asked is kept, so that it outlives the process; what was agreed to is a permit for an amount, and a
permit for more covers less. A price nobody knows is above every limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.pipeline.create import PLAN
from bot.pipeline.plan import Plan
from bot.runtime import Context
from bot.watch.words import money
from providers.base import Lane
from storage.records import Job
from storage.shelved import Permit

ASK = "ask"
"""Scope in which the newest question of each job is kept, under the job's id."""


class AskedAlreadyError(ValueError):
    """The same question waits for its answer; one sentence for the person."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody asked for a second person's word."""

    person: str
    verb: str
    """What is to be done then: one of `verbs`."""
    lane: str | None
    usd: Decimal | None
    """What it may cost; None: nobody knows."""
    at: datetime
    which: str = "failed"
    """Pictures to send again."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Words for pictures that failed or are to be made again, by item; empty: as they were."""

    @property
    def wanted(self) -> tuple[object, ...]:
        """Equal where the same is asked for."""
        return self.verb, self.lane, self.which, self.prompts

    @property
    def id(self) -> str:
        return f"{self.at:%Y%m%d%H%M%S%f}"

    @property
    def price(self) -> str:
        return "a price that is not known" if self.usd is None else money(self.usd)

    def to_json(self) -> dict[str, Any]:
        usd = None if self.usd is None else str(self.usd)
        about = {"which": self.which, "prompts": dict(self.prompts)}
        return {"person": self.person, "verb": self.verb, "lane": self.lane, "usd": usd, **about}

    @classmethod
    def of(cls, given: Mapping[str, Any], at: datetime) -> Ask:
        usd = None if given["usd"] is None else Decimal(given["usd"])
        about = {name: given[name] for name in ("which", "prompts") if name in given}
        return cls(given["person"], given["verb"], given["lane"], usd, at, **about)


def limit_of(ctx: Context, job: Job) -> Decimal | None:
    """Above it a second person must agree: the lower of the operator's limit and the channel's; None: no
    limit.
    """
    thread = ctx.mail.thread(job.id)
    preset = ctx.shelf.preset(thread.team, thread.channel) if thread else None
    channels = preset.body.get("approval_usd") if preset else None
    limits = [ctx.policy.approval_usd, None if channels is None else Decimal(str(channels))]
    return min((limit for limit in limits if limit is not None), default=None)


def needed(ctx: Context, job: Job, usd: Decimal | None) -> bool:
    """Whether nobody has agreed yet to what a job may cost, and somebody must. `usd` None: not known."""
    limit = limit_of(ctx, job)
    if limit is None or (usd is not None and usd <= limit):
        return False
    return not any(_covers(permit, usd) for permit in ctx.shelf.permits(job.id))


def _covers(permit: Permit, usd: Decimal | None) -> bool:
    return permit.limit_usd is None or (usd is not None and usd <= permit.limit_usd)


def may_cost(ctx: Context, job: Job, lane: Lane | None = None) -> Decimal | None:
    """The most a job may come to, in USD: started in this lane, or as it stands. None: unknown."""
    plan = PLAN.validate_python(job.plan)
    if job.started_at is not None and lane is None:
        known = job.quoted_high is not None
        return ctx.queries.most_it_may_cost(job.id) if known else None
    rushed = Lane.LIVE in plan.quotes and bool(job.spec.get("rush"))
    quote = plan.quotes[Lane.LIVE if rushed else lane or plan.lane]
    return None if quote.unpriced else quote.high


def in_all(ctx: Context, job: Job, more: Decimal | None) -> Decimal | None:
    """The most a job that has begun may come to with so much more; None: not known."""
    known = may_cost(ctx, job)
    return None if more is None or known is None else known + more


def above_words(ctx: Context, job: Job, usd: Decimal | None) -> str:
    """“With it the job may come to $5.04, above the limit of $5.00”; empty where nobody has to agree."""
    limit = limit_of(ctx, job)
    if limit is None or not needed(ctx, job, usd):
        return ""
    most = "a sum that is not known" if usd is None else money(usd)
    return f"With it the job may come to {most}, above the limit of {money(limit)}"


def request(ctx: Context, job: Job, new: Ask) -> str:
    """Keep the question, in the place of an earlier one, and say so. Raises AskedAlreadyError."""
    earlier = asked(ctx, job.id)
    if earlier is not None and earlier.wanted == new.wanted:
        raise AskedAlreadyError(
            f"An approval of {earlier.price} has been asked for already; see the job's thread."
        )
    ctx.shelf.remember(ASK, job.id, new.to_json(), new.at)
    return f"It may cost {new.price} in all, so a second person must agree: I have asked in the job's thread."


def asked(ctx: Context, job_id: str) -> Ask | None:
    """The newest question about a job that is not closed."""
    kept = ctx.shelf.recall(ASK, job_id)
    return None if kept is None else Ask.of(*kept)


def sample_cost(plan: Plan, size: int) -> Decimal | None:
    """What a sample may cost: as many times the mean highest price in the lane samples are made in."""
    quote = plan.quotes.get(Lane.LIVE, plan.quote)
    if quote.unpriced or not plan.to_generate:
        return None
    return quote.high / plan.to_generate * size
