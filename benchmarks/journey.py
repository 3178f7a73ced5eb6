"""A large batch from a CSV in Slack to its gallery, with faults: time, memory, database, Slack calls, acks.

    python benchmarks/journey.py [ROWS]

Three processes, as in life: the bot (`imgbatch serve`), OpenAI's stand-in with 1% passing failures, half a
percent refusals, lost lines and one lost create reply, and the local Slack workspace. While the job runs a
person types `/imgbatch list` again and again; the time until Slack has its answer is measured. The peer of
the ack is an empty Bolt app on the same workspace, measured in the same run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.pipeline.audit import audit, report
from bot.runtime import Context, now
from bot.workspace.person import Person
from bot.workspace.server import Workspace
from storage.records import AnnouncementState
from storage.states import JobState
from tests.parts import make_context

CHANNEL = "#product-images"

FAULTS = ("error_rate=0.01", "refusal_rate=0.005", "missing_lines=5", "lost_reply_after_create=1")

PATIENCE_SECONDS = 1800


def acks(person: Person, until: Callable[[], bool], least: int = 50) -> list[float]:
    """Milliseconds from typing a command to Slack having the app's answer, once every 100 ms."""
    taken: list[float] = []
    idle = threading.Event()
    while len(taken) < least or not until():
        started = time.perf_counter()
        person.command(CHANNEL, "/imgbatch", "list")
        taken.append((time.perf_counter() - started) * 1000)
        idle.wait(0.1)
    return taken


def empty_app(workspace: Workspace, person: Person) -> list[float]:
    """The least a Bolt app can do: acknowledge."""
    client = WebClient(token=workspace.bot_token, base_url=workspace.api_url)
    app = App(client=client)
    app.command("/imgbatch")(lambda ack: ack())
    handler = SocketModeHandler(
        app, workspace.app_token, web_client=WebClient(token=workspace.app_token, base_url=workspace.api_url)
    )
    handler.connect()
    person.wait_for(lambda: workspace.connections > 0)
    taken = acks(person, lambda: True, least=100)
    handler.close()
    person.wait_for(lambda: workspace.connections == 0)
    return taken


def wait(what: str, look: Callable[[], Any]) -> Any:
    idle = threading.Event()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        idle.wait(0.25)
    raise SystemExit(f"{what} did not happen within {PATIENCE_SECONDS} s")


def start_button(person: Person, ts: str) -> Any:
    for message in person.thread(CHANNEL, ts):
        for block in message.get("blocks") or []:
            if any(e.get("action_id") == "job_start" for e in block.get("elements") or []):
                return message
    return None


def high_water(pid: int) -> float:
    """The most resident memory a process ever had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000)[int(share * 1000) - 1]


def main(rows: int) -> None:
    command = [sys.executable, "-m", "bot"]
    dials = [f"--fault={dial}" for dial in (*FAULTS, "picture_px=96", "batch_seconds=10")]
    with tempfile.TemporaryDirectory() as folder, Workspace() as workspace:
        data = Path(folder) / "data"
        vendor = subprocess.Popen([*command, "simulate", "openai", *dials], stdout=-1, text=True)
        assert vendor.stdout is not None
        base_url = vendor.stdout.readline().split(" at ")[1].strip()
        key = vendor.stdout.readline().split(": ")[1].strip()
        marketer = next(user for user in workspace.people if not user.is_bot)
        person = Person(workspace.url, marketer.id)
        quiet = empty_app(workspace, person)
        workspace.forget_calls()
        environment = {
            **os.environ,
            "SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": workspace.api_url, "OPENAI_API_KEY": key, "OPENAI_BASE_URL": base_url,
            "IMGBATCH_DATA": str(data), "IMGBATCH_PORT": "0", "IMGBATCH_POLL_SECONDS": "2",
            "IMGBATCH_RETRY_SECONDS": "2", "IMGBATCH_LOOK_UP_SECONDS": "2", "IMGBATCH_LOG": "warning",
        }  # fmt: skip
        bot = subprocess.Popen([*command, "serve"], env=environment)
        try:
            play(rows, workspace, person, data, bot, quiet)
        finally:
            for process in (bot, vendor):
                process.terminate()
                process.wait(30)
            person.close()


def play(
    rows: int,
    workspace: Workspace,
    person: Person,
    data: Path,
    bot: subprocess.Popen[bytes],
    quiet: list[float],
) -> None:
    lines = "".join(f"SKU-{n:06d},mug number {n}\n" for n in range(rows))
    person.wait_for(lambda: workspace.connections > 0, timeout=30)
    begun = time.perf_counter()
    posted = person.say(
        CHANNEL,
        "@imgbatch provider=openai size=96x96 a {{ name }}",
        files=[("big.csv", f"sku,name\n{lines}".encode())],
    )
    card = wait("the plan", lambda: start_button(person, posted["ts"]))
    planned = time.perf_counter()
    person.press(card, "job_start")
    with make_context(data) as ctx:
        wait("the start", lambda: ctx.queries.jobs([JobState.RUNNING, JobState.FINISHED]))
        busy = acks(person, lambda: bool(ctx.queries.jobs([JobState.FINISHED])))
        made = time.perf_counter()
        (job,) = ctx.queries.jobs([JobState.FINISHED])
        wait("the gallery", lambda: _results_are_told(ctx, job.id))
        told = time.perf_counter()
        numbers, proof = report(ctx, job, now()), audit(ctx, job)
        first_pass = job.items - ctx.queries.first_try(job.id) - job.duplicates
    sizes = {
        name: (data / name).stat().st_size
        for name in ("imgbatch.db", "imgbatch.db-wal")
        if (data / name).exists()
    }
    print(f"{rows:,} rows, {numbers['items']:,} pictures; planned {planned - begun:.1f} s after the post,")
    print(f"  all stored or flagged {made - planned:.1f} s after Start, gallery {told - made:.1f} s later")
    rate, stored, refused, failed = (numbers[n] for n in ("success_rate", "stored", "refused", "failed"))
    print(f"  first pass: {first_pass:,} not made; in the end {rate:.2%}")
    print(f"  {stored:,} stored, {refused} refused, {failed} failed; {numbers['submissions']} submissions")
    print(f"  ledger holds: {proof['holds']}, paid twice: {len(proof['paid_twice'])}")
    megabytes = sum(sizes.values()) / 1e6
    print(f"  peak memory of the bot {high_water(bot.pid):.0f} MiB; database {megabytes:.0f} MB")
    calls = Counter(call.method for call in workspace.calls())
    print(f"  Slack calls {sum(calls.values())}: " + ", ".join(f"{n} {m}" for m, n in calls.most_common(6)))
    for name, values in (("ack while it ran", busy), ("ack of an empty Bolt app", quiet)):
        print(
            f"  {name}: median {statistics.median(values):.0f} ms, "
            f"p99 {percentile(values, 0.99):.0f} ms, worst {max(values):.0f} ms ({len(values)} commands)"
        )


def _results_are_told(ctx: Context, job_id: str) -> bool:
    """The results file is the last thing posted of a job."""
    told = ctx.mail.announcements(job_id).values()
    return any(m.kind.startswith("results") and m.state is AnnouncementState.POSTED for m in told)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000)
