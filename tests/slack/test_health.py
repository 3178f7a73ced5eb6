"""Health and readiness of the running bot, over HTTP: they fail when, and only when, something is wrong."""

from __future__ import annotations

import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from starlette.applications import Starlette

from bot import web
from bot.app import open_context
from bot.config import Settings
from bot.health import LEAST_FREE_BYTES, alive, ready
from bot.runtime import Context
from bot.serve import running
from bot.web import make_site, serving
from bot.workspace.server import Workspace
from storage.engine import newest_form
from tests.parts import TestClock, make_context


@pytest.fixture(scope="module")
def bot(slack: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Context, str, Path]]:
    """The whole bot as `serve` runs it, its address and its data folder."""
    folder = tmp_path_factory.mktemp("bot")
    settings = Settings(
        slack_bot_token=SecretStr(slack.bot_token),
        slack_app_token=SecretStr(slack.app_token),
        slack_api_url=slack.api_url,
        imgbatch_data=folder,
        imgbatch_port=0,
    )
    with open_context(settings, schedules=True) as ctx, running(ctx, settings) as port:
        yield ctx, f"http://127.0.0.1:{port}", folder


def answer(url: str, path: str) -> tuple[int, dict[str, Any]]:
    reply = httpx.get(f"{url}{path}", timeout=30)
    return reply.status_code, reply.json()


def eventually(url: str, status: int) -> dict[str, Any]:
    """What /readyz says when it has this status."""
    for _ in range(300):
        found, said = answer(url, "/readyz")
        if found == status:
            return said
        time.sleep(0.1)
    raise AssertionError(f"/readyz never answered {status}: {said}")


def failing(said: dict[str, Any]) -> set[str]:
    return {name for name, check in said["checks"].items() if not check["ok"]}


def test_a_bot_that_runs_is_alive_and_ready(bot: tuple[Context, str, Path]) -> None:
    _, url, _ = bot
    said = eventually(url, 200)
    assert set(said["checks"]) == {"database", "ticks", "disk", "slack"}
    assert not failing(said)
    status, health = answer(url, "/healthz")
    assert (status, health["ok"], health["hanging_seconds"]) == (200, True, {})


def test_tables_of_another_form_are_not_ready(bot: tuple[Context, str, Path]) -> None:
    _, url, folder = bot
    other = create_engine(f"sqlite:///{folder / 'imgbatch.db'}")
    try:
        with other.begin() as c:
            c.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        said = eventually(url, 503)
        assert failing(said) == {"database"}
        assert "0000" in said["checks"]["database"]["says"]
        assert answer(url, "/healthz")[0] == 200
    finally:
        with other.begin() as c:
            c.execute(text("UPDATE alembic_version SET version_num = :form"), {"form": newest_form()})
        other.dispose()
    eventually(url, 200)


def test_a_lock_that_is_gone_is_not_ready(bot: tuple[Context, str, Path]) -> None:
    _, url, folder = bot
    lock = folder / "imgbatch.lock"
    aside = lock.rename(folder / "aside.lock")
    try:
        said = eventually(url, 503)
        assert failing(said) == {"database"}
        lock.touch()  # another process's
        assert failing(eventually(url, 503)) == {"database"}
    finally:
        aside.rename(lock)
    eventually(url, 200)


def test_without_slack_it_is_not_ready(tmp_path: Path) -> None:
    with make_context(tmp_path) as ctx:
        assert "slack" in failing(ready(ctx, tmp_path, lambda: False))
        assert "slack" not in failing(ready(ctx, tmp_path, lambda: True))
        assert "slack" not in failing(ready(ctx, tmp_path, None))


def test_a_full_disk_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    with make_context(tmp_path) as ctx:
        for free, full in ((LEAST_FREE_BYTES - 1, True), (LEAST_FREE_BYTES, False)):
            monkeypatch.setattr(shutil, "disk_usage", lambda _path, free=free: usage(10**12, 0, free))
            assert ("disk" in failing(ready(ctx, tmp_path, None))) is full
        monkeypatch.undo()
        assert "disk" in failing(ready(ctx, tmp_path / "gone", None))


def test_a_database_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with make_context(tmp_path) as ctx:
        ctx.vitals._engine.dispose()
        (tmp_path / "imgbatch.db").write_bytes(b"no database at all, but long enough to be read " * 100)
        for leftover in ("imgbatch.db-wal", "imgbatch.db-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)
        said = ready(ctx, tmp_path, None)
    assert "database" in failing(said)
    assert "cannot be read" in str(said)


def test_a_tick_that_hangs_ends_health_and_one_that_fails_ends_readiness(tmp_path: Path) -> None:
    clock = TestClock()
    with make_context(tmp_path, clock=clock) as ctx:
        assert "ticks" in failing(ready(ctx, tmp_path, None))  # none runs yet
        ctx.pulse.expect({"poll": timedelta(minutes=5), "submit": timedelta(hours=1)}, clock())
        ctx.pulse.began("submit", clock())
        for _ in range(320):
            clock.move(1)
            ctx.pulse.began("poll", clock())
            ctx.pulse.failed("poll", clock(), "here", "OSError")
        assert alive(ctx)["ok"] is True
        said = ready(ctx, tmp_path, None)
        assert "poll" in str(said["checks"])
        assert "submit" not in str(said["checks"])
        ctx.pulse.began("poll", clock())
        clock.move(301)
        with site(make_site(lambda: alive(ctx), None)) as url:
            status, health = answer(url, "/healthz")
        assert (status, health["hanging_seconds"]) == (503, {"poll": 301})


@contextmanager
def site(app: Starlette) -> Iterator[str]:
    with serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_check_that_hangs_is_an_answer_and_holds_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "READY_SECONDS", 0.2)
    asked, let_go = [], threading.Event()

    def hangs() -> dict[str, object]:
        asked.append(1)
        let_go.wait(60)
        return {"ok": True}

    with site(make_site(lambda: {"ok": True}, None, ready=hangs)) as url:
        for _ in range(4):
            status, said = answer(url, "/readyz")
            assert status == 503
            assert "longer than" in said["says"]
        assert answer(url, "/healthz")[0] == 200
        assert len(asked) == 1
        let_go.set()
        eventually(url, 200)


def test_metrics_are_told_beside_it(bot: tuple[Context, str, Path], slack: Workspace) -> None:
    _, url, _ = bot
    eventually(url, 200)
    reply = httpx.get(f"{url}/metrics", timeout=30)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'imgbatch_ready{check="slack"} 1.0',
        "imgbatch_database_up 1.0",
        "process_cpu_seconds_total ",
    ):
        assert line in reply.text
    for secret in (slack.bot_token, slack.app_token):
        assert secret not in reply.text
