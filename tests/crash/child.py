"""The process that is killed: a real run over HTTP that dies at its nth outside effect.

An outside effect is anything another process or a later start can see: a commit, a blob, an HTTP request.
Each counts twice, once before and once after it happens.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import httpx
from slack_sdk import WebClient
from sqlalchemy import Connection

from bot.intake.deadline import deadline_at
from bot.intake.spec import JobSpec
from bot.pipeline.audit import audit
from bot.pipeline.create import Wanted, create_job, digest
from bot.pipeline.rescue import clear_drafts
from bot.pipeline.rounds import STAGES
from bot.runtime import Context, now
from bot.slack.announcer import announce
from providers import catalogue
from providers.base import Lane, Provider, Size
from providers.openai import OpenAI
from providers.xai import XAI
from storage.blobs import FolderBlobs
from storage.records import AnnouncementState, Thread
from storage.states import JobState, SubmissionState
from storage.writer import Writer
from tests.parts import QUICK, TestClock, make_context


class Effects:
    """Counts outside effects and kills the process at the chosen one."""

    def __init__(self, die_at: int | None) -> None:
        self.count = 0
        self._die_at = die_at
        self._lock = threading.Lock()

    def __call__(self, what: str) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def instrument(effects: Effects) -> None:
    """Make every outside effect of this process count. Only ever called in a child of its own."""
    transaction, writing, send = Writer.transaction, FolderBlobs.writing, httpx.Client.send

    @contextmanager
    def counted_transaction(self: Writer) -> Iterator[Connection]:
        with transaction(self) as connection:
            yield connection
            effects("before commit")
        effects("after commit")

    @contextmanager
    def counted_writing(self: FolderBlobs, key: str) -> Iterator[BinaryIO]:
        effects("before blob")
        with writing(self, key) as file:
            yield file
        effects("after blob")

    def counted_send(self: httpx.Client, *args: Any, **kwargs: Any) -> httpx.Response:
        effects("before request")
        response = send(self, *args, **kwargs)
        effects("after request")
        return response

    opened = urllib.request.OpenerDirector.open

    def counted_open(self: urllib.request.OpenerDirector, *args: Any, **kwargs: Any) -> Any:
        effects("before Slack call")
        answer = opened(self, *args, **kwargs)
        effects("after Slack call")
        return answer

    urllib.request.OpenerDirector.open = counted_open  # type: ignore[method-assign]
    Writer.transaction = counted_transaction  # type: ignore[method-assign]
    FolderBlobs.writing = counted_writing  # type: ignore[method-assign]
    httpx.Client.send = counted_send  # type: ignore[method-assign]


def count_deletes(effects: Effects) -> None:
    """A file that goes counts, too. Only ever called in a child of its own."""
    delete = FolderBlobs.delete

    def counted_delete(self: FolderBlobs, key: str) -> None:
        effects("before delete")
        delete(self, key)
        effects("after delete")

    FolderBlobs.delete = counted_delete  # type: ignore[method-assign]


def run(
    folder: str,
    vendor: tuple[str, str, str] | None,
    sheet: str,
    lane: str,
    die_at: int | None,
    slack: tuple[str, str, str] | None = None,
    deadline: str | None = None,
    gate: bool = False,
    variants: int = 1,
) -> dict[str, Any]:
    """One process's life: begin or go on with the job, to its end or to death; `gate`: its pictures judged.

    `vendor`: name, address and key of a stand-in, or None to draw here. `slack`: API address, token and
    channel of the workspace to tell it in, or None to tell nobody. `deadline`: when the pictures are wanted,
    the live lane approved; when a batch has made some of its pictures the clock is set to a moment before it.
    """
    effects = Effects(die_at)
    instrument(effects)
    clock = TestClock(now())
    providers: dict[str, Provider] | None = None
    if vendor:
        name, address, key = vendor
        adapter = {"openai": OpenAI, "xai": XAI}[name]
        providers = {name: adapter(catalogue.load()[name], api_key=key, base_url=address, clock=now)}
    idle = threading.Event()
    with make_context(Path(folder), providers, policy=replace(QUICK, quality_gate=gate), clock=clock) as ctx:
        clear_drafts(ctx)
        job = _the_job(ctx, Path(sheet), lane, deadline, variants)
        tell = _announcer(ctx, job, slack)
        calm = None
        known = ctx.queries.job(job)
        if known is not None and known.rushed_at is not None:
            clock.at, calm = known.rushed_at, 0  # where the life before was: a clock does not go back
        for _ in range(3000):
            if calm is None and deadline is not None and _half_way(ctx, job):
                calm = effects.count
                clock.at = deadline_at(deadline, clock()) - timedelta(minutes=10)
            for stage in STAGES.values():
                stage(ctx, clock())
            tell()
            current = ctx.queries.job(job)
            assert current is not None
            if current.state is JobState.FINISHED and (slack is None or _told(ctx, job)):
                break
            clock.move(1)
            idle.wait(0.01)
        assert current is not None
        proof = audit(ctx, current)
        proof["effects"], proof["calm_effects"] = effects.count, calm
        proof["rushed"] = current.rushed_at is not None
        proof["incidents"] = [incident.key for incident in ctx.notices.incidents()]
        proof["announcements"] = sorted(ctx.mail.announcements(job))
    return proof


def _half_way(ctx: Context, job: str) -> bool:
    return any(s.state is SubmissionState.OPEN and s.completed for s in ctx.queries.submissions(job))


def _announcer(ctx: Context, job: str, slack: tuple[str, str, str] | None) -> Callable[[], object]:
    if slack is None:
        return lambda: None
    api_url, token, channel = slack
    ctx.mail.open_thread(Thread(job, "T0LOOPBACK", channel, "U0ANAFERREIRA"))
    client = WebClient(token=token, base_url=api_url)
    return lambda: announce(ctx, client, ctx.clock())


def _told(ctx: Context, job: str) -> bool:
    """The results file is the last thing that is told of a job."""
    told = ctx.mail.announcements(job).values()
    return any(m.kind.startswith("results") for m in told) and all(
        m.state is AnnouncementState.POSTED for m in told
    )


def _the_job(ctx: Context, sheet: Path, lane: str, deadline: str | None, variants: int) -> str:
    """As `imgbatch run` does: the same wish goes on where it was."""
    spec = JobSpec(
        template="{{ prompt }}", provider=next(iter(ctx.providers)), lane=Lane(lane), deadline=deadline,
        rush=deadline is not None, variants=variants,
        size=Size(64, 64) if "sketch" in ctx.providers else None,
    )  # fmt: skip
    wanted = Wanted(sheet, sheet.name, spec, "crash test")
    every = [state for state in JobState if state is not JobState.DRAFT]
    job = ctx.queries.job_by_digest(digest(wanted), every)
    if job is None:
        job, _ = create_job(ctx, wanted, ctx.clock())
    if job.state is JobState.PLANNED:
        ctx.store.start_job(job.id, ctx.clock())
    return job.id


def main(arguments: dict[str, Any], answer: str) -> None:
    """Entry of the forked process: the proof as JSON in the file `answer`."""
    proof = run(**arguments)
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")
