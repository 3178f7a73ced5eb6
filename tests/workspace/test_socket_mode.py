"""Socket Mode, with the stock builtin client: who gets what, how often, and what happens on the way."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin import SocketModeClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bot.workspace import limits
from bot.workspace.person import Person, RefusedError
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import Bot, error, everything, hang_up


class RawApp:
    """An app as bare as can be, on one WebSocket: it acknowledges when told to."""

    def __init__(self, workspace: Workspace, *, answers: bool = True) -> None:
        client = WebClient(base_url=workspace.api_url)
        self.url = client.apps_connections_open(app_token=workspace.app_token)["url"]
        self.answers = answers
        self.got: list[dict[str, Any]] = []
        self._open = ExitStack()
        self._socket = self._open.enter_context(connect(self.url))
        self.hello = json.loads(self._socket.recv())
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for text in self._socket:
                message = json.loads(text)
                self.got.append(message)
                if self.answers and "envelope_id" in message:
                    self._socket.send(json.dumps({"envelope_id": message["envelope_id"]}))
        except ConnectionClosed:
            return

    def wait(self, count: int, timeout: float = 5.0) -> list[dict[str, Any]]:
        deadline = time.monotonic() + timeout
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.got

    def close(self) -> None:
        self._open.close()
        self._thread.join(5)


@pytest.fixture
def quick() -> Iterator[Workspace]:
    """A workspace that waits 0.15 s for an acknowledgement and tries again soon."""
    with everything(ack_seconds=0.15, retry_delays=(0.0, 0.02, 0.02)) as running:
        yield running


@pytest.fixture
def quick_ben(quick: Workspace) -> Iterator[Person]:
    with Person(quick.url, MEMBER) as person:
        yield person


def open_app(workspace: Workspace, request: pytest.FixtureRequest, **options: Any) -> RawApp:
    app = RawApp(workspace, **options)
    request.addfinalizer(app.close)
    return app


# --- envelopes ------------------------------------------------------------------------------------------


def test_hello_says_how_many_connections_there_are(quick: Workspace, request: pytest.FixtureRequest) -> None:
    first, second = open_app(quick, request), open_app(quick, request)
    assert (first.hello["type"], first.hello["num_connections"]) == ("hello", 1)
    assert second.hello["num_connections"] == 2
    assert second.hello["connection_info"]["app_id"].startswith("A")
    assert quick.connections == 2


def test_a_socket_url_works_once(quick: Workspace, request: pytest.FixtureRequest) -> None:
    app = open_app(quick, request)
    for url in (app.url, f"ws://127.0.0.1:{quick.port}/link/?ticket=forged"):
        with pytest.raises(InvalidStatus), connect(url):
            pass


def test_an_eleventh_socket_is_one_too_many(quick: Workspace, request: pytest.FixtureRequest) -> None:
    for _ in range(10):
        open_app(quick, request)
    eleventh = open_app(quick, request)
    assert eleventh.hello == {
        "type": "disconnect",
        "reason": "too_many_websockets",
        "debug_info": {"host": "loopback"},
    }
    assert quick.connections == 10


def test_an_event_envelope_is_as_slack_makes_it(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    app = open_app(quick, request)
    said = quick_ben.say("#general", "hello")
    envelope = app.wait(1)[0]
    assert envelope["type"] == "events_api"
    assert envelope["accepts_response_payload"] is False
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (0, "")
    event = envelope["payload"]["event"]
    assert (event["type"], event["channel_type"], event["ts"]) == ("message", "channel", said["ts"])
    assert envelope["payload"]["event_id"].startswith("Ev")
    assert envelope["payload"]["authorizations"][0]["user_id"] == quick.bot_user_id


def test_each_payload_goes_to_one_of_several_sockets(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    apps = [open_app(quick, request) for _ in range(2)]
    for n in range(10):
        quick_ben.say("#general", str(n))
    quick_ben.wait_for(lambda: sum(len(app.got) for app in apps) >= 10)
    texts = [message["payload"]["event"]["text"] for app in apps for message in app.got]
    assert sorted(texts) == [str(n) for n in range(10)]
    assert all(app.got for app in apps)


# --- acknowledgements -----------------------------------------------------------------------------------


def test_an_event_nobody_acknowledged_comes_again_three_times(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    app = open_app(quick, request, answers=False)
    quick_ben.say("#general", "anyone?")
    got = app.wait(4)
    assert [message["retry_attempt"] for message in got] == [0, 1, 2, 3]
    assert [message["retry_reason"] for message in got] == ["", "timeout", "timeout", "timeout"]
    assert len({message["payload"]["event_id"] for message in got}) == 1
    quick_ben.wait_for(lambda: quick.undelivered, 2)
    time.sleep(0.2)
    assert len(app.got) == 4


def test_an_event_acknowledged_late_comes_again(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    app = open_app(quick, request)
    quick.drop_next_ack()
    quick_ben.say("#general", "lost on the way")
    assert [message["retry_attempt"] for message in app.wait(2)] == [0, 1]


def test_a_command_nobody_acknowledged_is_not_repeated(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    app = open_app(quick, request, answers=False)
    with pytest.raises(RefusedError, match='failed with the error "operation_timeout"'):
        quick_ben.command("#general", "/imgbatch", "status")
    with pytest.raises(RefusedError, match="operation_timeout"):
        quick_ben.shortcut("batch_new")
    time.sleep(0.3)
    assert [message["type"] for message in app.got] == ["slash_commands", "interactive"]
    assert "retry_attempt" not in app.got[0]
    assert app.got[0]["accepts_response_payload"] is True


def test_without_an_app_a_command_fails_at_once(quick_ben: Person) -> None:
    with pytest.raises(RefusedError, match="dispatch_failed"):
        quick_ben.command("#general", "/imgbatch", "status")


def test_an_unknown_command_reaches_no_app(quick: Workspace, quick_ben: Person) -> None:
    with pytest.raises(RefusedError, match="not a valid command"):
        quick_ben.command("#general", "/other")
    assert quick.sent() == []


# --- the stock client -----------------------------------------------------------------------------------


def test_bolt_gets_retries_marked(bot: Bot, workspace: Workspace, ben: Person) -> None:
    ben.say("#alerts", "hello")
    ben.wait_for(lambda: bot.events("message"))
    body = workspace.redeliver_last_event(2)
    ben.wait_for(lambda: len(bot.bodies("event")) == 3)
    assert bot.retries == ["0", "1", "2"]
    assert {each["event_id"] for each in bot.bodies("event")} == {body["event_id"]}


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
def test_the_stock_client_moves_to_a_new_socket(
    reason: str, bot: Bot, workspace: Workspace, ben: Person
) -> None:
    workspace.disconnect_sockets(reason, notice=0.1)
    ben.wait_for(lambda: workspace.connections == 1)
    ben.say("#alerts", f"after {reason}")
    ben.wait_for(lambda: bot.events("message"))


def test_the_stock_client_survives_a_cut(workspace: Workspace, bot: Bot, ben: Person) -> None:
    workspace.cut_sockets()
    ben.wait_for(lambda: workspace.connections == 1, 10)
    ben.say("#alerts", "still there?")
    ben.wait_for(lambda: bot.events("message"))


def test_a_warned_socket_gets_nothing_more_while_another_is_there(
    quick: Workspace, quick_ben: Person, request: pytest.FixtureRequest
) -> None:
    old = open_app(quick, request)
    closing = threading.Thread(target=quick.disconnect_sockets, kwargs={"notice": 0.4})
    closing.start()
    assert old.wait(1)[0]["reason"] == "warning"
    quick_ben.say("#general", "only the old one is here")
    assert len(old.wait(2)) == 2
    new = open_app(quick, request)
    quick_ben.say("#general", "now the new one is")
    assert len(new.wait(1)) == 1
    closing.join()
    assert len(old.got) == 2


def test_a_plain_socket_mode_client_works_as_well(quick: Workspace, quick_ben: Person) -> None:
    web = WebClient(base_url=quick.api_url)
    socket = SocketModeClient(app_token=quick.app_token, web_client=web)
    got: list[str] = []
    socket.socket_mode_request_listeners.append(lambda _client, request: got.append(request.type))
    socket.connect()
    quick_ben.say("#general", "hi")
    quick_ben.wait_for(lambda: "events_api" in got)
    hang_up(quick, socket)


def test_a_long_payload_arrives_whole(bot: Bot, ben: Person) -> None:
    ben.say("#alerts", "x" * 30_000)
    ben.wait_for(lambda: bot.events("message"))
    assert len(bot.events("message")[0]["text"]) == 30_000


# --- which events ---------------------------------------------------------------------------------------


def test_what_people_do_becomes_events(bot: Bot, ben: Person, workspace: Workspace) -> None:
    said = ben.say("#campaigns", "hey @imgbatch", files=[("rows.csv", b"sku\n1\n")])
    ben.wait_for(lambda: len(bot.seen) >= 3)
    message, mention, shared = (bot.events(kind)[0] for kind in ("message", "app_mention", "file_shared"))
    assert message["subtype"] == "file_share"
    assert message["files"][0]["name"] == "rows.csv"
    assert message["text"] == f"hey <@{workspace.bot_user_id}>"
    assert mention["ts"] == message["ts"] == said["ts"]
    assert shared["file_id"] == message["files"][0]["id"]
    ben.react(said, "eyes")
    ben.open_home()
    ben.wait_for(lambda: bot.events("reaction_added") and bot.events("app_home_opened"))
    assert bot.events("reaction_added")[0]["item"]["ts"] == said["ts"]
    assert bot.events("app_home_opened")[0]["tab"] == "home"


def test_a_mention_with_a_file_may_come_as_a_message_alone(
    bot: Bot, ben: Person, workspace: Workspace
) -> None:
    workspace.faults.mention_with_file = False
    ben.say("#campaigns", "hey @imgbatch", files=[("rows.csv", b"sku")])
    ben.wait_for(lambda: bot.events("file_shared"))
    workspace.faults.mention_with_file = True
    assert bot.events("message")
    assert not bot.events("app_mention")


def test_a_direct_message_is_an_im(bot: Bot, ben: Person) -> None:
    ben.say("@imgbatch", "hello", files=[("rows.csv", b"sku")])
    ben.wait_for(lambda: bot.events("message"))
    assert bot.events("message")[0]["channel_type"] == "im"
    assert bot.events("message")[0]["channel"].startswith("D")


def test_joining_is_an_event(bot: Bot, ben: Person, workspace: Workspace) -> None:
    channel = workspace.add_channel("new-room", members=[])
    ben.join(channel)
    ben.wait_for(lambda: bot.events("member_joined_channel"))
    assert bot.events("member_joined_channel")[0]["user"] == MEMBER


def test_changes_of_messages_are_events(bot: Bot, ben: Person) -> None:
    posted = bot.client.chat_postMessage(channel="#alerts", text="one")
    bot.client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    bot.client.chat_delete(channel=posted["channel"], ts=posted["ts"])
    bodies = ben.wait_for(
        lambda: [m for m in bot.workspace.sent("events_api") if _about(m, posted["ts"])][2:]
    )
    kinds = [m["event"].get("subtype") for m in bot.workspace.sent("events_api") if _about(m, posted["ts"])]
    assert bodies
    assert kinds == [None, "message_changed", "message_deleted"]


def _about(body: dict[str, Any], ts: str) -> bool:
    event = body["event"]
    return ts in (event.get("ts"), event.get("deleted_ts"), event.get("message", {}).get("ts"))


def test_the_bot_hears_nothing_from_rooms_it_is_not_in(workspace: Workspace, ben: Person) -> None:
    channel = workspace.add_channel("whispers", bot=False)
    before = len(workspace.sent())
    ben.say(channel, "psst @imgbatch")
    assert len(workspace.sent()) == before


def test_events_need_their_subscription_and_scope() -> None:
    scopes = [scope for scope in limits.EVERY_SCOPE if scope != "channels:history"]
    with everything(scopes=scopes) as workspace, Person(workspace.url, MEMBER) as ben:
        ben.say("#general", "hello @imgbatch")
        ben.wait_for(lambda: workspace.sent())
        assert [body["event"]["type"] for body in workspace.sent()] == ["app_mention"]
    events = [event for event in limits.MANIFEST_EVENTS if event != "reaction_added"]
    with Workspace(events=events) as workspace, Person(workspace.url, MEMBER) as ben:
        ben.react(ben.say("#general", "hello"), "eyes")
        ben.wait_for(lambda: workspace.sent())
        assert [body["event"]["type"] for body in workspace.sent()] == ["message"]


def test_slack_may_take_the_tokens_back(bot: Bot, workspace: Workspace, ben: Person) -> None:
    workspace.send_event({"type": "tokens_revoked", "tokens": {"bot": ["U1"]}})
    ben.wait_for(lambda: bot.events("tokens_revoked"))


def test_errors_have_slacks_words(client: WebClient) -> None:
    assert error(client.apps_connections_open, app_token="xapp-other") == "invalid_auth"
