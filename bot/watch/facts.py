"""What the watch is told: plain values the caller gathers, so that judging them needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.watch.rates import Tally, Timing
from providers.base import FailureKind


@dataclass(frozen=True, slots=True)
class Example:
    """One item that failed, to show instead of a number."""

    line: int
    """Where its row begins in the file, as an editor shows it."""
    key: str
    message: str = ""
    """The provider's own words."""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The items that ended for the same kind of reason."""

    kind: FailureKind
    count: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """What the plan said the job would cost; None where a price is unknown."""

    low_usd: Decimal | None
    high_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a job's pictures are wanted, and whether they can be there."""

    at: datetime
    rush_at: datetime
    """The last moment at which the live lane can still keep it."""
    needs: timedelta
    """What the live lane needs for all that is to come."""
    movable: int
    """Pictures that travel by batch and could travel live."""
    approved: bool
    """Going live was approved."""
    waits: bool
    """The job waits for a person: it is paused, or its sample is looked at."""
    live_usd: Decimal | None
    """What the whole job costs live, at most."""


@dataclass(frozen=True, slots=True)
class PausedProvider:
    """A provider that does nothing until a person acts."""

    provider: str
    kind: FailureKind
    """AUTH or QUOTA; SERVER_ERROR or TIMEOUT for an outage."""
    message: str
    since: datetime
    waiting: int = 0
    """Items that wait for it."""
    lost: tuple[tuple[str, int], ...] = ()
    """Title of each job and how many of its pictures have come to nothing by it, most first."""


@dataclass(frozen=True, slots=True)
class ExpiringResults:
    """Pictures that are made and paid but not yet fetched, and will vanish at the provider."""

    provider: str
    items: int
    expires_at: datetime
    """When the first of them does."""
    lasts: timedelta
    """How long that one is kept in all."""


@dataclass(frozen=True, slots=True)
class LostResults:
    """A submission whose results could not be had from the provider."""

    provider: str
    items: int
    """Pictures without an answer; they may have been made and billed."""
    said: str
    """Why, in the provider's words or ours."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What the quality gate did, apart from whether the providers answered."""

    flagged: int = 0
    """Pictures that are shown with a flag."""
    found: tuple[tuple[str, int], ...] = ()
    """How many have each finding, in words (“nearly one colour”), most first; a picture may have several."""
    again: int = 0
    """How often a picture was made again for it."""


@dataclass(frozen=True, slots=True)
class Lift:
    """A value of one column whose rows are refused far more often than the others."""

    column: str
    value: str
    refused: int
    of: int
    rest_refused: int
    rest_of: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """What refusals have in common; gathered only where there are many."""

    lift: Lift | None = None
    values: tuple[tuple[str, float], ...] = ()
    """The refusal rate by value of the column looked at, highest first, for a chart."""
    template: str = ""
    """The job's, shortened; empty where every row brings its own prompt."""
    other_templates: float | None = None
    """The refusal rate of earlier jobs of this model with other templates."""


@dataclass(frozen=True, slots=True)
class Slower:
    """Pictures take longer than those of earlier jobs of this model and lane did."""

    each: timedelta
    usual: timedelta


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where the pictures are kept, in bytes."""

    folder: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class StuckTick:
    """A part of the program that does not come to a good end any more."""

    name: str
    lasts: timedelta
    said: str = ""
    """What it fails with; empty where a run hangs."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """All there is to know about one job at one moment."""

    job: str
    title: str
    tally: Tally
    timing: Timing
    failures: tuple[FailureGroup, ...] = ()
    quote: Quote | None = None
    deadline: Deadline | None = None
    usual_refusal_rate: float | None = None
    """Over earlier jobs of the same model and lane; None without history."""
    refusals: Refusals | None = None
    outages: int = 0
    """Misses that are errors of a provider while it was paused: the incident of that pause tells of them."""
    refused_alike: int = 0
    """Refusals that an open incident of many small jobs tells of."""
    over: frozenset[str] = frozenset()
    """Keys of its incidents that are over: told once, they are not told again."""
    slower: Slower | None = None
    expiring: tuple[ExpiringResults, ...] = ()
    lost: tuple[LostResults, ...] = ()
    quality: Quality = Quality()
