"""SIGKILL at every outside effect of copying approved pictures, and of letting old ones go: nothing is made
that was to be copied, no row names a file that is gone, and no file is left that nothing names.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.pipeline import reuse
from bot.pipeline.audit import audit
from bot.pipeline.prune import prune
from bot.pipeline.rounds import STAGES
from bot.pipeline.start import start
from bot.policy import Keep
from bot.runtime import Context, now
from storage.records import Job
from storage.reviews import Pick
from storage.states import JobState, ReviewEvent
from tests.crash.child import Effects, count_deletes, instrument
from tests.crash.conftest import live_and_die
from tests.parts import QUICK, TestClock, make_context, planned, run_to_end, sheet, started

PROMPTS = [{"prompt": "a red mug"}, {"prompt": "a blue mug"}, {"prompt": "a green mug"}]
DAYS = 100
POLICY = replace(QUICK, keep=Keep(approved=timedelta(days=DAYS - 10)))


def copying(ctx: Context, job: Job) -> None:
    """What was planned is taken from the earlier job and goes to its end."""
    if job.state is JobState.PLANNED:
        if not (job.plan or {}).get("reused"):
            reuse.take(ctx, job, ctx.clock(), "ana")
        planned_now = ctx.queries.job(job.id)
        assert planned_now is not None
        start(ctx, planned_now, ctx.clock(), person="ana")
    for _ in range(200):
        for stage in STAGES.values():
            stage(ctx, ctx.clock())
        current = ctx.queries.job(job.id)
        assert current is not None
        if current.state is JobState.FINISHED:
            return
        assert isinstance(ctx.clock, TestClock)
        ctx.clock.move(1)
    raise AssertionError("it has not ended")


def pruning(ctx: Context, _job: Job) -> None:
    """Long after, everything old goes."""
    assert isinstance(ctx.clock, TestClock)
    ctx.clock.move(DAYS * 86_400)
    while prune(ctx, ctx.clock()):
        pass


DEEDS: dict[str, Callable[[Context, Job], None]] = {"copying": copying, "pruning": pruning}


def live(folder: str, job_id: str, deed: str, die_at: int | None, answer: str) -> None:
    """One process's life."""
    effects = Effects(die_at)
    instrument(effects)
    count_deletes(effects)
    with make_context(Path(folder), policy=POLICY, clock=TestClock(now())) as ctx:
        job = ctx.queries.job(job_id)
        assert job is not None
        DEEDS[deed](ctx, job)
        items = [item for known in ctx.queries.jobs() for item in ctx.queries.items(known.id)]
        named = {key for item in items for key in (item.master_key, item.rendition_key) if key}
        kept = {key for key, _ in ctx.blobs.listed() if "/master/" in key or "/web/" in key}
        proof = audit(ctx, job)
        proof |= {"dangling": sorted(named - kept), "left_over": sorted(kept - named)}
        proof |= {"trash": list(ctx.queries.trash(10)), "reused": ctx.queries.reused(job_id)[0]}
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deed", list(DEEDS))
def test_killed_at_every_effect_files_and_rows_agree_in_the_end(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None], deed: str
) -> None:
    with make_context(tmp_path / "before", policy=POLICY, clock=TestClock(now())) as ctx:
        path = sheet(tmp_path, PROMPTS)
        first = run_to_end(ctx, started(ctx, path), real_pause=0.01)
        ctx.reviews.decide(first.id, Pick([(1, 2)]), ReviewEvent.APPROVE, "ben", ctx.clock())
        ctx.reviews.decide(first.id, Pick([(3, 3)]), ReviewEvent.REJECT, "ben", ctx.clock())
        job = planned(ctx, sheet(tmp_path, PROMPTS[:2], "second.csv")) if deed == "copying" else first
    answer, code, point = tmp_path / "answer.json", -1, 0
    while code != 0:
        point += 1
        folder = tmp_path / f"{deed}-{point}"
        shutil.copytree(tmp_path / "before", folder)
        code = live_and_die(forks, live, str(folder), job.id, deed, point, str(answer))
        if code != 0:
            assert code == -signal.SIGKILL
            assert live_and_die(forks, live, str(folder), job.id, deed, None, str(answer)) == 0
        proof = json.loads(answer.read_text())
        where = f"killed at effect {point}: {proof}"
        assert proof["holds"], where
        assert (proof["dangling"], proof["left_over"], proof["trash"]) == ([], [], []), where
        if deed == "copying":
            assert (proof["reused"], proof["stored"], proof["pictures_made"]) == (2, 2, 0), where
        shutil.rmtree(folder)
    assert point > 10, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"{deed}: killed at {point - 1} points")
