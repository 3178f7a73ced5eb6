"""A house whose pictures cost something: the simulated vendor with its list prices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.runtime import now
from bot.workspace.server import Workspace
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.parts import QUICK
from tests.slack.house import House, house

SHEET = "sku,prompt\n" + "".join(f"A-{n},a red mug number {n % 18}\n" for n in range(20)) + "A-99,\n"
"""20 good rows, of which two repeat others, and a bad one."""


@contextmanager
def priced_house(folder: Path, slack: Workspace, **policy: Any) -> Iterator[House]:
    """A house with this vendor; `policy` are the rules that differ."""
    with OpenAISimulator(
        faults=Faults(picture_px=64, batch_seconds=0.2, validating_seconds=0.05)
    ) as simulator:
        cards = catalogue.load()["openai"]
        provider = OpenAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=now)
        # These tiny pictures look alike, and the gate would have them made again.
        rules = replace(QUICK, quality_gate=False, **policy)
        try:
            with house(folder, slack, providers={"openai": provider}, policy=rules) as built:
                yield built
        finally:
            provider.close()
