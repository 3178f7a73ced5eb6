"""The form of a schedule: when a job is run again, and for how much without asking."""

from __future__ import annotations

import json
from datetime import date, time
from typing import Any

from bot.intake.options import CommandError
from bot.intake.rule import DAYS, Kind, Rule, check_zone, parse_rule
from bot.slack import blocks as b
from bot.slack import fields as f
from bot.slack import limits
from bot.slack.fields import FormError, View
from bot.slack.form_reading import read_usd
from storage.records import Job

CALLBACK = "schedule_form"

COLUMN = "column"
"""The kind of schedule in which the sheet itself says the days."""

ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Berlin",
    "Europe/Madrid",
    "Europe/Warsaw",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)
"""Offered beside the person's own; the command takes every other."""


def schedule_form(job: Job, zone: str, kind: str = Kind.WEEKLY.value) -> View:
    """`zone`: the person's own."""
    kinds = [
        f.option("Every day", Kind.DAILY.value),
        f.option("Every week, on some days", Kind.WEEKLY.value),
        f.option("On certain dates", Kind.DATES.value),
    ]
    if job.columns:
        kinds.append(f.option("Each row on its own day, from a column", COLUMN))
    body = [
        b.words(f"Run “{job.title}” again, with the same sheet and options:"),
        f.field("kind", "How often", f.choice(kinds, kind, kind="radio_buttons"), optional=False, live=True),
    ]
    if kind == Kind.WEEKLY:
        days = [f.option(name, str(n)) for n, name in enumerate(DAYS)]
        body.append(f.field("days", "Days", f.boxes(days, ["0"]), optional=False))
    if kind == Kind.DATES:
        dates = f.text(None, "2026-12-01, 2026-12-24", most=3000, lines=True)
        body.append(f.field("dates", "Dates", dates, optional=False))
    if kind == COLUMN:
        columns = [name for name in job.columns if len(name) <= limits.OPTION_VALUE]
        likely = next((name for name in columns if "date" in name.lower() or "day" in name.lower()), None)
        options = [f.option(name, name) for name in columns[: limits.OPTIONS]]
        body.append(f.field(COLUMN, "Column with the dates", f.choice(options, likely), optional=False))
    zones = list(dict.fromkeys([zone, *ZONES]))
    body += [
        f.field("at", "At", {"type": "timepicker", "initial_time": "07:00"}, optional=False),
        f.field(
            "zone", "Time zone", f.choice([f.option(name, name) for name in zones], zone), optional=False
        ),
        f.field(
            "budget",
            "Start by itself up to, in US dollars",
            f.number(None, least="0.01", decimal=True),
            hint="A run that may cost more waits for Start, and so does every run if this is empty.",
        ),
    ]
    for block in body:
        if block["type"] == "input":
            block["element"]["action_id"] = f"schedule_{block['block_id']}"
    kept = json.dumps({"job": job.id, "zone": zone})
    return f.modal(CALLBACK, "Schedule", body, submit="Schedule", kept=kept)


def kept_in(view: dict[str, Any]) -> tuple[str, str]:
    """The job's id and the person's zone."""
    kept = json.loads(view["private_metadata"])
    return str(kept["job"]), str(kept["zone"])


def read_schedule(view: dict[str, Any], today: date) -> Rule:
    """Raises FormError."""
    values = f.filled(view)
    errors: dict[str, str] = {}

    def text(name: str) -> str:
        value = values.get(name)
        return value if isinstance(value, str) else ""

    budget = None
    if text("budget"):
        try:
            budget = read_usd(text("budget"))
        except ValueError as problem:
            errors["budget"] = str(problem)
    try:
        at, zone = time.fromisoformat(text("at")), check_zone(text("zone"))
    except ValueError as problem:
        raise FormError({"at": str(problem)}) from None
    kind = text("kind")
    rule = Rule(Kind.DAILY, at, zone, budget_usd=budget)
    match kind:
        case Kind.WEEKLY:
            chosen = values.get("days") or []
            rule = Rule(Kind.WEEKLY, at, zone, tuple(sorted(int(day) for day in chosen)), budget_usd=budget)
        case Kind.DATES:
            try:
                dates = parse_rule(f"{text('dates')} {text('at')}", zone, today).dates
            except CommandError as problem:
                errors["dates"] = str(problem)
            else:
                rule = Rule(Kind.DATES, at, zone, dates=dates, budget_usd=budget)
                if not dates:
                    errors["dates"] = "Write dates like 2026-12-01, with commas between them."
        case "column":
            rule = Rule(Kind.DATES, at, zone, column=text(COLUMN), budget_usd=budget)
    if errors:
        raise FormError(errors)
    return rule
