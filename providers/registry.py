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
from providers.base import Hooked, Provider
from providers.bfl import Bfl
from providers.catalogue import ModelCard
from providers.fal import Fal
from providers.gemini import Gemini
from providers.gemini_webhooks import GeminiHooks
from providers.openai import OpenAI
from providers.openai_compatible import OpenAICompatible
from providers.openai_webhooks import OpenAIHooks
from providers.recraft import Recraft
from providers.sketch import Sketch
from providers.xai import XAI

HOOKS_PATH = "/hooks"
"""Below this path of the bot's own port each provider's webhooks arrive, under its name."""


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
    hook_address: str = ""
    """Where to send webhooks, for a vendor that is told with each submission; empty for none."""


@dataclass(frozen=True, slots=True)
class Hooking:
    """What a maker of a `Hooked` is given."""

    secret: SecretStr
    """What the vendor signs with; empty where it signs with a key that it publishes."""
    base_url: str


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
    hooks: Callable[[Hooking], Hooked] | None = None
    """Makes what proves its webhooks; None for a vendor that sends none."""
    hook_secret_variable: str | None = None
    """The variable of the secret that brings its webhooks."""
    hook_switch_variable: str | None = None
    """For a vendor that is told our address with each submission: the variable that says whether it is."""
    gen_ai_name: str | None = None
    """What the semantic conventions of OpenTelemetry call it, where that is another name."""


def _fal_hooks(hooking: Hooking) -> Hooked:
    from providers.fal_webhooks import FalHooks  # brings cryptography, which only this needs

    return FalHooks(base_url=hooking.base_url)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="openai",
        title="OpenAI",
        make=lambda m: OpenAI(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="OPENAI_API_KEY",
        base_url_variable="OPENAI_BASE_URL",
        base_url=openai.BASE_URL,
        hooks=lambda h: OpenAIHooks(h.secret),
        hook_secret_variable="OPENAI_WEBHOOK_SECRET",  # noqa: S106  # its name
    ),
    Entry(
        name="fal",
        title="fal",
        make=lambda m: Fal(
            m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock, hook_address=m.hook_address
        ),
        key_variable="FAL_KEY",
        base_url_variable="FAL_BASE_URL",
        base_url=fal.BASE_URL,
        hooks=_fal_hooks,
        hook_switch_variable="FAL_WEBHOOKS",
    ),
    Entry(
        name="gemini",
        title="Gemini",
        make=lambda m: Gemini(m.models, api_key=m.api_key, base_url=m.base_url, clock=m.clock),
        key_variable="GEMINI_API_KEY",
        base_url_variable="GEMINI_BASE_URL",
        base_url=gemini.BASE_URL,
        hooks=lambda h: GeminiHooks(h.secret),
        hook_secret_variable="GEMINI_WEBHOOK_SECRET",  # noqa: S106  # its name
        gen_ai_name="gcp.gemini",
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
        gen_ai_name="x_ai",
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
    public_url: str = "",
) -> dict[str, Provider]:
    """The providers whose key (or address, where that is what it takes) is set, and those that need none.

    `settings` holds values by variable name (`variables()`); `catalogue` is what `catalogue.load` gives;
    `public_url` is where vendors reach the bot's own port, if they do. Raises TellOperator, naming the
    provider, for a key or an address that cannot be one.
    """
    return {
        entry.name: entry.make(
            Making(
                models=catalogue.get(entry.name, {}),
                api_key=SecretStr(_value(settings, entry.key_variable)),
                base_url=_value(settings, entry.base_url_variable) or entry.base_url,
                folder=folder / entry.name,
                clock=clock,
                hook_address=_hook_address(entry, settings, public_url),
            )
        )
        for entry in ENTRIES
        if _set_up(entry, settings)
    }


def hooks(settings: Mapping[str, str | SecretStr | None], *, public_url: str = "") -> dict[str, Hooked]:
    """What proves webhooks, for the providers that are set up and may send some.

    Arguments as in `build`. Raises TellOperator, naming the variable, for a secret that cannot be one.
    """
    built: dict[str, Hooked] = {}
    for entry in ENTRIES:
        secret = _value(settings, entry.hook_secret_variable)
        sends = secret or _hook_address(entry, settings, public_url)
        if entry.hooks is not None and sends and _set_up(entry, settings):
            base_url = _value(settings, entry.base_url_variable) or entry.base_url
            built[entry.name] = entry.hooks(Hooking(SecretStr(secret), base_url))
    return built


def places(settings: Mapping[str, str | SecretStr | None]) -> dict[str, str]:
    """The address of each provider that is set up and is somewhere, by its title."""
    found = {
        entry.title: _value(settings, entry.base_url_variable) or entry.base_url
        for entry in ENTRIES
        if _set_up(entry, settings)
    }
    return {title: address for title, address in found.items() if address}


def gen_ai_name(name: str) -> str:
    """What traces call a provider."""
    return next((entry.gen_ai_name for entry in ENTRIES if entry.name == name and entry.gen_ai_name), name)


def variables() -> tuple[str, ...]:
    """Every environment variable a provider reads."""
    read = (
        (
            entry.key_variable,
            entry.base_url_variable,
            entry.hook_secret_variable,
            entry.hook_switch_variable,
        )
        for entry in ENTRIES
    )
    return tuple(name for names in read for name in names if name)


def _set_up(entry: Entry, settings: Mapping[str, str | SecretStr | None]) -> bool:
    keyed = entry.key_variable is None or not entry.key_required or _value(settings, entry.key_variable)
    placed = entry.base_url_variable is None or _value(settings, entry.base_url_variable) or entry.base_url
    return bool(keyed and placed)


def _hook_address(entry: Entry, settings: Mapping[str, str | SecretStr | None], public_url: str) -> str:
    """What this vendor is told; nothing where it is not told, switched off, or nobody reaches us."""
    wanted = _value(settings, entry.hook_switch_variable).lower() in ("true", "1", "on", "yes")
    return f"{public_url.rstrip('/')}{HOOKS_PATH}/{entry.name}" if wanted and public_url else ""


def _value(settings: Mapping[str, str | SecretStr | None], variable: str | None) -> str:
    value = settings.get(variable) if variable else None
    return (value.get_secret_value() if isinstance(value, SecretStr) else value or "").strip()
