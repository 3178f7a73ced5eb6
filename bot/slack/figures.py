"""`cost` and `stats`: what was spent, and how well it went, for whoever may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.intake.figures import Costs, Scope, Stats, after_month, first_day
from bot.pipeline import lately
from bot.pipeline.budget import monthly
from bot.pipeline.costs import midnight, spending, today
from bot.pipeline.measuring import by_model, measured, measured_whole, of, since
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import budgets, reach
from bot.slack.blocks import Message
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import SlackTrouble, Wire
from bot.watch.costs import CostReport, spent_line
from bot.watch.lately import lately_lines
from bot.watch.stats import measure_lines
from bot.watch.words import count, money
from storage.budgets import BudgetKind
from storage.costs import Whose

MODELS = 12
"""Models shown; the terminal's `cost` and `stats` have all."""

PAGES = 10
"""Pages of 1,000 members of a channel in which a person is looked for."""

NOT_YOURS = (
    "Only its members and admins (IMGBATCH_ADMINS) see what a channel's batches cost; ask in the channel "
    "itself, or write “cost me”."
)
NOT_ALL = "Only admins see everybody's batches; write “{verb} channel” in a channel, or “{verb} me”."


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose jobs a person is told about."""

    whose: Whose
    name: str
    """For mrkdwn."""
    titles: bool = True
    """Jobs may be named: they are the person's own, or told where they are."""


def answer(ctx: Context, wire: Wire, asked: Costs | Stats, where: Where, now: datetime) -> Message:
    """What `cost …` and `stats …` say."""
    verb = "cost" if isinstance(asked, Costs) else "stats"
    found = _whose(ctx, wire, asked, where, now, verb)
    if isinstance(found, str):
        return reach.sentence(found)
    return costs(ctx, asked, found, where, now) if isinstance(asked, Costs) else stats(ctx, asked, found, now)


# --- whose -----------------------------------------------------------------------------------------------


def _whose(
    ctx: Context, wire: Wire, asked: Costs | Stats, where: Where, now: datetime, verb: str
) -> Asked | str:
    """Whose jobs; or why not, as a sentence."""
    channel = asked.channel or (where.channel if where.channel.startswith(("C", "G")) else "")
    scope = asked.scope
    if scope is Scope.HERE:
        scope = Scope.CHANNEL if channel else Scope.ME
    admin = refusal(ctx, wire, Right.ADMIN, where, now) is None
    match scope:
        case Scope.ME:
            return Asked(Whose(person=where.person), "You")
        case Scope.ALL:
            # Where nobody is named an admin everybody has their rights, but not to titles from elsewhere
            return (
                Asked(Whose(), "Everybody", bool(ctx.policy.roles.admins))
                if admin
                else NOT_ALL.format(verb=verb)
            )
    if not channel:
        return "Write that in the channel it is about, or name the channel."
    named_admin = bool(ctx.policy.roles.admins) and admin
    if channel != where.channel and not named_admin and not _member(wire, channel, where.person, now):
        return NOT_YOURS
    return Asked(Whose(team=where.team, channel=channel), f"<#{channel}>")


def _member(wire: Wire, channel: str, person: str, now: datetime) -> bool:
    """Whether Slack says that somebody is in a channel; where it says nothing, they are not."""
    cursor = ""
    try:
        for _ in range(PAGES):
            page = wire.call(
                "conversations.members", now, paced=False, channel=channel, limit=1000, cursor=cursor or None
            )
            if person in page["members"]:
                return True
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
    except SlackTrouble:
        return False
    return False


# --- cost ------------------------------------------------------------------------------------------------


def costs(ctx: Context, asked: Costs, who: Asked, where: Where, now: datetime) -> Message:
    """A month's spending by model, against the budget."""
    day = today(now)
    first = first_day(asked.month, day)
    report = spending(ctx, who.whose, midnight(first), midnight(after_month(first)))
    month = f"{first:%B %Y}" if first.year != day.year else f"{first:%B}"
    limits = _limits(ctx, who.whose, where, now) if first == day.replace(day=1) else []
    if not report.models:
        said = f"{who.name}: nothing was sent in {month} (UTC), so nothing was spent."
        return b.message(said, [b.section(said), *(b.section(line) for line in limits)])
    body = [
        b.header(f"Cost in {month} (UTC)"),
        b.section(f"*{who.name}*\n{b.escaped(_capital(spent_line(report.total)))}"),
    ]
    if len(report.models) == 1:
        body.append(b.context(f"All with {b.escaped(report.models[0][0])}."))
    else:
        body += [
            b.section(f"*{b.escaped(name)}*\n{_capital(spent_line(spent))}")
            for name, spent in report.models[:MODELS]
        ]
    if len(report.models) > MODELS:
        body.append(b.context(f"… and {count(len(report.models) - MODELS, 'more model')}"))
    if who.titles and report.jobs > 1 and report.dearest:
        body.append(b.section(_dearest(report)))
    body += [b.section(line) for line in limits]
    body.append(
        b.context("By when pictures were sent, UTC. Copies of duplicates are pictures that cost nothing.")
    )
    return b.message(f"{who.name}, {month} (UTC): {spent_line(report.total)}", body)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _dearest(report: CostReport) -> str:
    lines = [f"`{job}` {b.escaped(title, 100)}: {money(usd)}" for job, title, usd in report.dearest]
    return "\n".join(["*Dearest*", *lines])


def _limits(ctx: Context, whose: Whose, where: Where, now: datetime) -> list[str]:
    """The budgets these jobs count against."""
    if whose.channel:
        kinds, channel, person = [BudgetKind.CHANNEL], whose.channel, ""
    elif whose.person:
        kinds, channel, person = [BudgetKind.PERSON], "", whose.person
    else:
        kinds, channel, person = [BudgetKind.MONTH, BudgetKind.PROVIDER], "", ""
    found = monthly(ctx, where.team, channel, person)
    return [f"Budget: {budgets.standing(ctx, one, now)}" for one in found if one.kind in kinds]


# --- stats -----------------------------------------------------------------------------------------------


def stats(ctx: Context, asked: Stats, who: Asked, now: datetime) -> Message:
    """How well it went in the last days, by model."""
    jobs = of(ctx, who.whose, since(ctx, now - timedelta(days=asked.days)))
    days = count(asked.days, "day")
    if not jobs:
        said = f"{who.name}: no batch ran in the last {days}."
        return b.message(said, [b.section(said)])
    whole, models = measured_whole(ctx, jobs), measured(ctx, jobs, by_model)
    newest = lately.by_model(ctx, jobs, now)
    body = [b.header(f"The last {days}")]
    body.append(
        b.section("\n".join([f"*{who.name}*: {count(len(jobs), 'batch', 'batches')}", *measure_lines(whole)]))
    )
    for name, found in list(models.items())[:MODELS] if len(models) > 1 else []:
        lines = [*measure_lines(found), *lately_lines(newest.get(name, ()))]
        body.append(b.section("\n".join([f"*{b.escaped(name)}*", *lines])))
    if len(models) == 1:
        (name,) = models
        lines = [f"All made with {b.escaped(name)}.", *lately_lines(newest.get(name, ()))]
        body.append(b.context("\n".join(lines)))
    return b.message(f"{who.name}, the last {days}: {' '.join(measure_lines(whole))}", body)
