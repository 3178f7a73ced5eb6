"""`budget`: what is left of the month's budgets, and an admin's word on them."""

from __future__ import annotations

from datetime import datetime

from bot.intake.budgeting import Budgets, Change
from bot.pipeline.budget import monthly
from bot.pipeline.costs import today
from bot.runtime import Context
from bot.slack import answers, reach
from bot.slack import blocks as b
from bot.slack.blocks import Message
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import Wire
from bot.watch.words import count, money
from storage.budgets import Budget, BudgetKind
from storage.shelved import SetBudget
from storage.states import StaleTransitionError

NO_ADMINS = (
    "Nobody is named an admin here, so that budgets are changed in the settings alone (IMGBATCH_BUDGET_...); "
    "whoever set imgbatch up can name admins (IMGBATCH_ADMINS)."
)
"""Where no admins are named every member has their rights; what limits members is not theirs to lift."""


def answer(ctx: Context, wire: Wire, asked: Budgets, where: Where, now: datetime) -> Message:
    """What `budget …` does and says."""
    if asked.change is Change.SHOW:
        return shown(ctx, where, now)
    refused = refusal(ctx, wire, Right.ADMIN, where, now) if ctx.policy.roles.admins else NO_ADMINS
    if refused is not None:
        return reach.sentence(refused)
    if asked.change is Change.ALLOW:
        return reach.sentence(_allow(ctx, asked.key, where, now))
    kind = BudgetKind(asked.kind)
    key = where.channel if kind is BudgetKind.CHANNEL and not asked.key else asked.key
    team = where.team if kind is BudgetKind.CHANNEL else ""
    if kind is BudgetKind.CHANNEL and not key.startswith(("C", "G")):
        return reach.sentence("Write that in the channel it is for, or name the channel.")
    if kind is BudgetKind.PROVIDER and key not in ctx.providers:
        return reach.sentence(f"There is no provider “{key}” here; set up are: {', '.join(ctx.providers)}.")
    if asked.change is Change.DROP:
        ctx.shelf.drop_budget(team, kind.value, key)
    else:
        ctx.shelf.set_budget(SetBudget(team, kind.value, key, asked.usd, where.person, now))
    return shown(ctx, where, now, of=(kind, key))


def _allow(ctx: Context, name: str, where: Where, now: datetime) -> str:
    if answers.find_job(ctx, name, where.team) is None:
        return answers.no_such_job(name)
    try:
        new = ctx.store.allow_unpriced(name, now, where.person)
    except StaleTransitionError:
        return answers.no_such_job(name)
    said = "may spend what nobody knows the price of, whatever the budgets"
    return f"Job {name} {said}." if new else f"Job {name} {said}; that was allowed before."


def shown(ctx: Context, where: Where, now: datetime, of: tuple[BudgetKind, str] | None = None) -> Message:
    """The month's budgets that concern this channel and this person, and the one that was just changed."""
    channel = where.channel if where.channel.startswith(("C", "G")) else ""
    person = where.person
    match of:
        case (BudgetKind.CHANNEL, key):
            channel = key
        case (BudgetKind.PERSON, key):
            person = key
    found = monthly(ctx, where.team, channel, person)
    lines = [standing(ctx, one, now) for one in found if one.kind is not BudgetKind.CHANNEL or channel]
    if ctx.policy.budget_usd is not None:
        lines.append(f"*Each job*: {money(ctx.policy.budget_usd)} at most.")
    month = f"{today(now):%B} (UTC)"
    if not lines:
        return reach.sentence(
            f"There are no budgets for {month}: an admin sets them, like “budget channel 500”."
        )
    body = [b.header(f"Budgets for {month}"), *(b.section(line) for line in lines)]
    body.append(b.context("Reserved is the most that what has been started may still cost."))
    return b.message(b.escaped(f"Budgets for {month}: {count(len(lines), 'limit')}."), body)


def standing(ctx: Context, budget: Budget, now: datetime) -> str:
    """“*#shoes*: $12.00 of $50.00 left; spent $30.00, reserved $8.00.” For mrkdwn."""
    used = ctx.queries.used(budget, now)
    left = budget.usd - used.total
    parts = [f"spent {money(used.settled)}", f"reserved {money(used.reserved)}"]
    if used.perhaps:
        parts.append(f"perhaps billed {money(used.perhaps)}")
    if used.unpriced:
        parts.append(f"price unknown for {count(used.unpriced, 'picture')}")
    standing = (
        f"{money(left)} of {money(budget.usd)} left"
        if left >= 0
        else f"{money(-left)} over {money(budget.usd)}"
    )
    said = ", ".join(parts)
    return f"*{_name(budget)}*: {standing}; {said}."


def _name(budget: Budget) -> str:
    match budget.kind:
        case BudgetKind.CHANNEL:
            return f"<#{budget.key}>"
        case BudgetKind.PERSON:
            return b.person(budget.key)
        case BudgetKind.PROVIDER:
            return b.escaped(budget.key)
        case _:
            return "All jobs"
