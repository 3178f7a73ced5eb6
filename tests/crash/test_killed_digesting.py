"""SIGKILL at every outside effect of a digest with its chart: it is posted once, and nothing is left over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.intake.rule import Kind, Rule
from bot.runtime import now
from bot.slack.digest_post import NAME, tell_digests
from bot.slack.digests import SCOPE, Setting
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, Workspace
from storage.records import Thread
from tests.crash.child import Effects, count_deletes, instrument
from tests.crash.conftest import killed_everywhere
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started

TEAM = "T0LOOPBACK"


def live(folder: str, slack: tuple[str, str], due: str, die_at: int | None, answer: str) -> None:
    """One process's life: the tick, until the next digest is another one."""
    effects = Effects(die_at)
    instrument(effects)
    count_deletes(effects)
    clock = TestClock(now())
    client = WebClient(token=slack[1], base_url=slack[0])
    with make_context(Path(folder), policy=QUICK, clock=clock) as ctx:
        for _ in range(60):
            tell_digests(ctx, client, clock())
            (setting,) = [Setting.of(*row) for row in ctx.shelf.recall_all(SCOPE)]
            if setting.next_at > datetime.fromisoformat(due):
                break
            clock.move(6)
        place = setting.place.job_id
        proof = {
            "since": setting.since.isoformat(),
            "states": [told.state.value for told in ctx.mail.announcements(place).values()],
            "uploads": list(ctx.mail.uploads(place).values()),
            "files": [key.removeprefix(f"{place}/") for key, _ in ctx.blobs.listed(f"{place}/")],
        }
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


def begin(folder: Path, channel: str) -> str:
    """A channel with a finished job, and a digest of it that is due; since when."""
    at = now().replace(microsecond=0)
    with make_context(folder, policy=QUICK, clock=TestClock(at)) as ctx:
        (job,) = ctx.queries.jobs()
        ctx.mail.open_thread(Thread(job.id, TEAM, channel, "U0ANAFERREIRA"))
        # Twelve hours from now, so that no other one comes up meanwhile.
        rule = Rule(Kind.DAILY, (at + timedelta(hours=12)).time(), "UTC")
        setting = Setting(TEAM, channel, rule, at, at - timedelta(hours=5), at)
        ctx.shelf.remember(SCOPE, setting.name, setting.to_json(), at)
    return at.isoformat()


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_killed_at_every_effect_a_digest_is_posted_once_with_its_chart(
    forks: ForkServerContext, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    earlier = TestClock(now() - timedelta(hours=1))
    with make_context(tmp_path / "before", policy=QUICK, clock=earlier) as ctx:
        run_to_end(ctx, started(ctx, sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}])))
    with Workspace(rate_scale=None) as workspace, Person(workspace.url, ADMIN) as ana:
        workspace.faults.file_seconds = workspace.faults.file_polls = 0
        channels: dict[int, str] = {}
        dues: dict[int, str] = {}

        def prepared(point: int) -> tuple[Any, ...]:
            folder = tmp_path / f"digest-{point}"
            shutil.copytree(tmp_path / "before", folder)
            channels[point] = workspace.add_channel(f"digest-{point}")
            dues[point] = begin(folder, channels[point])
            return str(folder), (workspace.api_url, workspace.bot_token), dues[point]

        for point, proof, _killed in killed_everywhere(forks, live, tmp_path / "answer.json", prepared):
            said = ana.messages(channels[point])
            where = f"killed at effect {point}: {proof} {said}"
            (message,) = said
            assert "1 batch came to an end: all 2 pictures came out." in message["text"], where
            (chart,) = [block for block in message["blocks"] if block["type"] == "image"]
            assert proof["uploads"] == [chart["slack_file"]["id"]], where
            assert ana.file(chart["slack_file"]).startswith(b"\x89PNG"), where
            assert (proof["since"], proof["states"]) == (dues[point], ["posted"]), where
            assert [key.partition("/")[0] for key in proof["files"]] == ["told"], where
            charts = [f for f in workspace._site.state.files.values() if f.name == NAME and f.completed]
            assert len(charts) == point, f"a file at Slack that nobody knows: {where}"
    assert point > 20, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"digest: killed at {point - 1} points")
