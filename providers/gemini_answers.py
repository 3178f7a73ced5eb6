"""From Gemini's answers to our words: why a call failed, what an answer holds, what it cost. Pure.

Facts: v1beta discovery document of 2026-08-22 (finish and block reasons), ai.google.dev troubleshooting and
batch pages, googleapis/python-genai issues 1218 and 2693; read in 2026-11. To the vendor every answered
request is a success; a blocked picture and an answer in words are told from a picture here alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from providers.base import Billed, Failure, FailureKind, ItemResult, Made, Picture
from providers.catalogue import ModelCard, TokenPrices
from providers.wire import pictures
from providers.wire.errors import LONGEST_WAIT, redact
from providers.wire.jsonl import LINE_LIMIT, Line
from providers.wire.shapes import Unreadable, mapping, parse_object, sequence, text

K = FailureKind

KINDS: Mapping[str, FailureKind] = {
    "CANCELLED": K.CANCELLED,
    "UNKNOWN": K.UNKNOWN,
    "INVALID_ARGUMENT": K.MALFORMED_REQUEST,
    "DEADLINE_EXCEEDED": K.TIMEOUT,
    "NOT_FOUND": K.MALFORMED_REQUEST,  # the model is gone
    "ALREADY_EXISTS": K.MALFORMED_REQUEST,
    "PERMISSION_DENIED": K.AUTH,
    "RESOURCE_EXHAUSTED": K.RATE_LIMITED,
    "FAILED_PRECONDITION": K.QUOTA,  # no billing, or not sold in this region
    "ABORTED": K.SERVER_ERROR,
    "OUT_OF_RANGE": K.MALFORMED_REQUEST,
    "UNIMPLEMENTED": K.MALFORMED_REQUEST,
    "INTERNAL": K.SERVER_ERROR,
    "UNAVAILABLE": K.SERVER_ERROR,
    "DATA_LOSS": K.SERVER_ERROR,
    "UNAUTHENTICATED": K.AUTH,
}
"""Canonical names (google.rpc.Code) in our words, in the order of their numbers from 1."""
_NAMES = tuple(KINDS)

_STATUSES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP statuses that say more than their hundred."""

BLOCKED = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "IMAGE_RECITATION",
        "ESCALATION",
    }
)
"""Finish reasons that are a judgement on the content. The others may go well another time."""

_BILLED: Mapping[FailureKind, Billed] = {
    K.MALFORMED_REQUEST: Billed.NO,
    K.RATE_LIMITED: Billed.NO,
    K.AUTH: Billed.NO,
    K.QUOTA: Billed.NO,
}
"""Whether an error was charged; not said anywhere for server errors and timeouts."""

_KEY_WORDS = re.compile(r"\bapi key (?:not|expired|is|was|must)\b|\bvalid api key\b", re.IGNORECASE)
_MISSING_FILE = re.compile(r"or it may not exist", re.IGNORECASE)
_FILE_NOT_READY = re.compile(r"\bnot in an? active state\b|file .*\bprocessing\b", re.IGNORECASE)
_MONEY = re.compile(
    r"limit:\s*0(?![\d.])|spend(?:ing)?[ -](?:cap|limit)|prepa(?:y|id)|credits?\b.*\b(?:depleted|exhausted)",
    re.IGNORECASE,
)
_PASSING = re.compile(r"\b10[ -]?min|rolling", re.IGNORECASE)
"""The spend limit of ten minutes is over in ten minutes; nobody needs to act."""

_KEY = re.compile(rb'"key"\s*:\s*"([A-Za-z0-9_-]{1,64})"')


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line nobody can be told about; `why` goes to the log."""

    why: str


# --- errors ---------------------------------------------------------------------------------------------


def failure(status: int | None, error: Mapping[str, Any], safe: Callable[[str], str] = redact) -> Failure:
    """What a google.rpc.Status says, with the HTTP status it came under if any.

    `safe` takes out of their words what must not be passed on. Order: the key, the money, the canonical
    name, the number (of gRPC or of HTTP: both are met), the HTTP status.
    """
    words = text(error.get("message"))
    number = whole(error.get("code"))
    name = _name(status, number, text(error.get("status")))
    details = [mapping(d) for d in sequence(error.get("details"))]
    reason = next((text(d.get("reason")) for d in details if text(d.get("reason"))), "")
    kind = _kind(status, number, name, reason, words, details)
    return Failure(
        kind=kind,
        code=safe(reason or name or str(number or status or ""))[:64],
        message=safe(words or f"no reason given (status {status or number or 'unknown'})"),
        billed=_BILLED.get(kind, Billed.UNKNOWN),
        retry_after=retry_delay(error),
    )


def _name(status: int | None, number: int, said: str) -> str:
    """The canonical name of an error."""
    if said in KINDS:
        return said
    if 1 <= number <= len(_NAMES):
        return _NAMES[number - 1]
    http = number if number >= 100 else status or 0
    if http in _STATUSES:
        return _STATUSES[http]
    if http >= 500:
        return "INTERNAL"
    return "INVALID_ARGUMENT" if 400 <= http < 500 else ""


def _kind(
    status: int | None, number: int, name: str, reason: str, words: str, details: list[Mapping[str, Any]]
) -> FailureKind:
    if reason.startswith("API_KEY_") or (name == "INVALID_ARGUMENT" and _KEY_WORDS.search(words)):
        return K.AUTH  # a wrong key is a 400 here
    if 402 in (status, number):
        return K.QUOTA  # prepaid credit is gone; named RESOURCE_EXHAUSTED like the 429 that passes
    if name == "RESOURCE_EXHAUSTED" and _needs_a_person(words, details):
        return K.QUOTA
    if name == "PERMISSION_DENIED" and _MISSING_FILE.search(words):
        return K.MALFORMED_REQUEST  # a file that expired is "forbidden" here, and the key is fine
    if name == "FAILED_PRECONDITION" and _FILE_NOT_READY.search(words):
        return K.SERVER_ERROR
    return KINDS.get(name, K.UNKNOWN)


def _needs_a_person(words: str, details: list[Mapping[str, Any]]) -> bool:
    """Whether a 429 is about money or the day's allowance: waiting for `retryDelay` would not help."""
    for violation in (mapping(v) for d in details for v in sequence(d.get("violations"))):
        if "perday" in text(violation.get("quotaId")).lower() or violation.get("quotaValue") in (0, "0"):
            return True
    return bool(_MONEY.search(words)) and not _PASSING.search(words)


def retry_delay(error: Mapping[str, Any]) -> timedelta | None:
    """The `RetryInfo.retryDelay` in an error ("55s", "0.5s"), at most a day; None where there is none."""
    for detail in map(mapping, sequence(error.get("details"))):
        found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)s", text(detail.get("retryDelay")))
        if found:
            return min(timedelta(seconds=float(found[1])), LONGEST_WAIT)
    return None


def gone(status: int, error: Mapping[str, Any]) -> bool:
    """Whether an answer says that a batch or a file no longer exists."""
    return status in (404, 410) or (status == 403 and bool(_MISSING_FILE.search(text(error.get("message")))))


def batch_failure(error: Mapping[str, Any]) -> Failure:
    """Why a batch `FAILED` as a whole; the vendor gives at most one reason, in the operation's `error`."""
    if not error:
        return Failure(K.UNKNOWN, "FAILED", "the batch failed without a reason", Billed.UNKNOWN)
    return failure(None, error)


# --- answers --------------------------------------------------------------------------------------------


def outcome(body: Mapping[str, Any], tokens: TokenPrices | None, factor: Decimal) -> Made | Failure:
    """What a `GenerateContentResponse` holds: the last picture that is no thought, or why there is none."""
    usage = mapping(_get(body, "usageMetadata"))
    candidates = [mapping(c) for c in sequence(body.get("candidates"))]
    problem: Failure | None = None
    for candidate in candidates:
        found = _picture(candidate)
        if isinstance(found, Picture):
            return Made((found,), cost_usd(usage, tokens, factor, drawn=True))
        problem = problem or found
    blocked = _blocked(mapping(_get(body, "promptFeedback")))
    if blocked or problem is None:
        nothing = Failure(K.UNKNOWN, "no_picture", "no picture in the answer", Billed.UNKNOWN)
        problem = blocked or nothing
    cost = cost_usd(usage, tokens, factor, drawn=False)
    # Also what was blocked is charged for the words read, as its usage tells.
    return replace(problem, billed=Billed.YES, cost_usd=cost) if cost else problem


def _picture(candidate: Mapping[str, Any]) -> Picture | Failure:
    reason = text(_get(candidate, "finishReason"))
    words = text(_get(candidate, "finishMessage"))
    if reason in BLOCKED:
        return Failure(K.CONTENT_POLICY, reason, redact(words or f"the picture was blocked: {reason}"))
    code, problem = reason if reason not in ("", "STOP") else "no_picture", ""
    said: list[str] = []
    for part in reversed(list(_parts(candidate))):
        blob = mapping(_get(part, "inlineData"))
        if text(blob.get("data")):
            try:
                content = pictures.from_base64(text(blob.get("data")))
                # The media type they name is not always the one they send.
                return Picture(content=content, media_type=pictures.media_type(content))
            except pictures.NoPicture as fault:
                code, problem = "no_picture", f"the answer holds {fault}"
        elif text(part.get("text")):
            said.insert(0, text(part.get("text")))
    problem = problem or words
    if not problem and said:
        problem = f"the model answered in words: {' '.join(said)}"
    kind = K.MALFORMED_REQUEST if reason == "MISSING_THOUGHT_SIGNATURE" else K.UNKNOWN
    return Failure(kind, redact(code)[:64], redact(problem or "no picture in the answer"))


def _parts(candidate: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of an answer, without those the model only thought."""
    for part in map(mapping, sequence(mapping(candidate.get("content")).get("parts"))):
        if part.get("thought") is not True:
            yield part


def _blocked(feedback: Mapping[str, Any]) -> Failure | None:
    """The failure of a prompt that was blocked before anything was drawn; every reason is a judgement."""
    reason = text(_get(feedback, "blockReason"))
    if not reason:
        return None
    words = text(_get(feedback, "blockReasonMessage")) or f"the prompt was blocked: {reason}"
    return Failure(K.CONTENT_POLICY, redact(reason)[:64], redact(words))


def cost_usd(
    usage: Mapping[str, Any], tokens: TokenPrices | None, factor: Decimal, *, drawn: bool
) -> Decimal | None:
    """USD by the vendor's own token counts, or None where they do not suffice.

    `(text_in x price + image_in x price + image_out x price + (text_out + thoughts) x price) / 1,000,000 x
    factor`. Tokens whose kind is not told count as the dearer of the two they can be.
    """
    if tokens is None or _get(usage, "promptTokenCount") is None:
        return None
    asked = _by_kind(usage, "promptTokensDetails")
    image_in = asked.get("IMAGE", 0)
    rest = whole(_get(usage, "promptTokenCount")) - image_in
    dear = image_in * tokens.image_in
    dear += max(0, rest) * (tokens.text_in if asked else max(tokens.text_in, tokens.image_in))
    given = _by_kind(usage, "candidatesTokensDetails")
    all_out = whole(_get(usage, "candidatesTokenCount"))
    image_out = given.get("IMAGE", 0) if given else all_out if drawn else 0
    words = max(0, all_out - image_out) + whole(_get(usage, "thoughtsTokenCount"))
    if words and tokens.text_out is None:
        return None
    dear += image_out * tokens.image_out + words * (tokens.text_out or 0)
    return dear * factor / 1_000_000


def _by_kind(usage: Mapping[str, Any], name: str) -> dict[str, int]:
    """Tokens by modality."""
    found: dict[str, int] = {}
    for entry in map(mapping, sequence(_get(usage, name))):
        modality = text(entry.get("modality"))
        found[modality] = found.get(modality, 0) + whole(_get(entry, "tokenCount"))
    return found


# --- lines ----------------------------------------------------------------------------------------------


def result(line: Line, card: ModelCard | None, owner: str | None) -> ItemResult | Skipped:
    """The answer in one line of a result file; `owner` is the key at its place in the input, if known.

    A line names its key; a bare status does not, and then goes to its owner.
    """
    if line.too_long:
        named = _KEY.search(line.content[:200])  # behind that it may stand in the answer itself
        key = named[1].decode() if named else owner
        if key is None:
            return Skipped(f"line {line.number} is longer than {LINE_LIMIT // 1024**2} MiB")
        words = f"the answer is longer than {LINE_LIMIT // 1024**2} MiB and was not read"
        return ItemResult(key, Failure(K.UNKNOWN, "too_long", words, Billed.UNKNOWN))
    try:
        answer = parse_object(line.content)
    except Unreadable as problem:
        cut = "" if line.ended else ", and the file ends inside it"
        return Skipped(f"line {line.number} is {problem}{cut}")
    key = text(answer.get("key")) or text(mapping(answer.get("metadata")).get("key")) or owner
    if not key:
        return Skipped(f"line {line.number} does not say whose it is")
    return ItemResult(key, _outcome_of(answer, card))


def _outcome_of(answer: Mapping[str, Any], card: ModelCard | None) -> Made | Failure:
    error, response = mapping(answer.get("error")), mapping(answer.get("response"))
    if error:
        return failure(None, error)
    if response.get("error"):
        return failure(None, mapping(response.get("error")))
    if not response and ("code" in answer or "status" in answer):
        return failure(None, answer)  # a bare status
    if not response and not ("candidates" in answer or _get(answer, "promptFeedback")):
        return Failure(K.UNKNOWN, "no_response", "neither an answer nor an error", Billed.UNKNOWN)
    factor = card.batch_factor if card else Decimal(1)
    return outcome(response or answer, card.tokens if card else None, factor)


def _get(value: Mapping[str, Any], camel: str) -> Any:
    """A field in either spelling: REST writes camelCase, files have been seen with snake_case."""
    return (
        value[camel] if camel in value else value.get(re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", camel))
    )


def whole(value: Any) -> int:
    """A whole number from zero on; int64s come as text. Anything else is zero."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: Any) -> datetime | None:
    """RFC 3339 as aware UTC; None for what is no point in time."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
