"""Black Forest Labs' own Python client (blackforest 0.1.3), by what it sends.

The client demands Pillow 10.4 and so cannot live beside this program. It was run unchanged against the
simulator in an environment of its own on 2026-11-23 (four models to pictures, moderation, a wrong key); what
it sent then is sent again here: its headers, its bodies with the defaults it fills in, its way of polling.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from providers.simulators.bfl import BflSimulator

BODIES: dict[str, dict[str, Any]] = {
    "flux-pro-1.1": {
        "width": 1024, "height": 768, "prompt": "a red mug", "safety_tolerance": 2,
        "output_format": "jpeg", "prompt_upsampling": False,
    },
    "flux-pro-1.1-ultra": {
        "aspect_ratio": "16:9", "prompt": "a red mug", "safety_tolerance": 2, "output_format": "jpeg",
        "prompt_upsampling": False, "raw": False, "image_prompt_strength": 0.1,
    },
    "flux-dev": {
        "width": 1024, "height": 768, "prompt": "a mug", "safety_tolerance": 2, "output_format": "jpeg",
        "prompt_upsampling": False, "steps": 28, "guidance": 3.0,
    },
    "flux-kontext-pro": {
        "prompt": "a mug", "safety_tolerance": 2, "output_format": "png", "prompt_upsampling": False,
    },
}  # fmt: skip
ENDS = ("Ready", "completed", "failed")
"""The states at which it stops asking: no refusal is among them, so it asks until it gives up."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[BflSimulator]:
    with BflSimulator(faults=["latency=0.05", "picture_px=48"]) as running:
        yield running


@pytest.fixture
def session(vendor: BflSimulator) -> Iterator[httpx.Client]:
    headers = {"X-Key": vendor.key, "Content-Type": "application/json", "Accept": "application/json"}
    with httpx.Client(base_url=vendor.base_url, headers=headers, trust_env=False) as made:
        yield made


def polled(session: httpx.Client, url: str, times: int = 100) -> dict[str, Any]:
    """As its `get_polling_result`; what it raises for an HTTP error is raised here too."""
    said: dict[str, Any] = {}
    for _ in range(times):
        said = session.get(url).raise_for_status().json()
        if said["status"] in ENDS:
            break
        time.sleep(0.01)
    return said


@pytest.mark.parametrize("model", BODIES)
def test_its_requests_end_in_pictures(session: httpx.Client, model: str) -> None:
    accepted = session.post(f"/v1/{model}", json=BODIES[model]).raise_for_status().json()
    said = polled(session, accepted["polling_url"])
    picture = httpx.get(said["result"]["sample"], trust_env=False)
    assert picture.headers["content-type"] == f"image/{BODIES[model]['output_format']}"


def test_a_refusal_is_no_end_to_it(session: httpx.Client) -> None:
    body = {**BODIES["flux-pro-1.1"], "prompt": "moderated mug"}
    accepted = session.post("/v1/flux-pro-1.1", json=body).raise_for_status().json()
    assert polled(session, accepted["polling_url"], times=10)["status"] == "Request Moderated"


def test_an_address_it_builds_itself_finds_nothing(session: httpx.Client) -> None:
    """What it falls back to half an hour after the submission."""
    accepted = session.post("/v1/flux-dev", json=BODIES["flux-dev"]).raise_for_status().json()
    said = session.get(f"/v1/get_result?id={accepted['id']}")
    assert said.json()["status"] == "Task not found"


def test_a_wrong_key_is_a_403(vendor: BflSimulator) -> None:
    url = f"{vendor.base_url}/v1/flux-dev"
    for headers, words in (
        ({}, "Not authenticated"),
        ({"X-Key": "wrong"}, "Not authenticated - Invalid Authentication"),
    ):
        said = httpx.post(url, json=BODIES["flux-dev"], headers=headers, trust_env=False)
        assert (said.status_code, said.json()) == (403, {"detail": words})
