"""What came to nothing is counted, paid and sent again alike on both data stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.failures import groups, reword
from bot.pipeline.redo import Again
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from providers.base import Billed, Failure, FailureKind, Lane
from storage.failed import Retrying
from storage.records import Job
from storage.sheets import Spent
from storage.states import ItemState, JobState
from tests.parts import run_to_end, sheet, started
from tests.priced import PaidSketch
from tests.storage.test_store import ctx

__all__ = ["ctx"]

PRICE = Decimal("0.10")
REFUSED = Failure(FailureKind.CONTENT_POLICY, "blocked", "No.", Billed.NO)
EMPTY = Failure(FailureKind.UNKNOWN, "no_picture", "Nothing.", Billed.YES, Decimal("0.04"))
LOST = Failure(FailureKind.TIMEOUT, "", "Cut off.", Billed.UNKNOWN)


def paid(ctx: Context, folder: Path, *failures: Failure) -> PaidSketch:
    provider = PaidSketch(folder, ctx.clock, str(PRICE))
    provider.failures += failures
    ctx.providers["sketch"] = provider  # type: ignore[index]  # a test may
    return provider


def begun(ctx: Context, folder: Path, *prompts: str) -> Job:
    return started(ctx, sheet(folder, [{"prompt": prompt} for prompt in prompts]), lane=Lane.LIVE)


def once(ctx: Context) -> Context:
    return replace(ctx, policy=replace(ctx.policy, attempts=1))


def test_failures_are_added_up_with_what_they_cost(ctx: Context, tmp_path: Path) -> None:
    ctx = once(ctx)
    paid(ctx, tmp_path, *[EMPTY] * 2)
    job = run_to_end(ctx, begun(ctx, tmp_path, "one", "two", "one"), real_pause=0.01)
    (failed,) = ctx.queries.failed(job.id)
    assert failed.end == ("failed", "unknown", "no_picture")
    assert (failed.count, failed.billed, failed.spent) == (3, 2, Spent(Decimal("0.08")))
    assert (failed.again_usd, failed.unpriced) == (PRICE * 2, 0), "the copy is free"
    (group,) = groups(ctx, job)
    assert (group.kind, group.count, group.usd, group.again_usd) == ("empty", 3, Decimal("0.08"), PRICE * 2)
    items = ctx.queries.failed_items(job.id, [failed.end], 10)
    assert [item.number for item in items] == [1, 2], "the copy goes with its original"
    assert [item.number for item in ctx.queries.failed_copies(job.id, [1, 2])] == [3]
    assert [item.number for item in ctx.queries.failed_items(job.id, [failed.end], 10, after=1)] == [2]
    assert (ctx.queries.failed_after(job.id, [failed.end], 0), ctx.queries.failed_after(job.id, [], 0)) == (
        2,
        0,
    )
    assert ctx.queries.failed_items(job.id, [("failed", "timeout", "")], 10) == []
    assert ctx.store.send_again(job.id, [], ctx.clock()) == 0


def test_what_nobody_knows_the_price_of_is_unknown(ctx: Context, tmp_path: Path) -> None:
    ctx = once(ctx)
    paid(ctx, tmp_path, LOST, REFUSED)
    job = run_to_end(ctx, begun(ctx, tmp_path, "one", "two"), real_pause=0.01)
    found = {failed.kind: failed for failed in ctx.queries.failed(job.id)}
    assert (found["timeout"].spent, found["timeout"].billed) == (Spent(Decimal(0), 1), 0)
    assert (found["content_policy"].spent, found["content_policy"].billed) == (Spent(), 0)


def test_one_kind_is_sent_again_once_for_each_asking(ctx: Context, tmp_path: Path) -> None:
    ctx = once(ctx)
    provider = paid(ctx, tmp_path, LOST, LOST, REFUSED)
    job = run_to_end(ctx, begun(ctx, tmp_path, "one", "two", "three", "four"), real_pause=0.01)
    ends = [failed.end for failed in ctx.queries.failed(job.id) if failed.kind == "timeout"]
    assert ctx.store.send_again(job.id, ends, ctx.clock(), "U1", "click 1") == 2
    assert ctx.queries.counts(job.id)[ItemState.WAITING] == 2
    assert not ctx.store.finish_job(job.id, ctx.clock()), "something waits"
    provider.failures += [LOST, LOST]
    job = run_to_end(ctx, job, real_pause=0.01)
    assert ctx.store.send_again(job.id, ends, ctx.clock(), "U1", "click 1") == 0, "told a second time"
    found = ctx.queries.job(job.id)
    assert found is not None
    assert found.state is JobState.FINISHED
    assert ctx.store.send_again(job.id, ends, ctx.clock(), "U1", "click 2") == 2
    assert ctx.queries.ledger(job.id).attempts == 6


def test_what_is_tried_again_is_told_apart(ctx: Context, tmp_path: Path) -> None:
    policy = replace(ctx.policy, retry_first=timedelta(minutes=10), retry_most=timedelta(minutes=10))
    ctx = replace(ctx, policy=policy, chance=lambda: 0.0)
    paid(ctx, tmp_path, LOST, LOST, REFUSED)
    job = begun(ctx, tmp_path, "one", "two", "three")
    for _ in range(200):
        one_round(ctx, ctx.clock())
        if ctx.queries.retrying(job.id) and ctx.queries.failed(job.id):
            break
    assert ctx.queries.retrying(job.id) == [Retrying("timeout", "", 2, ctx.clock() + timedelta(minutes=10))]
    assert [failed.kind for failed in ctx.queries.failed(job.id)] == ["content_policy"]
    assert [(group.kind, group.retrying) for group in groups(ctx, job)] == [
        ("content_policy", False),
        ("timeout", True),
    ]


def test_the_newest_words_count_where_no_picture_was_made_before(ctx: Context, tmp_path: Path) -> None:
    ctx = once(ctx)
    provider = paid(ctx, tmp_path, REFUSED)
    job = run_to_end(ctx, begun(ctx, tmp_path, "one", "one"), real_pause=0.01)
    (seen,) = ctx.queries.failed_items(job.id, [("refused", "content_policy", "blocked")], 5)
    provider.failures.append(REFUSED)
    redone = reword(ctx, job, [Again(seen, "other words", Lane.LIVE)], "U1", ctx.clock(), "form 1")
    assert redone is not None
    assert [item.prompt for item in redone.added] == ["other words"]
    assert reword(ctx, job, [Again(seen, "other words", Lane.LIVE)], "U1", ctx.clock(), "form 1") is None
    job = run_to_end(ctx, job, real_pause=0.01)
    current = list(ctx.reviews.current(job.id))
    assert [(item.prompt, item.version, item.state) for item in current] == [
        ("other words", 2, ItemState.REFUSED),
        ("other words", 2, ItemState.REFUSED),
    ]
    assert job.quoted_high == PRICE * 2, "what the other words may cost is quoted as well"


@pytest.mark.parametrize("made", [True, False])
def test_a_version_that_came_to_nothing_gives_way_to_a_picture_alone(
    ctx: Context, tmp_path: Path, *, made: bool
) -> None:
    ctx = once(ctx)
    provider = paid(ctx, tmp_path, *([] if made else [REFUSED]))
    job = run_to_end(ctx, begun(ctx, tmp_path, "one"), real_pause=0.01)
    (seen,) = ctx.reviews.current(job.id)
    provider.failures.append(REFUSED)
    ctx.reviews.add_versions(job.id, [(seen, replace(seen, prompt="new", version=2))], "U1", ctx.clock())
    run_to_end(ctx, job, real_pause=0.01)
    (current,) = ctx.reviews.current(job.id)
    assert current.version == (1 if made else 2)
