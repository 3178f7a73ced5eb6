"""The web page: a small Slack to look at and click in, drawn by the server and kept fresh over a socket."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace import forms, render, shapes, userside
from bot.workspace.emoji import pictured
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, Channel, Json, Message, User, View, signature_of

_HERE = Path(__file__).parent
_STATIC = {
    "page.css": "text/css",
    "blocks.css": "text/css",
    "page.js": "text/javascript",
    "forms.js": "text/javascript",
    "pickers.js": "text/javascript",
    "emoji.svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src * data:; style-src 'self' 'unsafe-inline'",
    "Cache-Control": "no-store",
}
QUICK_REACTIONS = ("white_check_mark", "eyes", "tada", "+1", "heart", "x")
GROUP_SECONDS = 300
"""Messages of one author within five minutes stand under one name."""


class OwnOriginOnly:
    """Turns away what other web pages open in the same browser send here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or origin.partition("://")[2] == headers.get("host"):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse("Another origin.", status_code=403)(scope, receive, send)


@dataclass
class Scene:
    """What one person sees at one moment; the templates draw it."""

    site: Site
    user: User
    channel: Channel
    tab: str = "messages"
    thread_ts: str | None = None
    view: View | None = None

    # --- people and places ------------------------------------------------------------------------------
    @property
    def bot(self) -> User:
        return self.site.state.users[BOT_USER_ID]

    @property
    def people(self) -> list[User]:
        return [user for user in self.site.state.users.values() if not user.is_bot and not user.deleted]

    @property
    def channels(self) -> list[Channel]:
        return list(self.site.state.visible_channels(self.user.id))

    @property
    def member_names(self) -> str:
        return ", ".join(self.person(member).real_name for member in self.channel.members)

    @property
    def unread(self) -> dict[str, int]:
        """How many messages each conversation holds that this person has not seen."""
        counts = {}
        for channel in self.channels:
            seen = self.site.state.seen.get((self.user.id, channel.id), "")
            new = [m for m in userside.visible_messages(self.user.id, channel) if m.ts > seen]
            count = sum(message.user != self.user.id for message in new)
            if count and channel.id != self.channel.id:
                counts[channel.id] = count
        return counts

    @property
    def shortcuts(self) -> tuple[Json, ...]:
        return self.site.shortcuts

    @property
    def commands(self) -> tuple[Json, ...]:
        return self.site.commands

    @property
    def quick_reactions(self) -> tuple[str, ...]:
        return QUICK_REACTIONS

    def person(self, user_id: str) -> User:
        return self.site.state.users.get(user_id) or User(user_id, "unknown", "Unknown person")

    def author(self, message: Json) -> User:
        return self.person(str(message.get("user")))

    # --- messages ---------------------------------------------------------------------------------------
    @property
    def messages(self) -> list[Json]:
        return self._drawn(userside.visible_messages(self.user.id, self.channel))

    @property
    def thread(self) -> list[Json]:
        return self._drawn(userside.visible_thread(self.user.id, self.channel, self.thread_ts or ""))

    def _drawn(self, messages: list[Message]) -> list[Json]:
        """Messages with what the eye needs: whether a day begins, and whether the author is shown again."""
        done: list[Json] = []
        for message in messages:
            shown = userside.seen_json(self.site, message)
            before = done[-1] if done else None
            shown["new_day"] = before is None or render.day(before["ts"]) != render.day(message.ts)
            shown["grouped"] = (
                before is not None
                and not shown["new_day"]
                and before["user"] == message.user
                and not shown.get("is_ephemeral")
                and not before.get("is_ephemeral")
                and message.subtype != "thread_broadcast"
                and float(message.ts) - float(before["ts"]) < GROUP_SECONDS
                and not before.get("reply_count")
            )
            done.append(shown)
        return done

    def file_url(self, file: Json, variant: str) -> str:
        return f"/user/{self.user.id}/file/{file['id']}/{variant}"

    def picture(self, item: Json) -> Json | None:
        """Where an image block's picture is, small and full; None when this person may not see it."""
        if item.get("image_url"):
            return {"small": item["image_url"], "full": item["image_url"]}
        file = shapes.find_file(self.site, item.get("slack_file") or {})
        if file is None or not (self.view or self.site.state.user_sees_file(self.user.id, file)):
            return None
        size = file.dimensions() or (None, None)
        path = f"/user/{self.user.id}/file/{file.id}"
        return {"small": f"{path}/thumb_720", "full": f"{path}/original", "width": size[0], "height": size[1]}

    # --- views ------------------------------------------------------------------------------------------
    @property
    def modal(self) -> View | None:
        stack = self.site.state.modals.get(self.user.id)
        return stack[-1] if stack else None

    @property
    def home(self) -> View | None:
        return self.site.state.homes.get(self.user.id)

    def of_view(self, view: View) -> "Scene":
        """The same moment, inside a modal or the Home tab."""
        return replace(self, view=view)

    def value(self, block_id: str, element: Json) -> Any:
        """What a field holds: what was filled in before, or what it starts with."""
        if element.get("type") not in forms.STATEFUL:
            return None
        kept = self.view.state.get(block_id, {}).get(element.get("action_id")) if self.view else None
        if kept and kept["type"] == element["type"]:
            return forms.plain(kept)
        return forms.initial(element, self.view.channel if self.view else self.channel.id)

    def error(self, block_id: str) -> str | None:
        return self.view.errors.get(block_id) if self.view else None

    def files(self, file_ids: list[str]) -> list[Json]:
        files = (self.site.state.files.get(file_id) for file_id in file_ids)
        return [shapes.file_json(self.site, file) for file in files if file]

    def places(self, element: Json) -> list[tuple[str, str]]:
        """What a conversation, channel or people select offers, its filter applied."""
        kind = element["type"]
        if "users" in kind:
            return [(user.id, user.real_name) for user in self.people]
        given = element.get("filter") or {}
        include = given.get("include", ["public", "private", "im"] if "conversations" in kind else ["public"])
        if given.get("exclude_bot_users"):
            include = [each for each in include if each != "im"]
        sorts = {"channel": "public", "group": "private", "im": "im"}
        rooms = [
            room
            for room in self.channels
            if sorts[room.kind] in include
            and not (room.shared_with and given.get("exclude_external_shared_channels"))
        ]
        return [(room.id, "imgbatch (you)" if room.kind == "im" else f"#{room.name}") for room in rooms]


def _triggers(element: Json) -> str:
    """When a field tells the app: at each character, at Enter, or when it changed."""
    if element["type"] not in forms.WRITTEN:
        return "change"
    return " ".join(name.removeprefix("on_").partition("_")[0] for name in forms.triggers_of(element))


def _environment(site: Site) -> Environment:
    writer = render.Writer(site.state)
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    written: dict[str, Callable[[Any], Markup]] = {
        "slack": writer.text,
        "mrkdwn": writer.mrkdwn,
        "rich": writer.rich_text,
        "markdown": writer.markdown,
        "cell": writer.cell,
        "emoji": lambda name: escape(render.emoji(name)),
    }
    for name, write in written.items():
        environment.filters[name] = lambda value, write=write: pictured(write(value))
    environment.filters |= {
        "shortcodes": writer.shortcodes,
        "clock": render.clock,
        "day": render.day,
        "bytes": render.bytes_in_words,
        "sig": signature_of,
        "triggers": _triggers,
    }
    return environment


class Page:
    """The page's routes, with the templates of one workspace."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._templates = _environment(site)

    def _scene(self, request: Request) -> Scene | None:
        """What to draw, from the query; None for a person who is nowhere."""
        state, query = self._site.state, request.query_params
        first = next(iter(state.users))
        user = state.users.get(query.get("user", first))
        if user is None or user.is_bot:
            return None
        rooms = {channel.id: channel for channel in state.visible_channels(user.id)}
        if not rooms:
            return None
        channel = rooms.get(query.get("channel", "")) or next(iter(rooms.values()))
        thread = query.get("thread") or None
        if thread is not None and channel.find(thread) is None:
            thread = None
        return Scene(self._site, user, channel, query.get("tab", "messages"), thread)

    async def whole(self, request: Request) -> Response:
        scene = self._scene(request)
        if scene is None:
            return PlainTextResponse("No such person, or in no conversation.", status_code=404)
        self._read(scene)
        state = self._site.state
        people = [{"name": user.name, "label": user.real_name} for user in [*scene.people, scene.bot]]
        people += [{"name": g.handle, "label": g.name} for g in state.groups.values() if not g.deleted]
        offers = {"commands": self._site.commands, "people": people}
        html = self._templates.get_template("page.html").render(scene=scene, offers=offers)
        return HTMLResponse(html, headers=_HEADERS)

    async def fresh(self, request: Request) -> Response:
        """All parts of the page anew, as JSON."""
        scene = self._scene(request)
        if scene is None:
            return JSONResponse({}, status_code=404)
        self._read(scene)
        parts: Any = self._templates.get_template("parts.html").make_module()
        stream: Any = self._templates.get_template("messages.html").make_module()
        body = {
            "version": self._site.state.version,
            "channel": scene.channel.id,
            "name": "imgbatch" if scene.channel.kind == "im" else f"#{scene.channel.name}",
            "rooms": parts.sidebar(scene),
            "heading": parts.heading(scene),
            "stream": parts.main(scene),
            "replies": stream.stream(scene.thread, scene, True) if scene.thread_ts else "",
            "modal": parts.modal(scene) if scene.modal else "",
        }
        return JSONResponse({name: _json(value) for name, value in body.items()}, headers=_HEADERS)

    def _read(self, scene: Scene) -> None:
        """Note that the person has seen the conversation on the screen."""
        if scene.channel.messages:
            self._site.state.seen[scene.user.id, scene.channel.id] = scene.channel.messages[-1].ts

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("not found", status_code=404)
        content = (_HERE / "static" / name).read_bytes()
        return Response(content, media_type=_STATIC[name], headers=_HEADERS)

    async def permalink(self, request: Request) -> Response:
        """A message's permalink leads to its conversation, and to its thread if it is in one."""
        thread = request.query_params.get("thread_ts")
        target = f"/?channel={request.path_params['channel']}" + (f"&thread={thread}" if thread else "")
        return RedirectResponse(target)

    async def live(self, websocket: WebSocket) -> None:
        """Tell the page each time something changed."""
        await websocket.accept()
        version = -1
        try:
            while not self._site.closing:
                now = await self._site.state.changed_since(version, 20.0)
                if self._site.closing:
                    break
                await websocket.send_text(str(now))
                version = now
            await websocket.close(1001)
        except (WebSocketDisconnect, RuntimeError):
            return

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.whole),
            Route("/page/fresh", self.fresh),
            Route("/page/static/{name}", self.static),
            Route("/archives/{channel}/{message}", self.permalink),
            WebSocketRoute("/page/live", self.live),
        ]


def _json(value: Any) -> Any:
    return str(value) if isinstance(value, Markup) else value
