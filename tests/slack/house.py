"""The bot in a local Slack workspace: the real app on a real socket, its ticks run by the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler

from bot.config import Settings
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from bot.slack.announcer import announce
from bot.slack.app import connect, make_app
from bot.slack.inbox import work_inbox
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, MEMBER, Workspace
from bot.workspace.site import Faults
from storage.records import Job
from tests.parts import TestClock, make_context

Json = dict[str, Any]
Seen = TypeVar("Seen")

PRODUCTS = "sku,name,color\nM-1,Mug,red\nB-2,Bag,blue\nM-1b,Mug,red\nC-3,Cap,green\n"
"""Four rows, two of them the same picture."""

TEMPLATE = "Studio photo of a {{ color }} {{ name }}"


@dataclass
class House:
    workspace: Workspace
    ctx: Context
    clock: TestClock
    app: App
    ana: Person
    ben: Person
    room: str
    """Name of its channel, with the #."""
    channel: str
    alert_channel: str | None = None

    def tick(self, seconds: float = 5.0, times: int = 1) -> None:
        """Every tick of the program once, the clock moved before each."""
        for _ in range(times):
            self.clock.move(seconds)
            work_inbox(self.ctx, self.app.client, self.clock())
            one_round(self.ctx, self.clock())
            announce(self.ctx, self.app.client, self.clock(), alert_channel=self.alert_channel)

    def hear(self) -> None:
        """What people decided is done and told; nothing is sent meanwhile."""
        self.arrived()
        self.clock.move(5)
        work_inbox(self.ctx, self.app.client, self.clock())
        announce(self.ctx, self.app.client, self.clock(), alert_channel=self.alert_channel)

    def until(self, look: Callable[[], Seen | None], ticks: int = 60) -> Seen:
        """Tick until something is there."""
        for _ in range(ticks):
            found = look()
            if found:
                return found
            self.tick()
        raise AssertionError("it never came")

    def quiet(self, ticks: int = 80) -> None:
        """Tick until everything is told."""
        for _ in range(ticks):
            self.clock.move(5)
            work_inbox(self.ctx, self.app.client, self.clock())
            one_round(self.ctx, self.clock())
            if not announce(
                self.ctx, self.app.client, self.clock(), alert_channel=self.alert_channel
            ) and not self.ctx.mail.due_inbox(self.clock()):
                time.sleep(0.1)  # Slack shares files a moment after it says so
                return
        raise AssertionError("there is always something left to tell")

    def arrived(self) -> None:
        """Wait until what people did has reached the inbox."""
        for _ in range(1500):
            if self.ctx.mail.due_inbox(self.clock()):
                return
            time.sleep(0.02)
        raise AssertionError("nothing reached the inbox")

    def job(self) -> Job:
        """The only job."""
        (job,) = self.jobs()
        return job

    def jobs(self) -> list[Job]:
        """The jobs of this house. An event that an earlier one never acknowledged may be redelivered to this
        bot; what comes of it is told in that house's room, and is not counted.
        """
        elsewhere = _CHANNELS - {self.channel}
        threads = {thread.job_id: thread.channel for thread in self.ctx.mail.threads()}
        return [job for job in self.ctx.queries.jobs() if threads.get(job.id) not in elsewhere]

    def card(self) -> Json:
        """The bot's message in the channel that has the job's card."""
        job = self.job()
        thread = self.ctx.mail.thread(job.id)
        assert thread is not None
        told = self.ctx.mail.announcements(job.id)["card"]
        seen = self.ana.thread(thread.channel, thread.ts or str(told.ts))
        return next(message for message in seen if message["ts"] == told.ts)

    def replies(self) -> list[Json]:
        """The bot's messages below the job's first one."""
        job = self.job()
        thread = self.ctx.mail.thread(job.id)
        assert thread is not None
        assert thread.ts is not None
        return [m for m in self.ana.thread(thread.channel, thread.ts)[1:] if m.get("bot_id")]

    def again(self) -> House:
        """The same house after a crash: nothing is known but what is in the data store."""
        app = make_app(self.ctx, settings_of(self.workspace))
        return replace(self, app=app)


def settings_of(workspace: Workspace) -> Settings:
    return Settings(
        slack_bot_token=SecretStr(workspace.bot_token),
        slack_app_token=SecretStr(workspace.app_token),
        slack_signing_secret=SecretStr(workspace.signing_secret),
        slack_api_url=workspace.api_url,
    )


_ROOMS = count(1)
_CHANNELS: set[str] = set()
"""Of every house there was."""


@contextmanager
def house(folder: Path, workspace: Workspace, **context: Any) -> Iterator[House]:
    """A data store, an app and a channel of their own in a workspace that others may have used."""
    clock = TestClock(datetime.now(UTC).replace(microsecond=0))
    room = f"room-{next(_ROOMS)}"
    channel = workspace.add_channel(room)
    _CHANNELS.add(channel)
    forget(workspace)
    with (
        make_context(folder, clock=clock, **context) as ctx,
        Person(workspace.url, ADMIN) as ana,
        Person(workspace.url, MEMBER) as ben,
    ):
        settings = settings_of(workspace)
        app = make_app(ctx, settings)
        handler = connect(app, settings)
        try:
            wait_for(lambda: workspace.connections == 1)
            yield House(workspace, ctx, clock, app, ana, ben, f"#{room}", channel)
        finally:
            hang_up(handler, workspace)


def hang_up(handler: SocketModeHandler, workspace: Workspace) -> None:
    """Close the socket now; the SDK's threads take seconds to end and need nobody's waiting."""
    # What the app has not acknowledged yet would be sent again, to the next test's app.
    wait_for(lambda: not workspace._site.delivery._waiting)
    handler.client.auto_reconnect_enabled = False
    workspace.cut_sockets()
    closing = threading.Thread(target=handler.close)
    closing.start()
    CLOSING.append(closing)


CLOSING: list[threading.Thread] = []


def forget(workspace: Workspace) -> None:
    """What the last test did to the workspace, except what stands in its channels."""
    site = workspace._site
    site.faults = Faults()
    site.delivery.drop_acks.clear()
    site.delivery.sent.clear()
    site.state.modals.clear()
    site.state.homes.clear()
    workspace.forget_calls()


def wait_for(look: Callable[[], object]) -> None:
    for _ in range(250):
        if look():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def words(value: Any) -> str:
    """All text of a message or view."""
    if isinstance(value, dict):
        keys = ("text", "alt_text", "title", "fallback")
        return " ".join(words(v) for k, v in value.items() if k in keys or not isinstance(v, str))
    if isinstance(value, list):
        return " ".join(words(item) for item in value)
    return value if isinstance(value, str) else ""


def buttons(message: Json) -> list[str]:
    return [
        element["action_id"]
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def labels(message: Json) -> dict[str, str]:
    """What each button says, by action id."""
    return {
        element["action_id"]: element["text"]["text"]
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    }
