"""The pace stays under what Slack allows, whatever is asked of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.slack.pace import ALLOWANCES, Pace, between_updates
from bot.workspace.rates import Rates

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("method", sorted(ALLOWANCES))
def test_slack_never_has_to_refuse(method: str) -> None:
    pace, slack, dice = Pace(), Rates(), random.Random(7)
    sent, at = 0, 0.0
    while at < 600:
        at += dice.choice((0.0, 0.1, 0.5, 1.0, 3.0, 20.0))
        channel = dice.choice(("C1", "C2")) if method == "chat.postMessage" else None
        if pace.take(method, START + timedelta(seconds=at), channel):
            assert slack.wait_for(method, channel, at) == 0
            sent += 1
    assert sent > 30


def test_what_is_urgent_finds_room() -> None:
    pace = Pace()
    while pace.take("chat.update", START, spare=3):
        pass
    assert [pace.take("chat.update", START) for _ in range(4)] == [True, True, True, False]


def test_retry_after_holds_one_method_only() -> None:
    pace = Pace()
    pace.hold("chat.update", START + timedelta(seconds=30))
    assert not pace.take("chat.update", START + timedelta(seconds=29))
    assert pace.take("chat.postMessage", START, "C1")
    assert pace.take("chat.update", START + timedelta(seconds=31))


def test_a_clock_that_steps_back_gives_nothing_for_free() -> None:
    pace = Pace()
    taken = sum(pace.take("chat.update", START + timedelta(seconds=s % 2)) for s in range(100))
    assert taken <= 9


def test_running_jobs_share_the_updates() -> None:
    assert between_updates(1) == timedelta(seconds=3)
    assert between_updates(40) == timedelta(seconds=60)
