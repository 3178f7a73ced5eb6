"""From Recraft's answers to our words: why a call failed, what a success holds, what it cost. Pure.

Facts: recraft.ai/docs/api-reference (error handling, pricing), read in 2026-11; the codes are those others
have seen on the wire. Those for moderation and for an empty balance are not published: words must do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from providers.base import Billed, Failure, FailureKind, Made, Picture
from providers.together import in_order
from providers.wire import pictures
from providers.wire.errors import redact
from providers.wire.shapes import Unreadable, mapping, parse_object, sequence, text

UNITS_PER_USD = 1_000

KINDS: Mapping[str, FailureKind] = {
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "invalid_model": FailureKind.MALFORMED_REQUEST,
    "invalid_image_type": FailureKind.MALFORMED_REQUEST,
}
"""Codes that mean one thing. `invalid_request_parameter` is not among them: words are asked first."""

_STATUSES: Mapping[int, FailureKind] = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA,
    408: FailureKind.TIMEOUT,
    429: FailureKind.RATE_LIMITED,
}

_MODERATED = re.compile(r"moderat|safety|nsfw|prohibited", re.IGNORECASE)
_POOR = re.compile(
    r"(?:insufficient|not enough|no|zero|negative|out of)\W+(?:\w+\W+){0,2}(?:credits?|balance|units)\b"
    r"|(?:credits?|balance|units)\W+(?:\w+\W+){0,3}(?:exhausted|too low|insufficient)",
    re.IGNORECASE,
)
_GATEWAY = (502, 504, 520, 521, 522, 523, 524)
"""Statuses of what stands before Recraft: the work may have been done, and paid for, behind it."""


def failure(status: int, body: bytes, safe: Callable[[str], str] = redact) -> Failure:
    """What a reply that is no success says; `safe` takes out of their words what must not be passed on.

    Their pages disagree whether errors are text or JSON, so the bytes decide. Order: codes that mean one
    thing, statuses that do, then their words. Units are charged for 2xx alone (error handling page).
    """
    code, words = _said(body)
    return Failure(
        kind=_kind(status, code, f"{code} {words}".replace("_", " ")),
        code=safe(code or str(status))[:64],
        message=safe(words) or f"no reason given (status {status})",
        billed=Billed.UNKNOWN if status in _GATEWAY else Billed.NO,
    )


def _said(body: bytes) -> tuple[str, str]:
    """Their code and words, out of `{code, message}`, the same under `error`, or plain text."""
    try:
        whole = parse_object(body)
    except Unreadable:
        words = body[:2_000].decode("utf-8", "replace").strip()
        return "", "" if words.startswith(("<", "{", "[")) else words
    inner = mapping(whole.get("error")) or whole
    words = text(inner.get("message")) or text(whole.get("error")) or text(whole.get("detail"))
    return text(inner.get("code")), words


def _kind(status: int, code: str, said: str) -> FailureKind:
    known = KINDS.get(code) or _STATUSES.get(status)
    if known:
        return known
    if 400 <= status < 500 and _MODERATED.search(said):
        return FailureKind.CONTENT_POLICY
    if 400 <= status < 500 and _POOR.search(said):
        return FailureKind.QUOTA
    if status == 403:
        return FailureKind.AUTH
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return FailureKind.MALFORMED_REQUEST if 400 <= status < 500 else FailureKind.UNKNOWN


def outcomes(body: Mapping[str, Any], number: int, *, vector: bool) -> Sequence[Made | Failure]:
    """What a success of a call for `number` pictures holds: an outcome for each, in its order.

    Nobody documents whether such a call can succeed in part; fewer pictures are read as just that.
    """
    if number == 1:
        return [outcome(body, vector=vector)]
    entries = sequence(body.get("data"))[:number]
    return in_order([outcome({"data": [entry]}, vector=vector) for entry in entries], number, cost_usd(body))


def outcome(body: Mapping[str, Any], *, vector: bool) -> Made | Failure:
    """What a success holds. One without a picture is a failure, paid for where units were taken."""
    cost = cost_usd(body)
    found: list[Picture] = []
    problem = "no picture in the answer"
    for entry in map(mapping, sequence(body.get("data"))):
        encoded, url = text(entry.get("b64_json")), text(entry.get("url"))
        if encoded:
            try:
                content = pictures.from_base64(encoded)
                found.append(Picture(content=content, media_type=pictures.media_type(content)))
            except pictures.NoPicture as fault:
                problem = f"the answer holds {fault}"
        elif url.startswith(("https://", "http://")):
            kind = "image/svg+xml" if vector else "image/png"
            found.append(Picture(locator=url, media_type=kind))
    if found:
        return Made(tuple(found), cost)
    billed = Billed.UNKNOWN if cost is None else Billed.YES if cost else Billed.NO
    return Failure(FailureKind.UNKNOWN, "no_picture", problem, billed, cost)


def cost_usd(body: Mapping[str, Any]) -> Decimal | None:
    """USD of a call by the units it reports (1,000 units = $1); None where it reports none."""
    units = body.get("credits")
    if isinstance(units, bool) or not isinstance(units, int) or units < 0:
        return None
    return Decimal(units) / UNITS_PER_USD
