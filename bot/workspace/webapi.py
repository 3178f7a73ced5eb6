"""The Web API's front door: arguments, tokens, scopes, rates, and the methods behind them."""

import json
from collections.abc import Callable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.workspace import limits
from bot.workspace.site import Call, Failure, Site
from bot.workspace.state import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID, Channel, Json, Message, new_token


class ApiError(Exception):
    """A refusal, with Slack's word for it and what it adds to the answer."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


def refused(error: str, findings: list[str]) -> ApiError:
    """A refusal that lists what is wrong, in both places where Slack lists it."""
    messages = [f"[ERROR] {finding}" for finding in findings]
    return ApiError(error, errors=findings, response_metadata={"messages": messages})


class Args:
    """A call's arguments, wherever they came from; lists and objects may be JSON in a string."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise refused("invalid_arguments", [f"missing required field: {name}"])
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.isdigit():
            raise ApiError("invalid_arguments")
        return int(value)

    def parsed(self, name: str, error: str = "invalid_arguments") -> Any:
        """The argument as JSON, None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ApiError(error) from None


Handler = Callable[[Site, Args], Json]
METHODS: dict[str, Handler] = {}


def method(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the Web API method of that name."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = handler
        return handler

    return register


async def read_args(request: Request) -> Json:
    """Arguments from the query, a form or a JSON body, on GET and POST alike."""
    values: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        async with request.form() as form:
            values |= {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
    elif kind.startswith("application/json"):
        body = await request.body()
        try:
            given = json.loads(body) if body else {}
        except json.JSONDecodeError:
            raise ApiError("invalid_json") from None
        if not isinstance(given, dict):
            raise ApiError("json_not_object")
        values |= given
    return values


async def serve(site: Site, request: Request) -> Response:
    """Answer one Web API call, and record it."""
    name = request.path_params["method"]
    try:
        values = await read_args(request)
    except ApiError as problem:
        return JSONResponse({"ok": False, "error": problem.error})
    header = request.headers.get("authorization", "")
    token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else str(values.get("token", ""))
    values.pop("token", None)
    status, headers, answer = _answer(site, name, token, values)
    site.calls.append(Call(name, values, site.state.now(), status, answer))
    headers |= {"X-OAuth-Scopes": ",".join(sorted(site.scopes)), "X-Slack-Req-Id": new_token()}
    return JSONResponse(answer, status_code=status, headers=headers)


def _answer(site: Site, name: str, token: str, values: Json) -> tuple[int, dict[str, str], Json]:
    spoilt = next((failure for failure in site.faults.failures if failure.method in (name, "*")), None)
    if spoilt is not None:
        site.faults.failures.remove(spoilt)
        if not spoilt.after:
            return _spoilt(spoilt)
    try:
        _authorise(site, name, token)
        wait = site.rates.wait_for(name, values.get("channel"), site.state.now())
        if wait:
            return 429, {"Retry-After": str(wait)}, {"ok": False, "error": "ratelimited"}
        answer: Json = {"ok": True} | METHODS[name](site, Args(values))
    except ApiError as problem:
        answer = {"ok": False, "error": problem.error} | problem.extra
    return _spoilt(spoilt) if spoilt is not None else (200, {}, answer)


def _spoilt(failure: Failure) -> tuple[int, dict[str, str], Json]:
    headers = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
    return failure.status, headers, {"ok": False, "error": failure.error}


def _authorise(site: Site, name: str, token: str) -> None:
    if name == "api.test":
        return
    if not token:
        raise ApiError("not_authed")
    if token not in (site.bot_token, site.app_token, site.config_token):
        raise ApiError("invalid_auth")
    if name not in METHODS:
        raise ApiError("unknown_method", req_method=name)
    kind = {"apps.connections.open": site.app_token, "apps.manifest.export": site.config_token}
    if token != kind.get(name, site.bot_token):
        raise ApiError("not_allowed_token_type")
    if name in limits.SCOPES:
        require_scope(site, limits.SCOPES[name])


def require_scope(site: Site, scope: str) -> None:
    if scope not in site.scopes:
        raise ApiError("missing_scope", needed=scope, provided=",".join(sorted(site.scopes)))


def find_channel(site: Site, args: Args, name: str = "channel") -> Channel:
    """The conversation an argument names; one the bot may not know of is not found."""
    channel = site.state.channel_named(args.need(name))
    if channel is None or (channel.kind == "group" and BOT_USER_ID not in channel.members):
        raise ApiError("channel_not_found")
    return channel


def find_message(channel: Channel, ts: str, error: str = "message_not_found") -> Message:
    message = channel.find(ts)
    if message is None or message.ephemeral_to is not None:
        raise ApiError(error)
    return message


@method("api.test")
def api_test(_site: Site, args: Args) -> Json:
    if args.text("error"):
        raise ApiError(args.text("error"), args=args.values)
    return {"args": args.values}


@method("auth.test")
def auth_test(site: Site, _args: Args) -> Json:
    return {
        "url": f"{site.url}/",
        "team": "Loopback",
        "user": "imgbatch",
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "app_id": APP_ID,
        "is_enterprise_install": False,
    }


@method("apps.manifest.export")
def manifest_export(site: Site, args: Args) -> Json:
    if args.need("app_id") != APP_ID:
        raise ApiError("invalid_app_id")
    features = {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "slash_commands": list(site.commands),
        "shortcuts": list(site.shortcuts),
    }
    settings = {
        "event_subscriptions": {"bot_events": sorted(site.events)},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    }
    scopes = {"bot": sorted(site.scopes)}
    return {"manifest": {"features": features, "oauth_config": {"scopes": scopes}, "settings": settings}}


@method("apps.connections.open")
def connections_open(site: Site, _args: Args) -> Json:
    ticket = new_token()
    site.delivery.tickets.add(ticket)
    return {"url": f"{site.url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP_ID}"}
