"""A vendor's pace is kept without one “too many requests”."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.pipeline.rounds import one_round
from providers import catalogue
from providers.base import Lane
from providers.recraft import Recraft
from providers.simulators.recraft import RecraftFaults, RecraftSimulator
from storage.states import ItemState, JobState
from tests.parts import TestClock, make_context, sheet, started


@pytest.mark.parametrize(("rows", "variants", "calls"), [(120, 1, 120), (15, 8, 30)])
def test_a_hundred_and_twenty_pictures_at_five_a_second_and_a_hundred_a_minute(
    tmp_path: Path, rows: int, variants: int, calls: int
) -> None:
    """As many calls, or a few for several pictures each: what is counted by the minute is the pictures."""
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
            path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(rows)])
            job = started(ctx, path, lane=Lane.LIVE, variants=variants)
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
            sent = ctx.queries.submissions(job.id)
            assert len(sent) == calls == (job.plan or {})["submissions"]
            assert all(one.tries == 1 for one in sent), "no call was turned away"
        provider.close()
