"""The bot's own port: health for operators, webhooks, and Slack over HTTP where Socket Mode is not used."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.config import SettingsError
from bot.hooks import Hooks, Reception
from providers.registry import HOOKS_PATH

LONGEST_HOOK = 1024 * 1024
"""Bytes of a webhook's body; they name a batch, or hold a few addresses."""
HOOK_SECONDS = 10
"""How long a webhook's body may take to arrive."""
HOOKS_AT_ONCE = 4
"""Webhooks dealt with at the same time; the others wait their turn."""
_HOOK_STATUS = {Reception.TAKEN: 204, Reception.FORGED: 401, Reception.LATER: 503}

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

READY_SECONDS = 5.0
"""How long `/readyz` takes at most: a database that does not answer is an answer."""

Metrics = Callable[[str], tuple[bytes, str]]
"""The text of `/metrics` and its content type, for what is accepted (`bot.metrics.Metrics`)."""

Health = Callable[[], dict[str, object]]
"""What is to be said of the process; `ok` false makes the check fail."""


def make_site(
    health: Health,
    slack: App | None,
    hooks: Hooks | None = None,
    *,
    ready: Health | None = None,
    metrics: Metrics | None = None,
) -> Starlette:
    """`/healthz`, which must not wait for anything; `/readyz`; `/metrics`; `/slack/events` when Slack comes
    in over HTTP (events, commands and clicks alike); and `/hooks/PROVIDER` for webhooks.
    """

    async def healthz(_request: Request) -> Response:
        return _said(health())

    routes = [Route("/healthz", healthz)]
    if ready is not None:
        look = _shared(ready)

        async def readyz(_request: Request) -> Response:
            try:
                return _said(await asyncio.wait_for(look(), READY_SECONDS))
            except TimeoutError:
                return _said({"ok": False, "says": f"The checks take longer than {READY_SECONDS:.0f} s."})

        routes.append(Route("/readyz", readyz))
    if metrics is not None:
        measure = _shared(metrics)

        async def told(request: Request) -> Response:
            text, content_type = await measure(request.headers.get("accept", ""))
            return Response(text, headers={"content-type": content_type})

        routes.append(Route("/metrics", told))
    if slack is not None:
        handler = SlackRequestHandler(slack)

        async def slack_events(request: Request) -> Response:
            return await handler.handle(request)

        routes.append(Route("/slack/events", slack_events, methods=["POST"]))
    if hooks is not None:
        routes.append(Route(f"{HOOKS_PATH}/{{provider}}", _hook_door(hooks), methods=["POST"]))
    return Starlette(routes=routes)


def _said(state: dict[str, object]) -> Response:
    return JSONResponse(state, status_code=200 if state.get("ok") else 503)


def _shared(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """The function run in a thread, once at a time: who asks meanwhile is given the same answer. Whoever
    stops waiting leaves it running, so that what hangs holds one thread and no more.
    """
    running: asyncio.Task[T] | None = None

    def ask(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        nonlocal running
        if running is None or running.done():
            running = asyncio.create_task(asyncio.to_thread(function, *args, **kwargs))
        return asyncio.shield(running)

    return ask


def _hook_door(hooks: Hooks) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for webhooks. Nothing of a message is written to the log."""
    turns = asyncio.Semaphore(HOOKS_AT_ONCE)

    async def hook(request: Request) -> Response:
        provider = request.path_params["provider"]
        if not hooks.expects(provider):
            return Response(status_code=404)
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                body = await _body(request, LONGEST_HOOK)
        except TimeoutError:
            return Response(status_code=408)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        async with turns:
            try:
                taken = await asyncio.to_thread(hooks.receive, provider, dict(request.headers), body)
            except Exception:
                # Broad on purpose: whatever went wrong here, the provider may send it again, and polls go on.
                log.exception("a webhook for %s could not be dealt with", provider)
                taken = Reception.LATER
        return Response(status_code=_HOOK_STATUS[taken])

    return hook


async def _body(request: Request, limit: int) -> bytes | None:
    """The whole body, or None when it is longer than the limit."""
    if int(request.headers.get("content-length", "0")) > limit:
        return None
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            return None
        pieces.append(piece)
    return b"".join(pieces)


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
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning", log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
