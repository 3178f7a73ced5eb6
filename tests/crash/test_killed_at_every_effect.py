"""SIGKILL at every outside effect, then a restart: nothing lost, nothing paid twice."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.workspace.person import Person
from bot.workspace.server import ADMIN, Workspace
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.crash import child
from tests.parts import sheet

PROMPTS = ["red mug", "blue mug", "red mug", "a moderated scene", "green boot [flaky]", "small hat"]
"""A duplicate, a refusal and a passing failure, so that a follow-up submission is part of the run."""


@pytest.fixture(scope="module")
def forks() -> multiprocessing.context.ForkServerContext:
    """Children forked from a clean server that has the program imported already: cheap, and no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash.child"])
    return context


def live_and_die(context: Any, answer: Path, arguments: dict[str, Any]) -> int:
    """Run one child; its exit code (minus the signal's number if it was killed)."""
    process = context.Process(target=child.main, args=(arguments, str(answer)))
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("a child hung")
    return int(process.exitcode)


@pytest.mark.crash
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lane", ["batch", "live"])
def test_killed_at_every_effect_every_row_is_accounted_for_and_none_paid_twice(
    forks: Any, tmp_path: Path, lane: str, capsys: pytest.CaptureFixture[str]
) -> None:
    point = runs = 0
    in_doubt = 0
    dials = {"batch_seconds": 0.05, "validating_seconds": 0.01, "picture_px": 64}
    with OpenAISimulator() as simulator:
        while True:
            point += 1
            # New words at each point: the simulator's "[flaky]" fails a prompt the first time it is seen.
            rows = [{"sku": f"S{n}", "prompt": f"{text} {point}"} for n, text in enumerate(PROMPTS)]
            path = sheet(tmp_path, rows, f"{lane}-{point}.csv")
            paid_before = len(simulator.billed)
            simulator.faults.update({**vars(Faults()), **dials, "lost_reply_after_create": 1})
            arguments = {
                "folder": str(tmp_path / f"{lane}-{point}"),
                "vendor": (simulator.base_url, simulator.key),
                "sheet": str(path),
                "lane": lane,
                "die_at": point,
            }
            answer = tmp_path / "answer.json"
            code = live_and_die(forks, answer, arguments)
            runs += 1
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert live_and_die(forks, answer, {**arguments, "die_at": None}) == 0
            runs += 1
            proof = json.loads(answer.read_text())
            in_doubt += proof["in_doubt"]
            check(proof, Counter(image.prompt for image in simulator.billed[paid_before:]), lane, point)
    assert point > 50, "the run has fewer effects than it should: is everything counted?"
    with capsys.disabled():
        print(f"\n{lane}: killed at {point - 1} points in {runs} runs; {in_doubt} items in doubt")


def check(proof: dict[str, Any], paid: Counter[str], lane: str, point: int) -> None:
    """Every row accounted for; every picture paid for once."""
    where = f"killed at effect {point} of the {lane} run: {proof}"
    assert proof["holds"], where
    assert proof["in_flight"] == 0, where
    assert proof["open_attempts"] == 0, where
    assert proof["refused"] == 1 or proof["in_doubt"], where
    assert proof["stored"] + proof["refused"] + proof["in_doubt"] == len(PROMPTS), where
    assert proof["in_doubt"] == 0 or lane == "live", where
    twice = [prompt for prompt, times in paid.items() if times > 1]
    assert not twice, f"paid twice for {twice}, {where}"


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_at_every_effect_nothing_is_announced_twice(
    forks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sheet(tmp_path, [{"sku": f"S{n}", "prompt": text} for n, text in enumerate(PROMPTS[:2])])
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
            code = live_and_die(forks, answer, arguments)
            if code != 0:
                assert code == -signal.SIGKILL
                assert live_and_die(forks, answer, {**arguments, "die_at": None}) == 0
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
    with capsys.disabled():
        print(f"\nSlack: killed at {point - 1} points in {2 * point - 1} runs")


def thread_of(person: Person, channel: str, expected: int) -> list[str]:
    """What stands in the channel's one thread; a shared file appears a moment after it was sent."""

    def look() -> list[str] | None:
        (parent,) = person.messages(channel)[:1]
        said = [message["text"] for message in person.thread(channel, parent["ts"])]
        return said if len(said) >= expected else None

    return person.wait_for(look)
