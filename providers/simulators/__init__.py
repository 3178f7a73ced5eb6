"""Each vendor's API as a server on loopback, with memory, opinions and fault dials."""

from __future__ import annotations

from providers.simulators.bfl import BflSimulator
from providers.simulators.fal import FalSimulator
from providers.simulators.gemini import GeminiSimulator
from providers.simulators.openai import OpenAISimulator
from providers.simulators.openai_compatible import CompatibleSimulator
from providers.simulators.recraft import RecraftSimulator
from providers.simulators.server import PortBusy, Simulator
from providers.simulators.xai import XAISimulator

SIMULATORS: dict[str, type[Simulator]] = {
    "openai": OpenAISimulator,
    "fal": FalSimulator,
    "bfl": BflSimulator,
    "gemini": GeminiSimulator,
    "recraft": RecraftSimulator,
    "xai": XAISimulator,
    "openai_compatible": CompatibleSimulator,
}
"""Every simulated vendor by name, for ``imgbatch simulate NAME``."""

__all__ = ["SIMULATORS", "PortBusy", "Simulator"]
