"""Variants of one row are asked for in one live call, and each keeps its own fate and share of the cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.pipeline.rounds import one_round
from bot.runtime import Context
from providers import catalogue
from providers.base import Lane
from providers.simulators.xai import XAISimulator
from providers.xai import XAI
from storage.records import Job
from storage.states import ItemState, JobState, SubmissionState
from tests.parts import TestClock, make_context, run_to_end, sheet, started

PATH = "/v1/images/generations"


@contextmanager
def xai(tmp_path: Path, *faults: str) -> Iterator[tuple[Context, XAISimulator]]:
    clock = TestClock()
    with XAISimulator(faults=("picture_px=48", *faults), clock=lambda: clock().timestamp()) as simulator:
        cards = catalogue.load()["xai"]
        provider = XAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=clock)
        with closing(provider), make_context(tmp_path / "data", {"xai": provider}, clock=clock) as ctx:
            yield ctx, simulator


def live(ctx: Context, tmp_path: Path, rows: int, variants: int, words: str = "mug") -> Job:
    path = sheet(tmp_path, [{"prompt": f"{words} {n}"} for n in range(rows)])
    return started(ctx, path, lane=Lane.LIVE, variants=variants)


def calls(simulator: XAISimulator) -> int:
    return sum(asked.path == PATH for asked in simulator.requests)


def test_twelve_variants_of_three_rows_are_two_calls_a_row(tmp_path: Path) -> None:
    with xai(tmp_path) as (ctx, simulator):
        job = run_to_end(ctx, live(ctx, tmp_path, 3, 12), real_pause=0.02)
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 36}
        assert sorted(sent.count for sent in ctx.queries.submissions(job.id)) == [2, 2, 2, 10, 10, 10]
        assert calls(simulator) == 6 == (job.plan or {})["submissions"]
        assert len(simulator.billed) == 36
        ledger = ctx.queries.ledger(job.id)
        assert ledger.settled_usd == sum(bill.price for bill in simulator.billed)
        for item in ctx.queries.items(job.id):
            assert item.master_key is not None
        masters = {ctx.blobs.read(item.master_key or "") for item in ctx.queries.items(job.id)}
        assert len(masters) == 36, "each variant has a picture of its own"


def test_different_rows_never_share_a_call(tmp_path: Path) -> None:
    with xai(tmp_path) as (ctx, simulator):
        job = run_to_end(ctx, live(ctx, tmp_path, 8, 1), real_pause=0.02)
        assert {sent.count for sent in ctx.queries.submissions(job.id)} == {1}
        assert calls(simulator) == 8


@pytest.mark.parametrize(
    ("fault", "refused", "calls_made"), [("short_answers=1", 0, 2), ("held_back=1", 1, 1)]
)
def test_a_picture_that_is_missing_is_asked_for_again_and_one_held_back_is_not(
    tmp_path: Path, fault: str, refused: int, calls_made: int
) -> None:
    with xai(tmp_path, fault) as (ctx, simulator):
        job = run_to_end(ctx, live(ctx, tmp_path, 1, 4), real_pause=0.02)
        counts = ctx.queries.counts(job.id)
        assert counts.get(ItemState.REFUSED, 0) == refused
        assert counts[ItemState.STORED] == 4 - refused
        assert calls(simulator) == calls_made
        assert ctx.queries.ledger(job.id).settled_usd == sum(bill.price for bill in simulator.billed)
        assert len(simulator.billed) == 4


def test_a_lost_reply_puts_all_pictures_of_the_call_in_doubt_and_no_other(tmp_path: Path) -> None:
    with xai(tmp_path, "lost_reply_live=1") as (ctx, simulator):
        job = run_to_end(ctx, live(ctx, tmp_path, 2, 5), real_pause=0.02)
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 5, ItemState.IN_DOUBT: 5}
        doubtful = [s for s in ctx.queries.submissions(job.id) if s.state is SubmissionState.IN_DOUBT]
        assert [sent.count for sent in doubtful] == [5]
        assert len(simulator.billed) == 10
        assert ctx.queries.ledger(job.id).unpriced == 5


def test_calls_that_are_turned_away_go_again_whole_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    with xai(tmp_path, "rate_limit_rate=0.5") as (ctx, simulator):
        job = run_to_end(ctx, live(ctx, tmp_path, 4, 5), rounds=400, real_pause=0.01)
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 20}
        sent = ctx.queries.submissions(job.id)
        assert [one.count for one in sent] == [5] * 4
        assert max(one.tries for one in sent) > 1, "some were turned away"
        assert len(simulator.billed) == 20


def test_many_rows_keep_all_the_callers_at_work(tmp_path: Path) -> None:
    """What is written down ahead is counted in calls: pictures would leave most of the callers idle."""
    with xai(tmp_path) as (ctx, _):
        live(ctx, tmp_path, 100, 10)
        one_round(ctx, ctx.clock())
        ahead = ctx.queries.live_calls("xai")
        concurrency = catalogue.load()["xai"]["grok-imagine-image-2.0"].limits.concurrency
        assert 3 * concurrency <= ahead <= 4 * concurrency
        idle = threading.Event()
        while ctx.sending:
            idle.wait(0.01)
        assert ctx.queries.jobs([JobState.RUNNING])
