"""The demo's stage with a browser before it: workspace, simulated provider, the real bot, a person's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from pydantic import SecretStr

from bot.app import open_context
from bot.config import Settings
from bot.runtime import Context
from bot.serve import running
from bot.workspace.server import ADMIN, Workspace
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHEET = EXAMPLES / "shoes.csv"
TEMPLATE = (EXAMPLES / "shoes.prompt.txt").read_text(encoding="utf-8").strip()

BATCH_SECONDS = 2.0
"""How long the simulated batch takes: the progress can be seen, and nobody waits."""


@dataclass(frozen=True)
class Stage:
    workspace: Workspace
    ctx: Context


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The same parts on the same sockets as `imgbatch demo`, with a quicker provider."""
    with Workspace(0) as workspace, OpenAISimulator(faults=Faults(batch_seconds=BATCH_SECONDS)) as simulator:
        settings = Settings(
            slack_bot_token=SecretStr(workspace.bot_token),
            slack_app_token=SecretStr(workspace.app_token),
            slack_api_url=workspace.api_url,
            openai_api_key=SecretStr(simulator.key),
            openai_base_url=simulator.base_url,
            imgbatch_data=tmp_path_factory.mktemp("data"),
            imgbatch_port=0,
            imgbatch_poll_seconds=1,
            imgbatch_look_up_seconds=2,
            imgbatch_retry_seconds=1,
        )
        with open_context(settings, schedules=True) as ctx, running(ctx, settings):
            yield Stage(workspace, ctx)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=30_000)  # two busy cores are slow; a wrong page stays wrong
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Desk:
    """Ana's page, and what she does on it."""

    def __init__(self, page: Page, stage: Stage) -> None:
        self.page, self.stage = page, stage
        self.stream, self.thread = page.locator("#stream"), page.locator("#replies")
        self.form = page.get_by_role("dialog", name="New image batch")

    def enter(self, channel: str) -> None:
        room = self.stage.workspace.channel_id(channel)
        self.page.goto(f"{self.stage.workspace.url}/?user={ADMIN}&channel={room}")

    def write(self, text: str) -> None:
        self.page.fill("#composer textarea", text)
        self.page.keyboard.press("Enter")

    def ask(self, command: str) -> Locator:
        """Type a slash command; the answer only she can see."""
        before = self.stream.locator(".ephemeral").count()
        self.write(command)
        expect(self.stream.locator(".ephemeral")).to_have_count(before + 1)
        return self.stream.locator(".ephemeral").last

    def open_form(self, *, afresh: bool = True) -> Locator:
        """The form; `afresh`: without what an earlier one was left with."""
        self.write("/imgbatch new")
        expect(self.form).to_be_visible()
        again = self.form.get_by_role("button", name="Start afresh")
        if afresh and again.count():
            again.click()
            expect(again).to_have_count(0)
        return self.form

    def hand_in(self, sheet: Path | dict[str, Any], template: str, **chosen: str) -> None:
        """Fill the form and send it; the last answers of the form are left standing."""
        self.form.locator('input[type="file"]').set_input_files(sheet)  # type: ignore[arg-type]
        name = sheet.name if isinstance(sheet, Path) else str(sheet["name"])
        expect(self.form.locator(".chosen")).to_contain_text(name)
        self.field("template").fill(template)
        for block, value in chosen.items():
            self.put(block, value)
        self.send()

    def field(self, block: str) -> Locator:
        """A field by its name, behind which a form that was filled in anew puts a number."""
        return self.form.locator(f'[data-block="{block}"], [data-block^="{block}~"]')

    def put(self, block: str, value: str) -> None:
        """Fill a field of the form, whatever kind it is: options go by their value."""
        field = self.field(block)
        kind = str(field.get_attribute("data-kind"))
        if kind.startswith("multi_"):
            field.locator("summary").click()
            field.locator(f'input[value="{value}"]').check()
            field.locator("summary").click()
        elif kind.endswith("_select"):
            field.select_option(value)
        elif kind in ("radio_buttons", "checkboxes"):
            field.locator(f'input[value="{value}"]').check()
        else:
            field.fill(value)

    def send(self) -> None:
        self.form.get_by_role("button", name="Plan it").click()

    def card(self) -> Locator:
        """The newest message of the bot that all can see, held by its time so that edits do not lose it."""
        message = self.stream.locator(".message:not(.ephemeral)").last
        return self.stream.locator(f'.message[data-ts="{message.get_attribute("data-ts")}"]')


@pytest.fixture
def desk(browser: Browser, stage: Stage) -> Iterator[Desk]:
    """1280 by 800; anything on the page's console fails the test."""
    troubles: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(30_000)
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda problem: troubles.append(str(problem)))
    yield Desk(page, stage)
    page.close()
    assert troubles == []
