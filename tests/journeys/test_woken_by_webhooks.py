"""A webhook over real HTTP brings the next poll forward, and can do nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.app import build_hooks, build_providers, open_context
from bot.config import Settings
from bot.hooks import Hooks
from bot.pipeline.audit import audit, report
from bot.pipeline.rounds import one_round
from bot.policy import Policy
from bot.runtime import Context, now
from bot.serve import running
from bot.web import LONGEST_HOOK, make_site, serving
from bot.workspace.server import Workspace
from providers.base import Hint, Lane
from providers.simulators.courier import Letter
from providers.simulators.fal import FalSimulator
from providers.simulators.fal_queue import FalFaults
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import Job, Submission
from storage.states import JobState
from tests.parts import TestClock, make_context, sheet, started

PATIENT = Policy(poll_least=timedelta(hours=5), poll_most=timedelta(hours=5))
"""Polls are far apart; the first comes after a minute, and the clock of these tests stands still."""
PUBLIC = "https://bot.example.com"


@dataclass
class House:
    """The bot's stages and its port."""

    ctx: Context
    url: str

    def post(self, letter: Letter, provider: str = "openai") -> httpx.Response:
        return httpx.post(f"{self.url}/hooks/{provider}", content=letter.body, headers=dict(letter.headers))

    def submission(self, job: Job) -> Submission:
        (one,) = self.ctx.queries.submissions(job.id)
        return one

    def due_in(self, job: Job) -> timedelta:
        due_at = self.submission(job).due_at
        assert due_at is not None
        return due_at - self.ctx.clock()


@contextmanager
def house(folder: Path, settings: Settings) -> Iterator[House]:
    """As `imgbatch serve` puts them together, with a clock that stands still: no poll becomes due."""
    clock = TestClock(now())
    with ExitStack() as stack:
        built = build_providers(settings, clock)
        chosen = {name: provider for name, provider in built.items() if name != "sketch"}
        for provider in built.values():
            stack.callback(provider.close)
        ctx = stack.enter_context(make_context(folder / "data", chosen, policy=PATIENT, clock=clock))
        hooks = Hooks(build_hooks(settings), ctx.store.wake, ctx.clock)
        stack.callback(hooks.close)
        site = make_site(lambda: {"ok": True}, None, hooks)
        port = stack.enter_context(serving(site, "127.0.0.1", 0))
        yield House(ctx, f"http://127.0.0.1:{port}")


def wait_until(
    happened: Callable[[], bool], work: Callable[[], object] = lambda: None, seconds: float = 10
) -> bool:
    """Whether it happens within so many seconds."""
    idle = threading.Event()
    for _ in range(int(seconds / 0.02)):
        work()
        if happened():
            return True
        idle.wait(0.02)
    return False


def ended(ctx: Context, job: Job) -> bool:
    current = ctx.queries.job(job.id)
    return current is not None and current.state is JobState.FINISHED


@pytest.fixture
def openai() -> Iterator[OpenAISimulator]:
    with OpenAISimulator(faults=Faults(batch_seconds=0.2, validating_seconds=0.05, picture_px=64)) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, openai: OpenAISimulator) -> Iterator[House]:
    settings = Settings(
        openai_api_key=SecretStr(openai.key),
        openai_base_url=openai.base_url,
        openai_webhook_secret=SecretStr(openai.webhook_secret),
    )
    with house(tmp_path, settings) as made:
        yield made


def sent(home: House, folder: Path) -> Job:
    """A job whose one batch has been sent."""
    job = started(home.ctx, sheet(folder, [{"prompt": f"a red mug {n}"} for n in range(3)]))
    for _ in range(3):
        one_round(home.ctx, home.ctx.clock())
    assert home.submission(job).handle
    return job


def test_openais_webhook_settles_a_batch_before_its_next_poll_is_due(
    home: House, openai: OpenAISimulator, tmp_path: Path
) -> None:
    openai.webhook_url = f"{home.url}/hooks/openai"
    job = sent(home, tmp_path)

    def polls() -> int:
        return sum(seen.path.startswith("/v1/batches/batch_") for seen in openai.requests)

    assert polls() == 0
    assert home.due_in(job) > timedelta(seconds=10)

    assert wait_until(lambda: ended(home.ctx, job), lambda: one_round(home.ctx, home.ctx.clock()))

    assert report(home.ctx, job, home.ctx.clock())["stored"] == 3
    assert audit(home.ctx, job)["holds"]
    assert [attempt.status for attempt in openai.courier.delivered] == [204]
    assert polls() == 2, "one poll, and the look that reads the results"


def test_without_a_webhook_it_waits_for_its_poll(
    home: House, openai: OpenAISimulator, tmp_path: Path
) -> None:
    job = sent(home, tmp_path)
    threading.Event().wait(0.6)
    for _ in range(5):
        one_round(home.ctx, home.ctx.clock())
    assert not ended(home.ctx, job)
    assert isinstance(home.ctx.clock, TestClock)
    home.ctx.clock.move(home.due_in(job).total_seconds() + 1)
    assert wait_until(lambda: ended(home.ctx, job), lambda: one_round(home.ctx, home.ctx.clock()))


def event(home: House, openai: OpenAISimulator, batch: str, seconds: float = 0) -> Letter:
    """A signed event about this batch, made so many seconds from now."""
    from providers.simulators import openai_hooks

    return openai_hooks.event(batch, "completed", lambda: home.ctx.clock().timestamp() + seconds)()


def later(home: House, job: Job) -> None:
    """Put the next poll off again, as a poll does."""
    home.ctx.store.note_progress(home.submission(job), home.ctx.clock() + timedelta(hours=5))


def test_a_webhook_counts_once_and_only_while_it_is_fresh(
    home: House, openai: OpenAISimulator, tmp_path: Path
) -> None:
    job = sent(home, tmp_path)
    handle = home.submission(job).handle
    assert handle is not None
    first = event(home, openai, handle["id"])

    assert home.post(first).status_code == 204
    assert home.due_in(job) <= timedelta(0)

    later(home, job)
    assert home.post(first).status_code == 204, "the sender is told that it arrived"
    assert home.due_in(job) > timedelta(hours=4), "a repeated one does nothing"

    old = event(home, openai, handle["id"], seconds=-301)
    assert home.post(old).status_code == 401
    assert home.due_in(job) > timedelta(hours=4)

    assert home.post(event(home, openai, handle["id"])).status_code == 204
    assert home.due_in(job) <= timedelta(0), "a new one does"


def test_what_is_forged_too_large_or_unknown_is_turned_away(
    home: House, openai: OpenAISimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = sent(home, tmp_path)
    handle = home.submission(job).handle
    assert handle is not None
    good = event(home, openai, handle["id"])
    changed = Letter(good.headers, good.body.replace(b"completed", b"failed"))
    large = Letter(good.headers, b" " * (LONGEST_HOOK + 1))

    assert home.post(changed).status_code == 401
    assert home.post(Letter({}, good.body)).status_code == 401
    assert home.post(large).status_code == 413
    assert home.post(good, "gemini").status_code == 404
    assert home.post(good, "nobody").status_code == 404
    assert httpx.get(f"{home.url}/hooks/openai").status_code == 405

    def dripped() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * (LONGEST_HOOK // 10)

    try:
        reply = httpx.post(f"{home.url}/hooks/openai", content=dripped(), headers=dict(good.headers))
        assert reply.status_code == 413
    except httpx.TransportError:
        pass  # the connection was closed while the rest was still on its way
    assert home.due_in(job) > timedelta(minutes=1), "none of them woke anything"

    assert home.post(event(home, openai, "batch_of_somebody_else")).status_code == 204
    assert home.due_in(job) > timedelta(minutes=1)
    told = caplog.text
    assert "refused a webhook for openai" in told
    assert told.count("refused a webhook") == 1, "a flood of them does not fill the log"
    assert openai.webhook_secret not in told
    assert good.headers["webhook-signature"] not in told
    assert handle["id"] not in "".join(line for line in told.splitlines() if "hooks" in line)


def test_a_lie_in_a_signed_webhook_changes_nothing_but_the_time_of_the_poll(
    home: House, openai: OpenAISimulator, tmp_path: Path
) -> None:
    openai.faults.batch_seconds = 30
    job = sent(home, tmp_path)
    handle = home.submission(job).handle
    assert handle is not None
    assert home.post(event(home, openai, handle["id"])).status_code == 204, "“completed”, says the message"
    one_round(home.ctx, home.ctx.clock())
    assert home.submission(job).state == "open"
    assert home.due_in(job) > timedelta(minutes=1), "the poll found it running and put the next one off"


def test_a_webhook_whose_wake_failed_may_come_again(home: House, openai: OpenAISimulator) -> None:
    class Signed:
        def verify(self, _headers: object, _body: object, _now: object) -> Hint:
            return Hint("wh_1", ("batch_1",))

        def close(self) -> None:
            """Nothing to let go of."""

    woken: list[str] = []

    def wake(_provider: str, handles: object, _at: object) -> int:
        woken.append(str(handles))
        if len(woken) == 1:
            raise OSError("the disk is full")
        return 1

    hooks = Hooks({"openai": Signed()}, wake, home.ctx.clock)
    with serving(make_site(lambda: {"ok": True}, None, hooks), "127.0.0.1", 0) as port:
        answers = [
            httpx.post(f"http://127.0.0.1:{port}/hooks/openai", content=b"{}").status_code for _ in range(3)
        ]
    assert answers == [503, 204, 204]
    assert len(woken) == 2


def test_fals_webhook_settles_a_request_before_its_next_poll_is_due(tmp_path: Path) -> None:
    with FalSimulator(faults=FalFaults(latency=0.6, picture_px=64)) as fal:
        settings = Settings(
            fal_key=SecretStr(fal.key), fal_base_url=fal.base_url, imgbatch_public_url=f"{PUBLIC}/"
        )
        with house(tmp_path, settings) as home:
            fal.tunnel = home.url
            rows = [{"prompt": "a red mug"}, {"prompt": "a moderated scene"}]
            job = started(home.ctx, sheet(tmp_path, rows), lane=Lane.LIVE)

            assert wait_until(lambda: ended(home.ctx, job), lambda: one_round(home.ctx, home.ctx.clock()))
            numbers = report(home.ctx, job, home.ctx.clock())
            assert (numbers["stored"], numbers["refused"]) == (1, 1)
            assert {attempt.status for attempt in fal.courier.delivered} == {204}
            assert {attempt.url for attempt in fal.courier.delivered} == {f"{home.url}/hooks/fal"}
            assert sum(seen.path == "/.well-known/jwks.json" for seen in fal.requests) == 1


def test_the_served_bot_is_woken_while_its_own_next_poll_is_a_minute_away(
    openai: OpenAISimulator, tmp_path: Path
) -> None:
    with Workspace() as slack:
        settings = Settings(
            slack_bot_token=SecretStr(slack.bot_token),
            slack_signing_secret=SecretStr(slack.signing_secret),
            slack_api_url=slack.api_url,
            openai_api_key=SecretStr(openai.key),
            openai_base_url=openai.base_url,
            openai_webhook_secret=SecretStr(openai.webhook_secret),
            imgbatch_data=tmp_path / "data",
            imgbatch_port=0,
        )
        policy = Policy(poll_least=timedelta(hours=1), poll_most=timedelta(hours=1))
        with open_context(settings, schedules=True, policy=policy) as ctx, running(ctx, settings) as port:
            openai.webhook_url = f"http://127.0.0.1:{port}/hooks/openai"
            path = sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}])
            job = started(ctx, path, provider="openai")
            assert wait_until(lambda: ended(ctx, job), seconds=30)
            assert report(ctx, job, ctx.clock())["stored"] == 2
            assert [attempt.status for attempt in openai.courier.delivered] == [204]
