"""What delivered files are called: a pattern with fields, made safe for every file system, never twice."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "sku": "the row's key",
    "row": "the row's number",
    "variant": "1, 2, ... within the row",
    "version": "1 for the first, one more for each redo",
    "preset": "the delivery preset",
    "w": "width in px",
    "h": "height in px",
    "n": "the picture's number in the job",
    "job": "the job's name",
    "ext": "the file's ending",
}
"""What a pattern may hold between braces."""

DEFAULT_PATTERN: Final = "{sku}_{variant}_{w}x{h}.{ext}"
LONGEST: Final = 120
"""Bytes (UTF-8) of one name: file systems take 255, archives and people less."""

_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]|\s+')
"""What Windows refuses in a name, and the separators of all."""
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their ending."""
_SPEC: Final = re.compile(r"0?[1-9]?d?")
"""What may follow a field's colon: `{n:04d}`."""


class BadPattern(ValueError):
    """The pattern cannot be used; the message is a sentence for the person."""


class Names:
    """Gives each file its name. Hold one for each archive or folder: it remembers the names it gave."""

    def __init__(self, pattern: str = DEFAULT_PATTERN) -> None:
        """`/` in the pattern makes folders. Raises BadPattern for an unknown field, a brace without its
        partner, or a path that leaves the folder.
        """
        self._pattern = _checked(pattern)
        self._given: set[str] = set()

    def name(self, values: Mapping[str, str | int]) -> str:
        """The file's name, or path with `/` between folders. Names that would be equal, on a file system that
        ignores case or composes letters, get `-2`, `-3`, ... before their ending.
        """
        texts = {field: values.get(field, "") for field in FIELDS}
        cleaned = {
            # A value never makes a folder, an ending or a step upwards of its own.
            field: value if isinstance(value, int) else safe_name(value, empty="")
            for field, value in texts.items()
        }
        parts = self._pattern.split("/")
        *folders, last = [safe_name(_filled(part, cleaned)) for part in parts]
        stem, dot, ending = last.rpartition(".")
        if not dot or ending != str(cleaned["ext"]):
            stem, ending = last, str(cleaned["ext"])
        folder = "/".join(folders) + "/" if folders else ""
        return self._unique(
            folder, _cut(stem, LONGEST - len(ending.encode()) - 1), f".{ending}" if ending else ""
        )

    def _unique(self, folder: str, stem: str, ending: str) -> str:
        name, again = f"{folder}{stem}{ending}", 1
        while _same(name) in self._given:
            again += 1
            tail = f"-{again}"
            name = f"{folder}{_cut(stem, LONGEST - len(tail) - len(ending.encode()))}{tail}{ending}"
        self._given.add(_same(name))
        return name


def safe_name(text: str, *, empty: str = "picture") -> str:
    """The text as one file name that Windows, macOS, Linux and ZIP all take; `empty` if nothing is left."""
    plain = unicodedata.normalize("NFC", text)
    plain = "".join("-" if unicodedata.category(letter)[0] == "C" else letter for letter in plain)
    plain = re.sub(r"-{2,}", "-", _FORBIDDEN.sub("-", plain)).strip("-. ")
    plain = _cut(plain, LONGEST)
    if _RESERVED.fullmatch(plain):
        plain = f"_{plain}"
    return plain or empty


def _checked(pattern: str) -> str:
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    try:
        parsed = list(string.Formatter().parse(pattern))
    except ValueError:
        raise BadPattern(f"“{pattern[:60]}” has a brace without its partner. Fields are {known}.") from None
    for _, field, spec, conversion in parsed:
        if field is None:
            continue
        if field not in FIELDS:
            raise BadPattern(f"“{{{field[:30]}}}” is not known in a file name. Use {known}.")
        number = field in ("row", "variant", "version", "w", "h", "n")
        if conversion or (spec and not (number and _SPEC.fullmatch(spec))):
            raise BadPattern(f"“{{{field}:{spec}}}” cannot be written. Numbers take the form {{n:04d}}.")
    if not any(field in ("sku", "n", "row") for _, field, _, _ in parsed):
        raise BadPattern("Every file would have one name. Put {sku} or {n} into the pattern.")
    if pattern.startswith(("/", "\\")) or any(part.strip() in ("", ".", "..") for part in pattern.split("/")):
        raise BadPattern(f"“{pattern[:60]}” leaves the folder. Write names, with / between folders.")
    return pattern


def _filled(part: str, values: Mapping[str, str | int]) -> str:
    """The pattern's part with its fields; a number that is missing is left out rather than an error."""
    made = ""
    for words, field, spec, _ in string.Formatter().parse(part):
        made += words
        if field is not None:
            value = values[field]
            made += format(value, spec or "") if isinstance(value, int) else value
    return made


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, whole letters."""
    return text.encode()[: max(1, most)].decode("utf-8", "ignore").rstrip("-. ")


def _same(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
