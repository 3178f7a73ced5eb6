"""The vendor's own client (gRPC, over the bridge) and OpenAI's client talk to the simulated xAI unchanged."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import grpc
import openai
import pytest
import xai_sdk
from openai_account import Clock, picture
from PIL import Image
from xai_bridge import Bridge
from xai_sdk.proto import batch_pb2

from providers.simulators.xai import XAISimulator

NEW, OLD = "grok-imagine-image-2.0", "grok-imagine-image"
SUCCEEDED = batch_pb2.BatchRequestMetadata.State.STATE_SUCCEEDED
DIALS = ("batch_seconds=10", "picture_px=48", "grpc_spelling=on", "creates_per_second=0")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def simulator(clock: Clock) -> Iterator[XAISimulator]:
    with XAISimulator(faults=DIALS, clock=clock) as running:
        yield running


@pytest.fixture(scope="module")
def bridge(simulator: XAISimulator) -> Iterator[Bridge]:
    with Bridge(simulator.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def client(bridge: Bridge, simulator: XAISimulator) -> Iterator[xai_sdk.Client]:
    with xai_sdk.Client(api_key=simulator.key, api_host=bridge.address) as made:
        yield made


@pytest.fixture(scope="module")
def openai_client(simulator: XAISimulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as made:
        yield made


def refused(what: Any, **how: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        what(**how)
    return caught.value


def finished(client: xai_sdk.Client, clock: Clock, batch_id: str) -> Any:
    clock.now += 1
    client.batch.get(batch_id)
    clock.now += 10
    for _ in range(100):
        batch = client.batch.get(batch_id)
        if batch.state.num_requests and not batch.state.num_pending:
            return batch
    raise AssertionError(f"the batch never ended: {batch}")


# --- the vendor's client: pictures now --------------------------------------------------------------------


@pytest.mark.parametrize("image_format", ["url", "base64"])
def test_a_picture_arrives_as_a_link_or_as_bytes(client: xai_sdk.Client, image_format: Any) -> None:
    answer = client.image.sample("a red mug", NEW, image_format=image_format, aspect_ratio="16:9")
    assert Image.open(BytesIO(answer.image)).format == "JPEG"
    assert answer.respect_moderation
    assert answer.model == NEW
    assert answer.cost_usd == pytest.approx(0.06)


def test_many_variations_come_from_one_call(client: xai_sdk.Client, simulator: XAISimulator) -> None:
    calls, bills = len(simulator.requests), len(simulator.billed)
    answers = client.image.sample_batch("a blue mug", OLD, n=3)
    assert len({answer.url for answer in answers}) == 3
    assert answers[0].cost_usd == pytest.approx(0.06), "the cost is that of the whole call"
    assert len(simulator.requests) - calls == 1
    assert len(simulator.billed) - bills == 3


@pytest.mark.parametrize(
    ("how", "dollars"),
    [
        ({"quality": "low"}, "0.04"),
        ({"quality": "medium", "resolution": "2k"}, "0.08"),
        ({"quality": "low", "resolution": "2k", "aspect_ratio": "9:19.5"}, "0.06"),
        ({"aspect_ratio": "20:9", "user": "somebody"}, "0.06"),
    ],
)
def test_every_choice_the_client_offers_is_understood(
    client: xai_sdk.Client, simulator: XAISimulator, how: dict[str, Any], dollars: str
) -> None:
    client.image.sample("a mug", NEW, **how)
    assert simulator.billed[-1].price == Decimal(dollars)


def test_pictures_can_be_edited(client: xai_sdk.Client, simulator: XAISimulator) -> None:
    data = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    client.image.sample("in blue", NEW, image_url=data)
    assert simulator.billed[-1].price == Decimal("0.07")
    file = client.files.upload(picture(), filename="mug.png")
    client.image.sample("both", NEW, image_urls=[data, data], image_file_ids=[file.id])
    assert simulator.billed[-1].price == Decimal("0.09")
    assert refused(client.image.sample, prompt="x", model=OLD, image_urls=[data] * 4).code() is (
        grpc.StatusCode.INVALID_ARGUMENT
    )


def test_an_old_name_is_answered_by_the_new_model(client: xai_sdk.Client) -> None:
    answer = client.image.sample("a mug", "grok-imagine-image-quality")
    assert answer.model == NEW
    assert answer.cost_usd == pytest.approx(0.04)


def test_moderation_costs_money_in_both_its_forms(client: xai_sdk.Client, simulator: XAISimulator) -> None:
    bills = len(simulator.billed)
    error = refused(client.image.sample, prompt="moderated", model=NEW)
    assert (error.code(), error.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Generated image rejected by content moderation.",
    )
    held_back = client.image.sample("gore", NEW)
    assert not held_back.respect_moderation
    with pytest.raises(ValueError, match="did not respect moderation"):
        _ = held_back.url
    assert len(simulator.billed) - bills == 2


def test_errors_have_the_codes_the_client_knows(client: xai_sdk.Client, bridge: Bridge) -> None:
    assert refused(client.image.sample, prompt="a", model="grok-2-image").code() is grpc.StatusCode.NOT_FOUND
    assert refused(client.image.sample, prompt="[down] a", model=NEW).code() is grpc.StatusCode.INTERNAL
    assert refused(client.image.sample, prompt="[timeout] a", model=NEW).code() is (
        grpc.StatusCode.DEADLINE_EXCEEDED
    )
    with xai_sdk.Client(api_key="xai-real-by-mistake", api_host=bridge.address) as bad:
        error = refused(bad.image.sample, prompt="a", model=NEW)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Incorrect API key" in str(error.details())


def test_an_empty_account_is_a_refused_permission(client: xai_sdk.Client, simulator: XAISimulator) -> None:
    simulator.faults.quota = True
    try:
        error = refused(client.image.sample, prompt="a", model=NEW)
    finally:
        simulator.faults.quota = False
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "credits" in str(error.details())


def test_models_are_listed_with_their_other_names(client: xai_sdk.Client) -> None:
    models = {model.name: model for model in client.models.list_image_generation_models()}
    assert set(models) == {NEW, OLD}
    assert "grok-imagine-image-quality" in models[NEW].aliases
    assert client.models.get_image_generation_model("grok-imagine-image-pro").name == NEW


# --- the vendor's client: batches -------------------------------------------------------------------------


def test_a_batch_of_added_requests_runs_and_is_read_in_pages(
    client: xai_sdk.Client, simulator: XAISimulator, clock: Clock
) -> None:
    batch = client.batch.create("job 17")
    assert (batch.name, batch.state.num_requests) == ("job 17", 0)
    data = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    wanted = [client.image.prepare(f"mug {n}", NEW, batch_request_id=f"item-{n}") for n in range(4)]
    wanted.append(client.image.prepare("in blue", NEW, batch_request_id="item-4", image_url=data))
    wanted.append(client.image.prepare("moderated mug", NEW, batch_request_id="item-5"))
    client.batch.add(batch.batch_id, wanted)
    client.batch.add(batch.batch_id, [client.image.prepare("[down]", OLD)])
    done = finished(client, clock, batch.batch_id)
    assert (done.state.num_success, done.state.num_error) == (5, 2)
    assert done.expire_time.ToSeconds() - done.create_time.ToSeconds() == 30 * 86_400
    total = sum(image.price for image in simulator.billed if image.batch_id == batch.batch_id)
    assert Decimal(done.cost_breakdown.total_cost_usd_ticks) / 10**10 == total

    first = client.batch.list_batch_results(batch.batch_id, limit=5)
    second = client.batch.list_batch_results(batch.batch_id, limit=5, pagination_token=first.pagination_token)
    assert second.pagination_token is None
    results = {one.batch_request_id: one for one in (*first.results, *second.results)}
    assert len(results) == 7
    assert list(results) == sorted(results), "by their ids, not as they were sent"
    assert results["item-0"].image_response.url.startswith(simulator.url)
    assert results["item-4"].image_response.cost_usd == pytest.approx(0.07)
    assert results["item-5"].error_message == "Generated image rejected by content moderation."
    states = client.batch.list_batch_requests(batch.batch_id).batch_request_metadata
    assert sum(one.state == SUCCEEDED for one in states) == 5
    assert sum(one.batch_request_id.startswith("batch_request_") for one in states) == 1


def test_a_batch_from_a_file_is_sealed(client: xai_sdk.Client, clock: Clock) -> None:
    lines = [
        {
            "custom_id": f"item-{n}",
            "method": "POST",
            "url": "/v1/images/generations",
            "body": {"model": NEW, "prompt": f"mug {n}"},
        }
        for n in range(3)
    ]
    payload = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    file = client.files.upload(payload, filename="in.jsonl", expires_after=3_600)
    assert file.expires_at.ToSeconds() - file.created_at.ToSeconds() == 3_600
    batch = client.batch.create("from a file", input_file_id=file.id)
    assert batch.input_file_id == file.id
    assert batch.state.num_requests == 0, "the file is being read"
    error = refused(
        client.batch.add, batch_id=batch.batch_id, batch_requests=[client.image.prepare("late", NEW)]
    )
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert finished(client, clock, batch.batch_id).state.num_success == 3
    listed = client.batch.list(limit=1)
    assert listed.batches[0].batch_id == batch.batch_id
    assert listed.pagination_token


def test_one_wrong_line_cancels_the_whole_batch(client: xai_sdk.Client, clock: Clock) -> None:
    file = client.files.upload(b'{"custom_id": "a"\n', filename="in.jsonl")
    batch = client.batch.create("wrong", input_file_id=file.id)
    clock.now += 1
    batch = client.batch.get(batch.batch_id)
    assert batch.cancel_by_xai_message.startswith("JSONL file validation failed: line 1: invalid JSON")
    assert batch.HasField("cancel_time")
    assert batch.state.num_requests == 0


def test_a_cancelled_batch_says_so_line_by_line(client: xai_sdk.Client) -> None:
    batch = client.batch.create("stop it")
    client.batch.add(batch.batch_id, [client.image.prepare(f"mug {n}", NEW) for n in range(3)])
    stopped = client.batch.cancel(batch.batch_id)
    assert stopped.HasField("cancel_time")
    assert (stopped.state.num_cancelled, stopped.state.num_pending) == (3, 0)
    results = client.batch.list_batch_results(batch.batch_id)
    assert {one.error_message for one in results.failed} == {"Batch cancelled"}
    error = refused(
        client.batch.add, batch_id=batch.batch_id, batch_requests=[client.image.prepare("late", NEW)]
    )
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    client.batch.cancel(batch.batch_id)


def test_files_are_kept_listed_read_and_deleted(client: xai_sdk.Client) -> None:
    file = client.files.upload(b"hello", filename="hello.txt")
    assert not file.HasField("expires_at")
    assert client.files.get(file.id).size == 5
    assert file.id in {one.id for one in client.files.list(limit=1_000).data}
    assert client.files.content(file.id) == b"hello"
    assert client.files.delete(file.id).deleted
    assert refused(client.files.get, file_id=file.id).code() is grpc.StatusCode.NOT_FOUND


# --- OpenAI's client --------------------------------------------------------------------------------------


def test_openais_client_generates(openai_client: openai.OpenAI) -> None:
    answer = openai_client.images.generate(
        model=NEW,
        prompt="a mug",
        n=2,
        response_format="b64_json",
        extra_body={"aspect_ratio": "3:2", "resolution": "1k", "quality": "low"},
    )
    assert answer.data is not None
    assert len(answer.data) == 2
    content = base64.b64decode(answer.data[0].b64_json or "")
    assert Image.open(BytesIO(content)).format == "JPEG"
    assert answer.model_dump()["usage"]["cost_in_usd_ticks"] == 800_000_000


def test_openais_client_meets_the_vendors_refusals(
    openai_client: openai.OpenAI, simulator: XAISimulator
) -> None:
    with pytest.raises(openai.BadRequestError) as wrong:
        openai_client.images.generate(model=NEW, prompt="a mug", size="1024x1024")
    assert wrong.value.response.json()["error"] == "Argument not supported: size"
    with pytest.raises(openai.NotFoundError):
        openai_client.images.generate(model="grok-2-image", prompt="a mug")
    with pytest.raises(openai.BadRequestError) as blocked:
        openai_client.images.generate(model=NEW, prompt="moderated")
    assert blocked.value.response.json() == {
        "code": "imagine:content-moderated",
        "error": "Generated image rejected by content moderation.",
        "usage": {"cost_in_usd_ticks": 600_000_000},
    }
    with (
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-of-another", max_retries=0) as stranger,
        pytest.raises(openai.BadRequestError) as unknown,
    ):
        stranger.images.generate(model=NEW, prompt="a mug")
    assert "Incorrect API key" in unknown.value.response.json()["error"]


def test_openais_way_to_edit_is_not_the_vendors(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        openai_client.images.edit(image=("a.png", picture()), prompt="a mug", model=NEW)
    assert caught.value.status_code == 415
