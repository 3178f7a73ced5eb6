"""The file store, with the vendor's own client."""

from __future__ import annotations

import httpx
import openai
import pytest
from openai_account import Clock, as_jsonl, assert_described, lines, read, run

from providers.simulators.openai import OpenAISimulator

DAY = 86_400


def test_a_file_is_stored_described_listed_read_and_deleted(client: openai.OpenAI) -> None:
    payload = as_jsonl(lines(3))
    file = client.files.create(file=("in.jsonl", payload), purpose="batch")
    assert_described(file.model_dump(), "OpenAIFile")
    assert (file.bytes, file.filename, file.purpose) == (len(payload), "in.jsonl", "batch")
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == payload
    assert [found.id for found in client.files.list()] == [file.id]
    assert client.files.delete(file.id).deleted
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(file.id)


def test_lists_are_paged_and_filtered(client: openai.OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(5)]
    client.files.create(file=("a.png", b"x"), purpose="vision")
    first = client.files.list(limit=2, purpose="batch")
    assert [file.id for file in first.data] == [made[4], made[3]]
    assert first.has_more
    assert_described(first.model_dump(), "ListFilesResponse")
    assert [file.id for file in client.files.list(limit=2, purpose="batch")] == made[::-1]
    assert [file.id for file in client.files.list(purpose="batch", order="asc")] == made


def test_batch_inputs_live_thirty_days_unless_told(client: openai.OpenAI, clock: Clock) -> None:
    usual = client.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    brief = client.files.create(
        file=("in.jsonl", b"{}"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3_600}
    )
    kept = client.files.create(file=("ref.png", b"{}"), purpose="vision")
    assert usual.expires_at == int(clock.now) + 30 * DAY
    assert brief.expires_at == int(clock.now) + 3_600
    assert kept.expires_at is None
    clock.now += 3_600
    with pytest.raises(openai.NotFoundError):
        client.files.content(brief.id)
    clock.now += 30 * DAY
    assert [file.id for file in client.files.list()] == [kept.id]


def test_results_expire_when_the_batch_said(client: openai.OpenAI, clock: Clock) -> None:
    batch = run(client, clock, lines(2), output_expires_after={"anchor": "created_at", "seconds": 7_200})
    assert len(read(client, batch.output_file_id)) == 2
    clock.now += 7_200
    assert batch.output_file_id is not None
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.content(batch.output_file_id)


def test_uploads_that_are_refused(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    with pytest.raises(openai.BadRequestError, match="jsonl"):
        client.files.create(file=("in.csv", b"{}"), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="is not one of"):
        client.files.create(file=("in.jsonl", b"{}"), purpose="fun")  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="3600"):
        client.files.create(
            file=("in.jsonl", b"{}"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 60}
        )
    headers = {"authorization": f"Bearer {simulator.key}"}
    answer = httpx.post(f"{simulator.base_url}/files", data={"purpose": "batch"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_a_download_may_go_on_from_the_middle(client: openai.OpenAI, simulator: OpenAISimulator) -> None:
    file = client.files.create(file=("in.jsonl", b"0123456789"), purpose="batch")
    headers = {"authorization": f"Bearer {simulator.key}", "range": "bytes=4-"}
    answer = httpx.get(f"{simulator.base_url}/files/{file.id}/content", headers=headers)
    assert (answer.status_code, answer.content) == (206, b"456789")


def receive(answer: httpx.Response, received: bytearray) -> None:
    for part in answer.iter_raw():
        received += part


def test_a_download_is_cut_half_way_as_often_as_the_dial_says(
    client: openai.OpenAI, simulator: OpenAISimulator, clock: Clock
) -> None:
    batch = run(client, clock, lines(30))
    simulator.faults.cut_connection = 1
    headers = {"authorization": f"Bearer {simulator.key}"}
    address, received = f"{simulator.base_url}/files/{batch.output_file_id}/content", bytearray()
    with httpx.stream("GET", address, headers=headers) as answer:
        whole = int(answer.headers["content-length"])
        with pytest.raises(httpx.RemoteProtocolError):
            receive(answer, received)
    assert whole // 4 < len(received) <= whole // 2
    assert len(read(client, batch.output_file_id)) == 30
