"""One job over six providers, each behind its own simulator, with faults, and one of them dying half-way."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.pipeline.audit import audit
from bot.runtime import Context, now
from providers import catalogue, registry
from providers.simulators import SIMULATORS
from providers.simulators.server import Simulator
from storage.states import JobState
from tests.parts import TestClock, make_context, run_until, sheet, started

VENDORS = ("openai", "gemini", "xai", "fal", "bfl", "recraft")
ROWS = int(os.environ.get("IMGBATCH_TEST_MIXED_ROWS", "240"))
"""A thousand were run once (docs/measured.md); fewer show the same in seconds."""


@pytest.fixture
def vendors() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        running = {name: stack.enter_context(SIMULATORS[name]()) for name in VENDORS}
        for simulator in running.values():
            simulator.faults.update({"picture_px": 64, "batch_seconds": 0.3, "validating_seconds": 0.05})
        yield running


@pytest.fixture
def ctx(tmp_path: Path, vendors: dict[str, Simulator]) -> Iterator[Context]:
    values: dict[str, str] = {}
    for entry in registry.ENTRIES:
        if entry.name in vendors and entry.key_variable and entry.base_url_variable:
            values[entry.key_variable] = vendors[entry.name].key
            values[entry.base_url_variable] = vendors[entry.name].base_url
    built = registry.build(values, catalogue=catalogue.load(), folder=tmp_path / "providers", clock=now)
    providers = {name: built[name] for name in VENDORS}
    with make_context(tmp_path / "data", providers, clock=TestClock(now())) as context:
        yield context
    for provider in built.values():
        provider.close()


@pytest.mark.timeout(600)
def test_a_mixed_job_with_faults_and_a_dying_provider_accounts_for_every_row(
    ctx: Context, vendors: dict[str, Simulator], tmp_path: Path
) -> None:
    for simulator in vendors.values():
        simulator.faults.error_rate = 0.02
    rows = [
        {"sku": f"S{n}", "provider": VENDORS[n % len(VENDORS)], "prompt": f"mug number {n}"}
        for n in range(ROWS)
    ]
    job = started(ctx, sheet(tmp_path, rows), template=None, provider=None)

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
