"""What APIs that answer at once have in common: one line out, one answer back, nothing to ask about later.

Composed, not inherited: an adapter gives its wire and how it reads a failure, and keeps its own dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from providers.asking import unsayable
from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    ItemResult,
    Lane,
    Made,
    NoLookup,
    Outgoing,
    ProviderError,
    Refused,
    TellOperator,
)
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Reply, Wire
from providers.wire.errors import retry_after, whole_call
from providers.wire.shapes import Unreadable, mapping, parse_object, text

_STOPS_ALL = (FailureKind.RATE_LIMITED, FailureKind.AUTH, FailureKind.QUOTA)
"""Failures of one call that every other call would meet as well."""


def line(key: str, body: Mapping[str, Any]) -> bytes:
    """One request as it is kept until it is sent. Raises Refused for text that is no Unicode."""
    try:
        return jsonl.encode({"custom_id": key, "body": body})
    except ValueError:
        raise unsayable("the prompt holds characters that are not Unicode text") from None


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Calls to one vendor whose API is synchronous."""

    title: str
    variable: str
    """The setting with the vendor's address; named to the operator when it leads elsewhere."""
    wire: Wire
    clock: Callable[[], datetime]
    failure: Callable[[Reply, str], Failure]
    """What a reply that is no success says. The second argument is the prompt, to be kept out of it."""
    request_id: str = "x-request-id"
    """The header that names a call to the vendor's support, in lower case."""
    pause: timedelta | None = None
    """How long to wait after "too many requests" where the vendor does not say."""

    def answer(self, outgoing: Outgoing, outcome: Callable[[Mapping[str, Any]], Made | Failure]) -> Answered:
        """Send the one line of a live submission; `outcome` reads the body of a success.

        Raises AskAgain for a rate limit, TellOperator for the key, the money or an address that leads
        elsewhere, MaybeAccepted for a lost reply; whatever else is wrong is an answer about the item.
        """
        if outgoing.lane is not Lane.LIVE:
            raise unsayable(f"{self.title} answers at once and takes no batches")
        wish = self._only_line(outgoing)
        body = mapping(wish.get("body"))
        reply = self.wire.call(
            "POST",
            outgoing.group,
            creates=True,
            content=jsonl.encode(body),
            making=True,
            limit=PICTURE_LIMIT,
        )
        found = self._read(reply, text(body.get("prompt")), outcome)
        return Answered((ItemResult(text(wish.get("custom_id")), found),))

    def ask(self, path: str, what: str) -> Mapping[str, Any]:
        """The answer to a question that costs nothing. Raises ProviderError."""
        reply = self.wire.call("GET", path)
        if not reply.ok:
            if reply.status in (404, 410):
                raise Gone(self._sentence(reply, self.failure(reply, "")))
            error = self.refusal(reply, "questions", creates=False)
            if isinstance(error, Refused):
                raise TellOperator(str(error), kind=error.failure.kind)
            raise error
        try:
            return reply.parsed()
        except Unreadable as problem:
            raise AskAgain(f"{self.title}'s answer about {what} is {problem}") from None

    def refusal(self, reply: Reply, what: str, *, creates: bool, prompt: str = "") -> ProviderError:
        """The error for a call that was not taken."""
        if 300 <= reply.status < 400:
            return TellOperator(
                f"The address set for {self.title} sends {what} elsewhere ({reply.status}), where the key "
                f"must not go: check {self.variable}",
                kind=FailureKind.AUTH,
            )
        failed = self.failure(reply, prompt)
        wait = retry_after(reply.headers, self.clock())
        if failed.kind is FailureKind.RATE_LIMITED and wait is None:
            wait = self.pause
        return whole_call(failed, self._sentence(reply, failed), creates=creates, retry_after=wait)

    def no_lookup(self) -> NoLookup:
        return NoLookup(f"{self.title} keeps no list of what it was asked")

    def gone(self) -> Gone:
        return Gone(f"{self.title} answers at once; there is nothing to ask about later")

    def _only_line(self, outgoing: Outgoing) -> Mapping[str, Any]:
        with outgoing.open() as payload:
            lines = list(jsonl.split([payload.read()]))
        if len(lines) != 1 or outgoing.count != 1:
            raise unsayable(f"a live call takes one picture at a time, not {len(lines)}")
        try:
            return parse_object(lines[0].content)
        except Unreadable as problem:
            raise unsayable(f"the kept request is {problem}") from None

    def _read(
        self, reply: Reply, prompt: str, outcome: Callable[[Mapping[str, Any]], Made | Failure]
    ) -> Made | Failure:
        if reply.ok and reply.too_long:
            words = f"the answer is longer than {PICTURE_LIMIT // 1024**2} MiB and was not read"
            return Failure(FailureKind.UNKNOWN, "too_long", words, Billed.YES)
        if reply.ok:
            try:
                return outcome(reply.parsed())
            except Unreadable as problem:
                return Failure(FailureKind.UNKNOWN, "unreadable", f"the answer is {problem}", Billed.UNKNOWN)
        failed = self.failure(reply, prompt)
        if failed.kind in _STOPS_ALL or 300 <= reply.status < 400:
            raise self.refusal(reply, "the picture", creates=True, prompt=prompt)
        wait = retry_after(reply.headers, self.clock())
        return failed if wait is None else replace(failed, retry_after=wait)

    def _sentence(self, reply: Reply, failed: Failure) -> str:
        request_id = self.wire.safe(reply.headers.get(self.request_id, ""))
        about = f"{reply.status} {failed.code}".strip() + (f", request {request_id}" if request_id else "")
        return f"{self.title}: {failed.message} ({about})"
