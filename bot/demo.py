"""`imgbatch demo` and `simulate`: everything on this machine, over the same sockets as with the real ones."""

from __future__ import annotations

import shutil
import signal
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout
from pydantic import SecretStr

from bot.app import open_context
from bot.config import Settings
from bot.pipeline.attend import facts
from bot.pipeline.export import write_pictures
from bot.pipeline.results import results_name, write_results
from bot.runtime import Context, now
from bot.serve import running
from bot.terminal import fail
from bot.watch.summary import summarise
from bot.workspace.person import Person
from bot.workspace.server import PortBusyError, Workspace
from providers.simulators import SIMULATORS, PortBusy
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import AnnouncementState, Job
from storage.states import JobState

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

MARKER = ".imgbatch-demo"
"""Shows that a folder is a demo's, so that it may be emptied at the next start."""

CHANNEL = "#product-images"

BATCH_SECONDS = 6.0
"""How long the simulated batch takes: long enough to watch the progress, short enough to wait for."""

PATIENCE_SECONDS = 180.0
"""The demo gives up after this long; it usually takes less than half a minute."""

STEP = threading.Event()
"""Set by SIGINT and SIGTERM: every wait of the demo is a wait for this."""


def run_demo(once: bool, port: int, folder: Path) -> int:
    """Start everything, post the example as a person would, and show where to look.

    Exit status 0; with `once` only after the gallery hangs in the thread.
    """
    _stop_on_signals()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        fail(f"Another demo is running in {folder}; stop it, or name another with --folder", 1)
    try:
        _empty(folder)
        with _stage(port, folder) as (ctx, workspace):
            print(f"Open {workspace.url} and look into {CHANNEL}.", flush=True)
            job = _play(ctx, workspace)
            if job is None:
                return 130
            pictures = _deliver(ctx, job, folder / "pictures")
            summary = _summary(ctx, job, pictures)
            if not once:
                print("The gallery hangs in the thread. Now try `/imgbatch new` there.", flush=True)
                print("Ctrl-C stops the demo.", flush=True)
                STEP.wait()
        if once:
            print(summary, flush=True)  # the last word, after everything has been put away
        return 0
    finally:
        lock.release()


@contextmanager
def _stage(port: int, folder: Path) -> Iterator[tuple[Context, Workspace]]:
    with ExitStack() as stack:
        try:
            workspace = stack.enter_context(Workspace(port))
        except PortBusyError:
            fail(f"Port {port} is in use; stop what uses it, or choose another with --port", 1)
        faults = Faults(batch_seconds=BATCH_SECONDS)
        simulator = stack.enter_context(OpenAISimulator(faults=faults))
        settings = Settings(
            slack_bot_token=SecretStr(workspace.bot_token),
            slack_app_token=SecretStr(workspace.app_token),
            slack_api_url=workspace.api_url,
            openai_api_key=SecretStr(simulator.key),
            openai_base_url=simulator.base_url,
            imgbatch_data=folder / "data",
            imgbatch_port=0,
            imgbatch_poll_seconds=1,
            imgbatch_look_up_seconds=2,
            imgbatch_retry_seconds=1,
        )
        ctx = stack.enter_context(open_context(settings, schedules=True))
        stack.enter_context(running(ctx, settings))
        yield ctx, workspace


def _play(ctx: Context, workspace: Workspace) -> Job | None:
    """What a person does: drop the sheet, read the plan, press Start, wait. None when stopped meanwhile."""
    marketer = next(user for user in workspace.people if not user.is_bot)
    template = (EXAMPLES / "shoes.prompt.txt").read_text(encoding="utf-8").strip()
    with Person(workspace.url, marketer.id) as person:
        text = f"@imgbatch provider=openai size=800x800\n{template}"
        posted = person.say(CHANNEL, text, files=[EXAMPLES / "shoes.csv"])
        print("Posted examples/shoes.csv; waiting for the plan.", flush=True)
        card = _wait(lambda: _with_button(person.thread(CHANNEL, posted["ts"]), "job_start"))
        if card is None:
            return None
        print("Pressed Start; the batch is at the (simulated) provider.", flush=True)
        person.press(card, "job_start")
        ended = _wait(lambda: _ended(ctx))
        return ended if ended and _wait(lambda: _all_told(ctx, ended)) else None


def _with_button(messages: list[dict[str, Any]], action_id: str) -> dict[str, Any] | None:
    message: dict[str, Any]
    for message in reversed(messages):
        blocks: list[dict[str, Any]] = message.get("blocks") or []
        buttons = [element for block in blocks for element in block.get("elements") or []]
        if any(button.get("action_id") == action_id for button in buttons):
            return message
    return None


def _ended(ctx: Context) -> Job | None:
    return next(iter(ctx.queries.jobs([JobState.FINISHED])), None)


def _all_told(ctx: Context, job: Job) -> bool | None:
    """Whether every message that was begun is posted, the gallery among them."""
    told = ctx.mail.announcements(job.id).values()
    gallery = any(message.kind == "review" for message in told)
    return True if gallery and all(m.state is AnnouncementState.POSTED for m in told) else None


def _wait(look: Any) -> Any:
    """What `look` gives once it gives something; None when stopped. Exits with a sentence when too late."""
    deadline = now().timestamp() + PATIENCE_SECONDS
    while not STEP.wait(0.2):
        seen = look()
        if seen:
            return seen
        if now().timestamp() > deadline:
            fail(f"The demo did not get on within {PATIENCE_SECONDS:.0f} s; see the messages above", 1)
    return None


def _deliver(ctx: Context, job: Job, folder: Path) -> Path:
    write_pictures(ctx, job, folder)
    with (folder / results_name(job)).open("w+b") as file:
        write_results(ctx, job, file)
    return folder


def _summary(ctx: Context, job: Job, pictures: Path) -> str:
    told = summarise(facts(ctx, job), now(), ctx.policy.rules)
    lines = [told.headline, *(f"  {line}" for line in told.lines)]
    wrapped = [textwrap.fill(line, 79, subsequent_indent="    ", break_long_words=False) for line in lines]
    return "\n".join(["", *wrapped, f"pictures: {pictures}"])


def _empty(folder: Path) -> None:
    """Begin anew, but only in a folder that a demo made."""
    found = [path for path in folder.iterdir() if path.name != ".lock"]
    if found and not (folder / MARKER).exists():
        fail(f"{folder} holds something else than a demo's data; name another folder with --folder")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    (folder / MARKER).touch()


def _stop_on_signals() -> None:
    def told(_number: int, _frame: FrameType | None) -> None:
        STEP.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)


# --- simulate ----------------------------------------------------------------------------------------


def run_simulator(vendor: str, port: int, faults: list[str]) -> int:
    """One vendor's stand-in until stopped. Exit status 0."""
    if vendor not in SIMULATORS:
        fail(f"There is no simulator of “{vendor}”; there are {', '.join(SIMULATORS)}")
    _stop_on_signals()
    try:
        simulator = SIMULATORS[vendor](port, faults)
    except ValueError as problem:
        fail(str(problem))
    try:
        simulator.start()
    except PortBusy:
        fail(f"Port {port} is in use; choose another, or 0 for a free one", 1)
    try:
        print(f"{vendor} is simulated at {simulator.base_url}", flush=True)
        print(f"key: {simulator.key}", flush=True)
        print("Ctrl-C stops it.", flush=True)
        STEP.wait()
    finally:
        simulator.stop()
    return 0
