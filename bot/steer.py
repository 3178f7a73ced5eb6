"""What a person at the terminal decides about a job that exists: its sample, a pause, an end, a rush."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import typer
from rich.console import Console

from bot.app import open_context
from bot.config import load
from bot.pipeline.deadline import approve_rush
from bot.pipeline.pilot import go_on
from bot.pipeline.plan import PlanError
from bot.runtime import Context, now
from bot.slack.gallery import draw_sheet, models_of
from bot.terminal import confirmed, fail
from bot.watch.words import count, money
from storage.records import Job
from storage.states import LIVING_JOBS, ItemState, JobState, StaleTransitionError

CELLS_A_SHEET = 20

WHO = "command line"
"""Whose name the history has for what is decided here."""

err = Console(stderr=True, highlight=False)


def show_sample(ctx: Context, job: Job, folder: Path) -> None:
    """Write the contact sheets of the sample, and say where they are and what it cost."""
    items = [item for item in ctx.queries.items(job.id) if item.pilot]
    folder.mkdir(parents=True, exist_ok=True)
    pages = ceil(len(items) / CELLS_A_SHEET)
    for page in range(1, pages + 1):
        some = tuple(items[(page - 1) * CELLS_A_SHEET : page * CELLS_A_SHEET])
        key = f"{job.id}/sample/{page:03d}.jpg"
        draw_sheet(
            ctx.blobs, key=key, items=some, title=job.title, page=page, pages=pages, models=models_of(job)
        )
        sheet = folder / f"sample-{page:03d}.jpg"
        sheet.write_bytes(ctx.blobs.read(key))
        err.print(f"sample: {sheet}", soft_wrap=True)
    made = sum(item.state is ItemState.STORED for item in items)
    spent = ctx.queries.ledger(job.id).settled_usd
    left = ctx.queries.counts(job.id).get(ItemState.PLANNED, 0)
    err.print(f"{made} of {count(len(items), 'picture')} came out, for {money(spent)}; {left:,} are left.")


def decide_on_sample(ctx: Context, job: Job, *, ask: bool, yes: bool) -> bool:
    """Go on with the rest, or end the job; False when nobody is there to decide and the job waits."""
    if not ask and not yes:
        err.print(
            f"Job {job.id} waits: the same command with --yes makes the rest, "
            f"`imgbatch cancel {job.id}` ends it."
        )
        return False
    if yes or confirmed("Make the rest?"):
        go_on(ctx, job, now(), WHO)
    else:
        ctx.store.cancel_job(job.id, now(), WHO)
        err.print("Ended; the rest was not made and is not paid for.")
    return True


def steer(verb: str, job_id: str) -> int:
    """Pause, resume, cancel or rush a job, in whatever process it runs. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        job = ctx.queries.job(job_id)
        if job is None:
            living = ", ".join(found.id for found in ctx.queries.jobs(LIVING_JOBS, limit=5)) or "none"
            fail(f"There is no job “{job_id}” in {load().settings.imgbatch_data}; under way are: {living}")
        try:
            typer.echo(_done(ctx, verb, job))
        except StaleTransitionError:
            said = _STATES.get(job.state, job.state.value)
            fail(f"Job {job.id} is {said}; it cannot be {_PARTICIPLES[verb]} now")
        except PlanError as problem:
            fail(str(problem))
    return 0


_STATES = {JobState.PILOT: "making its sample", JobState.PILOT_REVIEW: "waiting for a word on its sample"}

_PARTICIPLES = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "rush": "rushed"}


def _done(ctx: Context, verb: str, job: Job) -> str:
    match verb:
        case "pause":
            ctx.store.pause_job(job.id, now(), WHO)
            return f"Job {job.id} is paused: nothing more is sent; what is at the provider is awaited."
        case "resume":
            ctx.store.resume_job(job.id, now(), WHO)
            return f"Job {job.id} goes on."
        case "rush":
            approve_rush(ctx, job, now(), WHO)
            return f"Job {job.id}: the live lane is approved for what would miss the deadline."
        case _:
            planned = job.state is JobState.PLANNED
            stopped = count(ctx.store.cancel_job(job.id, now(), WHO), "picture")
            rest = "" if planned else " What is at the provider is awaited, since it is paid for."
            return f"Job {job.id} is cancelled: {stopped} will not be made.{rest}"
