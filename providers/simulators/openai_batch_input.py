"""The vendor's look through a batch's input file before it starts: every line, none of them kept."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers.simulators.openai_images import text_tokens

MAX_ERRORS = 100
"""Reported at most; a file wrong in every line would make an unreadable answer. Ours."""


@dataclass(frozen=True)
class Limits:
    """How much one batch may hold."""

    lines: int = 50_000
    bytes: int = 200_000_000
    """The guide says "200 MB"; the smaller reading, so that no caller relies on the larger."""


@dataclass
class Inspection:
    """What was found: where each line begins, or what is wrong."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    prompt_tokens: int = 0
    model: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    def blame(self, code: str, message: str, line: int | None = None, param: str | None = None) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append({"code": code, "message": message, "param": param, "line": line})


def inspect_input(
    path: Path, endpoint: str, known_model: Callable[[str], bool], limits: Limits
) -> Inspection:
    """Where the lines are, or the errors a failed batch carries."""
    found = Inspection()
    size = path.stat().st_size
    if size > limits.bytes:
        found.blame(
            "file_too_large", f"The batch input file is {size} bytes; the maximum is {limits.bytes} bytes."
        )
        return found
    seen: set[str] = set()
    with path.open("rb") as file:
        number, offset = 0, 0
        for number, raw in enumerate(file, 1):
            if number > limits.lines:
                found.blame(
                    "too_many_requests", f"The batch input file holds more than {limits.lines} requests."
                )
                return found
            found.offsets.append(offset)
            offset += len(raw)
            _inspect_line(found, raw, number, endpoint, seen)
    if number == 0:
        found.blame(
            "empty_file", "The batch input file is empty. Please ensure it contains at least one request."
        )
    elif found.model is not None and not known_model(found.model):
        found.blame(
            "model_not_found",
            f"The provided model '{found.model}' is not supported by the Batch API.",
            1,
            "body.model",
        )
    return found


def _inspect_line(found: Inspection, raw: bytes, number: int, endpoint: str, seen: set[str]) -> None:
    try:
        line = json.loads(raw)
    except ValueError:  # bad UTF-8 is one too
        line = None
    if not isinstance(line, dict):
        found.blame("invalid_json_line", "This line is not parseable as valid JSON.", number)
        return
    custom_id, body = line.get("custom_id"), line.get("body")
    if not isinstance(custom_id, str) or not custom_id:
        found.blame(
            "missing_required_parameter", "Missing required parameter: 'custom_id'.", number, "custom_id"
        )
    elif custom_id in seen:
        found.blame(
            "duplicate_custom_id",
            "The custom_id for this request is a duplicate of another request. The custom_id parameter must "
            "be unique for each request in a batch.",
            number,
            "custom_id",
        )
    else:
        seen.add(custom_id)
    if line.get("method") != "POST":
        found.blame(
            "invalid_method", f"Invalid HTTP method: {line.get('method')}. Must be 'POST'.", number, "method"
        )
    if line.get("url") != endpoint:
        found.blame(
            "invalid_url",
            f"The URL provided for this request does not match the batch endpoint '{endpoint}'.",
            number,
            "url",
        )
    for name in line.keys() - {"custom_id", "method", "url", "body"}:
        found.blame("unknown_parameter", f"Unknown parameter: '{name}'.", number, name)
    if not isinstance(body, dict):
        found.blame("missing_required_parameter", "Missing required parameter: 'body'.", number, "body")
        return
    _inspect_body(found, body, number)


def _inspect_body(found: Inspection, body: dict[str, Any], number: int) -> None:
    model = body.get("model")
    if not isinstance(model, str):
        found.blame(
            "missing_required_parameter", "Missing required parameter: 'body.model'.", number, "body.model"
        )
    elif found.model is None:
        found.model = model
    elif model != found.model:
        found.blame(
            "mismatched_model",
            f"The model '{model}' for this request does not match the rest of the batch ('{found.model}'). "
            "Each batch must contain requests for a single model.",
            number,
            "body.model",
        )
    found.prompt_tokens += text_tokens(str(body.get("prompt", "")))
