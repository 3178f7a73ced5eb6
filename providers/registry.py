"""Which providers there are and what each needs to be built: the one list of their names.

Nothing outside `providers/` needs to know a vendor's name: settings are read by the variables named here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from providers import bfl, fal, gemini, openai, recraft, xai
from providers.base import Provider
from providers.bfl import Bfl
from providers.catalogue import ModelCard
from providers.fal import Fal
from providers.gemini import Gemini
from providers.openai import OpenAI
from providers.openai_compatible import OpenAICompatible
from providers.recraft import Recraft
from providers.sketch import Sketch
from providers.xai import XAI


@dataclass(frozen=True, slots=True)
class Making:
    """What a factory is given."""

    models: Mapping[str, ModelCard]
    api_key: SecretStr
    """Empty for a provider that needs none."""
    base_url: str
    """The operator's address, else the entry's default."""
    folder: Path
    """A place of its own for what the provider keeps; made by the provider when it needs it."""
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider that can be built."""

    name: str
    title: str
    """As a person writes it."""
    make: Callable[[Making], Provider]
    key_variable: str | None = None
    """The environment variable of the key; None for a provider that needs no key."""
    key_required: bool = True
    """False where a server may do without: then its address is what brings the provider."""
    base_url_variable: str | None = None
    base_url: str = ""
    """Where it is unless the operator says otherwise; empty: he must."""


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="openai",
        title="OpenAI",
        make=lambda m: OpenAI(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="OPENAI_API_KEY",
        base_url_variable="OPENAI_BASE_URL",
        base_url=openai.BASE_URL,
    ),
    Entry(
        name="fal",
        title="fal",
        make=lambda m: Fal(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="FAL_KEY",
        base_url_variable="FAL_BASE_URL",
        base_url=fal.BASE_URL,
    ),
    Entry(
        name="gemini",
        title="Gemini",
        make=lambda m: Gemini(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="GEMINI_API_KEY",
        base_url_variable="GEMINI_BASE_URL",
        base_url=gemini.BASE_URL,
    ),
    Entry(
        name="recraft",
        title="Recraft",
        make=lambda m: Recraft(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="RECRAFT_API_TOKEN",
        base_url_variable="RECRAFT_BASE_URL",
        base_url=recraft.BASE_URL,
    ),
    Entry(
        name="xai",
        title="xAI",
        make=lambda m: XAI(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="XAI_API_KEY",
        base_url_variable="XAI_BASE_URL",
        base_url=xai.BASE_URL,
    ),
    Entry(
        name="bfl",
        title="Black Forest Labs",
        make=lambda m: Bfl(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="BFL_API_KEY",
        base_url_variable="BFL_BASE_URL",
        base_url=bfl.BASE_URL,
    ),
    Entry(
        name="openai_compatible",
        title="OpenAI-compatible server",
        make=lambda m: OpenAICompatible(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="OPENAI_COMPATIBLE_API_KEY",
        key_required=False,
        base_url_variable="OPENAI_COMPATIBLE_BASE_URL",
    ),
    Entry(
        name="sketch",
        title="Sketch",
        make=lambda m: Sketch(m.models, folder=m.folder, clock=m.clock),
    ),
)
"""In the order they are offered. A new provider is one entry here, one file beside it, its cards."""


def build(
    settings: Mapping[str, str | SecretStr | None],
    *,
    catalogue: Mapping[str, Mapping[str, ModelCard]],
    folder: Path,
    clock: Callable[[], datetime],
) -> dict[str, Provider]:
    """The providers whose key (or address, where that is what it takes) is set, and those that need none.

    `settings` holds values by variable name (`variables()`); `catalogue` is what `catalogue.load` gives.
    Raises TellOperator, naming the provider, for a key or an address that cannot be one.
    """
    built: dict[str, Provider] = {}
    for entry in ENTRIES:
        key = _value(settings, entry.key_variable)
        if entry.key_variable is not None and entry.key_required and not key:
            continue
        base_url = _value(settings, entry.base_url_variable) or entry.base_url
        if entry.base_url_variable is not None and not base_url:
            continue
        built[entry.name] = entry.make(
            Making(
                models=catalogue.get(entry.name, {}),
                api_key=SecretStr(key),
                base_url=base_url,
                folder=folder / entry.name,
                clock=clock,
            )
        )
    return built


def variables() -> tuple[str, ...]:
    """Every environment variable a provider reads."""
    both = ((entry.key_variable, entry.base_url_variable) for entry in ENTRIES)
    return tuple(name for pair in both for name in pair if name)


def _value(settings: Mapping[str, str | SecretStr | None], variable: str | None) -> str:
    value = settings.get(variable) if variable else None
    return (value.get_secret_value() if isinstance(value, SecretStr) else value or "").strip()
