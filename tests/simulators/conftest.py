from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai_account import Clock

from providers.simulators.openai import OpenAISimulator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Iterator[OpenAISimulator]:
    """Time stands still unless the test moves the clock; pictures are small."""
    with OpenAISimulator(faults=["picture_px=64", "batch_seconds=10"], clock=clock) as running:
        yield running


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[OpenAISimulator]:
    """One for a whole module, for tests that leave no trace in it; each start and stop costs 0.1 s."""
    with OpenAISimulator(faults=["picture_px=64"], clock=Clock()) as running:
        yield running


@pytest.fixture
def client(simulator: OpenAISimulator) -> Iterator[openai.OpenAI]:
    """The vendor's own client, unchanged, without its own retries."""
    with openai.OpenAI(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as made:
        yield made
