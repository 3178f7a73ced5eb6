"""OpenTelemetry's spans, imported when traces are on.

A job is one trace, through restarts and days: its id is a hash of the job's, so that whoever works on the
job tomorrow goes on with the same trace without anything having been kept. The first span of a job
(`plan job`) and of a batch (`pack`) have ids made in the same way; what is done later hangs below them. What
is not for one job, the ticks above all, has traces of its own, and work that was begun there links back.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from bot.config import Settings
from bot.logs import about, known, secrets_of
from bot.span_delivery import IDLE, OURS, Clean, Kept, Reasons
from bot.tracing import IDS, Fact
from providers.base import Lane

log = logging.getLogger(__name__)

NUMBERS = frozenset({"row", "item", "inbox"})
"""Ids that are numbers."""

SHUTDOWN_SECONDS = 3.0
"""How long the last spans may take at the end: a container is killed ten seconds after it is told to stop."""

REACH_SECONDS = 5
"""How long the doctor waits for the collector."""

STABLE_NAMES = "OTEL_SEMCONV_STABILITY_OPT_IN"
"""Without “http” in it the httpx package writes the names of 2022."""


class Step:
    """One span (`bot.tracing.Step`)."""

    def __init__(self, span: Span, job: str | None, began: int | None, until: int | None, told: bool) -> None:
        self._span = span
        self._around = _STEP.get()
        self._until = until
        self._told = told
        self.job = job
        """Whose trace it is in; None: one of its own."""
        self.began = began
        self.context = span.get_span_context()

    def note(self, **facts: Fact) -> None:
        self._told = True
        for name, value in facts.items():
            self._span.set_attribute(name if "." in name else f"{OURS}.{name}", value)

    def failed(self, problem: Exception) -> None:
        self.note(**{"error.type": error_type(problem)})
        self._span.set_status(Status(StatusCode.ERROR))

    @contextmanager
    def within(self) -> Iterator[None]:
        ids = {
            "trace_id": trace.format_trace_id(self.context.trace_id),
            "span_id": trace.format_span_id(self.context.span_id),
        }
        token = _STEP.set(self)
        try:
            with (
                trace.use_span(self._span, record_exception=False, set_status_on_exception=False),
                about(**ids),
            ):
                yield
        finally:
            _STEP.reset(token)

    def end(self, problem: Exception | None = None) -> None:
        if problem is not None:
            self.failed(problem)
        if not self._told:
            self._span.set_attribute(IDLE, value=True)
        elif self._around is not None:
            self._around._told = True
        self._span.end(self._until)


_STEP: ContextVar[Step | None] = ContextVar("step", default=None)


def error_type(problem: Exception) -> str:
    """Its kind or code where it has one, else its class; never its message."""
    kind = getattr(getattr(problem, "failure", problem), "kind", None) or getattr(problem, "code", None)
    return str(kind) if kind else type(problem).__name__


class _Ids(RandomIdGenerator):
    """Random ids but where those of the span to come are known."""

    def __init__(self) -> None:
        self.next: ContextVar[SpanContext | None] = ContextVar("next", default=None)

    def generate_trace_id(self) -> int:
        fixed = self.next.get()
        return fixed.trace_id if fixed else super().generate_trace_id()

    def generate_span_id(self) -> int:
        fixed = self.next.get()
        return fixed.span_id if fixed else super().generate_span_id()


class Spans:
    """The spans of this process until `close` (`bot.tracing.Tracer`)."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError where a variable of OpenTelemetry's makes no sense."""
        _hand_over(settings)
        self._service = settings.otel_service_name
        self._ids = _Ids()
        self._exporter = Clean(OTLPSpanExporter(), secrets_of(settings))
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": self._service, "service.version": version("imgbatch")}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(Kept(self._exporter))
        self._tracer = self._provider.get_tracer(OURS)
        # Requests to vendors say nothing of our traces.
        self._propagators = propagate.get_global_textmap()
        propagate.set_global_textmap(CompositePropagator([]))
        self._http = HTTPXClientInstrumentor()
        self._http.instrument(tracer_provider=self._provider, skip_dep_check=True)

    def begin(self, name: str, *, call: bool, first: bool) -> Step:
        ids, around = known(), _STEP.get()
        kind = SpanKind.CLIENT if call else SpanKind.INTERNAL
        if first:
            return self._begin_first(name, ids)
        if "job" in ids and (around is None or around.job != ids["job"]):
            return self._start(name, ids, self._below(ids), kind=kind, told=call)
        return self._start(name, ids, None, kind=kind, told=call)

    def _begin_first(self, name: str, ids: Mapping[str, str]) -> Step:
        around = _STEP.get()
        if "submission" in ids:
            root = self._place(ids["job"])
            return self._start(name, ids, _under(root), fixed=self._place(ids["job"], ids["submission"]))
        # What led to it was begun before it, and is below it all the same.
        began = around.began if around is not None and around.job == ids["job"] else None
        return self._start(name, ids, Context(), fixed=self._place(ids["job"]), began=began)

    def lasted(self, name: str, since: datetime, until: datetime) -> Step:
        ids = known()
        return self._start(name, ids, self._below(ids), began=_nanoseconds(since), until=_nanoseconds(until))

    def note(self, **facts: Fact) -> None:
        step = _STEP.get()
        if step is not None:
            step.note(**facts)

    def close(self) -> None:
        self._http.uninstrument()
        propagate.set_global_textmap(self._propagators)
        # In a thread: a collector that takes the connection and says nothing would hold us up.
        last = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(SHUTDOWN_SECONDS)
        if last.is_alive():
            log.warning("the last spans did not get through in %.0f s", SHUTDOWN_SECONDS)
            self._exporter.shutdown()

    def _start(
        self,
        name: str,
        ids: Mapping[str, str],
        under: Context | None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        fixed: SpanContext | None = None,
        began: int | None = None,
        until: int | None = None,
        told: bool = True,
    ) -> Step:
        """`under`: what it hangs below; None: what is under way in this thread."""
        around = _STEP.get()
        job = ids.get("job") if under is not None else around.job if around is not None else None
        begun_elsewhere = under is not None and around is not None and around.job != job
        token = self._ids.next.set(fixed)
        try:
            span = self._tracer.start_span(
                name,
                under,
                kind,
                {f"{OURS}.{name}": _value(name, ids[name]) for name in IDS if name in ids},
                links=[Link(around.context)] if around is not None and begun_elsewhere else None,
                start_time=began,
                record_exception=False,
                set_status_on_exception=False,
            )
        finally:
            self._ids.next.reset(token)
        return Step(span, job, getattr(span, "start_time", None), until, told)

    def _below(self, ids: Mapping[str, str]) -> Context:
        """Where work on a job hangs that is not part of other work on it: below the batch, or the job."""
        # A live call is its own first span: there is nothing to hang below.
        batch = ids.get("submission") if ids.get("lane") == Lane.BATCH else None
        return _under(self._place(ids["job"], batch))

    def _place(self, job: str, submission: str | None = None) -> SpanContext:
        """The first span of a job, or of a submission: the same in every process of this service's name."""
        whole = sha256(f"{self._service}/{job}".encode()).digest()
        part = sha256(f"{self._service}/{job}/{submission or ''}".encode()).digest()
        trace_id = int.from_bytes(whole[:16], "big")
        # The whole job is sampled or not, by its id: nobody has to remember.
        sampled = self._provider.sampler.should_sample(None, trace_id, "job").decision is not Decision.DROP
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return SpanContext(trace_id, int.from_bytes(part[:8], "big"), is_remote=True, trace_flags=flags)


def reach(settings: Settings) -> str:
    """Why the collector does not take spans, as it or the network says; empty where it does.

    Raises ValueError where a variable of OpenTelemetry's makes no sense.
    """
    _hand_over(settings)
    exporter = OTLPSpanExporter(timeout=REACH_SECONDS)
    try:
        with Reasons() as reasons:
            return "" if exporter.export([]) is SpanExportResult.SUCCESS else reasons.last or "no answer"
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _under(place: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(place), Context())


def _hand_over(settings: Settings) -> None:
    """Give the packages, which read the environment alone, what stands in `.env` or the TOML file."""
    for name in type(settings).model_fields:
        value = settings.named(name) if name.startswith("otel_") else None
        if value:
            os.environ[name.upper()] = value
    opted = os.environ.get(STABLE_NAMES, "")
    if "http" not in opted.split(","):
        os.environ[STABLE_NAMES] = f"{opted},http".lstrip(",")


def _value(name: str, value: str) -> str | int:
    return int(value) if name in NUMBERS and value.isdecimal() else value


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
