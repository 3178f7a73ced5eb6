"""Which providers are built from which settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from providers.base import Provider, TellOperator
from providers.catalogue import load
from providers.registry import ENTRIES, build, variables


def built(tmp_path: Path, **settings: str | SecretStr | None) -> dict[str, Provider]:
    return build(
        settings, catalogue=load(), folder=tmp_path, clock=lambda: datetime(2026, 11, 23, tzinfo=UTC)
    )


def test_without_settings_there_is_a_provider_that_needs_none(tmp_path: Path) -> None:
    assert set(built(tmp_path)) == {"sketch"}
    assert set(built(tmp_path, OPENAI_API_KEY="  ", OPENAI_BASE_URL=None)) == {"sketch"}


def test_a_key_brings_its_provider(tmp_path: Path) -> None:
    providers = built(
        tmp_path, OPENAI_API_KEY=SecretStr("sk-x-123456"), OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    assert set(providers) == {"openai", "sketch"}
    for name, provider in providers.items():
        assert isinstance(provider, Provider)
        assert provider.name == name
        assert provider.models, "its cards come with it"
        provider.close()


def test_a_wrong_address_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(TellOperator, match="OpenAI"):
        built(tmp_path, OPENAI_API_KEY="sk-x-123456", OPENAI_BASE_URL="api.example/v1")


def test_every_entry_has_cards_and_its_variables_are_listed() -> None:
    cards = load()
    assert {entry.name for entry in ENTRIES} <= set(cards)
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    assert {"OPENAI_API_KEY", "OPENAI_BASE_URL"} <= set(variables())


def test_building_touches_neither_disk_nor_network(tmp_path: Path) -> None:
    for provider in built(tmp_path, OPENAI_API_KEY="sk-x-123456").values():
        provider.close()
    assert list(tmp_path.iterdir()) == []
