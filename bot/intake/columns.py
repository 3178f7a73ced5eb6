"""Names for a sheet's columns: as written, as a template says them, and what we recognise them as."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bot.intake.records import quoted

ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "key": (
            "sku",
            "id",
            "article_number",
            "article_no",
            "item_number",
            "item_no",
            "product_number",
            "product_id",
            "product_code",
            "variant_sku",
            "art_nr",
            "artikel_nr",
            "artikelnr",
            "artikelnummer",
            "handle",
            "ean",
            "gtin",
        ),
        "prompt": ("prompt",),
        "size": ("size", "image_size"),
        "provider": ("provider",),
        "model": ("model",),
        "variants": ("variants", "n"),
        "quality": ("quality",),
        "background": ("background",),
        "reference": ("reference", "reference_image", "references", "reference_images"),
        "alt": ("alt", "alt_text"),
    }
)
"""What a column can be to us, and the names that say so, the stronger name first."""

RESERVED = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "elif", "true", "false", "none", "loop", "self", "for"}
)
"""Words a template reads as its own; a column of that name gets an underscore behind it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The header, understood."""

    names: tuple[str, ...]
    """As written (trimmed), made distinct."""
    variables: Mapping[str, str]
    """Template variable -> column name."""
    roles: Mapping[str, str]
    """Our word for it (see ROLES) -> column name."""
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def identifier(name: str) -> str:
    """The name as a template variable: `Product Name` -> `product_name`, `2nd color` -> `c_2nd_color`."""
    folded = unicodedata.normalize("NFKC", name).lower()
    safe = re.sub(r"\W+", "_", folded).strip("_") or "column"
    if not safe.isidentifier():
        safe = "c_" + safe
        if not safe.isidentifier():
            safe = "".join(c if ("_" + c).isidentifier() else "_" for c in safe)
    return safe + "_" if safe in RESERVED else safe


def variables_of(names: Iterable[str]) -> dict[str, str]:
    """Template variable -> column name; where two columns make the same variable, the later gets `_2`."""
    found: dict[str, str] = {}
    for name in names:
        found[_free(identifier(name), found)] = name
    return found


def understand(header: Sequence[str], used: int) -> Columns:
    """Name every column; `used` is the width that the rows seen so far really use.

    Empty header cells behind the last named or used column are an editor's leftovers and dropped.
    """
    cleaned = [_clean(cell) for cell in header]
    width = max((i + 1 for i, cell in enumerate(cleaned) if cell), default=0)
    width = max(width, min(used, len(cleaned)))
    taken: dict[str, int] = {}
    warnings: list[str] = []
    written = set(cleaned)
    for i, cell in enumerate(cleaned[:width]):
        name = cell or f"column_{i + 1}"
        if name in taken or (not cell and name in written):
            new = _free(name, {*taken, *written})
            if cell:
                warnings.append(
                    f"Two columns are called {quoted(name)}; the second is read as {quoted(new)}."
                )
            name = new
        if not cell:
            warnings.append(f"Column {i + 1} has no name and is read as {quoted(name)}.")
        taken[name] = i
    names = tuple(taken)
    variables = variables_of(names)
    roles, ignored = _roles(names)
    notes = [
        f"Column {quoted(column)} is written {{{{ {variable} }}}} in a template."
        for variable, column in variables.items()
        if variable != column.lower()  # upper and lower case are the same to a template
    ]
    notes += [
        f"Column {quoted(column)} is read as {role}."
        for role, column in roles.items()
        if role != column.lower()
    ]
    return Columns(
        names, MappingProxyType(variables), MappingProxyType(roles), (*warnings, *ignored), tuple(notes)
    )


def _clean(cell: str) -> str:
    """A header cell on one line, without the invisible characters that pasting brings."""
    return " ".join(re.sub("[\ufeff\u200b-\u200f\u2060]", "", cell).split())


def key_of(names: Sequence[str]) -> str | None:
    """The column that names the rows, and so their files; None where they are called row-1, row-2, …"""
    return _roles(names)[0].get("key")


def _free(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of `name_2`, `name_3`, ... that is not taken."""
    held = set(taken)
    candidate, n = name, 1
    while candidate in held:
        n += 1
        candidate = f"{name}_{n}"
    return candidate


def _roles(names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Which column plays which role, and a sentence for each that wanted a role already given."""
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(identifier(name), name)
    roles: dict[str, str] = {}
    ignored: list[str] = []
    for role, words in ROLES.items():
        present = [by_plain[word] for word in words if word in by_plain]
        if present:
            roles[role] = present[0]
            ignored += [
                f"Column {quoted(present[0])} is used, and {quoted(other)}, which means the same, is not."
                for other in present[1:]
                if role != "key"  # an `id` beside a `sku` is ordinary
            ]
    return roles, ignored
