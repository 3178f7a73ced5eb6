"""What a person does with the app: commands, shortcuts, buttons and forms, and what the app answers."""

from typing import Any

from bot.workspace import api_views, blocks, forms, limits, posting, shapes
from bot.workspace.api_chat import checked_blocks
from bot.workspace.delivery import Envelope
from bot.workspace.site import Site
from bot.workspace.state import (
    APP_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    Channel,
    Hook,
    Json,
    Message,
    View,
    new_token,
)
from bot.workspace.webapi import ApiError

_TEAM = {"id": TEAM_ID, "domain": TEAM_DOMAIN}


class PersonError(Exception):
    """What Slack's client would tell the person, with its code."""

    def __init__(self, code: str, message: str, errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.errors = errors or {}


def _hook(site: Site, user: str, channel: Channel, message: Message | None, path: str) -> str:
    token = new_token()
    site.state.hooks[token] = Hook(
        user,
        channel.id,
        site.state.now() + limits.HOOK_SECONDS,
        message.ts if message else None,
        message.thread_ts if message else None,
    )
    return f"{site.url}/hooks/{path}/{TEAM_ID}/{token}"


def _trigger(site: Site, user: str, channel: Channel | None) -> str:
    return site.state.open_trigger(user, channel.id if channel else None, site.trigger_seconds)


def payload_of(site: Site, kind: str, user: str) -> Json:
    """The fields all interactive payloads share."""
    return {
        "type": kind,
        "token": "loopback",
        "action_ts": site.state.new_ts(),
        "team": _TEAM,
        "user": shapes.user_in_payload(site, user),
        "api_app_id": APP_ID,
        "is_enterprise_install": False,
        "enterprise": None,
    }


async def ask(site: Site, kind: Envelope, payload: Json, what: str) -> Json:
    """The app's acknowledgement; a person sees an error when it does not come in time."""
    answer = await site.delivery.ask(kind, payload)
    if answer is None:
        reachable = site.delivery.sockets or site.delivery.request_url
        code = "operation_timeout" if reachable else "dispatch_failed"
        raise PersonError(code, f'{what} failed with the error "{code}"')
    return answer


async def command(site: Site, user: str, channel: Channel, name: str, text: str) -> None:
    """Run a slash command and show its direct answer."""
    known = next((c for c in site.commands if c["command"] == name), None)
    # An app's commands are there for the people of its own workspace alone.
    if known is None or "commands" not in site.scopes or site.state.users[user].is_external:
        raise PersonError("invalid_command", f"{name} is not a valid command.")
    payload = {
        "token": "loopback",
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.kind == "im" else channel.name,
        "user_id": user,
        "user_name": site.state.users[user].name,
        "command": name,
        "text": posting.as_typed(site, text, labels=True) if known.get("should_escape") else text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": _hook(site, user, channel, None, "commands"),
        "trigger_id": _trigger(site, user, channel),
    }
    answer = await ask(site, "slash_commands", payload, name)
    if answer.get("text") or answer.get("blocks"):
        hook = Hook(user, channel.id, 0.0, None)
        respond(site, hook, answer)


async def shortcut(
    site: Site, user: str, callback_id: str, channel: Channel | None, message: Message | None
) -> None:
    """Use a global shortcut, or a message shortcut on a message."""
    kind = "message" if message else "global"
    if site.state.users[user].is_external or not any(
        s["callback_id"] == callback_id and s["type"] == kind for s in site.shortcuts
    ):
        raise PersonError("unknown_shortcut", f"There is no {kind} shortcut {callback_id}.")
    payload = payload_of(site, "message_action" if message else "shortcut", user)
    payload |= {"callback_id": callback_id, "trigger_id": _trigger(site, user, channel)}
    if message is not None and channel is not None:
        payload |= {
            "message": shapes.message_json(site, message),
            "message_ts": message.ts,
            "channel": {"id": channel.id, "name": channel.name or "directmessage"},
            "response_url": _hook(site, user, channel, message, "app"),
        }
    await ask(site, "interactive", payload, "This shortcut")


def find_element(
    given: list[Json], action_id: str, block_id: str | None, value: Any
) -> tuple[str, Json] | None:
    """The element a person means: by action_id, and by block or value where several share it."""
    found = [(b, e) for b, e in blocks.elements_of(given) if e.get("action_id") == action_id]
    if block_id is not None:
        found = [(b, e) for b, e in found if b == block_id]
    if len(found) > 1 and value is not None:
        found = [(b, e) for b, e in found if e.get("value") == value] or found
    return found[0] if found else None


def _side(element: Json, value: Any) -> Json:
    """The one of two feedback buttons that was pressed."""
    for side in (element["positive_button"], element["negative_button"]):
        if side["value"] == value:
            return {"text": side["text"], "value": value}
    raise PersonError("no_such_option", f"{element['action_id']} has no button {value!r}.")


def _action(site: Site, block_id: str, element: Json, value: Any) -> Json:
    done: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": block_id}
    done["action_ts"] = site.state.new_ts()
    if element["type"] in ("button", "icon_button"):
        if "text" in element:
            done["text"] = element["text"]
        done |= {name: element[name] for name in ("value", "style", "url") if name in element}
        return done
    if element["type"] == "feedback_buttons":
        return done | _side(element, value)
    entry = forms.entry(site, element, value)
    if element["type"] in ("static_select", "radio_buttons", "overflow") and entry["selected_option"] is None:
        raise PersonError("no_such_option", f"{element['action_id']} has no option {value!r}.")
    return done | entry


async def press(
    site: Site,
    user: str,
    message: Message,
    action_id: str,
    block_id: str | None,
    value: Any,
    values: forms.Values,
) -> None:
    """Press a button or choose an option in a message, even one that has left it meanwhile."""
    versions = [message.blocks, *reversed(message.past_blocks)]
    found = next((f for v in versions if (f := find_element(v, action_id, block_id, value))), None)
    if found is None:
        raise PersonError("no_such_action", f"The message has nothing with action_id {action_id}.")
    channel = site.state.channels[message.channel]
    entered = {found[0]: {action_id: value}} if found[1]["type"] in forms.STATEFUL else {}
    payload = payload_of(site, "block_actions", user)
    del payload["action_ts"]
    container: Json = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
    container |= {"is_ephemeral": message.ephemeral_to is not None}
    if message.is_reply:
        container["thread_ts"] = message.thread_ts
    payload |= {
        "container": container,
        "trigger_id": _trigger(site, user, channel),
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "state": {"values": forms.state_values(site, message.blocks, values | entered, {}, channel.id)},
        "response_url": _hook(site, user, channel, message, "actions"),
        "actions": [_action(site, *found, value)],
    }
    if message.ephemeral_to is None:  # Slack keeps no copy of an ephemeral message to send along
        payload["message"] = shapes.message_json(site, message)
    await ask(site, "interactive", payload, "This action")


async def press_in_view(
    site: Site, view: View, action_id: str, block_id: str | None, value: Any, values: forms.Values
) -> None:
    """Press a button or change a dispatching input in a modal or on the Home tab."""
    given = view.body.get("blocks", [])
    found = find_element(given, action_id, block_id, value)
    if found is None:
        raise PersonError("no_such_action", f"The view has nothing with action_id {action_id}.")
    inside: Json = next((b for b in given if b.get("block_id") == found[0]), {})
    if inside.get("type") == "input" and not inside.get("dispatch_action"):
        raise PersonError("not_dispatched", f"Nothing is sent when {action_id} changes; submit the form.")
    entered = {found[0]: {action_id: value}} if found[1]["type"] in forms.STATEFUL else {}
    view.state = forms.state_values(site, given, values | entered, view.state, view.channel)
    payload = payload_of(site, "block_actions", view.user)
    del payload["action_ts"]
    payload |= {
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": site.state.open_trigger(view.user, view.channel, site.trigger_seconds),
        "view": shapes.view_json(site, view),
        "state": {"values": view.state},
        "actions": [_action(site, *found, value)],
    }
    await ask(site, "interactive", payload, "This action")


async def submit(site: Site, view: View, values: forms.Values) -> None:
    """Submit a modal and do what the app answers; raises PersonError with errors by block_id."""
    given = view.body["blocks"]
    view.state = forms.state_values(site, given, values, view.state, view.channel)
    view.errors = forms.objections(site, given, view.state)
    if view.errors:
        site.state.touch()
        raise PersonError("form_errors", "Some fields need another look.", view.errors)
    for file_id in _files_in(view.state):
        site.state.files[file_id].seen_by_bot = True
    payload = payload_of(site, "view_submission", view.user)
    del payload["action_ts"]
    payload |= {
        "team": {"id": shapes.team_of(site, view.user), "domain": TEAM_DOMAIN},
        "trigger_id": site.state.open_trigger(view.user, view.channel, site.trigger_seconds),
        "view": shapes.view_json(site, view),
        "response_urls": _response_urls(site, view),
    }
    answer = await ask(site, "interactive", payload, "This form")
    _follow(site, view, answer)


def _files_in(state: Json) -> list[str]:
    entries = [entry for block in state.values() for entry in block.values()]
    return [file["id"] for entry in entries for file in entry.get("files", [])]


def _response_urls(site: Site, view: View) -> list[Json]:
    """A response_url for each conversation select that asked for one."""
    done = []
    for block_id, element in blocks.elements_of(view.body["blocks"]):
        chosen = view.state.get(block_id, {}).get(element.get("action_id"), {})
        channel_id = chosen.get("selected_conversation") or chosen.get("selected_channel")
        channel = site.state.channels.get(channel_id or "")
        if element.get("response_url_enabled") and channel is not None:
            url = _hook(site, view.user, channel, None, "app")
            done.append(
                {
                    "block_id": block_id,
                    "action_id": element["action_id"],
                    "channel_id": channel.id,
                    "response_url": url,
                }
            )
    return done


def _follow(site: Site, view: View, answer: Json) -> None:
    """Do what the app's answer to a submission says: close, clear, errors, update or push."""
    trouble = "We had some trouble connecting. Try again?"
    stack = site.state.modals.get(view.user, [])
    try:
        match answer.get("response_action"):
            case None:
                if view in stack:
                    stack.remove(view)
            case "clear":
                stack.clear()
            case "errors":
                view.errors = _checked_errors(view, answer.get("errors"))
                site.state.touch()
                raise PersonError("form_errors", "Some fields need another look.", view.errors)
            case "update":
                api_views.replace_view(site, view, api_views.checked_view(site, answer.get("view"), but=view))
            case "push":
                body = api_views.checked_view(site, answer.get("view"))
                api_views.stack_view(site, body, view.user, view.channel)
            case unknown:
                code, extra = "invalid_response_action", {"response_action": unknown}
                raise PersonError(code, f"{trouble} ({code}: {extra})")
    except ApiError as problem:
        raise PersonError(problem.error, f"{trouble} ({problem.error}: {problem.extra})") from problem
    site.state.touch()


def _checked_errors(view: View, errors: Any) -> dict[str, str]:
    """The app's errors, if each names an input block of the view."""
    inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise ApiError("invalid_errors", errors=errors)
    return {str(block): str(text) for block, text in errors.items()}


async def close(site: Site, view: View, *, whole_stack: bool = False) -> None:
    """Close the visible modal (or all of them); the app hears of it if it asked to."""
    stack = site.state.modals.get(view.user, [])
    going = list(stack) if whole_stack or view.body.get("clear_on_close") else [view]
    for gone in going:
        if gone in stack:
            stack.remove(gone)
    site.state.touch()
    for gone in reversed(going):
        if gone.body.get("notify_on_close"):
            payload = payload_of(site, "view_closed", gone.user)
            del payload["action_ts"]
            payload |= {"view": shapes.view_json(site, gone), "is_cleared": len(going) > 1}
            site.background(site.delivery.ask("interactive", payload))


def respond(site: Site, hook: Hook, given: Json) -> str | None:
    """Post, replace or delete as a response_url (or a command's direct answer) says; gives the ts."""
    channel = site.state.channels[hook.channel]
    original = channel.find(hook.message_ts) if hook.message_ts else None
    if given.get("delete_original"):
        if original is not None:
            posting.remove(site, original)
        return None

    text, new_blocks = str(given.get("text") or ""), checked_blocks(site, given.get("blocks"))
    if not text and not new_blocks:
        raise ApiError("no_text")
    if given.get("replace_original") and original is not None:

        def change(message: Message) -> None:
            message.text, message.blocks = text, new_blocks
            message.edited_at = site.state.new_ts() if message.ephemeral_to is None else None

        posting.edit(site, original, change)
        return original.ts
    aside = given.get("response_type", "ephemeral") != "in_channel"
    message = Message(
        channel.id,
        site.state.new_ts(),
        BOT_USER_ID,
        text,
        new_blocks,
        by_bot=True,
        thread_ts=given.get("thread_ts"),
        metadata=given.get("metadata"),
        ephemeral_to=hook.user if aside else None,
    )
    posting.post(site, message)
    if hook.message_ts is None:
        hook.message_ts = message.ts
    return message.ts
