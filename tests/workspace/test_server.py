"""Starting, stopping, and who is let in."""

import socket
import threading
import time

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.workspace.person import Person, RefusedError
from bot.workspace.server import GUEST, MEMBER, PortBusyError, Workspace


def test_it_starts_and_stops_without_leaving_anything() -> None:
    before = set(threading.enumerate())
    workspace = Workspace().start()
    port = workspace.port
    with Person(workspace.url, MEMBER) as ben:
        ben.say("#general", "hello")
    workspace.stop()
    workspace.stop()
    assert set(threading.enumerate()) <= before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_stops_while_people_are_waiting() -> None:
    workspace = Workspace().start()
    waiting = threading.Thread(
        target=lambda: httpx.get(f"{workspace.url}/user/changes", params={"since": 999, "seconds": 20})
    )
    waiting.start()
    while not workspace._site.state._changed._waiters:
        time.sleep(0.005)
    workspace.stop()
    waiting.join(3)
    assert not waiting.is_alive()


def test_it_stops_while_a_page_is_open() -> None:
    before = set(threading.enumerate())
    workspace = Workspace().start()
    with connect(workspace.url.replace("http", "ws") + "/page/live") as page:
        assert int(page.recv()) >= 0
        started = time.monotonic()
        workspace.stop()
        assert time.monotonic() - started < 2
    assert set(threading.enumerate()) <= before


def test_a_foreign_page_gets_no_socket(workspace: Workspace) -> None:
    url = workspace.url.replace("http", "ws") + "/page/live"
    with pytest.raises(InvalidStatus), connect(url, additional_headers={"Origin": "https://evil.example"}):
        pass


def test_the_same_port_can_be_used_again_at_once() -> None:
    with Workspace() as workspace:
        port = workspace.port
        httpx.get(workspace.url)
    with Workspace(port) as again:
        assert again.port == port


def test_a_busy_port_is_named() -> None:
    with (
        Workspace() as workspace,
        pytest.raises(PortBusyError, match=f"127.0.0.1:{workspace.port} is in use"),
    ):
        Workspace(workspace.port).start()


def test_it_listens_on_loopback_alone(workspace: Workspace) -> None:
    assert workspace.url.startswith("http://127.0.0.1:")
    assert workspace.api_url == f"{workspace.url}/api/"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.2:{workspace.port}/")


def test_other_hosts_and_origins_are_turned_away(workspace: Workspace) -> None:
    assert httpx.get(workspace.url, headers={"Host": "evil.example"}).status_code == 400
    foreign = {"Origin": "https://evil.example"}
    assert httpx.post(f"{workspace.url}/user/{MEMBER}/say", headers=foreign, json={}).status_code == 403
    own = {"Origin": workspace.url}
    assert httpx.get(workspace.url, headers=own).status_code == 200


def test_a_guest_sees_fewer_rooms(workspace: Workspace, ben: Person) -> None:
    with Person(workspace.url, GUEST) as gus:
        seen = [room["name"] for room in gus.channels() if not room["is_im"]]
        assert seen == ["general", "product-images"]
        with pytest.raises(RefusedError, match="not in #alerts"):
            gus.say("#alerts", "let me in")
    assert "alerts" in [room.get("name") for room in ben.channels()]


def test_an_unknown_person_is_nobody(workspace: Workspace) -> None:
    with Person(workspace.url, "U0NOBODY") as nobody:
        with pytest.raises(RefusedError, match="No such person"):
            nobody.channels()
        with pytest.raises(RefusedError, match="No such person"):
            nobody.say("#general", "boo")


def test_waiting_ends(ben: Person) -> None:
    with pytest.raises(TimeoutError, match="within"):
        ben.wait_for(lambda: None, timeout=0.05)


def test_what_people_type_is_escaped_and_linked(ben: Person, workspace: Workspace) -> None:
    said = ben.say("#general", "@ana 1 < 2 & #campaigns @nobody https://example.com <@U0BENOKAFOR>")
    campaigns = workspace.channel_id("campaigns")
    expected = f"<@U0ANAFERREIRA> 1 &lt; 2 &amp; <#{campaigns}|campaigns> @nobody <https://example.com>"
    assert said["text"] == f"{expected} <@U0BENOKAFOR>"


def test_people_delete_their_own_messages(ben: Person, ana: Person) -> None:
    said = ben.say("#general", "oops")
    with pytest.raises(RefusedError, match="your own"):
        ana.delete(said)
    ben.delete(said)
    assert said["ts"] not in [message["ts"] for message in ben.messages("#general")]
