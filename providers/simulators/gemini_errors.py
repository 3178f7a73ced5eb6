"""Gemini's way to say no: a google.rpc.Status, with an HTTP status around it or in a line of a batch."""

from __future__ import annotations

from typing import Any

NUMBERS = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
"""google.rpc.Code, as lines and operations carry it."""
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}


class Refused(Exception):
    """A call the vendor answers with an error."""

    def __init__(
        self,
        name: str,
        message: str,
        *,
        status: int | None = None,
        details: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status or _STATUSES[name]
        self.details = details or []

    def body(self) -> dict[str, Any]:
        """The envelope of a call's answer: `code` is the HTTP status here."""
        error: dict[str, Any] = {"code": self.status, "message": self.message, "status": self.name}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def as_status(self) -> dict[str, Any]:
        """The same in a line or an operation: `code` is the number of gRPC."""
        return {"code": NUMBERS[self.name], "message": self.message, "status": self.name}


def invalid(message: str) -> Refused:
    return Refused("INVALID_ARGUMENT", message)


def no_such_field(name: str, place: str) -> Refused:
    return invalid(f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.")


def bad_key() -> Refused:
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
    ]
    message = "API key not valid. Please pass a valid API key."
    return Refused("INVALID_ARGUMENT", message, details=details)


def no_key() -> Refused:
    return Refused(
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
    )


def no_such_model(name: str, version: str, method: str) -> Refused:
    return Refused(
        "NOT_FOUND",
        f"models/{name} is not found for API version {version}, or is not supported for {method}. Call "
        "ListModels to see the list of available models and their supported methods.",
    )


def no_such_file(name: str) -> Refused:
    """Files that are gone are "forbidden" (googleapis/python-genai issue 1218)."""
    return Refused(
        "PERMISSION_DENIED", f"You do not have permission to access the File {name} or it may not exist."
    )


def rate_limited(wait_seconds: float) -> Refused:
    return _exhausted(
        "You exceeded your current quota, please check your plan and billing details. "
        f"Please retry in {wait_seconds:g}s.",
        "GenerateRequestsPerMinutePerProjectPerModel",
        "150",
        wait_seconds,
    )


def day_used_up() -> Refused:
    """The daily allowance; the delay the vendor names with it does not help."""
    return _exhausted(
        "You exceeded your current quota, please check your plan and billing details.",
        "GenerateRequestsPerDayPerProjectPerModel",
        "1500",
        42,
    )


def credits_gone() -> Refused:
    return Refused(
        "RESOURCE_EXHAUSTED",
        "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
        status=402,
    )


def _exhausted(message: str, quota: str, value: str, wait_seconds: float) -> Refused:
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/generate_requests",
                    "quotaId": quota,
                    "quotaValue": value,
                }
            ],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait_seconds:g}s"},
    ]
    return Refused("RESOURCE_EXHAUSTED", message, details=details)
