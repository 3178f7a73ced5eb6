"""SIGKILL at every outside effect of live calls that ask for several pictures of one row."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.simulators.xai import XAISimulator
from tests.crash import child
from tests.crash.conftest import live_and_die
from tests.parts import sheet

VARIANTS = 3
PROMPTS = ("red mug", "a moderated scene")


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_at_every_effect_no_variant_is_lost_and_none_paid_twice(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The vendor cannot be asked what became of a live call: a lost one is in doubt, and never made again."""
    point = in_doubt = 0
    with XAISimulator(faults=("picture_px=48",)) as simulator:
        while True:
            point += 1
            rows = [{"sku": f"S{n}", "prompt": f"{text} {point}"} for n, text in enumerate(PROMPTS)]
            arguments = {
                "folder": str(tmp_path / str(point)),
                "vendor": ("xai", simulator.base_url, simulator.key),
                "sheet": str(sheet(tmp_path, rows, f"{point}.csv")),
                "lane": "live",
                "variants": VARIANTS,
                "die_at": point,
            }
            paid_before = len(simulator.billed)
            answer = tmp_path / "answer.json"
            code = live_and_die(forks, child.main, arguments, str(answer))
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert live_and_die(forks, child.main, {**arguments, "die_at": None}, str(answer)) == 0
            proof = json.loads(answer.read_text())
            where = f"killed at effect {point}: {proof}"
            assert proof["holds"], where
            assert proof["in_flight"] == proof["open_attempts"] == 0, where
            assert proof["stored"] + proof["refused"] + proof["in_doubt"] == len(PROMPTS) * VARIANTS, where
            assert proof["stored"] in (0, VARIANTS), f"the pictures of one call share its fate: {where}"
            paid = Counter(image.prompt for image in simulator.billed[paid_before:])
            assert max(paid.values(), default=0) <= VARIANTS, f"paid twice: {paid}, {where}"
            in_doubt += proof["in_doubt"]
    assert point > 20, "the run has fewer effects than it should: is everything counted?"
    assert in_doubt, "a call that was under way when the process died is in doubt"
    record_property("killed", f"{point - 1} points, {in_doubt} pictures in doubt")
