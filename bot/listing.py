"""`imgbatch audit`, `jobs` and `models`: what there is, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bot.app import open_context
from bot.config import load
from bot.pipeline.audit import audit, report
from bot.runtime import Context, now
from bot.terminal import fail, print_json
from bot.watch.accounts import decision_lines, failure_lines, money_lines
from providers import catalogue
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Job

LISTED = 50
"""Jobs shown, the newest."""

_PLAIN: dict[str, Any] = {"box": None, "pad_edge": False}


def show_audit(job_id: str, as_json: bool) -> int:
    """The ledger and its invariant. Exit status 1 when something does not add up."""
    with open_context(load().settings, schedules=False) as ctx:
        job = ctx.queries.job(job_id)
        if job is None:
            known = ", ".join(found.id for found in ctx.queries.jobs(limit=5)) or "none yet"
            fail(f"There is no job “{job_id}” in {load().settings.imgbatch_data}; the newest are: {known}")
        proof = audit(ctx, job)
    if as_json:
        print_json(proof)
    else:
        _print_audit(job, proof)
    return 0 if proof["holds"] else 1


def _print_audit(job: Job, proof: dict[str, Any]) -> None:
    say = typer.echo
    say(f"Job {job.id} “{job.title}”, {job.state}")
    say(f"  rows of the sheet      {proof['rows']:>8,}   of them bad {proof['bad_rows']:,}")
    say(f"  requested              {proof['requested']:>8,}")
    for name in ("stored", "refused", "failed", "cancelled", "expired", "in_doubt", "in_flight"):
        say(f"    {name:<20} {proof[name]:>8,}")
    say(f"  attempts               {proof['attempts']:>8,}   open {proof['open_attempts']:,}")
    say(f"  pictures made          {proof['pictures_made']:>8,}   paid twice {len(proof['paid_twice']):,}")
    for line in (*money_lines(proof), *failure_lines(proof)):
        say(f"  {line}")
    if proof["results_lost"]:
        say(f"  results lost           {proof['results_lost']:>8,}   pictures that may have been billed")
    say(f"  {proof['invariant'].replace(' + cancelled', chr(10) + ' ' * 14 + '+ cancelled')}")
    say(f"  {'holds: every row is accounted for' if proof['holds'] else 'DOES NOT HOLD'}")
    for exception in proof["exceptions"]:
        say(f"  ! {exception}")
    for line in (*proof["remarks"], *decision_lines(proof)):
        say(f"  - {line}")


def show_jobs(as_json: bool) -> int:
    """The jobs of this data store. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        rows = [_line(ctx, job) for job in ctx.queries.jobs(limit=LISTED)]
    if as_json:
        print_json(rows)
        return 0
    table = Table("job", "title", "asked for (UTC)", "state", "stored", "of", "cost USD", **_PLAIN)
    for row in rows:
        at = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
        least = "at least " if row["unpriced"] else ""
        numbers = (str(row["stored"]), str(row["items"]), f"{least}{row['cost_usd']:.2f}")
        table.add_row(row["job"], escape(row["title"]), f"{at:%d %b %Y %H:%M}", row["state"], *numbers)
    Console().print(table if rows else "No jobs yet.")
    return 0


def _line(ctx: Context, job: Job) -> dict[str, Any]:
    about = {"created_at": job.created_at.isoformat(), "requested_by": job.requested_by}
    return {**report(ctx, job, now()), **about}


def show_models(as_json: bool) -> int:
    """The catalogue as a table. Exit status 0."""
    settings = load().settings
    own = [settings.imgbatch_catalogue] if settings.imgbatch_catalogue else []
    cards = [card for models in catalogue.load(*own).values() for card in models.values()]
    today = now().date()
    if as_json:
        print_json([card.model_dump(mode="json") for card in cards])
        return 0
    console = Console(highlight=False)
    for provider in dict.fromkeys(card.provider for card in cards):
        mine = [card for card in cards if card.provider == provider]
        console.print(_models_table(provider, [card for card in mine if not card.retired(today)]))
        gone = [card for card in mine if card.retired(today)]
        if gone:
            console.print(
                Padding(
                    escape(f"shut down: {'; '.join(_gone(card) for card in gone)}"),
                    (0, 0, 0, 2),
                    expand=False,
                )
            )
        console.print()
    console.print(
        "USD for one picture of the model's usual size; refs: reference pictures it takes; until: shut down "
        "then. `imgbatch doctor` says which keys are set. Prices of your own: IMGBATCH_CATALOGUE."
    )
    return 0


def _models_table(provider: str, cards: Sequence[ModelCard]) -> Table:
    table = Table(box=None, pad_edge=False, title=f"[bold]{escape(provider)}[/]", title_justify="left")
    table.add_column("  model", no_wrap=True, min_width=34)
    table.add_column("batch", justify="right", no_wrap=True, min_width=9)
    table.add_column("live", justify="right", no_wrap=True, min_width=9)
    table.add_column("refs", justify="right", no_wrap=True)
    table.add_column("until", no_wrap=True)
    for card in cards:
        prices = [_price_of(card, lane) for lane in (Lane.BATCH, Lane.LIVE)]
        until = str(card.shutdown) if card.shutdown else ""
        table.add_row(f"  {escape(card.id)}", *prices, _references(card), until)
    return table


def _price_of(card: ModelCard, lane: Lane) -> str:
    """What a picture costs in this lane; a dash where the model has no such lane."""
    if lane not in card.lanes:
        return "–"
    price = card.price(lane, card.default_size, None)
    return f"{price.low.normalize():f}" if price else "unknown"


def _references(card: ModelCard) -> str:
    return f"1 to {card.references}" if card.edits_only else str(card.references)


def _gone(card: ModelCard) -> str:
    return f"{card.id} ({card.shutdown}" + (f", use {card.successor})" if card.successor else ")")
