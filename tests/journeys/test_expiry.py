"""Results that are ready and cannot be fetched are told before they vanish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.pipeline.rounds import one_round
from bot.runtime import Context, now
from providers import catalogue
from providers.base import Lane
from providers.bfl import Bfl
from providers.openai import OpenAI
from providers.simulators.bfl import BflSimulator
from providers.simulators.openai import OpenAISimulator
from storage.states import ItemState, JobState
from tests.parts import QUICK, TestClock, make_context, run_to_end, run_until, sheet, started


@pytest.fixture
def patient(tmp_path: Path, openai: OpenAI) -> Iterator[Context]:
    """Asks for ready results as long as they are there."""
    policy = replace(QUICK, results_patience=timedelta(days=60))
    with make_context(
        tmp_path / "data", {"openai": openai}, policy=policy, clock=TestClock(now())
    ) as context:
        yield context


def test_an_alert_comes_before_anything_is_lost_and_ends_when_it_is_fetched(
    patient: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    ctx = patient
    simulator.faults.cut_connection = 1_000_000
    job = started(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)]))
    run_until(ctx, lambda: any(sent.ended_at for sent in ctx.queries.submissions(job.id)))
    (sent,) = ctx.queries.submissions(job.id)
    assert sent.results_expire_at is not None, "known from the moment the results are ready"
    assert [incident.rule for incident in ctx.notices.incidents(job.id)] == []
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.at = sent.results_expire_at - timedelta(minutes=20)
    one_round(ctx, ctx.clock())
    (told,) = [i for i in ctx.notices.incidents(job.id, open_only=True) if i.rule == "expiring"]
    assert "3 paid pictures at openai vanish in 20 min" in told.headline
    simulator.faults.cut_connection = 0
    job = run_to_end(ctx, job, rounds=300, real_pause=0.02)
    assert ctx.queries.counts(job.id) == {ItemState.STORED: 3}
    one_round(ctx, ctx.clock())
    assert not [i for i in ctx.notices.incidents(job.id, open_only=True) if i.rule == "expiring"]
    assert len(simulator.billed) == 3


def test_pictures_that_are_kept_for_minutes_are_told_before_they_vanish(tmp_path: Path) -> None:
    clock = TestClock()
    with BflSimulator(faults=["cut_connection=1000000"], clock=lambda: clock().timestamp()) as vendor:
        bfl = Bfl(catalogue.load()["bfl"], api_key=SecretStr(vendor.key), base_url=vendor.url, clock=clock)
        with closing(bfl), make_context(tmp_path, {"bfl": bfl}, clock=clock) as ctx:
            job = started(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)]), lane=Lane.LIVE)
            run_until(ctx, lambda: len(ctx.queries.unfetched(job.id)) == 3, real_pause=0)
            began = clock()
            one_round(ctx, clock())
            assert ctx.notices.incidents(job.id) == []
            clock.at = began + timedelta(minutes=5)
            one_round(ctx, clock())
            (told,) = ctx.notices.incidents(job.id, open_only=True)
            assert told.rule == "expiring"
            assert "3 paid pictures at bfl vanish in" in told.headline
            vendor.faults.cut_connection = 0
            assert run_to_end(ctx, job).state is JobState.FINISHED
            assert ctx.queries.counts(job.id) == {ItemState.STORED: 3}
            one_round(ctx, clock())
            assert ctx.notices.incidents(job.id, open_only=True) == []
            assert len(vendor.billed) == 3
