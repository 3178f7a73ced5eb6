"""From xAI's answers to our words: why a call failed, what a row of results holds, how a batch stands. Pure.

Facts: docs.x.ai debugging, batch and pricing pages, the messages of the vendor's SDK 1.21.0, read in 2026-11;
and what others saw on the wire in 2026-08 and 2026-09 (error bodies, counters that go back after a cancel,
errors as bare strings, dates without a time), named where it is used. Where those disagree, every form is
read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from providers.base import Billed, Failure, FailureKind, ItemResult, Made, Phase, Picture, Progress
from providers.together import in_order
from providers.wire import pictures
from providers.wire.errors import redact
from providers.wire.shapes import count, mapping, sequence, text

TICKS_PER_USD = 10**10
"""`cost_in_usd_ticks` counts these (vendor's SDK, cost.py)."""

_K = FailureKind

_STATUSES: Mapping[int, FailureKind] = {
    401: _K.AUTH,
    402: _K.QUOTA,
    403: _K.AUTH,
    408: _K.TIMEOUT,
    429: _K.RATE_LIMITED,
    504: _K.TIMEOUT,
}

_GRPC: Mapping[str, FailureKind] = {
    "1": _K.CANCELLED,
    "3": _K.MALFORMED_REQUEST,
    "4": _K.TIMEOUT,
    "5": _K.MALFORMED_REQUEST,
    "7": _K.AUTH,
    "8": _K.RATE_LIMITED,
    "9": _K.MALFORMED_REQUEST,
    "11": _K.MALFORMED_REQUEST,
    "12": _K.MALFORMED_REQUEST,
    "13": _K.SERVER_ERROR,
    "14": _K.SERVER_ERROR,
    "16": _K.AUTH,
}
"""Codes of google.rpc.Status, which errors in results are according to the SDK."""

_MONEY = re.compile(r"\bcredits?\b|spending limit|\bbilling\b|insufficient (?:funds|balance)", re.IGNORECASE)
"""Seen as 403 and as 429: "Your team ... has either used all available credits or reached its monthly
spending limit", "Your newly created team doesn't have any credits or licenses yet" (continuedev/continue
10373 and 12670, 2026)."""
_KEY = re.compile(r"(?:incorrect|invalid|no|missing) api[ -]key", re.IGNORECASE)
"""A wrong key is a 400, "Incorrect API key provided" (docs.x.ai debugging page)."""
_MODERATED = re.compile(r"content[ -]moderat", re.IGNORECASE)
"""`imagine:content-moderated` and "... rejected by content moderation" (older codes are only arguments)."""

_WORDS: tuple[tuple[re.Pattern[str], FailureKind], ...] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"\bbatch (?:was )?cancell?ed|^(?:request )?cancell?ed", _K.CANCELLED),
        (r"timed? ?out|deadline (?:exceeded|expired)", _K.TIMEOUT),
        (r"\bexpired\b", _K.EXPIRED),
        (r"rate.?limit|resource (?:has been )?exhausted|too many requests", _K.RATE_LIMITED),
        (r"internal (?:server )?error|server error|unavailable|overloaded|at capacity", _K.SERVER_ERROR),
        (
            r"not supported|invalid|unsupported|not found|does not exist|must (?:be|set)|exceed"
            r"|too (?:long|large)|failed to download",
            _K.MALFORMED_REQUEST,
        ),
    )
)
"""For errors in results: bare strings without a code in every live capture there is (2026-08)."""

_BILLED: Mapping[FailureKind, Billed] = {
    _K.MALFORMED_REQUEST: Billed.NO,
    _K.RATE_LIMITED: Billed.NO,
    _K.AUTH: Billed.NO,
    _K.QUOTA: Billed.NO,
    _K.EXPIRED: Billed.NO,
    _K.CANCELLED: Billed.NO,
}
"""Of server errors and timeouts nobody says; moderation has a rule of its own."""


# --- failures -------------------------------------------------------------------------------------------


def failure(status: int | None, body: Mapping[str, Any], safe: Callable[[str], str] = redact) -> Failure:
    """What an error says; `safe` takes out of their words what must not be passed on.

    Reads `{"code", "error": "words"}`, `{"error": {"message", "code"}}`, `{"error": "words"}` and
    `{"error_message"}`. Order: moderation, money, the key, the status or code, then the words.
    """
    error = body.get("error")
    inner = mapping(error)
    code = _code(inner.get("code")) or _code(body.get("code")) or text(inner.get("type"))
    words = text(error) or text(inner.get("message")) or text(body.get("error_message"))
    words = words or text(body.get("message"))
    kind = _kind(status, code, words)
    said = words or code or f"no reason given (status {status})"
    found = Failure(
        kind=kind,
        code=safe(code or (str(status) if status else ""))[:64],
        message=safe(said),
        billed=_BILLED.get(kind, Billed.UNKNOWN),
    )
    cost = cost_usd(body) if cost_usd(body) is not None else cost_usd(inner)
    if cost is not None:
        return replace(found, billed=Billed.YES if cost else Billed.NO, cost_usd=cost)
    if kind is _K.CONTENT_POLICY and "generated" in words.lower():
        return replace(found, billed=Billed.YES)  # "blocked generations are charged" (pricing page)
    return found


def _code(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value else text(value)


def _kind(status: int | None, code: str, words: str) -> FailureKind:
    if _MODERATED.search(code) or _MODERATED.search(words):
        return _K.CONTENT_POLICY
    if status in (None, 402, 403, 429) and _MONEY.search(words):
        return _K.QUOTA
    if status in (None, 400) and _KEY.search(words):
        return _K.AUTH
    if status is not None:
        fallback = _K.SERVER_ERROR if status >= 500 else _K.MALFORMED_REQUEST
        return _STATUSES.get(status, fallback if status >= 400 else _K.UNKNOWN)
    known = _GRPC.get(code)
    return known or next((kind for pattern, kind in _WORDS if pattern.search(words)), _K.UNKNOWN)


# --- pictures and cost ----------------------------------------------------------------------------------


def cost_usd(answer: Mapping[str, Any]) -> Decimal | None:
    """USD of the whole answer by the vendor's own count; None where it gave none."""
    ticks = mapping(answer.get("usage")).get("cost_in_usd_ticks")
    if isinstance(ticks, str) and ticks.isascii() and ticks.isdigit():
        ticks = int(ticks)  # protobuf's JSON writes 64-bit numbers as strings
    if not isinstance(ticks, int) or isinstance(ticks, bool) or ticks < 0:
        return None
    return Decimal(ticks) / TICKS_PER_USD


def outcomes(answer: Mapping[str, Any], number: int) -> Sequence[Made | Failure]:
    """What a successful answer to a call for `number` pictures holds: an outcome for each, in its order.

    A picture that was held back is among them and was charged like the others.
    """
    if number == 1:
        return [outcome(answer)]
    entries = sequence(answer.get("data")) or sequence(answer.get("images"))
    return in_order([outcome({"data": [entry]}) for entry in entries[:number]], number, cost_usd(answer))


def outcome(answer: Mapping[str, Any]) -> Made | Failure:
    """What a successful answer holds. One whose picture was held back is a refusal that was paid for."""
    cost = cost_usd(answer)
    found: list[Picture] = []
    blocked, problem = False, "no picture in the answer"
    # `data` in REST, `images` in the SDK's messages.
    for entry in map(mapping, sequence(answer.get("data")) or sequence(answer.get("images"))):
        encoded, url = text(entry.get("b64_json")) or text(entry.get("base64")), text(entry.get("url"))
        if entry.get("respect_moderation") is False:
            blocked = True  # what comes with it, if anything, is a stand-in
        elif encoded:
            try:
                content = pictures.from_base64(encoded)
                found.append(Picture(content=content, media_type=pictures.media_type(content)))
            except pictures.NoPicture as fault:
                problem = f"the answer holds {fault}"
        elif url.startswith(("https://", "http://")):
            said = text(entry.get("mime_type"))
            found.append(Picture(locator=url, media_type=said if said.startswith("image/") else "image/jpeg"))
    if found:
        return Made(tuple(found), cost)
    if blocked:
        words = "The generated picture did not respect moderation rules and was held back"
        return Failure(_K.CONTENT_POLICY, "respect_moderation", words, Billed.YES, cost)
    return Failure(_K.UNKNOWN, "no_picture", problem, Billed.YES, cost)


def row(entry: Mapping[str, Any]) -> ItemResult | None:
    """The answer in one row of results; None for a row that does not say whose it is.

    A picture comes as a locator here, or as its bytes where the vendor sent those.
    """
    key = text(entry.get("batch_request_id"))
    if not key:
        return None
    result = mapping(entry.get("batch_result"))
    error = result.get("error") or entry.get("error")
    words = text(entry.get("error_message")) or text(result.get("error_message"))
    if words or (error and not _is_ok(error)):
        return ItemResult(key, failure(None, {"error": error or words, "usage": result.get("usage")}))
    # `image_generation` in the docs, `image_response` in the SDK's messages: whatever it is called, it is
    # the only object there (a chat answer would have no `data`, and so no picture).
    answers = [value for value in mapping(result.get("response")).values() if isinstance(value, dict)]
    if not answers:
        return ItemResult(
            key, Failure(_K.UNKNOWN, "no_response", "neither an answer nor an error", Billed.UNKNOWN)
        )
    return ItemResult(key, outcome(answers[0]))


def _is_ok(error: Any) -> bool:
    """A google.rpc.Status of code 0 without words is no error (the SDK asks the code)."""
    status = mapping(error)
    return bool(status) and _code(status.get("code")) in ("", "0") and not text(status.get("message"))


# --- how a batch stands ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A batch at one look. There is no status field: everything follows from the counters."""

    progress: Progress
    counters: tuple[int, ...]
    settled: bool
    """False: it looks over, but the counters may still move; see `standing`."""


def standing(batch: Mapping[str, Any], expected: int, now: datetime) -> Standing:
    """How the batch stands by its counters; `expected` items were sent (0: not known).

    After a cancel the counters went back from cancelled to succeeded within 20 seconds, with every picture
    paid for and readable (seen by others, 2026-08-29). So an end with cancelled items, or with fewer items
    than were sent (the file may still be read), is not settled: look again later.
    """
    state = mapping(batch.get("state"))
    counters = tuple(
        count(state.get(f"num_{name}")) for name in ("requests", "pending", "success", "error", "cancelled")
    )
    total, pending, good, bad, cancelled = counters
    words = text(batch.get("cancel_by_xai_message"))
    stopped = bool(words or batch.get("cancel_time"))
    late = _over(batch.get("expire_time"), now)
    nothing_ran = bool(words) and not good and not bad
    if pending and not late:
        phase = Phase.RUNNING
    elif not total and not stopped and not late:
        phase = Phase.WAITING  # the file is being read
    else:
        phase = Phase.REJECTED if nothing_ran else Phase.ENDED
    if max(total, expected, 1) == good + bad:
        unanswered = _K.UNKNOWN
    elif stopped:
        unanswered = _K.UNKNOWN if words else _K.CANCELLED  # only a person's cancel is a wish
    else:
        unanswered = _K.EXPIRED if late or cancelled else _K.UNKNOWN
    progress = Progress(
        phase=phase,
        total=total,
        completed=good,
        failed=bad,
        unanswered=unanswered,
        results_expire_at=_moment(batch.get("expire_time") or batch.get("expires_at")),
        failure=_whole_batch(words) if phase is Phase.REJECTED else None,
    )
    complete = 0 < total >= expected and not pending and not cancelled
    return Standing(progress, counters, settled=complete or (nothing_ran and not total))


def _whole_batch(words: str) -> Failure:
    """Why xAI cancelled the whole batch before anything ran."""
    kind = _K.QUOTA if _MONEY.search(words) else _K.MALFORMED_REQUEST
    return Failure(kind, "cancelled_by_xai", redact(words), Billed.NO)


def cancelled_means(batch: Mapping[str, Any]) -> FailureKind:
    """What "Batch cancelled" on a row means: at expiry the vendor cancels what is left, and nobody asked."""
    if batch.get("cancel_by_xai_message"):
        return _K.UNKNOWN
    return _K.CANCELLED if batch.get("cancel_time") else _K.EXPIRED


def created_before(batch: Mapping[str, Any], since: datetime) -> bool:
    """Whether the batch is certainly older than `since`; a bare date counts as its last moment."""
    created = _last_moment(batch.get("create_time") or batch.get("created_at"))
    return created is not None and created < since


def _over(value: Any, now: datetime) -> bool:
    last = _last_moment(value)
    return last is not None and now >= last


def _last_moment(value: Any) -> datetime | None:
    found = _moment(value)
    # Live answers give days ("2026-09-27"), the SDK points in time.
    bare = isinstance(value, str) and len(value.strip()) == 10
    return found + timedelta(days=1) if found and bare else found


def _moment(value: Any) -> datetime | None:
    """A point in time from any of the spellings seen; a bare date is its first moment."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    try:
        # Nanoseconds, which protobuf's JSON may write, are more than Python reads.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text(value).strip()))
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
