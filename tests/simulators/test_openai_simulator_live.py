"""The live lane: pictures now, with the vendor's own client."""

from __future__ import annotations

import base64
import time
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from openai_account import MODEL, Clock, assert_described, opened, picture

from providers.simulators.openai import OpenAISimulator


def generate(client: openai.OpenAI, prompt: str = "red mug", **more: Any) -> Any:
    return client.images.generate(
        **{"model": MODEL, "prompt": prompt, "size": "1024x1024", "quality": "low"} | more
    )


def post(simulator: OpenAISimulator, path: str, body: Any) -> httpx.Response:
    return httpx.post(
        f"{simulator.base_url}{path}", json=body, headers={"authorization": f"Bearer {simulator.key}"}
    )


def test_a_picture_comes_with_the_usage_the_vendor_would_bill(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    answer = generate(client)
    assert opened(answer.data[0].b64_json).format == "PNG"
    assert answer.usage.output_tokens == 196
    (billed,) = simulator.billed
    # 8 characters are 2 text tokens: (2 * 5 + 196 * 30) / 1e6
    assert billed.price == Decimal("0.00589")
    assert (billed.lane, billed.prompt, billed.custom_id) == ("live", "red mug", None)


def test_an_answer_is_what_the_vendors_description_says(simulator: OpenAISimulator) -> None:
    answer = post(
        simulator, "/images/generations", {"model": MODEL, "prompt": "hat", "size": "1536x1024", "n": 2}
    )
    assert_described(answer.json(), "ImagesResponse")
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-ratelimit-limit-requests"] == "500"
    assert len(answer.json()["data"]) == 2


def test_every_picture_of_a_call_is_billed_and_different(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    answer = generate(client, n=3)
    assert len({image.b64_json for image in answer.data}) == 3
    assert len(simulator.billed) == 3
    assert answer.usage.output_tokens == 3 * 196


def test_pictures_have_the_size_asked_when_no_dial_says_otherwise(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    simulator.faults.picture_px = 0
    assert opened(generate(client, size="1024x1536").data[0].b64_json).size == (1024, 1536)


@pytest.mark.parametrize(("output_format", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_each_output_format(client: openai.OpenAI, output_format: str, kind: str) -> None:
    assert opened(generate(client, output_format=output_format).data[0].b64_json).format == kind


def test_compression_makes_smaller_files(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    simulator.faults.picture_px = 512
    large, small = (
        len(generate(client, output_format="jpeg", output_compression=level).data[0].b64_json)
        for level in (100, 20)
    )
    assert small < large / 2


def test_transparency_where_the_model_has_it(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    clear = generate(client, model="gpt-image-2.6-flare", background="transparent")
    assert opened(clear.data[0].b64_json).mode == "RGBA"
    with pytest.raises(openai.BadRequestError, match="not supported for model"):
        generate(client, background="transparent")
    simulator.faults.transparent_preview = True
    generate(client, background="transparent")
    with pytest.raises(openai.BadRequestError, match="jpeg"):
        generate(client, background="transparent", output_format="jpeg")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"size": "1000x1000"}, "invalid_value", "size"),
        ({"size": "3856x1024"}, "invalid_value", "size"),
        ({"size": "2048x640"}, "invalid_value", "size"),
        ({"size": "512x512"}, "invalid_value", "size"),
        ({"size": "3840x3840"}, "invalid_value", "size"),
        ({"size": "large"}, "invalid_value", "size"),
        ({"quality": "xhigh"}, "invalid_value", "quality"),
        ({"quality": "hd"}, "invalid_value", "quality"),
        ({"n": 0}, "invalid_value", "n"),
        ({"n": 11}, "invalid_value", "n"),
        ({"n": "2"}, "invalid_type", "n"),
        ({"prompt": ""}, "missing_required_parameter", "prompt"),
        ({"prompt": "x" * 32_001}, "string_above_max_length", "prompt"),
        ({"response_format": "b64_json"}, "unknown_parameter", "response_format"),
        ({"colour": "red"}, "unknown_parameter", "colour"),
        ({"output_format": "gif"}, "invalid_value", "output_format"),
        ({"output_compression": 50}, "invalid_value", "output_compression"),
        ({"output_format": "jpeg", "output_compression": 101}, "invalid_value", "output_compression"),
        ({"background": "green"}, "invalid_value", "background"),
        ({"moderation": "off"}, "invalid_value", "moderation"),
        ({"stream": True}, "invalid_value", "stream"),
        ({"input_fidelity": "high"}, "unknown_parameter", "input_fidelity"),
        ({"model": "gpt-image-1.5", "size": "2048x2048"}, "invalid_value", "size"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_not_billed(
    shared_simulator: OpenAISimulator, body: dict[str, Any], code: str, param: str
) -> None:
    before = len(shared_simulator.billed)
    answer = post(shared_simulator, "/images/generations", {"model": MODEL, "prompt": "mug"} | body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert len(shared_simulator.billed) == before


@pytest.mark.parametrize("size", ["1024x640", "3840x2160", "1280x3840", "1008x1008", "auto"])
def test_sizes_that_later_models_take(shared_simulator: OpenAISimulator, size: str) -> None:
    answer = post(
        shared_simulator,
        "/images/generations",
        {"model": "gpt-image-2.6-sunburst", "prompt": "mug", "size": size},
    )
    assert answer.status_code == 200, answer.text


def test_finer_qualities_cost_more(client: openai.OpenAI) -> None:
    tokens = [
        generate(client, model="gpt-image-2.5-flare", quality=quality).usage.output_tokens
        for quality in ("low", "medium", "high", "xhigh", "max")
    ]
    assert tokens == sorted(set(tokens))


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-2", "dall-e-3", "gpt-image-9"])
def test_models_that_are_gone(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        generate(client, model=model)
    assert caught.value.code == "model_not_found"


def test_a_model_goes_on_its_shutdown_date(client: openai.OpenAI, clock: Clock) -> None:
    generate(client, model="gpt-image-1.5")
    clock.now += 10 * 86_400
    with pytest.raises(openai.NotFoundError):
        generate(client, model="gpt-image-1.5")
    assert "gpt-image-1.5" not in {model.id for model in client.models.list()}


def test_models_carry_their_shutdown_date(client: openai.OpenAI) -> None:
    models = client.models.list()
    assert_described(models.model_dump(), "ListModelsResponse")
    dates = {model.id: model.shutdown_date for model in models}
    assert dates["gpt-image-1.5"] == "2026-12-01"
    assert dates["gpt-image-2.6-flare"] is None
    assert client.models.retrieve("gpt-image-2").id == "gpt-image-2"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-image-1")


@pytest.mark.parametrize("number", [1, 2])
def test_edits_with_the_vendors_multipart(
    client: openai.OpenAI, simulator: OpenAISimulator, number: int
) -> None:
    images: Any = [("a.png", picture()), ("b.jpg", picture(kind="JPEG"))][:number]
    answer = client.images.edit(image=images[0] if number == 1 else images, prompt="mug", model=MODEL, n=2)
    assert answer.data is not None
    assert len(answer.data) == 2
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.image_tokens == 400 * number
    assert len(simulator.billed) == 2


def test_an_edit_may_have_a_mask(client: openai.OpenAI) -> None:
    mask = ("mask.png", picture(mode="RGBA"))
    client.images.edit(image=("a.png", picture()), mask=mask, prompt="mug", model=MODEL)
    with pytest.raises(openai.BadRequestError, match="mask"):
        client.images.edit(image=("a.png", picture(64)), mask=mask, prompt="mug", model=MODEL)


def test_edits_refuse_what_is_no_picture_and_too_many(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(image=("a.png", b"no picture"), prompt="mug", model=MODEL)
    assert (caught.value.code, caught.value.type) == ("invalid_image_file", "image_generation_user_error")
    with pytest.raises(openai.BadRequestError, match="Unsupported image format"):
        client.images.edit(image=("a.gif", picture(kind="GIF")), prompt="mug", model=MODEL)
    with pytest.raises(openai.BadRequestError, match="1 to 16"):
        client.images.edit(image=[(f"{n}.png", picture()) for n in range(17)], prompt="mug", model=MODEL)


def test_edits_in_json_by_file_by_address_and_by_data(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    file = client.files.create(file=("ref.png", picture()), purpose="vision")
    data = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    images = [{"file_id": file.id}, {"image_url": data}, {"image_url": "https://shop.example/mug.png"}]
    answer = post(simulator, "/images/edits", {"model": MODEL, "prompt": "mug", "images": images})
    assert answer.status_code == 200, answer.text
    assert_described(answer.json(), "ImagesResponse")
    assert answer.json()["usage"]["input_tokens_details"]["image_tokens"] == 1_200


@pytest.mark.parametrize(
    ("images", "status"),
    [
        (None, 400),
        ([], 400),
        ([{}], 400),
        ([{"image_url": "https://a.example/a.png", "file_id": "file-1"}], 400),
        ([{"file_id": "file-nobody"}], 404),
        ([{"image_url": "http://a.example/a.png"}], 400),
        ([{"image_url": "https://localhost/a.png"}], 400),
        ([{"image_url": "data:image/png;base64,####"}], 400),
        ([{"image_url": "data:image/png;base64,aGVsbG8="}], 400),
        ([{"image_url": "https://a.example/a.png"}] * 17, 400),
    ],
)
def test_references_in_json_that_are_refused(
    shared_simulator: OpenAISimulator, images: Any, status: int
) -> None:
    answer = post(shared_simulator, "/images/edits", {"model": MODEL, "prompt": "mug", "images": images})
    assert answer.status_code == status, answer.text


def test_a_file_for_an_edit_needs_a_purpose_for_pictures(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    file = client.files.create(file=("ref.png", picture()), purpose="assistants")
    answer = post(simulator, "/images/edits", {"prompt": "mug", "images": [{"file_id": file.id}]})
    assert answer.status_code == 400
    assert "purpose" in answer.json()["error"]["message"]


def test_errors_arrive_as_the_vendors_own_exceptions(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    with (
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-real-by-mistake", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"
    assert "mistake" not in refused.value.message
    simulator.faults.auth = True
    with pytest.raises(openai.AuthenticationError):
        generate(client)


@pytest.mark.parametrize("authorization", [None, "Basic abc", "Bearer"])
def test_without_a_key_nothing_is_answered(
    shared_simulator: OpenAISimulator, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = httpx.get(f"{shared_simulator.base_url}/models", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_an_address_that_is_none_and_a_body_that_is_none(simulator: OpenAISimulator) -> None:
    answer = post(simulator, "/images/variations", {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "Invalid URL (POST /v1/images/variations)",
    )
    headers = {"authorization": f"Bearer {simulator.key}"}
    broken = httpx.post(f"{simulator.base_url}/images/generations", content=b"{", headers=headers)
    assert broken.status_code == 400
    headers["content-type"] = "multipart/form-data"
    assert httpx.post(f"{simulator.base_url}/images/edits", content=b"x", headers=headers).status_code == 400


@pytest.mark.parametrize(("word", "stage"), [("moderated", "input"), ("gore", "output")])
def test_words_that_moderation_refuses_every_time(
    client: openai.OpenAI, simulator: OpenAISimulator, word: str, stage: str
) -> None:
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as caught:
            generate(client, f"a mug, {word}")
        assert (caught.value.code, caught.value.type) == ("moderation_blocked", "image_generation_user_error")
        body: Any = caught.value.body
        assert body["moderation_details"]["moderation_stage"] == stage
    assert simulator.billed == []


def test_flaky_and_timeout_prompts_work_the_second_time(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        generate(client, "mug [flaky]")
    assert caught.value.code == "server_error"
    generate(client, "mug [flaky]")
    with pytest.raises(openai.APIStatusError) as late:
        generate(client, "mug [timeout]")
    assert (late.value.status_code, late.value.code) == (408, "request_timeout")
    generate(client, "mug [timeout]")


def test_down_prompts_never_work(client: openai.OpenAI) -> None:
    for _ in range(3):
        with pytest.raises(openai.InternalServerError):
            generate(client, "mug [down]")


def test_the_refusal_dial_keeps_refusing_the_same_prompts(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    simulator.faults.refusal_rate = 0.5

    def refused() -> set[int]:
        found = set()
        for number in range(20):
            try:
                generate(client, f"mug {number}")
            except openai.BadRequestError:
                found.add(number)
        return found

    first = refused()
    assert 3 <= len(first) <= 17
    assert refused() == first


def test_the_error_dial_passes(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    simulator.faults.error_rate = 0.5
    statuses = set()
    for _ in range(30):
        try:
            generate(client)
        except openai.APIStatusError as error:
            statuses.add(error.status_code)
    assert statuses == {429, 500, 503}
    assert 5 <= len(simulator.billed) <= 25


def test_a_rate_limit_says_how_long_to_wait_and_the_client_obeys(simulator: OpenAISimulator) -> None:
    simulator.faults.rate_limit_rate = 1
    simulator.faults.retry_after = 0.05
    with (
        openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=1) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        generate(client)
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
    assert caught.value.response.headers["retry-after-ms"] == "50"
    assert caught.value.response.headers["retry-after"] == "1"
    assert len(simulator.requests) == 2


def test_a_pace_is_kept_by_the_minute(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.requests_per_minute = 2
    generate(client)
    clock.now += 20
    generate(client)
    with pytest.raises(openai.RateLimitError) as caught:
        generate(client)
    assert caught.value.response.headers["retry-after"] == "40"
    clock.now += 40
    generate(client)


def test_an_empty_account_is_told_apart_from_a_rate_limit(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    simulator.faults.quota = True
    with pytest.raises(openai.RateLimitError) as caught:
        generate(client)
    assert (caught.value.type, caught.value.code) == ("insufficient_quota", "credit_balance_exhausted")
    assert "retry-after" not in caught.value.response.headers


def test_a_lost_reply_is_billed_once_and_never_seen(
    client: openai.OpenAI, simulator: OpenAISimulator
) -> None:
    simulator.faults.lost_reply_live = 1
    with pytest.raises(openai.APIConnectionError):
        generate(client)
    assert len(simulator.billed) == 1
    generate(client)
    assert len(simulator.billed) == 2


def test_latency_does_not_hold_up_others(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    simulator.faults.latency = 0.3
    simulator.faults.latency_jitter = 0.1
    begun = time.monotonic()
    generate(client)
    assert time.monotonic() - begun >= 0.3
    simulator.faults.latency = 30
    with httpx.Client(
        base_url=simulator.base_url, headers={"authorization": f"Bearer {simulator.key}"}
    ) as other:
        with pytest.raises(httpx.ReadTimeout):
            other.post("/images/generations", json={"prompt": "mug"}, timeout=0.1)
        begun = time.monotonic()
        client.models.list()
    assert time.monotonic() - begun < 1
