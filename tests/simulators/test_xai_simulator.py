"""What the simulated xAI insists on, and what its dials do; in plain REST, as the adapter speaks it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx
import pytest
from openai_account import Clock, picture
from PIL import Image

from providers.simulators import SIMULATORS
from providers.simulators.xai import XAISimulator
from providers.simulators.xai_words import XAIFaults

NEW, OLD = "grok-imagine-image-2.0", "grok-imagine-image"
GENERATIONS = "/v1/images/generations"


@pytest.fixture
def simulator(clock: Clock) -> Iterator[XAISimulator]:
    """Time stands still unless the test moves the clock; pictures are small."""
    with XAISimulator(faults=["picture_px=48", "batch_seconds=10"], clock=clock) as running:
        yield running


class Account:
    """Somebody with a key."""

    def __init__(self, simulator: XAISimulator) -> None:
        self.key = {"authorization": f"Bearer {simulator.key}"}
        self._client = httpx.Client(base_url=simulator.base_url, headers=self.key)

    def __call__(self, method: str, path: str, **how: Any) -> httpx.Response:
        return self._client.request(method, path, **how)

    def ask(self, status: int, method: str, path: str, **how: Any) -> Any:
        answer = self(method, path, **how)
        assert answer.status_code == status, answer.text
        return answer.json()

    def generate(self, status: int = 200, **body: Any) -> Any:
        wish = {"model": NEW, "prompt": "a mug", **body}
        return self.ask(status, "POST", "/images/generations", json=wish)

    def upload(self, payload: bytes) -> str:
        file = self.ask(200, "POST", "/files", files={"file": ("in.jsonl", payload)})
        return str(file["id"])

    def create(self, lines: list[dict[str, Any]] | bytes, name: str = "job") -> str:
        payload = (
            lines if isinstance(lines, bytes) else b"".join(json.dumps(one).encode() + b"\n" for one in lines)
        )
        body = {"name": name, "input_file_id": self.upload(payload)}
        return str(self.ask(200, "POST", "/batches", json=body)["batch_id"])

    def batch(self, batch_id: str) -> Any:
        return self.ask(200, "GET", f"/batches/{batch_id}")

    def results(self, batch_id: str, **query: Any) -> Any:
        return self.ask(200, "GET", f"/batches/{batch_id}/results", params=query)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def account(simulator: XAISimulator) -> Iterator[Account]:
    made = Account(simulator)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """One for a whole module, for tests that only add to it; each start and stop costs 0.1 s."""
    clock = Clock()
    with XAISimulator(faults=["picture_px=48", "creates_per_second=0"], clock=clock) as running:
        account = Account(running)
        yield account, running, clock
        account.close()


Shared = tuple[Account, XAISimulator, Clock]


def line(name: str, prompt: str = "a mug", **body: Any) -> dict[str, Any]:
    wish = {"model": NEW, "prompt": prompt, **body}
    return {"custom_id": name, "method": "POST", "url": GENERATIONS, "body": wish}


def lines(number: int) -> list[dict[str, Any]]:
    return [line(f"item-{n:02}", f"mug {n}") for n in range(number)]


def started(account: Account, clock: Clock, wanted: list[dict[str, Any]]) -> str:
    """A batch whose file has been read."""
    batch_id = account.create(wanted)
    clock.now += 1
    assert account.batch(batch_id)["state"]["num_requests"] == len(wanted)
    return batch_id


def ended(account: Account, clock: Clock, batch_id: str, seconds: float = 10) -> Any:
    clock.now += seconds
    for _ in range(50):
        batch = account.batch(batch_id)
        if not batch["state"]["num_pending"]:
            return batch
    raise AssertionError(f"the batch never ended: {batch}")


def test_it_is_found_by_name_and_has_dials_of_its_own() -> None:
    assert SIMULATORS["xai"] is XAISimulator
    faults = XAIFaults.parse(["url_seconds=2", "cancel_reverts=on", "error_rate=0.5"])
    assert faults == XAIFaults(url_seconds=2, cancel_reverts=True, error_rate=0.5)


# --- calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({}, 401, "No API key"),
        ({"authorization": "Basic abc"}, 401, "No API key"),
        ({"authorization": "Bearer xai-real-by-mistake"}, 400, "Incorrect API key provided"),
    ],
)
def test_a_missing_key_is_a_401_and_a_wrong_one_a_400(
    shared: Shared, headers: dict[str, str], status: int, words: str
) -> None:
    answer = httpx.get(f"{shared[1].base_url}/batches", headers=headers)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "mistake" not in answer.text


def test_each_wrong_way_of_asking_has_its_status(account: Account) -> None:
    assert account("POST", "/images/generations", content=b"{}").status_code == 415
    json_type = {"content-type": "application/json"}
    assert account("POST", "/images/generations", content=b"{", headers=json_type).status_code == 422
    assert account("GET", "/images/generations").status_code == 405
    assert account("POST", "/images/variations").status_code == 404
    assert account("GET", "/batches/batch_nobody").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"size": "1024x1024"}, 400),
        ({"style": "vivid"}, 400),
        ({"seed": 3}, 400),
        ({"model": "grok-2-image"}, 404),
        ({"n": 11}, 400),
        ({"n": "2"}, 422),
        ({"aspect_ratio": "5:7"}, 422),
        ({"resolution": "4k"}, 422),
        ({"resolution": "1.5k"}, 422),
        ({"quality": "high"}, 422),
        ({"quality": "low", "model": OLD}, 400),
        ({"aspect_ratio": "21:9", "model": OLD}, 422),
        ({"prompt": " "}, 400),
        ({"prompt": None}, 422),
        ({"prompt": "x" * 10_001}, 400),
        ({"image": {"url": "https://a.example/a.png"}}, 400),
    ],
)
def test_what_is_not_supported_is_refused_unbilled(shared: Shared, body: dict[str, Any], status: int) -> None:
    account, simulator, _ = shared
    bills = len(simulator.billed)
    account.generate(status, **body)
    assert len(simulator.billed) == bills


@pytest.mark.parametrize(
    ("body", "size", "ticks"),
    [
        ({}, "1024x1024", 600_000_000),
        ({"quality": "low"}, "1024x1024", 400_000_000),
        ({"aspect_ratio": "16:9", "resolution": "2k"}, "2816x1536", 800_000_000),
        ({"aspect_ratio": "21:9", "n": 2}, "1536x672", 1_200_000_000),
        ({"model": OLD, "resolution": "2k"}, "2048x2048", 200_000_000),
        ({"model": "grok-imagine-image-quality"}, "1024x1024", 400_000_000),
        ({"model": "grok-imagine-image-pro", "quality": "medium"}, "1024x1024", 400_000_000),
    ],
)
def test_the_cost_is_told_in_ticks_for_the_whole_call(
    shared: Shared, body: dict[str, Any], size: str, ticks: int
) -> None:
    account, simulator, _ = shared
    bills = len(simulator.billed)
    answer = account.generate(**body)
    assert answer["usage"] == {"cost_in_usd_ticks": ticks}
    assert answer["model"] in (NEW, OLD), "never the old name"
    billed = simulator.billed[bills:]
    assert sum(image.price for image in billed) == Decimal(ticks) / 10**10
    assert {image.size for image in billed} == {size}


def test_a_price_that_rose_is_told_and_billed(account: Account, simulator: XAISimulator) -> None:
    usual = account.generate()["usage"]["cost_in_usd_ticks"]
    simulator.dials.price_factor = 1.25
    dearer = account.generate()["usage"]["cost_in_usd_ticks"]
    assert dearer == usual * 1.25
    assert [bill.price * 10**10 for bill in simulator.billed] == [usual, dearer]


def test_an_edit_keeps_the_shape_of_its_one_source(account: Account, simulator: XAISimulator) -> None:
    simulator.faults.picture_px = 0
    file = BytesIO()
    Image.new("RGB", (64, 32)).save(file, "PNG")
    source = {"url": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"}
    wish = {"model": OLD, "prompt": "in blue", "response_format": "b64_json"}
    answer = account.ask(200, "POST", "/images/edits", json={**wish, "image": source, "aspect_ratio": "1:1"})
    made = Image.open(BytesIO(base64.b64decode(answer["data"][0]["b64_json"])))
    assert made.width / made.height == pytest.approx(2, abs=0.05)
    assert answer["usage"]["cost_in_usd_ticks"] == 220_000_000


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        ({}, 400),
        ({"image": {"url": "https://a.example/a.png"}, "images": []}, 400),
        ({"images": [{"url": "https://a.example/a.png"}] * 5}, 200),
        ({"images": [{"url": "https://a.example/a.png"}] * 6}, 400),
        ({"image": {"url": "http://localhost/a.png"}}, 400),
        ({"image": {"url": "data:image/png;base64,####"}}, 400),
        ({"image": {"url": "data:image/png;base64,aGVsbG8="}}, 400),
        ({"image": {"file_id": "file_nobody"}}, 404),
        ({"image": {"path": "x"}}, 422),
        ({"image": "https://a.example/a.png"}, 422),
    ],
)
def test_sources_of_an_edit(shared: Shared, sources: dict[str, Any], status: int) -> None:
    shared[0].ask(status, "POST", "/images/edits", json={"model": NEW, "prompt": "both", **sources})


def test_links_die_and_need_no_key(account: Account, simulator: XAISimulator, clock: Clock) -> None:
    link = account.generate()["data"][0]["url"]
    assert httpx.get(link).headers["content-type"] == "image/jpeg"
    assert httpx.get(link.replace("Signature=", "Signature=0")).status_code == 404
    simulator.dials.dead_links = 1
    assert [httpx.get(link).status_code for _ in range(2)] == [404, 200]
    clock.now += 3_600
    assert httpx.get(link).status_code == 404


def test_moderation_bills_what_it_refuses(account: Account, simulator: XAISimulator) -> None:
    refused = account.generate(400, prompt="a moderated mug")
    assert refused["code"] == "imagine:content-moderated"
    assert refused["usage"] == {"cost_in_usd_ticks": 600_000_000}
    held_back = account.generate(prompt="gore", n=2)
    assert held_back["data"] == [{"respect_moderation": False}] * 2
    assert len(simulator.billed) == 3


def test_words_and_dials_of_trouble(account: Account, simulator: XAISimulator) -> None:
    account.generate(500, prompt="[flaky] mug")
    account.generate(prompt="[flaky] mug")
    account.generate(504, prompt="[timeout] mug")
    account.generate(500, prompt="[down] mug")
    simulator.faults.rate_limit_rate, simulator.faults.retry_after = 1, 7
    assert account("POST", "/images/generations", json={"model": NEW, "prompt": "a"}).headers[
        "retry-after"
    ] == ("7")
    simulator.faults.rate_limit_rate, simulator.faults.requests_per_minute = 0, 1
    account.generate(429)
    simulator.faults.requests_per_minute, simulator.faults.quota = 0, True
    assert "credits" in account.generate(403)["error"]
    account.ask(403, "POST", "/batches", json={"name": "broke"})
    simulator.faults.quota, simulator.faults.auth = False, True
    assert "Incorrect API key" in account.generate(400)["error"]


def test_a_lost_live_reply_was_billed(account: Account, simulator: XAISimulator) -> None:
    simulator.faults.lost_reply_live = 1
    with pytest.raises(httpx.RemoteProtocolError):
        account.generate()
    assert len(simulator.billed) == 1


# --- files ------------------------------------------------------------------------------------------------


def test_the_life_of_a_file_must_be_told_before_it(account: Account, clock: Clock) -> None:
    file = ("in.jsonl", b"{}\n")
    late = account.ask(400, "POST", "/files", files=[("file", file), ("expires_after", (None, "3600"))])
    assert "before" in late["error"]
    early = account.ask(200, "POST", "/files", files=[("expires_after", (None, "3600")), ("file", file)])
    assert early["expires_at"] - early["created_at"] == 3_600
    account.ask(400, "POST", "/files", files=[("expires_after", (None, "60")), ("file", file)])
    account.ask(400, "POST", "/files", data={"purpose": "batch"})
    clock.now += 3_600
    account.ask(404, "GET", f"/files/{early['id']}")


# --- batches ----------------------------------------------------------------------------------------------


def test_a_batch_has_no_status_but_counters(account: Account, clock: Clock) -> None:
    batch_id = account.create(lines(8))
    new = account.batch(batch_id)
    assert set(new["state"].values()) == {0}
    assert "status" not in new
    assert (new["create_time"], new["expire_time"]) == ("2026-11-23", "2026-12-23"), "days, no times"
    clock.now += 1
    assert account.batch(batch_id)["state"] == {
        "num_requests": 8, "num_pending": 8, "num_success": 0, "num_error": 0, "num_cancelled": 0
    }  # fmt: skip
    clock.now += 5
    half = account.batch(batch_id)["state"]
    assert (half["num_pending"], half["num_success"]) == (4, 4)
    assert len(account.results(batch_id)["results"]) == 4, "readable while it runs"
    assert ended(account, clock, batch_id, 5)["state"]["num_success"] == 8
    assert [entry["batch_request_id"] for entry in account.results(batch_id)["results"]] == [
        f"item-{n:02}" for n in range(8)
    ]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "the file is empty"),
        (b"{", "line 1: invalid JSON"),
        (b"[]\n", "line 1: missing custom_id"),
        ([line("a"), line("a")], "line 2: duplicate custom_id 'a'"),
        ([line("a"), line("b") | {"method": "GET"}], "line 2: unsupported method GET"),
        ([line("a") | {"url": "/v1/embeddings"}], "line 1: unsupported url"),
        ([line("a") | {"body": 3}], "line 1: missing body"),
        ([line("a", model="grok-2-image")], "Model grok-2-image is not supported for batch processing."),
    ],
)
def test_one_wrong_line_cancels_the_whole_batch(shared: Shared, payload: Any, words: str) -> None:
    account, _, clock = shared
    batch_id = account.create(payload)
    clock.now += 1
    batch = account.batch(batch_id)
    assert batch["cancel_by_xai_message"].startswith("JSONL file validation failed: ")
    assert words in batch["cancel_by_xai_message"]
    assert batch["cancel_time"] == "2026-11-23"
    assert set(batch["state"].values()) == {0}


def test_what_a_body_says_wrong_fails_its_line_alone(account: Account, clock: Clock) -> None:
    batch_id = started(account, clock, [line("a"), line("b", aspect_ratio="5:7"), line("c", "gore")])
    state = ended(account, clock, batch_id)["state"]
    assert (state["num_success"], state["num_error"]) == (2, 1)
    a, b, c = (entry["batch_result"] for entry in account.results(batch_id)["results"])
    (made,) = a["response"]["image_generation"]["data"]
    assert httpx.get(made["url"]).status_code == 200
    assert isinstance(b["error"], str), "errors are bare strings"
    assert c["response"]["image_generation"]["data"] == [{"respect_moderation": False}]


def test_results_come_in_pages_with_fresh_links(
    account: Account, simulator: XAISimulator, clock: Clock
) -> None:
    batch_id = started(account, clock, lines(7))
    ended(account, clock, batch_id)
    simulator.dials.page_most = 3
    seen, token = [], ""
    for _ in range(3):
        page = account.results(batch_id, limit=100, **({"pagination_token": token} if token else {}))
        seen += [entry["batch_request_id"] for entry in page["results"]]
        token = page["pagination_token"]
    assert (seen, token) == ([f"item-{n:02}" for n in range(7)], None)
    account.ask(400, "GET", f"/batches/{batch_id}/results", params={"limit": 2_000})
    account.ask(400, "GET", f"/batches/{batch_id}/results", params={"pagination_token": "abc"})

    def link() -> str:
        entry = account.results(batch_id)["results"][0]
        return str(entry["batch_result"]["response"]["image_generation"]["data"][0]["url"])

    first = link()
    clock.now += 3_600
    assert httpx.get(first).status_code == 404
    assert httpx.get(link()).status_code == 200


def test_a_cancel_is_at_once_and_may_be_taken_back(
    account: Account, simulator: XAISimulator, clock: Clock
) -> None:
    simulator.dials.cancel_reverts = True
    batch_id = started(account, clock, lines(4))
    stopped = account.ask(200, "POST", f"/batches/{batch_id}:cancel")
    assert stopped["cancel_time"] == "2026-11-23"
    assert stopped["state"]["num_cancelled"] == 4
    assert {entry["batch_result"]["error"] for entry in account.results(batch_id)["results"]} == {
        "Batch cancelled"
    }
    clock.now += 1
    state = account.batch(batch_id)["state"]
    assert (state["num_success"], state["num_cancelled"]) == (4, 0)
    assert len(simulator.billed) == 4


def test_at_expiry_the_rest_is_cancelled_and_the_results_stay(
    account: Account, simulator: XAISimulator, clock: Clock
) -> None:
    simulator.faults.stuck_batch = 1
    batch_id = started(account, clock, lines(4))
    clock.now += 10
    assert account.batch(batch_id)["state"]["num_pending"] == 2
    state = ended(account, clock, batch_id, 30 * 86_400)["state"]
    assert (state["num_success"], state["num_cancelled"]) == (2, 2)
    errors = [entry["batch_result"].get("error") for entry in account.results(batch_id)["results"]]
    assert errors.count("Batch expired") == 2


def test_a_batch_can_be_made_to_expire_early(account: Account, simulator: XAISimulator, clock: Clock) -> None:
    simulator.faults.expire_after_fraction = 0.5
    batch_id = started(account, clock, lines(4))
    batch = ended(account, clock, batch_id)
    assert batch["state"]["num_cancelled"] == 2
    assert batch["cancel_time"] is None


def test_requests_are_added_all_or_none(account: Account, clock: Clock) -> None:
    batch_id = account.ask(200, "POST", "/batches", json={"name": "adding"})["batch_id"]

    def add(status: int, *names: str, **body: Any) -> Any:
        wish = {"image_generation": {"model": NEW, "prompt": "a mug", **body}}
        given = [{"batch_request_id": name, "batch_request": wish} for name in names]
        return account.ask(status, "POST", f"/batches/{batch_id}/requests", json={"batch_requests": given})

    add(200, "a", "b")
    assert "differs" in add(412, "c", "a")["error"]
    assert "not supported for batch" in add(400, "d", model="grok-4.6")["error"]
    add(422)
    add(200, "e")
    assert ended(account, clock, batch_id)["state"]["num_success"] == 3
    sealed = account.create(lines(1))
    account.ask(
        412,
        "POST",
        f"/batches/{sealed}/requests",
        json={"batch_requests": [{"batch_request": {"image_generation": {"model": NEW}}}]},
    )


def test_two_batches_a_second(account: Account, clock: Clock) -> None:
    body = {"name": "quick"}
    assert [account("POST", "/batches", json=body).status_code for _ in range(3)] == [200, 200, 429]
    clock.now += 1
    account.ask(200, "POST", "/batches", json=body)
    listed = account.ask(200, "GET", "/batches", params={"limit": 2})
    assert (len(listed["batches"]), bool(listed["pagination_token"])) == (2, True)


def test_rows_can_be_lost_doubled_and_strange(
    account: Account, simulator: XAISimulator, clock: Clock
) -> None:
    simulator.faults.missing_lines = simulator.faults.duplicate_lines = simulator.faults.unknown_lines = 1
    batch_id = started(account, clock, lines(6))
    ended(account, clock, batch_id)
    names = [entry["batch_request_id"] for entry in account.results(batch_id)["results"]]
    assert len(set(names) & {f"item-{n:02}" for n in range(6)}) == 5
    assert sum(name.endswith("nobody-sent") for name in names) == 1
    assert len(names) >= 6
    simulator.faults.cut_connection = 1
    with pytest.raises(httpx.RemoteProtocolError):
        account.results(batch_id)
    account.results(batch_id)
    assert len(simulator.billed) == 6


def test_a_picture_in_base64_is_the_one_behind_the_link(account: Account, simulator: XAISimulator) -> None:
    answer = account.generate(response_format="b64_json")["data"][0]
    assert Image.open(BytesIO(base64.b64decode(answer["b64_json"]))).size == (48, 48)
    assert "url" not in answer
    assert picture()[:4] != base64.b64decode(answer["b64_json"])[:4], "JPEG, whatever was sent"
