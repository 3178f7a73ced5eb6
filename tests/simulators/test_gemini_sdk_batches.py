"""The simulated Gemini's batches, with the vendor's own client, unchanged, and a clock that stands still."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from gemini_project import (
    MODEL,
    PICTURES,
    create,
    described,
    finish,
    jsonl,
    line,
    made_for,
    picture_of,
    raw,
    results,
    state,
)
from google import genai
from google.genai import errors, types
from openai_account import Clock

from providers.simulators.gemini import GeminiSimulator


@pytest.fixture
def simulator(clock: Clock) -> Iterator[GeminiSimulator]:
    with GeminiSimulator(faults=["picture_px=48", "batch_seconds=10"], clock=clock) as running:
        yield running


@pytest.fixture(params=["v1", "v1beta"])
def version(request: pytest.FixtureRequest) -> str:
    """What the SDK speaks by default, and what the documentation describes."""
    return str(request.param)


@pytest.fixture
def client(simulator: GeminiSimulator) -> Iterator[genai.Client]:
    made = made_for(simulator)
    yield made
    made.close()


# --- batches --------------------------------------------------------------------------------------------


def test_a_batch_waits_runs_and_delivers_in_order(
    simulator: GeminiSimulator, clock: Clock, version: str
) -> None:
    client = made_for(simulator, version)
    job = create(client, *(line(f"item-{n}", f"mug {n}") for n in range(20)))
    operation = raw(simulator, f"/v1beta/{job.name}")
    described(operation, "Operation")
    described(operation["metadata"], "GenerateContentBatch")
    assert operation["metadata"]["batchStats"] == {"requestCount": "20", "pendingRequestCount": "20"}
    clock.now += 1
    assert state(client.batches.get(name=str(job.name))) == "RUNNING"
    clock.now += 5
    client.batches.get(name=str(job.name))
    assert raw(simulator, f"/v1beta/{job.name}")["metadata"]["batchStats"]["successfulRequestCount"] == "10"
    clock.now += 5
    client.batches.get(name=str(job.name))
    job = client.batches.get(name=str(job.name))
    assert state(job) == "SUCCEEDED"
    ended = raw(simulator, f"/v1beta/{job.name}")
    described(ended["metadata"], "GenerateContentBatch")
    assert ended["response"]["responsesFile"] == ended["metadata"]["output"]["responsesFile"]
    assert ended["metadata"]["output"]["responsesFile"].startswith("files/batch-")
    lines = results(client, job)
    client.close()
    assert [found["key"] for found in lines] == [f"item-{n}" for n in range(20)]
    described(lines[0]["response"], "GenerateContentResponse")
    assert len(simulator.billed) == 20
    assert simulator.billed[0].price == Decimal("0.0366030") / 2
    assert {image.batch_id for image in simulator.billed} == {job.name}


def test_lines_that_fail_say_why_and_count_as_the_vendor_counts(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    snake = {
        "contents": [{"parts": [{"text": "x"}]}],
        "generation_config": {"response_modalities": ["IMAGE"]},
    }
    sheet = [
        line("good"),
        line("blocked", "a moderated mug"),
        line("words", "mug [words]"),
        line("bad", "mug [bad]"),
        line("sick", "mug [flaky]"),
        line("late", "mug [timeout]"),
        line("odd", imageConfig={"aspectRatio": "7:5"}),
        {"key": "snake", "request": snake},
    ]
    job = finish(client, clock, create(client, *sheet))
    assert state(job) == "SUCCEEDED"
    stats = raw(simulator, f"/v1beta/{job.name}")["metadata"]["batchStats"]
    assert stats == {"requestCount": "8", "successfulRequestCount": "4", "failedRequestCount": "4"}
    found = {entry["key"]: entry for entry in results(client, job)}
    assert "inlineData" in json.dumps(found["good"])
    assert "inlineData" in json.dumps(found["snake"])
    assert found["blocked"]["response"]["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    assert found["words"]["response"]["candidates"][0]["finishReason"] == "NO_IMAGE"
    assert [found[key]["error"]["code"] for key in ("bad", "sick", "late", "odd")] == [3, 13, 4, 3]
    for key in ("bad", "sick"):
        described({k: v for k, v in found[key]["error"].items() if k != "status"}, "Status")
    assert len(simulator.billed) == 2


def test_a_batch_outlives_its_input_file(client: genai.Client, clock: Clock) -> None:
    file = client.files.upload(file=jsonl(line("a")), config={"mime_type": "application/jsonl"})
    job = client.batches.create(model=MODEL, src=str(file.name))
    client.files.delete(name=str(file.name))
    assert len(results(client, finish(client, clock, job))) == 1


def test_inline_batches_carry_their_answers_twice_and_can_become_too_large_to_read(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    asked = types.InlinedRequest(contents="mug", config=PICTURES, metadata={"key": "one"})  # type: ignore[arg-type]
    job = client.batches.create(model=MODEL, src=[asked], config={"display_name": "inline"})
    job = finish(client, clock, job)
    assert job.dest is not None
    (answer,) = job.dest.inlined_responses or []
    assert answer.metadata == {"key": "one"}
    assert answer.response is not None
    assert picture_of(answer.response).size == (48, 48)
    operation = raw(simulator, f"/v1beta/{job.name}")
    assert operation["metadata"]["output"]["inlinedResponses"] == operation["response"]["inlinedResponses"]
    simulator.dials.inline_read_limit = 1_000
    with pytest.raises(errors.ServerError, match="503"):
        client.batches.get(name=str(job.name))
    assert [found.name for found in client.batches.list()] == [job.name], "the list goes on working"


BAD_SHEETS: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b'{"key": "a", "request": {"contents": [{"parts": [{"text": "x"}]}]}}\n{no json\n', "Error on line 2"),
    (b"[1]\n", "Error on line 1"),
    (b'{"key": "a"}\n', "Error on line 1"),
    (b'{"custom_id": "a", "request": {}}\n', "Error on line 1"),
    (
        b'{"key": "a", "request": {"contents": [{"parts": [{"text": "x"}]}], "thinking_config": {}}}\n',
        "thinkingConfig",
    ),
    (b'{"key": "a", "request": {"contents": []}}\n', "contents is not specified"),
]


@pytest.mark.parametrize(("sheet", "words"), BAD_SHEETS)
def test_a_sheet_that_cannot_be_read_is_refused_at_once(
    client: genai.Client, sheet: bytes, words: str
) -> None:
    file = client.files.upload(file=io.BytesIO(sheet), config={"mime_type": "application/jsonl"})
    with pytest.raises(errors.ClientError, match=words):
        client.batches.create(model=MODEL, src=str(file.name))
    assert list(client.batches.list()) == []


def test_creates_are_refused_for_gone_models_missing_and_unready_files(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    with pytest.raises(errors.ClientError, match="or it may not exist"):
        client.batches.create(model=MODEL, src="files/nobody")
    simulator.dials.processing_seconds = 5
    file = client.files.upload(file=jsonl(line("a")), config={"mime_type": "application/jsonl"})
    assert file.state is types.FileState.PROCESSING
    with pytest.raises(errors.ClientError, match="not in an ACTIVE state"):
        client.batches.create(model=MODEL, src=str(file.name))
    clock.now += 5
    with pytest.raises(errors.ClientError, match="not found"):
        client.batches.create(model="imagen-4.0-generate-001", src=str(file.name))
    simulator.dials.enqueued_token_limit = 1
    with pytest.raises(errors.ClientError, match="enqueued"):
        client.batches.create(model=MODEL, src=str(file.name))


def test_a_batch_expires_after_two_days_with_nothing(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    simulator.dials.stuck_batch = 1
    job = create(client, *(line(f"item-{n}", f"mug {n}") for n in range(4)))
    job = finish(client, clock, job, 48 * 3_600)
    assert (state(job), job.dest) == ("EXPIRED", None)
    assert len(simulator.billed) == 2, "what was drawn is billed"


def test_a_cancelled_batch_stops_and_says_so(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    job = create(client, line("a"))
    client.batches.cancel(name=str(job.name))
    client.batches.cancel(name=str(job.name))
    clock.now += 1
    assert state(client.batches.get(name=str(job.name))) == "CANCELLED"
    operation = raw(simulator, f"/v1beta/{job.name}")
    assert (operation["done"], operation["error"]["code"]) == (True, 1)
    assert simulator.billed == []
    client.batches.delete(name=str(job.name))
    assert list(client.batches.list()) == []


def test_a_failed_batch_has_its_reason_in_the_operation(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    simulator.dials.turn("failed_batches", 1)
    simulator.dials.turn("job_states", True)
    job = finish(client, clock, create(client, line("a")))
    assert state(job) == "FAILED"
    operation = raw(simulator, f"/v1beta/{job.name}")
    assert (operation["metadata"]["state"], operation["error"]["code"]) == ("JOB_STATE_FAILED", 13)


def test_batches_are_listed_in_pages(client: genai.Client) -> None:
    names = [create(client, line("a"), name=f"job-{n}").name for n in range(5)]
    listed = list(client.batches.list(config={"page_size": 2}))
    assert sorted(str(job.name) for job in listed) == sorted(map(str, names))
    assert {job.display_name for job in listed} == {f"job-{n}" for n in range(5)}


def test_result_lines_go_wrong_as_the_dials_say(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    simulator.dials.update(
        {"missing_lines": 1, "duplicate_lines": 1, "unknown_lines": 1, "shuffled": True, "seed": 3}
    )
    job = finish(client, clock, create(client, *(line(f"item-{n}", f"mug {n}") for n in range(9))))
    keys = [entry["key"] for entry in results(client, job)]
    assert len(keys) == 10
    assert len({key for key in keys if key.startswith("item-")}) == 8
    assert sum(key.startswith("nobody") for key in keys) == 1
    assert keys != sorted(keys)
    simulator.dials.update(
        {"missing_lines": 0, "duplicate_lines": 0, "unknown_lines": 0, "keyless_errors": True}
    )
    job = finish(client, clock, create(client, line("a"), line("b", "mug [bad]")))
    assert sorted("key" in entry for entry in results(client, job)) == [False, True]


def test_results_stay_six_weeks(client: genai.Client, clock: Clock) -> None:
    job = finish(client, clock, create(client, line("a")))
    clock.now += 41 * 86_400
    assert len(results(client, job)) == 1
    clock.now += 86_400
    with pytest.raises(errors.ClientError, match="or it may not exist"):
        results(client, job)
