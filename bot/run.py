"""`imgbatch run`, `plan`, `audit`, `jobs`, `models`: the pipeline without Slack, for a terminal."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot import logs
from bot.app import open_context
from bot.config import load
from bot.pipeline import reuse
from bot.pipeline.attend import facts
from bot.pipeline.audit import audit, report
from bot.pipeline.create import PLAN, Wanted, create_job, digest, plan_sheet
from bot.pipeline.export import write_pictures
from bot.pipeline.plan import LaneQuote, Plan
from bot.pipeline.rescue import clear_drafts
from bot.pipeline.results import results_name, write_results
from bot.pipeline.similar import summed_up
from bot.pipeline.start import start
from bot.runtime import Context, now
from bot.scheduler import pipeline_ticks, ticking
from bot.steer import WHO, decide_on_sample, show_sample
from bot.terminal import fail, print_json
from bot.watch.accounts import decision_lines, failure_lines, money_lines
from bot.watch.summary import Summary
from bot.watch.words import count, duration
from providers import catalogue
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Job, Row
from storage.states import ENDED_JOBS, FINAL_ITEMS, LIVING_JOBS, ItemState, JobState

GLANCE_SECONDS = 0.2
"""How often the progress bar looks at the data store."""

SHOWN_BAD_ROWS = 10
"""Bad rows printed; all of them are in results.csv."""

UNFINISHED = (JobState.PLANNED, *LIVING_JOBS)

err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How `run` behaves, beside what is wanted."""

    out: Path | None
    ask: bool
    """Somebody is there to answer."""
    yes: bool
    """Every question is answered beforehand."""
    strict: bool
    again: bool
    as_json: bool


def run_sheet(wanted: Wanted, options: RunOptions) -> int:
    """The whole walk; exit status 0 when the success target is met, 1 when not."""
    settings = load().settings
    logs.set_up(settings, least=logging.WARNING)  # the bar says how it goes
    with open_context(settings, schedules=True) as ctx:
        clear_drafts(ctx)
        job = None if options.again else ctx.queries.job_by_digest(digest(wanted), UNFINISHED)
        if job is None:
            job, plan = create_job(ctx, wanted, now())
            bad = list(ctx.queries.rows(job.id, bad_only=True, limit=SHOWN_BAD_ROWS))
            _print_plan(plan, bad)
            if not plan.reused:
                _print_offer(reuse.offer(ctx, job), plan)
            if options.strict and plan.bad_rows:
                ctx.store.drop_job(job.id)
                fail(f"{count(plan.bad_rows, 'row')} cannot be used; mend them, or leave out --strict")
            if options.ask and not _confirmed(plan):
                ctx.store.drop_job(job.id)
                err.print("Not started; nothing was sent.")
                return 0
        else:
            err.print(f"Job {job.id} of the same sheet and options is unfinished: going on with it.")
        if job.state is JobState.PLANNED:
            start(ctx, job, now(), person=WHO, pilot=job.spec.get("pilot") or 0)
        elif job.state is JobState.PAUSED:
            ctx.store.resume_job(job.id, now(), WHO)
        folder = options.out or Path("pictures") / job.id
        try:
            while (job := _work(ctx, job.id)).state is JobState.PILOT_REVIEW:
                show_sample(ctx, job, folder)
                if not decide_on_sample(ctx, job, ask=options.ask, yes=options.yes):
                    return 0
        except KeyboardInterrupt:
            err.print(f"Stopped. The same command goes on with job {job.id}; nothing is paid twice.")
            raise
        return _deliver(ctx, job, folder, options)


def _work(ctx: Context, job_id: str) -> Job:
    """Tick until the job has ended or its sample is made; stopping is safe at any moment."""
    told: set[str] = set()
    idle = threading.Event()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with (
        Progress(*columns, console=err, transient=True) as bar,
        ticking(pipeline_ticks(ctx), ctx.clock, ctx.pulse, ctx.in_charge),
    ):
        task = bar.add_task(f"Job {job_id}", total=1, note="")
        while True:
            job = ctx.queries.job(job_id)
            assert job is not None
            counts = ctx.queries.counts(job_id)
            ended = sum(counts.get(state, 0) for state in FINAL_ITEMS)
            missed = ended - counts.get(ItemState.STORED, 0)
            notes = [f"{missed} not made"] if missed else []
            if job.state is JobState.PAUSED:
                notes.append(f"paused; `imgbatch resume {job_id}` lets it go on")
            note = ", ".join(notes)
            bar.update(task, completed=ended, total=sum(counts.values()), note=note)
            for incident in ctx.notices.incidents():
                if incident.key not in told and incident.job_id in (job_id, None):
                    told.add(incident.key)
                    bar.console.print(f"[bold yellow]![/] {escape(incident.headline)}")
            if job.state in ENDED_JOBS or job.state is JobState.PILOT_REVIEW:
                return job
            idle.wait(GLANCE_SECONDS)


def _deliver(ctx: Context, job: Job, folder: Path, options: RunOptions) -> int:
    write_pictures(ctx, job, folder)
    with (folder / results_name(job)).open("w+b") as file:
        write_results(ctx, job, file)
    numbers = report(ctx, job, now())
    (folder / "report.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    judged = facts(ctx, job)
    if options.as_json:
        print_json(numbers)
    else:
        _print_summary(job, summed_up(ctx, job, judged, now()), folder)
    rate = judged.tally.success_rate
    return 0 if rate is None or rate >= ctx.policy.rules.success_target else 1


def _print_summary(job: Job, summary: Summary, folder: Path) -> None:
    out = Console(highlight=False)
    out.print(escape(summary.headline), soft_wrap=not out.is_terminal)
    why = f"{count(job.bad_rows, 'row')} could not be used; {results_name(job)} says why."
    left_out = why if job.bad_rows else ""
    for line in (*summary.lines, *filter(None, [left_out])):
        if out.is_terminal:
            out.print(Padding(escape(line), (0, 0, 0, 2), expand=False))
        else:
            print(f"  {line}")  # a program reads one line as one
    print(f"pictures: {folder}")


def _print_offer(found: reuse.Offer, plan: Plan) -> None:
    if found.number:
        were = count(found.number, "of these was", "of these were")
        _print_below(f"{were} approved before: --reuse copies them{_saves(found.saves, plan)}")


def _saves(saves: Mapping[Lane, Decimal], plan: Plan) -> str:
    return f", which saves ${saves[plan.lane]:,.2f}" if plan.lane in saves else ""


def _confirmed(plan: Plan) -> bool:
    rest = f" without the {count(plan.bad_rows, 'bad row')}" if plan.bad_rows else ""
    answer = err.input(f"Start{rest}? [Y/n] ").strip().lower()
    return answer in ("", "y", "yes")


# --- plan ------------------------------------------------------------------------------------------


def show_plan(wanted: Wanted, as_json: bool) -> int:
    """What a job would do and cost. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        plan, reading = plan_sheet(ctx, wanted, now())
    if as_json:
        problems = [{"line": row.line, "row": row.number, "problem": row.problem} for row in reading.bad]
        print_json({**PLAN.dump_python(plan, mode="json"), **_headline(plan), "bad": problems})
    else:
        _print_plan(plan, reading.bad[:SHOWN_BAD_ROWS])
    return 0


def _headline(plan: Plan) -> dict[str, Any]:
    quote = plan.quote
    known = not quote.unpriced
    return {
        "to_generate": plan.to_generate,
        "quoted_low_usd": float(quote.low) if known else None,
        "quoted_usd": float(quote.high) if known else None,
    }


def _print_plan(plan: Plan, bad: list[Row]) -> None:
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
    for row in bad:
        _print_below(f"line {row.line}: {row.problem or ''}")
    if plan.bad_rows > len(bad):
        _print_below(f"… and {plan.bad_rows - len(bad):,} more bad rows")


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


# --- audit, jobs, models -----------------------------------------------------------------------------


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
    print(f"Job {job.id} “{job.title}”, {job.state}")
    print(f"  rows of the sheet      {proof['rows']:>8,}   of them bad {proof['bad_rows']:,}")
    print(f"  requested              {proof['requested']:>8,}")
    for name in ("stored", "refused", "failed", "cancelled", "expired", "in_doubt", "in_flight"):
        print(f"    {name:<20} {proof[name]:>8,}")
    print(f"  attempts               {proof['attempts']:>8,}   open {proof['open_attempts']:,}")
    print(f"  pictures made          {proof['pictures_made']:>8,}   paid twice {len(proof['paid_twice']):,}")
    for line in (*money_lines(proof), *failure_lines(proof)):
        print(f"  {line}")
    if proof["results_lost"]:
        print(f"  results lost           {proof['results_lost']:>8,}   pictures that may have been billed")
    print(f"  {proof['invariant'].replace(' + cancelled', chr(10) + ' ' * 14 + '+ cancelled')}")
    print(f"  {'holds: every row is accounted for' if proof['holds'] else 'DOES NOT HOLD'}")
    for exception in proof["exceptions"]:
        print(f"  ! {exception}")
    for line in (*proof["remarks"], *decision_lines(proof)):
        print(f"  - {line}")


def show_jobs(as_json: bool) -> int:
    """The jobs of this data store. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        rows = [report(ctx, job, now()) for job in ctx.queries.jobs(limit=50)]
    if as_json:
        print_json(rows)
        return 0
    table = Table("job", "title", "state", "stored", "of", "cost USD", box=None, pad_edge=False)
    for row in rows:
        numbers = (str(row["stored"]), str(row["items"]), f"{row['cost_usd']:.2f}")
        table.add_row(row["job"], escape(row["title"]), row["state"], *numbers)
    Console().print(table if rows else "No jobs yet.")
    return 0


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
        table.add_row(f"  {escape(card.id)}", *prices, str(card.references), until)
    return table


def _price_of(card: ModelCard, lane: Lane) -> str:
    """What a picture costs in this lane; a dash where the model has no such lane."""
    if lane not in card.lanes:
        return "–"
    price = card.price(lane, card.default_size, None)
    return f"{price.low.normalize():f}" if price else "unknown"


def _gone(card: ModelCard) -> str:
    return f"{card.id} ({card.shutdown}" + (f", use {card.successor})" if card.successor else ")")
