from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.workspace.server import Workspace
from tests.slack.house import CLOSING, House, house


@pytest.fixture(scope="session")
def slack() -> Iterator[Workspace]:
    """One workspace for all tests; each has a channel of its own."""
    with Workspace(rate_scale=None, retry_delays=(0.05, 0.05)) as workspace:
        yield workspace
        for closing in CLOSING:
            closing.join()
        assert workspace.objections == [], "Slack's own SDK models find fault with what was sent"


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with house(tmp_path, slack) as built:
        yield built
