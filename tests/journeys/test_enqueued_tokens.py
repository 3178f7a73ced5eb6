"""A vendor's limit on tokens that wait in batches is kept: nothing is turned away, and all of it is made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.pipeline.rounds import one_round
from bot.runtime import Context, now
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, JobState, SubmissionState
from tests.parts import make_context, run_to_end, sheet, started

MODEL = "gpt-image-2"
PAUSE = threading.Event()
"""Never set: a pause that gives the simulator, which has its own clock, some time."""
QUEUE = 100
"""Tokens the simulated account may have in batches."""


@contextmanager
def openai(tmp_path: Path, known: int | None) -> Iterator[tuple[Context, OpenAISimulator]]:
    """An account with a small queue; `known`: what the operator's catalogue says of it."""
    own = tmp_path / "own.toml"
    limits = f"enqueued_tokens = {known}" if known else ""
    own.write_text(f'[[account]]\nprovider = "openai"\nmodel = "{MODEL}"\nlimits = {{ {limits} }}\n')
    faults = Faults(batch_seconds=0.1, validating_seconds=0.02, picture_px=48, enqueued_token_limit=QUEUE)
    with OpenAISimulator(faults=faults) as simulator:
        cards = catalogue.load(own)["openai"]
        provider = OpenAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=now)
        with closing(provider), make_context(tmp_path / "data", {"openai": provider}) as ctx:
            yield ctx, simulator


def forty(ctx: Context, tmp_path: Path, words: str = "a mug with a number on it", rows: int = 40) -> Job:
    # 28 characters and more: at least 7 tokens each, 280 in all.
    return started(ctx, sheet(tmp_path, [{"prompt": f"{words} {n:02}"} for n in range(rows)]), model=MODEL)


def most_waiting(ctx: Context, job: Job) -> tuple[Job, int]:
    """Run the job to its end; the most tokens that were at the provider at once."""
    seen = 0

    def look() -> None:
        nonlocal seen
        seen = max(seen, ctx.queries.enqueued_tokens("openai", MODEL))

    for _ in range(600):
        one_round(ctx, ctx.clock())
        look()
        if not ctx.queries.jobs([JobState.RUNNING]):
            break
        ctx.clock.move(1)  # type: ignore[attr-defined]
        PAUSE.wait(0.02)
    found = ctx.queries.job(job.id)
    assert found is not None
    return found, seen


def refused(ctx: Context, job: Job) -> int:
    return sum(sent.state is SubmissionState.REFUSED for sent in ctx.queries.submissions(job.id))


@pytest.mark.parametrize("words", ["a mug with a number on it", "数字が描かれたマグカップ、白い背景で"])
def test_nothing_is_turned_away_where_the_limit_is_known(tmp_path: Path, words: str) -> None:
    with openai(tmp_path, QUEUE) as (ctx, simulator):
        job, most = most_waiting(ctx, forty(ctx, tmp_path, words))
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 40}
        assert refused(ctx, job) == 0
        assert QUEUE / 2 < most <= QUEUE, "and the queue is used"
        assert max(sent.tokens for sent in ctx.queries.submissions(job.id)) <= QUEUE
        assert len(simulator.billed) == 40


def test_where_it_is_not_known_the_vendor_says_so_and_it_waits(tmp_path: Path) -> None:
    with openai(tmp_path, None) as (ctx, _):
        job = forty(ctx, tmp_path)
        for _ in range(20):
            one_round(ctx, ctx.clock())
            ctx.clock.move(1)  # type: ignore[attr-defined]
            PAUSE.wait(0.02)
        assert refused(ctx, job) > 0


def test_a_picture_with_more_words_than_the_queue_holds_goes_alone(tmp_path: Path) -> None:
    with openai(tmp_path, 20) as (ctx, _):
        job = run_to_end(ctx, forty(ctx, tmp_path, "words " * 20, rows=3), rounds=600, real_pause=0.02)
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 3}
        assert [sent.count for sent in ctx.queries.submissions(job.id)] == [1, 1, 1]
