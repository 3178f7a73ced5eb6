"""What APIs that answer at once have in common: one line out, one answer back, nothing to ask about later.

Composed, not inherited: an adapter gives its wire and how it reads its replies, and keeps its own dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.asking import kept_line, only_line, unsayable
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
        if outgoing.lane is not Lane.LIVE:
            raise unsayable(f"{self.replies.title} answers at once and takes no batches")
        wish = only_line(outgoing)
        body = mapping(wish.get("body"))
        reply = self.wire.call(
            "POST",
            outgoing.group,
            creates=True,
            content=jsonl.encode(body),
            making=True,
            limit=PICTURE_LIMIT,
        )
        found = self.replies.drawn(reply, text(body.get("prompt")), outcome)
        return Answered((ItemResult(text(wish.get("custom_id")), found),))

    def ask(self, path: str, what: str) -> Mapping[str, Any]:
        """The answer to a question that costs nothing. Raises ProviderError."""
        return self.replies.read(self.wire.call("GET", path), what)

    def no_lookup(self) -> NoLookup:
        return NoLookup(f"{self.replies.title} keeps no list of what it was asked")

    def gone(self) -> Gone:
        return Gone(f"{self.replies.title} answers at once; there is nothing to ask about later")
