"""The alert rules and the dashboard on a real Prometheus, while things go wrong on purpose.

    python benchmarks/monitoring.py [MINUTES TO STAY]

As in life: the bot (`imgbatch serve`), seven vendors' stand-ins, the local Slack workspace, and a Prometheus
that scrapes once a second, with rules whose hour is a minute. Jobs of every provider run; then vendors
refuse, fail, lose replies and close accounts, Slack is late and away, somebody holds the database, the disk
fills, and the bot is away. Prints which rules fired and when they were over, and what every panel shows.
Stays for so many minutes at the end, for whoever wants to look at it. Needs `prometheus` (Debian: apt install
prometheus) and, for the disk, to be root with 8 GB free in /dev/shm.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import yaml

from bot.runtime import now
from bot.workspace.server import Workspace
from providers import registry
from providers.simulators import SIMULATORS
from providers.simulators.server import Simulator
from tests.monitoring.prometheus import DOCS, Prometheus, asked, filled, rules
from tests.monitoring.stage import Desk, settings_of

SECOND = threading.Event()
"""Never set: waiting for it is waiting."""

QUIET = {"refusal_rate": 0.02, "error_rate": 0.02, "picture_px": 96, "latency": 0.4, "batch_seconds": 20}
"""How vendors are on an ordinary day."""

JOBS = (
    ("openai", "batch", 150), ("gemini", "batch", 150), ("xai", "batch", 60), ("openai", "live", 40),
    ("fal", "live", 60), ("bfl", "live", 60), ("recraft", "live", 60), ("openai_compatible", "live", 20),
)  # fmt: skip
"""Provider, lane, pictures."""


class Stage:
    """Everything but Prometheus."""

    def __init__(self, folder: Path, workspace: Workspace, vendors: dict[str, Simulator]) -> None:
        self.folder, self.workspace, self.vendors = folder, workspace, vendors
        self.data = folder / "data"
        self._bot: subprocess.Popen[bytes] | None = None
        self.desk = Desk(workspace, patience_seconds=600)

    def start_bot(self, port: int) -> None:
        environment = {
            **os.environ,
            **settings_of(self.workspace, self.vendors),
            "IMGBATCH_DATA": str(self.data),
            "IMGBATCH_PORT": str(port), "IMGBATCH_POLL_SECONDS": "2", "IMGBATCH_RETRY_SECONDS": "2",
            "IMGBATCH_LOOK_UP_SECONDS": "2", "IMGBATCH_LOG": "error", "IMGBATCH_QUALITY_GATE": "false",
        }  # fmt: skip
        self._bot = subprocess.Popen([sys.executable, "-m", "bot", "serve"], env=environment)
        wait("the bot", lambda: healthy(port))
        wait("the connection to Slack", lambda: self.workspace.connections > 0)

    def stop_bot(self) -> None:
        if self._bot is not None:
            self._bot.terminate()
            self._bot.wait(60)
            self._bot = None

    def turn(self, vendor: str, **dials: float | bool) -> None:
        self.vendors[vendor].faults.update(dials)


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def wait(what: str, look: Callable[[], bool], seconds: float = 120) -> None:
    for _ in range(int(seconds * 5)):
        if look():
            return
        SECOND.wait(0.2)
    raise SystemExit(f"{what} did not come within {seconds:.0f} s")


def calm(stage: Stage) -> None:
    for vendor in stage.vendors:
        stage.turn(vendor, **QUIET)
    for provider, lane, pictures in JOBS:
        stage.desk.order(provider, lane, pictures)
    SECOND.wait(60)


def trouble(stage: Stage) -> None:
    """Each vendor ails in its own way."""
    stage.turn("openai", refusal_rate=0.5)
    stage.turn("recraft", error_rate=1.0)
    stage.turn("fal", quota=True)
    stage.turn("bfl", auth=True)
    stage.turn("gemini", rate_limit_rate=0.9, retry_after=0.2, error_rate=0.3)
    stage.turn("xai", lost_reply_live=8)
    for provider, lane, pictures in (
        ("openai", "live", 120), ("recraft", "live", 150), ("fal", "live", 20), ("bfl", "live", 20),
        ("gemini", "live", 60), ("xai", "live", 30), ("gemini", "batch", 150),
    ):  # fmt: skip
        stage.desk.order(provider, lane, pictures)
    SECOND.wait(75)
    for vendor in stage.vendors:
        stage.turn(
            vendor, **QUIET, quota=False, auth=False, rate_limit_rate=0, retry_after=1, lost_reply_live=0
        )


def late_slack(stage: Stage) -> None:
    """First it says “too many requests”, then it fails, then it is away."""
    stage.workspace.limit_next("*", retry_after=1, times=300)
    SECOND.wait(40)
    stage.workspace.faults.failures.clear()
    stage.workspace.fail_next("*", "service_unavailable", times=200, status=503)
    SECOND.wait(40)
    stage.workspace.faults.failures.clear()
    stage.workspace.stop()
    SECOND.wait(15)
    stage.workspace.start()
    wait("the connection to Slack", lambda: stage.workspace.connections > 0)
    stage.desk.order("openai", "live", 10)


def held_database(stage: Stage) -> None:
    """Somebody holds the database with a transaction of their own."""
    with sqlite3.connect(stage.data / "imgbatch.db", timeout=60, isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        SECOND.wait(90)
        held.execute("ROLLBACK")


def full_disk(stage: Stage) -> None:
    """What else lies on the disk grows and grows."""
    filler = stage.folder / "filler"
    with filler.open("wb") as file:
        for _ in range(60):
            file.write(b"\0" * 100_000_000)
            file.flush()
            SECOND.wait(1.3)
    SECOND.wait(10)
    filler.unlink()


PHASES = (calm, trouble, late_slack, held_database, full_disk)


def quickened(folder: Path) -> Path:
    """The rules as they are, but an hour of theirs is a minute here."""
    read = yaml.safe_load((DOCS / "rules.yml").read_text(encoding="utf-8"))
    for group in read["groups"]:
        for rule in group["rules"]:
            windows = re.sub(r"\[(\d+)([mhd])\]", lambda w: f"[{w[1]}{SHORTER[w[2]]}]", rule["expr"])
            ages = r"(_seconds(?:{[^}]*})? [<>] \d+(?: \* \d+)?)"
            rule["expr"] = re.sub(ages, r"\1 / 60", windows).replace("24 * 3600)", "24 * 60)")
            rule["for"] = rule.get("for", "0m").replace("m", "s").replace("h", "m")
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump(read, allow_unicode=True), encoding="utf-8")
    return path


SHORTER = {"m": "s", "h": "m", "d": "h"}


class Watch:
    """Which alerts fire, looked at once a second."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.seen: dict[str, str] = {}
        self.firing: set[str] = set()
        self.phase = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(1):
            found = self._prometheus.firing()
            for name in sorted(found - self.firing):
                self.seen.setdefault(name, self.phase)
                print(f"  {self.phase}: {name} fires", flush=True)
            for name in sorted(self.firing - found):
                print(f"  {self.phase}: {name} is over", flush=True)
            self.firing = found

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


def show_panels(prometheus: Prometheus) -> None:
    """Every panel's series at the end, and how many there were over the whole time."""
    until = now()
    for query in asked():
        expression = filled(query.expression, interval=timedelta(seconds=15))
        series = prometheus.over(expression, until - timedelta(minutes=30), until, timedelta(seconds=5))
        points = sum(len(one["values"]) for one in series)
        print(f"{query.title}: {len(series)} series, {points} points", flush=True)
        for one in series[:12]:
            numbers = [float(value) for _, value in one["values"]]
            labels = ", ".join(f"{k}={v}" for k, v in one["metric"].items())
            print(f"    {labels or '-'}: {min(numbers):.4g} to {max(numbers):.4g}, last {numbers[-1]:.4g}")


@contextmanager
def stage_in(folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace())
        vendors = {
            entry.name: stack.enter_context(SIMULATORS[entry.name]())
            for entry in registry.ENTRIES
            if entry.name in SIMULATORS
        }
        stage = Stage(folder, workspace, vendors)
        stack.callback(stage.desk.person.close)
        try:
            yield stage
        finally:
            stage.stop_bot()


def main(minutes: float) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        limited = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8g", "tmpfs", name], check=False, stderr=subprocess.DEVNULL
        )
        try:
            play(folder, minutes)
        finally:
            if limited.returncode == 0:
                subprocess.run(["umount", "--lazy", name], check=True)


def play(folder: Path, minutes: float) -> None:
    port = 18080
    with stage_in(folder) as stage:
        stage.start_bot(port)
        with Prometheus(folder, f"127.0.0.1:{port}", quickened(folder)) as prometheus:
            print(f"Prometheus: {prometheus.url}", flush=True)
            watch = Watch(prometheus)
            try:
                for phase in PHASES:
                    watch.phase = phase.__name__
                    print(f"{now():%H:%M:%S} {phase.__name__}", flush=True)
                    phase(stage)
                watch.phase = "restart"
                stage.stop_bot()
                SECOND.wait(15)
                stage.start_bot(port)
                SECOND.wait(45)
            finally:
                watch.end()
            missed = sorted({rule["alert"] for rule in rules()} - set(watch.seen))
            print(f"fired: {len(watch.seen)}; still: {sorted(watch.firing)}; not caused: {missed}")
            show_panels(prometheus)
            SECOND.wait(minutes * 60)


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 0)
