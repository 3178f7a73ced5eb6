"""SIGKILL at every outside effect of a batch job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.killing import kill_everywhere


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_at_every_effect_every_row_is_accounted_for_and_none_paid_twice(
    forks: Any, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = kill_everywhere(forks, tmp_path, "batch")
    record_property("killed", done)
