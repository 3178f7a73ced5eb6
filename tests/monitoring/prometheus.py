"""A real Prometheus on loopback, and what docs/monitoring asks of one."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

DOCS = Path(__file__).resolve().parents[2] / "docs" / "monitoring"

PATIENCE_SECONDS = 60.0
"""Prometheus is there within a second; a busy machine takes longer."""


def program(name: str) -> str | None:
    """Where `prometheus` or `promtool` lies; None where it is not installed."""
    return shutil.which(name)


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "dashboard.json").read_text(encoding="utf-8"))
    return read


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load((DOCS / "rules.yml").read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel."""

    panel: int
    """The panel's id."""
    title: str
    kind: str
    expression: str
    legend: str
    instant: bool
    """Asked for this moment alone, not over the time that is shown."""


def asked() -> Iterator[Asked]:
    """Every query of the dashboard, in its order."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield Asked(
                panel["id"],
                panel["title"],
                panel["type"],
                target["expr"],
                target["legendFormat"],
                target.get("instant", False),
            )


def filled(expression: str, provider: str = ".*", interval: timedelta = timedelta(minutes=2)) -> str:
    """The expression as Grafana sends it: with its variables filled in."""
    seconds = f"{interval.total_seconds():.0f}s"
    found = expression.replace("$provider", provider)
    for name in ("$__rate_interval", "$__interval", "$__range"):
        found = found.replace(name, seconds)
    return found


class Prometheus:
    """A Prometheus with its own folder and port, ended without a trace.

    `target`: the `HOST:PORT` it scrapes as job `imgbatch`, `every` so often; none: it only answers from what
    lies in its folder (`promtool tsdb create-blocks-from`). `rules`: a file of alert rules.
    """

    def __init__(
        self,
        folder: Path,
        target: str | None = None,
        rules: Path | None = None,
        every: str = "1s",
    ) -> None:
        self.data = folder / "tsdb"
        self._folder = folder
        self._config: dict[str, Any] = {"global": {"scrape_interval": every, "evaluation_interval": every}}
        if target is not None:
            where = [{"targets": [target]}]
            self._config["scrape_configs"] = [{"job_name": "imgbatch", "static_configs": where}]
        if rules is not None:
            self._config["rule_files"] = [str(rules)]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        found = program("prometheus")
        assert found is not None, "prometheus is not installed"
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            found,
            f"--config.file={config}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        self._process = subprocess.Popen(command)
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        deadline, idle = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while not self._ready():
            assert self._process.poll() is None, f"prometheus ended with status {self._process.returncode}"
            assert time.monotonic() < deadline, "prometheus did not get ready"
            idle.wait(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._client.close()
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    def _ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, **query: str | float) -> Any:
        """What `/api/v1/PATH` answers. Raises AssertionError with Prometheus' own words when it objects."""
        answer = self._client.get(f"/api/v1/{path}", params=query).json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return answer["data"]

    def now(self, expression: str, at: datetime | None = None) -> list[dict[str, Any]]:
        """The series of an expression at one moment."""
        when = {} if at is None else {"time": at.timestamp()}
        found: list[dict[str, Any]] = self.ask("query", query=expression, **when)["result"]
        return found

    def over(
        self, expression: str, since: datetime, until: datetime, step: timedelta
    ) -> list[dict[str, Any]]:
        """The series of an expression between two moments."""
        found: list[dict[str, Any]] = self.ask(
            "query_range",
            query=expression,
            start=since.timestamp(),
            end=until.timestamp(),
            step=step.total_seconds(),
        )["result"]
        return found

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        alerts = self.ask("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
