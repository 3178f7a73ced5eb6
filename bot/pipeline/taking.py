"""A returned sheet is taken: what is new, changed or failed waits to be sent, in the same job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from bot.intake.template import TemplateError
from bot.pipeline.budget import bearing, room
from bot.pipeline.comparing import compare
from bot.pipeline.plan import BudgetError, PlanError
from bot.pipeline.returned import Diff
from bot.runtime import Context
from bot.watch.words import count, money
from storage.records import Job
from storage.returning import OPEN_JOBS, Taken
from storage.states import JobState, StaleTransitionError


class CannotTakeError(ValueError):
    """The sheet cannot be taken; one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a person said yes to."""

    path: Path
    name: str
    mark: str
    """`Diff.mark` as it was shown."""
    person: str
    once: str
    """Names the asking, so that it is followed once."""


def look(ctx: Context, job: Job, path: Path, name: str, now: datetime) -> Diff:
    """What the sheet would do. Raises SheetError, CannotTakeError."""
    return _compare(ctx, job, path, name, now)[0]


def take_sheet(ctx: Context, job: Job, said: Confirmed, now: datetime) -> Diff | None:
    """Do what was confirmed. None when it was done; else what the sheet would do as the job stands now.

    Raises SheetError, CannotTakeError.
    """
    if ctx.queries.followed(job.id, said.once):
        return None
    diff, taken = _compare(ctx, job, said.path, said.name, now)
    if diff.mark != said.mark:
        return diff
    refused = over_budget(ctx, job, diff)
    if refused is not None:
        raise CannotTakeError(refused)
    try:
        with bearing(ctx, job, now) as within:
            ctx.store.take_sheet(job.id, taken, now, said.person, said.once, within=within)
    except BudgetError as problem:
        raise CannotTakeError(f"{problem}.") from problem
    except StaleTransitionError:
        return _compare(ctx, job, said.path, said.name, now)[0]
    return None


def _compare(ctx: Context, job: Job, path: Path, name: str, now: datetime) -> tuple[Diff, Taken]:
    refused = objection(job)
    if refused is not None:
        raise CannotTakeError(refused)
    try:
        return compare(ctx, job, path, name, now)
    except (PlanError, TemplateError) as problem:
        raise CannotTakeError(f"{str(problem).rstrip('.')}.") from None


def objection(job: Job) -> str | None:
    """Why no sheet can be returned to the job as it stands, as a sentence; None when one can."""
    if job.started_at is None:
        return f"Job {job.id} was never started; hand in the sheet as a new batch."
    if job.state in OPEN_JOBS:
        return None
    waits = "its sample is decided about" if job.state is not JobState.CANCELLING else "it has ended"
    return f"No sheet can be returned to job {job.id} before {waits}."


def over_budget(ctx: Context, job: Job, diff: Diff) -> str | None:
    """Why the job's budget does not allow it, as a sentence; None when it does."""
    left = room(ctx, job)
    if left is None or not diff.anything:
        return None
    if diff.unpriced:
        return (
            f"What {count(diff.unpriced, 'picture')} of it would cost is not known, and the job has a "
            "budget; hand those rows in as a new batch."
        )
    if diff.high > left:
        return (
            f"It may cost {money(diff.high)}, and the job has {money(max(Decimal(0), left))} left of its "
            "budget; return fewer rows, or hand them in as a new batch."
        )
    return None
