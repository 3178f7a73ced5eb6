"""OpenAI's own client on the plain server, in each of the ways such servers answer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from providers.simulators import SIMULATORS
from providers.simulators.openai_compatible import CompatibleSimulator


@pytest.fixture
def server() -> Iterator[CompatibleSimulator]:
    with CompatibleSimulator(faults=["picture_px=64"]) as running:
        yield running


@pytest.fixture
def client(server: CompatibleSimulator) -> Iterator[openai.OpenAI]:
    """The client, unchanged, without its own retries."""
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as made:
        yield made


def generate(client: openai.OpenAI, **more: Any) -> Any:
    return client.images.generate(**{"prompt": "a red mug", "response_format": "b64_json"} | more)


def test_it_is_found_by_name() -> None:
    assert SIMULATORS["openai_compatible"] is CompatibleSimulator


def test_a_picture_without_key_model_or_usage(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    answer = generate(client)
    assert Image.open(BytesIO(base64.b64decode(answer.data[0].b64_json))).format == "PNG"
    assert answer.usage is None
    assert server.billed[0].model == "qwen-image"


def test_extra_fields_are_none_of_its_business(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    server.faults.picture_px = 0
    answer = generate(
        client, model="z-image-turbo", n=2, size="512x768", extra_body={"num_inference_steps": 9, "seed": 3}
    )
    assert [Image.open(BytesIO(base64.b64decode(one.b64_json))).size for one in answer.data] == [
        (512, 768)
    ] * 2


def test_links_and_usage_where_dials_say_so(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    asked = generate(client, response_format="url").data[0].url
    server.faults.update({"links": True, "usage": True})
    answer = generate(client)
    for url in (asked, answer.data[0].url):
        assert httpx.get(url).headers["content-type"] == "image/png"
    assert answer.usage.total_tokens > 0
    server.faults.turn("paths", "on")
    assert generate(client).data[0].url.startswith("/generated-images/")


def test_its_models_are_listed(client: openai.OpenAI) -> None:
    assert next(iter(client.models.list())).id == "qwen-image"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"size": "1000x1000"}, openai.BadRequestError),
        ({"size": "big"}, openai.BadRequestError),
        ({"n": 11}, openai.BadRequestError),
        ({"prompt": ""}, openai.BadRequestError),
        ({"prompt": "moderated"}, openai.BadRequestError),
        ({"model": "dall-e-3"}, openai.NotFoundError),
        ({"prompt": "[down]"}, openai.InternalServerError),
    ],
)
def test_what_it_refuses(
    client: openai.OpenAI, server: CompatibleSimulator, change: dict[str, Any], error: type[openai.APIError]
) -> None:
    with pytest.raises(error):
        generate(client, **change)
    assert server.billed == []


def test_errors_in_the_forms_others_have(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    server.faults.turn("detail_errors", "on")
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        generate(client, size="big")
    assert refused.value.response.json()["detail"][0]["loc"] == ["body", "size"]
    server.faults.turn("text_errors", "on")
    with pytest.raises(openai.BadRequestError) as refused:
        generate(client, size="big")
    assert refused.value.response.headers["content-type"].startswith("text/plain")


def test_a_key_is_asked_for_when_the_dial_says_so(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    server.faults.turn("keyed", "on")
    with pytest.raises(openai.AuthenticationError):
        generate(client)
    with openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as known:
        assert generate(known).data
    server.faults.update({"quota": True, "keyed": False})
    with pytest.raises(openai.APIStatusError) as refused:
        generate(client)
    assert refused.value.status_code == 402


def test_its_pace_is_kept(client: openai.OpenAI, server: CompatibleSimulator) -> None:
    server.faults.turn("requests_per_minute", 1)
    generate(client)
    with pytest.raises(openai.RateLimitError) as refused:
        generate(client)
    assert int(refused.value.response.headers["retry-after"]) > 30
