"""What APIs that answer at once have in common: one line out, one answer back, nothing to ask about later.

Composed, not inherited: an adapter gives its wire and how it reads its replies, and keeps its own dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.asking import kept_line, same_lines, unsayable
from providers.base import Answered, Failure, Gone, ItemResult, Lane, Made, NoLookup, Outgoing
from providers.wire import jsonl
from providers.wire.client import PICTURE_LIMIT, Wire
from providers.wire.replies import Replies
from providers.wire.shapes import mapping, text


def line(key: str, body: Mapping[str, Any]) -> bytes:
    """One request as it is kept until it is sent. Raises Refused for text that is no Unicode."""
    return kept_line({"custom_id": key, "body": body})


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Calls to one vendor whose API is synchronous."""

    wire: Wire
    replies: Replies

    def answer(self, outgoing: Outgoing, outcome: Callable[[Mapping[str, Any]], Made | Failure]) -> Answered:
        """Send the one line of a live submission; `outcome` reads the body of a success.

        Raises AskAgain for a rate limit, TellOperator for the key, the money or an address that leads
        elsewhere, MaybeAccepted for a lost reply; whatever else is wrong is an answer about the item.
        """
        return self.answer_together(outgoing, 1, lambda body, _: [outcome(body)])

    def answer_together(
        self,
        outgoing: Outgoing,
        most: int,
        outcomes: Callable[[Mapping[str, Any], int], Sequence[Made | Failure]],
    ) -> Answered:
        """The same for up to `most` lines of one request, in one call that says how many (`n`)."""
        if outgoing.lane is not Lane.LIVE:
            raise unsayable(f"{self.replies.title} answers at once and takes no batches")
        keys, wish = same_lines(outgoing, most)
        number = len(keys)
        body = mapping(wish.get("body"))
        reply = self.wire.call(
            "POST",
            outgoing.group,
            creates=True,
            content=jsonl.encode(body if number == 1 else {**body, "n": number}),
            making=True,
            limit=number * PICTURE_LIMIT,
        )
        found = self.replies.drawn_together(reply, text(body.get("prompt")), number, outcomes)
        return Answered(tuple(map(ItemResult, keys, found)))

    def ask(self, path: str, what: str) -> Mapping[str, Any]:
        """The answer to a question that costs nothing. Raises ProviderError."""
        return self.replies.read(self.wire.call("GET", path), what)

    def no_lookup(self) -> NoLookup:
        return NoLookup(f"{self.replies.title} keeps no list of what it was asked")

    def gone(self) -> Gone:
        return Gone(f"{self.replies.title} answers at once; there is nothing to ask about later")
