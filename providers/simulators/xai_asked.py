"""Reading what the simulated xAI is asked: JSON bodies, requests added to a batch, pages."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from typing import Any, TypeVar

from starlette.requests import Request

from providers.simulators.xai_batch_input import EDITS, GENERATIONS, unsupported
from providers.simulators.xai_images import find_model
from providers.simulators.xai_words import Refused

T = TypeVar("T")

DEFAULT_PAGE, LARGEST_PAGE = 100, 1_000


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Raises Refused."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(415, "Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refused(422, "Failed to parse the request body as JSON") from None
    if not isinstance(body, dict):
        raise Refused(422, "Failed to deserialize the JSON body: expected an object")
    return body


def read_request(given: object) -> tuple[str, str, dict[str, Any]]:
    """Id, endpoint and body of a request added to a batch. Raises Refused."""
    if not isinstance(given, dict) or not isinstance(given.get("batch_request"), dict):
        raise Refused(422, "Failed to deserialize the JSON body: missing field `batch_request`")
    wanted = given["batch_request"]
    name = given.get("batch_request_id") or f"batch_request_{uuid.uuid4()}"
    for word, url in (("image_generation", GENERATIONS), ("image_edit", EDITS)):
        body = wanted.get(word)
        if isinstance(body, dict):
            if find_model(body.get("model")) is None:
                raise Refused(400, unsupported(body.get("model")))
            return str(name), url, body
    raise Refused(422, "This simulator's batches take image_generation and image_edit.")


def read_limit(request: Request, most: int) -> int:
    """How many entries a page may have. Raises Refused."""
    text = request.query_params.get("limit", str(DEFAULT_PAGE))
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise Refused(400, f"limit must be between 1 and {LARGEST_PAGE}, but is {text}.")
    return min(int(text), max(1, most))


def paged(request: Request, most: int, items: Sequence[T]) -> tuple[Sequence[T], str | None]:
    """One page of a list that grows at its end alone, and the token of the next. Raises Refused."""
    start = read_token(request.query_params.get("pagination_token")) or "0"
    if not start.isdigit():
        raise Refused(400, "Invalid pagination_token.")
    end = int(start) + read_limit(request, most)
    return items[int(start) : end], write_token(str(end)) if end < len(items) else None


def write_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_token(token: str | None) -> str:
    """What the token names, "" without one. Raises Refused."""
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except ValueError:
        raise Refused(400, "Invalid pagination_token.") from None
