"""What somebody wants to take away: `export all preset=shopify,story name="{sku}_{w}x{h}" to=store`. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.imaging.file_names import DEFAULT_PATTERN, BadPattern, Names
from bot.imaging.presets import Delivery
from bot.imaging.presets import find as find_delivery
from bot.intake.options import CommandError
from bot.intake.records import quoted

APPROVED, ALL = "approved", "all"
SLACK, STORE = "slack", "store"

MAX_PRESETS = 8
"""Sets of web files of one export; each is rendered for every picture."""

_QUOTES = str.maketrans("“”„‟‘’", '"""""\'')
"""What phones make of quotation marks."""


@dataclass(frozen=True, slots=True)
class ExportWish:
    """Which pictures, as which files, called what, to where."""

    which: str = APPROVED
    presets: tuple[str, ...] = ()
    """Names of delivery presets; none: the web files as they are."""
    pattern: str = ""
    """Empty: the usual one, in a folder for each preset where there are several."""
    to: str = ""
    """`slack`, `store`, or empty: the store where there is one."""

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        return tuple(find_delivery(name) for name in self.presets)

    @property
    def names(self) -> str:
        """The pattern of the files' names."""
        if self.pattern:
            return self.pattern
        return f"{{preset}}/{DEFAULT_PATTERN}" if len(self.presets) > 1 else DEFAULT_PATTERN

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "presets": list(self.presets)}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ExportWish:
        return cls(given["which"], tuple(given["presets"]), given["pattern"], given["to"])


def parse_export(text: str) -> tuple[ExportWish, list[str]]:
    """The wish, and the words that are none of it (a job's name). Raises CommandError."""
    try:
        words = shlex.split(text.translate(_QUOTES))
    except ValueError:
        raise CommandError('A quotation mark has no partner; write name="{sku}_{variant}".') from None
    which, presets, pattern, to, rest = APPROVED, (), "", "", []
    given_presets: tuple[str, ...] = presets
    for word in words:
        name, equals, value = word.partition("=")
        match name.lower() if equals else "":
            case "preset" | "presets" | "delivery":
                given_presets = read_presets(value)
            case "name" | "names" | "pattern":
                pattern = read_pattern(value)
            case "to":
                to = _destination(value)
            case "":
                if word.lower() in (APPROVED, ALL):
                    which = word.lower()
                else:
                    rest.append(word)
            case _:
                raise CommandError(
                    f"{quoted(name)} is no option of an export; write preset=, name= or to=, and “all” for "
                    "pictures that are not approved."
                )
    return ExportWish(which, given_presets, pattern, to), rest


def read_presets(text: str) -> tuple[str, ...]:
    """Delivery presets with commas between them, each once. Raises CommandError."""
    names = [name.strip() for name in re.split(r"[,;]", text) if name.strip()]
    try:
        found = tuple(dict.fromkeys(find_delivery(name).name for name in names))
    except ValueError as problem:
        raise CommandError(str(problem)) from None
    if len(found) > MAX_PRESETS:
        raise CommandError(f"An export takes {MAX_PRESETS} presets; {len(found)} were given.")
    return found


def read_pattern(text: str) -> str:
    """A pattern of file names, or an empty text. Raises CommandError."""
    if not text.strip():
        return ""
    try:
        Names(text.strip())
    except BadPattern as problem:
        raise CommandError(str(problem)) from None
    return text.strip()


def _destination(text: str) -> str:
    if text.lower() not in (SLACK, STORE):
        raise CommandError(f"{quoted(text)} is no place for an export; write to=slack or to=store.")
    return text.lower()
