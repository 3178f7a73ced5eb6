"""HTTP mode: signed requests to a stock Bolt app behind a plain web server."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.workspace.delivery import RequestUrlRefusedError
from bot.workspace.person import Person, RefusedError
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import Bot, button, everything, modal, text_input


class Served:
    """A Bolt app on a port, with what came in."""

    def __init__(self, app: App) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.override: BoltResponse | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((body, headers))
                response = outer.override
                if response is None or "url_verification" in body:
                    response = app.dispatch(BoltRequest(body=body, headers=headers))
                self.send_response(response.status)
                for name, value in response.first_headers().items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/slack/events"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextmanager
def served(workspace: Workspace, signing_secret: str | None = None) -> Iterator[tuple[Bot, Served]]:
    bot = Bot(workspace, signing_secret)
    web = Served(bot.app)
    try:
        yield bot, web
    finally:
        web.close()


@pytest.fixture
def signed() -> Iterator[tuple[Workspace, Bot, Served, Person]]:
    with (
        everything(ack_seconds=1.0, retry_delays=(0.0, 0.02, 0.02)) as workspace,
        served(workspace) as (bot, web),
        Person(workspace.url, MEMBER) as ben,
    ):
        workspace.use_http(web.url)
        yield workspace, bot, web, ben


Signed = tuple[Workspace, Bot, Served, Person]


def test_the_request_url_is_proved_by_a_challenge(signed: Signed) -> None:
    _, _, web, _ = signed
    assert "url_verification" in web.requests[0][0]


def test_an_app_with_another_secret_is_refused() -> None:
    with (
        everything() as workspace,
        served(workspace, "another-secret") as (_, web),
        pytest.raises(RequestUrlRefusedError, match="status 401"),
    ):
        workspace.use_http(web.url)


def test_a_url_where_nobody_listens_is_refused() -> None:
    with everything() as workspace, pytest.raises(RequestUrlRefusedError, match="no answer"):
        workspace.use_http("http://127.0.0.1:9/slack/events")


def test_every_request_is_signed_over_its_bytes(signed: Signed) -> None:
    workspace, _, web, ben = signed
    ben.say("#general", "hello ü")
    ben.wait_for(lambda: len(web.requests) > 1)
    body, headers = web.requests[-1]
    verifier = SignatureVerifier(workspace.signing_secret)
    assert verifier.is_valid_request(body, headers)
    assert not verifier.is_valid_request(body + " ", headers)


def test_events_commands_and_forms_come_over_http(signed: Signed) -> None:
    _, bot, web, ben = signed
    bot.do["command"] = lambda ack, body, **_: (
        ack("opening"),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(text_input("name"))),
    )
    ben.command("#general", "/imgbatch", "new")
    assert ben.wait_for_message("#general", "opening")["is_ephemeral"]
    bot.do["view"] = lambda ack, **_: ack(response_action="errors", errors={"name": "Taken"})
    with pytest.raises(RefusedError) as caught:
        ben.fill(ben.wait_for_modal("Form"), {"name": "a"})
    assert caught.value.errors == {"name": "Taken"}
    posted = bot.client.chat_postMessage(
        channel="#general", text="x", blocks=[{"type": "actions", "elements": [button("go", value="1")]}]
    )
    ben.press({"channel": posted["channel"], "ts": posted["ts"]}, "go")
    ben.say("#general", "hello @imgbatch")
    ben.wait_for(lambda: bot.events("app_mention"))
    kinds = {headers["content-type"] for _, headers in web.requests}
    assert kinds == {"application/json", "application/x-www-form-urlencoded"}


def test_failed_events_come_again_and_say_so(signed: Signed) -> None:
    workspace, _, web, ben = signed
    web.override = BoltResponse(status=500, body="")
    ben.say("#general", "hello")
    ben.wait_for(lambda: workspace.undelivered)
    retries = [headers.get("x-slack-retry-num") for _, headers in web.requests[1:]]
    assert retries == [None, "1", "2", "3"]
    assert web.requests[-1][1]["x-slack-retry-reason"] == "http_timeout"


def test_no_retry_means_no_retry(signed: Signed) -> None:
    workspace, _, web, ben = signed
    web.override = BoltResponse(status=500, body="", headers={"X-Slack-No-Retry": "1"})
    ben.say("#general", "hello")
    ben.wait_for(lambda: len(web.requests) == 2)
    assert workspace.undelivered == []


def test_a_failed_command_is_the_persons_to_repeat(signed: Signed) -> None:
    _, _, web, ben = signed
    web.override = BoltResponse(status=500, body="")
    with pytest.raises(RefusedError, match="operation_timeout"):
        ben.command("#general", "/imgbatch")
    assert len(web.requests) == 2


def test_options_load_over_http(signed: tuple[Workspace, Bot, Served, Person]) -> None:
    _, bot, _, ben = signed
    select = {"type": "external_select", "action_id": "model", "min_query_length": 0}
    option = {"text": {"type": "plain_text", "text": "Cedar"}, "value": "cedar"}
    bot.do["options"] = lambda ack, **_: ack(options=[option])
    acts = {"type": "actions", "elements": [select]}
    bot.client.chat_postMessage(channel="#campaigns", text="Which?", blocks=[acts])
    seen = ben.wait_for_message("#campaigns", "Which?")
    assert ben.suggestions(seen, "model", "") == [option]
    ben.choose(seen, "model", "cedar", query="")
    assert bot.bodies("action")[0]["actions"][0]["selected_option"] == option
