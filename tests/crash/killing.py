"""SIGKILL at every outside effect, then a restart: nothing lost, nothing paid twice."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.crash import child
from tests.crash.conftest import live_and_die
from tests.parts import sheet

PROMPTS = ["red mug", "blue mug", "red mug", "a moderated scene", "green boot [flaky]", "small hat"]
"""A duplicate, a refusal and a passing failure, so that a follow-up submission is part of the run."""


def kill_everywhere(forks: Any, tmp_path: Path, lane: str) -> str:
    """Kill a run of this lane at each of its effects in turn and restart it; what was done, in words."""
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
                "vendor": ("openai", simulator.base_url, simulator.key),
                "sheet": str(path),
                "lane": lane,
                "die_at": point,
            }
            answer = tmp_path / "answer.json"
            code = live_and_die(forks, child.main, arguments, str(answer))
            runs += 1
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert live_and_die(forks, child.main, {**arguments, "die_at": None}, str(answer)) == 0
            runs += 1
            proof = json.loads(answer.read_text())
            in_doubt += proof["in_doubt"]
            check(proof, Counter(image.prompt for image in simulator.billed[paid_before:]), lane, point)
    assert point > 50, "the run has fewer effects than it should: is everything counted?"
    return f"{lane}: killed at {point - 1} points in {runs} runs; {in_doubt} items in doubt"


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
