"""Whether text, pictures and interactive elements are as Slack takes them, wherever a block holds them."""

import re
from collections.abc import Callable

from bot.workspace import limits
from bot.workspace.state import Json

FileCheck = Callable[[Json], bool]
"""Says whether a slack_file object names a picture that a block may show now."""

_PATTERNS = {
    "initial_date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "initial_time": re.compile(r"\d{2}:\d{2}"),
    "initial_date_time": re.compile(r"\d{10}"),
}
_TRIGGERS = frozenset({"on_enter_pressed", "on_character_entered"})
_ROOMS = frozenset({"im", "mpim", "private", "public"})


class Elements:
    """Collects findings, each worded and placed as Slack's are."""

    def __init__(self, surface: str, file_is_fine: FileCheck) -> None:
        self.surface = surface
        self.file_is_fine = file_is_fine
        self.found: list[str] = []
        self.focused = False

    def say(self, what: str, at: str) -> None:
        self.found.append(f"{what} [json-pointer:{at}]")

    def length(self, value: object, at: str, most: int, fewest: int = 0) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            self.say("must be a string", at)
        elif len(value) > most:
            self.say(f"must be less than {most + 1} characters", at)
        elif len(value) < fewest:
            self.say(f"must be more than {fewest - 1} characters", at)

    def text(self, value: object, at: str, most: int, *, plain: bool = False) -> None:
        """A text object of the right kind and length."""
        if not isinstance(value, dict):
            self.say("must be a text object", at)
            return
        kind = value.get("type")
        if kind not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
            self.say(f"unsupported type: {kind}", f"{at}/type")
        if set(value) - {"type", "text", "emoji", "verbatim"}:
            self.say("invalid additional property", at)
        self.length(value.get("text", ""), f"{at}/text", most, fewest=1)

    def image(self, block: Json, at: str) -> None:
        """A picture, as a block or within one."""
        self.length(block.get("alt_text"), f"{at}/alt_text", limits.ALT_TEXT, fewest=1)
        self._picture(block, at)
        if block.get("title") is not None and at.rsplit("/", 1)[0].endswith("blocks"):
            self.text(block["title"], f"{at}/title", limits.ALT_TEXT, plain=True)

    def _picture(self, value: Json, at: str) -> None:
        """One source, by URL or by file, and a file that is there, ready and of the right kind."""
        url, file = value.get("image_url"), value.get("slack_file")
        if (url is None) == (file is None):
            self.say("must provide either image_url or slack_file", at)
            return
        self.length(url, f"{at}/image_url", limits.URL, fewest=1)
        if file is not None and (not isinstance(file, dict) or not self.file_is_fine(file)):
            self.say("invalid slack file", f"{at}/slack_file")

    # --- elements ---------------------------------------------------------------------------------------
    def element(self, item: object, at: str, place: str, seen: set[str]) -> None:
        """An element in an actions block, an input, a section, a card or a context_actions block."""
        if not isinstance(item, dict):
            self.say("must be an object", at)
            return
        kind = str(item.get("type"))
        if kind not in limits.ELEMENTS_IN[place] or (kind == "file_input" and self.surface != "modal"):
            self.say(f"unsupported type: {kind}", f"{at}/type")
            return
        self._common_to_elements(kind, item, at, seen)
        if kind == "button":
            self._button(item, at)
        elif kind == "icon_button":
            self._icon_button(item, at)
        elif kind == "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                self._feedback_button(item.get(side), f"{at}/{side}")
        elif kind == "image":
            self.image(item, at)
        elif kind in limits.OPTION_COUNTS:
            self._options(kind, item, at)
        else:
            self._entry(kind, item, at)

    def _common_to_elements(self, kind: str, item: Json, at: str, seen: set[str]) -> None:
        known = limits.ELEMENT_FIELDS.get(kind)
        for name in sorted(set(item) - {"type", "action_id"} - known) if known is not None else ():
            self.say(f"invalid additional property: {name}", at)
        action_id = item.get("action_id")
        self.length(action_id, f"{at}/action_id", limits.ACTION_ID, fewest=1)
        if action_id is not None:
            if action_id in seen:
                self.say(f"action_id {action_id} is not unique", f"{at}/action_id")
            seen.add(str(action_id))
        if item.get("placeholder") is not None:
            self.text(item["placeholder"], f"{at}/placeholder", limits.PLACEHOLDER, plain=True)
        if item.get("confirm") is not None:
            self._confirm(item["confirm"], f"{at}/confirm")
        if item.get("focus_on_load"):
            if self.focused:
                self.say("only one element can have focus_on_load", f"{at}/focus_on_load")
            self.focused = True

    def _button(self, item: Json, at: str) -> None:
        self.text(item.get("text"), f"{at}/text", limits.BUTTON_TEXT, plain=True)
        self.length(item.get("value"), f"{at}/value", limits.BUTTON_VALUE)
        self.length(item.get("url"), f"{at}/url", limits.URL)
        self.length(item.get("accessibility_label"), f"{at}/accessibility_label", limits.BUTTON_TEXT)
        if item.get("style") not in (None, "primary", "danger"):
            self.say("must be one of: primary, danger", f"{at}/style")

    def _icon_button(self, item: Json, at: str) -> None:
        if item.get("icon") not in limits.ICONS:
            self.say(f"must be one of: {', '.join(sorted(limits.ICONS))}", f"{at}/icon")
        self.text(item.get("text"), f"{at}/text", limits.BUTTON_TEXT, plain=True)
        self.length(item.get("value"), f"{at}/value", limits.BUTTON_VALUE)
        if len(item.get("visible_to_user_ids") or []) > limits.ICON_BUTTON_USERS:
            self.say(f"no more than {limits.ICON_BUTTON_USERS} items allowed", f"{at}/visible_to_user_ids")

    def _feedback_button(self, item: object, at: str) -> None:
        if not isinstance(item, dict):
            self.say("must be an object", at)
            return
        self.text(item.get("text"), f"{at}/text", limits.BUTTON_TEXT, plain=True)
        self.length(item.get("value", ""), f"{at}/value", limits.BUTTON_VALUE, fewest=1)
        self.length(item.get("accessibility_label"), f"{at}/accessibility_label", limits.BUTTON_TEXT)

    def _confirm(self, item: object, at: str) -> None:
        if not isinstance(item, dict):
            self.say("must be an object", at)
            return
        for name, most in limits.CONFIRM.items():
            if name in item or name in ("title", "text"):
                self.text(item.get(name), f"{at}/{name}", most, plain=name != "text")

    # --- options ----------------------------------------------------------------------------------------
    def _options(self, kind: str, item: Json, at: str) -> None:
        known: list[object] = []
        for options, where in self._option_lists(kind, item, at):
            fewest, most = limits.OPTION_COUNTS[kind]
            if not isinstance(options, list) or len(options) < fewest:
                self.say(f"must provide at least {fewest} items", where)
                continue
            if len(options) > most:
                self.say(f"no more than {most} items allowed", where)
            for index, option in enumerate(options):
                known.append(option)
                self.option(kind, option, f"{where}/{index}")
        initial = (
            [item["initial_option"]] if item.get("initial_option") else item.get("initial_options") or []
        )
        if any(option not in known for option in initial):
            self.say("initial option must be one of the options", at)
        self._most_selected(item, at)

    def _option_lists(self, kind: str, item: Json, at: str) -> list[tuple[object, str]]:
        groups = item.get("option_groups")
        if not isinstance(groups, list) or not kind.endswith("static_select"):
            return [(item.get("options"), f"{at}/options")]
        if "options" in item:
            self.say("must provide either options or option_groups", at)
        if not 1 <= len(groups) <= limits.OPTION_COUNTS[kind][1]:
            self.say("no more than 100 items allowed", f"{at}/option_groups")
        done: list[tuple[object, str]] = []
        for index, group in enumerate(groups):
            where = f"{at}/option_groups/{index}"
            if not isinstance(group, dict):
                self.say("must be an object", where)
                continue
            self.text(group.get("label"), f"{where}/label", limits.OPTION_TEXT, plain=True)
            done.append((group.get("options"), f"{where}/options"))
        return done

    def option(self, kind: str, option: object, at: str) -> None:
        """One option of a select, a menu, checkboxes or radio buttons."""
        if not isinstance(option, dict):
            self.say("must be an object", at)
            return
        marked = kind in ("checkboxes", "radio_buttons")
        known = {"text", "value", "description"} | ({"url"} if kind == "overflow" else set())
        for name in sorted(set(option) - known):
            self.say(f"invalid additional property: {name}", at)
        self.text(option.get("text"), f"{at}/text", limits.OPTION_TEXT, plain=not marked)
        self.length(option.get("value", ""), f"{at}/value", limits.OPTION_VALUE, fewest=1)
        if option.get("description") is not None:
            self.text(option["description"], f"{at}/description", limits.OPTION_TEXT, plain=not marked)
        self.length(option.get("url"), f"{at}/url", limits.URL)

    def _most_selected(self, item: Json, at: str) -> None:
        most = item.get("max_selected_items")
        if most is not None and (not isinstance(most, int) or most < 1):
            self.say("must be more than 0", f"{at}/max_selected_items")

    # --- inputs -----------------------------------------------------------------------------------------
    def _entry(self, kind: str, item: Json, at: str) -> None:
        """Texts, numbers, files, dates, and selects whose options are not in the block."""
        if kind == "plain_text_input":
            least, most = item.get("min_length", 0), item.get("max_length", limits.INPUT_MAX_LENGTH)
            for name, value, fewest in (("min_length", least, 0), ("max_length", most, 1)):
                if not isinstance(value, int) or not fewest <= value <= limits.INPUT_MAX_LENGTH:
                    self.say(f"must be less than {limits.INPUT_MAX_LENGTH + 1}", f"{at}/{name}")
        if kind == "number_input" and not isinstance(item.get("is_decimal_allowed"), bool):
            self.say("missing required field: is_decimal_allowed", at)
        if kind == "file_input" and not 1 <= item.get("max_files", 1) <= limits.FILE_INPUT_FILES:
            self.say(f"must be between 1 and {limits.FILE_INPUT_FILES}", f"{at}/max_files")
        for name, pattern in _PATTERNS.items():
            if name in item and not pattern.fullmatch(str(item[name])):
                self.say("must match the expected format", f"{at}/{name}")
        if "initial_value" in item and kind != "rich_text_input":
            self.length(item["initial_value"], f"{at}/initial_value", limits.INPUT_MAX_LENGTH)
        if "dispatch_action_config" in item:
            self._dispatch(item["dispatch_action_config"], f"{at}/dispatch_action_config")
        if "filter" in item:
            include = (item["filter"] or {}).get("include", ["public"])
            if not include or not set(include) <= _ROOMS:
                self.say(f"must be some of: {', '.join(sorted(_ROOMS))}", f"{at}/filter/include")
        self._most_selected(item, at)

    def _dispatch(self, item: object, at: str) -> None:
        triggers = item.get("trigger_actions_on") if isinstance(item, dict) else None
        if not isinstance(triggers, list) or not triggers or not set(triggers) <= _TRIGGERS:
            self.say(f"must be some of: {', '.join(sorted(_TRIGGERS))}", f"{at}/trigger_actions_on")
