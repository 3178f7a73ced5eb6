"""When pictures are wanted, as people write it: `by Friday 09:00`, `tomorrow 17:00 +02:00`. Pure.

The text is kept as it was written and read again when the job is made, so that a saved job's `18:00` means
the evening of each day it is run. A time without a zone is on the clock of whoever asked (`JobSpec.zone`).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from bot.intake.records import quoted

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HOW = "write a day and a time, like “Friday 09:00”, “tomorrow 17:00 +02:00” or “2026-11-27 09:00”"

_DEADLINE = re.compile(
    r"(?:by\s+)?"
    r"(?:(?:(?P<date>\d{4}-\d{2}-\d{2})|(?P<word>[a-z]+\.?))(?:\s*,)?(?:\s+at\s+|\s+|(?<=\d)t))?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::\d{2})?)?\s*(?P<half>am|pm)?"
    r"\s*(?P<zone>utc|gmt|z)?\s*(?P<sign>[+-])?(?:(?<=[+-])(?P<ahead>\d{1,2})(?::?(?P<rest>\d{2}))?)?",
    re.IGNORECASE,
)


def check_deadline(text: str) -> str:
    """The text in one line, if it says when. Raises ValueError with a sentence."""
    flat = " ".join(text.split())
    # Any moment does to see that it can be read.
    deadline_at(flat, datetime(2000, 1, 1, tzinfo=UTC))
    return flat


def deadline_at(text: str, now: datetime, zone: str = "UTC") -> datetime:
    """The moment meant, in UTC: the next one of that name after `now`. Raises ValueError with a sentence.

    `zone`: the time zone, by its IANA name, of a text that names none.
    `09:00`: today, or tomorrow if that has passed. `Friday 09:00`: the next Friday, today included.
    """
    found = _DEADLINE.fullmatch(text.strip())
    if found is None or (found["minute"] is None and found["half"] is None):
        raise ValueError(f"{quoted(text)} does not say when; {HOW}")
    clock = _zone(found, text) or zone_of(zone)
    here = now.astimezone(clock)
    try:
        hour, minute = _hour(found), int(found["minute"] or 0)
        day = date.fromisoformat(found["date"]) if found["date"] else _day(found["word"], here, text)
        meant = datetime(day.year, day.month, day.day, hour, minute, tzinfo=clock)
    except (OverflowError, TypeError):
        raise ValueError(f"{quoted(text)} does not say when; {HOW}") from None
    except ValueError as problem:
        if HOW in str(problem):
            raise
        raise ValueError(f"{quoted(text)} is no such day or time; {HOW}") from None
    if meant <= here and not found["date"] and (found["word"] or "").lower() not in ("today", "tomorrow"):
        meant += timedelta(days=7 if found["word"] else 1)
    return meant.astimezone(UTC)


def _hour(found: re.Match[str]) -> int:
    hour = int(found["hour"])
    if found["half"] is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return hour % 12 + (12 if found["half"].lower() == "pm" else 0)


def _day(word: str | None, here: datetime, text: str) -> date:
    name = (word or "today").rstrip(".").lower()
    if name in ("today", "tomorrow"):
        return here.date() + timedelta(days=name == "tomorrow")
    wanted = next((n for n, day in enumerate(WEEKDAYS) if len(name) >= 2 and day.startswith(name)), None)
    if wanted is None:
        raise ValueError(f"{quoted(text)} names no day; {HOW}")
    return here.date() + timedelta(days=(wanted - here.weekday()) % 7)


def zone_of(name: str) -> tzinfo:
    """UTC needs no database of zones, which a bare machine may lack."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _zone(found: re.Match[str], text: str) -> tzinfo | None:
    if found["sign"] is None:
        return UTC if found["zone"] else None
    if found["ahead"] is None or int(found["ahead"]) > 14 or int(found["rest"] or 0) > 59:
        raise ValueError(f"{quoted(text)} has no such time zone; write it like +02:00, or leave it out")
    ahead = timedelta(hours=int(found["ahead"]), minutes=int(found["rest"] or 0))
    return timezone(-ahead if found["sign"] == "-" else ahead)
