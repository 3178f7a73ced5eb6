"""OpenAI's way to say no: one envelope for calls and for lines of a batch."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A call the vendor answers with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        type: str = "invalid_request_error",  # noqa: A002  # the vendor's word
        param: str | None = None,
        headers: dict[str, str] | None = None,
        moderation_details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.type = type
        self.param = param
        self.headers = headers or {}
        self.moderation_details = moderation_details

    def body(self) -> dict[str, Any]:
        """The envelope."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        if self.moderation_details:
            error["moderation_details"] = self.moderation_details
        return {"error": error}


def invalid(param: str, message: str) -> Refused:
    return Refused(400, message, "invalid_value", param=param)


def unknown_parameter(name: str) -> Refused:
    return Refused(400, f"Unknown parameter: '{name}'.", "unknown_parameter", param=name)


def no_such_file(file_id: str) -> Refused:
    return Refused(404, f"No such File object: {file_id}", param="id")


def no_such_batch(batch_id: str) -> Refused:
    return Refused(404, f"No batch found with id '{batch_id}'.")
