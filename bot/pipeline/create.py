"""From a sheet and options to a priced job at rest. Nothing is sent and nothing is spent here."""

from __future__ import annotations

import hashlib
import logging
import mimetypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.intake.rows import read_rows, unsaid
from bot.intake.sheet import Sheet, SheetError, open_sheet
from bot.intake.spec import BadRow, JobSpec, Wish
from bot.intake.template import Template, TemplateError, compile_template
from bot.pipeline import prices
from bot.pipeline.health import behind
from bot.pipeline.plan import PLAN as PLAN
from bot.pipeline.plan import Plan, PlanError, keep_budget, of_plan
from bot.pipeline.planner import Planner
from bot.pipeline.reuse import Offer, find, mark, replanned, with_none_reused
from bot.runtime import Context
from bot.tracing import doing
from providers.catalogue import Cards
from storage.records import Item, Job, Row
from storage.reusing import Place
from storage.states import JobState

log = logging.getLogger(__name__)

SPEC = TypeAdapter(JobSpec)

AT_A_TIME = 1000
"""Rows written in one transaction: large enough to be quick, small enough to let others write between."""

SHOWN_BAD_ROWS = 20
"""Bad rows kept in memory to show; all of them are in the data store."""

REFERENCE_BYTES = 20_000_000
"""Largest reference picture taken from a file."""


class CannotCreateError(ValueError):
    """The sheet or the options cannot become a job. `problems` are sentences for the person."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person handed in."""

    sheet: Path
    sheet_name: str
    spec: JobSpec
    requested_by: str
    files: Callable[[str], Path | None] = lambda _name: None
    """Finds a reference picture by the name in the sheet."""
    notes: tuple[str, ...] = ()
    """Sentences to say first in the plan."""
    place: Place | None = None
    """Where the job will be told about: what was approved there may be reused. None: in a terminal."""


@dataclass(slots=True)
class Reading:
    """A sheet being turned into rows and items; the counts grow while `lines` is read."""

    sheet: Sheet
    template: Template | None
    planner: Planner
    wanted: Wanted
    cards: Cards
    keep: Callable[[Path], str]
    """Gives the blob key of a reference picture, under which it is kept unless this is only a plan."""
    rows: int = 0
    bad_rows: int = 0
    bad: list[Row] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def lines(self, job_id: str) -> Iterator[tuple[Row, list[Item]]]:
        """Every line of the sheet in order; a bad one has its problem and no items."""
        for found in read_rows(self.sheet, self.wanted.spec, self.template, cards=self.cards):
            self.rows += 1
            row, items = self._line(job_id, found)
            if row.problem:
                self.bad_rows += 1
                if len(self.bad) < SHOWN_BAD_ROWS:
                    self.bad.append(row)
            yield row, items

    def items(self, job_id: str) -> Iterator[Item]:
        """The items of every line."""
        for _, items in self.lines(job_id):
            yield from items

    def _line(self, job_id: str, found: Any) -> tuple[Row, list[Item]]:
        if isinstance(found, BadRow):
            return Row(job_id, found.number, found.line, "", found.cells, found.problem), []
        source, wishes = found
        row = Row(job_id, source.number, source.line, wishes[0].key if wishes else "", source.cells)
        try:
            return row, self.planner.add([self._with_files(wish) for wish in wishes])
        except PlanError as problem:
            return replace(row, problem=str(problem)), []

    def _with_files(self, wish: Wish) -> Wish:
        if not wish.references:
            return wish
        return replace(wish, references=tuple(self._reference(name) for name in wish.references))

    def _reference(self, name: str) -> str:
        if name.startswith("https://"):
            return name
        if name not in self.kept:
            path = self.wanted.files(name)
            if path is None or not path.is_file():
                raise PlanError(f"the reference picture “{name}” was not found; give it with the sheet")
            if path.stat().st_size > REFERENCE_BYTES:
                raise PlanError(f"the reference picture “{name}” is larger than 20 MB")
            if not (mimetypes.guess_type(path.name)[0] or "").startswith("image/"):
                raise PlanError(f"the reference “{name}” is not a picture; use png, jpg or webp")
            self.kept[name] = f"blob:{self.keep(path)}"
        return self.kept[name]


def plan_sheet(ctx: Context, wanted: Wanted, now: datetime) -> tuple[Plan, Reading, Offer]:
    """What a job would do and cost, and what of it was approved before; writes nothing. Raises
    CannotCreateError.
    """
    reading = _open(ctx, wanted, "plan", now, keep=_reference_key)
    try:
        found, offer = find(ctx, reading.items("plan"), wanted.place)
        plan = _close(ctx, reading)
        if wanted.spec.reuse and found:
            once_more = _open(ctx, wanted, "plan", now, keep=_reference_key).items("plan")
            plan = replanned(ctx, once_more, plan, wanted.spec.chunk, found, offer.saves)
        elif wanted.spec.reuse:
            plan = with_none_reused(plan)
        if wanted.spec.reuse:
            keep_budget(plan, wanted.spec, ctx.policy)
    except (SheetError, PlanError) as problem:
        raise CannotCreateError([str(problem)]) from problem
    return plan, reading, offer


def create_job(ctx: Context, wanted: Wanted, now: datetime, job_id: str | None = None) -> tuple[Job, Plan]:
    """Write the job, its rows and its items down, PLANNED. Raises CannotCreateError; nothing is left then.

    A crash in the middle leaves a DRAFT, which the next start throws away (`rescue`).
    """
    job_id = job_id or ctx.new_id(6)
    with doing("plan job", first=True, job=job_id) as step:
        job, plan = _create(ctx, wanted, now, job_id)
        step.note(rows=plan.rows, pictures=plan.items, duplicates=plan.duplicates)
    return job, plan


def _create(ctx: Context, wanted: Wanted, now: datetime, job_id: str) -> tuple[Job, Plan]:
    reading = _open(ctx, wanted, job_id, now, keep=lambda path: _keep_reference(ctx, path))
    card = reading.planner.default
    with wanted.sheet.open("rb") as source, ctx.blobs.writing(f"{job_id}/sheet/{wanted.sheet_name}") as kept:
        while block := source.read(1 << 20):
            kept.write(block)
    job = Job(
        id=job_id,
        title=wanted.spec.title or wanted.sheet_name,
        state=JobState.DRAFT,
        requested_by=wanted.requested_by,
        spec=SPEC.dump_python(wanted.spec, mode="json"),
        columns=list(reading.sheet.columns),
        sheet_name=wanted.sheet_name,
        digest=digest(wanted),
        provider=card.provider,
        model=card.id,
        lane=wanted.spec.lane.value,
        created_at=now,
    )
    ctx.store.draft_job(job)
    try:
        _write_lines(ctx, reading, job_id)
        plan = _close(ctx, reading)
        if wanted.spec.reuse:
            plan = mark(ctx, job, plan, wanted.place, now)
            keep_budget(plan, wanted.spec, ctx.policy)
    except (SheetError, PlanError) as problem:
        ctx.store.drop_job(job_id)
        raise CannotCreateError([str(problem)]) from problem
    ctx.store.plan_job(
        job_id,
        now,
        rows=plan.rows,
        bad_rows=plan.bad_rows,
        items=plan.items,
        duplicates=plan.duplicates,
        deadline_at=plan.deadline_at,
        **of_plan(plan),
    )
    log.info("planned: %d pictures of %d rows, %d bad rows", plan.items, plan.rows, plan.bad_rows)
    planned = ctx.queries.job(job_id)
    assert planned is not None
    return planned, plan


def unused_id(ctx: Context) -> str:
    """A name for a job to come, chosen before any work so that a second try finds the first."""
    name = ctx.new_id(6)
    while ctx.queries.job(name) is not None:
        name = ctx.new_id(6)
    return name


def create_once(ctx: Context, wanted: Wanted, now: datetime, job_id: str) -> None:
    """`create_job` under a name chosen before: nothing is done if an earlier try made it, and what one left
    in the middle is made anew. Raises CannotCreateError.
    """
    known = ctx.queries.job(job_id)
    if known is not None and known.state is not JobState.DRAFT:
        return
    if known is not None:
        ctx.store.drop_job(known.id)
    create_job(ctx, wanted, now, job_id)


def digest(wanted: Wanted) -> str:
    """Of the sheet's bytes and the options: the same wish has the same digest."""
    # Without what is not said: an option that is new in this version changes no job of before.
    mark = hashlib.sha256(SPEC.dump_json(wanted.spec, exclude_defaults=True))
    with wanted.sheet.open("rb") as file:
        while block := file.read(1 << 20):
            mark.update(block)
    return mark.hexdigest()[:32]


def _open(ctx: Context, wanted: Wanted, job_id: str, now: datetime, keep: Callable[[Path], str]) -> Reading:
    problems: list[str] = []
    cards = prices.cards(ctx)
    sheet = template = planner = None
    try:
        sheet = open_sheet(wanted.sheet, name=wanted.sheet_name)
    except SheetError as problem:
        problems.append(str(problem))
    if sheet is not None and not wanted.spec.template and "prompt" not in sheet.roles:
        problems.append(unsaid(sheet))
    try:
        if wanted.spec.template:
            columns = sheet.columns if sheet else None
            template = compile_template(wanted.spec.template, columns, wanted.spec.mapping)
    except TemplateError as problem:
        problems.append(str(problem))
    try:
        late = behind(ctx, now) if wanted.spec.route else {}
        planner = Planner(job_id, wanted.spec, cards, ctx.policy, now, late)
    except PlanError as problem:
        problems.append(str(problem))
    if problems or sheet is None or planner is None:
        raise CannotCreateError(problems)
    return Reading(sheet, template, planner, wanted, cards, keep)


def _write_lines(ctx: Context, reading: Reading, job_id: str) -> None:
    rows: list[Row] = []
    items: list[Item] = []
    for row, its_items in reading.lines(job_id):
        rows.append(row)
        items += its_items
        if len(rows) + len(items) >= AT_A_TIME:
            ctx.store.add_rows(rows)
            ctx.store.add_items(items)
            rows, items = [], []
    ctx.store.add_rows(rows)
    ctx.store.add_items(items)


def _close(ctx: Context, reading: Reading) -> Plan:
    if reading.rows == reading.bad_rows:
        if not reading.rows:
            raise PlanError(f"{reading.wanted.sheet_name} has a header but no rows")
        raise PlanError(_unusable(reading))
    said = (*reading.wanted.notes, *reading.sheet.warnings)
    plan = reading.planner.plan(reading.rows, reading.bad_rows, said)
    return replace(plan, warnings=[*plan.warnings, *prices.notes(ctx, plan.models)])


def _unusable(reading: Reading) -> str:
    first, name = reading.bad[0], reading.wanted.sheet_name
    if reading.rows == 1:
        return f"The only row of {name} cannot be used: {first.problem}"
    return (
        f"Not one of the {reading.rows:,} rows of {name} can be used. "
        f"Line {first.line}, for example: {first.problem}"
    )


def _keep_reference(ctx: Context, path: Path) -> str:
    key = _reference_key(path)
    ctx.blobs.put(key, path.read_bytes())
    return key


def _reference_key(path: Path) -> str:
    return f"reference/{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}{path.suffix.lower()}"
