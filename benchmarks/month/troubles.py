"""What is made to go wrong, how somebody would see it who looks at the store and the vendors' books, and
which alert has to tell it. The arithmetic here is the benchmark's own.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from benchmarks.month.world import TAKES, World
from bot.watch.refusals_together import Kind, share_key
from providers.base import Lane
from providers.catalogue import ModelCard
from storage.records import Job

COLOURS = ("red", "blue", "green", "white", "black")
TARGET, ALERT, LUCK = 0.98, 0.95, 0.0002
"""The rules as the program comes with them (docs/operating.md)."""
SPEAKING = ("made", "server_error", "timeout", "unknown")
"""Answers that say how a vendor does; “too many requests” and refused contents do not."""
SLOW = 6
"""Pictures of a job whose model is slow; only batches about as large say what is usual."""
REFUSING = ("refused value", "refused in many", "stricter rules")
"""Kinds after which refusals of small jobs may be told of, within a day, by what they share."""


@dataclass
class Trouble:
    """Something that must be told, once."""

    kind: str
    told_by: Sequence[str]
    """Subjects of incidents any one of which tells it."""
    since: datetime
    until: datetime
    """When it is mended."""
    to_see: Callable[[], bool]
    """Whether it can be seen by now."""
    vendor: str = ""
    jobs: list[str] = field(default_factory=list)
    """That were started to meet it."""
    says: str = ""
    """Words its alert must have."""
    mend: Callable[[], None] = lambda: None
    mended: bool = False
    seen: datetime | None = None
    """The first poll at which it could be seen."""


def chance(missed: int, settled: int) -> float:
    """That so many or more of the settled are missed by a process that keeps the target."""
    miss = 1 - TARGET
    return sum(math.comb(settled, k) * miss**k * TARGET ** (settled - k) for k in range(missed, settled + 1))


def too_few(world: World, job: Job) -> bool:
    """Under the alert rate, with a sample, and no bad luck."""
    made, missed = world.ended(job)
    settled = made + missed
    return settled >= 20 and missed > settled * (1 - ALERT) and chance(missed, settled) < LUCK


class Troubles:
    """Makes them, one kind after the other, each at models and vendors of its choice."""

    def __init__(self, world: World, cards: Sequence[ModelCard], dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.cards = [card for card in cards if not card.vector and card.prices]
        self.slowed: set[str] = set()
        self.kinds: Mapping[str, Callable[[], Trouble]] = {
            "drop": self.drop,
            "refused value": self.refused_value,
            "refused in many": self.refused_in_many,
            "dearer": self.dearer,
            "outage": self.outage,
            "no credit": partial(self.turned_away, "no credit", "quota"),
            "stricter rules": self.stricter,
            "late": self.late,
            "key revoked": partial(self.turned_away, "key revoked", "auth"),
            "full disk": self.full_disk,
            "not delivered": self.not_delivered,
            "slow model": self.slow,
            "stuck tick": self.stuck,
        }

    def colours(self, number: int) -> list[str]:
        return [self.dice.choice(COLOURS) for _ in range(number)]

    def card(self, *vendors: str, live: bool = False) -> ModelCard:
        wanted = vendors or tuple({card.provider for card in self.cards})
        vendor = self.dice.choice(sorted(wanted))
        return self.dice.choice(
            [c for c in self.cards if c.provider == vendor and (not live or Lane.LIVE in c.lanes)]
        )

    def lane(self) -> Lane:
        return self.dice.choice((Lane.BATCH, Lane.LIVE))

    def _made(
        self, kind: str, told_by: Sequence[str], hours: float, to_see: Callable[[], bool], **more: object
    ) -> Trouble:
        now = self.world.clock()
        return Trouble(kind, told_by, now, now + timedelta(hours=hours), to_see, **more)  # type: ignore[arg-type]

    # --- one job -----------------------------------------------------------------------------------------

    def drop(self) -> Trouble:
        """A quarter of a job's prompts make the vendor fail, each time."""
        card = self.card()
        job = self.world.begin(card, self.lane(), self.colours(80), "[down]")
        return self._made(
            "drop", [f"success-rate:{job.id}"], 6, partial(too_few, self.world, job), jobs=[job.id]
        )

    def refused_value(self) -> Trouble:
        """One value of a column is refused by the vendor's content rules."""
        colours = ["moderated" if n % 6 == 0 else colour for n, colour in enumerate(self.colours(90))]
        job = self.world.begin(self.card(), self.lane(), colours)
        told_by = [f"refusals:{job.id}", f"success-rate:{job.id}"]
        to_see = partial(too_few, self.world, job)
        return self._made("refused value", told_by, 6, to_see, jobs=[job.id], says="moderated")

    def refused_in_many(self) -> Trouble:
        """The same value is refused in ten jobs that are each too small to say so."""
        colours = [*self.colours(6), "moderated", "moderated"]
        jobs = [self.world.begin(self.card(), Lane.LIVE, colours) for _ in range(10)]

        def to_see() -> bool:
            ended = [self.world.ended(job) for job in jobs]
            return sum(made + missed for made, missed in ended) == 8 * len(jobs)

        told_by = [share_key(Kind.VALUE, "colour", "moderated")]
        ids = [job.id for job in jobs]
        return self._made("refused in many", told_by, 2, to_see, jobs=ids, says="moderated")

    def late(self) -> Trouble:
        """A vendor sits on what one job sent it."""
        card = self.card("fal", "bfl")
        self.world.vendors[card.provider].turn(latency=3 * 3600)
        job = self.world.begin(card, Lane.LIVE, self.colours(15))
        self.world.mend(card.provider)
        due = self.world.clock() + timedelta(seconds=job.window_seconds)
        to_see = lambda: self.world.clock() > due  # noqa: E731
        return self._made("late", [f"overdue:{job.id}"], 3.5, to_see, vendor=card.provider, jobs=[job.id])

    def not_delivered(self) -> Trouble:
        """A vendor makes pictures, keeps them ten minutes, and its files cannot be had for six of these."""
        card = self.card("bfl")
        self.world.vendors["bfl"].turn(cut_connection=10**6)
        job = self.world.begin(card, Lane.LIVE, self.colours(12))
        since = self.world.clock() + timedelta(seconds=TAKES["bfl"])

        def to_see() -> bool:
            return self.world.clock() >= since + timedelta(minutes=5)

        told_by = [f"expiring:{job.id}/bfl"]
        mend = partial(self.world.mend, "bfl")
        return self._made("not delivered", told_by, 0.1, to_see, vendor="bfl", jobs=[job.id], mend=mend)

    # --- a vendor ----------------------------------------------------------------------------------------

    def dearer(self) -> Trouble:
        """A vendor that says what each picture cost takes a quarter more."""
        card = self.card("xai", "bfl")
        self.world.vendors[card.provider].turn(price_factor=1.25)
        job = self.world.begin(card, self.lane(), self.colours(25))
        way = f"cost-drift:{card.provider}/{card.id}/{job.lane}"

        def to_see() -> bool:
            pieces = self.world.ctx.queries.pieces([job.id])
            made, cost = sum(p.made for p in pieces), sum(p.made_usd for p in pieces)
            return made >= 10 and cost > sum(p.listed_usd for p in pieces) * 11 / 10

        return self._of_vendor("dearer", [way], 5, to_see, card.provider, [job.id])

    def outage(self) -> Trouble:
        """A vendor answers everything with errors."""
        card = self.card(live=True)
        self.world.vendors[card.provider].turn(error_rate=1.0)
        job = self.world.begin(card, Lane.LIVE, self.colours(25))

        def to_see() -> bool:
            ctx = self.world.ctx
            tries = max((sent.tries for sent in ctx.queries.submissions(job.id)), default=0)
            answers = [a for a in ctx.queries.attempts(job.id) if a.send == 1 and a.outcome in SPEAKING]
            made = sum(a.outcome == "made" for a in answers)
            return tries >= 5 or (len(answers) >= 20 and made * 2 < len(answers))

        return self._of_vendor(
            "outage", [f"provider-paused:{card.provider}"], 2, to_see, card.provider, [job.id]
        )

    def turned_away(self, kind: str, dial: str) -> Trouble:
        """A vendor wants money, or does not know the key any more."""
        card = self.card(live=True)
        since = self.world.clock().timestamp()
        self.world.vendors[card.provider].turn(**{dial: True})
        job = self.world.begin(card, Lane.LIVE, self.colours(10))

        def to_see() -> bool:
            asked = self.world.vendors[card.provider].books()["requests"]
            return any(seen["method"] == "POST" and seen["at"] >= since for seen in asked)

        return self._of_vendor(kind, [f"provider-paused:{card.provider}"], 3, to_see, card.provider, [job.id])

    def slow(self) -> Trouble:
        """A model that was used before takes four times as long for four jobs; another one each time, because
        it is told until it has been quick for as many."""
        alike = range(SLOW // 2, 2 * SLOW + 1)
        jobs = self.world.ctx.queries.jobs()
        used = Counter(job.model for job in jobs if job.provider == "fal" and job.items in alike)
        fresh = [card for card in self.cards if card.id in used and card.id not in self.slowed]
        card = max(fresh, key=lambda card: used[card.id])
        self.slowed.add(card.id)
        self.world.vendors["fal"].turn(latency=4 * TAKES["fal"])
        jobs = [self.world.begin(card, Lane.LIVE, self.colours(SLOW)) for _ in range(4)]

        def to_see() -> bool:
            return all(sum(self.world.ended(job)) == job.items for job in jobs)

        told_by = [f"time-drift:fal/{card.id}/live"]
        return self._of_vendor("slow model", told_by, 1, to_see, "fal", [job.id for job in jobs])

    def stricter(self) -> Trouble:
        """A vendor's content rules refuse more than half of whatever comes."""
        card = self.card(live=True)
        self.world.vendors[card.provider].turn(refusal_rate=0.6)
        jobs = [self.world.begin(card, Lane.LIVE, self.colours(25)) for _ in range(5)]

        def to_see() -> bool:
            ended = [self.world.ended(job) for job in jobs]
            made, missed = sum(a for a, _ in ended), sum(b for _, b in ended)
            return made + missed >= 100 and missed > 0.4 * (made + missed)

        told_by = ["burn-rate:all", share_key(Kind.MODEL, f"{card.provider}/{card.id}")]
        return self._of_vendor("stricter rules", told_by, 2, to_see, card.provider, [j.id for j in jobs])

    def _of_vendor(
        self,
        kind: str,
        told_by: Sequence[str],
        hours: float,
        to_see: Callable[[], bool],
        vendor: str,
        jobs: list[str],
    ) -> Trouble:
        return self._made(
            kind, told_by, hours, to_see, vendor=vendor, jobs=jobs, mend=partial(self.world.mend, vendor)
        )

    # --- the house ---------------------------------------------------------------------------------------

    def full_disk(self) -> Trouble:
        """There is a gigabyte left."""

        def mend() -> None:
            self.world.disk.full = False

        self.world.disk.full = True
        return self._made("full disk", ["disk:data"], 3, lambda: True, mend=mend)

    def stuck(self) -> Trouble:
        """A tick began long ago and does not end."""
        pulse, now = self.world.ctx.pulse, self.world.clock()
        pulse.expect({"poll": timedelta(minutes=2)}, now)
        pulse.began("poll", now)
        due = now + timedelta(minutes=2)
        to_see = lambda: self.world.clock() > due  # noqa: E731
        return self._made("stuck tick", ["stuck:poll"], 3, to_see, mend=pulse.forget)
