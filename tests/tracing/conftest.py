from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

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
