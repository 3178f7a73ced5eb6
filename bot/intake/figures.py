"""What a person asks about money and success, as values: `cost me october`, `stats 7`, `digest daily`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bot.intake.options import CommandError
from bot.intake.records import quoted
from bot.intake.rule import DAYS, Rule, check_zone, parse_rule

USUAL_DAYS = 30
"""Of `stats` where nobody says how many."""

MOST_DAYS = 366

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip


class Scope(StrEnum):
    """Whose jobs are meant."""

    HERE = "here"
    """Nobody said: the channel where it was asked, else one's own."""
    CHANNEL = "channel"
    ME = "me"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Costs:
    """What was spent in a month."""

    scope: Scope = Scope.HERE
    channel: str = ""
    """Its id; empty: where it was asked."""
    month: str = ""
    """`2026-10`, `10` (the last October), or `last`; empty: this month. Read by `first_day`."""


@dataclass(frozen=True, slots=True)
class Stats:
    """How well it went in the last days."""

    days: int = USUAL_DAYS
    scope: Scope = Scope.HERE
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """The channel's regular report: shown, set or ended."""

    action: str = "show"
    """`show`, `set`, `zone` or `off`."""
    text: str = ""
    """When, as written, read by `digest_rule`; of `zone` the time zone, by its IANA name."""


_COST_HOW = "write “cost”, “cost channel”, “cost me” or “cost month”, and a month such as october or 2026-10"
_STATS_HOW = "write “stats”, or with a number of days like “stats 7”, and channel, me or all"
_DIGEST_HOW = (
    "write “digest daily 09:00”, “digest weekly mon 09:00”, “digest zone Europe/Berlin” or “digest off”"
)

_MENTION = re.compile(r"<#([A-Z0-9]+)(?:\|[^<>]*)?>")
_ISO_MONTH = re.compile(r"(20\d\d)-(0?[1-9]|1[0-2])")
_SCOPES = {
    "channel": Scope.CHANNEL,
    "here": Scope.CHANNEL,
    **dict.fromkeys(("me", "my", "mine"), Scope.ME),
    **dict.fromkeys(("all", "everybody", "everyone", "everything", "total"), Scope.ALL),
}
_FILLERS = frozenset({"of", "for", "in", "this", "the", "days", "day", "please"})


def read_costs(text: str) -> Costs:
    """What stands behind `cost`, mentions as Slack sends them. Raises CommandError."""
    scope, channel, rest = _scope(text)
    month = ""
    words = [word for word in rest if word not in _FILLERS]
    if "month" in words:
        words.remove("month")
        # “cost month” is everybody's; “cost me last month” says whose already
        scope = Scope.ALL if scope is Scope.HERE and "last" not in words else scope
    for word in words:
        if month:
            raise CommandError(f"{quoted(word)} is too much here; {_COST_HOW}.")
        month = _month(word)
    return Costs(scope, channel, month)


def _month(word: str) -> str:
    if word in ("last", "previous"):
        return "last"
    if found := _ISO_MONTH.fullmatch(word):
        return f"{found[1]}-{int(found[2]):02}"
    close = [n for n, name in enumerate(MONTHS, 1) if len(word) > 2 and name.startswith(word)]
    if len(close) != 1:
        raise CommandError(f"{quoted(word)} is no month; {_COST_HOW}.")
    return f"{close[0]:02}"


def first_day(month: str, today: date) -> date:
    """The first day of the month meant; of one that is named without a year, the last there was."""
    if not month:
        return today.replace(day=1)
    if month == "last":
        number, year = (today.month - 1, today.year) if today.month > 1 else (12, today.year - 1)
        return date(year, number, 1)
    if "-" in month:
        return date.fromisoformat(f"{month}-01")
    number = int(month)
    return date(today.year - (number > today.month), number, 1)


def after_month(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def read_stats(text: str) -> Stats:
    """What stands behind `stats`. Raises CommandError."""
    scope, channel, rest = _scope(text)
    words = [word for word in rest if word not in _FILLERS and word != "last"]
    if len(words) > 1:
        raise CommandError(f"{quoted(words[1])} is too much here; {_STATS_HOW}.")
    if not words:
        return Stats(USUAL_DAYS, scope, channel)
    named = {"week": "7", "month": "30", "year": "365"}.get(words[0], words[0])
    found = re.fullmatch(r"([0-9]{1,4})d?", named)
    if not found or not 1 <= int(found[1]) <= MOST_DAYS:
        raise CommandError(f"{quoted(words[0])} is not a number of days from 1 to {MOST_DAYS}; {_STATS_HOW}.")
    return Stats(int(found[1]), scope, channel)


def _scope(text: str) -> tuple[Scope, str, list[str]]:
    """Whose jobs, the channel that is named, and the other words."""
    channel = ""
    if found := _MENTION.search(text):
        channel, text = found[1], f"{text[: found.start()]} channel {text[found.end() :]}"
    words = [word.strip("`*_.,:!?").lower() for word in text.split()]
    said = {_SCOPES[word] for word in words if word in _SCOPES}
    if len(said) > 1:
        raise CommandError("Say whose jobs you mean: channel, me, or everybody's, one of them.")
    rest = [word for word in words if word and word not in _SCOPES]
    return next(iter(said), Scope.HERE), channel, rest


# --- digests ---------------------------------------------------------------------------------------------


def read_digest(text: str) -> Digest:
    """What stands behind `digest`. Raises CommandError."""
    words = text.lower().split()
    if not words or words[0] in ("show", "list"):
        return Digest()
    if words[0] in ("off", "stop", "none"):
        return Digest("off")
    if words[0] in ("zone", "timezone", "tz"):
        return Digest("zone", _zone(" ".join(words[1:])))
    digest_rule(text, "UTC", date(2000, 1, 1))
    return Digest("set", text)


def digest_rule(text: str, zone: str, today: date) -> Rule:
    """`weekly fri 16:00 Europe/Berlin` as a rule; Monday and 09:00 where nothing is said, and `zone`, which
    may be empty to see whether one is named.

    Raises CommandError.
    """
    kind, *words = text.strip().split() or [""]
    kind = kind.lower().strip("`*_.,:")
    if kind not in ("daily", "weekly"):
        raise CommandError(f"{quoted(kind)} is no kind of digest; {_DIGEST_HOW}.")
    at, day = "09:00", "mon"
    for word in _joined(word for word in words if word.lower() not in ("at", "on", "every")):
        named = next((name for name in DAYS if len(word) > 2 and name.lower().startswith(word.lower())), None)
        if word[0].isdigit():
            at = word
        elif named and kind == "weekly":
            day = named
        else:
            zone = _zone(word)
    return parse_rule(f"{kind} {day if kind == 'weekly' else ''} {at} {zone}", zone, today)


def _joined(words: Iterable[str]) -> list[str]:
    """With “9 am” as one word."""
    found: list[str] = []
    for word in words:
        if word.lower() in ("am", "pm") and found and found[-1].isdigit():
            found[-1] += word
        else:
            found.append(word)
    return found


def _zone(word: str) -> str:
    try:
        return check_zone(word)
    except ValueError:
        raise CommandError(
            f"{quoted(word)} is neither a time nor a time zone like Europe/Berlin; {_DIGEST_HOW}."
        ) from None
