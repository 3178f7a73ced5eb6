"""The workspace's page in a browser: where things are on it, and short ways to use it."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import Bot, Json

CHROMIUM = Path("/usr/bin/chromium")

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]
"""What a module of page tests marks itself with."""


def place(workspace: Workspace, user: str = MEMBER, channel: str = "campaigns", **more: str) -> str:
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return f"{workspace.url}/?user={user}&channel={workspace.channel_id(channel)}{rest}"


def post(bot: Bot, *blocks: Json, text: str = "a message", **more: Any) -> Json:
    answer = bot.client.chat_postMessage(channel="#campaigns", text=text, blocks=list(blocks), **more)
    return {"channel": answer["channel"], "ts": answer["ts"]}


def acts(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def message(page: Page, where: Json) -> Locator:
    return page.locator(f'#stream .message[data-ts="{where["ts"]}"]')


def write(page: Page, text: str, form: str = "#composer") -> None:
    page.fill(f"{form} textarea", text)
    page.keyboard.press("Enter")


def sticks_out(page: Page) -> list[str]:
    """The parts of the page that are wider than what shows them."""
    panes = ["#stream", "#replies", ".modal-body", "html"]
    wide = "s => [...document.querySelectorAll(s)].some(e => e.scrollWidth > e.clientWidth + 1)"
    return [pane for pane in panes if page.evaluate(wide, pane)]
