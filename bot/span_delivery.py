"""Which spans leave the house, with what in them, and what the log says when they do not get through."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from providers.base import Lane
from providers.wire.errors import hide

log = logging.getLogger(__name__)

OURS = "imgbatch"
"""The scope of our own spans, and what the names of our own attributes begin with."""

STANDARD = frozenset(
    {
        "error.type",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.provider.name",
        "gen_ai.request.choice.count",
        "gen_ai.request.model",
        "http.request.method",
        "http.response.status_code",
        "network.protocol.version",
        "rpc.method",
        "rpc.system.name",
        "server.address",
        "server.port",
    }
)
"""Attributes that leave the house beside our own, as the semantic conventions name them (1.41; those of
generative AI are in development). `url.full` is not among them: addresses of pictures and uploads are as good
as passwords.
"""

IDLE = "imgbatch.idle"
"""Marks a span of ours in which nothing happened."""

MOST_SPANS = 5_000
"""Of one trace, told by one process; beyond it single calls are told only where they fail. Tempo takes 5 MB
of a trace unless told otherwise, which is some 10,000 of these, and viewers get slow long before.
"""

TRACES_REMEMBERED = 1_000
"""Of how many traces it is known how many spans were told."""

SOURCE = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
"""The package's logger that tells of each try of each delivery."""


class Kept(BatchSpanProcessor):
    """Passes on, some at a time and in a thread of its own, what is worth telling."""

    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__(exporter)
        self._lock = threading.Lock()
        self._told: OrderedDict[int, int] = OrderedDict()

    def on_end(self, span: ReadableSpan) -> None:
        foreign = span.instrumentation_scope is None or span.instrumentation_scope.name != OURS
        idle = (span.attributes or {}).get(IDLE)
        # A request that belongs to nothing of ours: the doctor's, or the local workspace's own.
        if not idle and not (foreign and span.parent is None) and self._has_room(span):
            super().on_end(span)

    def _has_room(self, span: ReadableSpan) -> bool:
        if span.context is None:
            return False
        live = (span.attributes or {}).get(f"{OURS}.lane") == Lane.LIVE
        if not (live or span.kind is SpanKind.CLIENT):
            return True  # there are not many
        with self._lock:
            told = self._told.pop(span.context.trace_id, 0)
            room = told < MOST_SPANS or span.status.status_code is StatusCode.ERROR
            self._told[span.context.trace_id] = told + room
            if len(self._told) > TRACES_REMEMBERED:
                self._told.popitem(last=False)
        return room


class Clean(SpanExporter):
    """Lets nothing through but what is known to be harmless, whoever wrote it into a span."""

    def __init__(self, exporter: SpanExporter, secrets: Sequence[str]) -> None:
        self._exporter = exporter
        self._secrets = tuple(secrets)
        self._failing = False
        self._reasons = Reasons().__enter__()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export([self._clean(span) for span in spans])
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("traces do not get through, and are lost until they do: %s", self._reasons.last)
        elif self._failing and not failed:
            log.info("traces get through again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
        self._reasons.__exit__()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        """Without events and the words of a status: an error's message may quote a prompt or an address."""
        attributes = {
            name: self._safe(value)
            for name, value in (span.attributes or {}).items()
            if name in STANDARD or name.startswith(f"{OURS}.")
        }
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _safe(self, value: AttributeValue) -> AttributeValue:
        return hide(value, self._secrets) if isinstance(value, str) else value


class Reasons(logging.Filter):
    """Keeps the package's lines out of the log, one for each try and batch, and why it was for ours."""

    last = ""

    def __enter__(self) -> Reasons:
        logging.getLogger(SOURCE).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(SOURCE).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        # The last line of several tries says only that there were enough of them.
        if not self.last or "due to timeout" not in record.getMessage():
            self.last = record.getMessage()
        return False
