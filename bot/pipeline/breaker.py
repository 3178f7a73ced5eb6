"""When a provider is left alone, and when it is trusted again. Pure: facts in, a decision out.

The pause of a provider in the data store is the breaker's state. Closed: no pause. Open: paused until a time.
Half-open: that time has passed, and a few pictures go out to see; when they come back the pause ends, when
they do not it begins anew. Outage: of at least `breaker_samples` recent answers fewer than `breaker_floor`
were pictures; or, where calls are slow and so answers few, none of half as many over `SLOWLY`. Being turned
away counts as an answer; a refusal of the content does not, since it says nothing about the provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.policy import Policy
from bot.watch.words import count, percent, whole_percent
from providers.base import FailureKind
from storage.health import Probing
from storage.records import Pause

OUTAGE = "outage"
"""Kind of a pause: its answers are failures."""

UNREACHABLE = "unreachable"
"""Kind of a pause: nothing can be handed to it."""

WORTH_TELLING = frozenset({FailureKind.AUTH.value, FailureKind.QUOTA.value})
"""Pauses that need a person."""

LASTING = WORTH_TELLING | {OUTAGE, UNREACHABLE}
"""Pauses that end with a probe. Others are a short wait that the provider asked for."""

MADE = "made"

SPEAKING = frozenset(
    kind.value
    for kind in (
        FailureKind.SERVER_ERROR,
        FailureKind.TIMEOUT,
        FailureKind.UNKNOWN,
        FailureKind.AUTH,
        FailureKind.QUOTA,
    )
)
"""Failures that say something about the provider, not about the picture or our pace."""

ALIVE = frozenset({MADE, FailureKind.CONTENT_POLICY.value, FailureKind.MALFORMED_REQUEST.value})
"""Outcomes of a provider that does its work."""

SLOWLY = timedelta(minutes=2)
"""Failures alone over so long are no passing thing, though they are few."""

PROBES = 3
"""Pictures that go out to a provider, in each lane, to see whether it works again."""

HEALTHY = 0.8
"""A provider of whose recent answers fewer than this share were pictures comes later in a route."""

REMEMBERED = timedelta(hours=6)
"""How long answers are held against a provider in a plan: batches answer hours apart."""

STEADY = timedelta(minutes=2)
"""A batch taken so long ago, and not rejected since, shows that there is money again: batches are taken first
and checked against the account afterwards.
"""


class Standing(StrEnum):
    """How a provider stands."""

    CLOSED = "closed"
    """Works, as far as is known."""
    OPEN = "open"
    """Left alone."""
    HALF_OPEN = "half_open"
    """Tried with a few pictures."""


class Verdict(StrEnum):
    """What the probes of a half-open provider say."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Recent:
    """How a provider's newest answers turned out."""

    made: int = 0
    failed: int = 0
    turned_away: int = 0
    """Calls it did not take, of submissions that still wait."""
    most_tries: int = 0
    """The most times one of those was turned away in a row."""
    over: timedelta = timedelta(0)
    """Between the oldest of the answers counted and the newest."""

    @property
    def samples(self) -> int:
        return self.made + self.failed + self.turned_away


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a provider is to be left alone."""

    kind: str
    reason: str


def standing(pause: Pause | None, now: datetime) -> Standing:
    """How the provider of this pause stands."""
    if pause is None:
        return Standing.CLOSED
    if now < pause.until:
        return Standing.OPEN
    return Standing.HALF_OPEN if pause.kind in LASTING else Standing.CLOSED


def window(policy: Policy) -> timedelta:
    """How far back answers are looked at: half a pause, so that what began one is forgotten at its end."""
    return policy.pause / 2


def recent(
    answers: Iterable[tuple[str, datetime]], away: tuple[int, int] = (0, 0), samples: int = 20
) -> Recent:
    """Count the newest `2 x samples` answers (outcome, time), given newest first.

    All answers of the oldest time counted are counted: the answers of a batch are written down in one moment,
    and their order says nothing.
    """
    made = failed = 0
    newest = last = None
    for outcome, at in answers:
        if made + failed >= 2 * samples and at != last:
            break
        made, failed, last = made + (outcome == MADE), failed + (outcome != MADE), at
        newest = newest or at
    over = newest - last if newest and last else timedelta(0)
    return Recent(made, failed, *away, over=over)


def trouble(found: Recent, policy: Policy) -> Trouble | None:
    """Whether the provider has stopped working.

    samples = made + failed + turned away; outage if samples >= `breaker_samples` and
    made / samples < `breaker_floor`, or if nothing was made and half as many failed, over `SLOWLY`.
    Unreachable if nothing was made and one submission was turned away `breaker_tries` times in a row, since
    batches are few.
    """
    slowly = not found.made and 2 * found.failed >= policy.breaker_samples and found.over >= SLOWLY
    enough = slowly or found.samples >= policy.breaker_samples
    if enough and found.made < policy.breaker_floor * found.samples:
        share, floor = percent(found.made / found.samples), whole_percent(policy.breaker_floor)
        reason = f"{found.made} of its last {found.samples} answers were pictures ({share}, floor {floor})"
        return Trouble(UNREACHABLE if found.turned_away > found.failed else OUTAGE, reason)
    if not found.made and found.most_tries >= policy.breaker_tries:
        return Trouble(
            UNREACHABLE, f"it has not taken a submission {count(found.most_tries, 'time')} in a row"
        )
    return None


def poorly(found: Recent, policy: Policy) -> str | None:
    """Why a provider that works is better asked after others: as `trouble`, with `HEALTHY` as the floor."""
    if found.samples < policy.breaker_samples or found.made >= HEALTHY * found.samples:
        return None
    return f"{found.made} of its last {found.samples} answers were pictures"


def verdict(kind: str, probing: Probing, now: datetime) -> Verdict:
    """What the probes of one lane say.

    Where nothing could be handed in, or the key was refused, being taken is enough; where money was missing,
    being taken for `STEADY`. Where answers were failures, an answer that is none has to come back, or the
    provider has to count pictures as made, which batches do long before they end.
    """
    outcomes: Mapping[str, int] = probing.outcomes
    alive = sum(outcomes.get(outcome, 0) for outcome in ALIVE) + probing.progressed
    failed = sum(outcomes.get(outcome, 0) for outcome in SPEAKING)
    if alive or (_taken(kind, probing, now) and not failed):
        return Verdict.PASSED
    if (failed or probing.held) and not probing.under_way:
        return Verdict.FAILED
    return Verdict.PENDING


def _taken(kind: str, probing: Probing, now: datetime) -> bool:
    """Whether being taken is enough for this kind of pause, and the probes were."""
    match kind:
        case _ if kind == OUTAGE:
            return False
        case FailureKind.QUOTA:
            return probing.first_accepted is not None and now - probing.first_accepted >= STEADY
        case _:
            return bool(probing.accepted)
