"""What a look at one thing gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.config import Settings


class State(StrEnum):
    """How much it matters."""

    GOOD = "good"
    MISSING = "missing"
    """Not set up; the program works without it."""
    WARNING = "warning"
    """It works, and should be looked at."""
    WRONG = "wrong"
    """It must be mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    about: str
    state: State
    sentence: str


Check = Callable[[Settings], Iterator[Finding]]
"""Looks at one kind of thing. Changes nothing, spends nothing, and raises nothing that can be foreseen."""
