"""The Bolt app: every listener, one filter before them, one error handler behind them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from slack_bolt import App, BoltResponse
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_bolt.error import BoltError
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.config import Settings, SettingsError
from bot.runtime import Context
from bot.slack import reach
from bot.slack.gate import gate
from bot.slack.listeners import (
    actions,
    alerts,
    commands,
    exports,
    failures,
    forms,
    home,
    messages,
    others,
    reactions,
    returns,
    review,
    review_forms,
    saved,
    shortcuts,
)
from bot.slack.listeners.parts import where_of
from bot.slack.reach import Where
from bot.slack.wire import SlackTrouble, wire_of

log = logging.getLogger(__name__)

KINDS = (
    commands,
    forms,
    actions,
    alerts,
    review,
    review_forms,
    reactions,
    returns,
    exports,
    failures,
    messages,
    saved,
    shortcuts,
    home,
    others,
)
"""One file for each kind of thing people do."""

TIMEOUT_SECONDS = 15
"""Of one call to Slack's Web API."""


def make_app(ctx: Context, settings: Settings) -> App:
    """The app with everything registered, for Socket Mode and HTTP alike. Raises SettingsError."""
    if settings.slack_bot_token is None:
        raise SettingsError(
            "SLACK_BOT_TOKEN is not set; make the app from slack-manifest.yaml (docs/slack.md)"
        )
    secret = settings.slack_signing_secret
    try:
        app = App(
            name="imgbatch",
            logger=_quiet("bot.slack.bolt"),
            client=_client(settings.slack_bot_token.get_secret_value(), settings),
            # Never an empty secret: anybody could sign with that one.
            signing_secret=secret.get_secret_value() if secret else ctx.new_id(40),
            # The acknowledgement follows the commit: what Slack was told is kept, is kept.
            process_before_response=True,
        )
    except BoltError as problem:
        raise SettingsError(f"SLACK_BOT_TOKEN: Slack does not accept it ({problem})") from None
    except (SlackApiError, OSError) as problem:
        kind = problem.response["error"] if isinstance(problem, SlackApiError) else type(problem).__name__
        raise SettingsError(f"Slack cannot be reached or refuses the bot token ({kind})") from None
    app.use(gate(ctx))
    for kind in KINDS:
        kind.register(app, ctx)
    app.error(_handler(ctx))
    return app


def connect(app: App, settings: Settings) -> Socket:
    """Socket Mode, connected; close the handler to stop. Raises SettingsError."""
    if settings.slack_app_token is None:
        raise SettingsError("SLACK_APP_TOKEN is not set; Socket Mode needs it (docs/slack.md)")
    token = settings.slack_app_token.get_secret_value()
    handler = Socket(app, token, logger=_quiet("bot.slack.socket"), web_client=_client(token, settings))
    try:
        handler.connect()  # type: ignore[no-untyped-call]
    except SlackApiError as problem:
        handler.close()
        raise SettingsError(f"SLACK_APP_TOKEN: Slack refuses it ({problem.response['error']})") from None
    return handler


class Socket(SocketModeHandler):
    """The SDK's handler, whose `close` neither fails nor waits for ever on a connection that comes or goes at
    that moment.
    """

    @property
    def connected(self) -> bool:
        """Whether Slack can reach us now. Between two connections, a second or so, it cannot."""
        return bool(self.client.is_connected())

    def close(self) -> None:
        closing = threading.Thread(target=self._close, name="closing the socket")
        closing.start()
        while closing.is_alive():
            # slack_sdk 3.47: a session that just begins takes back that it is to end, and `close` awaits it
            self.client.current_session_state.terminated = True
            closing.join(0.1)

    def _close(self) -> None:
        try:
            super().close()  # type: ignore[no-untyped-call]
        except AttributeError:
            # slack_sdk 3.47: the session's own thread has taken the socket away in between
            super().close()  # type: ignore[no-untyped-call]


def _client(token: str, settings: Settings) -> WebClient:
    """Without the SDK's own retries: a post repeated blindly after a lost reply stands there twice."""
    return WebClient(
        token=token,
        base_url=f"{settings.slack_api_url.rstrip('/')}/",
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],
        logger=_quiet("bot.slack.client"),
    )


def _quiet(name: str) -> logging.Logger:
    """A logger that never comes down to DEBUG, where the SDK prints payloads, tokens and addresses."""
    logger = logging.getLogger(name)
    logger.setLevel(max(logging.INFO, logging.getLogger().getEffectiveLevel()))
    return logger


# --- behind every listener -----------------------------------------------------------------------------


def _handler(ctx: Context) -> Callable[..., BoltResponse]:
    """One answer for what nobody foresaw: logged with a number, and the person is given that number."""

    def unforeseen(error: Exception, request: BoltRequest, client: WebClient) -> BoltResponse:
        number, body = ctx.new_id(5), request.body
        kind = body.get("type") or ("command" if body.get("command") else "request")
        # The traceback and no payload: that holds tokens and addresses that are as good as passwords.
        log.error("error %s in a %s", number, kind, exc_info=error)
        said = f"Something went wrong on our side (number {number}). Please try again."
        if body.get("command"):
            return BoltResponse(status=200, body=said)
        if kind == "view_submission":
            block = next((x["block_id"] for x in body["view"]["blocks"] if x["type"] == "input"), "")
            return _json({"response_action": "errors", "errors": {block: said}})
        event = body.get("event")
        if not event:
            _tell(ctx, client, where_of(body), said)
            return BoltResponse(status=200, body="")
        if event.get("channel") and event.get("user") and "x-slack-retry-num" not in request.headers:
            again = (
                f"Something went wrong on our side (number {number}). I will be asked again by Slack shortly."
            )
            where = Where("", str(event["channel"]), str(event["user"]), event.get("thread_ts"))
            _tell(ctx, client, where, again)
        return BoltResponse(status=500, body="")

    return unforeseen


def _json(content: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=content)


def _tell(ctx: Context, client: WebClient, where: Where, said: str) -> None:
    try:
        reach.answer(wire_of(client), where, reach.sentence(said), ctx.clock(), paced=False)
    except SlackTrouble as problem:
        log.warning("the person could not be told: %s", problem)
