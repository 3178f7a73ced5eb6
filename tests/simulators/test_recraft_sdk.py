"""The client Recraft's documentation shows, OpenAI's, on the simulated vendor, and its own description."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from jsonschema import Draft202012Validator
from openai_account import Clock
from PIL import Image

from providers.simulators import SIMULATORS
from providers.simulators.recraft import RecraftSimulator
from providers.wire.pictures import media_type

SPEC = json.loads((Path(__file__).parents[1] / "data" / "recraft-openapi-cut.json").read_text())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> Iterator[RecraftSimulator]:
    """Time stands still unless the test moves the clock; raster pictures are small."""
    with RecraftSimulator(faults=["picture_px=64"], clock=clock) as running:
        yield running


@pytest.fixture
def client(vendor: RecraftSimulator) -> Iterator[openai.OpenAI]:
    """The client, unchanged, without its own retries."""
    with openai.OpenAI(base_url=vendor.base_url, api_key=vendor.key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def strict() -> Iterator[openai.OpenAI]:
    """A client of one simulator for all refusals: they leave no trace in it."""
    with (
        RecraftSimulator(faults=["requests_per_second=0", "images_per_minute=0"]) as vendor,
        openai.OpenAI(base_url=vendor.base_url, api_key=vendor.key, max_retries=0) as made,
    ):
        yield made
        assert vendor.billed == []


def generate(client: openai.OpenAI, **more: Any) -> Any:
    return client.images.generate(**{"prompt": "two race cars on a track", "model": "recraftv4_1"} | more)


def described(value: Any, schema: str) -> Any:
    reference = f"#/components/schemas/{schema}"
    Draft202012Validator({"$ref": reference, "components": SPEC["components"]}).validate(value)
    return value


def call(vendor: RecraftSimulator, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(
        method, f"{vendor.base_url}{path}", headers={"authorization": f"Bearer {vendor.key}"}, **more
    )


def test_it_is_found_by_name() -> None:
    assert SIMULATORS["recraft"] is RecraftSimulator


def test_a_raster_picture_comes_as_a_link_to_webp(client: openai.OpenAI) -> None:
    """The first example of the documentation."""
    answer = generate(client)
    content = httpx.get(answer.data[0].url).content
    assert Image.open(BytesIO(content)).format == "WEBP"
    assert answer.model_extra["credits"] == 35


def test_a_vector_picture_comes_as_svg(client: openai.OpenAI) -> None:
    linked = generate(client, model="recraftv4_1_vector")
    reply = httpx.get(linked.data[0].url)
    assert reply.headers["content-type"].startswith("image/svg+xml")
    assert media_type(reply.content) == "image/svg+xml"
    carried = generate(client, model="recraftv4_1_vector", response_format="b64_json", size="16:9")
    svg = base64.b64decode(carried.data[0].b64_json)
    assert b'viewBox="0 0 1344 768"' in svg


def test_their_own_parameters_go_in_the_extra_body(client: openai.OpenAI, vendor: RecraftSimulator) -> None:
    vendor.faults.picture_px = 0
    extra = {"random_seed": 7, "image_format": "png", "controls": {"colors": [{"rgb": [1, 2, 3]}]}}
    first, second = (
        generate(client, size="1344x768", response_format="b64_json", extra_body=extra).data[0].b64_json
        for _ in range(2)
    )
    assert first == second
    assert Image.open(BytesIO(base64.b64decode(first))).size == (1344, 768)


def test_six_pictures_are_the_most_and_each_is_billed(
    client: openai.OpenAI, vendor: RecraftSimulator
) -> None:
    answer = generate(client, n=6, response_format="b64_json")
    assert len({image.b64_json for image in answer.data}) == 6
    assert len(vendor.billed) == 6
    assert answer.model_extra["credits"] == 210
    assert call(vendor, "GET", "/users/me").json()["credits"] == 100_000 - 210
    with pytest.raises(openai.BadRequestError, match=r"\[1, 6\]"):
        generate(client, n=7)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"model": "recraftv9"}, "invalid_model", "recraftv9"),
        ({"model": "flux2_pro"}, "invalid_model", "flux2_pro"),
        ({"prompt": ""}, "invalid_request_parameter", "prompt length should be in [1, 10000]"),
        ({"prompt": "x" * 10_001}, "invalid_request_parameter", "[1, 10000]"),
        ({"prompt": "x" * 1_001, "model": "recraftv3"}, "invalid_request_parameter", "[1, 1000]"),
        ({"size": "1000x1000"}, "invalid_request_parameter", "size"),
        ({"size": "2048x2048"}, "invalid_request_parameter", "size"),
        ({"size": "1024x1024", "model": "recraftv4_1_vector"}, "invalid_request_parameter", "size"),
        ({"size": "21:9"}, "invalid_request_parameter", "size"),
        ({"quality": "high"}, "invalid_request_parameter", "quality"),
        ({"style": "icon"}, "invalid_request_parameter", "style"),
        ({"style": "any", "model": "recraftv3_vector"}, "invalid_request_parameter", "not a vector style"),
        ({"model": "recraftv4_styles"}, "invalid_request_parameter", "style_id"),
        (
            {"model": "recraftv4_1_flash", "extra_body": {"style_id": "x"}},
            "invalid_request_parameter",
            "style",
        ),
        ({"extra_body": {"style_id": "x", "style": "y"}}, "invalid_request_parameter", "exclusive"),
        ({"extra_body": {"style_id": "x"}}, "invalid_request_parameter", "not found"),
        ({"extra_body": {"image_format": "jpeg"}}, "invalid_request_parameter", "image_format"),
        ({"extra_body": {"random_seed": 2**32}}, "invalid_request_parameter", "random_seed"),
        ({"response_format": "bytes"}, "invalid_request_parameter", "response_format"),
        ({"prompt": "moderated"}, "prompt_moderated", "moderation"),
    ],
)
def test_what_it_refuses(strict: openai.OpenAI, change: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        generate(strict, **change)
    assert refused.value.body["code"] == code  # type: ignore[index]
    assert words in refused.value.body["message"]  # type: ignore[index]


def test_the_endpoints_for_one_kind_refuse_the_other(vendor: RecraftSimulator) -> None:
    for kind, model, status in (
        ("vector", "recraftv4_1", 400),
        ("raster", "recraftv4_1_vector", 400),
        ("vector", "recraftv4_1_vector", 200),
        ("raster", "recraftv4_1_raster", 200),
        ("holographic", "recraftv4_1", 404),
    ):
        answer = call(vendor, "POST", f"/images/generations/{kind}", json={"prompt": "a", "model": model})
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["code"] == "invalid_image_type"


def test_a_wrong_token_and_a_wrong_path_are_told_in_plain_text(vendor: RecraftSimulator) -> None:
    with openai.OpenAI(base_url=vendor.base_url, api_key="real-looking", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            generate(stranger)
        assert refused.value.response.text == "request unauthorized"
        assert refused.value.response.headers["content-type"].startswith("text/plain")
    lost = call(vendor, "GET", "/nowhere")
    assert (lost.status_code, lost.text) == (404, "404 page not found")
    assert lost.headers["x-recraft-requestid"]


def test_both_limits_are_kept_without_a_hint_when_to_come_back(
    client: openai.OpenAI, vendor: RecraftSimulator, clock: Clock
) -> None:
    for _ in range(5):
        generate(client, model="recraftv4_1_vector")
    with pytest.raises(openai.RateLimitError) as refused:
        generate(client, model="recraftv4_1_vector")
    assert refused.value.body["code"] == "rate_limit_exceeded"  # type: ignore[index]
    assert "retry-after" not in refused.value.response.headers
    for _ in range(15):
        clock.now += 1
        generate(client, model="recraftv4_1_vector", n=6)
    clock.now += 1
    generate(client, model="recraftv4_1_vector", n=5)
    with pytest.raises(openai.RateLimitError):
        generate(client, model="recraftv4_1_vector")
    assert len(vendor.billed) == 100
    clock.now += 60
    generate(client, model="recraftv4_1_vector")


def test_links_need_no_token_and_die_after_a_day(client: openai.OpenAI, clock: Clock) -> None:
    url = generate(client).data[0].url
    clock.now += 86_000
    assert httpx.get(url).status_code == 200
    clock.now += 500
    assert httpx.get(url).status_code == 404


def test_a_style_made_from_pictures_can_be_used(vendor: RecraftSimulator) -> None:
    images = [("images", ("a.png", b"x", "image/png"))] * 2
    made = described(
        call(vendor, "POST", "/styles", files=images, data={"style": "any"}).json(), "CreateStyleResponse"
    )
    assert made["credits"] == 5
    assert (
        described(call(vendor, "GET", "/styles").json(), "ListStylesResponse")["styles"][0]["id"]
        == made["id"]
    )
    wish = {"prompt": "a", "model": "recraftv4_styles", "style_id": made["id"]}
    assert call(vendor, "POST", "/images/generations", json=wish).status_code == 200
    assert call(vendor, "GET", f"/styles/{made['id']}").json()["id"] == made["id"]
    assert call(vendor, "DELETE", f"/styles/{made['id']}").status_code == 204
    assert call(vendor, "POST", "/images/generations", json=wish).status_code == 400
    assert call(vendor, "POST", "/styles", data={"style": "any"}).status_code == 400


def test_answers_are_what_the_description_says(vendor: RecraftSimulator, client: openai.OpenAI) -> None:
    for wish in ({"response_format": "url"}, {"response_format": "b64_json", "model": "recraftv4_1_vector"}):
        answer = call(vendor, "POST", "/images/generations", json={"prompt": "a", **wish})
        described(answer.json(), "GenerateImageResponse")
        assert answer.headers["x-recraft-requestid"]
    described(call(vendor, "GET", "/users/me").json(), "User")
    models = described(call(vendor, "GET", "/models").json(), "ListModelsResponse")
    assert {"recraftv4_1", "recraftv4_1_vector"} <= {model["id"] for model in models["data"]}
    described(call(vendor, "GET", "/styles/basic").json(), "ListBasicStylesResponse")
    assert {model.id for model in client.models.list()} == {model["id"] for model in models["data"]}


def test_a_form_does_as_well_as_json(vendor: RecraftSimulator) -> None:
    fields = {
        name: (None, value) for name, value in {"prompt": "12", "model": "recraftv4_1", "n": "2"}.items()
    }
    answer = call(vendor, "POST", "/images/generations", files=fields)
    assert len(answer.json()["data"]) == 2
    assert vendor.billed[0].prompt == "12"
    for content in (b"{", b"[]"):
        assert call(vendor, "POST", "/images/generations", content=content).status_code == 400
