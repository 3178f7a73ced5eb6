"""A simulated month: every vendor's stand-in, the real pipeline, alerts in a Slack channel, and troubles.

    python -m benchmarks.month [DAYS] [JOBS_A_DAY] [SEED]

Jobs go over the seven stand-ins' HTTP, in the batch and the live lane, at every model with a price; pictures
are drawn, fetched and stored; one clock, which the benchmark moves from poll to poll, is that of all. Twice a
day something goes wrong (`troubles`). Each must be told by one incident, no later than one poll after it
could be seen, in one message; healthy jobs must not be told at all; and the stand-ins' books must agree with
the quotes.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.month.report import report
from benchmarks.month.troubles import COLOURS, Trouble, Troubles
from benchmarks.month.world import BEGIN, World, world
from providers.base import Lane
from providers.catalogue import ModelCard

AT_HOURS = (9, 15)
"""When something goes wrong."""
SIZES = (*range(3, 9), 20, 24)
"""Pictures of a small job."""
VECTOR_SIZES = (2, 3)
"""A vector picture takes half a second to draw and render."""


def models(world: World) -> list[ModelCard]:
    """With a known price, for the whole month; and the one of a server of one's own, which has none."""
    return [
        card
        for provider in world.ctx.providers.values()
        for card in provider.models.values()
        if card.provider in world.vendors
        and (card.prices or card.provider == "openai_compatible")
        and not card.retired(BEGIN.date() + timedelta(days=29))
    ]


def small_job(world: World, cards: list[ModelCard], dice: random.Random) -> None:
    vendor = dice.choice(sorted({card.provider for card in cards}))
    card = dice.choice([card for card in cards if card.provider == vendor])
    size = dice.choice(VECTOR_SIZES if card.vector else SIZES)
    world.begin(card, dice.choice((Lane.BATCH, Lane.LIVE)), [dice.choice(COLOURS) for _ in range(size)])


def run(world: World, days: int, jobs_a_day: int, dice: random.Random) -> list[Trouble]:
    """The days, and six hours more for what is under way."""
    cards = models(world)
    making = Troubles(world, cards, dice)
    kinds = list(making.kinds.values())
    moments = [BEGIN + timedelta(days=dice.random() * days) for _ in range(days * jobs_a_day)]
    events = [(at, False) for at in moments]
    events += [(BEGIN + timedelta(days=day, hours=hour), True) for day in range(days) for hour in AT_HOURS]
    made: list[Trouble] = []
    for at, bad in sorted(events):
        go_on(world, made, at)
        if bad and at.hour == AT_HOURS[0]:
            print(f"{at:%d %b}: {world.jobs:,} jobs, {len(world.polls):,} polls", file=sys.stderr, flush=True)
        if bad:
            made.append(kinds[len(made) % len(kinds)]())
        else:
            small_job(world, cards, dice)
        look(world, made)
    go_on(world, made, BEGIN + timedelta(days=days, hours=30))
    return made


def go_on(world: World, made: list[Trouble], until: datetime) -> None:
    """From poll to poll; what is over is mended, what can be seen is noted."""
    while world.clock() < until:
        world.go_on(until)
        for trouble in made:
            if trouble.until <= world.clock() and not trouble.mended:
                trouble.mended = True
                trouble.mend()
        look(world, made)


def look(world: World, made: list[Trouble]) -> None:
    world.poll()
    for trouble in made:
        if trouble.seen is None and not trouble.mended and trouble.to_see():
            trouble.seen = world.clock()


def main(days: int = 30, jobs_a_day: int = 80, seed: int = 1) -> int:
    with tempfile.TemporaryDirectory() as name, world(Path(name)) as made:
        began = time.perf_counter()
        troubles = run(made, days, jobs_a_day, random.Random(seed))
        return 0 if report(made, days, troubles, time.perf_counter() - began) else 1


if __name__ == "__main__":
    sys.exit(main(*(int(value) for value in sys.argv[1:])))
