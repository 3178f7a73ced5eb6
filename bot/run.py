"""`imgbatch run`: the pipeline without Slack, for a terminal."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot import logs
from bot.app import open_context
from bot.config import load
from bot.pipeline import reuse
from bot.pipeline.attend import facts
from bot.pipeline.audit import report
from bot.pipeline.create import Wanted, create_job, digest
from bot.pipeline.export import write_pictures
from bot.pipeline.plan import Plan
from bot.pipeline.rescue import clear_drafts
from bot.pipeline.results import results_name, write_results
from bot.pipeline.reuse import Offer
from bot.pipeline.similar import summed_up
from bot.pipeline.start import start
from bot.plans import SHOWN_BAD_ROWS, print_offer, print_plan
from bot.runtime import Context, now
from bot.scheduler import pipeline_ticks, ticking
from bot.steer import WHO, decide_on_sample, show_sample
from bot.terminal import confirmed, fail, print_json
from bot.watch.summary import Summary
from bot.watch.words import count
from storage.records import Job
from storage.states import ENDED_JOBS, FINAL_ITEMS, LIVING_JOBS, ItemState, JobState

GLANCE_SECONDS = 0.2
"""How often the progress bar looks at the data store."""

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
            print_plan(plan, list(ctx.queries.rows(job.id, bad_only=True, limit=SHOWN_BAD_ROWS)))
            job, plan = _reused_if_wanted(ctx, job, plan, options)
            if options.strict and plan.bad_rows:
                ctx.store.drop_job(job.id)
                fail(f"{count(plan.bad_rows, 'row')} cannot be used; mend them, or leave out --strict")
            if options.ask and not _to_be_started(plan):
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


def _reused_if_wanted(ctx: Context, job: Job, plan: Plan, options: RunOptions) -> tuple[Job, Plan]:
    """What was approved before is offered; where somebody is there to answer, it is asked about."""
    found = Offer(0, {}) if plan.reused else reuse.offer(ctx, job)
    print_offer(found, plan, "they can be copied" if options.ask else "--reuse copies them")
    if not found.number or not options.ask or not confirmed("Copy them instead of making them again?"):
        return job, plan
    plan = reuse.take(ctx, job, now(), WHO)
    print_plan(plan, [])
    taken = ctx.queries.job(job.id)
    assert taken is not None
    return taken, plan


def _to_be_started(plan: Plan) -> bool:
    rest = f" without the {count(plan.bad_rows, 'bad row')}" if plan.bad_rows else ""
    return confirmed(f"Start{rest}?", usual=True)
