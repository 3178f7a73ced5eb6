"""What is told of single steps, which of them, and what becomes of it when nobody listens."""

from __future__ import annotations

import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.app import traced
from bot.config import Settings
from bot.doctor.examine import look
from bot.doctor.finding import State
from bot.doctor.traces import traces
from bot.logs import formatter
from bot.pulse import Pulse
from bot.runtime import now
from bot.scheduler import Charge, guarded
from bot.spans import SHUTDOWN_SECONDS
from bot.tracing import PACKAGES, doing
from providers.base import AskAgain, FailureKind
from providers.simulators.openai import OpenAISimulator
from tests.test_logs import lines, written
from tests.tracing.collector import Collector, settings


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


def test_a_thread_tells_them_while_traces_are_on(collector: Collector) -> None:
    def telling() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("Otel")]

    assert not telling()
    with traced(settings(collector)):
        assert telling() == ["OtelBatchSpanRecordProcessor"]
    assert not telling()


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
    for thread in threading.enumerate():  # what it has to say still is not for the next test's log
        if thread.name.startswith(("last-spans", "Otel")):
            thread.join(60)


def test_a_header_that_is_no_header_is_not_quoted_in_the_log(collector: Collector) -> None:
    given = settings(
        collector,
        otel_exporter_otlp_headers=SecretStr(
            "x-team=pictures,x-api-key=0123456789abcdef,authorization Bearer:c0llector"
        ),
    )
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(given))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with traced(given), doing("poll", call=True, job="k7wqpd"):
            logging.getLogger("bot.trial").warning("pictures told with 0123456789abcdef")
    finally:
        root.removeHandler(handler)
    assert "pictures told with [hidden]" in out.getvalue(), "a short value is no key"
    assert "invalid" in out.getvalue()
    assert "c0llector" not in out.getvalue()
    assert collector.headers[0]["x-team"] == "pictures"


# --- the doctor ----------------------------------------------------------------------------------------


def test_the_doctor_asks_the_collector_as_the_bot_would(collector: Collector) -> None:
    wanted = settings(collector, otel_exporter_otlp_headers=SecretStr("x-api-key=c0llector"))
    (found,) = look(wanted, [traces])
    assert (found.state, found.sentence) == (
        State.GOOD,
        f"The collector at {collector.address}/v1/traces takes them.",
    )
    assert collector.bodies == [b""], "nothing is told"
    assert collector.headers[0]["x-api-key"] == "c0llector"
    collector.answer = 401
    (found,) = look(wanted, [traces])
    assert found.state is State.WARNING
    assert "401" in found.sentence
    assert "c0llector" not in found.sentence


def test_the_doctor_says_that_a_collector_is_not_reached(collector: Collector) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    (found,) = look(Settings(otel_exporter_otlp_endpoint=address), [traces])
    assert found.state is State.WARNING
    assert "could not be reached" in found.sentence


def test_the_doctor_has_no_word_on_traces_that_are_off_and_one_on_a_missing_extra(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(Settings(), [traces]) == []
    monkeypatch.setitem(sys.modules, PACKAGES, None)
    (found,) = look(settings(collector), [traces])
    assert found.state is State.WARNING
    assert "“tracing”" in found.sentence
