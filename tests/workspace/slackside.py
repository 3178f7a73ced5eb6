"""The stock slack_sdk and slack_bolt as the workspace's other side, and short ways to write blocks."""

import io
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.workspace import limits
from bot.workspace.server import Workspace

Json = dict[str, Any]


class Bot:
    """A stock Bolt app that notes everything it gets, and does what a test tells it to."""

    def __init__(self, workspace: Workspace, signing_secret: str | None = None) -> None:
        self.workspace = workspace
        self.client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        self.seen: list[tuple[str, Json]] = []
        self.retries: list[str | None] = []
        self.do: dict[str, Callable[..., Any]] = {}
        self.app = App(client=self.client, signing_secret=signing_secret or workspace.signing_secret)
        anything = re.compile(".*")
        for kind, register in (
            ("command", self.app.command(anything)),
            ("action", self.app.action(anything)),
            ("view", self.app.view(anything)),
            ("closed", self.app.view_closed(anything)),
            ("shortcut", self.app.shortcut(anything)),
            ("options", self.app.options(anything)),
            ("event", self.app.event(anything)),
        ):
            register(self._listener(kind))

    def _listener(self, kind: str) -> Callable[..., Any]:
        def listen(ack: Any, body: Json, respond: Any, req: Any) -> None:
            self.seen.append((kind, body))
            self.retries.append((req.headers.get("x-slack-retry-num") or [None])[0])
            if kind in self.do:
                self.do[kind](ack=ack, body=body, respond=respond)
            else:
                ack()

        return listen

    def bodies(self, kind: str) -> list[Json]:
        return [body for each, body in self.seen if each == kind]

    def events(self, event: str) -> list[Json]:
        return [body["event"] for body in self.bodies("event") if body["event"]["type"] == event]

    def forget(self) -> None:
        self.seen.clear()
        self.retries.clear()
        self.do.clear()

    def by_socket(self) -> SocketModeHandler:
        # The stock handler looks after a lost connection every ten seconds; tests cannot wait that long.
        handler = SocketModeHandler(self.app, self.workspace.app_token, ping_interval=0.5)
        handler.connect()
        return handler

    def hang_up(self, handler: SocketModeHandler) -> None:
        hang_up(self.workspace, handler.client)


def hang_up(workspace: Workspace, client: SocketModeClient) -> None:
    """Close a stock client without the three seconds it would spend reading a silent socket."""
    client.auto_reconnect_enabled = client.default_auto_reconnect_enabled = False
    workspace.cut_sockets()
    deadline = time.monotonic() + 4
    while client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.005)  # it must not be closed from two sides at once: the stock client then stumbles
    client.close()


def everything(**options: Any) -> Workspace:
    """A workspace that allows every scope and event and has no rate limits, unless told otherwise."""
    given = {"scopes": limits.EVERY_SCOPE, "events": limits.EVERY_EVENT, "rate_scale": None}
    return Workspace(**(given | options))


def error(call: Any, *args: Any, **kwargs: Any) -> str:
    """Slack's word for why the call was refused."""
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    return str(caught.value.response["error"])


def picture(
    kind: str = "PNG", size: tuple[int, int] = (40, 30), colour: tuple[int, int, int] = (200, 90, 60)
) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, kind)
    return made.getvalue()


def put(client: WebClient, name: str, content: bytes, **more: Any) -> str:
    """Steps one and two of an upload; gives the file's id."""
    answer = client.files_getUploadURLExternal(filename=name, length=len(content), **more)
    request = urllib.request.Request(answer["upload_url"], data=content, method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    return str(answer["file_id"])


def ready_file(client: WebClient, name: str = "mug.png", content: bytes | None = None) -> str:
    """A file of the bot's own that Slack is done with."""
    file_id = put(client, name, picture() if content is None else content)
    client.files_completeUploadExternal(files=[{"id": file_id, "title": name}])
    for _ in range(10):
        if client.files_info(file=file_id)["file"]["mimetype"]:
            return file_id
    raise AssertionError("the file never became ready")


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str = "go", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain("Go")} | more


def section(text: str) -> Json:
    return {"type": "section", "text": mrkdwn(text)}


def text_input(block_id: str, **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "value"} | more.pop("element", {})
    return {"type": "input", "block_id": block_id, "label": plain("A field"), "element": element} | more


def modal(*blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "callback_id": "form", "title": plain("Form"), "submit": plain("Send")}
    return view | {"blocks": list(blocks) or [text_input("name")]} | more
