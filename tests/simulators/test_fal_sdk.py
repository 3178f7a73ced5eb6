"""fal's own Python client, unchanged, talks to the simulator; its four fixed addresses are pointed there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fal_client
import httpx
import pytest
from fal_client.client import FalClientHTTPError
from PIL import Image

from providers.fal_webhooks import FalHooks
from providers.simulators.fal import FalSimulator

ENDPOINT = "fal-ai/flux-2-pro"
SQUARE = {"width": 1024, "height": 1024}


@pytest.fixture(scope="module")
def vendor() -> Iterator[FalSimulator]:
    with FalSimulator(faults=["concurrency=4", "latency=0.05", "picture_px=48"]) as running:
        yield running


@pytest.fixture(autouse=True)
def _its_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The vendor's client closes none of its connections, and leaves that to the end of the process."""
    opened: list[httpx.Client] = []
    make = httpx.Client.__init__

    def note(self: httpx.Client, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        opened.append(self)

    monkeypatch.setattr(httpx.Client, "__init__", note)
    yield
    for client in opened:
        client.close()


@pytest.fixture
def client(vendor: FalSimulator, monkeypatch: pytest.MonkeyPatch) -> fal_client.SyncClient:
    """The addresses are constants of its module, https alone; nothing else is touched."""
    for name in ("QUEUE_URL_FORMAT", "RUN_URL_FORMAT"):
        monkeypatch.setattr(fal_client.client, name, f"{vendor.url}/")
    for name in ("REST_URL", "CDN_URL"):
        monkeypatch.setattr(fal_client.client, name, vendor.url)
    return fal_client.SyncClient(key=vendor.key)


def ask(prompt: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "image_size": SQUARE, "output_format": "png", **more}


def test_a_request_goes_through_its_states_to_a_picture(
    client: fal_client.SyncClient, vendor: FalSimulator
) -> None:
    handle = client.submit(ENDPOINT, ask("a red mug", seed=7))
    assert handle.response_url == f"{vendor.url}/fal-ai/flux-2-pro/requests/{handle.request_id}"
    states = [type(state) for state in handle.iter_events(with_logs=True, interval=0.02)]
    assert states[-1] is fal_client.Completed
    assert set(states) <= {fal_client.Queued, fal_client.InProgress, fal_client.Completed}
    answer = handle.get()
    assert answer["seed"] == 7
    picture = httpx.get(answer["images"][0]["url"], trust_env=False)
    assert Image.open(BytesIO(picture.content)).size == (48, 48)
    (bill,) = [bill for bill in vendor.billed if bill.batch_id == handle.request_id]
    assert str(bill.price) == "0.030"


def test_many_subscribers_at_once_wait_for_their_turn(client: fal_client.SyncClient) -> None:
    async def all_of_them() -> list[Any]:
        made = fal_client.AsyncClient(key=client.key)
        wanted = [made.subscribe("fal-ai/flux/dev", arguments=ask(f"mug {n}")) for n in range(8)]
        answers = await asyncio.gather(*wanted)
        await (await made._client).aclose()
        return answers

    answers = asyncio.run(all_of_them())
    assert [answer["prompt"] for answer in answers] == [f"mug {n}" for n in range(8)]
    assert all(answer["has_nsfw_concepts"] == [False] for answer in answers)


@pytest.mark.parametrize(
    ("prompt", "change", "status", "kind"),
    [
        ("moderated", {}, 422, "content_policy_violation"),
        ("[nothing]", {}, 422, "no_media_generated"),
        ("mug", {"image_size": "huge"}, 422, "literal_error"),
        ("mug", {"output_format": "gif"}, 422, "literal_error"),
        ("mug", {"seed": "seven"}, 422, "int_parsing"),
        (None, {}, 422, "missing"),
    ],
)
def test_what_a_model_refuses_is_completed_and_then_an_error(
    client: fal_client.SyncClient, prompt: str | None, change: dict[str, Any], status: int, kind: str
) -> None:
    body = {**ask("x", **change), "prompt": prompt}
    handle = client.submit(ENDPOINT, body)
    with pytest.raises(FalClientHTTPError) as error:
        handle.get(interval=0.02)
    assert error.value.status_code == status
    assert error.value.message[0]["type"] == kind  # type: ignore[index]
    state = handle.status()
    assert isinstance(state, fal_client.Completed)
    assert (state.error, state.error_type) == (f"Invalid status code: {status}", kind)


def test_a_request_error_has_its_type(client: fal_client.SyncClient) -> None:
    with pytest.raises(FalClientHTTPError) as error:
        client.submit(ENDPOINT, ask("mug [down]")).get(interval=0.02)
    assert (error.value.status_code, error.value.error_type) == (500, "internal_server_error")
    assert error.value.response_headers["x-fal-retryable"] == "true"


def test_it_can_be_cancelled_while_it_waits_and_not_afterwards(
    client: fal_client.SyncClient, vendor: FalSimulator
) -> None:
    vendor.faults.latency = 30
    try:
        handles = [client.submit(ENDPOINT, ask(f"slow {n}")) for n in range(6)]
        assert isinstance(handles[5].status(), fal_client.Queued)
        for handle in handles:
            handle.cancel()
        for handle in handles:
            state = handle.status()
            assert isinstance(state, fal_client.Completed)
            assert state.error_type == "client_cancelled"
        with pytest.raises(FalClientHTTPError) as late:
            handles[0].cancel()
        assert late.value.status_code == 400
    finally:
        vendor.faults.latency = 0.05


def test_a_wait_that_is_too_long_ends_with_its_own_error(
    client: fal_client.SyncClient, vendor: FalSimulator
) -> None:
    vendor.faults.latency = 3
    try:
        busy = [client.submit(ENDPOINT, ask(f"busy {n}")) for n in range(4)]
        late = client.submit(ENDPOINT, ask("late"), start_timeout=1.1)
        with pytest.raises(FalClientHTTPError) as error:
            late.get(interval=0.05)
        assert (error.value.status_code, error.value.error_type) == (504, "request_timeout")
        assert error.value.response_headers["x-fal-request-timeout-type"] == "user"
        for handle in busy:
            handle.cancel()
    finally:
        vendor.faults.latency = 0.05


def test_pictures_are_uploaded_and_then_read_by_a_model(client: fal_client.SyncClient) -> None:
    file = BytesIO()
    Image.new("RGB", (32, 32)).save(file, "PNG")
    url = client.upload(file.getvalue(), "image/png", file_name="logo.png")
    kept = httpx.get(url, trust_env=False)
    assert kept.content == file.getvalue()
    answer = client.subscribe(f"{ENDPOINT}/edit", ask("on a mug", image_urls=[url]))
    assert len(answer["images"]) == 1
    with pytest.raises(FalClientHTTPError) as error:
        client.subscribe(f"{ENDPOINT}/edit", ask("on a mug", image_urls=[f"{url}x"]))
    assert error.value.message[0]["type"] == "file_download_error"  # type: ignore[index]


def test_keys_money_and_names_are_looked_at(client: fal_client.SyncClient, vendor: FalSimulator) -> None:
    with pytest.raises(FalClientHTTPError, match="No user found") as wrong:
        fal_client.SyncClient(key="other:key-123456").submit(ENDPOINT, ask("mug"))
    assert wrong.value.status_code == 401
    with pytest.raises(FalClientHTTPError, match="not found") as unknown:
        client.submit("fal-ai/flux-99", ask("mug"))
    assert unknown.value.status_code == 404
    vendor.faults.quota = True
    try:
        with pytest.raises(FalClientHTTPError, match="Exhausted balance") as locked:
            client.submit(ENDPOINT, ask("mug"))
        assert locked.value.status_code == 403
    finally:
        vendor.faults.quota = False


def test_an_address_with_the_whole_endpoint_is_no_address(
    client: fal_client.SyncClient, vendor: FalSimulator
) -> None:
    handle = client.submit("fal-ai/flux-pro/v1.1", ask("mug"))
    assert handle.status_url == f"{vendor.url}/fal-ai/flux-pro/requests/{handle.request_id}/status"
    whole = f"{vendor.url}/fal-ai/flux-pro/v1.1/requests/{handle.request_id}/status"
    key = {"authorization": f"Key {vendor.key}"}
    assert httpx.get(whole, headers=key, trust_env=False).status_code == 405


def test_a_webhook_asked_for_is_signed_and_goes_through_the_tunnel_alone(
    client: fal_client.SyncClient, vendor: FalSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr(vendor, "tunnel", nobody)
    for address in ("https://10.0.0.1/hooks/fal", "http://bot.example.com/hooks/fal"):
        client.submit(ENDPOINT, ask("mug"), webhook_url=address).get()
    wanted = client.submit(ENDPOINT, ask("mug"), webhook_url="https://bot.example.com/hooks/fal")
    wanted.get()
    until = time.monotonic() + 10
    while not vendor.courier.delivered and time.monotonic() < until:
        time.sleep(0.01)
    tried = vendor.courier.delivered[0]
    assert tried.url == f"{nobody}/hooks/fal"
    assert {each.letter.headers["x-fal-webhook-request-id"] for each in vendor.courier.delivered} == {
        wanted.request_id
    }
    said = json.loads(tried.letter.body)
    assert (said["status"], len(said["payload"]["images"])) == ("OK", 1)
    hooks = FalHooks(base_url=vendor.base_url)
    found = hooks.verify(tried.letter.headers, tried.letter.body, datetime.now(UTC))
    assert found.handle_ids == (wanted.request_id,)
    hooks.close()
