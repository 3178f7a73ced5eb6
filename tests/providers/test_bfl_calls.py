"""Black Forest Labs over the wire: states, addresses, costs, limits, pictures that die."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from meddler import Answer, Asked, Meddler
from PIL import Image

from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    Outgoing,
    Phase,
    Reference,
    Size,
    TellOperator,
)
from providers.bfl import SLOT_WAIT, Bfl
from providers.catalogue import load
from providers.simulators.bfl import BflSimulator

K, B = FailureKind, Billed
MODELS = load()["bfl"]
TODAY = date(2026, 11, 23)
SPEC = json.loads((Path(__file__).parent.parent / "data" / "bfl-openapi-cut.json").read_text())
PRO = "flux-2-pro"
PUBLIC = Reference(url="https://example.com/a.png")


def logo(side: int = 16) -> Reference:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, "PNG")
    return Reference(content=file.getvalue())


def described(value: Any, name: str) -> None:
    Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}).validate(
        value
    )


def request(model: str = PRO, **change: Any) -> ImageRequest:
    size = MODELS[model].default_size if model in MODELS else Size(1024, 1024)
    return ImageRequest(**{"key": "k1", "model": model, "prompt": "a fox", "size": size, **change})


# --- over the wire ------------------------------------------------------------------------------------


@pytest.fixture
def vendor() -> Iterator[BflSimulator]:
    with BflSimulator(faults=["picture_px=48"]) as running:
        yield running


@pytest.fixture
def make(vendor: BflSimulator) -> Iterator[Callable[..., Bfl]]:
    made: list[Bfl] = []

    def build(base_url: str = "", key: str = "") -> Bfl:
        bfl = Bfl(
            MODELS,
            api_key=key or vendor.key,
            base_url=base_url or vendor.base_url,
            clock=lambda: datetime.now(UTC),
        )
        made.append(bfl)
        return bfl

    yield build
    for bfl in made:
        bfl.close()


@pytest.fixture
def bfl(make: Callable[..., Bfl]) -> Bfl:
    return make()


def submitted(bfl: Bfl, model: str = PRO, **change: Any) -> Handle | Answered:
    line = bfl.encode(request(model, **change), Lane.LIVE)
    payload = line.line + b"\n"
    return bfl.submit(
        Outgoing("t", model, Lane.LIVE, line.group, 1, len(payload), lambda: io.BytesIO(payload))
    )


def sent(bfl: Bfl, model: str = PRO, **change: Any) -> Handle:
    handle = submitted(bfl, model, **change)
    assert isinstance(handle, Handle)
    return handle


def outcome(bfl: Bfl, handle: Handle) -> Made | Failure:
    for _ in range(400):
        if bfl.poll(handle).phase is Phase.ENDED:
            (result,) = bfl.results(handle)
            assert result.key == "k1"
            return result.outcome
        time.sleep(0.01)
    raise AssertionError("it did not end")


@pytest.mark.parametrize("model", list(MODELS))
def test_every_model_of_the_catalogue_makes_a_picture_at_the_told_cost(
    bfl: Bfl, vendor: BflSimulator, model: str
) -> None:
    made = outcome(bfl, sent(bfl, model))
    assert isinstance(made, Made)
    assert made.pictures[0].content
    assert made.cost_usd == vendor.billed[0].price
    price = MODELS[model].price(Lane.LIVE, MODELS[model].default_size, None)
    assert price is None or made.cost_usd == price.low == price.high


def test_a_vendor_that_became_dearer_says_so(bfl: Bfl, vendor: BflSimulator) -> None:
    usual = outcome(bfl, sent(bfl))
    vendor.faults.turn("price_factor", 1.25)
    dearer = outcome(bfl, sent(bfl))
    assert isinstance(usual, Made)
    assert isinstance(dearer, Made)
    assert usual.cost_usd is not None
    assert dearer.cost_usd == vendor.billed[-1].price == usual.cost_usd * Decimal("1.25")


def test_a_cost_that_is_not_told_is_left_open(bfl: Bfl, vendor: BflSimulator) -> None:
    vendor.faults.turn("untold_cost", "on")
    made = outcome(bfl, sent(bfl))
    assert isinstance(made, Made)
    assert made.cost_usd is None


def test_large_pictures_and_references_cost_by_the_megapixel(bfl: Bfl) -> None:
    made = outcome(bfl, sent(bfl, size=Size(2048, 2048), references=(logo(), PUBLIC)))
    assert isinstance(made, Made)
    assert made.cost_usd == Decimal("0.03") + 5 * Decimal("0.015")


def test_a_running_task_is_asked_again(bfl: Bfl, vendor: BflSimulator) -> None:
    vendor.faults.latency = 30
    for model in (PRO, "flux-3-image"):
        handle = sent(bfl, model)
        assert bfl.poll(handle).phase is Phase.RUNNING
        with pytest.raises(AskAgain, match="not finished"):
            list(bfl.results(handle))


@pytest.mark.parametrize("dial", ["off", "on"])
def test_a_final_state_counts_whatever_the_http_status(bfl: Bfl, vendor: BflSimulator, dial: str) -> None:
    vendor.faults.turn("status_in_error", dial)
    for prompt, kind in (
        ("moderated", K.CONTENT_POLICY),
        ("gore", K.CONTENT_POLICY),
        ("[down]", K.SERVER_ERROR),
    ):
        failed = outcome(bfl, sent(bfl, prompt=prompt))
        assert isinstance(failed, Failure)
        assert failed.kind is kind


def test_another_tasks_state_under_an_error_does_not_count(make: Callable[..., Bfl]) -> None:
    said = Answer(503, json.dumps({"id": "another", "status": "Ready"}).encode())
    with Meddler(lambda _: said) as server, pytest.raises(AskAgain):
        make(server.url).poll(Handle("mine", {}))


def test_results_expire_ten_minutes_after_the_task_ended(bfl: Bfl, vendor: BflSimulator) -> None:
    handle = sent(bfl)
    outcome(bfl, handle)
    expires = bfl.poll(handle).results_expire_at
    assert expires is not None
    assert expires == datetime.fromtimestamp(vendor.billed[0].at, UTC) + timedelta(minutes=10)


def test_a_picture_that_died_was_paid_for(vendor: BflSimulator) -> None:
    now = [time.time()]
    with BflSimulator(faults=["picture_px=48"], clock=lambda: now[0]) as late:
        bfl = Bfl(MODELS, api_key=late.key, base_url=late.base_url, clock=lambda: datetime.now(UTC))
        handle = sent(bfl)
        now[0] += 601
        lost = outcome(bfl, handle)
        assert isinstance(lost, Failure)
        assert (lost.kind, lost.billed, lost.cost_usd) == (K.EXPIRED, B.YES, Decimal("0.03"))
        now[0] += 86_400
        with pytest.raises(Gone):
            bfl.poll(handle)
        bfl.close()


def test_the_twenty_fifth_task_waits_for_a_slot(bfl: Bfl, vendor: BflSimulator) -> None:
    vendor.faults.latency = 30
    for _ in range(24):
        sent(bfl)
    with pytest.raises(AskAgain) as full:
        sent(bfl)
    assert (full.value.kind, full.value.retry_after) == (K.RATE_LIMITED, SLOT_WAIT)


def test_kontext_max_has_fewer_slots(bfl: Bfl, vendor: BflSimulator) -> None:
    vendor.faults.latency = 30
    for _ in range(6):
        sent(bfl, "flux-kontext-max")
    with pytest.raises(AskAgain):
        sent(bfl, "flux-kontext-max")
    sent(bfl)


def test_money_and_keys_are_for_the_operator(make: Callable[..., Bfl], vendor: BflSimulator) -> None:
    stranger = make(key="wrong-key-123456")
    for call in (lambda: sent(stranger), stranger.check, lambda: stranger.poll(Handle("x", {}))):
        with pytest.raises(TellOperator) as wrong:
            call()
        assert wrong.value.kind is K.AUTH
    vendor.faults.turn("credits", 5)
    bfl = make()
    sent(bfl)
    assert bfl.check() == "Black Forest Labs answers: 0.02 USD of credits are left"
    with pytest.raises(TellOperator) as empty:
        sent(bfl)
    assert empty.value.kind is K.QUOTA


def test_a_refused_body_and_a_named_server_error_are_answers(make: Callable[..., Bfl]) -> None:
    for status, kind in ((422, K.MALFORMED_REQUEST), (404, K.MALFORMED_REQUEST), (503, K.SERVER_ERROR)):
        with Meddler(lambda _, status=status: Answer(status, b'{"detail": "no"}')) as server:  # type: ignore[misc]
            reply = submitted(make(server.url))
        assert isinstance(reply, Answered)
        failed = reply.results[0].outcome
        assert isinstance(failed, Failure)
        assert failed.kind is kind


@pytest.mark.parametrize("status", [502, 504, 520, 418])
def test_an_error_of_something_in_between_leaves_it_in_doubt(make: Callable[..., Bfl], status: int) -> None:
    with Meddler(lambda _: Answer(status, b"<html>")) as server, pytest.raises(MaybeAccepted):
        submitted(make(server.url))


def test_the_servers_address_is_used_as_it_is_and_pictures_get_no_key(make: Callable[..., Bfl]) -> None:
    png = logo().content or b""

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            url = f"{server.url}/us9/odd?id=%2Fx&more=1"
            return Answer(200, json.dumps({"id": "i1", "polling_url": url}).encode())
        if asked.path.startswith("/picture"):
            return Answer(200, png)
        sample = {"sample": f"{server.url}/picture?sig=1"}
        return Answer(200, json.dumps({"id": "i1", "status": "Ready", "result": sample}).encode())

    with Meddler(answer) as server:
        made = outcome(make(server.url), sent(make(server.url)))
        assert isinstance(made, Made)
        assert made.pictures[0].content == png
        paths = [asked.path for asked in server.requests]
        assert paths[1] == paths[2] == "/us9/odd?id=%2Fx&more=1"
        keys = ["x-key" in asked.headers for asked in server.requests]
        assert keys == [True, True, True, False]


@pytest.mark.parametrize(
    "reply", [{}, {"polling_url": None}, {"status": "Pending", "webhook_url": "https://x"}]
)
def test_without_an_address_of_theirs_the_configured_one_is_asked(
    make: Callable[..., Bfl], reply: dict[str, Any]
) -> None:
    with Meddler(
        lambda _: Answer(200, json.dumps({"id": "i1", "status": "Pending", **reply}).encode())
    ) as server:
        bfl = make(server.url)
        assert bfl.poll(sent(bfl)).phase is Phase.RUNNING
        assert server.requests[-1].path == "/v1/get_result?id=i1"


def test_a_strangers_address_gets_neither_key_nor_call(make: Callable[..., Bfl]) -> None:
    with Meddler(lambda _: Answer(200, b"{}")) as thief:
        said = {"id": "i1", "status": "Pending", "polling_url": f"{thief.url}/v1/get_result?id=i1"}
        with Meddler(lambda _: Answer(200, json.dumps(said).encode())) as server:
            bfl = make(server.url)
            bfl.poll(sent(bfl))
            bfl.poll(Handle("i1", {"polling_url": f"{thief.url}/v1/get_result?id=i1"}))
            assert [asked.path for asked in server.requests[1:]] == ["/v1/get_result?id=i1"] * 2
        assert thief.requests == []


# --- the simulator against the vendor's own description -----------------------------------------------


def test_the_simulator_answers_as_described(vendor: BflSimulator) -> None:
    with httpx.Client(base_url=vendor.url, headers={"x-key": vendor.key}, trust_env=False) as client:
        for prompt in ("mug", "moderated", "gore", "[down]"):
            accepted = client.post(f"/v1/{PRO}", json={"prompt": prompt}).json()
            described(accepted, "AsyncResponse")
            described(client.get(accepted["polling_url"]).json(), "ResultResponse")
        described(client.get("/v1/get_result?id=x").json(), "ResultResponse")
        described(client.get("/v1/credits").json(), "CreditsResponse")
        hook = {"prompt": "mug", "webhook_url": "https://example.com/hook"}
        described(client.post(f"/v1/{PRO}", json=hook).json(), "AsyncWebhookResponse")
        for model, wrong in (
            (PRO, {"width": 32}),
            (PRO, {"output_format": "gif"}),
            (PRO, {"input_image": "no picture"}),
            (PRO, {"prompt": None}),
            ("flux-pro-1.1", {"width": 1000}),
            ("flux-3-image", {"seed": 1}),
            ("flux-kontext-pro", {"seed": "x"}),
        ):
            refused = client.post(f"/v1/{model}", json={"prompt": "mug", **wrong})
            assert refused.status_code == 422
            described(refused.json(), "HTTPValidationError")
        sample = client.get(client.post(f"/v1/{PRO}", json={"prompt": "x"}).json()["polling_url"])
        unsigned = sample.json()["result"]["sample"].partition("?")[0]
        assert httpx.get(unsigned, trust_env=False).status_code == 403
