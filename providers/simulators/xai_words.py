"""The simulated xAI's way to say no, and the dials it adds to the shared ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from providers.simulators.faults import Faults


@dataclass
class XAIFaults(Faults):
    """The shared dials and xAI's own."""

    url_seconds: float = 3_600.0
    """How long a picture's link lives."""
    dead_links: int = 0
    """This many requests for pictures answer 404 although the link should live."""
    held_back: int = 0
    """Of this many live calls for several pictures moderation holds one back; it is charged all the same."""
    creates_per_second: int = 2
    """Batches a team may create in a second before 429s begin; 0 allows any number."""
    price_factor: float = 1.0
    """What it charges, as times its list price."""
    page_most: int = 1_000
    """Most entries a page holds, whatever was asked for."""
    cancel_reverts: bool = False
    """What a cancel caught in flight is finished and charged all the same: after `cancelling_seconds` the
    counters go back from cancelled to succeeded, as was seen in 2026-08."""
    grpc_spelling: bool = False
    """Results spelled as in the SDK's messages: `image_response`, errors with a code, whole timestamps."""


class Refused(Exception):
    """A call the vendor answers with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        *,
        ticks: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES.get(status, "Client specified an invalid argument")
        self.ticks = ticks
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The envelope."""
        shown: dict[str, Any] = {"code": self.code, "error": self.message}
        if self.ticks is not None:
            shown["usage"] = {"cost_in_usd_ticks": self.ticks}
        return shown


CODES = {
    401: "The request does not have valid authentication credentials",
    403: "The caller does not have permission to execute the specified operation",
    404: "Some requested entity was not found",
    412: "The system is not in a state required for the operation's execution",
    415: "Unsupported media type",
    422: "Unprocessable entity",
    429: "Some resource has been exhausted",
    500: "Internal error",
    503: "The service is currently unavailable",
    504: "Deadline expired before operation could complete",
}
"""Codes are sentences (seen in live errors: the names of gRPC codes in words)."""


def server_error() -> Refused:
    return Refused(500, "Internal error: the request could not be completed.")


def rate_limited(wait_seconds: float) -> Refused:
    """The vendor's words and header are not documented; both are ours."""
    return Refused(
        429,
        "Too many requests: your team has reached its rate limit.",
        headers={"retry-after": str(max(1, round(wait_seconds)))},
    )


def out_of_credits() -> Refused:
    """As seen in the wild, as 403 and with other accounts as 429."""
    return Refused(
        403,
        "Your team team-sim has either used all available credits or reached its monthly spending limit. To "
        "continue making API requests, please purchase more credits or raise your spending limit.",
    )
