"""A vendor's pace is kept without one “too many requests”."""

from __future__ import annotations

import threading
from pathlib import Path

from pydantic import SecretStr

from bot.pipeline.rounds import one_round
from providers import catalogue
from providers.base import Lane
from providers.recraft import Recraft
from providers.simulators.recraft import RecraftFaults, RecraftSimulator
from storage.states import ItemState, JobState
from tests.parts import TestClock, make_context, sheet, started


def test_a_hundred_and_twenty_pictures_at_five_a_second_and_a_hundred_a_minute(tmp_path: Path) -> None:
    clock = TestClock()
    idle = threading.Event()
    faults = RecraftFaults(picture_px=64)
    assert (faults.requests_per_second, faults.images_per_minute) == (5, 100)
    with RecraftSimulator(faults=faults, clock=lambda: clock().timestamp()) as simulator:
        provider = Recraft(
            catalogue.load()["recraft"],
            api_key=SecretStr(simulator.key),
            base_url=simulator.base_url,
            clock=clock,
        )
        with make_context(tmp_path / "data", {"recraft": provider}, clock=clock) as ctx:
            path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(120)])
            job = started(ctx, path, lane=Lane.LIVE)
            begun = clock()
            while ctx.queries.jobs([JobState.RUNNING]):
                one_round(ctx, clock())
                while ctx.sending:  # a call is answered in the moment it is made
                    idle.wait(0.002)
                clock.move(0.5)
                assert (clock() - begun).total_seconds() < 300
            assert ctx.queries.counts(job.id) == {ItemState.STORED: 120}
            # 10 at once, then 1.5 a second: (120 - 10) / 1.5 = 73 s, and a few for what follows.
            assert (clock() - begun).total_seconds() < 90
            assert all(sent.tries == 1 for sent in ctx.queries.submissions(job.id)), "no call was turned away"
        provider.close()
