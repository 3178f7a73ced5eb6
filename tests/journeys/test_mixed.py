"""One job over six providers, each behind its own simulator, with faults, and one of them dying half-way."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from bot.pipeline.audit import audit
from bot.runtime import Context, now
from providers.simulators.server import Simulator
from storage.records import Job
from storage.states import JobState
from tests.parts import TestClock, make_context, run_until, sheet, started
from tests.six import VENDORS, sheet_over, six_vendors

ROWS = int(os.environ.get("IMGBATCH_TEST_MIXED_ROWS", "240"))
"""A thousand were run once (docs/measured.md); fewer show the same in seconds."""


@pytest.mark.timeout(600)
def test_a_mixed_job_with_faults_and_a_dying_provider_accounts_for_every_row(
    tmp_path: Path,
) -> None:
    with six_vendors(tmp_path / "providers") as (vendors, providers):
        for simulator in vendors.values():
            simulator.faults.error_rate = 0.02
        with make_context(tmp_path / "data", providers, clock=TestClock(now())) as ctx:
            job = started(ctx, sheet(tmp_path, sheet_over(VENDORS, ROWS)), template=None, provider=None)
            one_dies_half_way(ctx, vendors, job)


def one_dies_half_way(ctx: Context, vendors: dict[str, Simulator], job: Job) -> None:

    def stored_some() -> bool:
        return sum(ctx.queries.counts(job.id).values()) == ROWS and ctx.queries.ledger(job.id).made >= 10

    run_until(ctx, stored_some)
    vendors["bfl"].faults.auth = True  # its key is revoked half-way
    run_until(ctx, lambda: "bfl" in ctx.notices.pauses())
    run_until(ctx, lambda: not waiting_elsewhere(ctx, job.id), rounds=3000)
    assert [i.rule for i in ctx.notices.incidents() if i.job_id is None] == ["provider-paused"]
    vendors["bfl"].faults.auth = False  # and given back
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(700)

    def ended() -> bool:
        current = ctx.queries.job(job.id)
        return current is not None and current.state is JobState.FINISHED

    run_until(ctx, ended, rounds=3000)
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["in_flight"] == 0
    assert proof["paid_twice"] == []
    assert proof["stored"] >= ROWS * 0.95, proof
    made = Counter(item.provider for item in ctx.queries.items(job.id) if item.rendition_key)
    assert set(made) == set(VENDORS), made


def waiting_elsewhere(ctx: Context, job_id: str) -> bool:
    """Whether anything is still under way at the providers that live."""
    return any(
        item.provider != "bfl" and item.state.value in ("waiting", "sending", "in_flight", "generated")
        for item in ctx.queries.items(job_id)
    )
