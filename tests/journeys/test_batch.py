"""One journey per promise, through the OpenAI adapter and its simulator over real HTTP."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bot.pipeline.audit import audit, report
from bot.pipeline.export import write_pictures
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from providers.base import Lane
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, JobState
from tests.parts import ends, results_of, run_to_end, run_until, sheet, started

PAUSE = 0.02
"""Seconds the simulator gets between two rounds."""


def finish(ctx: Context, job: Job) -> Job:
    return run_to_end(ctx, job, rounds=600, real_pause=PAUSE)


def rows_of(ctx: Context, job: Job) -> list[dict[str, str]]:
    return results_of(ctx, job)


def test_a_sheet_becomes_pictures_and_every_row_is_accounted_for(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    prompts = [f"a {colour} mug" for colour in ("red", "blue", "green", "red")]
    prompts += ["a moderated scene", "a flaky boot [flaky]"]
    path = sheet(tmp_path, [{"sku": f"S{n}", "prompt": text} for n, text in enumerate(prompts)])

    job = finish(ctx, started(ctx, path))

    numbers = report(ctx, job, ctx.clock())
    assert numbers["stored"] == 5
    assert numbers["refused"] == 1
    assert numbers["duplicates"] == 1
    assert numbers["retries"] == 1
    assert numbers["submissions"] == 2
    assert audit(ctx, job)["holds"]
    assert [row["status"] for row in rows_of(ctx, job)] == [
        "stored", "stored", "stored", "stored", "refused", "stored",
    ]  # fmt: skip
    drawn = [image.prompt for image in simulator.billed]
    assert sorted(drawn) == sorted(set(drawn)), "nothing is paid twice"
    out = tmp_path / "out"
    assert write_pictures(ctx, job, out) == 5
    assert sorted(file.name for file in out.iterdir()) == [
        "S0.webp",
        "S1.webp",
        "S2.webp",
        "S3.webp",
        "S5.webp",
    ]


def test_the_cost_is_the_vendors_own_usage_at_batch_price(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    path = sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}])
    job = finish(ctx, started(ctx, path))
    told = sum(image.price for image in simulator.billed)
    assert abs(report(ctx, job, ctx.clock())["cost_usd"] - float(told)) < 1e-6


def test_a_lost_create_reply_is_looked_up_and_not_paid_again(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.lost_reply_after_create = 1
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(4)])
    job = finish(ctx, started(ctx, path))
    assert report(ctx, job, ctx.clock())["stored"] == 4
    assert len(simulator.billed) == 4
    assert simulator.ledger.creates == 1


def test_missing_duplicate_and_unknown_lines_change_no_count(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.missing_lines = 2
    simulator.faults.duplicate_lines = 2
    simulator.faults.unknown_lines = 3
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(8)])
    job = started(ctx, path)
    job = finish(ctx, job)
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["stored"] + proof["failed"] == 8
    assert proof["unpriced_attempts"] > 0, "what a missing line cost is not known, and says so"


def test_an_expired_batch_is_sent_again_for_what_it_left(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.expire_after_fraction = 0.5
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(6)])
    job = started(ctx, path)
    run_until(ctx, lambda: bool(ctx.queries.counts(job.id).get(ItemState.STORED)))
    simulator.faults.expire_after_fraction = 0
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 6
    assert len(simulator.billed) == 6


def test_cancelling_keeps_what_is_made_and_sends_nothing_more(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.batch_seconds = 30
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(6)])
    job = started(ctx, path)
    one_round(ctx, ctx.clock())
    ctx.store.cancel_job(job.id, ctx.clock())
    job = finish(ctx, job)
    assert job.state is JobState.CANCELLED
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["in_flight"] == 0
    assert proof["stored"] == len(simulator.billed)


def test_a_dry_account_pauses_the_provider_and_the_job_goes_on_when_money_is_there(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.quota = True
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)])
    job = started(ctx, path, lane=Lane.LIVE)
    run_until(ctx, lambda: "openai" in ctx.notices.pauses())
    one_round(ctx, ctx.clock())
    assert [incident.rule for incident in ctx.notices.incidents()] == ["provider-paused"]
    simulator.faults.quota = False
    ctx.clock.move(700)  # type: ignore[attr-defined]
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 3
    assert len(simulator.billed) == 3


def test_a_live_call_whose_reply_is_lost_is_in_doubt_and_not_repeated(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.lost_reply_live = 1
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)])
    job = finish(ctx, started(ctx, path, lane=Lane.LIVE))
    numbers = report(ctx, job, ctx.clock())
    assert (numbers["stored"], numbers["in_doubt"]) == (2, 1)
    assert len(simulator.billed) == 3
    assert audit(ctx, job)["unpriced_attempts"] == 1
    ctx.store.send_again(job.id, ends(ctx, job, ItemState.IN_DOUBT), ctx.clock())
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 3


def test_too_many_requests_cost_no_attempt(ctx: Context, simulator: OpenAISimulator, tmp_path: Path) -> None:
    simulator.faults.rate_limit_rate = 0.5
    simulator.faults.retry_after = 0.1
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(12)])
    job = finish(ctx, started(ctx, path, lane=Lane.LIVE))
    assert report(ctx, job, ctx.clock())["stored"] == 12
    assert all(item.attempts == 1 for item in ctx.queries.items(job.id))


def test_results_that_are_never_handed_out_do_not_hold_a_job_for_ever(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)])
    job = started(ctx, path)
    simulator.faults.cut_connection = 1_000_000
    run_until(ctx, lambda: any(sent.ended_at for sent in ctx.queries.submissions(job.id)))
    simulator.faults.cut_connection = 0
    assert ctx.queries.counts(job.id) == {ItemState.IN_FLIGHT: 3}
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 3
    assert len(simulator.billed) == 3


def test_a_job_may_ask_for_smaller_submissions(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(7)])
    job = finish(ctx, started(ctx, path, chunk=3))
    assert sorted(sent.count for sent in ctx.queries.submissions(job.id)) == [1, 3, 3]
    assert simulator.ledger.creates == 3 == (job.plan or {})["submissions"]
    assert report(ctx, job, ctx.clock())["stored"] == 7


def test_results_that_stay_away_past_all_patience_are_said_to_be_lost(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    path = sheet(tmp_path, [{"prompt": f"mug {n}"} for n in range(3)])
    job = started(ctx, path)
    simulator.faults.cut_connection = 1_000_000
    run_until(ctx, lambda: any(sent.ended_at for sent in ctx.queries.submissions(job.id)))
    ctx.clock.move(7 * 3600)  # type: ignore[attr-defined]
    run_until(ctx, lambda: len(ctx.queries.submissions(job.id)) > 1)
    simulator.faults.cut_connection = 0
    job = finish(ctx, job)
    proof = audit(ctx, job)
    assert proof["holds"]
    assert proof["unpriced_attempts"] == 3, "what the lost results cost is not known, and says so"


def test_a_paid_live_picture_that_cannot_be_kept_is_in_doubt_and_the_log_says_why(
    ctx: Context,
    simulator: OpenAISimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(_key: str, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job = started(ctx, sheet(tmp_path, [{"prompt": "a mug"}]), lane=Lane.LIVE)
    with monkeypatch.context() as disk:
        disk.setattr(ctx.blobs, "put", full)
        run_until(ctx, lambda: "No space left" in caplog.text)
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["in_doubt"] == 1
    assert len(simulator.billed) == 1, "it is not asked for, and paid, again"
