"""What the simulator's tests share: a still clock, sheets of lines, the vendor's own description."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import openai
from jsonschema import Draft202012Validator
from openai.types import Batch
from PIL import Image

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
MODEL = "gpt-image-2"
SPEC = json.loads((Path(__file__).parents[1] / "data" / "openai-openapi-cut.json").read_text())


class Clock:
    """Unix seconds, when the test says so."""

    def __init__(self) -> None:
        self.now = 1_795_400_000.0  # 2026-11-23

    def __call__(self) -> float:
        return self.now


def picture(side: int = 32, kind: str = "PNG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, (side, side)).save(file, kind)
    return file.getvalue()


def opened(b64: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(b64)))


def assert_described(value: dict[str, Any], schema: str) -> None:
    """The value is what the vendor's OpenAPI description says. It misses that absent values come as null."""
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    ).validate(without_nulls(value))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def line(custom_id: str, prompt: str = "red mug", url: str = GENERATIONS, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": url,
        "body": {"model": MODEL, "prompt": prompt, "size": "1024x1024", "quality": "low", **body},
    }


def lines(number: int) -> list[dict[str, Any]]:
    return [line(f"item-{place:03}", f"red mug {place}") for place in range(number)]


def as_jsonl(requests: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def upload(client: openai.OpenAI, payload: bytes) -> str:
    return client.files.create(file=("in.jsonl", payload), purpose="batch").id


def create(client: openai.OpenAI, payload: bytes | list[dict[str, Any]], **more: Any) -> Batch:
    if isinstance(payload, list):
        payload = as_jsonl(payload)
    wanted: Any = {"endpoint": GENERATIONS, "completion_window": "24h", **more}
    return client.batches.create(input_file_id=upload(client, payload), **wanted)


def start(client: openai.OpenAI, clock: Clock, payload: bytes | list[dict[str, Any]], **more: Any) -> Batch:
    """A batch that has left validation."""
    batch = create(client, payload, **more)
    assert client.batches.retrieve(batch.id).status == "validating"
    clock.now += 1
    return client.batches.retrieve(batch.id)


def finish(client: openai.OpenAI, clock: Clock, batch: Batch, seconds: float = 10) -> Batch:
    """The batch after its time, once everything is drawn."""
    clock.now += seconds
    for _ in range(100):
        batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
    raise AssertionError(f"the batch never ended: {batch}")


def run(client: openai.OpenAI, clock: Clock, payload: bytes | list[dict[str, Any]], **more: Any) -> Batch:
    return finish(client, clock, start(client, clock, payload, **more))


def read(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """The lines of a result file."""
    assert file_id is not None
    return [json.loads(text) for text in client.files.content(file_id).text.splitlines()]


def ids(client: openai.OpenAI, file_id: str | None) -> list[str]:
    return [found["custom_id"] for found in read(client, file_id)]
