"""SIGKILL at every outside effect of an incident's life in Slack: opened, reworded, looked after, closed. One
message a place, whatever happens, and each chart once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.runtime import Context, now
from bot.slack import alert_answers
from bot.slack.alerts import OPERATORS, tell_alerts
from bot.slack.inbox import work_inbox
from bot.slack.reach import Where
from bot.slack.telling import Desk
from bot.slack.wire import wire_of
from bot.watch.alerts import Bars
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, Workspace
from storage.records import Incident, Thread
from tests.crash.child import Effects, count_deletes, instrument
from tests.crash.conftest import killed_everywhere
from tests.parts import QUICK, TestClock, make_context, planned, sheet

TEAM, PERSON = "T0LOOPBACK", "U0ANAFERREIRA"
CHART = Bars(
    "Pictures that came out", "of 6", (("came out", 0.33),), line=0.95, percent=True, low_is_bad=True
)
CALM = 4
"""Rounds without any effect after which all is told; no message is left alone for longer at first."""


def live(
    folder: str, slack: tuple[str, str], places: tuple[str, str], die_at: int | None, answer: str
) -> None:
    """One process's life: whatever happens to the incident happens (again), and is told each time."""
    effects = Effects(die_at)
    instrument(effects)
    count_deletes(effects)
    clock = TestClock(now())
    client = WebClient(token=slack[1], base_url=slack[0])
    job, above = places
    key, done = f"success-rate:{job}", dict[str, str]()
    with make_context(Path(folder), policy=QUICK, clock=clock) as ctx:

        def told() -> None:
            calm = 0
            for _ in range(200):
                before = effects.count
                work_inbox(ctx, client, clock())
                tell_alerts(Desk(ctx, wire_of(client), clock()), done, above)
                clock.move(5)
                calm = calm + 1 if effects.count == before else 0
                if calm == CALM:
                    return
            raise AssertionError("there is always something left to tell")

        news = "2 of 6 pictures came out"
        ctx.notices.open_incident(
            Incident(key, "success-rate", "warning", news, [], clock(), job, chart=CHART.to_json())
        )
        told()
        ctx.notices.change_incident(key, clock(), headline="3 of 6 pictures came out")
        alert_answers.receive(ctx, key, "", Where(TEAM, above, PERSON), "click1", clock())
        told()
        ctx.notices.close_incident(key, clock())
        told()
        proof = {
            "states": _states(ctx, job),
            "uploads": len(ctx.mail.uploads(job)) + len(ctx.mail.uploads(OPERATORS)),
            "drawn": [key for key, _ in ctx.blobs.listed() if "/alerts/" in key],
        }
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


def _states(ctx: Context, job: str) -> list[str]:
    found = {**ctx.mail.announcements(job), **ctx.mail.announcements(OPERATORS)}
    return [one.state.value for one in found.values()]


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_killed_at_every_effect_an_incident_has_one_message_a_place_that_ends_up_right(
    forks: ForkServerContext, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = sheet(tmp_path, [{"prompt": "a red mug"}])
    with Workspace(rate_scale=None) as workspace, Person(workspace.url, ADMIN) as ana:
        workspace.faults.file_seconds = workspace.faults.file_polls = 0
        client = WebClient(token=workspace.bot_token, base_url=workspace.api_url)
        rooms: dict[int, tuple[str, str, str]] = {}

        def prepared(point: int) -> tuple[Any, ...]:
            folder = tmp_path / f"alert-{point}"
            below, above = (workspace.add_channel(f"{name}-{point}") for name in ("jobs", "ops"))
            card = str(client.chat_postMessage(channel=below, text="the card")["ts"])
            with make_context(folder, policy=QUICK, clock=TestClock(now())) as ctx:
                job = planned(ctx, path)
                ctx.mail.open_thread(Thread(job.id, TEAM, below, PERSON, card))
            rooms[point] = (below, above, card)
            return str(folder), (workspace.api_url, workspace.bot_token), (job.id, above)

        for point, proof, _killed in killed_everywhere(forks, live, tmp_path / "answer.json", prepared):
            below, above, card = rooms[point]
            thread = ana.thread(below, card)[1:]
            operators = [message for message in ana.messages(above) if not message.get("is_ephemeral")]
            where = f"killed at effect {point}: {proof} {thread} {operators}"
            assert len(ana.messages(below)) == len(thread) == len(operators) == 1, where
            for message in (*thread, *operators):
                said = json.dumps(message["blocks"], ensure_ascii=False)
                assert "*Over* after" in said, where
                assert "3 of 6 pictures came out" in said, where
                assert f"<@{PERSON}> looks after it" in said, where
                assert "button" not in said, where
            assert proof["states"] == ["posted", "posted"], where
            assert proof["drawn"] == [], where
            charts = [f for f in workspace._site.state.files.values() if f.name == "success-rate.png"]
            known = [f for f in charts if f.completed]
            assert (proof["uploads"], len(known)) == (2, 2 * point), where
    assert point > 40, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"alerts: killed at {point - 1} points")
