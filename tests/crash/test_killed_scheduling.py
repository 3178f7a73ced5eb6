"""SIGKILL at every outside effect around a schedule's firing: each time is run once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.intake.rule import Rule, parse_rule
from bot.intake.spec import JobSpec
from bot.pipeline.create import Wanted, create_job
from bot.pipeline.rescue import clear_drafts
from bot.pipeline.scheduled import fire, new_schedule
from bot.runtime import Context, now
from bot.slack.inbox import work_inbox
from bot.workspace.server import Workspace
from storage.states import JobState
from tests.crash.child import Effects, instrument
from tests.crash.conftest import live_and_die
from tests.parts import QUICK, TestClock, make_context, sheet

DAYS = 2
"""Runs that come up while the process is killed and started."""


def begin(folder: Path, path: Path, channel: str) -> datetime:
    """A scheduled job in a fresh data store; when it is run first."""
    clock = TestClock(now().replace(microsecond=0))
    with make_context(folder, policy=QUICK, clock=clock) as ctx:
        spec = JobSpec(template="{{ prompt }}", provider="sketch")
        job, _ = create_job(ctx, Wanted(path, path.name, spec, "U0ANAFERREIRA"), clock())
        rule: Rule = parse_rule("daily 07:00 UTC budget=5", "UTC", clock().date())
        schedule = new_schedule(ctx, job, rule, ("T0LOOPBACK", channel, "U0ANAFERREIRA"), clock())
    assert schedule.next_at is not None
    return schedule.next_at


def live(folder: str, slack: tuple[str, str], first: str, die_at: int | None, answer: str) -> None:
    """One process's life: from the first time on, until two runs have started by themselves. What comes then
    is killed elsewhere. Only ever called in a child.
    """
    effects = Effects(die_at)
    instrument(effects)
    clock = TestClock(datetime.fromisoformat(first))
    client = WebClient(token=slack[1], base_url=slack[0])
    with make_context(Path(folder), policy=QUICK, clock=clock) as ctx:
        clear_drafts(ctx)
        for day in range(DAYS):
            clock.at = max(clock.at, datetime.fromisoformat(first) + timedelta(days=day))
            for _ in range(400):
                fire(ctx, clock())
                work_inbox(ctx, client, clock())
                if settled(ctx, clock()):
                    break
                clock.move(1)
        runs = [job for job in ctx.queries.jobs() if job.title != "sheet.csv"]
        proof = {
            "effects": effects.count,
            "titles": sorted(job.title for job in runs),
            "states": [job.state.value for job in runs],
            "starts": [
                sum(e.event == "start" and e.subject == "job" for e in ctx.queries.events(job.id))
                for job in runs
            ],
            "items": [job.items for job in runs],
            "threads": sorted(thread.job_id for thread in ctx.mail.threads()),
            "jobs": sorted(job.id for job in runs),
            "inbox": len(ctx.mail.due_inbox(clock() + timedelta(hours=1))),
        }
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


def settled(ctx: Context, at: datetime) -> bool:
    """Nothing is due, and every run has started."""
    jobs = [job for job in ctx.queries.jobs() if job.title != "sheet.csv"]
    return (
        bool(jobs)
        and not ctx.shelf.due_schedules(at)
        and not ctx.mail.due_inbox(at)
        and all(job.state is JobState.RUNNING for job in jobs)
    )


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_at_every_effect_each_time_is_run_once(
    forks: ForkServerContext, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = sheet(tmp_path, [{"sku": "S1", "prompt": "red mug"}])
    answer, point = tmp_path / "answer.json", 0
    with Workspace(rate_scale=None) as workspace:
        slack = (workspace.api_url, workspace.bot_token)
        while True:
            point += 1
            folder = tmp_path / f"run-{point}"
            first = begin(folder, path, workspace.channel_id("campaigns")).isoformat()
            code = live_and_die(forks, live, str(folder), slack, first, point, str(answer))
            if code != 0:
                assert code == -signal.SIGKILL
                assert live_and_die(forks, live, str(folder), slack, first, None, str(answer)) == 0
            proof = json.loads(answer.read_text())
            where = f"killed at effect {point}: {proof}"
            assert len(proof["titles"]) == len(set(proof["titles"])) == DAYS, where
            assert proof["states"] == ["running"] * DAYS, where
            assert proof["starts"] == proof["items"] == [1] * DAYS, where
            assert proof["threads"] == proof["jobs"], where
            assert proof["inbox"] == 0, where
            if code == 0:
                break
    assert point > 30, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"schedules: killed at {point - 1} points in {2 * point - 1} runs")
