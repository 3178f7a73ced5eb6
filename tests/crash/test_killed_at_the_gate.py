"""SIGKILL around the quality gate's decisions: a picture found bad is made again once, never twice."""

from __future__ import annotations

import io
import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from providers.drawing import draw
from providers.simulators import openai_images
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.crash import child
from tests.crash.conftest import live_and_die
from tests.parts import sheet

PROMPTS = ["red mug", "an empty picture"]
EMPTY = PROMPTS[1]
DIALS = {"batch_seconds": 0.05, "validating_seconds": 0.01, "picture_px": 64}


def empty_at_first(seen: Counter[str]) -> Callable[..., bytes]:
    """Draws as the simulator does, but the first picture of an empty prompt is white."""

    def drawn(prompt: str, width: int, height: int, **options: Any) -> bytes:
        seen[prompt] += 1
        if not prompt.startswith(EMPTY) or seen[prompt] > 1:
            return draw(prompt, width, height, **options)
        out = io.BytesIO()
        Image.new("RGB", (width, height), "white").save(out, "PNG")
        return out.getvalue()

    return drawn


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_anywhere_after_its_picture_came_it_is_made_again_once(
    forks: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    seen: Counter[str] = Counter()
    monkeypatch.setattr(openai_images, "draw", empty_at_first(seen))
    with OpenAISimulator() as simulator:
        whole = life(forks, tmp_path, simulator, "whole", None)
        last = whole["effects"]
        first = last // 3
        for point in range(first, last + 1):
            name = f"point-{point}"
            died = life(forks, tmp_path, simulator, name, point)
            if not died:
                life(forks, tmp_path, simulator, name, None)
    assert last - first > 30, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"gate: killed at {last - first + 1} points")


def life(
    forks: Any, tmp_path: Path, simulator: OpenAISimulator, name: str, die_at: int | None
) -> dict[str, Any]:
    """One life of the process; what it proves, if it lived to the end."""
    rows = [{"sku": f"S{n}", "prompt": f"{text} {name}"} for n, text in enumerate(PROMPTS)]
    path = sheet(tmp_path, rows, f"{name}.csv")
    simulator.faults.update({**vars(Faults()), **DIALS})
    vendor = ("openai", simulator.base_url, simulator.key)
    folder, answer = str(tmp_path / name), tmp_path / "answer.json"
    run = {"folder": folder, "vendor": vendor, "sheet": str(path), "lane": "batch", "gate": True}
    code = live_and_die(forks, child.main, {**run, "die_at": die_at}, str(answer))
    if die_at is not None and code == -signal.SIGKILL:
        return {}
    assert code == 0
    proof: dict[str, Any] = json.loads(answer.read_text())
    paid = Counter(image.prompt for image in simulator.billed if image.prompt.endswith(f" {name}"))
    assert proof["holds"], proof
    assert (proof["stored"], proof["in_flight"], proof["open_attempts"]) == (len(PROMPTS), 0, 0), proof
    assert paid == {f"{text} {name}": 2 if text == EMPTY else 1 for text in PROMPTS}, (die_at, paid, proof)
    assert proof["pictures_made"] == len(PROMPTS) + 1, proof
    return proof
