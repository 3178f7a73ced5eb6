"""Fields of forms: built from plain values, and read back into them.

A field's block id is its name, so that what a person has filled in stays where it is when the form is drawn
again; with something behind a ~ it is a new field to Slack, which starts with what the form says. Plain
values are text, a list of texts for fields of several choices, or None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.slack import blocks as b
from bot.slack import limits
from bot.slack.blocks import Block

Value = str | list[str] | None
Values = Mapping[str, Value]

View = dict[str, Any]


class FormError(ValueError):
    """Fields that need another look: sentences by block id."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = {block: b.cut(text, limits.FIELD_ERROR) for block, text in errors.items()}


def modal(
    callback_id: str,
    title: str,
    body: Sequence[Block],
    *,
    submit: str = "",
    kept: str = "",
    close: str = "Cancel",
) -> View:
    """A modal within Slack's limits; `kept` is given back with every answer, up to 3,000 characters."""
    view: View = {
        "type": "modal",
        "callback_id": callback_id,
        "title": b.plain(title, limits.VIEW_TITLE),
        "close": b.plain(close, limits.VIEW_TITLE),
        "blocks": list(body)[: limits.VIEW_BLOCKS],
    }
    if submit:
        view["submit"] = b.plain(submit, limits.VIEW_TITLE)
    if kept:
        view["private_metadata"] = kept
    return view


def field(
    name: str, label: str, element: Block, *, hint: str = "", optional: bool = True, live: bool = False
) -> Block:
    """An input. `live`: the program hears of each change while the form is open."""
    made: Block = {
        "type": "input",
        "block_id": name,
        "label": b.plain(label, 100),
        "element": {**element, "action_id": name},
        "optional": optional,
    }
    if live:
        made["dispatch_action"] = True
    if hint:
        made["hint"] = b.plain(hint, 150)
    return made


def text(value: Value, placeholder: str = "", *, most: int = 100, lines: bool = False) -> Block:
    element: Block = {"type": "plain_text_input", "max_length": most}
    if lines:
        element["multiline"] = True
    if placeholder:
        element["placeholder"] = b.plain(placeholder, limits.PLACEHOLDER)
    if value and isinstance(value, str):
        element["initial_value"] = value[:most]
    return element


def number(value: Value, *, least: str, most: str = "", decimal: bool = False) -> Block:
    element: Block = {"type": "number_input", "is_decimal_allowed": decimal, "min_value": least}
    if most:
        element["max_value"] = most
    if value and isinstance(value, str):
        element["initial_value"] = value
    return element


def option(said: str, value: str, description: str = "") -> Block:
    made: Block = {"text": b.plain(said, limits.OPTION_TEXT), "value": value[: limits.OPTION_VALUE]}
    if description:
        made["description"] = b.plain(description, limits.OPTION_TEXT)
    return made


def choice(options: Sequence[Block], value: Value, *, kind: str = "static_select") -> Block:
    """One of these; none is chosen where the value is not among them."""
    element: Block = {"type": kind, "options": list(options)[: limits.OPTIONS]}
    chosen = next((one for one in element["options"] if one["value"] == value), None)
    if chosen is not None:
        element["initial_option"] = chosen
    return element


def grouped(groups: Mapping[str, Sequence[Block]], values: Iterable[str], *, most: int) -> Block:
    """Several of these, under headings."""
    chosen = set(values)
    element: Block = {
        "type": "multi_static_select",
        "option_groups": [
            {"label": b.plain(name, limits.OPTION_TEXT), "options": list(options)[: limits.OPTIONS]}
            for name, options in groups.items()
        ],
        "max_selected_items": most,
    }
    initial = [one for options in groups.values() for one in options if one["value"] in chosen]
    if initial:
        element["initial_options"] = initial[:most]
    return element


def boxes(options: Sequence[Block], values: Value) -> Block:
    element: Block = {"type": "checkboxes", "options": list(options)[: limits.CHOICES]}
    chosen = [one for one in element["options"] if one["value"] in (values or ())]
    if chosen:
        element["initial_options"] = chosen
    return element


def filled(view: Mapping[str, Any]) -> dict[str, Value]:
    """The plain values of a view's fields by name; None for those left empty."""
    state = (view.get("state") or {}).get("values") or {}
    return {name.partition("~")[0]: _plain(one) for name, entry in state.items() for one in entry.values()}


def outline(blocks: Iterable[Block]) -> str:
    """The blocks without what fields start with: equal where a person would see no difference.

    Slack gives blocks ids and defaults of its own, so that only what we say counts.
    """
    return json.dumps([_said(block) for block in blocks], sort_keys=True, ensure_ascii=False)


_OURS = (
    "type",
    "text",
    "label",
    "hint",
    "options",
    "option_groups",
    "elements",
    "element",
    "accessory",
    "level",
)


def _said(value: Any) -> Any:
    if isinstance(value, Mapping):
        said = {name: _said(inner) for name, inner in value.items() if name in _OURS or name == "value"}
        if value.get("type") == "input":
            said["block_id"] = value["block_id"]
        return said
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_said(inner) for inner in value]
    return value


def _plain(entry: Mapping[str, Any]) -> Value:
    if "selected_option" in entry:
        return (entry["selected_option"] or {}).get("value")
    if "selected_options" in entry:
        return [one["value"] for one in entry["selected_options"] or []]
    for name in ("selected_users", "selected_conversation", "selected_time", "selected_date", "value"):
        if name in entry:
            value: Value = entry[name]
            return value.strip() or None if isinstance(value, str) else value
    moment = entry.get("selected_date_time")
    return str(moment) if moment else None
