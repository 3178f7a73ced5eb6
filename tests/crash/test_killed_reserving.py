"""SIGKILL at every outside effect around a budget: nothing is sent beyond it, and nothing stays reserved."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.pipeline.plan import BudgetError
from bot.pipeline.rounds import STAGES
from bot.pipeline.start import start
from bot.policy import MonthlyBudgets
from storage.budgets import Budget, BudgetKind
from storage.states import LIVING_JOBS, JobState
from tests.crash.child import Effects, instrument
from tests.crash.conftest import live_and_die
from tests.parts import QUICK, START, TestClock, make_context, planned, sheet
from tests.priced import PaidSketch

MONTH = Budget(BudgetKind.MONTH, "", Decimal("0.35"))
POLICY = replace(QUICK, budgets=MonthlyBudgets(month=MONTH.usd))
FIRST = Decimal("0.30")
"""What the first of two jobs costs: the $0.20 of the other are more than is left then."""


def live(folder: str, jobs: tuple[str, str], die_at: int | None, answer: str) -> None:
    """One process's life: both jobs are started that are not, and what was started goes to its end."""
    effects = Effects(die_at)
    clock, idle = TestClock(START), threading.Event()
    providers = {"sketch": PaidSketch(Path(folder), clock, "0.10")}
    with make_context(Path(folder), providers, policy=POLICY, clock=clock) as ctx:
        instrument(effects)
        refused = []
        most = Decimal(0)
        for name in jobs:
            job = ctx.queries.job(name)
            assert job is not None
            if job.state is JobState.PLANNED:
                try:
                    start(ctx, job, clock(), person="U1")
                except BudgetError:
                    refused.append(name)
            most = max(most, ctx.queries.used(MONTH, clock()).total)
        for _ in range(1000):
            for stage in STAGES.values():
                stage(ctx, clock())
            most = max(most, ctx.queries.used(MONTH, clock()).total)
            if not ctx.queries.jobs(LIVING_JOBS):
                break
            clock.move(1)
            idle.wait(0.005)
        used = ctx.queries.used(MONTH, clock())
        states = [job.state.value for name in jobs if (job := ctx.queries.job(name)) is not None]
        proof = {
            "most": str(most), "total": str(used.total), "reserved": str(used.reserved),
            "perhaps": str(used.perhaps), "states": states, "refused": refused,
        }  # fmt: skip
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_anywhere_nothing_is_spent_beyond_a_budget_and_nothing_stays_reserved(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with make_context(tmp_path / "planned", {"sketch": PaidSketch(tmp_path, TestClock(), "0.10")}) as ctx:
        two = [
            planned(ctx, sheet(tmp_path, [{"prompt": f"mug {job} {n}"} for n in range(size)])).id
            for job, size in enumerate((3, 2))
        ]
    answer, code, point = tmp_path / "answer.json", -1, 0
    while code != 0:
        point += 1
        folder = tmp_path / f"reserve-{point}"
        shutil.copytree(tmp_path / "planned", folder)
        code = live_and_die(forks, live, str(folder), tuple(two), point, str(answer))
        if code != 0:
            assert code == -signal.SIGKILL, f"the child failed at effect {point}"
            assert live_and_die(forks, live, str(folder), tuple(two), None, str(answer)) == 0
        proof = json.loads(answer.read_text(encoding="utf-8"))
        assert Decimal(proof["most"]) <= MONTH.usd, (point, proof)
        assert Decimal(proof["reserved"]) == 0, (point, proof)
        assert proof["states"] == ["finished", "planned"], (point, proof)
        assert proof["refused"] == [two[1]], (point, proof)
        assert Decimal(proof["total"]) == FIRST, (point, proof)
        shutil.rmtree(folder)
    assert point > 20, "there was something to be killed at"
    record_property("killed", f"starting under a budget: {point - 1} times, once at each effect")
