"""Jobs that are run again: when one is due it is written into the inbox, once, and its next time is set.

The inbox key names the schedule and the planned time, so that a firing is one entry however often the process
dies around it; the next time follows from what that entry covers.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.intake.columns import identifier
from bot.intake.deadline import zone_of
from bot.intake.options import CommandError
from bot.intake.records import SheetError, quoted
from bot.intake.rule import MAX_DATES, Rule, days_of
from bot.intake.sheet import open_sheet
from bot.intake.spec import SheetRow
from bot.pipeline.create import unused_id
from bot.runtime import Context
from storage.records import Job
from storage.shelved import Schedule, ScheduleState

KIND = "scheduled"
"""Kind of the inbox entries."""

LATE = timedelta(minutes=15)
"""A run that begins this much after its time says so."""


def new_schedule(ctx: Context, job: Job, rule: Rule, where: tuple[str, str, str], now: datetime) -> Schedule:
    """Keep a schedule of the job's sheet and options. `where`: team, channel and person.

    Raises CommandError: no such column, a cell that is no date, or no time to come.
    """
    sheet_key = f"{job.id}/sheet/{job.sheet_name}"
    if rule.column is not None:
        rule = _dated(ctx, sheet_key, job.sheet_name, rule, now)
    first = rule.next_after(now)
    if first is None:
        raise CommandError("All of these dates have passed; give at least one that is still to come.")
    team, channel, person = where
    schedule = Schedule(
        id=ctx.new_id(5),
        team=team,
        channel=channel,
        person=person,
        title=job.title,
        rule=rule.to_json(),
        spec=job.spec,
        sheet_key=sheet_key,
        sheet_name=job.sheet_name,
        state=ScheduleState.ACTIVE,
        created_at=now,
        next_at=first,
    )
    ctx.shelf.keep_schedule(schedule)
    return schedule


def _dated(ctx: Context, sheet_key: str, name: str, rule: Rule, now: datetime) -> Rule:
    """The rule with the dates that the sheet's column names from today on."""
    try:
        with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
            sheet = open_sheet(_copied(ctx, sheet_key, Path(folder) / name), name=name)
            column = next((c for c in sheet.columns if identifier(c) == identifier(rule.column or "")), None)
            if column is None:
                shown = ", ".join(sheet.columns[:8])
                raise CommandError(f"{name} has no column {quoted(rule.column or '')}; it has {shown}.")
            days = set(days_of(row.cells[column] for row in sheet.rows() if isinstance(row, SheetRow)))
    except SheetError as problem:
        raise CommandError(str(problem)) from problem
    today = now.astimezone(zone_of(rule.zone)).date()
    coming = tuple(sorted(day for day in days if day is not None and day >= today))
    if not coming:
        raise CommandError(f"No row of {name} has a day that is still to come in {quoted(column)}.")
    if len(coming) > MAX_DATES:
        raise CommandError(f"{quoted(column)} has {len(coming):,} days and a schedule takes {MAX_DATES}.")
    return replace(rule, column=column, dates=coming)


def fire(ctx: Context, now: datetime) -> int:
    """Write down every run that is due; how many. What was missed while nobody ticked is run once, now."""
    return sum(_fire(ctx, schedule, now) for schedule in ctx.shelf.due_schedules(now))


def _fire(ctx: Context, schedule: Schedule, now: datetime) -> bool:
    planned, rule = schedule.next_at, Rule.of_json(schedule.rule)
    assert planned is not None
    key = f"{KIND}:{schedule.id}:{planned:%Y%m%d%H%M%S}"
    payload: dict[str, Any] = {
        "schedule": schedule.id,
        "planned": planned.isoformat(),
        "through": now.isoformat(),
        "job": unused_id(ctx),
        # Answers go to the person directly: nobody sees what is whispered in a channel at seven
        "where": {"team": schedule.team, "channel": "", "person": schedule.person},
    }
    fired = ctx.mail.receive(key, KIND, payload, now)
    # An entry of an earlier life covers what had come up by then, not by now
    entry = ctx.mail.entry(key)
    assert entry is not None
    following = rule.next_after(datetime.fromisoformat(entry.payload["through"]))
    state = schedule.state if following else ScheduleState.ENDED
    ctx.shelf.change_schedule(schedule, next_at=following, last_at=planned, state=state)
    return fired


def sheet_of_run(ctx: Context, schedule: Schedule, payload: Mapping[str, Any], folder: Path) -> Path:
    """The sheet of one run as a file: the whole, or the rows of the days that have come up.

    Raises SheetError.
    """
    rule = Rule.of_json(schedule.rule)
    source = _copied(ctx, schedule.sheet_key, folder / schedule.sheet_name)
    if rule.column is None:
        return source
    days = rule.due(datetime.fromisoformat(payload["planned"]), datetime.fromisoformat(payload["through"]))
    target = folder / f"{Path(schedule.sheet_name).stem} {days[0]}.csv"
    _write_days(source, schedule.sheet_name, rule.column, days, target)
    return target


def _copied(ctx: Context, key: str, target: Path) -> Path:
    with ctx.blobs.open(key) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    return target


def _write_days(source: Path, name: str, column: str, days: Collection[date], target: Path) -> None:
    sheet = open_sheet(source, name=name)
    good = [row for row in sheet.rows() if isinstance(row, SheetRow)]
    wanted = days_of(row.cells[column] for row in good)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(sheet.columns)
        for row, day in zip(good, wanted, strict=True):
            if day in days:
                writer.writerow(row.cells[name] for name in sheet.columns)
