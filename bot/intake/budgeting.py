"""What a person says about budgets, as a value: `budget`, `budget month 2000`, `budget person @ana off`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bot.intake.options import CommandError
from bot.intake.records import quoted

MOST_USD = Decimal(10_000_000)
"""A budget above this is a slip of the finger."""

KINDS = ("month", "channel", "person", "provider")
"""What has a budget that can be changed here."""


class Change(StrEnum):
    """What is to be done."""

    SHOW = "show"
    SET = "set"
    DROP = "drop"
    """The operator's setting counts again."""
    ALLOW = "allow"
    """A job may spend what nobody knows the price of."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What is wanted."""

    change: Change = Change.SHOW
    kind: str = ""
    """One of KINDS, for SET and DROP."""
    key: str = ""
    """Of the person, channel, provider or job; empty: where or who one is."""
    usd: Decimal = Decimal(0)


_HOW = (
    "write “budget month 2000”, “budget channel 500”, “budget person @ana 100” or “budget provider NAME 800”"
)
_MENTION = re.compile(r"<([@#])([A-Z0-9]+)(?:\|[^<>]*)?>")
_AMOUNT = re.compile(r"\$?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]{1,2})?(?:USD|\$)?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,39}", re.IGNORECASE)


def read_budgets(text: str) -> Budgets:
    """What stands behind `budget`, mentions as Slack sends them. Raises CommandError."""
    words = text.split()
    if not words or words[0].lower() in ("show", "list"):
        return Budgets()
    first = words[0].lower().strip("`*_.,:")
    if first == "allow":
        name = words[1].strip("`*_.,:#").lower() if len(words) == 2 else ""
        if not _NAME.fullmatch(name):
            raise CommandError("Say which job may be of unknown price, like “budget allow k3x9ab”.")
        return Budgets(Change.ALLOW, key=name)
    if first not in KINDS:
        raise CommandError(f"{quoted(words[0])} has no budget; {_HOW}.")
    key = _key(first, words[1:-1])
    if len(words) < 2:
        raise CommandError(f"Say how much, or “off”: {_HOW}.")
    if words[-1].lower() in ("off", "none", "default"):
        return Budgets(Change.DROP, first, key)
    return Budgets(Change.SET, first, key, _usd(words[-1]))


def _key(kind: str, words: list[str]) -> str:
    """Who or what the budget is of."""
    said = " ".join(words)
    found = _MENTION.fullmatch(said)
    match kind:
        case "person" if found and found[1] == "@":
            return found[2]
        case "person":
            raise CommandError("Say whose budget, like “budget person @ana 100”.")
        case "channel" if found and found[1] == "#":
            return found[2]
        case "provider" if _NAME.fullmatch(said):
            return said.lower()
        case "provider":
            raise CommandError("Say which provider, like “budget provider NAME 800”.")
    if said:
        raise CommandError(f"{quoted(said)} is too much here; {_HOW}.")
    return ""


def _usd(text: str) -> Decimal:
    found = _AMOUNT.fullmatch(text)
    amount = Decimal(found[1].replace(",", "") + (found[2] or "")) if found else Decimal(0)
    if not 0 < amount <= MOST_USD:
        raise CommandError(f"{quoted(text)} is not a budget; write US dollars, like 500 or 12.50, or “off”.")
    return amount
