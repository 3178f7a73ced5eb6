"""What replies mean for the caller, once the adapter has said what a failure of its vendor is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from providers.base import (
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    Made,
    ProviderError,
    Refused,
    TellOperator,
)
from providers.together import alike
from providers.wire.client import PICTURE_LIMIT, Reply
from providers.wire.errors import retry_after, whole_call
from providers.wire.shapes import Unreadable

_STOPS_ALL = (FailureKind.RATE_LIMITED, FailureKind.AUTH, FailureKind.QUOTA)
"""Failures of one call that every other call would meet as well."""


def _not_there(reply: Reply) -> bool:
    return reply.status in (404, 410)


@dataclass(frozen=True, slots=True)
class Replies:
    """How one vendor's replies are read. Composed, not inherited: the vendor's dialect is in `failure`."""

    title: str
    variable: str
    """The setting with the vendor's address; named to the operator when it leads elsewhere."""
    safe: Callable[[str], str]
    """Takes out of words what must not be passed on."""
    clock: Callable[[], datetime]
    failure: Callable[[Reply, str], Failure]
    """What a reply that is no success says. The second argument is the prompt, to be kept out of it."""
    request_id: str = "x-request-id"
    """The header that names a call to the vendor's support, in lower case; empty where there is none."""
    pause: timedelta | None = None
    """How long to wait after "too many requests" where the vendor does not say."""
    gone: Callable[[Reply], bool] = _not_there
    """Whether what was asked about does not exist any more."""

    def sentence(self, reply: Reply, failed: Failure) -> str:
        """The failure in the vendor's words, with what its support asks for."""
        request_id = self.safe(reply.headers.get(self.request_id, ""))
        about = f"{reply.status} {failed.code}".strip() + (f", request {request_id}" if request_id else "")
        return f"{self.title}: {failed.message} ({about})"

    def refusal(self, reply: Reply, what: str, *, creates: bool, prompt: str = "") -> ProviderError:
        """The error for a call that was not taken; `what` was sent with it."""
        if 300 <= reply.status < 400:
            return TellOperator(
                f"The address set for {self.title} sends {what} elsewhere ({reply.status}), where the key "
                f"must not go: check {self.variable}",
                kind=FailureKind.AUTH,
            )
        failed = self.failure(reply, prompt)
        wait = self._wait(reply, failed)
        if failed.kind is FailureKind.RATE_LIMITED and wait is None:
            wait = self.pause
        return whole_call(failed, self.sentence(reply, failed), creates=creates, retry_after=wait)

    def unanswered(self, reply: Reply) -> ProviderError:
        """The error for a question that was not answered."""
        if self.gone(reply):
            return Gone(self.sentence(reply, self.failure(reply, "")))
        error = self.refusal(reply, "questions", creates=False)
        if isinstance(error, Refused):
            # Asking again would go on for ever, and giving the work up could lose paid pictures.
            return TellOperator(str(error), kind=error.failure.kind)
        return error

    def read(self, reply: Reply, what: str) -> Mapping[str, Any]:
        """The answer to a question about `what`. Raises ProviderError."""
        if not reply.ok:
            raise self.unanswered(reply)
        try:
            return reply.parsed()
        except Unreadable as problem:
            raise AskAgain(f"{self.title}'s answer about {what} is {problem}") from None

    def drawn(
        self, reply: Reply, prompt: str, outcome: Callable[[Mapping[str, Any]], Made | Failure]
    ) -> Made | Failure:
        """The reply to a call that makes one picture; `outcome` reads the body of a success.

        Raises for what every other call would meet as well: a rate limit, the key, the money, an address
        that leads elsewhere. Whatever else is wrong is an answer about the item.
        """
        return self.drawn_together(reply, prompt, 1, lambda body, _: [outcome(body)])[0]

    def drawn_together(
        self,
        reply: Reply,
        prompt: str,
        number: int,
        outcomes: Callable[[Mapping[str, Any], int], Sequence[Made | Failure]],
    ) -> Sequence[Made | Failure]:
        """The same for a call that makes `number` pictures of one prompt: an outcome for each."""
        if reply.ok and reply.too_long:
            words = f"the answer is longer than {number * PICTURE_LIMIT // 1024**2} MiB and was not read"
            return alike(Failure(FailureKind.UNKNOWN, "too_long", words, Billed.YES), number)
        if reply.ok:
            try:
                return outcomes(reply.parsed(), number)
            except Unreadable as problem:
                words = f"the answer is {problem}"
                return alike(Failure(FailureKind.UNKNOWN, "unreadable", words, Billed.UNKNOWN), number)
        failed = self.failure(reply, prompt)
        if failed.kind in _STOPS_ALL or 300 <= reply.status < 400:
            raise self.refusal(reply, "the picture", creates=True, prompt=prompt)
        return alike(replace(failed, retry_after=self._wait(reply, failed)), number)

    def _wait(self, reply: Reply, failed: Failure) -> timedelta | None:
        """The pause the failure asks for itself, or the one in the headers."""
        if failed.retry_after is not None:
            return failed.retry_after
        return retry_after(reply.headers, self.clock())
