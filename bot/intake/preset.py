"""Options saved under a name, and how they fill what a person did not say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from bot.intake.options import Changes, CommandError, check_name, parse_options

DEFAULT = "default"
"""The preset of a channel that is used without being named."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a preset holds."""

    changes: Changes = field(default_factory=Changes)
    template: str | None = None
    approvers: tuple[str, ...] = ()
    """Ids of the people, and of the groups, who review the channel's pictures; empty: whoever may. This and
    the next count in the channel's default preset.
    """
    approval_usd: Decimal | None = None
    """A job above this needs a second person's word; None: the operator's limit alone."""
    quorum: int | None = None
    """How many must approve a picture."""

    def to_json(self) -> dict[str, Any]:
        """Without what was not said."""
        found: dict[str, Any] = _DEFAULTS.dump_python(self, mode="json", exclude_none=True)
        return found

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Defaults:
        return _DEFAULTS.validate_python(body)


_DEFAULTS = TypeAdapter(Defaults)
"""For options written down beside a form."""


def filled(given: Changes, preset: Changes) -> Changes:
    """What was given, and the preset's where nothing was.

    Who names a model, provider or route has chosen who makes the pictures, and who names a lane has chosen
    when: nothing of the preset's is mixed into such a choice.
    """
    under = preset.given()
    said = given.given()
    for choice in (("provider", "model", "route"), ("lane", "off_peak")):
        if any(name in said for name in choice):
            for name in choice:
                under.pop(name, None)
    if said.keys() & {"provider", "model", "route"} and "quality" not in said:
        under.pop("quality", None)  # its words are the model's own
    return replace(given, **{name: value for name, value in under.items() if name not in said})


_APPROVERS = re.compile(
    r"\bapprovers?[ \t]*=[ \t]*((?:<(?:@|!subteam\^)[^<>]+>[\s,]*(?:and\s+)?)+)", re.IGNORECASE
)
_MENTION = re.compile(r"<(?:@|!subteam\^)([A-Z0-9]+)(?:\|[^<>]*)?>")
_AMOUNT = re.compile(
    r"(?<!\S)approval(?:_usd)?[ \t]*=[ \t]*\$?([0-9]{1,7}(?:\.[0-9]{1,2})?)(?!\S)", re.IGNORECASE
)


def read_defaults(text: str) -> tuple[str, Defaults]:
    """`packshots size=1024x1024 approvers=@ana …` as a name and what it holds. Raises CommandError."""
    name, _, rest = text.strip().partition(" ")
    try:
        name = check_name(name)
    except ValueError as problem:
        raise CommandError(f"{problem}.") from None
    approvers: tuple[str, ...] = ()
    if found := _APPROVERS.search(rest):
        approvers = tuple(dict.fromkeys(_MENTION.findall(found[1])))
        rest = rest[: found.start()] + rest[found.end() :]
    amount = None
    if found := _AMOUNT.search(rest):
        amount = Decimal(found[1])
        rest = rest[: found.start()] + rest[found.end() :]
    changes, template = parse_options(rest)
    if changes.preset is not None:
        raise CommandError("A preset cannot be made of another; leave preset= out.")
    if changes.reuse is not None:
        raise CommandError("Reusing approved pictures is decided for each batch; leave reuse= out.")
    defaults = Defaults(replace(changes, quorum=None), template, approvers, amount, changes.quorum)
    if defaults == Defaults():
        raise CommandError(
            "Say what the preset holds, like “preset save packshots size=1024x1024 lane=batch”; "
            "“help presets” lists everything."
        )
    return name, defaults
