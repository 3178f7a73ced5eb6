"""Which budgets a job must keep, what is left of them, and how a refusal is said.

The data store holds them at every write that lets something be sent (`storage.budgets.keeping`): what is
reserved is counted in the transaction that reserves it. What is read here beforehand only saves the attempt,
or says a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal

from bot.pipeline.costs import today
from bot.pipeline.plan import BudgetError, Plan
from bot.runtime import Context
from bot.watch.failing import SPENT
from bot.watch.words import count, listed, money
from providers.base import Lane
from storage.budgets import Budget, BudgetKind, OverBudgetError
from storage.records import Item, Job
from storage.states import ItemEvent, StaleTransitionError


def budgets_of(ctx: Context, job: Job) -> list[Budget]:
    """Every budget the job's spending counts against: its own, and those of the month."""
    found = []
    cap = job_budget(ctx, job)
    if cap is not None:
        found.append(Budget(BudgetKind.JOB, job.id, cap))
    thread = ctx.mail.thread(job.id)
    team, channel = (thread.team, thread.channel) if thread else ("", "")
    return found + [
        budget
        for budget in monthly(ctx, team, channel, job.requested_by)
        if budget.kind is not BudgetKind.CHANNEL or channel
    ]


def monthly(ctx: Context, team: str, channel: str, person: str) -> list[Budget]:
    """The month's budgets of a channel's and a person's jobs; an admin's word comes before the setting."""
    said = {(known.team, known.kind, known.key): known.usd for known in ctx.shelf.set_budgets()}
    defaults = ctx.policy.budgets
    wanted = [
        (BudgetKind.CHANNEL, channel, team, defaults.channel),
        (BudgetKind.PERSON, person, "", defaults.person),
        (BudgetKind.MONTH, "", "", defaults.month),
    ]
    named = {key for _, kind, key in said if kind == BudgetKind.PROVIDER} | set(defaults.providers)
    wanted += [(BudgetKind.PROVIDER, name, "", defaults.providers.get(name)) for name in sorted(named)]
    found = [(kind, key, team, said.get((team, kind, key), usd)) for kind, key, team, usd in wanted]
    return [Budget(kind, key, usd, team) for kind, key, team, usd in found if usd is not None]


def job_budget(ctx: Context, job: Job) -> Decimal | None:
    """What the job may cost at most: the lower of its own budget and the operator's; None: no limit."""
    own = job.spec.get("budget_usd")
    caps = [Decimal(str(cap)) for cap in (own, ctx.policy.budget_usd) if cap is not None]
    return min(caps, default=None)


def room(ctx: Context, job: Job) -> Decimal | None:
    """What the job may still cost beyond what is spent and reserved; None where nothing bounds it. Budgets of
    providers are left out: which of them a picture goes to is still open.
    """
    bounds = [budget for budget in budgets_of(ctx, job) if budget.kind is not BudgetKind.PROVIDER]
    at = ctx.clock()
    return min((budget.usd - ctx.queries.used(budget, at).total for budget in bounds), default=None)


@contextmanager
def bearing(ctx: Context, job: Job, now: datetime) -> Iterator[Sequence[Budget]]:
    """The budgets that what is written in this block must keep. Raises BudgetError where it does not."""
    try:
        yield budgets_of(ctx, job)
    except OverBudgetError as problem:
        raise BudgetError(refusal(ctx, job, problem, now)) from problem


def refusal(ctx: Context, job: Job, problem: OverBudgetError, now: datetime) -> str:
    """Which budget would be passed, what is left of it and who may raise it; without a full stop."""
    budget = problem.budget
    left = left_words(budget, max(Decimal(0), problem.left), now)
    if problem.unpriced:
        return (
            f"The price of {count(problem.unpriced, 'picture')} is not known, and {left}; "
            f"{_admins(ctx)} may allow it: “/imgbatch budget allow {job.id}”"
        )
    return f"That may cost {money(problem.more)}, and {left}; {_raised(ctx, budget)}"


def left_words(budget: Budget, left: Decimal, now: datetime) -> str:
    """“the channel has $3.00 left of its budget of $50.00 for November”."""
    month, of = f"{today(now):%B} (UTC)", money(budget.usd)
    match budget.kind:
        case BudgetKind.JOB:
            return f"the job has {money(left)} left of its budget of {of}"
        case BudgetKind.CHANNEL:
            return f"the channel has {money(left)} left of its budget of {of} for {month}"
        case BudgetKind.PERSON:
            return f"whoever asked for the job has {money(left)} left of their budget of {of} for {month}"
        case BudgetKind.PROVIDER:
            return f"{money(left)} are left of the budget of {of} for {budget.key} in {month}"
        case BudgetKind.MONTH:
            return f"{money(left)} are left of the budget of {of} for all jobs in {month}"


def _raised(ctx: Context, budget: Budget) -> str:
    match budget.kind:
        case BudgetKind.JOB:
            return (
                "make fewer pictures, or hand them in as a batch of their own with another budget= "
                "(IMGBATCH_BUDGET_USD bounds every job)"
            )
        case BudgetKind.CHANNEL:
            how = "budget channel USD” there"
        case BudgetKind.PERSON:
            how = "budget person @NAME USD”"
        case BudgetKind.PROVIDER:
            how = f"budget provider {budget.key} USD”"
        case BudgetKind.MONTH:
            how = "budget month USD”"
    return f"{_admins(ctx)} may raise it with “/imgbatch {how}"


def _admins(ctx: Context) -> str:
    """Who may change budgets, as far as their names are known without asking Slack."""
    groups = [f"members of {name}" for name in ctx.policy.roles.admins if name.startswith("@")]
    if groups:
        return listed(groups)
    return "an admin" if ctx.policy.roles.admins else "whoever set imgbatch up"


def rush_cost(plan: Plan) -> Decimal | None:
    """What rushing all of the job costs beyond its quote at most; None where that is not known."""
    live = plan.quotes.get(Lane.LIVE)
    if live is None or plan.lane is Lane.LIVE:
        return Decimal(0)
    return None if live.unpriced or plan.quote.unpriced else max(Decimal(0), live.high - plan.quote.high)


def stop_unaffordable(ctx: Context, job: Job, items: Sequence[Item], now: datetime) -> list[Item]:
    """Of items about to be packed, those that may be. What was answered before and is tried again was perhaps
    billed, so that it is reserved a second time: where a budget is passed by that, it fails instead.
    """
    # What the quality gate has made again was reserved when that was decided, and its picture is kept.
    again = [item for item in items if item.attempts and not item.regenerated]
    budgets = budgets_of(ctx, job) if again else []
    stopped: set[int] = set()
    for budget in budgets:
        over = ctx.queries.used(budget, now).total - budget.usd
        for item in again:
            if over <= 0:
                break
            elsewhere = budget.kind is BudgetKind.PROVIDER and item.provider != budget.key
            if item.number in stopped or elsewhere or not item.quoted_high:
                continue
            words = f"Not tried again: {left_words(budget, Decimal(0), now)}."
            with suppress(StaleTransitionError):  # it moved meanwhile, and is not packed either
                ctx.store.move_item(
                    item, ItemEvent.FAIL, now, note=words, failure_kind=SPENT, failure_code="", reason=words
                )
            stopped.add(item.number)
            over -= item.quoted_high
    return [item for item in items if item.number not in stopped]
