"""What a person filled in, as the app gets it: state.values, and what the client itself objects to."""

import re
from typing import Any

from bot.workspace import blocks, limits, shapes
from bot.workspace.site import Site
from bot.workspace.state import Json

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://[^\s/]+\S*")

Values = dict[str, dict[str, Any]]
"""Plain values by block_id and action_id: text, an option's value, ids, or lists of those."""

_SINGLE = {
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
}
_ONE_OPTION = frozenset({"static_select", "radio_buttons", "overflow", "external_select"})
_OPTIONS = frozenset({"checkboxes", "multi_static_select", "multi_external_select"})
EXTERNAL = frozenset({"external_select", "multi_external_select"})
"""Their options come from the app, so a value of theirs is the whole option."""
WRITTEN = frozenset(
    {"plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input"}
)
"""Fields one types in: they dispatch by character or by Enter."""
STATEFUL = (frozenset(_SINGLE) | _ONE_OPTION | _OPTIONS | WRITTEN | {"file_input"}) - {"overflow"}


def triggers_of(element: Json) -> list[str]:
    """When a text that dispatches does so; by Enter where nothing is said."""
    config: Json = element.get("dispatch_action_config") or {}
    return list(config.get("trigger_actions_on") or ["on_enter_pressed"])


def options_of(element: Json) -> list[Json]:
    """All options of an element, grouped or not."""
    grouped = [option for group in element.get("option_groups") or [] for option in group["options"]]
    return [*(element.get("options") or []), *grouped]


def entry(site: Site, element: Json, value: Any) -> Json:
    """One element's part of state.values, for a plain value (None for empty)."""
    kind = element["type"]
    if kind == "external_select":
        return {"type": kind, "selected_option": value or None}
    if kind == "multi_external_select":
        return {"type": kind, "selected_options": [value] if isinstance(value, dict) else value or []}
    if kind in _ONE_OPTION:
        chosen = next((option for option in options_of(element) if option.get("value") == value), None)
        return {"type": kind, "selected_option": chosen}
    if kind in _OPTIONS:
        wanted = [value] if isinstance(value, str) else value or []
        return {
            "type": kind,
            "selected_options": [o for o in options_of(element) if o.get("value") in wanted],
        }
    if kind in _SINGLE:
        if kind == "datetimepicker" and value not in (None, ""):
            value = int(value)
        empty: Any = [] if kind.startswith("multi_") else None
        return {"type": kind, _SINGLE[kind][0]: value or empty}
    if kind == "file_input":
        ids = [value] if isinstance(value, str) else value or []
        files = [site.state.files[file_id] for file_id in ids if file_id in site.state.files]
        return {"type": kind, "files": [shapes.file_json(site, file) for file in files]}
    if kind == "rich_text_input":
        return {"type": kind, "rich_text_value": value}
    return {"type": kind, "value": None if value in (None, "") else str(value)}


def initial(element: Json, channel: str | None) -> Any:
    """The plain value an element starts with."""
    kind = element["type"]
    if kind in EXTERNAL:
        return element.get("initial_options") or element.get("initial_option")
    if kind in _ONE_OPTION:
        return (element.get("initial_option") or {}).get("value")
    if kind in _OPTIONS:
        return [option["value"] for option in element.get("initial_options") or []]
    if kind in _SINGLE:
        if element.get("default_to_current_conversation") and channel is not None:
            return channel
        return element.get(_SINGLE[kind][1])
    return element.get("initial_value")


def plain(value: Json) -> Any:
    """The plain value in one part of state.values."""
    if value.get("type") in EXTERNAL:
        return value.get("selected_option") or value.get("selected_options")
    if "selected_option" in value:
        return (value["selected_option"] or {}).get("value")
    if "selected_options" in value:
        return [option["value"] for option in value["selected_options"]]
    if "files" in value:
        return [file["id"] for file in value["files"]]
    return next((v for k, v in value.items() if k != "type"), None)


def state_values(site: Site, given: list[Json], values: Values, kept: Json, channel: str | None) -> Json:
    """state.values for a form: what was filled in, else what was there before, else what it started with."""
    state: Json = {}
    for block_id, element in blocks.elements_of(given):
        if element["type"] not in STATEFUL:
            continue
        action_id = str(element["action_id"])
        before = kept.get(block_id, {}).get(action_id)
        if action_id in values.get(block_id, {}):
            value = entry(site, element, values[block_id][action_id])
        elif before is not None and before["type"] == element["type"]:
            value = entry(site, element, plain(before))
        else:
            value = entry(site, element, initial(element, channel))
        state.setdefault(block_id, {})[action_id] = value
    return state


def kept_values(given: list[Json], kept: Json) -> Json:
    """What stays of state.values when a view is replaced: fields with the same ids and type."""
    done: Json = {}
    for block_id, element in blocks.elements_of(given):
        entered = kept.get(block_id, {}).get(element.get("action_id"))
        if entered is not None and entered["type"] == element["type"]:
            done.setdefault(block_id, {})[element["action_id"]] = entered
    return done


def by_block(given: list[Json], values: Json) -> Values:
    """Values given by block_id or by action_id, sorted under both.

    Raises KeyError for a name that is neither.
    """
    done: Values = {}
    elements = [(b, e) for b, e in blocks.elements_of(given) if e["type"] in STATEFUL]
    for name, value in values.items():
        is_option = isinstance(value, dict) and {"text", "value"} <= set(value)
        inside = value if isinstance(value, dict) and not is_option else {}
        found = [
            (b, e)
            for b, e in elements
            if (b == name and (not inside or e["action_id"] in inside)) or e["action_id"] == name
        ]
        if not found:
            raise KeyError(name)
        for block_id, element in found:
            action_id = element["action_id"]
            done.setdefault(block_id, {})[action_id] = inside.get(action_id) if inside else value
    return done


def unknown_option(given: list[Json], values: Values) -> str:
    """What is wrong with the values: an option that its element does not have. Empty when all is well."""
    for block_id, element in blocks.elements_of(given):
        value = values.get(block_id, {}).get(str(element.get("action_id")))
        if value in (None, "", []):
            continue
        wanted = value if isinstance(value, list) else [value]
        if element["type"] in EXTERNAL:
            if not all(isinstance(each, dict) and "value" in each and "text" in each for each in wanted):
                return f"{element['action_id']} takes whole options, as its suggestions gave them."
        elif element["type"] in _ONE_OPTION | _OPTIONS:
            known = [option.get("value") for option in options_of(element)]
            missing = next((each for each in wanted if each not in known), None)
            if missing is not None:
                return f"{element['action_id']} has no option {missing!r}."
    return ""


def objections(site: Site, given: list[Json], state: Json) -> dict[str, str]:
    """What Slack's own client refuses before it sends a form, by block_id."""
    found: dict[str, str] = {}
    for block in given:
        if block.get("type") != "input":
            continue
        element = block["element"]
        value = plain(state.get(block["block_id"], {}).get(element["action_id"], {"type": ""}))
        if value in (None, "", []):
            if not block.get("optional"):
                found[block["block_id"]] = "Please complete this required field."
            continue
        problem = _objection(site, element, value)
        if problem:
            found[block["block_id"]] = problem
    return found


def _objection(site: Site, element: Json, value: Any) -> str | None:
    match element["type"]:
        case "plain_text_input":
            least, most = element.get("min_length", 0), element.get("max_length", limits.INPUT_MAX_LENGTH)
            if len(value) < least:
                return f"Must be at least {least} characters."
            return f"Must be at most {most} characters." if len(value) > most else None
        case "number_input":
            return _number_objection(element, value)
        case "email_text_input":
            return None if _EMAIL.fullmatch(value) else "Enter an email address."
        case "url_text_input":
            return (
                None if _URL.fullmatch(value) else "Enter a web address that begins with https:// or http://."
            )
        case "file_input":
            if len(value) > element.get("max_files", limits.FILE_INPUT_FILES):
                return f"Add at most {element.get('max_files', limits.FILE_INPUT_FILES)} files."
            if any(site.state.files[file_id].size > limits.FORM_FILE_BYTES for file_id in value):
                return "Each file can be 10 MB at most."
    if "max_selected_items" in element and len(value) > element["max_selected_items"]:
        return f"Choose at most {element['max_selected_items']}."
    return None


def _number_objection(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Enter a number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Must be {element['min_value']} or more."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Must be {element['max_value']} or less."
    return None
