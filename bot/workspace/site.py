"""The parts of one running workspace, held together, and the dials tests may turn."""

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bot.workspace import limits
from bot.workspace.delivery import Delivery
from bot.workspace.rates import Rates
from bot.workspace.state import Json, State

CALLS_KEPT = 20_000
"""Enough for any test; a demo that runs for days must not grow."""


@dataclass
class Failure:
    """One answer to spoil: before the method does its work, or after it (the answer is then lost)."""

    method: str
    error: str
    status: int = 200
    after: bool = False
    retry_after: int | None = None


@dataclass
class Faults:
    """Dials. The defaults are Slack on an ordinary day."""

    file_polls: int = 1
    """How often files.info still says "not ready" about an uploaded file ..."""
    file_seconds: float = 2.0
    """... unless this much time has passed."""
    share_seconds: float = 0.05
    """The pause between completeUploadExternal and the message with the files."""
    alt_txt_loses_share: bool = True
    mention_with_file: bool = True
    """Whether a mention that carries a file arrives as app_mention too; reports differ."""
    carousels: Literal["taken", "without_files", "refused"] = "taken"
    """Whether cards and carousels are taken, only with image_url, or not at all (older workspaces)."""
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """One Web API call as it arrived, and what was answered."""

    method: str
    args: Json
    at: float
    status: int
    answer: Json

    @property
    def ok(self) -> bool:
        return bool(self.answer.get("ok"))


@dataclass
class Site:
    """A workspace: what it remembers, whom it talks to, and what it lets the app do."""

    url: str
    bot_token: str
    app_token: str
    config_token: str
    delivery: Delivery
    scopes: frozenset[str]
    events: frozenset[str]
    commands: tuple[Json, ...]
    shortcuts: tuple[Json, ...]
    rates: Rates
    faults: Faults = field(default_factory=Faults)
    state: State = field(default_factory=State)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    objections: deque[str] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    """What Slack's SDK models find wrong with blocks that were taken all the same."""
    trigger_seconds: float = limits.TRIGGER_SECONDS
    closing: bool = False
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)
    _folder: Path | None = None

    def folder(self) -> Path:
        """Where large files are kept until the workspace stops."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="workspace-"))
        return self._folder

    def background(self, work: Coroutine[object, object, object]) -> None:
        """Run something without waiting for it; it is cancelled when the workspace stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop the background work and let every waiting request go."""
        self.closing = True
        self.state.touch()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.delivery.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
