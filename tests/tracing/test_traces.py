"""Traces of real jobs over HTTP, as a collector gets them."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.app import traced
from bot.config import Settings
from bot.intake.exporting import ExportWish
from bot.metered import Metered
from bot.pipeline.packing import pack
from bot.pipeline.rounds import STAGES
from bot.pulse import Pulse
from bot.runtime import Context, now
from bot.scheduler import Charge, guarded
from bot.spans import SHUTDOWN_SECONDS
from bot.tracing import PACKAGES, doing
from providers import catalogue
from providers.base import AskAgain, FailureKind, Lane, Provider, Size
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.shelved import Export, ExportState
from storage.states import ItemState, SubmissionState
from tests.parts import TestClock, make_context, run_to_end, run_until, sheet, started
from tests.six import VENDORS, sheet_over, six_vendors
from tests.test_logs import lines, written
from tests.tracing.collector import Collector, Told, waterfall

PAUSE = 0.02


def settings(collector: Collector, **more: Any) -> Settings:
    return Settings(otel_exporter_otlp_endpoint=collector.address, **more)


@pytest.fixture
def simulator() -> Iterator[OpenAISimulator]:
    with OpenAISimulator(faults=Faults(batch_seconds=0.2, validating_seconds=0.05, picture_px=64)) as running:
        yield running


@contextmanager
def opened(folder: Path, simulator: OpenAISimulator, traces: Settings) -> Iterator[Context]:
    """One life of the program."""
    models = catalogue.load()["openai"]
    provider = OpenAI(models, api_key=simulator.key, base_url=simulator.base_url, clock=now)
    try:
        with (
            traced(traces),
            make_context(folder, {"openai": Metered(provider)}, clock=TestClock(now())) as ctx,
        ):
            yield ctx
    finally:
        provider.close()


def mugs(folder: Path, number: int = 4) -> Path:
    return sheet(folder, [{"sku": f"S{n}", "prompt": f"a violet mug {n}"} for n in range(number)])


def whole(spans: list[Told]) -> None:
    """These are one trace, and nothing hangs in the air."""
    assert len({told.trace for told in spans}) == 1, {told.name: told.trace for told in spans}
    ids = [told.id for told in spans]
    assert len(set(ids)) == len(ids)
    (root,) = [told for told in spans if not told.parent]
    assert root.name == "plan job"
    loose = [told.name for told in spans if told.parent and told.parent not in ids]
    assert not loose, f"{loose}\n{waterfall(spans)}"


def test_a_job_that_was_restarted_in_the_middle_is_one_trace(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    traces = settings(collector)
    with opened(tmp_path / "data", simulator, traces) as ctx:
        job = started(ctx, mugs(tmp_path))
        run_until(ctx, lambda: bool(ctx.queries.due_submissions(SubmissionState.OPEN, ctx.clock() + DAY)))
    before = collector.of(job.id)
    assert {"plan job", "assemble", "pack", "submit", "openai submit"} <= {told.name for told in before}
    assert "job under way" not in {told.name for told in before}
    with opened(tmp_path / "data", simulator, traces) as ctx:
        run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    names = {told.name for told in spans}
    assert {"poll", "openai poll", "openai results", "at the provider", "collect", "job under way"} <= names
    whole(spans)
    (packed,) = [told for told in spans if told.name == "pack"]
    for told in spans:
        if told.name in ("submit", "poll", "at the provider"):
            assert told.parent == packed.id
            assert told.facts["imgbatch.submission"] == packed.facts["imgbatch.submission"]
            assert told.facts["imgbatch.model"] == "gpt-image-2"
            assert told.facts["imgbatch.lane"] == "batch"
    (settled,) = [told for told in spans if "imgbatch.made" in told.facts]
    assert (settled.name, settled.facts["imgbatch.made"], settled.facts["imgbatch.failed"]) == ("poll", 4, 0)
    (under_way,) = [told for told in spans if told.name == "job under way"]
    assert under_way.facts["imgbatch.stored"] == 4
    requests = [told for told in collector.spans if told.name in ("GET", "POST")]
    assert {told.trace for told in requests} == {packed.trace}
    assert {told.parent for told in requests} <= {told.id for told in spans}
    assert {told.facts["http.response.status_code"] for told in requests} == {200}


DAY = timedelta(days=1)


def test_a_lost_reply_and_its_rescue_are_told(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.lost_reply_after_create = 1
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    whole(spans)
    (lost,) = [told for told in spans if told.name == "openai submit"]
    assert lost.failed
    assert lost.facts["imgbatch.outcome"] == "lost"
    assert lost.facts["error.type"] == "MaybeAccepted"
    found = [told for told in spans if told.name == "openai find" and not told.failed]
    assert found
    assert {told.parent for told in found} <= {told.id for told in spans if told.name == "rescue"}


def test_a_live_call_is_told_with_its_row_and_what_came_of_it(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    rows = [{"prompt": "a red mug"}, {"prompt": "a moderated scene"}, {"prompt": "a blue mug"}]
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        job = started(ctx, sheet(tmp_path, rows), lane=Lane.LIVE)
        run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    whole(spans)
    sent = {told.facts["imgbatch.row"]: told for told in spans if told.name == "submit"}
    assert set(sent) == {1, 2, 3}
    assert [sent[row].facts["imgbatch.made"] for row in (1, 2, 3)] == [1, 0, 1]
    calls = [told for told in spans if told.name == "generate_content gpt-image-2"]
    assert {told.parent for told in calls} == {told.id for told in sent.values()}
    for told in calls:
        assert told.facts["gen_ai.operation.name"] == "generate_content"
        assert told.facts["gen_ai.provider.name"] == "openai"
        assert told.facts["gen_ai.output.type"] == "image"
        assert told.sent.kind == told.sent.SPAN_KIND_CLIENT


def test_nothing_that_people_or_vendors_wrote_leaves_the_house(collector: Collector, tmp_path: Path) -> None:
    """All six vendors: keys in headers, signed addresses of pictures, prompts in bodies and in errors."""
    with six_vendors(tmp_path / "adapters") as (running, built):
        secrets = [simulator.key for simulator in running.values()]
        for name, simulator in running.items():
            # fal's pictures are fetched, so that some must come out
            simulator.faults.update({"refusal_rate": 0 if name == "fal" else 0.3, "error_rate": 0.2})
        providers: dict[str, Provider] = {name: Metered(provider) for name, provider in built.items()}
        traces = settings(collector, otel_exporter_otlp_headers=SecretStr("x-api-key=collector-secret"))
        with traced(traces), make_context(tmp_path / "data", providers, clock=TestClock(now())) as ctx:
            path = sheet(tmp_path, sheet_over(VENDORS, 12), "spring-campaign.csv")
            job = started(ctx, path, title="Anna's spring", lane=Lane.LIVE)
            run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    asked = {told.facts.get("gen_ai.provider.name") for told in collector.of(job.id)}
    assert {"openai", "gcp.gemini", "x_ai", "fal", "bfl", "recraft"} <= asked
    fetched = [told for told in collector.of(job.id) if told.name.endswith(" fetch")]
    assert fetched
    assert all("imgbatch.row" in told.facts for told in fetched)
    assert collector.headers[0]["x-api-key"] == "collector-secret"
    told = b"".join(collector.bodies)
    for word in (*secrets, "mug number", "Anna", "spring", "collector-secret", "tester"):
        assert word.encode() not in told, word
    for span in collector.spans:
        assert not span.sent.events, span.name
        assert not span.sent.status.message, span.name
        words = [value.removeprefix("fal-ai/") for value in span.facts.values() if isinstance(value, str)]
        assert not [value for value in words if set("?&=@/ ") & set(value)]


def test_a_request_is_told_by_its_host_and_kind_alone(
    collector: Collector, simulator: OpenAISimulator
) -> None:
    address = f"{simulator.url}/files/S3CRET?sig=s1gn4ture&X-Amz-Signature=0123abcd"
    with traced(settings(collector)), httpx.Client(trust_env=False) as http:
        http.get(address)  # belongs to nothing of ours: not told
        with doing("upload", job="k7wqpd"):
            http.get(address, headers={"authorization": "Bearer t0psecret"})
            with pytest.raises(httpx.ConnectError):
                http.get("http://127.0.0.1:9/closed?token=t0psecret")
    answered, refused = collector.named("GET")
    assert answered.facts["server.address"] == "127.0.0.1"
    assert answered.facts["http.response.status_code"] == 401
    assert "url.full" not in answered.facts
    assert refused.failed
    assert refused.facts["error.type"] == "ConnectError"
    assert not any(told.sent.events for told in collector.spans)
    assert b"S3CRET" not in b"".join(collector.bodies)
    assert b"t0psecret" not in b"".join(collector.bodies)


def test_no_request_says_which_trace_it_belongs_to(collector: Collector) -> None:
    headers = {"content-type": "application/x-protobuf"}
    with traced(settings(collector)), httpx.Client(trust_env=False) as http, doing("upload", job="k7wqpd"):
        http.post(f"{collector.address}/v1/traces", content=b"", headers=headers)
        (seen,) = collector.headers
    assert seen["content-type"] == "application/x-protobuf"
    assert "traceparent" not in seen
    assert collector.named("POST")


def test_ticks_are_told_when_they_did_something_and_linked_to_what_they_began(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        ticks = {name: (lambda now, stage=stage: stage(ctx, now)) for name, stage in STAGES.items()}
        charge = Charge(lambda: True)
        runs = {name: guarded(name, tick, ctx.clock, Pulse(), charge) for name, tick in ticks.items()}
        for run in runs.values():
            run()
        job = started(ctx, mugs(tmp_path))
        for name in ("assemble", "submit"):
            runs[name]()
    told = {span.name: span for span in collector.spans if span.name.startswith("tick ")}
    assert set(told) == {"tick assemble", "tick submit"}, "those that found nothing are not told"
    assert told["tick assemble"].facts["imgbatch.did"] == 1
    spans = {span.name: span for span in collector.of(job.id)}
    assert spans["submit"].links == [told["tick submit"].id]
    assert spans["submit"].trace != told["tick submit"].trace
    assert not told["tick submit"].parent


def test_a_tick_that_fails_is_told_and_its_line_in_the_log_leads_to_the_span(collector: Collector) -> None:
    def broken(_: object) -> int:
        with doing("poll", job="k7wqpd"):
            raise AskAgain("Bearer t0psecret0000", kind=FailureKind.TIMEOUT)

    with written() as out, traced(settings(collector)):
        guarded("poll", broken, now, Pulse(), Charge(lambda: True))()
    (tick,), (poll,) = collector.named("tick poll"), collector.named("poll")
    assert tick.failed
    assert poll.failed
    assert poll.facts["error.type"] == "timeout"
    (line,) = [line for line in lines(out) if "exception" in line]
    assert (line["trace_id"], line["span_id"]) == (poll.trace, poll.id)


def test_lines_of_the_log_lead_to_their_span_where_they_are_read_by_programs(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    with (
        written() as out,
        written("text") as text,
        opened(tmp_path / "data", simulator, settings(collector)) as ctx,
    ):
        job = run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    spans = {told.id: told for told in collector.of(job.id)}
    (settled,) = [line for line in lines(out) if line["message"].startswith("settled")]
    assert spans[settled["span_id"]].name == "poll"
    assert spans[settled["span_id"]].trace == settled["trace_id"]
    assert settled["trace_id"] not in text.getvalue()


def test_without_traces_the_log_says_nothing_of_them(simulator: OpenAISimulator, tmp_path: Path) -> None:
    with written() as out, opened(tmp_path / "data", simulator, Settings()) as ctx:
        run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    assert lines(out)
    assert not any("trace_id" in line or "span_id" in line for line in lines(out))


def test_a_thread_tells_them_while_traces_are_on(collector: Collector) -> None:
    def telling() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("Otel")]

    assert not telling()
    with traced(settings(collector)):
        assert telling() == ["OtelBatchSpanRecordProcessor"]
    assert not telling()


def test_without_the_extra_the_log_says_so_and_everything_goes_on(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES, None)  # as if it were not installed
    with written() as out, traced(settings(collector)), make_context(tmp_path / "data") as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path), size=Size(64, 64)))
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 4}
    (line,) = [line for line in lines(out) if line["logger"] == "bot.app"]
    assert "the extra “tracing” is not installed" in line["message"]
    assert not collector.bodies


def test_an_export_is_told(collector: Collector, tmp_path: Path) -> None:
    with traced(settings(collector)), make_context(tmp_path / "data") as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path), size=Size(64, 64)))
        wish = ExportWish(which="all").to_json()
        ctx.shelf.ask_export(Export("e1", job.id, "tester", wish, ExportState.ASKED, (), ctx.clock()))
        assert pack(ctx, ctx.clock()) == 1
    (export,) = collector.named("export")
    assert export.facts["imgbatch.job"] == job.id
    assert export.facts["imgbatch.outcome"] == "ready"
    assert export.facts["imgbatch.files"] == 4
    whole(collector.of(job.id))


def sampled(collector: Collector, **how: Any) -> set[str]:
    collector.spans.clear()
    with traced(settings(collector, **how)):
        for number in range(200):
            with doing("poll", job=f"job{number}"), doing("openai poll", call=True):
                pass
    return {str(told.facts["imgbatch.job"]) for told in collector.named("openai poll")}


def test_a_job_is_told_as_a_whole_or_not_at_all_by_every_process(collector: Collector) -> None:
    half: Mapping[str, Any] = {
        "otel_traces_sampler": "parentbased_traceidratio",
        "otel_traces_sampler_arg": 0.5,
    }
    first = sampled(collector, **half)
    assert 60 < len(first) < 140
    assert len(collector.spans) == 2 * len(first)
    assert sampled(collector, **half) == first
    assert sampled(collector, otel_traces_sampler="always_off") == set()
    assert len(sampled(collector, otel_traces_sampler="always_on")) == 200


def test_two_installations_do_not_share_the_trace_of_a_job(collector: Collector) -> None:
    for service in ("imgbatch", "imgbatch-staging"):
        with traced(settings(collector, otel_service_name=service)), doing("poll", call=True, job="k7wqpd"):
            pass
    one, other = collector.named("poll")
    assert one.trace != other.trace
    assert other.service["service.name"] == "imgbatch-staging"


def test_a_job_of_very_many_calls_is_cut_short_but_not_its_failures(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.span_delivery.MOST_SPANS", 10)
    with traced(settings(collector)):
        for number in range(30):
            try:
                with doing("generate_content m", call=True, job="k7wqpd", row=number):
                    if number == 25:
                        raise AskAgain("no")
            except AskAgain:
                pass
        with doing("collect", job="k7wqpd") as step:
            step.note(pictures=30)
    rows = [told.facts["imgbatch.row"] for told in collector.named("generate_content m")]
    assert rows == [*range(10), 25]
    assert collector.named("collect")


def test_a_collector_that_is_down_is_said_once_and_disturbs_nothing(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    collector.answer = 400
    with written() as out, traced(settings(collector)):
        for number in range(1, 4):
            with doing("poll", call=True, job="k7wqpd"):
                pass
            collector.wait(lambda number=number: len(collector.bodies) >= number)  # type: ignore[misc]
        collector.answer = 200
        with doing("poll", call=True, job="k7wqpd"):
            pass
        collector.wait(lambda: collector.spans)
    said = [line for line in lines(out) if line["logger"].startswith(("bot.span", "opentelemetry"))]
    assert [line["level"] for line in said] == ["warning", "info"]
    assert "400" in said[0]["message"]


def test_a_collector_that_never_answers_does_not_hold_up_the_end(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.spans.SHUTDOWN_SECONDS", 0.2)
    assert SHUTDOWN_SECONDS < 10, "a container is killed after that"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with traced(Settings(otel_exporter_otlp_endpoint=address)):
            with doing("poll", call=True, job="k7wqpd"):
                pass
            began = time.monotonic()
        assert time.monotonic() - began < 8, "the package alone waits for ten seconds"
    assert "did not get through" in caplog.text
