"""A running workspace, a stock Bolt app on it, and people in it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from slack_sdk import WebClient

from bot.workspace.person import Person
from bot.workspace.server import ADMIN, MEMBER, Workspace
from tests.workspace.pageside import CHROMIUM, place
from tests.workspace.slackside import Bot, Json, everything


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with everything() as running:
        yield running
        assert running.objections == []


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    return WebClient(workspace.bot_token, base_url=workspace.api_url)


@pytest.fixture(scope="module")
def shared_bot(workspace: Workspace) -> Iterator[Bot]:
    bot = Bot(workspace)
    handler = bot.by_socket()
    yield bot
    bot.hang_up(handler)


@pytest.fixture
def bot(shared_bot: Bot) -> Iterator[Bot]:
    """The module's bot over Socket Mode, with nothing seen yet and no orders."""
    shared_bot.forget()
    yield shared_bot
    shared_bot.forget()


@pytest.fixture
def ben(workspace: Workspace) -> Iterator[Person]:
    with Person(workspace.url, MEMBER) as person:
        yield person


@pytest.fixture
def ana(workspace: Workspace) -> Iterator[Person]:
    with Person(workspace.url, ADMIN) as person:
        yield person


@pytest.fixture
def opened(bot: Bot, ben: Person) -> Callable[[Json], Json]:
    """Opens a modal by a command and gives it as the person sees it."""

    def open_it(view: Json) -> Json:
        bot.do["command"] = lambda ack, body, **_: (
            ack(),
            bot.client.views_open(trigger_id=body["trigger_id"], view=view),
        )
        ben.command("#campaigns", "/imgbatch", "new")
        return ben.wait_for_modal(view["title"]["text"])

    return open_it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, workspace: Workspace, troubles: list[str]) -> Iterator[Page]:
    """Ben's page on #campaigns, 1280 by 800; anything on its console fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(5_000)
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda problem: troubles.append(str(problem)))
    page.goto(place(workspace))
    yield page
    page.close()
    assert troubles == []
