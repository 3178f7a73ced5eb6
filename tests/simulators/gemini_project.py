"""What the tests of the simulated Gemini share: the vendor's own client, sheets of lines, the description."""

from __future__ import annotations

import io
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
from google import genai
from google.genai import types
from jsonschema import Draft202012Validator
from openai_account import Clock
from PIL import Image

from providers.simulators.gemini import GeminiSimulator

MODEL = "gemini-nano-banana-2.1"
SPEC = json.loads((Path(__file__).parents[1] / "data" / "gemini-v1beta-cut.json").read_text())
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""On loopback no certificates need to be read, which would take longer than all the rest."""
PICTURES = types.GenerateContentConfig(response_modalities=["IMAGE"])


def made_for(simulator: GeminiSimulator, version: str | None = None, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(
        base_url=simulator.base_url,
        api_version=version,
        client_args={"verify": NO_TLS},
        async_client_args={"verify": NO_TLS},
    )
    return genai.Client(api_key=key or simulator.key, http_options=options)


def described(value: dict[str, Any], schema: str) -> None:
    """The value is what the vendor's discovery document says, with no field that is none."""
    value = json.loads(json.dumps(value))
    for part in (value, value.get("metadata"), value.get("response")):
        if isinstance(part, dict):
            part.pop("@type", None)
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    ).validate(value)


def ask(address: str, method: str = "GET", **more: Any) -> httpx.Response:
    """A call without the vendor's client."""
    return httpx.request(method, address, verify=NO_TLS, **more)


def raw(simulator: GeminiSimulator, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = ask(simulator.url + path, headers={"x-goog-api-key": simulator.key}).json()
    return answer


def line(key: str, prompt: str = "red mug", **config: Any) -> dict[str, Any]:
    return {
        "key": key,
        "request": {
            "contents": [{"role": "user", "parts": [{"text": prompt}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], **config},
        },
    }


def jsonl(*lines: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(entry).encode() + b"\n" for entry in lines))


def create(client: genai.Client, *lines: dict[str, Any], name: str = "job-1") -> types.BatchJob:
    file = client.files.upload(file=jsonl(*lines), config={"mime_type": "application/jsonl"})
    return client.batches.create(model=MODEL, src=str(file.name), config={"display_name": name})


def finish(client: genai.Client, clock: Clock, job: types.BatchJob, seconds: float = 10) -> types.BatchJob:
    """The job after its time; somebody looked at it while it was waiting."""
    assert state(client.batches.get(name=str(job.name))) == "PENDING"
    clock.now += 1
    client.batches.get(name=str(job.name))
    clock.now += seconds
    for _ in range(100):
        job = client.batches.get(name=str(job.name))
        if state(job) not in ("PENDING", "RUNNING"):
            return job
    raise AssertionError(f"the job never ended: {job}")


def state(job: types.BatchJob) -> str:
    assert job.state is not None
    return str(job.state.value).removeprefix("JOB_STATE_")


def results(client: genai.Client, job: types.BatchJob) -> list[dict[str, Any]]:
    assert job.dest is not None
    content = client.files.download(file=str(job.dest.file_name))
    return [json.loads(text) for text in content.decode().splitlines()]


def picture_of(response: types.GenerateContentResponse) -> Image.Image:
    blob = (response.parts or [])[-1].inline_data
    assert blob is not None
    return Image.open(io.BytesIO(blob.data or b""))
