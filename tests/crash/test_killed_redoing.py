"""SIGKILL at every outside effect of making a picture again: one new version, paid once, the old one kept."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.pipeline.audit import audit
from bot.pipeline.redo import Again, redo
from bot.pipeline.rounds import STAGES
from bot.runtime import now
from storage.states import JobState
from tests.crash.child import Effects, instrument
from tests.crash.conftest import live_and_die
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started

MADE = [[1, "stored", "replaced"], [2, "stored", "unreviewed"]]
DOUBT = [[1, "stored", "unreviewed"], [2, "in_doubt", "replaced"]]
"""A live call that was cut off may have been made and billed: it is not sent again, and the version before
counts again."""


def live(folder: str, job_id: str, die_at: int | None, answer: str) -> None:
    """One process's life: what a person wrote is followed (again), and the job goes to its end."""
    effects = Effects(die_at)
    instrument(effects)
    clock, idle = TestClock(now()), threading.Event()
    with make_context(Path(folder), policy=QUICK, clock=clock) as ctx:
        job = ctx.queries.job(job_id)
        assert job is not None
        wanted = [Again(item, "a better mug") for item in ctx.reviews.picked(job_id, [(1, 2)])]
        redo(ctx, job, wanted, "ana", clock(), once="inbox 1")
        for _ in range(1000):
            for stage in STAGES.values():
                stage(ctx, clock())
            job = ctx.queries.job(job_id)
            assert job is not None
            if job.state is JobState.FINISHED:
                break
            clock.move(1)
            idle.wait(0.005)
        proof = audit(ctx, job)
        proof["versions"] = [
            [(v.version, v.state, v.review) for v in ctx.reviews.versions(job_id, first)] for first in (1, 2)
        ]
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_at_every_effect_a_redo_makes_one_version(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with make_context(tmp_path / "finished", policy=QUICK) as ctx:
        job = started(ctx, sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}]))
        run_to_end(ctx, job)
    answer, code, point, in_doubt = tmp_path / "answer.json", -1, 0, 0
    while code != 0:
        point += 1
        folder = tmp_path / f"redo-{point}"
        shutil.copytree(tmp_path / "finished", folder)
        code = live_and_die(forks, live, str(folder), job.id, point, str(answer))
        if code != 0:
            assert code == -signal.SIGKILL
            assert live_and_die(forks, live, str(folder), job.id, None, str(answer)) == 0
        proof = json.loads(answer.read_text())
        where = f"killed at effect {point}: {proof}"
        assert proof["holds"], where
        assert all(versions in (MADE, DOUBT) for versions in proof["versions"]), where
        assert proof["pictures_made"] + proof["in_doubt"] == 4, where
        assert (proof["paid_twice"], proof["in_flight"]) == ([], 0), where
        in_doubt += proof["in_doubt"]
        shutil.rmtree(folder)
    assert point > 15, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"redo: killed at {point - 1} points; {in_doubt} in doubt")
