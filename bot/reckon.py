"""`imgbatch cost` and `stats`: what was spent, and how well it went, at the terminal."""

from __future__ import annotations

from datetime import timedelta

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.app import open_context
from bot.config import load
from bot.intake.figures import after_month, first_day, read_costs
from bot.intake.options import CommandError
from bot.pipeline import lately
from bot.pipeline.budget import monthly
from bot.pipeline.costs import midnight, spending, today
from bot.pipeline.measuring import by_model, measured, measured_whole, of, since
from bot.runtime import Context, now
from bot.steer import WHO
from bot.terminal import fail, print_json
from bot.watch.costs import Spent, spent_line
from bot.watch.lately import lately_lines
from bot.watch.stats import measure_lines, stats_json
from bot.watch.words import count, money, unit_price
from storage.budgets import BudgetKind
from storage.costs import Whose

SHOWN = 5
"""Channels named to somebody who named none that is known."""


def show_costs(whose: str, month: str, as_json: bool) -> int:
    """A month's spending by model. Exit status 0."""
    at = now()
    try:
        first = first_day(read_costs(month).month, today(at))
    except CommandError:
        fail(f"--month is “{month}”; write a month such as october or 2026-10, or last")
    with open_context(load().settings, schedules=False) as ctx:
        mine = _whose(ctx, whose)
        report = spending(ctx, mine, midnight(first), midnight(after_month(first)))
        limits = _limits(ctx, mine) if first == today(at).replace(day=1) else []
    if as_json:
        print_json(report.to_json())
        return 0
    typer.echo(
        f"{first:%B %Y} (UTC): {spent_line(report.total)}" if report.models else _nothing(f"{first:%B %Y}")
    )
    if report.models:
        table = Table("model", *_COLUMNS, box=None, pad_edge=False)
        for name, spent in report.models:
            table.add_row(escape(name), *_cells(spent))
        Console(highlight=False).print(table)
    for job, title, usd in report.dearest:
        typer.echo(f"  {job}  {money(usd)}  {title}")
    for line in limits:
        typer.echo(line)
    return 0


def show_stats(whose: str, days: int, as_json: bool) -> int:
    """How well the jobs of the last days went, by model. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        at = now()
        jobs = of(ctx, _whose(ctx, whose), since(ctx, at - timedelta(days=days)))
        whole, models = measured_whole(ctx, jobs), measured(ctx, jobs, by_model)
        newest = lately.by_model(ctx, jobs, at)
    if as_json:
        print_json(stats_json(models, newest))
        return 0
    if not jobs:
        typer.echo(f"No job ran in the last {count(days, 'day')}.")
        return 0
    for name, found in ((count(len(jobs), "job"), whole), *(models.items() if len(models) > 1 else ())):
        typer.echo(name)
        for line in (*measure_lines(found), *lately_lines(newest.get(name, ()))):
            typer.echo(f"  {line}")
    if len(models) == 1:
        (name,) = models
        for line in (f"All made with {name}.", *lately_lines(newest.get(name, ()))):
            typer.echo(f"  {line}")
    return 0


_COLUMNS = ("jobs", "pictures", "cost", "each", "approved", "each approved", "unknown")


def _cells(spent: Spent) -> list[str]:
    each, approved = (unit_price(usd) if usd else "–" for usd in (spent.each, spent.each_approved))
    unknown = f"{spent.unpriced:,}" if spent.unpriced else ""
    return [
        f"{spent.jobs:,}",
        f"{spent.pictures:,}",
        money(spent.known),
        each,
        f"{spent.approved:,}",
        approved,
        unknown,
    ]


def _nothing(month: str) -> str:
    return f"Nothing was sent in {month} (UTC), so nothing was spent."


def _whose(ctx: Context, said: str) -> Whose:
    """“all”, “me” (what was started here), or a channel's id."""
    match said.lower():
        case "all" | "everybody":
            return Whose()
        case "me":
            return Whose(person=WHO)
    told = ctx.mail.threads()
    threads = [thread for thread in told if thread.channel == said.upper()]
    if not threads:
        known = list(dict.fromkeys(thread.channel for thread in told))[:SHOWN] or ["C0123456789"]
        fail(
            f"No job was told in a channel “{said}”; write all, me, or a channel's id (at the end of its "
            f"details in Slack), such as {', '.join(known)}"
        )
    return Whose(team=threads[0].team, channel=threads[0].channel)


def _limits(ctx: Context, whose: Whose) -> list[str]:
    kind = BudgetKind.CHANNEL if whose.channel else BudgetKind.PERSON if whose.person else BudgetKind.MONTH
    found = [b for b in monthly(ctx, whose.team, whose.channel, whose.person) if b.kind is kind]
    lines = []
    for budget in found:
        used = ctx.queries.used(budget, now())
        lines.append(
            f"budget: {money(used.total)} of {money(budget.usd)} used, of it {money(used.reserved)} reserved"
        )
    return lines
