"""The people's side over HTTP (/user/...): what the page and the Person client use."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.workspace import api_files, events, fields, forms, interactions, limits, posting, reactions, shapes
from bot.workspace.interactions import PersonError
from bot.workspace.site import Site
from bot.workspace.state import Channel, File, Json, Message, View
from bot.workspace.webapi import ApiError

Action = Callable[[Site, str, Json], Awaitable[Json]]


async def hook(site: Site, request: Request) -> Response:
    """A response_url: five uses in thirty minutes."""
    kept = site.state.hooks.get(request.path_params["token"])
    if kept is None:
        return PlainTextResponse("no_such_hook", status_code=404)
    if site.state.now() > kept.expires_at:
        return PlainTextResponse("expired_url", status_code=404)
    if kept.uses_left <= 0:
        return PlainTextResponse("used_url", status_code=404)
    try:
        given = json.loads(await request.body())
        kept.uses_left -= 1
        interactions.respond(site, kept, given)
    except (json.JSONDecodeError, AttributeError):
        return PlainTextResponse("invalid_payload", status_code=400)
    except ApiError as problem:
        return JSONResponse({"ok": False, "error": problem.error} | problem.extra, status_code=400)
    return PlainTextResponse("ok")


def visible_messages(user: str, channel: Channel) -> list[Message]:
    """The messages in a channel's main column, as this person sees it."""
    return [
        message
        for message in channel.messages
        if message.ephemeral_to in (None, user)
        and (not message.is_reply or message.subtype == "thread_broadcast")
    ]


def visible_thread(user: str, channel: Channel, ts: str) -> list[Message]:
    """A thread with its parent first, as this person sees it."""
    return [
        message
        for message in channel.messages
        if (message.ts == ts or message.thread_ts == ts) and message.ephemeral_to in (None, user)
    ]


def seen_json(site: Site, message: Message) -> Json:
    """A message with what only the people's side tells: its channel and whom it is for."""
    done = shapes.message_json(site, message, metadata=True) | {"channel": message.channel}
    if message.files:
        done["files"] = shapes.files_json(site, message, stubs=False)
    if message.is_reply:
        done["thread_ts"] = message.thread_ts
    return done | ({"is_ephemeral": True} if message.ephemeral_to else {})


def find_room(site: Site, user: str, given: Any) -> Channel:
    channel = site.state.channel_named(str(given or ""))
    if str(given).startswith("@"):
        channel = site.state.direct(user)
    if channel is None or user not in channel.members:
        raise PersonError("channel_not_found", f"You are not in {given}.")
    return channel


def _message(site: Site, user: str, given: Json) -> Message:
    channel = find_room(site, user, given.get("channel"))
    message = channel.find(str(given.get("ts")))
    if message is None or message.ephemeral_to not in (None, user):
        raise PersonError("message_not_found", "That message is gone.")
    return message


def _view(site: Site, user: str, given: Json) -> View:
    view = site.state.view(str(given.get("view_id")))
    if view is None or view.user != user:
        raise PersonError("view_not_found", "That form is gone.")
    return view


def keep_file(site: Site, user: str, name: str, content: bytes) -> File:
    """A file a person uploaded; it is ready by the time anyone hears of it."""
    created = int(site.state.now())
    file = File(site.state.new_id("F"), name, user, len(content), created, name, content, completed=True)
    site.state.files[file.id] = file
    return file


async def say(site: Site, user: str, given: Json) -> Json:
    channel = find_room(site, user, given.get("channel"))
    if channel.is_archived:
        raise PersonError("is_archived", "This channel is archived.")
    files = [file_id for file_id in given.get("files") or [] if file_id in site.state.files]
    text = posting.as_typed(site, str(given.get("text") or ""))
    if not text and not files:
        raise PersonError("no_text", "Write something or add a file.")
    message = Message(
        channel.id,
        site.state.new_ts(),
        user,
        text,
        files=files,
        thread_ts=given.get("thread") or None,
        subtype="file_share" if files else None,
    )
    posting.post(site, message)
    return {"message": seen_json(site, message)}


async def run_command(site: Site, user: str, given: Json) -> Json:
    channel = find_room(site, user, given.get("channel"))
    await interactions.command(site, user, channel, str(given["command"]), str(given.get("text") or ""))
    return {}


async def use_shortcut(site: Site, user: str, given: Json) -> Json:
    message = _message(site, user, given) if given.get("ts") else None
    channel = find_room(site, user, given["channel"]) if given.get("channel") else None
    await interactions.shortcut(site, user, str(given["callback_id"]), channel, message)
    return {}


async def press(site: Site, user: str, given: Json) -> Json:
    action_id, block_id, value = str(given["action_id"]), given.get("block_id"), given.get("value")
    if given.get("view_id"):
        view = _view(site, user, given)
        values = _values(view.body.get("blocks", []), given)
        await interactions.press_in_view(site, view, action_id, block_id, value, values)
    else:
        message = _message(site, user, given)
        values = _values(message.blocks, given)
        await interactions.press(site, user, message, action_id, block_id, value, values)
    return {}


def _values(blocks: list[Json], given: Json) -> forms.Values:
    try:
        values = forms.by_block(blocks, given.get("values") or {})
    except KeyError as name:
        raise PersonError("no_such_field", f"The form has no field {name}.") from None
    wrong = forms.unknown_option(blocks, values)
    if wrong:
        raise PersonError("no_such_option", wrong)
    return values


async def enter(site: Site, user: str, given: Json) -> Json:
    """Fill in fields of a modal or the Home tab; `by_enter` presses Enter in them."""
    view = _view(site, user, given)
    values = _values(view.body.get("blocks", []), given)
    await fields.enter(site, view, values, by_enter=bool(given.get("by_enter")))
    return {}


async def suggest(site: Site, user: str, given: Json) -> Json:
    """The options an external select offers for a query."""
    place = _view(site, user, given) if given.get("view_id") else _message(site, user, given)
    action_id, block_id, query = str(given["action_id"]), given.get("block_id"), str(given.get("value") or "")
    return await fields.suggestions(site, user, place, action_id, block_id, query)


async def submit(site: Site, user: str, given: Json) -> Json:
    view = _view(site, user, given)
    await interactions.submit(site, view, _values(view.body["blocks"], given))
    return {}


async def close(site: Site, user: str, given: Json) -> Json:
    await interactions.close(site, _view(site, user, given), whole_stack=bool(given.get("whole_stack")))
    return {}


async def react(site: Site, user: str, given: Json) -> Json:
    """Give or take back a reaction, on a message or on a file."""
    item: Message | File
    if given.get("file"):
        file = site.state.files.get(str(given["file"]))
        if file is None or not site.state.user_sees_file(user, file):
            raise PersonError("file_not_found", "That file is gone.")
        item = file
    else:
        item = _message(site, user, given)
        if item.ephemeral_to is not None:
            raise PersonError("cant_react", "Messages only you can see take no reactions.")
    try:
        change = reactions.take_back if given.get("remove") else reactions.add
        change(site, item, user, str(given["name"]))
    except reactions.TooManyError as problem:
        raise PersonError(str(problem), "There are too many reactions already.") from problem
    return {}


async def delete(site: Site, user: str, given: Json) -> Json:
    message = _message(site, user, given)
    if message.user != user:
        raise PersonError("cant_delete_message", "You can delete your own messages only.")
    posting.remove(site, message)
    return {}


async def join(site: Site, user: str, given: Json) -> Json:
    channel = site.state.channel_named(str(given.get("channel")))
    if channel is None or channel.kind != "channel":
        raise PersonError("channel_not_found", "There is no such channel.")
    posting.join(site, channel, user)
    return {}


async def open_home(site: Site, user: str, given: Json) -> Json:
    """Open the app's Home (or Messages) tab."""
    tab = str(given.get("tab") or "home")
    event: Json = {"type": "app_home_opened", "user": user, "channel": site.state.direct(user).id, "tab": tab}
    event["event_ts"] = site.state.new_ts()
    home = site.state.homes.get(user)
    if tab == "home" and home is not None:
        event["view"] = shapes.view_json(site, home)
    events.announce(site, event)
    return {}


ACTIONS: dict[str, Action] = {
    "say": say,
    "command": run_command,
    "shortcut": use_shortcut,
    "press": press,
    "enter": enter,
    "suggest": suggest,
    "submit": submit,
    "close": close,
    "react": react,
    "delete": delete,
    "join": join,
    "home": open_home,
}


async def act(site: Site, request: Request) -> Response:
    """Do something as a person. A refusal says what the person would read."""
    user, name = request.path_params["user"], request.path_params["action"]
    action = ACTIONS.get(name)
    if user not in site.state.users or action is None:
        return JSONResponse({"ok": False, "error": "not_found", "message": "No such person or action."}, 404)
    if site.state.users[user].deleted:
        body = {"ok": False, "error": "account_inactive", "message": "This account is deactivated."}
        return JSONResponse(body)
    try:
        given = json.loads(await request.body() or b"{}")
        return JSONResponse({"ok": True} | await action(site, user, given))
    except PersonError as problem:
        body = {"ok": False, "error": problem.code, "message": str(problem), "errors": problem.errors}
        return JSONResponse(body, status_code=200)
    except (json.JSONDecodeError, KeyError, AttributeError) as problem:
        body = {"ok": False, "error": "bad_request", "message": repr(problem)}
        return JSONResponse(body, status_code=400)


async def upload(site: Site, request: Request) -> Response:
    """Upload files as a person; gives their ids, to say or to fill in."""
    user = request.path_params["user"]
    form: FormData
    async with request.form(max_files=20, max_part_size=limits.FILE_BYTES) as form:
        parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        files = [keep_file(site, user, part.filename or "file", await part.read()) for part in parts]
    return JSONResponse({"ok": True, "files": [shapes.file_json(site, file) for file in files]})


async def look(site: Site, request: Request) -> Response:
    """What a person sees: channels, messages, thread, modal, home or people."""
    user, what = request.path_params["user"], request.path_params["what"]
    query = request.query_params
    if user not in site.state.users:
        return JSONResponse({"ok": False, "error": "not_found", "message": "No such person."}, 404)
    try:
        return JSONResponse({"ok": True, "version": site.state.version} | _seen(site, user, what, query))
    except PersonError as problem:
        return JSONResponse({"ok": False, "error": problem.code, "message": str(problem)}, 200)


def _seen(site: Site, user: str, what: str, query: Any) -> Json:
    match what:
        case "channels":
            return {"channels": [shapes.channel_json(c) for c in site.state.visible_channels(user)]}
        case "people":
            return {"people": [shapes.user_json(site, person) for person in site.state.users.values()]}
        case "messages":
            channel = find_room(site, user, query.get("channel"))
            return {"messages": [seen_json(site, m) for m in visible_messages(user, channel)]}
        case "thread":
            channel = find_room(site, user, query.get("channel"))
            return {
                "messages": [seen_json(site, m) for m in visible_thread(user, channel, query.get("ts", ""))]
            }
        case "modal":
            stack = site.state.modals.get(user, [])
            view = shapes.view_json(site, stack[-1]) | {"errors": stack[-1].errors} if stack else None
            return {"view": view, "depth": len(stack)}
        case "home":
            home = site.state.homes.get(user)
            return {"view": shapes.view_json(site, home) if home else None}
        case _:
            raise PersonError("not_found", f"Nothing called {what}.")


async def changes(site: Site, request: Request) -> Response:
    """The workspace's version, once it is newer than `since` or `seconds` have passed."""
    since = int(request.query_params.get("since", "0"))
    seconds = min(float(request.query_params.get("seconds", "1")), 25.0)
    version = site.state.version if site.closing else await site.state.changed_since(since, seconds)
    return JSONResponse({"ok": True, "version": version})


async def see_file(site: Site, request: Request) -> Response:
    """A file's bytes for a person who may see it."""
    user, variant = request.path_params["user"], request.path_params["variant"]
    file = site.state.files.get(request.path_params["file"])
    if file is None or not site.state.user_sees_file(user, file):
        return PlainTextResponse("not found", status_code=404)
    return api_files.content_response(file, variant)


def routes(bind: Callable[[Any], Any]) -> list[Route]:
    """The people's routes; `bind` gives each handler its site."""
    return [
        Route("/user/changes", bind(changes)),
        Route("/user/{user}/file/{file}/{variant}", bind(see_file)),
        Route("/user/{user}/upload", bind(upload), methods=["POST"]),
        Route("/user/{user}/{what}", bind(look), methods=["GET"]),
        Route("/user/{user}/{action}", bind(act), methods=["POST"]),
    ]
