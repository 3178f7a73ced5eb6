"""Budgets hold whatever happens at once: fifty people start, two processes write, months turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.plan import BudgetError
from bot.pipeline.start import start
from bot.policy import MonthlyBudgets
from bot.runtime import Context
from providers.base import Billed, Failure, FailureKind, Lane
from storage.budgets import Budget, BudgetKind, Used, month_of
from storage.records import Job, Thread
from storage.shelved import SetBudget
from storage.states import JobState
from tests.parts import QUICK, START, TestClock, make_context, planned, run_to_end, sheet
from tests.priced import PaidSketch

MONTH = Budget(BudgetKind.MONTH, "", Decimal("0.35"))


@pytest.fixture
def offices(url: str | None, tmp_path: Path) -> Iterator[Sequence[Context]]:
    """Two processes' worth of the program on one data store: a picture costs $0.10, a month bears $0.35."""
    policy = replace(QUICK, budgets=MonthlyBudgets(month=MONTH.usd))
    with ExitStack() as stack:
        clock = TestClock()
        yield [
            stack.enter_context(
                make_context(
                    tmp_path, {"sketch": PaidSketch(tmp_path, clock, "0.10")},
                    policy=policy, clock=clock, url=url,
                )
            )
            for _ in range(2)
        ]  # fmt: skip


def mugs(folder: Path, number: int = 1) -> Path:
    return sheet(folder, [{"prompt": f"mug {n}"} for n in range(number)])


def state(ctx: Context, job: Job) -> JobState:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found.state


def start_all(offices: Sequence[Context], jobs: Sequence[Job]) -> list[BudgetError | None]:
    """All of them at the same moment, each from a thread of its own."""
    gun = threading.Barrier(len(jobs))

    def one(place: int) -> BudgetError | None:
        ctx = offices[place % len(offices)]
        gun.wait()
        try:
            start(ctx, jobs[place], START, person=f"U{place}")
        except BudgetError as problem:
            return problem
        return None

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, range(len(jobs))))


def test_of_fifty_started_at_once_as_many_start_as_the_budget_bears(
    offices: Sequence[Context], tmp_path: Path
) -> None:
    ctx = offices[0]
    for turn in range(3):
        budget = Decimal("0.35") * (turn + 1)
        ctx.shelf.set_budget(SetBudget("", "month", "", budget, "U1", START))
        jobs = [planned(ctx, mugs(tmp_path)) for _ in range(50)]
        said = start_all(offices, jobs)
        used = ctx.queries.used(MONTH, START)
        assert used.total <= budget, "not a cent over"
        assert budget - used.total < Decimal("0.10"), "and no room left unused"
        started = [job for job in jobs if state(ctx, job) is JobState.RUNNING]
        assert len(started) == said.count(None)
        refused = [job for job, problem in zip(jobs, said, strict=True) if problem]
        assert all(state(ctx, job) is JobState.PLANNED for job in refused), "they can be started later"
        assert "budget of $" in str(next(filter(None, said)))
        assert "for all jobs in November (UTC)" in str(next(filter(None, said)))


def test_what_was_reserved_is_settled_and_the_rest_is_free_again(
    offices: Sequence[Context], tmp_path: Path
) -> None:
    ctx = offices[0]
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.says = Decimal("0.04")  # less than the list price
    job = planned(ctx, mugs(tmp_path, 3), lane=Lane.LIVE)
    start(ctx, job, START)
    assert ctx.queries.used(MONTH, START) == Used(reserved=Decimal("0.30"))
    with pytest.raises(BudgetError, match=r"That may cost \$0\.10, and \$0\.05 are left"):
        start(ctx, planned(ctx, mugs(tmp_path)), START)
    run_to_end(ctx, job, real_pause=0.01)
    assert ctx.queries.used(MONTH, ctx.clock()) == Used(settled=Decimal("0.12"))
    start(ctx, planned(ctx, mugs(tmp_path, 2)), ctx.clock())


def test_a_cancelled_job_reserves_nothing(offices: Sequence[Context], tmp_path: Path) -> None:
    ctx = offices[0]
    job = planned(ctx, mugs(tmp_path, 3))
    start(ctx, job, START)
    ctx.store.cancel_job(job.id, START)
    assert ctx.queries.used(MONTH, START) == Used()


def test_what_was_billed_and_failed_is_tried_again_only_while_the_budget_bears_it(
    offices: Sequence[Context], tmp_path: Path
) -> None:
    ctx = offices[0]
    provider = ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures += [Failure(FailureKind.SERVER_ERROR, "500", "oops", Billed.UNKNOWN)] * 2
    job = planned(ctx, mugs(tmp_path, 2), lane=Lane.LIVE)
    start(ctx, job, START)
    run_to_end(ctx, job, real_pause=0.01)
    used = ctx.queries.used(MONTH, ctx.clock())
    assert used == Used(settled=Decimal("0.10"), perhaps=Decimal("0.20")), "one was tried again, one was not"
    (stopped,) = [item for item in ctx.queries.items(job.id) if item.failure_kind == "budget"]
    assert stopped.reason == (
        "Not tried again: $0.00 are left of the budget of $0.35 for all jobs in November (UTC)."
    )


def test_a_month_begins_anew_and_has_what_is_still_to_be_sent(
    offices: Sequence[Context], tmp_path: Path
) -> None:
    ctx = offices[0]
    job = planned(ctx, mugs(tmp_path, 3), lane=Lane.LIVE)
    start(ctx, job, START)
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert month_of(december) == december
    assert ctx.queries.used(MONTH, december) == Used(reserved=Decimal("0.30"))
    run_to_end(ctx, job, real_pause=0.01)
    assert ctx.queries.used(MONTH, START).settled == Decimal("0.30")
    assert ctx.queries.used(MONTH, december) == Used()


def test_channel_person_and_provider_have_budgets_of_their_own(
    offices: Sequence[Context], tmp_path: Path
) -> None:
    ctx = offices[0]
    other = Thread("", "T1", "C2", "U1")
    jobs = [planned(ctx, mugs(tmp_path)) for _ in range(3)]
    for job, thread in zip(
        jobs, (replace(other, channel="C1"), replace(other, channel="C1"), other), strict=True
    ):
        ctx.mail.open_thread(replace(thread, job_id=job.id))
    ctx.shelf.set_budget(SetBudget("T1", "channel", "C1", Decimal("0.15"), "U1", START))
    start(ctx, jobs[0], START)
    with pytest.raises(BudgetError, match=r"the channel has \$0\.05 left of its budget of \$0\.15"):
        start(ctx, jobs[1], START)
    ctx.shelf.set_budget(SetBudget("", "person", "tester", Decimal("0.15"), "U1", START))
    with pytest.raises(BudgetError, match=r"whoever asked for the job has \$0\.05 left"):
        start(ctx, jobs[2], START)
    assert ctx.shelf.drop_budget("", "person", "tester")
    ctx.shelf.set_budget(SetBudget("", "provider", "sketch", Decimal("0.15"), "U1", START))
    with pytest.raises(BudgetError, match=r"\$0\.05 are left of the budget of \$0\.15 for sketch"):
        start(ctx, jobs[2], START)
    ctx.shelf.set_budget(SetBudget("", "provider", "sketch", Decimal("0.20"), "U1", START))
    start(ctx, jobs[2], START)


def test_an_unknown_price_is_refused_under_a_budget_unless_allowed(url: str | None, tmp_path: Path) -> None:
    policy = replace(QUICK, budgets=MonthlyBudgets(month=MONTH.usd))
    clock = TestClock()
    providers = {"sketch": PaidSketch(tmp_path, clock, None)}
    with make_context(tmp_path, providers, policy=policy, clock=clock, url=url) as ctx:
        job = planned(ctx, mugs(tmp_path, 2), lane=Lane.LIVE)
        with pytest.raises(BudgetError, match=r"The price of 2 pictures is not known, and \$0\.35 are left"):
            start(ctx, job, START)
        assert ctx.store.allow_unpriced(job.id, START, "U9")
        assert not ctx.store.allow_unpriced(job.id, START, "U9")
        start(ctx, job, START)
        run_to_end(ctx, job, real_pause=0.01)
        assert ctx.queries.used(MONTH, START).unpriced == 2, "said as unknown, never as nothing"
        with pytest.raises(BudgetError, match="not known"):
            start(ctx, planned(ctx, mugs(tmp_path)), START)
