"""Whether a budget holds when fifty people press Start at once, and how long they wait.

    python -m benchmarks.budget_race [ROUNDS] [postgresql+psycopg://...]

Each round plans 50 jobs of one picture at $0.10 and starts them at the same moment from 50 threads of two
contexts (two processes' worth of connections and locks) on one data store, SQLite in a folder or an empty
PostgreSQL. The month's budget bears 7 of them and a half. What is printed is counted by a statement of its
own, not by the program's: items that wait, times their price. Ended rounds are cancelled, which frees the
budget again.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from bot.pipeline.plan import BudgetError
from bot.pipeline.start import start
from bot.policy import MonthlyBudgets
from bot.runtime import Context
from storage.records import Job
from storage.states import JobState
from tests.parts import QUICK, TestClock, make_context, planned, sheet
from tests.priced import PaidSketch

AT_ONCE = 50
PRICE, BUDGET = Decimal("0.10"), Decimal("0.75")
A_STORE = 50
"""Rounds after which a new data store is begun: none grows large."""


class Race:
    """One round after the other on one data store."""

    def __init__(self, offices: Sequence[Context], path: Path, pool: ThreadPoolExecutor) -> None:
        self._offices, self._path, self._pool = offices, path, pool
        self.waits: list[float] = []
        """Seconds from the gun to each person's answer."""

    def run(self) -> tuple[Decimal, int]:
        """USD above the budget (0 when it holds), and how many started."""
        ctx = self._offices[0]
        jobs = [planned(ctx, self._path) for _ in range(AT_ONCE)]
        gun = threading.Barrier(AT_ONCE)
        started = sum(self._pool.map(lambda place: self._one(gun, place, jobs[place]), range(AT_ONCE)))
        with ctx.queries._engine.connect() as connection:
            waiting = connection.execute(text("SELECT count(*) FROM item WHERE state = 'waiting'"))
            spent = PRICE * int(waiting.scalar_one())
        for job in jobs:
            found = ctx.queries.job(job.id)
            if found is not None and found.state is JobState.RUNNING:
                ctx.store.cancel_job(job.id, ctx.clock())
        return max(Decimal(0), spent - BUDGET), started

    def _one(self, gun: threading.Barrier, place: int, job: Job) -> bool:
        ctx = self._offices[place % len(self._offices)]
        gun.wait()
        began = time.perf_counter()
        try:
            start(ctx, job, ctx.clock(), person=f"U{place}")
        except BudgetError:
            return False
        finally:
            self.waits.append(time.perf_counter() - began)
        return True


def main(rounds: int, url: str | None) -> int:
    """Exit status 1 if a cent too much was reserved, or the budget was not used as far as it goes."""
    policy = replace(QUICK, budgets=MonthlyBudgets(month=BUDGET))
    over: list[Decimal] = []
    started: list[int] = []
    waits: list[float] = []
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while len(over) < rounds:
            with tempfile.TemporaryDirectory(prefix="imgbatch-race-") as name, ExitStack() as stack:
                folder, clock = Path(name), TestClock()
                path = sheet(folder, [{"prompt": "a red mug"}])
                providers = {"sketch": PaidSketch(folder, clock, str(PRICE))}
                offices = [
                    stack.enter_context(make_context(folder, providers, policy=policy, clock=clock, url=url))
                    for _ in range(2)
                ]
                race = Race(offices, path, pool)
                for _ in range(min(A_STORE, rounds - len(over))):
                    too_much, number = race.run()
                    over.append(too_much)
                    started.append(number)
                waits += race.waits
            print(f"{len(over)} rounds, overshoot so far ${sum(over)}", file=sys.stderr, flush=True)
    wait = statistics.quantiles(waits, n=100)
    print(f"data store        {'PostgreSQL' if url else 'SQLite'}")
    print(f"rounds            {rounds}, each {AT_ONCE} starts at once against ${BUDGET} at ${PRICE} each")
    print(f"overshoot         ${sum(over):.2f} in all, ${max(over):.2f} at most")
    print(f"started           {min(started)} to {max(started)} a round; {int(BUDGET // PRICE)} are borne")
    print(f"a start's answer  {wait[49] * 1000:.0f} ms (median), {wait[98] * 1000:.0f} ms (99 of 100)")
    print(f"seconds           {time.perf_counter() - began:.0f}")
    return int(any(over) or set(started) != {int(BUDGET // PRICE)})


if __name__ == "__main__":
    sys.exit(
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.argv[2] if len(sys.argv) > 2 else None)
    )
