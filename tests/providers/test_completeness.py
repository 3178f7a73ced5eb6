"""A provider is all there: entry, adapter, cards, settings, stand-in, contract class and page."""

from __future__ import annotations

import importlib
import re
from datetime import date
from pathlib import Path

import pytest
from provider_contract import ProviderContract

from bot.config import Settings
from providers.catalogue import load
from providers.registry import ENTRIES, Entry
from providers.simulators import SIMULATORS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "adding-a-provider.md"
DRAWS_HERE = {"sketch"}
"""Providers that call nobody, so that there is nothing to stand in for."""
TODAY = date(2026, 11, 23)


def missing(entry: Entry, root: Path = ROOT) -> list[str]:
    """What is still to be done for this provider, as sentences; empty when it is all there."""
    return [
        *_adapter(entry, root),
        *_cards(entry),
        *_settings(entry),
        *_simulator(entry),
        *_contract(entry, root),
        *_page(entry, root),
    ]


def _adapter(entry: Entry, root: Path) -> list[str]:
    if (root / "providers" / f"{entry.name}.py").is_file():
        return []
    return [f"write the adapter, providers/{entry.name}.py"]


def _cards(entry: Entry) -> list[str]:
    cards = load().get(entry.name, {})
    if not cards:
        return [f"describe its models in providers/catalogue.toml, with provider = “{entry.name}”"]
    todo = []
    if all(card.retired(TODAY) for card in cards.values()):
        todo.append("describe a model that has not been shut down")
    todo += [
        f"name a successor of {card.id}" for card in cards.values() if card.shutdown and not card.successor
    ]
    todo += [
        f"describe {card.successor}, the successor of {card.id}"
        for card in cards.values()
        if card.successor and card.successor not in cards
    ]
    sizeless = [card.id for card in cards.values() if not card.sizes and card.size_rule is None]
    return todo + [f"say which sizes {name} makes" for name in sizeless]


def _settings(entry: Entry) -> list[str]:
    variables = filter(None, (entry.key_variable, entry.base_url_variable))
    return [
        f"add {name} to the settings in bot/config.py"
        for name in variables
        if name.lower() not in Settings.model_fields
    ]


def _simulator(entry: Entry) -> list[str]:
    if entry.name in DRAWS_HERE:
        return []
    simulator = SIMULATORS.get(entry.name)
    if simulator is None:
        return [f"write providers/simulators/{entry.name}.py and add it to SIMULATORS"]
    return [] if simulator.vendor == entry.name else [f"let the simulator's vendor be “{entry.name}”"]


def _contract(entry: Entry, root: Path) -> list[str]:
    name = f"test_{entry.name}_contract"
    if not (root / "tests" / "contract" / f"{name}.py").is_file():
        return [f"write its contract class in tests/contract/{name}.py"]
    found = vars(importlib.import_module(name)).items()
    for what, value in found:
        if what.startswith("Test") and isinstance(value, type) and issubclass(value, ProviderContract):
            return []
    return [f"let a Test class in tests/contract/{name}.py inherit from the suite"]


def _page(entry: Entry, root: Path) -> list[str]:
    page = root / "docs" / "providers" / f"{entry.name}.md"
    if not page.is_file():
        return [f"write its page, docs/providers/{entry.name}.md"]
    text = page.read_text(encoding="utf-8")
    wanted = {
        f"the adapter, providers/{entry.name}.py": f"providers/{entry.name}.py",
        "the day it was checked": "Checked 20",
        entry.key_variable: entry.key_variable,
        entry.base_url_variable: entry.base_url_variable,
    }
    if entry.name not in DRAWS_HERE:
        wanted["how to try it"] = f"imgbatch simulate {entry.name}"
    return [
        f"let docs/providers/{entry.name}.md name {what}"
        for what, words in wanted.items()
        if words is not None and words not in text
    ]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_provider_is_all_there(entry: Entry) -> None:
    todo = missing(entry)
    assert not todo, f"{entry.title} is not finished (see docs/adding-a-provider.md): " + "; ".join(todo)


def test_what_is_missing_is_told_part_by_part() -> None:
    acme = Entry("acme", "Acme", lambda _: None, "ACME_KEY", base_url_variable="ACME_BASE_URL")  # type: ignore[arg-type,return-value]
    assert missing(acme) == [
        "write the adapter, providers/acme.py",
        "describe its models in providers/catalogue.toml, with provider = “acme”",
        "add ACME_KEY to the settings in bot/config.py",
        "add ACME_BASE_URL to the settings in bot/config.py",
        "write providers/simulators/acme.py and add it to SIMULATORS",
        "write its contract class in tests/contract/test_acme_contract.py",
        "write its page, docs/providers/acme.md",
    ]


def test_nothing_is_left_of_a_provider_that_was_taken_out() -> None:
    names = {entry.name for entry in ENTRIES}
    assert set(load()) <= names, "cards without a provider"
    assert set(SIMULATORS) <= names, "a stand-in without a provider"
    assert {page.stem for page in (ROOT / "docs" / "providers").glob("*.md")} <= names
    contracts = (ROOT / "tests" / "contract").glob("test_*_contract.py")
    assert {file.stem.removeprefix("test_").removesuffix("_contract") for file in contracts} <= names


def test_each_name_and_variable_belongs_to_one_provider() -> None:
    variables = [name for entry in ENTRIES for name in (entry.key_variable, entry.base_url_variable) if name]
    assert len(set(variables)) == len(variables)
    assert len({entry.name for entry in ENTRIES}) == len({entry.title for entry in ENTRIES}) == len(ENTRIES)


def test_every_file_the_guide_names_is_there() -> None:
    named = re.findall(r"`((?:providers|tests|docs|bot)/[\w./-]+)`", GUIDE.read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_guides_contract_class_is_python() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    compile(code, str(GUIDE), "exec")
    assert len(code.splitlines()) <= 20  # ten statements, as the formatter lays them out
