"""What a person typed behind `/imgbatch`, or behind `@imgbatch` in a thread, as a value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.intake.budgeting import Budgets, read_budgets
from bot.intake.decision import DECISIONS, Decision, approves_sample, parse_decision
from bot.intake.exporting import ExportWish, parse_export
from bot.intake.figures import Costs, Digest, Stats, read_costs, read_digest, read_stats
from bot.intake.options import MAX_TEXT_CHARACTERS, Changes, CommandError, parse_options, typed
from bot.intake.records import quoted
from bot.intake.topics import read_topic

__all__ = [
    "Audit",
    "Budgets",
    "Cancel",
    "Changes",
    "Command",
    "CommandError",
    "Costs",
    "Decision",
    "Digest",
    "Export",
    "Failures",
    "Help",
    "ListJobs",
    "New",
    "Presets",
    "Retry",
    "Run",
    "Schedule",
    "Schedules",
    "Stats",
    "Status",
    "Unknown",
    "Unschedule",
    "parse_command",
    "parse_options",
]


@dataclass(frozen=True, slots=True)
class New:
    """Open the form."""

    changes: Changes = field(default_factory=Changes)
    """What it is filled in with."""
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Start from the text alone, with a sheet given beside it."""

    changes: Changes = field(default_factory=Changes)
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How a job stands; None: the person's latest."""

    job: str | None = None


@dataclass(frozen=True, slots=True)
class ListJobs:
    """The recent jobs."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a job."""

    job: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Send items of a job again."""

    job: str
    which: str = "failed"
    """One of WHICH or KINDS."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The proof that every row and dollar is accounted for."""

    job: str


@dataclass(frozen=True, slots=True)
class Failures:
    """What of a job came to nothing, and what can be done about it."""

    job: str


@dataclass(frozen=True, slots=True)
class Export:
    """Take pictures away."""

    job: str
    wish: ExportWish


@dataclass(frozen=True, slots=True)
class Help:
    """How it works; None: everything in short."""

    topic: str | None = None
    """One of `bot.intake.topics.TOPICS`."""


@dataclass(frozen=True, slots=True)
class Presets:
    """The saved options of the channel: all, or one of them shown, saved or dropped."""

    action: str = "list"
    """One of PRESET_ACTIONS."""
    name: str = ""
    text: str = ""
    """What is to be saved, as written (`bot.intake.preset.read_defaults`); empty: ask in a form."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Run a job again and again."""

    job: str
    text: str = ""
    """When, as written (`bot.intake.rule.parse_rule`); empty: ask in a form."""


@dataclass(frozen=True, slots=True)
class Schedules:
    """What is scheduled."""


@dataclass(frozen=True, slots=True)
class Unschedule:
    """End a schedule."""

    schedule: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not understood."""

    text: str
    suggestion: str
    """One sentence: what is wrong and what to write instead."""


Command = (
    New
    | Run
    | Status
    | ListJobs
    | Cancel
    | Retry
    | Decision
    | Audit
    | Failures
    | Export
    | Budgets
    | Costs
    | Stats
    | Digest
    | Presets
    | Schedule
    | Schedules
    | Unschedule
    | Help
    | Unknown
)

PRESET_ACTIONS = ("list", "show", "save", "drop")

WHICH = ("failed", "refused", "expired", "cancelled", "in_doubt", "all")
"""Items a retry can be about; `all` is every one that did not become a picture."""

KINDS = ("timeout", "server_error", "rate_limited", "empty", "budget", "quota", "auth", "unknown")
"""The same by why they failed, as “failures” lists them."""

_VERBS = {
    **{verb: verb for verb in ("new", "run", "status", "list", "cancel", "retry", "help", "audit", "export")},
    **{verb: verb for verb in ("presets", "schedule", "schedules", "unschedule")},
    "preset": "presets",
    "budget": "budget",
    "budgets": "budget",
    **dict.fromkeys(("cost", "costs", "spent", "spending"), "cost"),
    **dict.fromkeys(("stats", "statistics"), "stats"),
    **dict.fromkeys(("digest", "digests"), "digest"),
    "jobs": "list",
    "ls": "list",
    "stop": "cancel",
    **dict.fromkeys(("failures", "failure", "failed", "errors"), "failures"),
    "download": "export",
    "zip": "export",
    "abort": "cancel",
    "redo": "retry",
    **dict.fromkeys(DECISIONS, "decide"),
    "?": "help",
}
"""What people write -> the verb."""

_FIGURES: Mapping[str, Callable[[str], Command]] = {
    "cost": read_costs,
    "stats": read_stats,
    "digest": read_digest,
}
"""What is asked about money and success."""

_JOB = re.compile(r"#?([a-z0-9][a-z0-9_-]{2,39})", re.IGNORECASE)


_WHEN = re.compile(
    r"(daily|every|weekly|weekdays?|column|calendar|at|on|(mon|tues?|wed|thu|fri|sat|sun)\w*|\d[\d:./-]*)\W*$",
    re.IGNORECASE,
)
"""The first word of when a job is to be run, as opposed to its name."""


def parse_command(text: str, *, job: str | None = None) -> Command:
    """What the person wants. Never raises: a mistake becomes Unknown with a sentence.

    `job` is the one in whose thread the text was written; verbs that need a job take it when none is named.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        return Unknown(
            text[:100], f"The text has {len(text):,} characters; {MAX_TEXT_CHARACTERS:,} are read at most."
        )
    plain = typed(text)
    if not plain:
        return Status(job) if job else New()
    first = plain.split(maxsplit=1)[0]
    verb = _VERBS.get(first.lower().strip("`*_/.,:!"))
    if first.lower() == "?":
        verb = "help"
    rest = plain[len(first) :].strip()
    if approves_sample(first.lower(), rest):
        verb = "decide"
    if verb is None:
        return Unknown(plain, _no_verb(first, plain))
    try:
        if verb == "decide":
            return parse_decision(first.lower().strip("`*_/.,:!"), rest, job)
        if verb == "budget":
            return read_budgets(_raw_behind(text, "budgets?"))
        if verb in _FIGURES:
            return _FIGURES[verb](_raw_behind(text, re.escape(first.strip("`*_/.,:!"))))
        if verb == "export":
            wish, words = parse_export(rest)
            return Export(_job(verb, " ".join(words), job), wish)
        return _command(verb, rest, job, text)
    except CommandError as problem:
        return Unknown(plain, str(problem))


def _command(verb: str, rest: str, job: str | None, text: str) -> Command:
    match verb:
        case "new":
            return New(*parse_options(rest))
        case "run":
            return Run(*parse_options(rest))
        case "list":
            return ListJobs()
        case "help":
            return Help(read_topic(rest))
        case "retry":
            return _retry(rest, job)
        case "status":
            return Status(_job(verb, rest, job) if rest or job else None)
        case "cancel":
            return Cancel(_job(verb, rest.removeprefix("here").strip(), job))
        case "presets":
            return _presets(rest, _raw_behind(text, "save|add|set"))
        case "schedule":
            return _schedule(rest, job)
        case "schedules":
            return Schedules()
        case "unschedule":
            return Unschedule(_job(verb, rest, None))
        case _:
            named = _job(verb, rest, job)
            return Failures(named) if verb == "failures" else Audit(named)


def _job(verb: str, rest: str, job: str | None) -> str:
    words = rest.strip("`*_.,:! ").split()
    if not words:
        if job is None:
            what = "" if verb in ("status", "failures") else f" to {verb}"
            raise CommandError(f"Say which job{what}, like “{verb} k3x9ab”; “list” shows the names.")
        return job
    if len(words) > 1:
        raise CommandError(f"“{verb}” takes the name of one job, and {quoted(rest)} is {len(words)} words.")
    found = _JOB.fullmatch(words[0])
    if not found:
        raise CommandError(f"{quoted(words[0])} is not the name of a job; “list” shows the names.")
    return found[1].lower()


def _retry(rest: str, job: str | None) -> Retry:
    which: list[str] = []
    names: list[str] = []
    for word in re.sub(r"\b(in|server|rate)[ -](doubt|error|limited)\b", r"\1_\2", rest, flags=re.I).split():
        plain = word.strip("`*_.,:!").lower()
        plain = plain.removesuffix("s") if plain.removesuffix("s") in KINDS else plain
        (which if plain in (*WHICH, *KINDS) else names).append(plain)
    if len(which) > 1:
        kinds = ", ".join((*WHICH, *KINDS))
        raise CommandError(f"“retry” takes one kind of picture at a time: {kinds}.")
    if len(names) > 1 or (names and job and not _JOB.fullmatch(names[0])):
        known = (*WHICH, *KINDS)
        close = [c for name in names for c in difflib.get_close_matches(name, known, 1, 0.7)]
        hint = f"did you mean {close[0]}?" if close else f"the kinds are {', '.join(known)}."
        raise CommandError(f"“retry” takes one job and one kind of picture; {hint}")
    return Retry(_job("retry", " ".join(names), job), which[0] if which else "failed")


def _presets(rest: str, saved: str) -> Presets:
    words = rest.split()
    if not words:
        return Presets()
    action = {"add": "save", "set": "save", "delete": "drop", "remove": "drop"}.get(
        words[0].lower(), words[0].lower()
    )
    if action not in PRESET_ACTIONS:
        close = difflib.get_close_matches(action, PRESET_ACTIONS, 1, 0.6)
        hint = f"did you mean “preset {close[0]}”?" if close else "write preset list, show, save or drop."
        raise CommandError(f"{quoted(words[0])} is nothing a preset can do; {hint}")
    name = words[1].strip("`*_.,:!").lower() if len(words) > 1 else ""
    if action in ("show", "drop") and not name:
        raise CommandError(f"Say which preset, like “preset {action} packshots”; “preset” lists them.")
    return Presets(action, name, saved if action == "save" and len(words) > 2 else "")


def _raw_behind(text: str, word: str) -> str:
    """What was written behind a word, mentions as Slack sends them."""
    found = re.search(rf"\b(?:{word})\b", text, re.IGNORECASE)
    return text[found.end() :].strip() if found else ""


def _schedule(rest: str, job: str | None) -> Schedule:
    first, _, when = rest.partition(" ")
    named = _JOB.fullmatch(first.strip("`*_.,:!"))
    if job is not None and (named is None or _WHEN.match(first)):
        return Schedule(job, rest)
    if named is None:
        raise CommandError(
            "Say which job and when, like “schedule k3x9ab daily 07:00 Europe/Berlin”; "
            "“list” shows the names."
        )
    return Schedule(named[1].lower(), when.strip())


def _no_verb(first: str, plain: str) -> str:
    close = difflib.get_close_matches(first.lower(), _VERBS, 3, 0.6)
    # Two letters that have changed places are the likeliest slip
    close.sort(key=lambda verb: sorted(verb) != sorted(first.lower()))
    if close:
        rest = plain[len(first) :].strip()
        return f"{quoted(first)} is not a command; did you mean {quoted(f'{close[0]} {rest}'.strip())}?"
    if "{" in plain or "=" in plain:
        return "Write “run” in front of a template or options, and drop the sheet beside them."
    known = (
        "new, run, status, list, approve, reject, redo, cancel, failures, retry, audit, cost, budget, "
        "preset, schedule or help"
    )
    return f"{quoted(first)} is not a command; write {known}."
