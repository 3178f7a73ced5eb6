"""SIGKILL at every outside effect of what people ask for about pictures that failed: sent again, or made in
other words. Each asking is followed once, no picture is paid twice, and nobody is told that nothing was done.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.pipeline.audit import audit
from bot.pipeline.rounds import STAGES
from bot.runtime import Context, now
from bot.slack import verbs
from bot.slack.inbox import work_inbox
from bot.slack.reach import Where
from bot.slack.verbs import Wish
from bot.workspace.server import Workspace
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import InboxState, Job
from storage.states import ItemState, JobState
from storage.voting import ASKED
from tests.crash.child import Effects, count_deletes, instrument
from tests.crash.conftest import killed_everywhere
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started

TEAM, PERSON = "T0LOOPBACK", "U0ANAFERREIRA"
PROMPTS = ("a red mug", "a blue mug", "a red mug", "a moderated scene", "a moderated hat")
"""The third is a copy of the first; the last two are refused."""
SAID = "chat.postEphemeral"
DIALS = {"batch_seconds": 0.05, "validating_seconds": 0.01, "picture_px": 64}


@contextmanager
def house(folder: Path, vendor: tuple[str, str], clock: TestClock | None = None) -> Iterator[Context]:
    """A data store, and the vendor at this address with this key."""
    adapter = OpenAI(catalogue.load()["openai"], api_key=vendor[1], base_url=vendor[0], clock=now)
    with closing(adapter), make_context(folder, {"openai": adapter}, policy=QUICK, clock=clock) as ctx:
        yield ctx


def live(
    folder: str,
    outside: tuple[tuple[str, str], tuple[str, str]],
    job_id: str,
    entry: str,
    die_at: int | None,
    answer: str,
) -> None:
    """One process's life: what was asked for is done (again), and the job goes to its end. `outside`: address
    and key of the vendor, and of Slack.
    """
    effects = Effects(die_at)
    instrument(effects)
    count_deletes(effects)
    clock, idle = TestClock(now()), threading.Event()
    vendor, slack = outside
    client = WebClient(token=slack[1], base_url=slack[0])
    with house(Path(folder), vendor, clock) as ctx:
        for _ in range(3000):
            work_inbox(ctx, client, clock())
            for stage in STAGES.values():
                stage(ctx, clock())
            job, asked = ctx.queries.job(job_id), ctx.mail.entry(entry)
            assert job is not None
            assert asked is not None
            if job.state is JobState.FINISHED and asked.state is not InboxState.NEW:
                break
            clock.move(1)
            idle.wait(0.01)
        proof = audit(ctx, job)
        items = ctx.queries.items(job_id)
        proof["pictures"] = sorted(
            [item.first, item.version, item.state.value, item.prompt] for item in items
        )
        proof["followed"] = sum(event.event == ASKED for event in ctx.queries.events(job_id))
        proof["entry"] = asked.state.value
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


def begin(folder: Path, path: Path, vendor: OpenAISimulator) -> Job:
    """A job of which all failed that was not refused."""
    vendor.faults.update({**vars(Faults()), **DIALS, "error_rate": 1.0})
    with house(folder, (vendor.base_url, vendor.key)) as ctx:
        job = run_to_end(ctx, started(ctx, path), real_pause=0.02)
        counts = ctx.queries.counts(job.id)
    assert counts == {ItemState.FAILED: 3, ItemState.REFUSED: 2}
    assert not vendor.billed
    vendor.faults.update({**vars(Faults()), **DIALS})
    return job


def asked_for(folder: Path, wish: Wish, channel: str, vendor: tuple[str, str]) -> str:
    """Somebody pressed the button or sent the form; the name of the entry."""
    with house(folder, vendor, TestClock(now())) as ctx:
        job = ctx.queries.job(wish.job)
        assert job is not None
        assert verbs.receive(ctx, wish, job, Where(TEAM, channel, PERSON), "click", ctx.clock()) is None
        (entry,) = ctx.mail.due_inbox(ctx.clock())
        return entry.key


WISHES: dict[str, dict[str, Any]] = {
    "again": {"verb": verbs.RETRY},
    "reworded": {"verb": verbs.REWORD, "prompts": {"4": "a calm scene", "5": "a calm hat"}},
}


def stand(number: int, state: str, prompt: str = "", version: int = 1) -> list[Any]:
    return [number, version, state, prompt or PROMPTS[number - 1]]


AFTER = {
    "again": (
        [*(stand(n, "stored") for n in (1, 2, 3)), *(stand(n, "refused") for n in (4, 5))],
        PROMPTS[:2],
    ),
    "reworded": (
        [
            *(stand(n, "failed") for n in (1, 2, 3)),
            stand(4, "refused"),
            stand(4, "stored", "a calm scene", 2),
            stand(5, "refused"),
            stand(5, "stored", "a calm hat", 2),
        ],
        ("a calm scene", "a calm hat"),
    ),
}
"""How the pictures stand in the end, and what was paid for."""


@pytest.mark.crash
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("deed", list(WISHES))
def test_killed_at_every_effect_each_asking_is_followed_once_and_paid_once(
    forks: ForkServerContext, tmp_path: Path, record_property: Callable[[str, object], None], deed: str
) -> None:
    path = sheet(tmp_path, [{"prompt": text} for text in PROMPTS])
    pictures, made = AFTER[deed]
    with OpenAISimulator() as vendor, Workspace(rate_scale=None) as workspace:
        job = begin(tmp_path / "before", path, vendor)
        wish, paid = Wish(job=job.id, person=PERSON, **WISHES[deed]), [0]
        account = (vendor.base_url, vendor.key)
        outside = (account, (workspace.api_url, workspace.bot_token))

        def prepared(point: int) -> tuple[Any, ...]:
            folder = tmp_path / f"{deed}-{point}"
            shutil.copytree(tmp_path / "before", folder)
            entry = asked_for(folder, wish, workspace.channel_id("campaigns"), account)
            paid[0] = len(vendor.billed)
            workspace.forget_calls()
            return str(folder), outside, job.id, entry

        for point, proof, _killed in killed_everywhere(forks, live, tmp_path / "answer.json", prepared):
            said = [call.args.get("text", "") for call in workspace.calls() if call.method == SAID]
            where = f"killed at effect {point}: {proof} {said}"
            assert proof["holds"], where
            assert (proof["followed"], proof["entry"]) == (1, "done"), where
            assert proof["pictures"] == pictures, where
            assert (proof["paid_twice"], proof["in_flight"]) == ([], 0), where
            bought = Counter(image.prompt for image in vendor.billed[paid[0] :])
            assert bought == Counter(made), where
            assert all("will be made with other words" in text or "is done" in text for text in said), where
            assert len(said) >= (deed == "reworded"), where
    assert point > 30, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"{deed}: killed at {point - 1} points")
