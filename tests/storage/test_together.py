"""Many threads write at once, in few transactions, and each hears of its own problem."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.assemble import assemble
from providers.base import Lane
from storage.each import Outcome
from storage.records import Submission
from storage.states import ItemEvent, ItemState, StaleTransitionError, SubmissionState
from storage.writer import Together
from tests.parts import START, make_context, sheet, started


def test_what_waits_is_written_together_and_each_hears_of_its_own() -> None:
    written: list[list[int]] = []
    first_in, go_on = threading.Event(), threading.Event()

    def write(some: Sequence[int]) -> list[Exception | None]:
        written.append(list(some))
        first_in.set()
        assert go_on.wait(10)
        return [ValueError(str(n)) if n % 2 else None for n in some]

    together = Together(write, 8)

    def give(n: int) -> str:
        try:
            together.give(n)
        except ValueError as problem:
            return str(problem)
        return "written"

    with ThreadPoolExecutor(21) as threads:
        begun = threads.submit(give, 0)
        assert first_in.wait(10)
        others = [threads.submit(give, n) for n in range(1, 21)]
        while len(together._waiting) < 20:
            pass
        go_on.set()
        said = [begun.result(), *(other.result() for other in others)]
    assert said == [str(n) if n % 2 else "written" for n in range(21)]
    assert [len(some) for some in written] == [1, 8, 8, 4]
    assert sorted(n for some in written for n in some) == list(range(21)), "each once"


def test_what_breaks_the_writing_is_heard_by_all_whose_things_were_in_it() -> None:
    def write(some: Sequence[int]) -> list[Exception | None]:
        raise OSError("disk full")

    together = Together(write, 8)
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            together.give(1)


def test_live_calls_are_begun_and_answered_once_however_many_threads_try(tmp_path: Path) -> None:
    with make_context(tmp_path / "data") as ctx:
        job = started(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(6)]), lane=Lane.LIVE)
        assemble(ctx, START)
        calls = ctx.queries.due_submissions(SubmissionState.PREPARED, START)
        assert len(calls) == 6

        def begin(call: Submission) -> bool:
            try:
                ctx.store.send(call, START, START)
            except StaleTransitionError:
                return False
            return True

        def answer(call: Submission) -> bool:
            (item,) = ctx.queries.items_by_number(job.id, [numbers[call.id]])
            made = Outcome(
                item.number, item.sends, ItemEvent.MAKE, "made", billed="yes", cost=Decimal("0.04")
            )
            try:
                ctx.store.answer(call, [made], START)
            except StaleTransitionError:
                return False
            return True

        numbers = {item.submission_id: item.number for item in ctx.queries.items(job.id)}
        with ThreadPoolExecutor(24) as threads:
            assert sum(threads.map(begin, calls * 4)) == 6
            assert sum(threads.map(answer, calls * 4)) == 6
        items = list(ctx.queries.items(job.id))
        assert {(item.state, item.attempts, item.cost) for item in items} == {
            (ItemState.GENERATED, 1, Decimal("0.04"))
        }
        history = [event.event for event in ctx.queries.events(job.id) if event.subject == "item"]
        assert [history.count(event) for event in ("pack", "accept", "make")] == [6, 6, 6]
        ended = ctx.queries.submissions(job.id)
        assert {(sent.state, sent.completed, sent.tries) for sent in ended} == {
            (SubmissionState.SETTLED, 1, 1)
        }
        assert not list(ctx.queries.submissions(job.id, [SubmissionState.OPEN]))
        ledger = ctx.queries.ledger(job.id)
        assert (ledger.made, ledger.settled_usd, ledger.overpaid) == (6, Decimal("0.24"), [])
