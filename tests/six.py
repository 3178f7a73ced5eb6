"""Six vendors on this machine, and the adapters that know their addresses and keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bot.runtime import now
from providers import catalogue, registry
from providers.base import Provider
from providers.simulators import SIMULATORS
from providers.simulators.server import Simulator

VENDORS = ("openai", "gemini", "xai", "fal", "bfl", "recraft")


@contextmanager
def six_vendors(folder: Path) -> Iterator[tuple[dict[str, Simulator], Mapping[str, Provider]]]:
    """Their simulators, quick and with small pictures, and the providers as the registry builds them."""
    values: dict[str, str] = {}
    with ExitStack() as stack:
        running = {name: stack.enter_context(SIMULATORS[name]()) for name in VENDORS}
        for entry in registry.ENTRIES:
            if entry.name in running and entry.key_variable and entry.base_url_variable:
                running[entry.name].faults.update(
                    {"picture_px": 64, "batch_seconds": 0.3, "validating_seconds": 0.05}
                )
                values[entry.key_variable] = running[entry.name].key
                values[entry.base_url_variable] = running[entry.name].base_url
        built = registry.build(values, catalogue=catalogue.load(), folder=folder, clock=now)
        for provider in built.values():
            stack.callback(provider.close)
        yield running, {name: built[name] for name in VENDORS}


def sheet_over(vendors: tuple[str, ...], rows: int) -> list[dict[str, str]]:
    """Rows that go to the vendors in turn."""
    return [
        {"sku": f"S{n}", "provider": vendors[n % len(vendors)], "prompt": f"mug number {n}"}
        for n in range(rows)
    ]
