"""Reading JSON that strangers wrote: each function gives the wanted shape, or its empty form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any


class Unreadable(ValueError):
    """The bytes are not the JSON that was expected. The message never quotes them."""


def parse(content: bytes) -> Any:
    """The JSON value in these bytes. Raises Unreadable, also for nesting deeper than Python can follow."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None  # the cause carries the whole document


def parse_object(content: bytes) -> Mapping[str, Any]:
    """The JSON object in these bytes. Raises Unreadable for anything else."""
    value = parse(content)
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A whole number from zero on; anything else is zero."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: Any) -> datetime | None:
    """Unix seconds as aware UTC; None for what is no point in time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
