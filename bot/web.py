"""The bot's own port: health for operators, and Slack over HTTP where Socket Mode is not used."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.config import SettingsError

Health = Callable[[], dict[str, object]]
"""What is to be said of the process; `ok` false makes the check fail."""


def make_site(health: Health, slack: App | None) -> Starlette:
    """`/healthz`, and `/slack/events` when Slack comes in over HTTP (events, commands and clicks alike)."""

    async def healthz(_request: Request) -> Response:
        state = await asyncio.to_thread(health)
        return JSONResponse(state, status_code=200 if state.get("ok") else 503)

    routes = [Route("/healthz", healthz)]
    if slack is not None:
        handler = SlackRequestHandler(slack)

        async def slack_events(request: Request) -> Response:
            return await handler.handle(request)

        routes.append(Route("/slack/events", slack_events, methods=["POST"]))
    return Starlette(routes=routes)


@contextmanager
def serving(site: Starlette, host: str, port: int) -> Iterator[int]:
    """The site on its port until the block ends; gives the port. Raises SettingsError for a busy one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming TCP matters: asyncio switches Nagle off only then, and each answer would wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise SettingsError(
            f"IMGBATCH_PORT: {host}:{port} cannot be opened ({problem.strerror}); choose another port"
        ) from None
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
