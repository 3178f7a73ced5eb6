"""SIGKILL at every outside effect of a job that is told in Slack: nothing is announced twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.workspace.person import Person
from bot.workspace.server import ADMIN, Workspace
from tests.crash import child
from tests.crash.conftest import live_and_die
from tests.parts import sheet

PROMPTS = ["red mug", "blue mug"]


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_killed_at_every_effect_nothing_is_announced_twice(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = sheet(tmp_path, [{"sku": f"S{n}", "prompt": text} for n, text in enumerate(PROMPTS)])
    point = 0
    with Workspace(rate_scale=None) as workspace:
        workspace.faults.file_seconds = 0
        workspace.faults.file_polls = 0
        while True:
            point += 1
            channel = workspace.add_channel(f"crash-{point}")
            arguments = {
                "folder": str(tmp_path / f"slack-{point}"),
                "vendor": None,
                "sheet": str(path),
                "lane": "batch",
                "die_at": point,
                "slack": (workspace.api_url, workspace.bot_token, channel),
            }
            answer = tmp_path / "answer.json"
            code = live_and_die(forks, child.main, arguments, str(answer))
            if code != 0:
                assert code == -signal.SIGKILL
                assert live_and_die(forks, child.main, {**arguments, "die_at": None}, str(answer)) == 0
            proof = json.loads(answer.read_text())
            with Person(workspace.url, ADMIN) as person:
                said = thread_of(person, channel, len(proof["announcements"]))
            where = f"killed at effect {point}: {said}"
            assert proof["holds"], where
            assert proof["stored"] == 2, where
            assert len(said) == len(set(said)) == len(proof["announcements"]), where
            if code == 0:
                break
    assert point > 50, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"Slack: killed at {point - 1} points in {2 * point - 1} runs")


def thread_of(person: Person, channel: str, expected: int) -> list[str]:
    """What stands in the channel's one thread; a shared file appears a moment after it was sent."""

    def look() -> list[str] | None:
        (parent,) = person.messages(channel)[:1]
        said = [message["text"] for message in person.thread(channel, parent["ts"])]
        return said if len(said) >= expected else None

    return person.wait_for(look)
