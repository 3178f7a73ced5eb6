"""A person in the workspace, for tests and the demo: what they do, and what they see.

    with Person(workspace.url, MEMBER) as ben:
        said = ben.say("#campaigns", "@imgbatch", files=[path])  # and command, shortcut, upload, join
        ben.click(message, "Approve")              # a button or "..." entry by what it says
        ben.press(message, "approve", "row-7")     # by action_id and value; labels(message) lists them
        ben.choose(message, "filter", "failed")    # a select; query="..." for an external one
        form = ben.wait_for_modal("New batch")
        ben.enter(form, {"sheet": path}); ben.type(form, "template", "{{ name }}", enter=True)
        ben.submit(form, {"model": "fast"})        # = fill; RefusedError.errors by block_id
        ben.back(form); ben.dismiss(form, whole_stack=True)
        ben.react(message, "+1"); ben.react(message["files"][0], "x", remove=True)
        ben.open_home(); ben.wait_for_home("2 jobs")
        ben.messages("#campaigns"); ben.thread(channel, ts); ben.modal(); ben.home(); ben.file(file)
        ben.wait_for(...); ben.wait_for_message(...); ben.wait_for_reply(...)

Inputs that dispatch (dispatch_action) tell the app in `enter`, `type` and `choose`, others when the form is
submitted, as in Slack. `words_in(message)` is all text of a message or view.

What a test turns is on `Workspace`: add_channel(shared=True), add_user, add_stranger, set_group,
disable_group, deactivate, rate_limits, pass_time, fail_next, limit_next, lose_answer_next, drop_next_ack,
redeliver_last_event, and the fields of `faults`: carousels = "taken" | "without_files" | "refused",
file_polls, share_seconds, ...
"""

import mimetypes
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

Json = dict[str, Any]
Upload = Path | tuple[str, bytes]
Seen = TypeVar("Seen")


class RefusedError(Exception):
    """What Slack's client told the person instead; `code` names it, `errors` are those by the fields."""

    def __init__(self, code: str, message: str, errors: dict[str, str]) -> None:
        super().__init__(f"{code}: {message} {errors or ''}".strip())
        self.code = code
        self.errors = errors


class Person:
    """Someone using the workspace at `base_url`. Channels go by `#name` or id; `@imgbatch` is the DM."""

    def __init__(self, base_url: str, user_id: str) -> None:
        self.user_id = user_id
        # A bare context: loading the system's certificates is slow, and loopback needs none.
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False, verify=no_certificates)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- doing ------------------------------------------------------------------------------------------
    def say(
        self, channel: str, text: str = "", *, files: Iterable[Upload] = (), thread: str | None = None
    ) -> Json:
        """Post a message (`@name` and `#name` become mentions); gives it as posted."""
        given = {"channel": channel, "text": text, "files": self.upload(files), "thread": thread}
        message: Json = self._do("say", given)["message"]
        return message

    def upload(self, files: Iterable[Upload]) -> list[str]:
        """Upload files, not yet shared with anyone; gives their ids."""
        parts = []
        for file in files:
            name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            parts.append(("file", (name, content, kind)))
        if not parts:
            return []
        answer = self._answer(self._http.post(f"/user/{self.user_id}/upload", files=parts))
        return [file["id"] for file in answer["files"]]

    def command(self, channel: str, name: str, text: str = "") -> None:
        """Run a slash command; raises RefusedError when the app does not answer in time."""
        self._do("command", {"channel": channel, "command": name, "text": text})

    def shortcut(self, callback_id: str, message: Json | None = None) -> None:
        """Use a global shortcut, or a message shortcut on a message."""
        where = {"channel": message["channel"], "ts": message["ts"]} if message else {}
        self._do("shortcut", {"callback_id": callback_id} | where)

    def press(
        self,
        on: Json,
        action_id: str,
        value: Any = None,
        *,
        block_id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Press a button or choose an option in a message or a view.

        `value` is the option to choose, or tells buttons with one action_id apart. `values` are what else
        is filled in there. A button that has left the message meanwhile can still be pressed.
        """
        given: Json = {"action_id": action_id, "value": value, "block_id": block_id, "values": values}
        self._do("press", given | _place(on))

    def click(self, on: Json, label: str) -> None:
        """Press the button, or the entry of a "..." menu, that says this; LookupError when there is none."""
        for block_id, element in every_element(on.get("blocks", [])):
            for text, value in _labels(element):
                if text == label:
                    self.press(on, element["action_id"], value, block_id=block_id)
                    return
        raise LookupError(f"nothing says {label!r}; there are {self.labels(on)}")

    @staticmethod
    def labels(on: Json) -> list[str]:
        """What the buttons and menu entries of a message or view say, in order."""
        return [text for _, e in every_element(on.get("blocks", [])) for text, _ in _labels(e)]

    # --- forms ------------------------------------------------------------------------------------------
    def fill(self, view: Json, values: Mapping[str, Any] | None = None) -> Json | None:
        """Fill in a modal and submit it; gives the modal on the screen afterwards, if any.

        Values go by block_id or action_id: text, an option's value, an id, a list of those; files as
        paths or (name, bytes). Raises RefusedError with `errors` by block_id.
        """
        self._do("submit", {"view_id": view["id"], "values": self._filled(values)})
        return self.modal()

    submit = fill

    def enter(self, view: Json, values: Mapping[str, Any]) -> Json | None:
        """Fill in fields without submitting; gives the modal on the screen afterwards.

        Fields that dispatch tell the app, one after the other. Texts count as typed to the last character.
        """
        self._do("enter", {"view_id": view["id"], "values": self._filled(values)})
        return self.modal()

    def type(self, view: Json, field: str, text: str, *, enter: bool = False) -> Json | None:
        """Type into a field of a modal, as `enter` does; with `enter` press the Enter key after it."""
        self.enter(view, {field: text})
        if enter:
            self._do("enter", {"view_id": view["id"], "values": {field: text}, "by_enter": True})
        return self.modal()

    def choose(self, on: Json, field: str, value: Any, *, query: str | None = None) -> None:
        """Choose an option (or several, as a list) by value, in a message, a modal or on the Home tab.

        With a `query`, it is typed into an external select first, and chosen from what the app offers.
        """
        if query is not None:
            offered = {option["value"]: option for option in self.suggestions(on, field, query)}
            value = [offered[v] for v in value] if isinstance(value, list) else offered[value]
        if "ts" in on:
            self.press(on, field, value)
        else:
            self._do("enter", {"view_id": on["id"], "values": {field: value}})

    def suggestions(self, on: Json, field: str, query: str) -> list[Json]:
        """The options an external select offers for what was typed, those in groups too."""
        found = (e for b, e in every_element(on.get("blocks", [])) if field in (b, e["action_id"]))
        action_id = next(found)["action_id"]
        answer = self._do("suggest", {"action_id": action_id, "value": query} | _place(on))
        grouped = [option for group in answer.get("option_groups", []) for option in group["options"]]
        return [*answer.get("options", []), *grouped]

    def _filled(self, values: Mapping[str, Any] | None) -> Json:
        return {name: self._uploaded(value) for name, value in (values or {}).items()}

    def _uploaded(self, value: Any) -> Any:
        files = value if isinstance(value, list) else [value]
        if files and all(isinstance(file, Path | tuple) for file in files):
            return self.upload(files)
        return value

    def dismiss(self, view: Json, *, whole_stack: bool = False) -> None:
        """Close a modal without submitting it; with `whole_stack` those below it too."""
        self._do("close", {"view_id": view["id"], "whole_stack": whole_stack})

    def back(self, view: Json) -> Json | None:
        """Close a pushed modal; gives the one below it."""
        self.dismiss(view)
        return self.modal()

    def react(self, item: Json, name: str, *, remove: bool = False) -> None:
        """Give (or take back) an emoji, on a message or on a file of one. Twice is once."""
        where = {"channel": item["channel"], "ts": item["ts"]} if "ts" in item else {"file": item["id"]}
        self._do("react", where | {"name": name, "remove": remove})

    def delete(self, message: Json) -> None:
        self._do("delete", {"channel": message["channel"], "ts": message["ts"]})

    def join(self, channel: str) -> None:
        self._do("join", {"channel": channel})

    def open_home(self, tab: str = "home") -> None:
        """Open the app's Home (or messages) tab."""
        self._do("home", {"tab": tab})

    # --- seeing -----------------------------------------------------------------------------------------
    def channels(self) -> list[Json]:
        seen: list[Json] = self._look("channels")["channels"]
        return seen

    def messages(self, channel: str) -> list[Json]:
        """What is in the channel's main column, oldest first, ephemeral messages too."""
        seen: list[Json] = self._look("messages", channel=channel)["messages"]
        return seen

    def thread(self, channel: str, ts: str) -> list[Json]:
        """A thread, its parent first."""
        seen: list[Json] = self._look("thread", channel=channel, ts=ts)["messages"]
        return seen

    def modal(self) -> Json | None:
        """The modal on the screen, with `errors` by block_id; None when there is none."""
        seen: Json | None = self._look("modal")["view"]
        return seen

    def home(self) -> Json | None:
        """The app's Home tab as last published for this person."""
        seen: Json | None = self._look("home")["view"]
        return seen

    def file(self, file: Json, variant: str = "original") -> bytes:
        """The bytes of a file this person may see; raises httpx.HTTPStatusError otherwise."""
        response = self._http.get(f"/user/{self.user_id}/file/{file['id']}/{variant}")
        response.raise_for_status()
        return response.content

    def wait_for(self, predicate: Callable[[], Seen | None], timeout: float = 30.0) -> Seen:
        """The predicate's first true answer, asked anew after every change; raises TimeoutError.

        It is asked now and then without a change too, as it may look at other things than the workspace.
        """
        deadline = time.monotonic() + timeout
        while True:
            version = self._look("people")["version"]
            answer = predicate()
            if answer:
                return answer
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came within {timeout} s")
            self._http.get("/user/changes", params={"since": version, "seconds": min(left, 0.05)})

    def wait_for_modal(self, title: str | None = None, timeout: float = 30.0) -> Json:
        """The modal on the screen, once there is one (with that title)."""

        def shown() -> Json | None:
            view = self.modal()
            return view if view and title in (None, view["title"]["text"]) else None

        return self.wait_for(shown, timeout)

    def wait_for_home(self, containing: str = "", timeout: float = 30.0) -> Json:
        """The Home tab, once it is published (and contains the words)."""

        def shown() -> Json | None:
            view = self.home()
            return view if view and containing in words_in(view) else None

        return self.wait_for(shown, timeout)

    def wait_for_message(self, channel: str, containing: str, timeout: float = 30.0) -> Json:
        """The first message in the channel's main column whose text or blocks contain the words."""

        def shown() -> Json | None:
            found = (m for m in self.messages(channel) if containing in words_in(m))
            return next(found, None)

        return self.wait_for(shown, timeout)

    def wait_for_reply(self, parent: Json, containing: str, timeout: float = 30.0) -> Json:
        """The first reply under a message whose text or blocks contain the words."""

        def shown() -> Json | None:
            replies = self.thread(parent["channel"], parent["ts"])[1:]
            return next((m for m in replies if containing in words_in(m)), None)

        return self.wait_for(shown, timeout)

    # --- the wire ---------------------------------------------------------------------------------------
    def _do(self, action: str, given: Json) -> Json:
        return self._answer(self._http.post(f"/user/{self.user_id}/{action}", json=given))

    def _look(self, what: str, **query: str) -> Json:
        return self._answer(self._http.get(f"/user/{self.user_id}/{what}", params=query))

    @staticmethod
    def _answer(response: httpx.Response) -> Json:
        answer: Json = response.json()
        if not answer["ok"]:
            raise RefusedError(answer["error"], answer["message"], answer.get("errors", {}))
        return answer


def _place(on: Json) -> Json:
    return {"channel": on["channel"], "ts": on["ts"]} if "ts" in on else {"view_id": on["id"]}


def every_element(blocks: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """Each interactive element with its block's id, those in cards and containers too."""
    for block in blocks:
        inner = block.get("child_blocks", []) if block["type"] == "container" else block.get("elements", [])
        if block["type"] in ("carousel", "container"):
            yield from every_element(inner)
            continue
        for item in (*inner, *block.get("actions", []), block.get("accessory"), block.get("element")):
            if item and item.get("action_id"):
                yield block["block_id"], item


def _labels(element: Json) -> list[tuple[str, str | None]]:
    """What a person can click in an element, with the value it stands for."""
    if element["type"] == "overflow":
        return [(option["text"]["text"], option.get("value")) for option in element["options"]]
    if element["type"] == "feedback_buttons":
        sides = (element["positive_button"], element["negative_button"])
        return [(side["text"]["text"], side["value"]) for side in sides]
    return [(element["text"]["text"], element.get("value"))] if "text" in element else []


def words_in(value: Any) -> str:
    """All text in a message or view, its blocks included."""
    if isinstance(value, dict):
        return " ".join(
            words_in(item) for key, item in value.items() if key in _WORDY or not isinstance(item, str)
        )
    if isinstance(value, list):
        return " ".join(words_in(item) for item in value)
    return value if isinstance(value, str) else ""


_WORDY = frozenset({"text", "alt_text", "title", "fallback"})
