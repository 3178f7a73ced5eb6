"""Which column a template's variable means when their names differ: guesses for a person to check. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import Final

from bot.intake.columns import identifier

GOOD_ENOUGH: Final = 0.6
"""A guess below this is not offered: an empty choice asks better than a wrong one."""

_ALIKE: Final = (
    {"name", "title", "product", "item", "article", "label", "headline"},
    {"color", "colour", "shade", "tint", "colourway", "colorway"},
    {"material", "fabric", "texture", "composition"},
    {"description", "desc", "details", "about", "copy", "text"},
    {"brand", "maker", "manufacturer", "vendor", "label"},
    {"category", "type", "kind", "group", "department"},
    {"scene", "setting", "background", "location", "backdrop", "place"},
    {"style", "mood", "look", "theme"},
    {"sku", "id", "code", "number", "ean", "gtin", "handle"},
    {"audience", "gender", "target", "segment"},
    {"season", "collection", "occasion", "campaign"},
    {"angle", "view", "perspective", "shot"},
)
"""Words that product sheets use for the same thing."""

_GROUPS: Final = MappingProxyType(
    {
        word: frozenset(n for n, group in enumerate(_ALIKE) if word in group)
        for group in _ALIKE
        for word in group
    }
)


def suggest(missing: Sequence[str], columns: Collection[str]) -> dict[str, str]:
    """Variable -> the column it most likely means; each column once, the surest guess first."""
    ranked = sorted(
        ((likeness(variable, column), variable, column) for variable in missing for column in columns),
        key=lambda found: -found[0],
    )
    guesses: dict[str, str] = {}
    for score, variable, column in ranked:
        if score >= GOOD_ENOUGH and variable not in guesses and column not in guesses.values():
            guesses[variable] = column
    return guesses


def likeness(variable: str, column: str) -> float:
    """How likely the two mean the same, 0 to 1.

    Words in common count most (`colour` and `Main colour`), then words of one meaning (`name` and `Product
    title`), then letters (`colur` and `Colour`).
    """
    wanted, found = identifier(variable), identifier(column)
    if wanted == found:
        return 1.0
    ours, theirs = _words(wanted), _words(found)
    shared = len(ours & theirs) / len(ours | theirs)
    meant = sum(any(_GROUPS.get(a, frozenset()) & _GROUPS.get(b, frozenset()) for b in theirs) for a in ours)
    by_meaning = 0.6 + 0.25 * meant / max(len(ours), len(theirs)) if meant == len(ours) else 0.0
    by_words = 0.7 + 0.25 * shared if shared else 0.0
    return max(by_words, by_meaning, difflib.SequenceMatcher(None, wanted, found).ratio())


def _words(name: str) -> set[str]:
    """The words of a name, each without a plural's s."""
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in name.split("_") if word}
