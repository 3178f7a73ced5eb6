"""Putting messages into channels, changing them, and telling the app about it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from bot.workspace import blocks, shapes
from bot.workspace.events import announce
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, TEAM_ID, Channel, Json, Message


def post(site: Site, message: Message) -> Message:
    """Keep a message and announce it: message, app_mention and file_shared as they apply."""
    channel = site.state.channels[message.channel]
    channel.messages.append(message)
    for file_id in message.files:
        file = site.state.files[file_id]
        file.shares.append((channel.id, message.ts))
    for file in files_shown(site, message):
        if channel.id not in file.channels:
            file.channels.append(channel.id)
    site.state.touch()
    if message.ephemeral_to is not None:
        return message
    event = message_event(site, message, channel)
    announce(site, event, channel)
    mentioned = f"<@{BOT_USER_ID}>" in message.text and not message.by_bot and channel.kind != "im"
    if mentioned and (not message.files or site.faults.mention_with_file):
        announce(site, event | {"type": "app_mention"}, channel)
    for file_id in message.files:
        shared: Json = {"type": "file_shared", "file_id": file_id, "user_id": message.user}
        shared |= {"file": {"id": file_id}, "channel_id": channel.id, "event_ts": message.ts}
        announce(site, shared, channel)
    return message


def files_shown(site: Site, message: Message) -> Iterator[Any]:
    """The files a message attaches or shows in its blocks; both make them visible in the channel."""
    yield from (site.state.files[file_id] for file_id in message.files)
    for reference in _file_references(message.blocks):
        file = shapes.find_file(site, reference)
        if file is not None:
            yield file


def _file_references(value: Any) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _file_references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("slack_file"), dict):
            yield value["slack_file"]
        for item in value.values():
            yield from _file_references(item)


def message_event(site: Site, message: Message, channel: Channel) -> Json:
    kinds = {"channel": "channel", "group": "group", "im": "im"}
    done = shapes.message_json(site, message, metadata=True)
    return done | {"channel": channel.id, "channel_type": kinds[channel.kind], "event_ts": message.ts}


def edit(site: Site, message: Message, change: Callable[[Message], None]) -> None:
    """Change a message in place and announce message_changed."""
    channel = site.state.channels[message.channel]
    before = shapes.message_json(site, message)
    old_blocks = message.blocks
    change(message)
    if message.blocks != old_blocks:
        message.past_blocks = [*message.past_blocks[-9:], old_blocks]
    for file in files_shown(site, message):
        if channel.id not in file.channels:
            file.channels.append(channel.id)
    site.state.touch()
    if message.ephemeral_to is None:
        _announce_change(
            site,
            channel,
            {
                "subtype": "message_changed",
                "message": shapes.message_json(site, message),
                "previous_message": before,
            },
        )


def remove(site: Site, message: Message) -> None:
    """Take a message away and announce message_deleted."""
    channel = site.state.channels[message.channel]
    before = shapes.message_json(site, message)
    channel.messages.remove(message)
    site.state.touch()
    if message.ephemeral_to is None:
        change = {"subtype": "message_deleted", "deleted_ts": message.ts, "previous_message": before}
        _announce_change(site, channel, change)


def _announce_change(site: Site, channel: Channel, change: Json) -> None:
    ts = site.state.new_ts()
    event = {"type": "message", "hidden": True, "channel": channel.id, "ts": ts, "event_ts": ts}
    announce(site, event | {"channel_type": channel.kind} | change, channel)


def join(site: Site, channel: Channel, user: str) -> bool:
    """Make someone a member; False when they were."""
    if user in channel.members:
        return False
    channel.members.append(user)
    site.state.touch()
    event: Json = {"type": "member_joined_channel", "user": user, "channel": channel.id, "team": TEAM_ID}
    event |= {"channel_type": channel.id[0], "event_ts": site.state.new_ts()}
    announce(site, event, channel)
    return True


def with_ids(site: Site, given: list[Json]) -> list[Json]:
    return blocks.with_ids(given, lambda: site.state.new_id("")[-5:])


_TOKEN = re.compile(r"<(?:[@#][A-Z0-9]+(?:\|[^>]*)?|!subteam\^[A-Z0-9]+(?:\|[^>]*)?|https?://[^>]+)>")
_TYPED = re.compile(r"(?<![\w@<])([@#])([\w][\w.-]*\w)|(?<![<|\w])(https?://[^\s<>|]+)")


def as_typed(site: Site, text: str, *, labels: bool = False) -> str:
    """What Slack makes of typed text: escaped, with @names, #channels and links as tokens.

    With `labels`, tokens carry the name too, as a slash command with should_escape gets them.
    """
    people = {user.name: user.id for user in site.state.users.values()}
    rooms = {channel.name: channel.id for channel in site.state.channels.values() if channel.kind != "im"}
    groups = {group.handle: group.id for group in site.state.groups.values() if not group.deleted}

    def token(match: re.Match[str]) -> str:
        sigil, name, link = match.groups()
        if link:
            return f"<{link}>"
        if sigil == "@" and name in groups:
            return f"<!subteam^{groups[name]}|@{name}>" if labels else f"<!subteam^{groups[name]}>"
        found = (people if sigil == "@" else rooms).get(name)
        if found is None:
            return match.group()
        return f"<{sigil}{found}|{name}>" if labels or sigil == "#" else f"<{sigil}{found}>"

    done, end = "", 0
    for kept in [*_TOKEN.finditer(text), None]:
        plain = text[end : kept.start()] if kept else text[end:]
        plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        done += _TYPED.sub(token, plain) + (kept.group() if kept else "")
        end = kept.end() if kept else end
    return done
