"""fal over the wire: states, addresses, costs, cancelling, the look-up, uploads, against the simulator."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fal_types import PLATFORM, TYPES, assert_typed
from jsonschema import Draft202012Validator
from meddler import Answer, Asked, Meddler
from PIL import Image

from providers import fal_requests as requests
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
    NoLookup,
    Outgoing,
    Phase,
    Reference,
    Size,
    TellOperator,
)
from providers.catalogue import load
from providers.fal import LOOKUP_SLACK, START_WITHIN, Fal
from providers.fal_uploads import REUSED_FOR
from providers.simulators.fal import FalSimulator

K, B = FailureKind, Billed
MODELS = load()["fal"]
PRO = "fal-ai/flux-2-pro"


def request(model: str = PRO, **change: Any) -> ImageRequest:
    size = MODELS[model].default_size
    return ImageRequest(**{"key": "k1", "model": model, "prompt": "a fox", "size": size, **change})


# --- over the wire ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor() -> Iterator[FalSimulator]:
    with FalSimulator(faults=["picture_px=48"]) as running:
        yield running


@pytest.fixture
def make(vendor: FalSimulator, clock: Clock) -> Iterator[Callable[..., Fal]]:
    made: list[Fal] = []

    def build(base_url: str = "", key: str = "") -> Fal:
        fal = Fal(MODELS, api_key=key or vendor.key, base_url=base_url or vendor.base_url, clock=clock)
        made.append(fal)
        return fal

    yield build
    for fal in made:
        fal.close()


@pytest.fixture
def fal(make: Callable[..., Fal]) -> Fal:
    return make()


def outgoing(
    fal: Fal, prompt: str = "a fox", tag: str = "sub-1", model: str = PRO, **change: Any
) -> Outgoing:
    line = fal.encode(request(model, prompt=prompt, **change), Lane.LIVE)
    payload = line.line + b"\n"
    return Outgoing(tag, model, Lane.LIVE, line.group, 1, len(payload), lambda: io.BytesIO(payload))


def sent(fal: Fal, *args: Any, **kwargs: Any) -> Handle:
    handle = fal.submit(outgoing(fal, *args, **kwargs))
    assert isinstance(handle, Handle)
    return handle


def finished(fal: Fal, handle: Handle) -> Any:
    for _ in range(400):
        progress = fal.poll(handle)
        if progress.phase is Phase.ENDED:
            return progress
        time.sleep(0.01)
    raise AssertionError("it did not end")


def outcome(fal: Fal, handle: Handle) -> Made | Failure:
    finished(fal, handle)
    (result,) = fal.results(handle)
    assert result.key == "k1"
    return result.outcome


def test_waiting_running_and_over_are_told_apart(fal: Fal, vendor: FalSimulator) -> None:
    vendor.faults.latency = 30
    handles = [sent(fal, tag=f"t{n}") for n in range(3)]
    assert [fal.poll(h).phase for h in handles] == [Phase.RUNNING, Phase.RUNNING, Phase.WAITING]
    with pytest.raises(AskAgain, match="not finished"):
        list(fal.results(handles[0]))


def test_the_queue_takes_any_number_and_refuses_none(fal: Fal, vendor: FalSimulator) -> None:
    vendor.faults.latency = 0.01
    handles = [sent(fal, prompt=f"fox {n}", tag=f"t{n}") for n in range(20)]
    assert all(isinstance(outcome(fal, handle), Made) for handle in handles)
    assert len(vendor.billed) == 20


def test_the_servers_addresses_are_used_as_they_are(make: Callable[..., Fal]) -> None:
    asked: list[tuple[str, str]] = []

    def answer(seen: Asked) -> Answer:
        asked.append((seen.method, seen.path))
        if seen.method == "POST":
            named = {name: f"{server.url}/odd/{name}?x=1&y=%2F" for name in
                     ("status_url", "response_url", "cancel_url")}  # fmt: skip
            return Answer(200, json.dumps({"request_id": "r1", **named}).encode())
        return Answer(200, b'{"status": "COMPLETED", "logs": null}')

    with Meddler(answer) as server:
        fal = make(server.url)
        handle = sent(fal)
        fal.poll(handle)
        list(fal.results(handle))
        fal.cancel(handle)
    assert asked[1:] == [
        ("GET", "/odd/status_url?x=1&y=%2F"),
        ("GET", "/odd/response_url?x=1&y=%2F"),
        ("PUT", "/odd/cancel_url?x=1&y=%2F"),
    ]


def test_a_strangers_address_gets_neither_key_nor_call(make: Callable[..., Fal]) -> None:
    with Meddler(lambda _: Answer(200, b"{}")) as thief:

        def answer(seen: Asked) -> Answer:
            if seen.method == "POST":
                evil = {name: f"{thief.url}/{name}" for name in ("status_url", "response_url", "cancel_url")}
                return Answer(200, json.dumps({"request_id": "r1", **evil}).encode())
            return Answer(200, b'{"status": "IN_QUEUE", "queue_position": 0}')

        with Meddler(answer) as server:
            fal = make(server.url)
            assert fal.poll(sent(fal)).phase is Phase.WAITING
            kept = Handle("r1", {"model": PRO, "status_url": f"{thief.url}/status"})
            assert fal.poll(kept).phase is Phase.WAITING
            assert server.requests[-1].path == "/fal-ai/flux-2-pro/requests/r1/status"
        assert thief.requests == []


def test_pictures_are_fetched_without_the_key(make: Callable[..., Fal]) -> None:
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    with Meddler(lambda _: Answer(200, png.getvalue())) as server:
        assert make(server.url).fetch(f"{server.url}/files/x.png") == png.getvalue()
        assert "authorization" not in server.requests[0].headers


def test_what_is_asked_of_the_queue_is_said_in_headers(make: Callable[..., Fal]) -> None:
    with Meddler(lambda _: Answer(200, b'{"request_id": "r1"}')) as server:
        sent(make(server.url))
        headers = server.requests[0].headers
    assert headers["x-fal-request-timeout"] == str(int(START_WITHIN.total_seconds()))
    assert json.loads(headers["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": 604800}
    assert headers["authorization"].startswith("Key ")


def test_costs_are_the_vendors_units_at_the_accounts_price(fal: Fal, vendor: FalSimulator) -> None:
    made = outcome(fal, sent(fal, size=Size(2048, 2048)))
    assert isinstance(made, Made)
    assert made.cost_usd == Decimal("0.075") == vendor.billed[0].price
    asked = [seen for seen in vendor.requests if seen.path == "/v1/models/pricing"]
    outcome(fal, sent(fal, tag="sub-2"))
    assert [seen for seen in vendor.requests if seen.path == "/v1/models/pricing"] == asked, "asked once"


def test_a_price_that_is_not_told_leaves_the_cost_open(
    make: Callable[..., Fal], vendor: FalSimulator
) -> None:
    def no_prices(seen: Asked) -> Answer | None:
        return Answer(503, b"{}") if "pricing" in seen.path else None

    with Meddler(no_prices, vendor.base_url) as server:
        fal = make(server.url)
        for tag in ("a", "b"):
            made = outcome(fal, sent(fal, tag=tag))
            assert isinstance(made, Made)
            assert made.cost_usd is None
        assert sum("pricing" in seen.path for seen in server.requests) == 1


def test_a_black_picture_is_refused_and_paid(fal: Fal) -> None:
    refused = outcome(fal, sent(fal, prompt="gore", model="fal-ai/flux-pro/v1.1"))
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.billed, refused.cost_usd) == (K.CONTENT_POLICY, B.YES, Decimal("0.04"))


def test_a_result_that_cannot_be_read_now_is_read_later(fal: Fal, vendor: FalSimulator) -> None:
    handle = sent(fal)
    finished(fal, handle)
    vendor.faults.turn("result_error", 1)
    with pytest.raises(AskAgain):
        list(fal.results(handle))
    assert isinstance(outcome(fal, handle), Made)


def test_a_cancelled_request_says_so(fal: Fal, vendor: FalSimulator) -> None:
    vendor.faults.latency = 30
    handles = [sent(fal, tag=f"t{n}") for n in range(3)]
    for handle in handles:
        fal.cancel(handle)
        progress = fal.poll(handle)
        assert (progress.phase, progress.unanswered) == (Phase.ENDED, K.CANCELLED)
        failed = outcome(fal, handle)
        assert isinstance(failed, Failure)
        assert (failed.kind, failed.billed) == (K.CANCELLED, B.NO)
    assert vendor.billed == []


def test_what_runs_may_finish_in_spite_of_a_cancel(fal: Fal, vendor: FalSimulator) -> None:
    vendor.faults.turn("cancel_stops_running", "off")
    vendor.faults.latency = 0.1
    handle = sent(fal)
    fal.cancel(handle)
    assert isinstance(outcome(fal, handle), Made)


def test_results_and_pictures_end_with_their_time(clock: Clock) -> None:
    time_there = [clock.now.timestamp()]
    with FalSimulator(faults=["picture_px=48"], clock=lambda: time_there[0]) as vendor:
        fal = Fal(MODELS, api_key=vendor.key, base_url=vendor.base_url, clock=clock)
        handle = sent(fal)
        made = outcome(fal, handle)
        assert isinstance(made, Made)
        locator = made.pictures[0].locator or ""
        assert fal.fetch(locator)
        time_there[0] += 7 * 86_400 + 1
        with pytest.raises(Gone):
            fal.fetch(locator)
        time_there[0] += 24 * 86_400
        with pytest.raises(Gone):
            fal.poll(handle)
        with pytest.raises(Gone):
            list(fal.results(handle))
        fal.close()


def test_an_empty_account_and_a_wrong_key_are_for_the_operator(
    make: Callable[..., Fal], vendor: FalSimulator
) -> None:
    stranger = make(key="other:secret-123456")
    for call in (lambda: sent(stranger), stranger.check):
        with pytest.raises(TellOperator) as wrong:
            call()
        assert wrong.value.kind is K.AUTH
    vendor.faults.quota = True
    with pytest.raises(TellOperator) as locked:
        sent(make())
    assert locked.value.kind is K.QUOTA


def test_a_model_fal_does_not_know_is_an_answer_about_the_item(vendor: FalSimulator, clock: Clock) -> None:
    models = {**MODELS, "fal-ai/new": MODELS["fal-ai/flux/dev"].model_copy(update={"id": "fal-ai/new"})}
    fal = Fal(models, api_key=vendor.key, base_url=vendor.base_url, clock=clock)
    line = fal.encode(ImageRequest("k1", "fal-ai/new", "fox", Size(1024, 1024)), Lane.LIVE)
    reply = fal.submit(
        Outgoing("t", "fal-ai/new", Lane.LIVE, line.group, 1, 1, lambda: io.BytesIO(line.line + b"\n"))
    )
    assert isinstance(reply, Answered)
    failed = reply.results[0].outcome
    assert isinstance(failed, Failure)
    assert failed.kind is K.MALFORMED_REQUEST
    fal.close()


def test_the_check_says_what_a_unit_costs(fal: Fal) -> None:
    assert fal.check() == "fal answers: fal-ai/flux-2-pro costs 0.03 USD per megapixel"


# --- the look-up --------------------------------------------------------------------------------------


def test_what_started_is_found_and_what_waits_is_not_given_up(
    fal: Fal, vendor: FalSimulator, clock: Clock
) -> None:
    since = clock.now - timedelta(minutes=10)
    vendor.faults.latency = 0.3
    first, second, third = (outgoing(fal, tag=tag) for tag in ("t1", "t2", "t3"))
    handles = [fal.submit(one) for one in (first, second, third)]
    assert fal.find(first, since) == handles[0]
    with pytest.raises(AskAgain) as waiting:
        fal.find(third, since)
    assert waiting.value.retry_after == START_WITHIN + LOOKUP_SLACK - timedelta(minutes=10)
    finished(fal, handles[2])  # type: ignore[arg-type]
    assert fal.find(third, since) == handles[2]


def test_what_never_came_is_known_once_it_could_no_longer_start(fal: Fal, clock: Clock) -> None:
    since = clock.now
    sent(fal, tag="another")
    clock.now += START_WITHIN + LOOKUP_SLACK
    assert fal.find(outgoing(fal, tag="unsent"), since) is None


def test_the_list_is_read_to_its_end(fal: Fal, vendor: FalSimulator, clock: Clock) -> None:
    vendor.faults.turn("concurrency", 300)
    since = clock.now
    first = sent(fal, tag="first")
    finished(fal, first)
    for n in range(120):
        sent(fal, tag=f"t{n}")
    assert fal.find(outgoing(fal, tag="first"), since) == first
    listed = [seen for seen in vendor.requests if seen.path.endswith("by-endpoint")]
    assert len(listed) == 2


def test_a_list_without_inputs_cannot_tell(fal: Fal, vendor: FalSimulator, clock: Clock) -> None:
    vendor.faults.turn("payloads_kept", "off")
    sent(fal, tag="t1")
    with pytest.raises(NoLookup):
        fal.find(outgoing(fal, tag="t1"), clock.now)


def test_a_key_that_may_not_read_the_list_cannot_tell(fal: Fal, vendor: FalSimulator, clock: Clock) -> None:
    vendor.faults.turn("list_forbidden", "on")
    with pytest.raises(NoLookup, match="may not read"):
        fal.find(outgoing(fal), clock.now)


def test_the_seed_is_the_mark_unless_one_was_asked_for(fal: Fal, vendor: FalSimulator) -> None:
    for tag in ("t1", "t2"):
        sent(fal, tag=tag)
    sent(fal, tag="t3", seed=42)
    seeds = [job.body["seed"] for job in vendor._queue.all(vendor.clock())]
    assert seeds == [requests.seed_of("t1"), requests.seed_of("t2"), 42]
    assert len({requests.seed_of(f"t{n}") for n in range(50_000)}) > 49_900


# --- uploads ------------------------------------------------------------------------------------------


def logo(colour: str = "red") -> Reference:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "PNG")
    return Reference(content=file.getvalue())


def test_a_reference_is_uploaded_once_and_named_by_address(
    fal: Fal, vendor: FalSimulator, clock: Clock
) -> None:
    for tag in ("t1", "t2"):
        made = outcome(fal, sent(fal, tag=tag, references=(logo(), logo("blue"))))
        assert isinstance(made, Made), made
    urls = [job.body["image_urls"] for job in vendor._queue.all(vendor.clock())]
    assert urls[0] == urls[1]
    assert all(url.startswith(f"{vendor.url}/files/") for url in urls[0])
    assert sum(seen.method == "PUT" for seen in vendor.requests) == 2
    clock.now += REUSED_FOR
    sent(fal, tag="t3", references=(logo(),))
    assert sum(seen.method == "PUT" for seen in vendor.requests) == 3


def test_an_upload_that_fails_starts_nothing(make: Callable[..., Fal], vendor: FalSimulator) -> None:
    for part, trouble in (("initiate", Answer(503)), ("/storage/put/", Answer(500)),
                          ("initiate", Answer(200, b"{}")), ("initiate", Answer(cut_at=-1))):  # fmt: skip

        def spoil(seen: Asked, part: str = part, trouble: Answer = trouble) -> Answer | None:
            return trouble if part in seen.path else None

        with Meddler(spoil, vendor.base_url) as server:

            def renamed(seen: Asked, server: Meddler = server, spoil: Any = spoil) -> Answer | None:
                """Grants lead back here, as behind a proxy."""
                if spoiled := spoil(seen):
                    return spoiled
                real = server._forward(seen)
                return replace(real, body=real.body.replace(vendor.url.encode(), server.url.encode()))

            server.spoil = renamed
            with pytest.raises(AskAgain):
                sent(make(server.url), references=(logo(),))
    assert vendor.ledger.creates == 0


def test_granted_addresses_get_the_bytes_without_the_key(fal: Fal, vendor: FalSimulator) -> None:
    """The simulator refuses a key there."""
    assert isinstance(outcome(fal, sent(fal, references=(logo(),))), Made)


# --- the simulator against the vendor's own description -----------------------------------------------


def test_the_simulator_answers_in_the_vendors_types(fal: Fal, vendor: FalSimulator) -> None:
    key = {"authorization": f"Key {vendor.key}"}
    with httpx.Client(headers=key, trust_env=False) as client:
        for model in (PRO, "fal-ai/flux/dev"):
            handle = sent(fal, tag=model, model=model)
            finished(fal, handle)
            result = client.get(handle.data["response_url"])
            assert_typed(result.json(), TYPES["endpoints"][model]["output"])
            for image in result.json()["images"]:
                assert_typed(image, TYPES["image"])
        queries = {
            "/models/pricing": {"endpoint_id": PRO},
            "/models/requests/by-endpoint": {"endpoint_id": PRO, "expand": "payloads"},
            "/models/billing-events": {},
        }
        for path, query in queries.items():
            reply = client.get(f"{vendor.url}/v1{path}", params=query)
            assert set(query) <= {p["name"] for p in PLATFORM[path]["parameters"]}
            Draft202012Validator(PLATFORM[path]["200"]).validate(reply.json())


def test_what_the_look_up_asks_is_in_the_vendors_description(
    fal: Fal, make: Callable[..., Fal], clock: Clock
) -> None:
    page = b'{"items": [], "has_more": false, "next_cursor": null}'
    with Meddler(lambda _: Answer(200, page)) as server, pytest.raises(AskAgain):
        make(server.url).find(outgoing(fal), clock.now)
    query = httpx.URL(server.requests[0].path).params
    known = {p["name"]: p["schema"] for p in PLATFORM["/models/requests/by-endpoint"]["parameters"]}
    assert set(query) <= set(known)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", query["start"])
