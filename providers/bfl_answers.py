"""What Black Forest Labs' answers mean in our words. Pure.

Facts: OpenAPI description of 2026-04-23 and the vendor's error page; texts of 403 as observed; the states of
FLUX.3 from adapters of October 2026. Read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from providers.base import Billed, Failure, FailureKind, Phase
from providers.wire.shapes import mapping, moment, sequence, text

K = FailureKind

PENDING = "Pending"
READY = "Ready"
NOT_FOUND = "Task not found"
PHASES: Mapping[str, Phase] = {
    PENDING: Phase.RUNNING,
    "Reasoning": Phase.RUNNING,  # FLUX.3, not in the description
    "Generating": Phase.RUNNING,
    READY: Phase.ENDED,
    "Request Moderated": Phase.ENDED,
    "Content Moderated": Phase.ENDED,
    "Error": Phase.ENDED,
    "Failed": Phase.ENDED,  # not in the description; some clients know it
}
FAILURES: Mapping[str, tuple[FailureKind, str, str]] = {
    "Request Moderated": (K.CONTENT_POLICY, "request_moderated", "The request was refused by moderation"),
    "Content Moderated": (K.CONTENT_POLICY, "content_moderated", "The picture was refused by moderation"),
    "Error": (K.SERVER_ERROR, "error", "The task failed at Black Forest Labs"),
    "Failed": (K.SERVER_ERROR, "failed", "The task failed at Black Forest Labs"),
}
"""Final states without a picture. Whether they are charged is nowhere said."""

_STATUSES: Mapping[int, FailureKind] = {
    400: K.MALFORMED_REQUEST,
    401: K.AUTH,
    402: K.QUOTA,
    403: K.AUTH,  # what a missing or wrong key gets, not 401
    404: K.MALFORMED_REQUEST,
    408: K.TIMEOUT,
    413: K.MALFORMED_REQUEST,
    422: K.MALFORMED_REQUEST,
    429: K.RATE_LIMITED,  # more active tasks than the account may have
    504: K.TIMEOUT,
}

CREDIT_USD = Decimal("0.01")
LONGEST_DELIVERY = timedelta(hours=1)


def failure(status: int, body: Mapping[str, Any], safe: Callable[[str], str]) -> Failure:
    """A call that was not taken. Of `detail[]` only place, type and message are read, never the input."""
    kind = _STATUSES.get(status) or (K.SERVER_ERROR if status >= 500 else K.UNKNOWN)
    details = [mapping(part) for part in sequence(body.get("detail"))]
    code = next((text(part.get("type")) for part in details if text(part.get("type"))), "")
    words = "; ".join(_sentence(part) for part in details if text(part.get("msg")))
    words = words or text(body.get("detail")) or text(body.get("message")) or text(body.get("error"))
    unbilled = (K.AUTH, K.QUOTA, K.RATE_LIMITED, K.MALFORMED_REQUEST)
    return Failure(
        kind=kind,
        code=safe(code or str(status))[:64],
        message=safe(words or f"no reason given (status {status})"),
        billed=Billed.NO if kind in unbilled else Billed.UNKNOWN,
    )


def _sentence(detail: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in sequence(detail.get("loc")) if part != "body")
    return (f"{where}: " if where else "") + text(detail.get("msg"))


def task_failure(task: Mapping[str, Any], quoted: Decimal | None, safe: Callable[[str], str]) -> Failure:
    """A task that ended without a picture, with the reasons it gives and what it may have cost."""
    kind, code, words = FAILURES[text(task.get("status"))]
    details = mapping(task.get("details"))
    reasons = [text(r) for r in sequence(details.get("Moderation Reasons")) if text(r)]
    if not reasons:
        reasons = [text(value) for value in details.values() if text(value)][:3]
    if reasons:
        words += f": {', '.join(safe(reason) for reason in reasons)}"
    if quoted:
        words += f" ({quoted.normalize():f} USD may have been charged)"
    return Failure(kind, code, safe(words), Billed.UNKNOWN)


def usd(cost: Any) -> Decimal | None:
    """Credits as USD; None where it is not told."""
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1_000_000_000:
        return None
    return Decimal(str(cost)) * CREDIT_USD


def expires(task: Mapping[str, Any], lifetime: timedelta) -> datetime | None:
    """When the delivered picture vanishes: a lifetime after the task ended, as the task tells."""
    ended = moment(mapping(task.get("result")).get("end_time"))
    return ended + min(lifetime, LONGEST_DELIVERY) if ended else None
