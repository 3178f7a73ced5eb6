"""What a person decides about a job, in words: `start now sample 8`, `go on`, `pause`, `resume`, `agree`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.intake.options import CommandError
from bot.intake.records import quoted
from providers.base import Lane

START, GO_ON, PAUSE, RESUME, AGREE, RUSH = "start", "go_on", "pause", "resume", "agree", "rush"
REUSE, ANEW = "reuse", "anew"

DECISIONS: Mapping[str, str] = MappingProxyType(
    {
        "start": START,
        "sample": START,
        "go": GO_ON,
        "continue": GO_ON,
        "proceed": GO_ON,
        "pause": PAUSE,
        "hold": PAUSE,
        "resume": RESUME,
        "agree": AGREE,
        "rush": RUSH,
        "reuse": REUSE,
        "anew": ANEW,
    }
)
"""What people write first -> the decision. “approve sample” is read by `approves_sample`."""

LANES: Mapping[str, Lane] = MappingProxyType(
    {
        "now": Lane.LIVE,
        "live": Lane.LIVE,
        "fast": Lane.LIVE,
        "cheap": Lane.BATCH,
        "cheaper": Lane.BATCH,
        "later": Lane.BATCH,
        "batch": Lane.BATCH,
    }
)

MOST_IN_SAMPLE = 1000
"""More is no sample."""

_JOB = re.compile(r"#?([a-z0-9][a-z0-9_-]{2,39})", re.IGNORECASE)
_FILLERS = frozenset(
    {"on", "job", "the", "a", "first", "with", "of", "pictures", "please", "it", "rest", "approved"}
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One of the decisions above about one job."""

    verb: str
    job: str
    lane: Lane | None = None
    """Of a start; None: as planned."""
    sample: int | None = None
    """Of a start: pictures to make first; 0: as many as usual; None: all at once."""


def approves_sample(first: str, rest: str) -> bool:
    """“approve sample”, “approve the sample of k3x9ab”: the same as “go on”."""
    return first == "approve" and bool(re.match(r"(?:the\s+)?(?:sample|pilot)\b", rest, re.IGNORECASE))


def parse_decision(first: str, rest: str, job: str | None) -> Decision:
    """The decision that begins with the word `first`. Raises CommandError with one sentence.

    `job`: the one in whose thread it was written.
    """
    verb = DECISIONS.get(first, GO_ON)
    lane: Lane | None = None
    sample = 0 if first == "sample" else None
    names: list[str] = []
    for word in re.findall(r"[^\s`*.,:!]+", rest.lower()):
        if word in ("sample", "pilot"):
            sample = sample or 0
        elif verb == START and word in LANES and (lane is None or lane is LANES[word]):
            lane = LANES[word]
        elif verb == START and word.isdecimal() and sample is not None:
            sample = _size(int(word))
        elif word not in _FILLERS:
            names.append(word)
    return Decision(verb, _job(first, names, job), lane, sample if verb == START else None)


def _size(number: int) -> int:
    if not 1 <= number <= MOST_IN_SAMPLE:
        raise CommandError(f"A sample has 1 to {MOST_IN_SAMPLE:,} pictures, and not {number:,}.")
    return number


def _job(first: str, names: list[str], job: str | None) -> str:
    if not names:
        if job is None:
            raise CommandError(f"Say which job, like “{first} k3x9ab”; “list” shows the names.")
        return job
    found = _JOB.fullmatch(names[0])
    if len(names) > 1 or not found:
        known = "now, cheap, sample 8" if DECISIONS.get(first) == START else "the name of a job"
        raise CommandError(f"{quoted(' '.join(names))} is not understood behind “{first}”; write {known}.")
    return found[1].lower()
