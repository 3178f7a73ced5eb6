"""When a saved job is run again: daily, on days of the week, on dates, in somebody's own time zone. Pure.

A time that a change of the clocks skips is run as much later as the clocks jump; one that comes twice is run
the first time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from pydantic import TypeAdapter

from bot.intake.deadline import zone_of
from bot.intake.options import MAX_BUDGET_USD, CommandError
from bot.intake.records import quoted

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

MAX_DATES = 366
"""Of one schedule: a year of posts."""

HOW = (
    "write “daily 07:00 Europe/Berlin”, “weekly mon,thu 07:00”, dates such as "
    "“2026-12-01, 2026-12-24 09:00”, or “column publish_date 09:00” for a sheet that says on which day each "
    "row is wanted"
)


class Kind(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    DATES = "dates"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a schedule runs, and for how much without asking."""

    kind: Kind
    at: time
    """On the clock of `zone`."""
    zone: str
    days: tuple[int, ...] = ()
    """Of the week, 0 is Monday; for WEEKLY."""
    dates: tuple[date, ...] = ()
    """Rising; for DATES."""
    column: str | None = None
    """The sheet's column that says on which day a row is wanted; None: every row each time."""
    budget_usd: Decimal | None = None
    """A run that may cost more waits for Start; None: every run does."""

    def next_after(self, after: datetime) -> datetime | None:
        """The first time later than that, in UTC; None when there is none any more."""
        return next((found for found in map(self.moment, self._dates(after)) if found > after), None)

    def _dates(self, after: datetime) -> Iterable[date]:
        if self.kind is Kind.DATES:
            return self.dates
        today = after.astimezone(zone_of(self.zone)).date()
        coming = (today + timedelta(days=n) for n in range(-1, 10))
        return [day for day in coming if self.kind is Kind.DAILY or day.weekday() in self.days]

    def moment(self, day: date) -> datetime:
        """When it runs on that day, in UTC."""
        return datetime.combine(day, self.at, zone_of(self.zone)).astimezone(UTC)

    def due(self, first: datetime, now: datetime) -> tuple[date, ...]:
        """The dates of a list that have come up from `first` to `now`."""
        return tuple(day for day in self.dates if first <= self.moment(day) <= now)

    def said(self) -> str:
        """`every Monday and Thursday at 07:00 (Europe/Berlin)`."""
        match self.kind:
            case Kind.DAILY:
                days = "every day"
            case Kind.WEEKLY:
                names = [DAYS[day] for day in self.days]
                days = f"every {_and(names)}"
            case Kind.DATES if self.column:
                days = f"on each day of the column “{self.column}”"
            case Kind.DATES:
                shown = [f"{day.day} {day:%b %Y}" for day in self.dates[:3]]
                more = len(self.dates) - len(shown)
                days = f"on {', '.join(shown)} and {more} more" if more else f"on {_and(shown)}"
        return f"{days} at {self.at:%H:%M} ({self.zone})"

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = _RULE.dump_python(self, mode="json")
        return found

    @classmethod
    def of_json(cls, given: Mapping[str, Any]) -> Rule:
        return _RULE.validate_python(given)


_RULE = TypeAdapter(Rule)


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# --- zones ----------------------------------------------------------------------------------------------


@cache
def zones() -> Mapping[str, str]:
    """Every zone of the system's database, by its name in lower case."""
    return {name.lower(): name for name in available_timezones() if "/" in name or name == "UTC"} | {
        "utc": "UTC"
    }


def check_zone(text: str) -> str:
    """The zone as the database writes it; `berlin` will do. Raises ValueError with a sentence."""
    wanted = text.strip().lower().replace(" ", "_")
    known = zones()
    if wanted in known:
        return known[wanted]
    cities = [name for low, name in known.items() if low.rpartition("/")[2] == wanted]
    if len(cities) == 1:
        return cities[0]
    close = difflib.get_close_matches(wanted, known, 1, 0.6)
    hint = f"did you mean {known[close[0]]}?" if close else "write one like Europe/Berlin, or UTC."
    raise ValueError(f"{quoted(text)} is not a time zone; {hint}")


# --- what people write ----------------------------------------------------------------------------------

_BUDGET = re.compile(r"(?<!\S)budget[ \t]*=?[ \t]*\$?([0-9]{1,9}(?:\.[0-9]{1,2})?)(?!\S)", re.IGNORECASE)
_TIME = re.compile(
    r"(?<!\S)(?:at\s+)?(?:(\d{1,2})[:.](\d{2})\s*(am|pm)?|(\d{1,2})\s*(am|pm))(?!\S)", re.IGNORECASE
)
_ZONE = re.compile(r"(?<!\S)([A-Za-z]+/[A-Za-z_/+-]+[0-9]*|UTC)(?!\S)", re.IGNORECASE)
_COLUMN = re.compile(r"(?<!\S)(?:column|calendar)\s+(?:[\"“”]([^\"“”]+)[\"“”]|(\S.*?))\s*$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{4}")
_DAY = re.compile(
    rf"\b({'|'.join(f'{d[:3]}(?:{d[3:]}s?)?' for d in DAYS)}|tues|thurs?|weds)\b", re.IGNORECASE
)


def parse_rule(text: str, zone: str, today: date) -> Rule:
    """`weekly mon,thu 07:00 Europe/Berlin budget=25` as a rule. `zone` is taken where none is named.

    A rule of a column has no dates yet: `dated` puts in those of the sheet. Raises CommandError.
    """
    budget = None
    if found := _BUDGET.search(text):
        budget = Decimal(found[1])
        if not 0 < budget <= MAX_BUDGET_USD:
            raise CommandError(f"A budget is more than $0 and at most ${MAX_BUDGET_USD:,}.")
        text = _without(text, found)
    if found := _ZONE.search(text):
        try:
            zone = check_zone(found[1])
        except ValueError as problem:
            raise CommandError(str(problem)) from None
        text = _without(text, found)
    at = _TIME.search(text)
    if at is None:
        raise CommandError(f"Say at what time; {HOW}.")
    clock, rest = _time(at), _without(text, at).strip()
    if found := _COLUMN.search(rest):
        return Rule(Kind.DATES, clock, zone, column=(found[1] or found[2]).strip(), budget_usd=budget)
    if written := _DATE.findall(rest):
        return Rule(Kind.DATES, clock, zone, dates=_coming(read_dates(written), today), budget_usd=budget)
    low = rest.lower()
    if "weekday" in low:
        return Rule(Kind.WEEKLY, clock, zone, days=(0, 1, 2, 3, 4), budget_usd=budget)
    if days := sorted({_day(word) for word in _DAY.findall(rest)}):
        return Rule(Kind.WEEKLY, clock, zone, days=tuple(days), budget_usd=budget)
    if re.search(r"\b(daily|every ?day)\b", low):
        return Rule(Kind.DAILY, clock, zone, budget_usd=budget)
    if "week" in low:
        raise CommandError("Say on which days of the week, like “weekly mon,thu 07:00”.")
    raise CommandError(f"I do not see on which days; {HOW}.")


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def _time(found: re.Match[str]) -> time:
    hour, minute = int(found[1] or found[4]), int(found[2] or 0)
    half = (found[3] or found[5] or "").lower()
    if half and not 1 <= hour <= 12:
        raise CommandError(f"{quoted(found[0].strip())} is not a time; write one like 07:00.")
    hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    try:
        return time(hour, minute)
    except ValueError:
        raise CommandError(f"{quoted(found[0].strip())} is not a time; write one like 07:00.") from None


def _day(word: str) -> int:
    return next(n for n, name in enumerate(DAYS) if name.lower().startswith(word.lower()[:3]))


def _coming(dates: Collection[date], today: date) -> tuple[date, ...]:
    coming = tuple(sorted({day for day in dates if day >= today}))
    if not coming:
        raise CommandError("All of these dates have passed; give at least one that is still to come.")
    if len(coming) > MAX_DATES:
        raise CommandError(f"These are {len(coming):,} dates and a schedule takes {MAX_DATES}; split it.")
    return coming


# --- dates in words and cells ---------------------------------------------------------------------------

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_PARTS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})")


def read_dates(written: Iterable[str]) -> list[date]:
    """Dates as people write them, all in one style: 2026-12-01, 1.12.2026, or with slashes, where one date
    with a day above 12 tells which number is the month. Raises CommandError naming the first that is none.
    """
    texts = [text.strip() for text in written]
    order = _order(texts)
    return [_date(text, order) for text in texts]


def _order(texts: Iterable[str]) -> tuple[int, int] | None:
    """(day, month) as places in a date with slashes; None where nothing tells."""
    for text in texts:
        if found := _PARTS.fullmatch(text):
            if found[2] == ".":
                return 1, 3  # nobody writes the month first with dots
            if int(found[1]) > 12:
                return 1, 3
            if int(found[3]) > 12:
                return 3, 1
    return None


def _date(text: str, order: tuple[int, int] | None) -> date:
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _PARTS.fullmatch(text):
            if order is None and found[1] != found[3]:
                raise CommandError(
                    f"{quoted(text)} may be two days, since either number can be the month; "
                    "write it like 2026-12-01."
                )
            day, month = (found[order[0]], found[order[1]]) if order else (found[1], found[3])
            year = int(found[4])
            return date(year + 2000 if year < 100 else year, int(month), int(day))
    except ValueError as problem:
        if isinstance(problem, CommandError):
            raise
    raise CommandError(f"{quoted(text)} is not a date; write it like 2026-12-01.")


def days_of(cells: Iterable[str]) -> Iterator[date | None]:
    """The day each cell names, None where it is empty. Raises CommandError for a cell that names none."""
    texts = [cell.strip() for cell in cells]
    found = iter(read_dates(text for text in texts if text))
    return (next(found) if text else None for text in texts)
