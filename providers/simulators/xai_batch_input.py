"""The simulated xAI's look through a batch's input file: one wrong line spoils the whole batch."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

from providers.simulators.xai_images import find_model

MAX_LINES, MAX_BYTES, MAX_LINE_BYTES = 50_000, 200_000_000, 25_000_000
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
"""What a line may ask for. Chat and video can be in a real batch; this simulator draws."""


def read_file(path: Path) -> tuple[list[str], array[int], str]:
    """Ids and offsets of the lines, and what is wrong with the first wrong one ("" for nothing)."""
    names: list[str] = []
    offsets: array[int] = array("Q")
    seen: set[str] = set()
    if path.stat().st_size > MAX_BYTES:
        return names, offsets, f"the file exceeds {MAX_BYTES} bytes"
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                name, wrong = _read_line(raw)
                if name in seen:
                    wrong = f"duplicate custom_id '{name}'"
                if wrong or number > MAX_LINES:
                    return names, offsets, f"line {number}: {wrong or f'more than {MAX_LINES} requests'}"
                seen.add(name)
                names.append(name)
                offsets.append(offset)
            offset += len(raw)
    return names, offsets, "" if names else "the file is empty"


def _read_line(raw: bytes) -> tuple[str, str]:
    """The line's id, and what is wrong with it. What its body says is found out when it is executed."""
    if len(raw) > MAX_LINE_BYTES:
        return "", f"the request exceeds {MAX_LINE_BYTES} bytes"
    try:
        line = json.loads(raw)
    except ValueError as error:
        return "", f"invalid JSON: {error}"
    name = line.get("custom_id") if isinstance(line, dict) else None
    if not isinstance(name, str) or not name:
        return "", "missing custom_id"
    if line.get("method") != "POST":
        return name, f"unsupported method {line.get('method')}"
    if line.get("url") not in (GENERATIONS, EDITS):
        return name, f"unsupported url {line.get('url')}"
    body = line.get("body")
    if not isinstance(body, dict):
        return name, "missing body"
    return name, "" if find_model(body.get("model")) else unsupported(body.get("model"))


def unsupported(model: object) -> str:
    return f"Model {model} is not supported for batch processing."
