"""Traces: what was done for a job and how long it took, told to an OpenTelemetry collector if one is set up.

Off, nothing is imported and nothing kept: `doing` is then no more than `bot.logs.about`. What a span is and
where it goes is in `bot.spans`, which is imported only when traces are on.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Protocol

from bot.config import Settings
from bot.logs import about
from storage.records import Submission

Fact = str | int | float | bool
"""A figure or a word of ours; never what a person wrote, a key or an address."""

IDS = ("tick", "inbox", "job", "row", "item", "submission", "provider", "model", "lane")
"""What is told of the ids that a step is about."""

PACKAGES = "opentelemetry.instrumentation.httpx"
"""There when the extra `tracing` is installed."""

MISSING = "Traces are asked for, but the extra “tracing” is not installed: pip install 'imgbatch[tracing]'."


class Step(Protocol):
    """A piece of work under way. One in which nothing happens is not told: no step within it, no fact, no
    error.
    """

    def note(self, **facts: Fact) -> None:
        """Add facts to it: `imgbatch.NAME`."""

    def failed(self, problem: Exception) -> None:
        """It came to nothing, though whoever does it goes on."""

    def within(self) -> AbstractContextManager[None]:
        """What is done in this block, by this thread, belongs to it; so do the lines of the log."""

    def end(self, problem: Exception | None = None) -> None:
        """It is over, by this problem if there was one."""


class Tracer(Protocol):
    """What `bot.spans` gives while traces are on."""

    def begin(self, name: str, *, call: bool, first: bool) -> Step: ...

    def lasted(self, name: str, since: datetime, until: datetime) -> Step: ...

    def note(self, **facts: Fact) -> None: ...

    def close(self) -> None:
        """Tell the last ones, which may take some seconds."""


class _Untraced:
    """A step while traces are off."""

    def note(self, **facts: Fact) -> None:
        pass

    def failed(self, problem: Exception) -> None:
        pass

    def within(self) -> AbstractContextManager[None]:
        return nullcontext()

    def end(self, problem: Exception | None = None) -> None:
        pass


UNTRACED = _Untraced()

_tracer: Tracer | None = None
"""One for the process, as the log is."""


@contextmanager
def doing(
    name: str,
    submission: Submission | None = None,
    /,
    *,
    call: bool = False,
    first: bool = False,
    **ids: object,
) -> Iterator[Step]:
    """A piece of work on a submission, or on these ids; the lines of the log carry them as well (`about`).

    It belongs to the trace of the job it is for. `call`: it asks a server something. `first`: what is done
    later for the same job (or submission) hangs below it; once for each.
    """
    with about(**_of(submission), **ids):
        if _tracer is None:
            yield UNTRACED
            return
        step, problem = _tracer.begin(name, call=call, first=first), None
        try:
            with step.within():
                yield step
        except Exception as raised:
            problem = raised
            raise
        finally:
            step.end(problem)


def begin(name: str) -> Step:
    """A call that is not made in one piece: the caller ends it."""
    return UNTRACED if _tracer is None else _tracer.begin(name, call=True, first=False)


def lasted(name: str, since: datetime | None, until: datetime, /, **ids: object) -> Step:
    """Something that was waited for, known only now that it is over; facts may be added until it is ended."""
    if _tracer is None or since is None:
        return UNTRACED
    with about(**ids):
        return _tracer.lasted(name, since, until)


def note(**facts: Fact) -> None:
    """Add facts to the step that is under way in this thread."""
    if _tracer is not None:
        _tracer.note(**facts)


def _of(submission: Submission | None) -> dict[str, str]:
    if submission is None:
        return {}
    return {
        "job": submission.job_id,
        "submission": submission.id,
        "provider": submission.provider,
        "model": submission.model,
        "lane": submission.lane,
    }


def wanted(settings: Settings) -> bool:
    """Whether the settings ask for traces."""
    named = settings.otel_exporter_otlp_endpoint or settings.otel_exporter_otlp_traces_endpoint
    exporter = settings.otel_traces_exporter or ("otlp" if named else "none")
    return exporter == "otlp" and not settings.otel_sdk_disabled


def installed() -> bool:
    """Whether the extra `tracing` is there."""
    try:
        return importlib.util.find_spec(PACKAGES) is not None
    except ModuleNotFoundError:
        return False


@contextmanager
def using(tracer: Tracer) -> Iterator[None]:
    """Traces are on, told by this tracer, until the block ends."""
    global _tracer
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before
        tracer.close()
