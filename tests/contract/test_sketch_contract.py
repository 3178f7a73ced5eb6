"""The provider that draws keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from provider_contract import ProviderContract, Subject, clock

from providers.base import Size
from providers.catalogue import load
from providers.sketch import Sketch


class TestSketch(ProviderContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        return Subject(
            provider=Sketch(load()["sketch"], folder=tmp_path / "kept", clock=clock),
            model="sketch",
            size=Size(96, 96),
        )
