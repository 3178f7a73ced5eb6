"""Results that cannot be had are asked for again in halves, and people are told that they may pay twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pipeline.attend import attend
from bot.pipeline.audit import audit
from bot.pipeline.rounds import one_round
from bot.policy import Policy
from bot.runtime import Context, now
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, SubmissionState
from tests.parts import QUICK, TestClock, ends, make_context, run_to_end, sheet, started

PATIENT = replace(QUICK, attempts=6)
AWAY = replace(PATIENT, results_patience=timedelta(seconds=4))


@contextmanager
def openai(
    tmp_path: Path, policy: Policy = PATIENT, **faults: int
) -> Iterator[tuple[Context, OpenAISimulator]]:
    dials = Faults(batch_seconds=0.05, validating_seconds=0.02, picture_px=48, **faults)
    with OpenAISimulator(faults=dials) as simulator:
        cards = catalogue.load()["openai"]
        provider = OpenAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=now)
        with closing(provider), make_context(tmp_path / "data", {"openai": provider}, policy=policy) as ctx:
            yield ctx, simulator


def mugs(ctx: Context, tmp_path: Path, rows: int, **options: object) -> Job:
    return started(ctx, sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(rows)]), **options)


def finish(ctx: Context, job: Job) -> Job:
    return run_to_end(ctx, job, rounds=600, real_pause=0.02)


def sizes(ctx: Context, job: Job) -> list[tuple[int, SubmissionState]]:
    """How large each submission was and how it ended."""
    return [(sent.count, sent.state) for sent in ctx.queries.submissions(job.id)]


LOST, SETTLED = SubmissionState.LOST, SubmissionState.SETTLED


@pytest.mark.parametrize(
    ("dial", "policy"), [("largest_results", PATIENT), ("longest_download", AWAY)], ids=["gone", "unread"]
)
def test_what_cannot_be_fetched_goes_again_in_halves(tmp_path: Path, dial: str, policy: Policy) -> None:
    with openai(tmp_path, policy, **{dial: 3}) as (ctx, simulator):
        job = finish(ctx, mugs(ctx, tmp_path, 11))
        found = sizes(ctx, job)
        assert sorted(size for size, state in found if state is LOST) == [5, 5, 11]
        settled = [size for size, state in found if state is SETTLED]
        assert max(settled) == 2, "half of five"
        assert sum(settled) == 11
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 11}
        billed = Counter(image.prompt for image in simulator.billed)
        assert sorted(billed.values()) == [2] + [3] * 10, "only what was lost was made again"
        proof = audit(ctx, job)
        assert proof["holds"]
        assert proof["results_lost"] == 11 + 5 + 5
        assert proof["unpriced_attempts"] == 21, (
            "what was lost may have been billed, and nobody says how much"
        )
        assert proof["paid_twice"] == [], "of each item one picture has arrived"


def test_down_to_one_picture_a_submission(tmp_path: Path) -> None:
    with openai(tmp_path, largest_results=1) as (ctx, _):
        job = finish(ctx, mugs(ctx, tmp_path, 5))
        assert Counter(sizes(ctx, job)) == {(5, LOST): 1, (2, LOST): 2, (1, SETTLED): 5}
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 5}


def test_attempts_bound_what_is_paid_again(tmp_path: Path) -> None:
    with openai(tmp_path, replace(QUICK, attempts=2), largest_results=1) as (ctx, simulator):
        job = finish(ctx, mugs(ctx, tmp_path, 8))
        assert Counter(sizes(ctx, job)) == {(8, LOST): 1, (4, LOST): 2}
        assert ctx.queries.counts(job.id) == {ItemState.EXPIRED: 8}
        assert len(simulator.billed) == 16

        # A person asks for them again: the next ones are smaller still.
        ctx.store.send_again(job.id, ends(ctx, job, ItemState.EXPIRED), ctx.clock())
        job = finish(ctx, job)
        sent_last = [size for size, _ in sizes(ctx, job) if size < 4]
        assert sent_last, "they were sent again"
        assert max(sent_last) == 2


def test_it_is_told_once_and_in_the_words_of_a_person(tmp_path: Path) -> None:
    with openai(tmp_path, largest_results=2) as (ctx, _):
        job = finish(ctx, mugs(ctx, tmp_path, 8))
        attend(ctx, ctx.clock())
        (told,) = [found for found in ctx.notices.incidents(job.id) if found.rule == "lost-results"]
        assert "the results of 3 submissions could not be had from openai" in told.headline
        assert "may have been made and billed" in told.details[0]
        assert "half the size" in told.details[0]
        assert "chunk=500" in told.advice
        assert told.closed_at is None


def test_a_restart_remembers_how_large_it_may_be(tmp_path: Path) -> None:
    policy = replace(PATIENT, retry_first=timedelta(hours=1))
    with OpenAISimulator(
        faults=Faults(batch_seconds=0.05, validating_seconds=0.02, picture_px=48, largest_results=2)
    ) as simulator:
        clock = TestClock()
        cards = catalogue.load()["openai"]
        provider = OpenAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=now)
        idle = threading.Event()
        with closing(provider):
            with make_context(tmp_path / "data", {"openai": provider}, policy=policy, clock=clock) as ctx:
                job = mugs(ctx, tmp_path, 4)
                while not ctx.queries.submissions(job.id, [LOST]):
                    one_round(ctx, clock())
                    clock.move(1)
                    idle.wait(0.02)
                assert ctx.queries.counts(job.id) == {ItemState.WAITING: 4}
            clock.move(7200)
            with make_context(tmp_path / "data", {"openai": provider}, policy=policy, clock=clock) as ctx:
                job = finish(ctx, job)
                assert Counter(sizes(ctx, job)) == {(4, LOST): 1, (2, SETTLED): 2}
