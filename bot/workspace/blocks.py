"""Whether blocks and views are as Slack takes them; each finding is worded and placed as Slack's are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from bot.workspace import limits
from bot.workspace.elements import Elements, FileCheck
from bot.workspace.state import Json


def findings_in_blocks(
    blocks: object, surface: str, file_is_fine: FileCheck, at: str = "/blocks"
) -> list[str]:
    """What is wrong with the blocks, empty when Slack would take them."""
    check = _Check(surface, file_is_fine)
    most = limits.MESSAGE_BLOCKS if surface == "message" else limits.VIEW_BLOCKS
    if not isinstance(blocks, list):
        return [f"must be an array [json-pointer:{at}]"]
    if len(blocks) > most:
        check.say(f"no more than {most} items allowed", at)
    for index, block in enumerate(blocks):
        check.block(block, f"{at}/{index}")
    check.together(blocks, at)
    return check.found


def findings_in_cards(blocks: list[Json], dial: str, at: str = "/blocks") -> list[str]:
    """What a workspace finds that takes cards without files, or no cards at all; see `Faults.carousels`."""
    found: list[str] = []
    for index, block in enumerate(blocks if dial != "taken" else []):
        where = f"{at}/{index}"
        if block.get("type") in ("card", "carousel") and dial == "refused":
            found.append(f"unsupported type: {block['type']} [json-pointer:{where}/type]")
        elif block.get("type") == "carousel":
            found += findings_in_cards(block["elements"], dial, f"{where}/elements")
        elif block.get("type") == "card":
            found += [
                f"invalid slack file [json-pointer:{where}/{name}/slack_file]"
                for name in ("hero_image", "icon")
                if "slack_file" in (block.get(name) or {})
            ]
    return found


def findings_in_view(view: object, file_is_fine: FileCheck) -> list[str]:
    """What is wrong with a modal or Home view."""
    if not isinstance(view, dict):
        return ["must be an object [json-pointer:/view]"]
    surface = view.get("type")
    if surface not in ("modal", "home"):
        return ["unsupported type [json-pointer:/view/type]"]
    check = _Check(surface, file_is_fine)
    if surface == "modal":
        check.text(view.get("title"), "/view/title", limits.VIEW_TITLE, plain=True)
        for name in ("submit", "close"):
            if view.get(name) is not None:
                check.text(view[name], f"/view/{name}", limits.VIEW_TITLE, plain=True)
        blocks = view.get("blocks") if isinstance(view.get("blocks"), list) else []
        if any(isinstance(b, dict) and b.get("type") == "input" for b in blocks or []) and not view.get(
            "submit"
        ):
            check.say("missing required field: submit", "/view")
    check.length(view.get("private_metadata"), "/view/private_metadata", limits.PRIVATE_METADATA)
    check.length(view.get("callback_id"), "/view/callback_id", limits.CALLBACK_ID)
    check.length(view.get("external_id"), "/view/external_id", limits.CALLBACK_ID)
    return check.found + findings_in_blocks(view.get("blocks"), surface, file_is_fine, "/view/blocks")


def view_is_too_large(view: Json) -> bool:
    return len(json.dumps(view, ensure_ascii=False).encode()) > limits.VIEW_BYTES


def characters_in(blocks: list[Json]) -> int:
    """All text in the blocks, as Slack's undocumented total counts it; data tables count for themselves."""
    return sum(len(text) for text in _texts([b for b in blocks if b.get("type") != "data_table"]))


def markdown_in(blocks: list[Json]) -> int:
    return sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("text", "alt_text") and isinstance(item, str):
                yield item
            else:
                yield from _texts(item)


def elements_of(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Every interactive element with its block's id, cards and containers included."""
    for block in blocks:
        block_id = str(block.get("block_id", ""))
        for key in ("elements", "child_blocks"):
            nested = [item for item in block.get(key) or [] if isinstance(item, dict)]
            if block.get("type") in ("carousel", "container"):
                yield from elements_of(nested)
            else:
                yield from ((block_id, item) for item in nested if item.get("action_id"))
        yield from ((block_id, item) for item in block.get("actions") or [])
        for key in ("accessory", "element"):
            if isinstance(block.get(key), dict) and block[key].get("action_id"):
                yield block_id, block[key]


def with_ids(blocks: list[Json], new_id: Callable[[], str]) -> list[Json]:
    """The blocks with a block_id and action_id where the app gave none, as Slack returns them."""

    def element(value: Json) -> Json:
        if value.get("type") in (None, "image", "mrkdwn", "plain_text") or "action_id" in value:
            return value
        return value | {"action_id": new_id()}

    def block(value: Json) -> Json:
        done: Json = {"block_id": new_id()} | value
        if done.get("type") in ("carousel", "container"):
            key = "elements" if done["type"] == "carousel" else "child_blocks"
            done[key] = [block(item) for item in done.get(key, [])]
        elif done.get("type") in ("actions", "context_actions"):
            done["elements"] = [element(item) for item in done["elements"]]
        if "actions" in done:
            done["actions"] = [element(item) for item in done["actions"]]
        for key in ("accessory", "element"):
            if isinstance(done.get(key), dict):
                done[key] = element(done[key])
        return done

    return [block(item) for item in blocks]


class _Check(Elements):
    """Collects findings while it walks the blocks of one surface."""

    def __init__(self, surface: str, file_is_fine: FileCheck) -> None:
        super().__init__(surface, file_is_fine)
        self.block_ids: set[str] = set()

    def block(self, block: object, at: str) -> None:
        if not isinstance(block, dict):
            self.say("must be an object", at)
            return
        kind = str(block.get("type"))
        if self.surface not in limits.SURFACES.get(kind, frozenset()):
            self.say(f"unsupported type: {kind}", f"{at}/type")
            return
        self._common(kind, block, at)
        if any(
            name in block and not isinstance(block[name], list)
            for (k, name) in limits.BLOCK_COUNTS
            if k == kind
        ):
            self.say("must be an array", at)
            return
        by_kind: dict[str, Callable[[Json, str], None]] = {
            "section": self._section,
            "header": lambda b, a: self.text(b.get("text"), f"{a}/text", limits.HEADER_TEXT, plain=True),
            "alert": self._alert,
            "image": self.image,
            "context": self._context,
            "actions": self._elements,
            "context_actions": self._elements,
            "input": self._input,
            "card": self._card,
            "carousel": self._carousel,
            "container": self._container,
            "markdown": lambda b, a: self.length(
                b.get("text"), f"{a}/text", limits.MARKDOWN_CHARACTERS, fewest=1
            ),
            "table": self._table,
            "data_table": self._data_table,
            "data_visualization": self._chart,
            "rich_text": self._rich_text,
            "plan": self._plan,
            "task_card": self._task,
        }
        if kind in by_kind:
            by_kind[kind](block, at)

    def _common(self, kind: str, block: Json, at: str) -> None:
        """What holds for every block: ids, known and required fields, counts."""
        block_id = block.get("block_id")
        self.length(block_id, f"{at}/block_id", limits.BLOCK_ID, fewest=1)
        if block_id is not None:
            if block_id in self.block_ids:
                self.say(f"block_id {block_id} is not unique", f"{at}/block_id")
            self.block_ids.add(str(block_id))
        known = limits.BLOCK_FIELDS.get(kind)
        for name in sorted(set(block) - {"type", "block_id"}) if known is not None else ():
            if name not in (known or ()):
                self.say(f"invalid additional property: {name}", at)
        for name in limits.BLOCK_REQUIRED.get(kind, ()):
            if name not in block:
                self.say(f"missing required field: {name}", at)
        for (where, name), (fewest, most) in limits.BLOCK_COUNTS.items():
            items = block.get(name)
            if where == kind and isinstance(items, list):
                if len(items) > most:
                    self.say(f"no more than {most} items allowed", f"{at}/{name}")
                if len(items) < fewest:
                    self.say(f"must provide at least {fewest} items", f"{at}/{name}")

    def _section(self, block: Json, at: str) -> None:
        if "text" not in block and "fields" not in block:
            self.say("missing required field: text", at)
        if "text" in block:
            self.text(block["text"], f"{at}/text", limits.SECTION_TEXT)
        for index, item in enumerate(block.get("fields") or []):
            self.text(item, f"{at}/fields/{index}", limits.FIELD_TEXT)
        if "accessory" in block:
            self.element(block["accessory"], f"{at}/accessory", "section", set())

    def _context(self, block: Json, at: str) -> None:
        for index, item in enumerate(block.get("elements") or []):
            where = f"{at}/elements/{index}"
            if isinstance(item, dict) and item.get("type") == "image":
                self.image(item, where)
            else:
                self.text(item, where, limits.SECTION_TEXT)

    def _elements(self, block: Json, at: str) -> None:
        seen: set[str] = set()
        for index, item in enumerate(block.get("elements") or []):
            self.element(item, f"{at}/elements/{index}", str(block["type"]), seen)

    def _input(self, block: Json, at: str) -> None:
        self.text(block.get("label"), f"{at}/label", limits.LABEL, plain=True)
        if block.get("hint") is not None:
            self.text(block["hint"], f"{at}/hint", limits.LABEL, plain=True)
        self.element(block.get("element"), f"{at}/element", "input", set())

    def _card(self, block: Json, at: str) -> None:
        if not any(block.get(name) for name in ("hero_image", "title", "actions", "body")):
            self.say("must provide at least one of hero_image, title, actions, body", at)
        for name in ("title", "subtitle", "body", "subtext"):
            if block.get(name) is not None:
                most = limits.CARD_TITLE if name in ("title", "subtitle") else limits.CARD_BODY
                self.text(block[name], f"{at}/{name}", most)
        if block.get("icon") and block.get("slack_icon"):
            self.say("must provide either icon or slack_icon", at)
        for name in ("hero_image", "icon"):
            if isinstance(block.get(name), dict):
                self.image(block[name], f"{at}/{name}")
        seen: set[str] = set()
        for index, item in enumerate(block.get("actions") or []):
            self.element(item, f"{at}/actions/{index}", "card", seen)

    def _carousel(self, block: Json, at: str) -> None:
        for index, item in enumerate(block.get("elements") or []):
            if not isinstance(item, dict) or item.get("type") != "card":
                self.say("unsupported type", f"{at}/elements/{index}/type")
            else:
                self.block(item, f"{at}/elements/{index}")

    def _container(self, block: Json, at: str) -> None:
        if not block.get("title") and not block.get("rich_text_title"):
            self.say("missing required field: title", at)
        if block.get("title") is not None:
            self.text(block["title"], f"{at}/title", limits.CARD_TITLE, plain=True)
        for index, item in enumerate(block.get("child_blocks") or []):
            where = f"{at}/child_blocks/{index}"
            if isinstance(item, dict) and item.get("type") in ("card", "carousel", "container"):
                self.say(f"unsupported type: {item['type']}", f"{where}/type")
            else:
                self.block(item, where)

    def together(self, blocks: list[Any], at: str) -> None:
        """What holds for all blocks of a surface together."""
        kinds = [str(block.get("type")) for block in blocks if isinstance(block, dict)]
        for kind, most in limits.BLOCKS_OF_A_KIND.items():
            if kinds.count(kind) > most:
                self.say(f"no more than {most} {kind} blocks allowed", at)

    def _alert(self, block: Json, at: str) -> None:
        self.text(block.get("text"), f"{at}/text", limits.CARD_BODY)
        if block.get("level", "default") not in limits.ALERT_LEVELS:
            self.say(f"must be one of: {', '.join(limits.ALERT_LEVELS)}", f"{at}/level")

    def _rich_text(self, block: Json, at: str) -> None:
        for index, part in enumerate(block.get("elements") or []):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in limits.RICH_TEXT_PARTS:
                self.say(f"unsupported type: {kind}", f"{at}/elements/{index}/type")

    def _data_table(self, block: Json, at: str) -> None:
        self._table(block, at)
        if not 1 <= block.get("page_size", limits.DATA_TABLE_PAGE) <= limits.DATA_TABLE_PAGE_MOST:
            self.say(f"must be between 1 and {limits.DATA_TABLE_PAGE_MOST}", f"{at}/page_size")
        if sum(len(text) for text in _texts(block.get("rows"))) > limits.DATA_TABLE_CHARACTERS:
            self.say(f"no more than {limits.DATA_TABLE_CHARACTERS} characters allowed", f"{at}/rows")

    def _chart(self, block: Json, at: str) -> None:
        self.length(block.get("title"), f"{at}/title", limits.CHART_TITLE, fewest=1)

    def _plan(self, block: Json, at: str) -> None:
        for index, task in enumerate(block.get("tasks") or []):
            self._task(task if isinstance(task, dict) else {}, f"{at}/tasks/{index}")

    def _task(self, block: Json, at: str) -> None:
        if block.get("status") not in limits.TASK_STATES:
            self.say(f"must be one of: {', '.join(limits.TASK_STATES)}", f"{at}/status")

    def _table(self, block: Json, at: str) -> None:
        for index, row in enumerate(block.get("rows") or []):
            if not isinstance(row, list) or not 1 <= len(row) <= limits.TABLE_COLUMNS:
                self.say(f"no more than {limits.TABLE_COLUMNS} items allowed", f"{at}/rows/{index}")
