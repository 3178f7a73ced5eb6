"""The seam between the bot and the image providers: a Protocol and the values that cross it.

An adapter translates; it holds no state of ours, writes no row and never sleeps. The errors of a whole
call are named for the caller's next move::

    ProviderError
    |- AskAgain        nothing was accepted; the same call may be made again after `retry_after`
    |- MaybeAccepted   the reply was lost; look the submission up (`find`) before sending it again
    |- Refused         this call can never work as it is; nothing was accepted, nothing was billed
    |- TellOperator    nothing works until a person acts (key, money, account): pause the provider
    `- Gone            what was asked for no longer exists at the provider (results, file, submission)

What happened to *one item* is not an exception but a value: `Failure` inside an `ItemResult`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

if TYPE_CHECKING:
    from providers.catalogue import ModelCard


class Lane(StrEnum):
    """How an item travels: many together in hours at half price, or one call now."""

    BATCH = "batch"
    LIVE = "live"


class FailureKind(StrEnum):
    """Why one item did not become a picture, in our words."""

    CONTENT_POLICY = "content_policy"
    MALFORMED_REQUEST = "malformed_request"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    AUTH = "auth"
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Billed(StrEnum):
    """Whether the provider charged for an answer; many do not say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A picture's width and height in pixels, written `WxH`."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def ratio(self) -> float:
        return self.width / self.height

    def covers(self, other: Size) -> bool:
        return self.width >= other.width and self.height >= other.height

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `1024x768` (also `1024×768`, `1024 X 768`). Raises ValueError with a sentence."""
        match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×*]\s*(\d{1,5})\s*", text)
        if not match or not int(match[1]) or not int(match[2]):
            raise ValueError(f"“{text}” is not a size; write width x height in pixels, like 1024x1024")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture the new one is made from: an address the provider can read, or the bytes."""

    url: str | None = None
    content: bytes | None = None
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture asked of one model."""

    key: str
    """Ours, unique within the submission, at most 64 of [a-zA-Z0-9_-]; comes back with the result."""
    model: str
    prompt: str
    size: Size
    """Size to generate, already one the model can make (`ModelCard.fit`)."""
    quality: str | None = None
    background: str | None = None
    seed: int | None = None
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedLine:
    """A request in the provider's own words."""

    group: str
    """Lines of different groups cannot share a submission (for OpenAI: the endpoint)."""
    line: bytes
    """One JSON object, UTF-8, without the newline. Never holds a secret."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A submission about to be sent."""

    tag: str
    """Our submission's id. The adapter writes it where `find` can read it back."""
    model: str
    lane: Lane
    group: str
    count: int
    byte_size: int
    open: Callable[[], BinaryIO]
    """Opens the payload: `count` encoded lines, each ended by one newline."""


@dataclass(frozen=True, slots=True)
class Handle:
    """The provider's name for an accepted submission; everything needed to ask about it after a restart."""

    id: str
    data: Mapping[str, str] = field(default_factory=dict)
    """Adapter's own notes, such as the URLs the server gave. JSON-serialisable, no secret."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: its bytes, or a locator for `Provider.fetch`."""

    content: bytes | None = None
    locator: str | None = None
    media_type: str = "image/png"
    """What the provider said; the bytes decide in the end."""


@dataclass(frozen=True, slots=True)
class Made:
    """The item succeeded."""

    pictures: tuple[Picture, ...]
    cost_usd: Decimal | None = None
    """From the vendor's own usage or cost report; None where it gave none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The item did not become a picture."""

    kind: FailureKind
    code: str = ""
    """The provider's own code."""
    message: str = ""
    """The provider's own words, free of secrets, cut to a few hundred characters."""
    billed: Billed = Billed.UNKNOWN
    cost_usd: Decimal | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The answer for one item."""

    key: str
    outcome: Made | Failure


@dataclass(frozen=True, slots=True)
class Answered:
    """A synchronous API's reply to `submit`: the results themselves."""

    results: tuple[ItemResult, ...]


class Phase(StrEnum):
    """Where a submission stands at the provider."""

    WAITING = "waiting"
    """Accepted, not yet begun."""
    RUNNING = "running"
    ENDED = "ended"
    """Over, however it ended: what results there are can be read, and no more will come."""
    REJECTED = "rejected"
    """The provider refused the whole submission after accepting it; no item ran, nothing was billed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the provider says of a submission now."""

    phase: Phase
    total: int = 0
    completed: int = 0
    failed: int = 0
    unanswered: FailureKind = FailureKind.UNKNOWN
    """What an item is that ENDED leaves without an answer: unknown, expired or cancelled."""
    results_expire_at: datetime | None = None
    """When the results vanish at the provider; aware UTC."""
    failure: Failure | None = None
    """Why it was REJECTED."""


class ProviderError(Exception):
    """A call to a provider that did not work; the message is safe to show to a person."""


class AskAgain(ProviderError):
    """Nothing was accepted or changed; the same call may be made again after `retry_after`."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        kind: FailureKind = FailureKind.SERVER_ERROR,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.kind = kind


class MaybeAccepted(ProviderError):
    """The reply was lost: the call may have been carried out and billed."""


class Refused(ProviderError):
    """The call can never work as it is. `failure` says why, in our words and theirs."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message or failure.kind.value)
        self.failure = failure


class TellOperator(ProviderError):
    """Nothing at this provider works until a person acts: a key, the money, the account."""

    def __init__(self, message: str, *, kind: FailureKind) -> None:
        super().__init__(message)
        self.kind = kind


class Gone(ProviderError):
    """The submission, file or picture no longer exists at the provider."""


class Forged(ProviderError):
    """A webhook that cannot be proved to come from the provider, or that is too old to be believed."""


class NoLookup(ProviderError):
    """This provider and lane cannot tell whether a submission arrived."""


@runtime_checkable
class Provider(Protocol):
    """One vendor. Every method but `encode` may call the network, from any thread."""

    @property
    def name(self) -> str:
        """The word people write in the `provider` column."""

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models it offers, retired ones included (they say so), by id."""

    def encode(self, request: ImageRequest, lane: Lane) -> EncodedLine:
        """The request as one JSON line. Pure. Raises Refused for what cannot be said to this model."""

    def submit(self, outgoing: Outgoing) -> Handle | Answered:
        """Send the payload once. Raises AskAgain, MaybeAccepted, Refused or TellOperator."""

    def find(self, outgoing: Outgoing, since: datetime) -> Handle | None:
        """After a lost reply: the accepted submission with this tag, or None if it did not arrive.

        `since` bounds the search. Raises NoLookup where the provider cannot tell, or AskAgain.
        """

    def poll(self, handle: Handle) -> Progress:
        """Where the submission stands. Stable once ENDED. Raises AskAgain, Gone or TellOperator."""

    def results(self, handle: Handle) -> Iterator[ItemResult]:
        """Every answer there is, each key once, in any order, streamed. Call when ENDED."""

    def fetch(self, locator: str) -> bytes:
        """The bytes of a picture that came as a locator. Raises AskAgain or Gone."""

    def cancel(self, handle: Handle) -> None:
        """Ask the provider to stop. Idempotent; what is finished may still be delivered and billed."""

    def check(self) -> str:
        """The cheapest call that proves the key works, as one sentence. Raises ProviderError."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Hint:
    """All that a proven webhook is believed: look at these submissions now."""

    id: str
    """The provider's name for the message; the same when it is sent again."""
    handle_ids: tuple[str, ...]
    """`Handle.id` of each; empty for a message about something else. They need not be ours."""


@runtime_checkable
class Hooked(Protocol):
    """What proves one provider's webhooks; only some providers send any. Safe to use from many threads."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """What the message asks to be looked at. Header names come in lower case.

        Raises Forged, or AskAgain when it cannot be told now (then the provider should send it again).
        """

    def close(self) -> None:
        """Let go of connections."""
