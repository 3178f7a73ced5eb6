"""The web page: a small Slack to look at and click in."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.workspace.site import Site


async def home(_site: Site, _request: Request) -> Response:
    return HTMLResponse("<title>Loopback</title>")


def routes(bind: Callable[[Any], Any]) -> list[BaseRoute]:
    return [Route("/", bind(home))]
