"""Slack's errors, named for the next move."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk import WebClient

from bot.meters import PROCESS
from bot.slack.wire import Gone, InDoubt, Later, Limited, SlackTrouble, Unfit, Wire, wire_of
from bot.workspace.server import Workspace
from tests.slack.house import House

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def client(slack: Workspace) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def say(client: WebClient, channel: str) -> None:
    Wire(client).call("chat.postMessage", NOW, channel=channel, text="Hello.")


@pytest.mark.parametrize(
    ("error", "status", "trouble"),
    [
        ("channel_not_found", 200, Gone),
        ("is_archived", 200, Gone),
        ("invalid_blocks", 200, Unfit),
        ("internal_error", 200, InDoubt),
        ("service_unavailable", 503, InDoubt),
        ("ratelimited", 429, Later),
        ("token_revoked", 200, Later),
        ("a_word_nobody_knows", 200, Unfit),
    ],
)
def test_errors_by_code(
    slack: Workspace, client: WebClient, error: str, status: int, trouble: type[SlackTrouble]
) -> None:
    slack.fail_next("chat.postMessage", error, status=status)
    with pytest.raises(trouble):
        say(client, slack.channel_id("general"))


def test_a_refused_connection_was_certainly_not_heard() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = WebClient("xoxb-x", base_url=f"http://127.0.0.1:{port}/api/", retry_handlers=[])
    with pytest.raises(Later):
        say(client, "C1")


def test_a_reply_that_never_comes_leaves_doubt() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/api/"
        client = WebClient("xoxb-x", base_url=url, retry_handlers=[], timeout=1)
        with pytest.raises(InDoubt) as doubt:
            say(client, "C1")
    assert "xoxb" not in str(doubt.value)


def test_retry_after_is_honoured_by_the_whole_app(home: House) -> None:
    home.workspace.limit_next("chat.postMessage", retry_after=40)
    home.ana.say(home.room, "@imgbatch {{ name }}", files=[("a.csv", b"name\nMug\n")])
    home.arrived()
    home.tick(seconds=5, times=7)
    assert len(home.workspace.calls("chat.postMessage")) == 1
    home.tick(seconds=10, times=2)
    assert [call.ok for call in home.workspace.calls("chat.postMessage")] == [False, True]


def test_calls_to_slack_are_counted_by_what_came_of_them(home: House, slack: Workspace) -> None:
    def counted(outcome: str) -> float:
        labels = {"method": "chat.postMessage", "outcome": outcome}
        return PROCESS.get_sample_value("imgbatch_slack_calls_total", labels) or 0.0

    before = {outcome: counted(outcome) for outcome in ("ok", "rate_limited", "in_doubt", "gone")}
    wire = wire_of(home.app.client)
    wire.call("chat.postMessage", home.clock(), channel=home.channel, text="well")
    slack.lose_answer_next("chat.postMessage")
    with pytest.raises(InDoubt):
        wire.call("chat.postMessage", home.clock(), channel=home.channel, text="lost")
    with pytest.raises(Gone):
        wire.call("chat.postMessage", home.clock(), channel="C0NOWHERE", text="nowhere")
    slack.limit_next("chat.postMessage", retry_after=7)
    with pytest.raises(Limited) as problem:
        wire.call("chat.postMessage", home.clock(), channel=home.channel, text="too often")
    assert problem.value.wait == timedelta(seconds=7)
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == dict.fromkeys(before, 1.0)
