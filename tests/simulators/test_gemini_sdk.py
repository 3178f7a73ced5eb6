"""The simulated Gemini with the vendor's own client, unchanged, and a clock that stands still."""

from __future__ import annotations

import io
import json
import ssl
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from jsonschema import Draft202012Validator
from openai_account import Clock, picture
from PIL import Image

from providers.simulators import SIMULATORS
from providers.simulators.faults import Faults
from providers.simulators.gemini import GeminiSimulator
from providers.simulators.gemini_faults import GeminiFaults

MODEL = "gemini-nano-banana-2.1"
SPEC = json.loads((Path(__file__).parents[1] / "data" / "gemini-v1beta-cut.json").read_text())
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""On loopback no certificates need to be read, which would take longer than all the rest."""
PICTURES = types.GenerateContentConfig(response_modalities=["IMAGE"])


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


def made_for(simulator: GeminiSimulator, version: str | None = None, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(
        base_url=simulator.base_url,
        api_version=version,
        client_args={"verify": NO_TLS},
        async_client_args={"verify": NO_TLS},
    )
    return genai.Client(api_key=key or simulator.key, http_options=options)


def described(value: dict[str, Any], schema: str) -> None:
    """The value is what the vendor's discovery document says, with no field that is none."""
    value = json.loads(json.dumps(value))
    for part in (value, value.get("metadata"), value.get("response")):
        if isinstance(part, dict):
            part.pop("@type", None)
    Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    ).validate(value)


def ask(address: str, method: str = "GET", **more: Any) -> httpx.Response:
    """A call without the vendor's client."""
    return httpx.request(method, address, verify=NO_TLS, **more)


def raw(simulator: GeminiSimulator, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = ask(simulator.url + path, headers={"x-goog-api-key": simulator.key}).json()
    return answer


def line(key: str, prompt: str = "red mug", **config: Any) -> dict[str, Any]:
    return {
        "key": key,
        "request": {
            "contents": [{"role": "user", "parts": [{"text": prompt}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], **config},
        },
    }


def jsonl(*lines: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(entry).encode() + b"\n" for entry in lines))


def create(client: genai.Client, *lines: dict[str, Any], name: str = "job-1") -> types.BatchJob:
    file = client.files.upload(file=jsonl(*lines), config={"mime_type": "application/jsonl"})
    return client.batches.create(model=MODEL, src=str(file.name), config={"display_name": name})


def finish(client: genai.Client, clock: Clock, job: types.BatchJob, seconds: float = 10) -> types.BatchJob:
    """The job after its time; somebody looked at it while it was waiting."""
    assert state(client.batches.get(name=str(job.name))) == "PENDING"
    clock.now += 1
    client.batches.get(name=str(job.name))
    clock.now += seconds
    for _ in range(100):
        job = client.batches.get(name=str(job.name))
        if state(job) not in ("PENDING", "RUNNING"):
            return job
    raise AssertionError(f"the job never ended: {job}")


def state(job: types.BatchJob) -> str:
    assert job.state is not None
    return str(job.state.value).removeprefix("JOB_STATE_")


def results(client: genai.Client, job: types.BatchJob) -> list[dict[str, Any]]:
    assert job.dest is not None
    content = client.files.download(file=str(job.dest.file_name))
    return [json.loads(text) for text in content.decode().splitlines()]


def picture_of(response: types.GenerateContentResponse) -> Image.Image:
    blob = (response.parts or [])[-1].inline_data
    assert blob is not None
    return Image.open(io.BytesIO(blob.data or b""))


# --- pictures now ---------------------------------------------------------------------------------------


def test_the_simulator_is_on_the_list() -> None:
    assert SIMULATORS["gemini"] is GeminiSimulator


def test_a_picture_comes_with_the_tokens_it_cost(simulator: GeminiSimulator, version: str) -> None:
    client = made_for(simulator, version)
    response = client.models.generate_content(model=MODEL, contents="a red mug", config=PICTURES)
    client.close()
    assert picture_of(response).format == "PNG"
    usage = response.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (
        3,
        1120,
        400,
    )
    (billed,) = simulator.billed
    assert billed.price == Decimal("0.0366045"), "(3 x 1.5 + 1120 x 30 + 400 x 7.5) / 1e6"
    assert response.model_version == MODEL


@pytest.mark.parametrize(
    ("shape", "size_class", "pixels"),
    [("16:9", "1K", (1376, 768)), ("2:3", None, (848, 1264)), ("1:1", "2K", (2048, 2048))],
)
def test_pictures_have_the_pixels_of_their_shape_and_class(
    clock: Clock, shape: str, size_class: str | None, pixels: tuple[int, int]
) -> None:
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig(aspect_ratio=shape, image_size=size_class),
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
    )
    with GeminiSimulator(clock=clock) as simulator:
        client = made_for(simulator)
        response = client.models.generate_content(model=MODEL, contents="a red mug", config=config)
        client.close()
        assert picture_of(response).size == pixels
        assert response.usage_metadata is not None
        assert response.usage_metadata.candidates_token_count == (1680 if size_class == "2K" else 1120)
        assert response.usage_metadata.thoughts_token_count is None


def test_reference_pictures_are_looked_at(client: genai.Client, simulator: GeminiSimulator) -> None:
    file = client.files.upload(file=io.BytesIO(picture()), config={"mime_type": "image/png"})
    contents = [
        "winter",
        types.Part.from_bytes(data=picture(), mime_type="image/png"),
        types.Part.from_uri(file_uri=str(file.uri), mime_type="image/png"),
        types.Part.from_uri(file_uri="https://shop.example/shoe.png", mime_type="image/png"),
    ]
    response = client.models.generate_content(model=MODEL, contents=contents, config=PICTURES)  # type: ignore[arg-type]
    assert response.usage_metadata is not None
    assert response.usage_metadata.prompt_token_count == 2 + 3 * 1120
    broken = types.Part.from_bytes(data=b"no picture", mime_type="image/png")
    with pytest.raises(errors.ClientError, match="process input image"):
        client.models.generate_content(model=MODEL, contents=["winter", broken], config=PICTURES)
    client.files.delete(name=str(file.name))
    with pytest.raises(errors.ClientError, match="or it may not exist") as gone:
        client.models.generate_content(model=MODEL, contents=contents, config=PICTURES)  # type: ignore[arg-type]
    assert gone.value.code == 403
    assert len(simulator.billed) == 1


def test_refusals_and_words_are_successes_to_the_vendor(
    client: genai.Client, simulator: GeminiSimulator
) -> None:
    def wish(prompt: str) -> types.GenerateContentResponse:
        return client.models.generate_content(model=MODEL, contents=prompt, config=PICTURES)

    blocked = wish("a moderated mug")
    assert blocked.prompt_feedback is not None
    assert blocked.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert not blocked.candidates
    reasons = []
    for prompt in ("gore", "mug [words]", "mug [nothing]"):
        (candidate,) = wish(prompt).candidates or []
        reasons.append(candidate.finish_reason)
    assert reasons == [types.FinishReason.IMAGE_SAFETY, types.FinishReason.NO_IMAGE, types.FinishReason.STOP]
    assert wish("mug [words]").text
    assert simulator.billed == []


@pytest.mark.parametrize(
    ("dial", "code", "name", "detail"),
    [
        ("rate_limit_rate=1", 429, "RESOURCE_EXHAUSTED", "PerMinute"),
        ("quota=on", 429, "RESOURCE_EXHAUSTED", "PerDay"),
        ("no_credit=on", 402, "RESOURCE_EXHAUSTED", "prepayment"),
        ("auth=on", 400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
        ("error_rate=1", 0, "", ""),
    ],
)
def test_the_account_has_its_bad_days(
    client: genai.Client, simulator: GeminiSimulator, dial: str, code: int, name: str, detail: str
) -> None:
    simulator.dials.turn(*dial.split("="))
    with pytest.raises(errors.APIError) as error:
        client.models.generate_content(model=MODEL, contents="mug", config=PICTURES)
    assert code in (error.value.code, 0)
    assert error.value.status == (name or error.value.status)
    assert detail in json.dumps(error.value.details)
    if code == 429:
        assert "retryDelay" in json.dumps(error.value.details)


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        ("gemini-99", {}, "not found"),
        ("gemini-3.1-flash-image", {}, "not found"),
        ("imagen-4.0-generate-001", {}, "not found"),
        (MODEL, {"image_config": {"image_size": "512"}}, "512"),
        (MODEL, {"image_config": {"aspect_ratio": "7:5"}}, "7:5"),
        (MODEL, {"image_config": {"aspect_ratio": "1:8"}}, "1:8"),
        (MODEL, {"response_modalities": ["AUDIO"]}, "modalities"),
        (MODEL, {"thinking_config": {"thinking_level": "LOW"}}, "LOW"),
        ("gemini-3-pro-image", {"thinking_config": {"thinking_level": "LOW"}}, "not enabled"),
        ("gemini-3.1-flash-lite-image", {"image_config": {"image_size": "2K"}}, "2K"),
    ],
)
def test_what_models_do_not_take_is_refused(
    client: genai.Client, model: str, config: Any, words: str
) -> None:
    with pytest.raises(errors.ClientError, match=words):
        client.models.generate_content(model=model, contents="mug", config=config)


def test_models_leave_on_their_day(clock: Clock) -> None:
    clock.now -= 60 * 86_400  # the end of September
    with GeminiSimulator(clock=clock) as simulator:
        client = made_for(simulator)
        before = {model.name for model in client.models.list()}
        clock.now += 20 * 86_400
        after = {model.name for model in client.models.list()}
        client.close()
    assert before - after == {"models/gemini-2.5-flash-image"}


@pytest.mark.parametrize("key", ["AIzaSy-a-real-one", "sk-sim"])
def test_other_keys_are_not_taken(simulator: GeminiSimulator, key: str) -> None:
    client = made_for(simulator, key=key)
    with pytest.raises(errors.ClientError, match="API key not valid"):
        client.models.list()
    client.close()
    assert ask(f"{simulator.url}/v1beta/models").status_code == 403
    assert ask(f"{simulator.url}/v1beta/models", params={"key": simulator.key}).status_code == 200


# --- files ----------------------------------------------------------------------------------------------


def test_an_upload_comes_in_pieces_and_lives_two_days(
    client: genai.Client, simulator: GeminiSimulator, clock: Clock
) -> None:
    content = b'{"key": "a"}\n' * 700_000  # above the SDK's piece of 8 MiB
    file = client.files.upload(file=io.BytesIO(content), config={"mime_type": "jsonl", "display_name": "in"})
    assert [seen.path for seen in simulator.requests] == ["/upload/v1/files"] * 3
    assert (file.size_bytes, file.state, file.display_name) == (len(content), types.FileState.ACTIVE, "in")
    described(raw(simulator, f"/v1beta/{file.name}"), "File")
    assert [found.name for found in client.files.list()] == [file.name]
    with pytest.raises(errors.ClientError, match="cannot be downloaded"):
        client.files.download(file=str(file.name))
    clock.now += 48 * 3_600
    assert list(client.files.list()) == []
    with pytest.raises(errors.ClientError, match="or it may not exist"):
        client.files.get(name=str(file.name))


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


# --- the dials ------------------------------------------------------------------------------------------


def test_gemini_has_dials_of_its_own_beside_the_shared_ones(simulator: GeminiSimulator) -> None:
    answer = ask(f"{simulator.url}/_sim/faults", "POST", json={"no_credit": True, "refusal_rate": 0.5})
    assert (answer.json()["no_credit"], simulator.dials.refusal_rate) == (True, 0.5)
    assert ask(f"{simulator.url}/_sim/faults", "POST", json={"text_only_rate": 2}).status_code == 400
    assert simulator.dials.text_only_rate == 0
    assert GeminiSimulator(faults=Faults(seed=4)).dials.seed == 4
    own = GeminiFaults(jpeg=True)
    assert GeminiSimulator(faults=own).dials is own
    with pytest.raises(ValueError, match="no fault dial"):
        GeminiSimulator(faults=["nonsense=1"])


def test_pictures_may_be_jpeg_and_come_after_thoughts(
    client: genai.Client, simulator: GeminiSimulator
) -> None:
    simulator.dials.update({"jpeg": True, "thought_pictures": True})
    response = client.models.generate_content(model=MODEL, contents="mug", config=PICTURES)
    assert [part.thought for part in response.parts or []] == [True, True, None]
    assert picture_of(response).format == "JPEG"


def test_what_is_asked_elsewhere_is_not_found(simulator: GeminiSimulator) -> None:
    answer = ask(f"{simulator.url}/v1/batch", headers={"x-goog-api-key": simulator.key})
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
