"""What people say about pictures: “approve 1-40 except 7, 12”, “reject 3: wrong colour”, “redo 5, 9”, “undo”.

Numbers are those on the contact sheets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.intake.options import CommandError, typed
from bot.intake.records import quoted

EVERY = 2**31 - 1
"""Behind every number a picture can have."""

Ranges = tuple[tuple[int, int], ...]


class Say(StrEnum):
    """What is said."""

    APPROVE = "approve"
    REJECT = "reject"
    REDO = "redo"
    UNDO = "undo"
    REVIEW = "review"
    """Show where the review stands."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Which pictures are meant."""

    ranges: Ranges
    """(first, last), both included, in order, none touching another."""
    named: bool = False
    """Each by its own number, so that what was decided about it before is decided anew; a range such as
    “1-40” or “all” means those nobody has decided about."""

    @property
    def everything(self) -> bool:
        return self.ranges == ((1, EVERY),)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said about pictures of a job."""

    say: Say
    job: str
    pictures: Pictures | None = None
    """None: their last decision (undo), or none in particular (review)."""
    words: str = ""
    """Behind a colon: why, or for redo the new prompt."""


_VERBS = {
    **{say.value: say for say in Say},
    "ok": Say.APPROVE,
    "accept": Say.APPROVE,
    "approved": Say.APPROVE,
    "decline": Say.REJECT,
    "rejected": Say.REJECT,
    "remake": Say.REDO,
    "again": Say.REDO,
    "unapprove": Say.UNDO,
    "gallery": Say.REVIEW,
}
_ALL = frozenset({"all", "rest", "everything", "remaining", "others"})
_EXCEPT = re.compile(r"\b(?:except|but(?:\s+not)?|without|not)\b", re.IGNORECASE)
_PIECE = re.compile(r"#?(\d{1,7})(?:\s*(?:-|–|—|\.\.|…|to|bis)\s*#?(\d{1,7}))?", re.IGNORECASE)
_JOB_ID = re.compile(r"#?(?=[a-z]*[2-9])[a-hjkmnp-z2-9]{6}")
"""What names look like that the program gives; in a thread, where most words are about its own job."""
_JOB = re.compile(r"#?([a-z0-9][a-z0-9_-]{2,39})", re.IGNORECASE)
_FILLER = re.compile(r"\b(?:and|the|pictures?|images?|numbers?|nos?|please|of)\b\.?|[,;&+]", re.IGNORECASE)
_SAMPLE = re.compile(r"^(?:\S+\s+)?(?:the\s+)?(?:sample|pilot)\b", re.IGNORECASE)
"""“approve sample” is said of a job, not of pictures (`bot.intake.decision`)."""
_RETRY = re.compile(r"(?:failed|refused|expired|cancelled|in[ _-]doubt)\b", re.IGNORECASE)


def parse_verdict(text: str, *, job: str | None = None) -> Verdict | None:
    """What is said about pictures, or None when it is about something else. Raises CommandError.

    `job` is the one in whose thread it was written; without it the name stands behind the verb.
    """
    plain = typed(text)
    first, _, rest = plain.partition(" ")
    say = _VERBS.get(first.lower().strip("`*_.,:!"))
    if say is None or _SAMPLE.search(rest) or (say is Say.REDO and _is_retry(rest, job)):
        return None
    named, rest = _job(rest.strip(), job, say)
    numbers, _, words = rest.partition(":")
    if say in (Say.UNDO, Say.REVIEW) and not _bare(numbers):
        return Verdict(say, named)
    return Verdict(say, named, parse_pictures(numbers, say), " ".join(words.split()))


def _is_retry(rest: str, job: str | None) -> bool:
    """“redo” and “redo failed” were always said of what did not become a picture."""
    words = rest.split()
    behind = words if job else words[1:]
    return not behind or bool(_RETRY.match(" ".join(behind)))


def _job(rest: str, job: str | None, say: Say) -> tuple[str, str]:
    """The job meant, and what stands behind its name."""
    word, _, behind = rest.partition(" ")
    found = _JOB.fullmatch(word.strip("`*_.,:"))
    is_name = found is not None and (job is None or bool(_JOB_ID.fullmatch(word.lower())))
    if is_name and found is not None:
        return found[1].lower(), behind.strip()
    if job is None:
        raise CommandError(
            f"Say which job, like “{say} k3x9ab 1-40”; “list” shows the names. In its thread none is needed."
        )
    return job, rest


def _bare(text: str) -> str:
    return _FILLER.sub(" ", text.strip("`*_.!")).strip()


def parse_pictures(text: str, say: Say = Say.APPROVE) -> Pictures:
    """“1-40 except 7, 12”, “all”, “5, 9” as ranges. Raises CommandError with one sentence."""
    meant, *left_out = _EXCEPT.split(text, maxsplit=1)
    wanted = _pieces(meant, say)
    named = not left_out and all(low == high for low, high in wanted)
    ranges = _without(_merged(wanted), _merged(_pieces(left_out[0], say))) if left_out else _merged(wanted)
    if not ranges:
        raise CommandError("Nothing is left of these pictures; leave out fewer.")
    return Pictures(ranges, named)


def _pieces(text: str, say: Say) -> list[tuple[int, int]]:
    bare = _bare(text)
    if not bare:
        raise CommandError(
            f"Say which pictures, like “{say} 1-40 except 7, 12”, “{say} 5” or “{say} all”; the numbers are "
            "on the contact sheets."
        )
    if bare.lower() in _ALL:
        return [(1, EVERY)]
    found, rest = [], bare
    while rest:
        piece = _PIECE.match(rest)
        if piece is None or (rest[piece.end() :] and rest[piece.end()].isalnum()):
            raise CommandError(
                f"{quoted(rest.split()[0])} is not the number of a picture; write “{say} 1-40 except 7, 12”, "
                "and reasons behind a colon."
            )
        low, high = int(piece[1]), int(piece[2] or piece[1])
        if low > high or low < 1:
            raise CommandError(f"{quoted(piece[0])} is not a range; the lower number comes first, from 1 on.")
        found.append((low, high))
        rest = rest[piece.end() :].lstrip()
    return found


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    done: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if done and low <= done[-1][1] + 1:
            done[-1] = (done[-1][0], max(done[-1][1], high))
        else:
            done.append((low, high))
    return tuple(done)


def _without(ranges: Ranges, left_out: Ranges) -> Ranges:
    kept: list[tuple[int, int]] = []
    for low, high in ranges:
        for out_low, out_high in left_out:
            if out_high < low or out_low > high:
                continue
            if low < out_low:
                kept.append((low, out_low - 1))
            low = out_high + 1
        if low <= high:
            kept.append((low, high))
    return tuple(kept)


def spoken(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges as a person says them: “1-6, 8, 13-40”."""
    parts = []
    for low, high in ranges:
        parts.append("all" if (low, high) == (1, EVERY) else f"{low:,}" if low == high else _range(low, high))
    return ", ".join(parts)


def _range(low: int, high: int) -> str:
    return f"{low:,} on" if high >= EVERY else f"{low:,}-{high:,}"


def as_ranges(numbers: Iterable[int]) -> Ranges:
    """Numbers as ranges, in order."""
    return _merged((number, number) for number in numbers)
