"""A Slack workspace one can start, talk to and break: on loopback, in a thread of this process."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from bot.workspace import (  # noqa: F401  the api_* modules register their methods
    api_chat,
    api_files,
    api_reactions,
    api_rooms,
    api_views,
    events,
    limits,
    page,
    people,
    userside,
    webapi,
)
from bot.workspace.delivery import Delivery, Envelope
from bot.workspace.people import ADMIN, BRAND_TEAM, GUEST, MEMBER, OTHER_MEMBER
from bot.workspace.rates import Rates
from bot.workspace.site import Call, Failure, Faults, Site
from bot.workspace.state import BOT_USER_ID, PARTNER_TEAM_ID, Json, User

Result = TypeVar("Result")
Handler = Callable[[Site, Request], Awaitable[Response]]

__all__ = ["ADMIN", "BRAND_TEAM", "GUEST", "MEMBER", "OTHER_MEMBER", "PortBusyError", "Workspace"]

DEFAULT_CHANNELS = ("general", "campaigns", "product-images", "alerts")
COMMANDS = (
    {
        "command": "/imgbatch",
        "description": "Start and follow image batches",
        "usage_hint": "new | status [JOB] | list | cancel JOB | retry JOB | audit JOB | preset | help",
        "should_escape": True,
    },
)
SHORTCUTS = (
    {"type": "message", "callback_id": "batch_from_message", "name": "Run as image batch"},
    {"type": "global", "callback_id": "batch_new", "name": "New image batch"},
)


class PortBusyError(Exception):
    """Another program listens on the port; choose another, or 0 for any."""


class Workspace:
    """A Slack workspace on loopback.

    Give `api_url` to slack_sdk as base_url and the tokens to the app; people act through the page at
    `url` or a `Person`. Scopes and events default to the app's manifest, limits and delays to Slack's.
    Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        channels: Iterable[str] = DEFAULT_CHANNELS,
        scopes: Iterable[str] = limits.MANIFEST_SCOPES,
        events: Iterable[str] = limits.MANIFEST_EVENTS,
        commands: Sequence[Json] = COMMANDS,
        shortcuts: Sequence[Json] = SHORTCUTS,
        rate_scale: float | None = 1.0,
        ack_seconds: float = limits.ACK_SECONDS,
        trigger_seconds: float = limits.TRIGGER_SECONDS,
        retry_delays: Sequence[float] = limits.RETRY_DELAYS,
        bot_token: str = "xoxb-loopback-bot",  # noqa: S107  opens nothing but this workspace
        app_token: str = "xapp-loopback-app",  # noqa: S107
        config_token: str = "xoxe.xoxp-loopback-config",  # noqa: S107
        signing_secret: str = "loopback-signing-secret",  # noqa: S107
    ) -> None:
        self.port = port
        self.bot_token, self.app_token, self.signing_secret = bot_token, app_token, signing_secret
        self.config_token = config_token
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._site = Site(
            "",
            bot_token,
            app_token,
            config_token,
            Delivery(signing_secret, ack_seconds, retry_delays),
            frozenset(scopes),
            frozenset(events),
            tuple(commands),
            tuple(shortcuts),
            Rates(rate_scale),
            trigger_seconds=trigger_seconds,
        )
        people.furnish(self._site.state, channels)

    # --- starting and stopping --------------------------------------------------------------------------
    def start(self) -> "Workspace":
        """Listen on loopback; returns once requests are answered. Raises PortBusyError."""
        # The protocol is named because asyncio sets TCP_NODELAY only where it is; without it every answer
        # on a kept connection comes 40 ms late.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
            listener.listen(128)
        except OSError as problem:
            listener.close()
            raise PortBusyError(f"127.0.0.1:{self.port} is in use: {problem}") from problem
        self.port = listener.getsockname()[1]
        self._site.url = self.url
        config = uvicorn.Config(
            self._app(),
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, ready), name="workspace", daemon=True
        )
        self._thread.start()
        ready.wait(10)
        return self

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        async def main() -> None:
            assert self._server is not None
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(ready.set)
            await self._server.serve(sockets=[listener])

        try:
            asyncio.run(main())
        finally:
            listener.close()

    def stop(self) -> None:
        """Close every connection and end the thread. Safe to call twice."""
        if self._thread is None or self._server is None:
            return
        self._do(self._site.close())
        self._server.should_exit = True
        self._thread.join(10)
        self._thread = None

    def __enter__(self) -> "Workspace":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _app(self) -> Starlette:
        site = self._site

        def bind(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
            async def endpoint(request: Request) -> Response:
                return await handler(site, request)

            return endpoint

        async def link(websocket: WebSocket) -> None:
            await site.delivery.serve(websocket)

        both = ["GET", "POST"]
        routes: list[BaseRoute] = [
            Route("/api/{method}", bind(webapi.serve), methods=both),
            Route("/upload/v1/{ticket}", bind(api_files.receive_upload), methods=["POST"]),
            Route("/files-pri/{file}/{rest:path}", bind(api_files.download)),
            Route("/hooks/{path}/{team}/{token}", bind(userside.hook), methods=["POST"]),
            WebSocketRoute("/link/", link),
            *userside.routes(bind),
            *page.Page(site).routes(),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
        return Starlette(routes=routes, middleware=[hosts, Middleware(page.OwnOriginOnly)])

    def _do(self, work: Coroutine[Any, Any, Result], timeout: float = 15.0) -> Result:
        """Run something on the server's loop and wait for it."""
        assert self._loop is not None, "the workspace is not started"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def _call(self, work: Callable[[], Result]) -> Result:
        async def run() -> Result:
            return work()

        return self._do(run())

    # --- where things are -------------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """The page, and the root of everything else."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """What slack_sdk takes as base_url, and Bolt as SLACK_API_URL."""
        return f"{self.url}/api/"

    @property
    def bot_user_id(self) -> str:
        return BOT_USER_ID

    @property
    def people(self) -> list[User]:
        return [user for user in self._site.state.users.values() if not user.is_bot]

    def channel_id(self, name: str) -> str:
        """The id of a channel by its name; raises KeyError."""
        channel = self._site.state.channel_named(name)
        if channel is None:
            raise KeyError(name)
        return channel.id

    def add_channel(
        self,
        name: str,
        *,
        private: bool = False,
        members: Iterable[str] = (ADMIN, MEMBER),
        bot: bool = True,
        shared: bool = False,
    ) -> str:
        """Make a channel with these people, and the bot unless it is kept out; gives its id.

        With `shared`, another company's workspace is in it too (Slack Connect).
        """
        state = self._site.state
        return self._call(
            lambda: people.add_channel(state, name, members, private=private, bot=bot, shared=shared)
        )

    def add_user(self, user: User, channels: Iterable[str] = ()) -> str:
        """Let somebody in, and into these channels; gives their id."""
        self._call(lambda: people.add_user(self._site.state, user, channels))
        return user.id

    def add_stranger(self, name: str, channels: Iterable[str] = ()) -> str:
        """Somebody of another company, in these channels (which are shared with it from now on)."""
        user_id = f"U0{name.upper()}"
        person = User(user_id, name, name.title(), "#7a6a3f", "Partner studio", team_id=PARTNER_TEAM_ID)
        return self.add_user(person, channels)

    def set_group(self, handle: str, members: Iterable[str], name: str = "") -> str:
        """Make the user group `@handle`, or give it other members; gives its id."""
        return self._call(lambda: people.set_group(self._site.state, handle, members, name))

    def disable_group(self, handle: str) -> None:
        """Switch a user group off: lists leave it out, and it is no_such_subteam."""
        self._call(lambda: people.disable_group(self._site.state, handle))

    def deactivate(self, user_id: str) -> None:
        """End somebody's account; they leave every channel and group."""
        self._call(lambda: people.deactivate(self._site.state, user_id))

    def archive(self, channel: str) -> None:
        self._call(lambda: setattr(self._site.state.channels[channel], "is_archived", True))

    # --- what arrived -----------------------------------------------------------------------------------
    def calls(self, method: str | None = None) -> list[Call]:
        """Every Web API call so far (of one method), oldest first, refused ones too."""
        return [call for call in list(self._site.calls) if method in (None, call.method)]

    @property
    def limited(self) -> list[Call]:
        """The calls that were one too many (429), oldest first."""
        return [call for call in self.calls() if call.status == 429]

    @property
    def objections(self) -> list[str]:
        """What Slack's own SDK models find wrong with blocks and views that were taken; see opinions.py."""
        return list(self._site.objections)

    def forget_calls(self) -> None:
        self._site.calls.clear()

    def sent(self, kind: str | None = None) -> list[Json]:
        """The last payloads for the app, each once: events_api, slash_commands or interactive."""
        return [payload for envelope, payload in list(self._site.delivery.sent) if kind in (None, envelope)]

    @property
    def undelivered(self) -> list[Json]:
        """Events that were given up after the last retry."""
        return list(self._site.delivery.undelivered)

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app has open."""
        return len(self._site.delivery.sockets)

    # --- faults -----------------------------------------------------------------------------------------
    @property
    def faults(self) -> Faults:
        """The dials; set its fields directly."""
        return self._site.faults

    def pass_time(self, seconds: float) -> None:
        """Put the workspace's clock forward: triggers and response URLs age, rate limits recover."""
        self._site.state.ahead += seconds

    def rate_limits(self, scale: float | None) -> None:
        """Multiply every allowance, or lift all limits with None. Counting starts anew."""
        self._site.rates = Rates(scale)

    def fail_next(
        self,
        method: str,
        error: str = "internal_error",
        *,
        times: int = 1,
        status: int = 200,
        after: bool = False,
    ) -> None:
        """Answer the next calls of a method ("*": any) with an error; with `after`, do the work first."""
        self.faults.failures += [Failure(method, error, status, after) for _ in range(times)]

    def lose_answer_next(self, method: str, times: int = 1) -> None:
        """Do what the next calls ask, but answer 503: the app cannot know that it happened."""
        self.fail_next(method, "service_unavailable", times=times, status=503, after=True)

    def limit_next(self, method: str, retry_after: int = 1, times: int = 1) -> None:
        """Answer the next calls of a method with 429 and Retry-After."""
        failure = Failure(method, "ratelimited", 429, retry_after=retry_after)
        self.faults.failures += [failure] * times

    def drop_next_ack(self, times: int = 1, kind: Envelope | None = None) -> None:
        """Lose the app's next acknowledgements (of one kind): events come again, people see an error."""
        self._site.delivery.drop_acks += [kind] * times

    def disconnect_sockets(self, reason: str = "warning", notice: float = 0.2) -> None:
        """Tell every socket to go (warning, refresh_requested, link_disabled), close it after `notice`."""
        self._do(self._site.delivery.disconnect(reason, notice))

    def cut_sockets(self) -> None:
        """Close every socket without a word."""
        self._do(self._site.delivery.cut())

    def redeliver_last_event(self, times: int = 1) -> Json:
        """Send the last event again, though it was acknowledged; gives its body."""
        body = self.sent("events_api")[-1]
        self._do(self._site.delivery.again(body, times), timeout=60)
        return body

    def send_event(self, event: Json) -> None:
        """Announce an event as Slack itself would (tokens_revoked, app_uninstalled, ...)."""
        self._call(lambda: events.announce(self._site, event))

    def use_http(self, request_url: str) -> None:
        """Deliver by signed requests to this URL from now on; raises RequestUrlRefusedError."""
        self._do(self._site.delivery.verify(request_url))

    def use_sockets(self) -> None:
        """Deliver over Socket Mode again."""
        self._site.delivery.request_url = None
