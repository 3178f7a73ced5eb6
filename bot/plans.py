"""What a job would do and cost, for a terminal: `imgbatch plan`, and what `run` shows before it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from bot.app import open_context
from bot.config import load
from bot.pipeline.create import PLAN, Wanted, plan_sheet
from bot.pipeline.plan import LaneQuote, Plan
from bot.pipeline.reuse import Offer
from bot.runtime import now
from bot.terminal import print_json
from bot.watch.words import count, duration, money
from providers.base import Lane
from storage.records import Row

SHOWN_BAD_ROWS = 10
"""Bad rows printed; all of them are in results.csv."""

err = Console(stderr=True, highlight=False)


def show_plan(wanted: Wanted, as_json: bool) -> int:
    """What a job would do and cost, and what of it could be reused. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        plan, reading, offer = plan_sheet(ctx, wanted, now())
    if as_json:
        problems = [{"line": row.line, "row": row.number, "problem": row.problem} for row in reading.bad]
        whole = {**PLAN.dump_python(plan, mode="json"), **_headline(plan), **_offered(offer)}
        print_json({**whole, "bad": problems})
    else:
        print_plan(plan, reading.bad)
        print_offer(offer, plan, "`run --reuse` copies them")
    return 0


def _headline(plan: Plan) -> dict[str, Any]:
    quote = plan.quote
    known = not quote.unpriced
    return {
        "to_generate": plan.to_generate,
        "quoted_low_usd": float(quote.low) if known else None,
        "quoted_usd": float(quote.high) if known else None,
    }


def _offered(offer: Offer) -> dict[str, Any]:
    saves = {lane.value: float(usd) for lane, usd in offer.saves.items()}
    return {"approved_before": offer.number, "approved_before_saves_usd": saves}


def print_plan(plan: Plan, bad: Sequence[Row]) -> None:
    """Pictures, models, lanes with their prices, what to look out for, and the first bad rows."""
    err.print(
        f"{count(plan.rows, 'row')}, {count(plan.items, 'picture')}: "
        f"{plan.to_generate:,} to make, {plan.duplicates:,} copied from duplicates, "
        f"{count(plan.bad_rows, 'bad row')}."
    )
    if plan.reused:
        copied = count(plan.reused, "picture")
        _print_below(f"{copied} approved before: reused{_saves(plan.reuse_saves, plan)}")
    for name, number in plan.models.items():
        _print_below(f"{number:,} with {name}")
    for lane, quote in plan.quotes.items():
        chosen = " (chosen)" if lane is plan.lane else ""
        rushed = plan.rushed if lane is plan.lane else None
        at_most = f", at most {price_words(rushed)} if it has to be rushed" if rushed else ""
        _print_below(f"{lane}{chosen}: {price_words(quote)}{at_most}, usually about {_about(quote.seconds)}")
    for warning in plan.warnings:
        _print_below(f"note: {warning}")
    shown = bad[:SHOWN_BAD_ROWS]
    for row in shown:
        _print_below(f"line {row.line}: {row.problem or ''}")
    if plan.bad_rows > len(shown):
        _print_below(f"… and {plan.bad_rows - len(shown):,} more bad rows")


def print_offer(offer: Offer, plan: Plan, how: str) -> None:
    """What was approved before and could be copied; nothing where there is none, or it is copied already."""
    if offer.number and not plan.reused:
        were = count(offer.number, "of these was", "of these were")
        _print_below(f"{were} approved before: {how}{_saves(offer.saves, plan)}")


def _saves(saves: Mapping[Lane, Decimal], plan: Plan) -> str:
    return f", which saves {money(saves[plan.lane])}" if saves.get(plan.lane) else ""


def _print_below(text: str) -> None:
    """Indented, and so where it is too long for a line."""
    err.print(Padding(escape(text), (0, 0, 0, 2), expand=False))


def price_words(quote: LaneQuote) -> str:
    """“$1.27”, “$1.20-1.50”, “price unknown”, or both where only some are known."""
    known = f"${quote.low:,.2f}" if quote.low == quote.high else f"${quote.low:,.2f}-{quote.high:,.2f}"
    if not quote.unpriced:
        return known
    unknown = f"price unknown for {count(quote.unpriced, 'picture')}"
    return f"{known} and {unknown}" if quote.high else unknown


def _about(seconds: int) -> str:
    return duration(timedelta(seconds=max(1, seconds)))
