"""A collector of traces on loopback: OTLP over HTTP, read with the vendor's own messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from bot.config import Settings

Value = str | int | float | bool


@dataclass(frozen=True)
class Told:
    """A span as it arrived."""

    sent: Sent
    scope: str
    service: Mapping[str, Value]

    @property
    def name(self) -> str:
        return self.sent.name

    @property
    def trace(self) -> str:
        return self.sent.trace_id.hex()

    @property
    def id(self) -> str:
        return self.sent.span_id.hex()

    @property
    def parent(self) -> str:
        return self.sent.parent_span_id.hex()

    @property
    def failed(self) -> bool:
        return self.sent.status.code == Status.STATUS_CODE_ERROR

    @property
    def facts(self) -> dict[str, Value]:
        return {pair.key: _value(pair.value) for pair in self.sent.attributes}

    @property
    def links(self) -> list[str]:
        return [link.span_id.hex() for link in self.sent.links]


@dataclass
class Collector:
    address: str
    spans: list[Told] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    answer: int = 200
    """The status it answers with; spans are kept at 200 alone."""
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, headers: Mapping[str, str]) -> None:
        asked = ExportTraceServiceRequest.FromString(body)
        with self._arrived:
            self.bodies.append(body)
            self.headers.append(headers)
            if self.answer == 200:
                for whole in asked.resource_spans:
                    service = {pair.key: _value(pair.value) for pair in whole.resource.attributes}
                    for part in whole.scope_spans:
                        self.spans += [Told(span, part.scope.name, service) for span in part.spans]
            self._arrived.notify_all()

    def wait(self, enough: Callable[[], object], seconds: float = 60) -> None:
        with self._arrived:
            assert self._arrived.wait_for(enough, seconds), "it never came"

    def of(self, job: str) -> list[Told]:
        """The spans about a job, as they began."""
        found = [told for told in self.spans if told.facts.get("imgbatch.job") == job]
        return sorted(found, key=lambda told: told.sent.start_time_unix_nano)

    def named(self, name: str) -> list[Told]:
        return [told for told in self.spans if told.name == name]


def _value(value: AnyValue) -> Value:
    return getattr(value, str(value.WhichOneof("value")))  # type: ignore[no-any-return]


def waterfall(spans: list[Told], width: int = 60) -> str:
    """The spans of one trace as a viewer draws them."""
    start = min(told.sent.start_time_unix_nano for told in spans)
    whole = max(told.sent.end_time_unix_nano for told in spans) - start or 1
    below: dict[str, list[Told]] = {}
    known = {told.id for told in spans}
    for told in sorted(spans, key=lambda told: told.sent.start_time_unix_nano):
        below.setdefault(told.parent if told.parent in known else "", []).append(told)
    lines: list[str] = []

    def draw(parent: str, depth: int) -> None:
        for told in below.get(parent, []):
            began = (told.sent.start_time_unix_nano - start) / whole
            ended = (told.sent.end_time_unix_nano - start) / whole
            left, right = int(began * width), max(int(ended * width), int(began * width) + 1)
            bar = " " * left + ("x" if told.failed else "=") * (right - left)
            seconds = (told.sent.end_time_unix_nano - told.sent.start_time_unix_nano) / 1e9
            lines.append(f"{'  ' * depth + told.name:<44} {seconds:>9.3f}s |{bar:<{width}}|")
            draw(told.id, depth + 1)

    draw("", 0)
    return "\n".join(lines)


def settings(collector: Collector, **more: Any) -> Settings:
    return Settings(otel_exporter_otlp_endpoint=collector.address, **more)


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
            if found:
                collector.take(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(collector.answer if found else 404)
            content = ExportTraceServiceResponse().SerializeToString()
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
