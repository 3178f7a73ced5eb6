"""The batch lane, with the vendor's own client and a clock that stands still."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai_account import (
    EDITS,
    Clock,
    as_jsonl,
    assert_described,
    create,
    finish,
    ids,
    line,
    lines,
    opened,
    picture,
    read,
    run,
    start,
)

from providers.simulators.openai import OpenAISimulator
from providers.simulators.openai_batch_input import Limits


def test_a_batch_is_checked_worked_on_and_delivered_out_of_order(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    batch = create(client, lines(20), metadata={"job_id": "job-1"})
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("validating", None, None)
    clock.now += 1
    assert client.batches.retrieve(batch.id).status == "validating", "at least one poll sees it"
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "in_progress"
    clock.now += 4.5  # half of the nine seconds it works; the tenth is for finalizing
    batch = client.batches.retrieve(batch.id)
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed) == (20, 10)
    assert batch.output_file_id is None
    clock.now += 4.6
    assert client.batches.retrieve(batch.id).status == "finalizing"
    batch = finish(client, clock, batch, 1)
    assert batch.status == "completed"
    assert_described(batch.model_dump(), "Batch")
    assert batch.metadata == {"job_id": "job-1"}
    order = ids(client, batch.output_file_id)
    assert sorted(order) == [f"item-{n:03}" for n in range(20)] != order
    assert batch.error_file_id is None
    assert len(simulator.billed) == 20
    assert {image.batch_id for image in simulator.billed} == {batch.id}


def test_a_good_line_has_the_answer_of_the_live_call_at_half_the_price(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    batch = run(client, clock, [line("one", "red mug")])
    (found,) = read(client, batch.output_file_id)
    assert (found["custom_id"], found["error"], found["response"]["status_code"]) == ("one", None, 200)
    body = found["response"]["body"]
    assert_described(body, "ImagesResponse")
    assert opened(body["data"][0]["b64_json"]).format == "PNG"
    assert simulator.billed[0].price == Decimal("0.00589") / 2
    assert batch.usage is not None
    assert batch.usage.total_tokens == body["usage"]["total_tokens"] == 198


def test_refused_lines_go_to_the_error_file_in_both_shapes(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    sheet = [
        line("good"),
        line("blocked", "a moderated mug"),
        line("late", "mug [timeout]"),
        line("sick", "mug [flaky]"),
        line("odd", size="1000x1000"),
    ]
    batch = run(client, clock, sheet)
    assert batch.status == "completed"
    assert ids(client, batch.output_file_id) == ["good"]
    failed = {found["custom_id"]: found for found in read(client, batch.error_file_id)}
    assert failed["blocked"]["response"]["status_code"] == 400
    assert failed["blocked"]["response"]["body"]["error"]["code"] == "moderation_blocked"
    assert failed["late"] == failed["late"] | {
        "response": None,
        "error": {"code": "request_timeout", "message": "The request timed out."},
    }
    assert failed["sick"]["response"]["status_code"] == 500
    assert failed["odd"]["response"]["body"]["error"]["param"] == "size"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 4)
    assert len(simulator.billed) == 1


def test_when_all_fail_there_is_no_output_file(client: openai.OpenAI, clock: Clock) -> None:
    batch = run(client, clock, [line("blocked", "gore")])
    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert ids(client, batch.error_file_id) == ["blocked"]


def test_edits_in_a_batch_take_the_json_form(client: openai.OpenAI, clock: Clock) -> None:
    file = client.files.create(file=("ref.png", picture()), purpose="vision")
    sheet = [
        line("edit", "mug", EDITS, images=[{"file_id": file.id}]),
        line("none", "mug", EDITS),
        line("gone", "mug", EDITS, images=[{"file_id": "file-nobody"}]),
    ]
    batch = run(client, clock, sheet, endpoint=EDITS)
    (found,) = read(client, batch.output_file_id)
    assert found["response"]["body"]["usage"]["input_tokens_details"]["image_tokens"] == 400
    assert sorted(ids(client, batch.error_file_id)) == ["gone", "none"]


def test_a_batch_outlives_its_input_file(client: openai.OpenAI, clock: Clock) -> None:
    batch = start(client, clock, lines(3))
    client.files.delete(batch.input_file_id)
    assert len(ids(client, finish(client, clock, batch).output_file_id)) == 3


FAILURES: list[tuple[bytes | list[dict[str, Any]], str, int | None]] = [
    (b"", "empty_file", None),
    (as_jsonl(lines(1)) + b"{no json\n", "invalid_json_line", 2),
    (as_jsonl(lines(1)) + b"\n" + as_jsonl([line("b")]), "invalid_json_line", 2),
    (b"[1]\n", "invalid_json_line", 1),
    (as_jsonl(lines(1)) + b'{"custom_id": "\xff"}\n', "invalid_json_line", 2),
    ([line("a"), line("b"), line("a")], "duplicate_custom_id", 3),
    ([line("a"), line("b", model="gpt-image-2.6-flare")], "mismatched_model", 2),
    ([line("a"), line("b", url=EDITS)], "invalid_url", 2),
    ([line("a") | {"method": "GET"}], "invalid_method", 1),
    ([line("a") | {"body": "mug"}], "missing_required_parameter", 1),
    ([line("a") | {"custom_id": 7}], "missing_required_parameter", 1),
    ([line("a") | {"priority": 1}], "unknown_parameter", 1),
    ([line("a", model=None)], "missing_required_parameter", 1),
    ([line("a", model="dall-e-3")], "model_not_found", 1),
]


@pytest.mark.parametrize(("payload", "code", "number"), FAILURES)
def test_an_input_file_that_is_wrong_fails_the_batch_and_names_the_line(
    client: openai.OpenAI,
    simulator: OpenAISimulator,
    clock: Clock,
    payload: bytes | list[dict[str, Any]],
    code: str,
    number: int | None,
) -> None:
    batch = start(client, clock, payload)
    assert (batch.status, batch.output_file_id) == ("failed", None)
    assert_described(batch.model_dump(), "Batch")
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(error.code, error.line) for error in batch.errors.data] == [(code, number)]
    assert simulator.billed == []


def test_a_batch_may_hold_so_many_lines_and_bytes(clock: Clock) -> None:
    limits = Limits(lines=3, bytes=2_000)
    with (
        OpenAISimulator(faults=["picture_px=64"], clock=clock, limits=limits) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as client,
    ):
        assert start(client, clock, lines(3)).status == "in_progress"
        for sheet, code in (lines(4), "too_many_requests"), ([line("a", "x" * 2_000)], "file_too_large"):
            batch = start(client, clock, sheet)
            assert batch.errors is not None
            assert batch.errors.data is not None
            assert batch.errors.data[0].code == code
    assert Limits() == Limits(lines=50_000, bytes=200_000_000)


def test_the_queue_holds_so_many_prompt_tokens(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.enqueued_token_limit = 100
    sheet = [line("a", "x" * 240)]  # 60 tokens
    first = start(client, clock, sheet)
    assert first.status == "in_progress"
    second = start(client, clock, sheet)
    assert second.status == "failed"
    assert second.errors is not None
    assert second.errors.data is not None
    assert second.errors.data[0].code == "token_limit_exceeded"
    finish(client, clock, first)
    assert start(client, clock, sheet).status == "in_progress"


def test_an_empty_account_fails_new_batches(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.quota = True
    batch = start(client, clock, lines(1))
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert batch.errors.data[0].code == "billing_hard_limit_reached"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 5}}, "metadata.k"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 60}}, "output_expires_after[seconds]"),
        ({"output_expires_after": {"anchor": "now", "seconds": 3_600}}, "output_expires_after[anchor]"),
        ({"extra_body": {"speed": 1}}, "speed"),
    ],
)
def test_creates_that_are_refused(
    client: openai.OpenAI, simulator: OpenAISimulator, more: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, lines(1), **more)
    assert caught.value.param == param
    assert simulator.ledger.creates == 0


def test_the_input_must_be_there_and_for_batches(client: openai.OpenAI) -> None:
    reference = client.files.create(file=("a.png", picture()), purpose="vision").id
    for file_id in ("file-nobody", reference):
        with pytest.raises(openai.BadRequestError):
            client.batches.create(
                input_file_id=file_id, endpoint="/v1/images/generations", completion_window="24h"
            )


def test_batches_nobody_knows(client: openai.OpenAI) -> None:
    for call in (client.batches.retrieve, client.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="No batch found"):
            call("batch_nobody")


def test_batches_are_listed_newest_first_in_pages(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    made = [create(client, lines(1), metadata={"n": str(n)}).id for n in range(5)][::-1]
    first = client.batches.list(limit=2)
    assert [batch.id for batch in first.data] == made[:2]
    assert first.has_more
    second = client.batches.list(limit=3, after=made[1])
    assert [batch.id for batch in second.data] == made[2:]
    assert not second.has_more
    assert [batch.id for batch in client.batches.list(limit=2)] == made
    headers = {"authorization": f"Bearer {simulator.key}"}
    assert_described(
        httpx.get(f"{simulator.base_url}/batches", headers=headers).json(), "ListBatchesResponse"
    )
    for wrong in ({"limit": 101}, {"limit": 0}, {"after": "batch_nobody"}):
        with pytest.raises(openai.BadRequestError):
            client.batches.list(**wrong)  # type: ignore[arg-type]


def test_a_cancelled_batch_delivers_what_was_done(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    batch = start(client, clock, lines(20))
    clock.now += 4.5
    client.batches.retrieve(batch.id)
    assert client.batches.cancel(batch.id).status == "cancelling"
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = finish(client, clock, batch)
    assert batch.status == "cancelled"
    assert_described(batch.model_dump(), "Batch")
    left = read(client, batch.error_file_id)
    assert {found["error"]["code"] for found in left} == {"batch_cancelled"}
    assert {found["response"] for found in left} == {None}
    assert len(ids(client, batch.output_file_id)) == len(left) == len(simulator.billed) == 10
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.batches.cancel(batch.id)


def test_a_batch_cancelled_before_it_began_is_not_billed(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    batch = create(client, lines(3))
    client.batches.cancel(batch.id)
    batch = finish(client, clock, batch)
    assert (batch.status, batch.output_file_id, simulator.billed) == ("cancelled", None, [])


def test_a_batch_expires_with_part_of_its_output(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.expire_after_fraction = 0.3
    batch = run(client, clock, lines(10))
    assert batch.status == "expired"
    assert batch.expired_at is not None
    done, left = ids(client, batch.output_file_id), read(client, batch.error_file_id)
    assert (len(done), len(left), len(simulator.billed)) == (3, 7, 3)
    assert {found["error"]["code"] for found in left} == {"batch_expired"}
    assert sorted([*done, *(found["custom_id"] for found in left)]) == [f"item-{n:03}" for n in range(10)]


def test_a_stuck_batch_stands_still_until_its_window_closes(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.stuck_batch = 2
    assert run(client, clock, lines(2)).status == "completed"
    batch = start(client, clock, lines(4))
    clock.now += 3_600
    batch = client.batches.retrieve(batch.id)
    assert batch.request_counts is not None
    assert (batch.status, batch.request_counts.completed) == ("in_progress", 2)
    batch = finish(client, clock, batch, 86_400)
    assert batch.status == "expired"
    assert len(ids(client, batch.error_file_id)) == 2


def test_a_create_whose_reply_was_lost_is_found_in_the_list(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.lost_reply_after_create = 1
    with pytest.raises(openai.APIConnectionError):
        create(client, lines(2), metadata={"job_id": "lost"})
    (batch,) = client.batches.list()
    assert (batch.metadata, simulator.ledger.creates) == ({"job_id": "lost"}, 1)
    assert create(client, lines(2)).status == "validating"


@pytest.mark.parametrize(
    ("dial", "number", "names"),
    [("missing_lines", 8, 8), ("duplicate_lines", 12, 10), ("unknown_lines", 12, 12)],
)
def test_result_lines_get_lost_doubled_and_invented(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock, dial: str, number: int, names: int
) -> None:
    setattr(simulator.faults, dial, 2)
    batch = run(client, clock, lines(10))
    found = ids(client, batch.output_file_id)
    assert (len(found), len(set(found))) == (number, names)
    assert len(simulator.billed) == 10


def test_the_error_and_refusal_dials_reach_into_batches(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    simulator.faults.error_rate = 0.3
    simulator.faults.refusal_rate = 0.2
    batch = run(client, clock, lines(60))
    codes = {found["response"]["body"]["error"]["code"] for found in read(client, batch.error_file_id)}
    assert codes == {"moderation_blocked", "server_error", "server_is_overloaded", "rate_limit_exceeded"}


def test_faults_are_the_same_in_every_run() -> None:
    def outcome() -> list[str]:
        clock = Clock()
        dials = ["picture_px=64", "batch_seconds=10", "error_rate=0.3", "missing_lines=0.1", "seed=7"]
        with (
            OpenAISimulator(faults=dials, clock=clock) as simulator,
            openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key) as client,
        ):
            return ids(client, run(client, clock, lines(20)).output_file_id)

    assert outcome() == outcome()


def test_a_batch_nobody_asks_about_moves_on_by_real_time_too() -> None:
    dials = ["picture_px=64", "batch_seconds=0.3", "validating_seconds=0.1"]
    with (
        OpenAISimulator(faults=dials) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key) as client,
    ):
        batch = create(client, lines(5))
        deadline = time.monotonic() + 5
        while len(simulator.billed) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        assert client.batches.retrieve(batch.id).status == "completed"


def test_creates_are_limited_by_the_hour(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("providers.simulators.openai.CREATES_PER_HOUR", 1)
    create(client, lines(1))
    with pytest.raises(openai.RateLimitError):
        create(client, lines(1))
    clock.now += 3_600
    create(client, lines(1))


def test_a_large_input_and_output_stay_on_disk(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock, tmp_path: Path
) -> None:
    """2,000 lines; the bytes are in files under the simulator's folder, which hold nothing else."""
    simulator.faults.refusal_rate = 1  # no drawing: the error file takes the same way
    batch = run(client, clock, lines(2_000))
    held = {path.stat().st_size for path in simulator.folder.iterdir()}
    assert client.files.retrieve(batch.input_file_id).bytes in held
    with client.files.with_streaming_response.content(str(batch.error_file_id)) as answer:
        answer.stream_to_file(tmp_path / "errors.jsonl")
    with (tmp_path / "errors.jsonl").open() as file:
        assert len({json.loads(text)["custom_id"] for text in file}) == 2_000
