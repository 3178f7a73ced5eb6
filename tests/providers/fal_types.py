"""The vendor's own types of fal's endpoints, as checks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DATA = Path(__file__).parent.parent / "data"
TYPES = json.loads((DATA / "fal-endpoints.json").read_text())
PLATFORM = json.loads((DATA / "fal-platform-cut.json").read_text())["gets"]


def schema(ts: str) -> dict[str, Any]:
    """The TypeScript type of a field as a JSON schema."""
    choices = []
    for part in re.split(r"\s*\|\s*", ts):
        if part.startswith('"'):
            choices.append({"const": part.strip('"')})
        elif part == "ImageSize":
            sides = {"width": {"type": "integer"}, "height": {"type": "integer"}}
            choices.append({"type": "object", "properties": sides, "additionalProperties": False})
        elif part.startswith("Array<"):
            inner = {"Array<string>": "string", "Array<boolean>": "boolean"}.get(part, "object")
            choices.append({"type": "array", "items": {"type": inner}})
        else:
            choices.append({"type": part} if part in ("string", "number", "boolean") else {})
    return {"anyOf": choices}


def assert_typed(value: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    assert set(value) <= set(fields), f"unknown: {set(value) - set(fields)}"
    assert {name for name, field in fields.items() if field["required"]} <= set(value)
    for name, part in value.items():
        Draft202012Validator(schema(fields[name]["type"])).validate(part)
