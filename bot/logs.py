"""What the program writes to its log: one line an event, as text or JSON, with the ids it is about and
without secrets.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

from bot.config import Settings, split
from providers.wire.errors import hide

log = logging.getLogger(__name__)

FIELDS = ("tick", "job", "row", "item", "submission", "provider", "inbox")
"""What a line may be about, in the order it is written. `row` is the number of the sheet's row, `item` of the
picture.
"""

TRACE_FIELDS = ("trace_id", "span_id")
"""Written as JSON, where traces are on: what joins a line to its span."""

LEAST_KEY = 16
"""Characters from which on the value of a collector's header is taken for a key: a shorter one is more likely
the name of a team, which may stand in any line.
"""

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))

NOISY = ("slack_sdk", "slack_bolt", "httpx", "httpcore", "apscheduler", "urllib3", "opentelemetry")
"""Packages that print tokens and signed addresses, or every call, when they are let."""

_REPLY_ADDRESS = re.compile(r"\bhooks\.slack\.com/[\w/-]+")
"""Whoever has such an address may write into the conversation it belongs to."""

_LINE_ENDS = str.maketrans({"\n": "␤", "\r": "␤", "\u2028": "␤", "\u2029": "␤", "\x85": "␤", "\x1b": "␛"})
"""So that nothing a stranger wrote, a sheet's cell or a vendor's message, begins a line of its own."""


_CARRIED = "imgbatch_about"
"""On an error: what was being worked on where it was raised, for the line that a guard further up writes."""


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Every line written in this block, by this thread, carries these ids (`FIELDS`); so does a line with the
    traceback of an error that leaves the block.
    """
    known = {**_ABOUT.get(), **{name: str(value) for name, value in ids.items() if value is not None}}
    token = _ABOUT.set(known)
    try:
        yield
    except Exception as problem:
        problem.__dict__.setdefault(_CARRIED, known)  # the innermost block knows most
        raise
    finally:
        _ABOUT.reset(token)


def known() -> Mapping[str, str]:
    """What lines written now, by this thread, are about."""
    return _ABOUT.get()


def set_up(settings: Settings, least: int = logging.DEBUG) -> None:
    """Write to standard error from now on, as IMGBATCH_LOG and IMGBATCH_LOG_FORMAT say, but nothing below
    `least`.
    """
    handler = _StandardError()
    handler.setFormatter(formatter(settings))
    root = logging.getLogger()
    root.handlers[:] = [other for other in root.handlers if not isinstance(other.formatter, _Lines)]
    root.addHandler(handler)
    root.setLevel(max(least, logging.getLevelNamesMapping()[settings.imgbatch_log.upper()]))
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _StandardError(logging.Handler):
    """Writes to what standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            # Broad on purpose, as logging's own handlers are: the log must not break what it tells of.
            self.handleError(record)


def take_over() -> None:
    """What a thread dies of, and what Python warns of, is written to the log from now on."""
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_type is SystemExit:
        return
    error = died.exc_value or died.exc_type()
    log.critical("the thread %s died", died.thread.name if died.thread else "?", exc_info=error)


def formatter(settings: Settings) -> logging.Formatter:
    """How lines are written with these settings, whose secrets never stand in one."""
    form = JsonLines if settings.imgbatch_log_format == "json" else TextLines
    return form(secrets_of(settings))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret value of the settings, the database's password among them; also as they stand in
    addresses.
    """
    given = [getattr(settings, name) for name in type(settings).model_fields]
    secrets = [value.get_secret_value() for value in given if isinstance(value, SecretStr)]
    password = urlsplit(settings.imgbatch_database_url or "").password or ""
    headers = split(settings.named("otel_exporter_otlp_headers") or "")
    values = [header.partition("=")[2].strip() for header in headers]
    keys = [value for value in values if len(value) >= LEAST_KEY]
    plain = [secret for secret in (*secrets, password, unquote(password), *headers, *keys) if secret]
    return tuple(dict.fromkeys([*plain, *(quote(secret, safe="") for secret in plain)]))


class _Lines(logging.Formatter):
    """What both forms share: time, ids, and words without secrets."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def _at(self, record: logging.LogRecord) -> datetime:
        return datetime.fromtimestamp(record.created, UTC)

    def _ids(self, record: logging.LogRecord) -> dict[str, str]:
        known = {**self._carried(record), **_ABOUT.get()}
        given = {name: getattr(record, name, known.get(name)) for name in FIELDS}
        return {name: self._safe(str(value)) for name, value in given.items() if value is not None}

    def _carried(self, record: logging.LogRecord) -> Mapping[str, str]:
        carried: Mapping[str, str] = getattr(record.exc_info[1] if record.exc_info else None, _CARRIED, {})
        return carried

    def _safe(self, words: str) -> str:
        return _REPLY_ADDRESS.sub("hooks.slack.com/[hidden]", hide(words, self._secrets))

    def _trace(self, record: logging.LogRecord) -> str:
        """The traceback, and the stack where one was asked for."""
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        parts += [self.formatStack(record.stack_info)] if record.stack_info else []
        return self._safe("\n".join(parts))


class TextLines(_Lines):
    """For people: `2026-11-23 09:00:00.123 INFO bot.pipeline.poll: words [job=abc submission=xyz]`.

    The lines of a traceback follow, each marked as part of it.
    """

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in self._ids(record).items())
        words = f"{self._safe(record.getMessage())}{f' [{ids}]' if ids else ''}".translate(_LINE_ENDS)
        at = self._at(record).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        lines = [f"{at} {record.levelname:<7} {record.name}: {words}"]
        lines += [f"    | {line}" for line in self._trace(record).splitlines()]
        return "\n".join(lines)


class JsonLines(_Lines):
    """For programs: one JSON object a line, with the ids as fields and a traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": self._at(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._safe(record.getMessage()),
            **self._ids(record),
            **self._span(record),
        }
        trace = self._trace(record)
        if trace:
            said["exception"] = trace
        return json.dumps(said)  # in ASCII: some programs take U+2028 for the end of a line

    def _span(self, record: logging.LogRecord) -> dict[str, str]:
        """The span in which it was written, or in which the error was raised that it tells of."""
        known = {**_ABOUT.get(), **self._carried(record)}
        return {name: known[name] for name in TRACE_FIELDS if name in known}
