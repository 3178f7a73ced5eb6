"""SIGKILL at every outside effect from the moment a deadline is near: nothing lost, nothing paid twice."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.runtime import now
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.crash import child
from tests.crash.conftest import live_and_die
from tests.parts import sheet

PROMPTS = ["red mug", "blue mug", "red mug", "green boot", "small hat"]
"""The third is a copy."""


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_killed_at_every_effect_of_a_rush_no_picture_is_paid_in_both_lanes(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    deadline = f"{now() + timedelta(hours=3):%Y-%m-%d %H:%M}"
    lanes: Counter[str] = Counter()
    in_doubt = runs = point = 0
    first: int | None = None
    dials = {"batch_seconds": 3, "validating_seconds": 0.01, "cancelling_seconds": 0.05, "picture_px": 64}
    with OpenAISimulator() as simulator:
        simulator.faults.update({**vars(Faults()), **dials})
        while True:
            rows = [{"sku": f"S{n}", "prompt": f"{text} {point}"} for n, text in enumerate(PROMPTS)]
            arguments = {
                "folder": str(tmp_path / f"rush-{point}"),
                "vendor": ("openai", simulator.base_url, simulator.key),
                "sheet": str(sheet(tmp_path, rows, f"rush-{point}.csv")),
                "lane": "batch",
                "deadline": deadline,
                "die_at": point or None,
            }
            answer = tmp_path / "answer.json"
            paid_before = len(simulator.billed)
            code = live_and_die(forks, child.main, arguments, str(answer))
            ended = code == 0
            if not ended:
                assert code == -signal.SIGKILL
                assert live_and_die(forks, child.main, {**arguments, "die_at": None}, str(answer)) == 0
            runs += 2 - ended
            proof = json.loads(answer.read_text())
            billed = simulator.billed[paid_before:]
            in_doubt += proof["in_doubt"]
            lanes.update(image.lane for image in billed)
            check(proof, Counter(image.prompt for image in billed), point)
            if first is None:
                assert proof["rushed"]
                assert lanes["live"], "nothing was rushed: the batch was quicker"
                first = point = int(proof["calm_effects"])
            elif ended:
                break
            point += 1
    assert point - first > 20, "the rush has fewer effects than it should: is everything counted?"
    assert lanes["batch"], "no batch had made anything when it was called back"
    killed = point - first - 1
    record_property("killed", f"rush: killed at {killed} points in {runs} runs; {in_doubt} in doubt")


def check(proof: dict[str, Any], paid: Counter[str], point: int) -> None:
    """Every row accounted for; every picture paid for once, in one lane."""
    where = f"killed at effect {point} of a rush: {proof}"
    assert proof["holds"], where
    assert proof["in_flight"] == 0, where
    assert proof["open_attempts"] == 0, where
    assert proof["stored"] + proof["in_doubt"] == len(PROMPTS), where
    twice = [prompt for prompt, times in paid.items() if times > 1]
    assert not twice, f"paid twice for {twice}, {where}"
