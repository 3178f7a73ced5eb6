"""The alert rules in a small TOML file: the fields of `AlertRules`, by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.watch.alerts import AlertRules

_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def load(file: Path, rules: AlertRules) -> AlertRules:
    """`rules` with what the file says otherwise. Raises ValueError with one sentence."""
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ValueError(f"{file} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{file} is not valid TOML: {problem}") from None
    return changed(rules, given, str(file))


def changed(rules: AlertRules, given: Mapping[str, Any], where: str) -> AlertRules:
    """`rules` with these fields. Raises ValueError naming the field, and `where` it stands."""
    known = {field.name: getattr(rules, field.name) for field in fields(rules)}
    for name in given:
        if name not in known:
            raise ValueError(f"{where} has the unknown rule {name}; rules are {', '.join(sorted(known))}")
    try:
        return replace(rules, **{name: _read(name, value, known[name]) for name, value in given.items()})
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def _read(name: str, value: Any, usual: Any) -> Any:
    """The value in the type that the field has. Raises ValueError."""
    match usual:
        case timedelta():
            found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", str(value).strip())
            if found is None or not float(found[1]):
                raise ValueError(f"{name} is “{value}”; write a time such as 30min or 6h")
            return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
        case tuple():
            if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
                raise ValueError(f"{name} is “{value}”; write a list of names, such as [“overdue”]")
            return tuple(value)
        case str():
            if not isinstance(value, str) or not value:
                raise ValueError(f"{name} is “{value}”; write words in quotes")
            return value
        case int():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is “{value}”; write a whole number from 1 on")
            return value
        case _:
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ValueError(f"{name} is “{value}”; write a number above 0")
            return float(value)
