"""What a call's reply means for the caller's next move, and words that are safe to pass on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from providers.base import (
    AskAgain,
    Failure,
    FailureKind,
    MaybeAccepted,
    ProviderError,
    Refused,
    TellOperator,
)

MESSAGE_LIMIT = 300
"""Longest message passed on, in characters."""

_READ_LIMIT = 20_000
"""Characters of a message that are looked at: expressions over megabytes would be slow for nothing."""

LONGEST_WAIT = timedelta(days=1)
"""A vendor asking for a longer pause is held to this; a broken clock there must not stop us for years."""

HIDDEN = "[hidden]"

_SECRET_LOOKS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\bKey\s+[\w:-]{20,}"), f"Key {HIDDEN}"),
    (
        re.compile(
            r"(?i)([?&](?:x-goog-|x-amz-)?(?:api_?key|key|token|access_token|ticket|sig|signature|credential|security-token)=)"
            r"[^&\s\"']+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)://[^\s/@\"']+:[^\s/@\"']+@"), f"://{HIDDEN}@"),
    # Keys by their looks, also half masked ones as vendors quote them back ("sk-abc***xyz").
    (re.compile(r"\b(?:sk|rk|pk|xai|bfl|r8|hf|whsec|xox[a-z]|xapp)[-_][\w*.+/=-]{6,}"), HIDDEN),
    (re.compile(r"\bAIza[\w-]{10,}"), HIDDEN),
)

_REPLACEMENTS = (
    (re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*,[^\s\"'<>)]*"), "[data]"),
    *_SECRET_LOOKS,
    (re.compile(r"[A-Za-z0-9+/_-]{80,}={0,2}"), "[data]"),
    (re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+"), " "),
)


def redact(words: str, secrets: Iterable[str] = ()) -> str:
    """The words without secrets, data URLs and base64, on one line, cut to a few hundred characters.

    `secrets` are removed wherever they stand (keys, and prompts in errors); the rest goes by its looks.
    """
    safe = _without(words, secrets)[:_READ_LIMIT]
    for pattern, replacement in _REPLACEMENTS:
        safe = pattern.sub(replacement, safe)
    safe = safe.strip()
    return safe if len(safe) <= MESSAGE_LIMIT else safe[: MESSAGE_LIMIT - 1] + "…"


def hide(words: str, secrets: Iterable[str] = ()) -> str:
    """The words without secrets, else as they are: for a log, where lines and long paths are to be kept."""
    safe = _without(words, secrets)
    for pattern, replacement in _SECRET_LOOKS:
        safe = pattern.sub(replacement, safe)
    return safe


def _without(words: str, secrets: Iterable[str]) -> str:
    for secret in sorted((s for s in secrets if len(s) >= 6), key=len, reverse=True):
        words = words.replace(secret, HIDDEN)
    return words


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the server asks to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    Never negative, at most `LONGEST_WAIT`; None where it says nothing readable. Header names in lower case.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _wait(milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return _wait(seconds)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # "-0000" gives a naive date that means UTC (RFC 5322).
    return _wait((date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wait(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))


def whole_call(
    failure: Failure, sentence: str, *, creates: bool, retry_after: timedelta | None = None
) -> ProviderError:
    """The error to raise for a call that was answered with a failure, by what the caller does next.

    `creates` tells a call that starts paid work from one that may be repeated freely. A server error on such
    a call is MaybeAccepted: a gateway may answer 5xx after the service behind it has done the work.
    """
    match failure.kind:
        case FailureKind.RATE_LIMITED:
            return AskAgain(sentence, retry_after=retry_after, kind=failure.kind)
        case FailureKind.AUTH | FailureKind.QUOTA:
            return TellOperator(sentence, kind=failure.kind)
        case FailureKind.SERVER_ERROR | FailureKind.TIMEOUT | FailureKind.UNKNOWN:
            if creates:
                return MaybeAccepted(sentence)
            return AskAgain(sentence, retry_after=retry_after, kind=failure.kind)
        case _:
            return Refused(failure)
