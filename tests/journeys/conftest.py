"""A provider over its simulator, with the real clock: simulators keep their own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runtime import Context, now
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.parts import make_context


@pytest.fixture
def simulator() -> Iterator[OpenAISimulator]:
    with OpenAISimulator(faults=Faults(batch_seconds=0.2, validating_seconds=0.05, picture_px=64)) as running:
        yield running


@pytest.fixture
def openai(simulator: OpenAISimulator) -> Iterator[OpenAI]:
    provider = OpenAI(
        catalogue.load()["openai"], api_key=simulator.key, base_url=simulator.base_url, clock=now
    )
    yield provider
    provider.close()


@pytest.fixture
def ctx(tmp_path: Path, openai: OpenAI) -> Iterator[Context]:
    with make_context(tmp_path / "data", {"openai": openai}) as context:
        yield context
