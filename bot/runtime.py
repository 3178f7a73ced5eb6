"""What every stage is given, and the only place where time, ids and chance come from."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.imaging.fingerprint import Seen
from bot.policy import Policy
from bot.pulse import Pulse
from bot.turns import Turns
from bot.watch.lately import Lately
from providers.base import Provider
from storage.blobs import Blobs
from storage.mail import Mail
from storage.notices import Notices
from storage.outlets import Outlet
from storage.queries import Queries
from storage.reviews import Reviews
from storage.shelf import Shelf
from storage.store import Store
from storage.vitals import Vitals

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that are not mistaken for each other when read aloud."""


def now() -> datetime:
    """The one real clock; aware UTC."""
    return datetime.now(UTC)


def new_id(length: int = 6) -> str:
    """A short random name that can be typed: six characters are 10^9 jobs."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def chance() -> float:
    """A number in [0, 1), for jitter."""
    return random.random()


@dataclass(frozen=True, slots=True)
class Context:
    """The parts a stage works with. Built in `bot.app`; in tests, of the same real parts."""

    store: Store
    queries: Queries
    notices: Notices
    mail: Mail
    reviews: Reviews
    shelf: Shelf
    vitals: Vitals
    blobs: Blobs
    providers: Mapping[str, Provider]
    policy: Policy
    renderers: Executor
    """Runs imaging work: one thread a core."""
    callers: Mapping[str, Executor]
    """Runs live calls, one executor a provider, as wide as that provider takes calls at once."""
    outlet: Outlet | None = None
    """Where exports go beside Slack; None: nowhere."""
    clock: Callable[[], datetime] = now
    new_id: Callable[[int], str] = new_id
    chance: Callable[[], float] = chance
    sending: set[str] = field(default_factory=set)
    """Submissions whose call is being made by this process now: not orphans."""
    pulse: Pulse = field(default_factory=Pulse)
    """How the ticks of this process do."""
    in_charge: Callable[[], bool] = lambda: False
    """Whether this process (still) holds the right to run ticks on the data store."""
    buckets: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    """What may still be asked of a provider at once, and when that was so (`bot.pipeline.cadence`)."""
    inspected: dict[str, Seen] = field(default_factory=dict)
    """What the quality gate has seen of running jobs, by job; read anew after a restart."""
    lately: dict[tuple[str, str, str], tuple[datetime, Lately]] = field(default_factory=dict)
    """What models cost and took in their newest batches, by provider, model and lane, and when the last of
    those finished; worked out anew after a restart (`bot.pipeline.lately`).
    """
    turns: Turns = field(default_factory=Turns)
    """How many live calls each provider takes at once, as learned since this process began."""
