"""What fal's answers mean in our words. Pure.

Facts: fal's error pages (model errors and request errors), its queue and pricing pages, its clients
fal-client 1.0.3 and @fal-ai/client 1.10.1, all read 2026-11-23; texts of 401, 403 and 404 as observed.
Errors come in two shapes, `{"detail": [{"type", "msg", ...}]}` and `{"detail": "...", "error_type": "..."}`,
and not every endpoint has moved to typed errors, so the status and the text are read last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.base import Billed, Failure, FailureKind, Made, Picture
from providers.wire import pictures
from providers.wire.shapes import mapping, sequence, text

K = FailureKind

KINDS: Mapping[str, FailureKind] = {
    "content_policy_violation": K.CONTENT_POLICY,
    **dict.fromkeys(
        (
            "missing",
            "literal_error",
            "value_error",
            "string_type",
            "int_parsing",
            "greater_than",
            "greater_than_equal",
            "less_than",
            "less_than_equal",
            "multiple_of",
            "one_of",
            "sequence_too_short",
            "sequence_too_long",
            "feature_not_supported",
            "bad_request",
            # The reference picture is at fault.
            "image_too_small",
            "image_too_large",
            "image_load_error",
            "unsupported_image_format",
            "file_too_large",
            "file_download_error",
            "face_detection_error",
            "invalid_archive",
        ),
        K.MALFORMED_REQUEST,
    ),
    "concurrent_requests_limit": K.RATE_LIMITED,
    "client_cancelled": K.CANCELLED,
    "client_disconnected": K.CANCELLED,
    "request_timeout": K.TIMEOUT,
    "startup_timeout": K.TIMEOUT,
    "generation_timeout": K.TIMEOUT,
    **dict.fromkeys(
        (
            "downstream_service_error",
            "downstream_service_unavailable",
            "internal_server_error",
            "internal_error",
            "runner_server_error",
            "runner_incomplete_response",
            "runner_scheduling_failure",
            "runner_connection_timeout",
            "runner_disconnected",
            "runner_connection_refused",
            "runner_connection_error",
        ),
        K.SERVER_ERROR,
    ),
}
"""Their types and error types in our words. What is not here goes by the status."""

_STATUSES: Mapping[int, FailureKind] = {
    400: K.MALFORMED_REQUEST,
    401: K.AUTH,
    403: K.AUTH,
    404: K.MALFORMED_REQUEST,  # `Application "x" not found`
    408: K.TIMEOUT,
    422: K.MALFORMED_REQUEST,
    429: K.RATE_LIMITED,
    499: K.CANCELLED,
    504: K.TIMEOUT,
}

_LOCKED = re.compile(r"(?i)user is locked|exhausted balance|top up your balance")
"""How an empty account says so, with status 403."""
_POLICY = re.compile(r"(?i)content.polic|moderat|safety|nsfw|prohibited")
"""How a partner's refusal reads when its type does not say so."""

_UNCHARGED_TYPES = frozenset(
    {
        "missing",
        "literal_error",
        "value_error",
        "string_type",
        "int_parsing",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "multiple_of",
        "one_of",
        "sequence_too_short",
        "sequence_too_long",
        "bad_request",
    }
)
"""Refused before any machine ran. Other 422 "may be charged if GPU time was used" (pricing page)."""

_UNCHARGED_KINDS = (K.AUTH, K.QUOTA, K.RATE_LIMITED, K.SERVER_ERROR, K.TIMEOUT, K.CANCELLED)
"""Only success is billed; 5xx and time in the queue never are (pricing page)."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply that is an error, in its two levels."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    error_type: str = ""
    """What the status of the request says, where it was asked."""
    error: str = ""


def failure(said: Said, safe: Callable[[str], str], cost: Decimal | None = None) -> Failure:
    """The error in our words. `safe` takes out of theirs what must not be passed on.

    Of `detail[]` only type and message are read: its `input` repeats the prompt. `cost` is what the vendor
    counted for it, if it did.
    """
    kind_of_error, words = _type_and_words(said)
    kind = _hinted(_kind(said.status, kind_of_error, words), said.headers)
    return Failure(
        kind=kind,
        code=safe(kind_of_error or str(said.status))[:64],
        message=safe(words or f"no reason given (status {said.status})"),
        billed=_billed(kind, kind_of_error, cost),
        cost_usd=cost,
    )


def _type_and_words(said: Said) -> tuple[str, str]:
    details = said.body.get("detail")
    listed = [mapping(part) for part in sequence(details)]
    types = [text(part.get("type")) for part in listed if text(part.get("type"))]
    messages = [text(part.get("msg")) for part in listed if text(part.get("msg"))]
    # One refusal decides, wherever it stands in the list.
    first = next((t for t in types if KINDS.get(t) is K.CONTENT_POLICY), types[0] if types else "")
    kind_of_error = (
        first
        or text(said.body.get("error_type"))
        or said.headers.get("x-fal-error-type", "")
        or said.error_type
    )
    platform = mapping(said.body.get("error"))  # the platform API has a shape of its own
    words = "; ".join(messages) or text(details) or text(platform.get("message")) or said.error
    return kind_of_error, words


def _kind(status: int, kind_of_error: str, words: str) -> FailureKind:
    if status == 403 and _LOCKED.search(words):
        return K.QUOTA
    if kind_of_error == "no_media_generated":
        # Usually a filter of a model that answers in words; only the text tells.
        return K.CONTENT_POLICY if _POLICY.search(words) else K.UNKNOWN
    if kind_of_error == "downstream_service_error" and _POLICY.search(words):
        return K.CONTENT_POLICY
    if kind_of_error.startswith("archive_file_count"):
        return K.MALFORMED_REQUEST
    known = KINDS.get(kind_of_error)
    if known:
        return known
    if status in (400, 422) and _POLICY.search(words):
        return K.CONTENT_POLICY
    if status in _STATUSES:
        return _STATUSES[status]
    return K.SERVER_ERROR if status >= 500 else K.UNKNOWN


def _hinted(kind: FailureKind, headers: Mapping[str, str]) -> FailureKind:
    """The kind, after fal's own hint whether asking again can help: an old and a new header, both read."""
    old = headers.get("x-fal-retryable", "").strip().lower()
    new = headers.get("x-fal-needs-retry", "").strip().lower()
    if kind is K.SERVER_ERROR and (old == "false" or new in ("0", "false")):
        return K.UNKNOWN
    if kind is K.UNKNOWN and (old == "true" or new in ("1", "true")):
        return K.SERVER_ERROR
    return kind


def _billed(kind: FailureKind, kind_of_error: str, cost: Decimal | None) -> Billed:
    if cost is not None:
        return Billed.YES if cost else Billed.NO
    if kind in _UNCHARGED_KINDS or kind_of_error in _UNCHARGED_TYPES:
        return Billed.NO
    return Billed.UNKNOWN


def outcome(body: Mapping[str, Any], cost: Decimal | None) -> Made | Failure:
    """What a finished request's output holds; a picture that was blacked out is a refusal that was paid for.

    Everything but an image's `url` may be missing (flux-2-pro, -max and -flex give only that).
    """
    blocked = sequence(body.get("has_nsfw_concepts"))
    found: list[Picture] = []
    problem, refused = "no picture in the answer", False
    for place, image in enumerate(map(mapping, sequence(body.get("images")))):
        if place < len(blocked) and blocked[place] is True:
            refused = True
            continue
        url = text(image.get("url"))
        said = text(image.get("content_type")) or "image/png"
        if url.startswith("data:"):
            try:
                content = pictures.from_base64(url)
                found.append(Picture(content=content, media_type=pictures.media_type(content)))
            except pictures.NoPicture as fault:
                problem = f"the answer holds {fault}"
        elif url.startswith(("https://", "http://")):
            found.append(Picture(locator=url, media_type=said[:64]))
    if found:
        return Made(tuple(found), cost)
    if refused:
        words = "fal's safety checker found the picture not safe for work and blacked it out"
        return Failure(K.CONTENT_POLICY, "has_nsfw_concepts", words, Billed.YES, cost)
    return Failure(K.UNKNOWN, "no_picture", problem, Billed.YES, cost)


def units(headers: Mapping[str, str]) -> Decimal | None:
    """`x-fal-billable-units`: how many units of the endpoint's price the request took; None if not said."""
    try:
        number = Decimal(headers.get("x-fal-billable-units", "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
