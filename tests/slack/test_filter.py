"""Who is heard, and what happens when the connection goes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr
from slack_bolt import BoltContext

from bot.config import Settings, SettingsError
from bot.slack.app import connect, make_app
from bot.slack.gate import _by_a_person, _stranger
from bot.workspace.server import Workspace
from tests.slack.house import House, settings_of, wait_for, words
from tests.slack.test_journeys import hand_in

HUMAN: dict[str, Any] = {"type": "message", "user": "U1", "channel": "C1", "ts": "1.1"}


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "message_changed", "hidden": True}, False),
        ({"subtype": "message_deleted", "hidden": True}, False),
        ({"subtype": "channel_join"}, False),
        ({"subtype": "bot_message", "bot_id": "B9"}, False),
        ({"bot_id": "B9"}, False),
        ({"user": "UBOT"}, False),
        ({"user": None}, False),
    ],
)
def test_only_what_a_person_wrote_is_heard(change: dict[str, Any], heard: bool) -> None:
    context = BoltContext({"bot_user_id": "UBOT"})
    assert _by_a_person(HUMAN | change, context) is heard


@pytest.mark.parametrize(
    ("body", "event", "stranger"),
    [
        ({}, {"user_team": "T1"}, False),
        ({}, {"user_team": "T2"}, True),
        ({"team_id": "T2"}, {"team": "T2"}, True),
        ({"team_id": "T1"}, {}, False),
        ({"team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T1"}}, {}, False),
        ({"team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T2"}}, {}, True),
        ({"team": {"id": "T2"}, "user": {"id": "U1"}}, {}, True),
    ],
)
def test_people_of_other_companies_are_not_served(
    body: dict[str, Any], event: dict[str, Any], stranger: bool
) -> None:
    assert _stranger("T1", body, event) is stranger


def test_the_bots_own_messages_start_nothing(home: House) -> None:
    said = f"<@{home.workspace.bot_user_id}> status"
    home.app.client.chat_postMessage(channel=home.channel, text=said)
    home.tick(times=2)
    assert home.workspace.calls("chat.postEphemeral") == []


def test_a_new_connection_takes_over(home: House) -> None:
    hand_in(home)
    home.workspace.disconnect_sockets("refresh_requested", 0.1)
    wait_for(lambda: home.workspace.connections == 1)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.quiet()
    assert "All 4 pictures are ready" in words(home.replies())


def test_wrong_tokens_are_said_at_once(home: House, slack: Workspace) -> None:
    right = settings_of(slack)
    wrong = SecretStr("xoxb-not-this-one")
    with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN.*invalid_auth"):
        make_app(home.ctx, right.model_copy(update={"slack_bot_token": wrong}))
    with pytest.raises(SettingsError, match="SLACK_APP_TOKEN"):
        connect(home.app, right.model_copy(update={"slack_app_token": wrong}))
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN is not set"):
        make_app(home.ctx, Settings(slack_api_url=slack.api_url))
