from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.tracing.collector import Collector, collecting


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector, and an environment without a trace of earlier ones."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    with collecting() as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def simulator() -> Iterator[OpenAISimulator]:
    faults = Faults(batch_seconds=0.2, validating_seconds=0.05, picture_px=64)
    with OpenAISimulator(faults=faults) as running:
        yield running
