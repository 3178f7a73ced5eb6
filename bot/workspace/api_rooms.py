"""conversations.*, users.* and usergroups.*: who is where, and what was said."""

from typing import Any

from bot.workspace import limits, posting, shapes
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, Channel, Json, Message
from bot.workspace.webapi import ApiError, Args, find_channel, find_message, method, require_scope

_KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def _page(args: Args, name: str, items: list[Any], default: int = 100) -> Json:
    """One page of a list, with the cursor of the next."""
    limit = min(args.number("limit", default) or default, 1_000)
    cursor = args.text("cursor")
    if cursor and not cursor.isdigit():
        raise ApiError("invalid_cursor")
    start = int(cursor or 0)
    after = start + limit
    following = str(after) if after < len(items) else ""
    return {name: items[start:after], "response_metadata": {"next_cursor": following}}


def _wanted_kinds(site: Site, args: Args) -> list[str]:
    kinds = []
    for name in args.text("types", "public_channel").split(","):
        kind = _KINDS.get(name.strip())
        if kind is None:
            raise ApiError("invalid_types")
        require_scope(site, limits.READ_SCOPES.get(kind, "mpim:read"))
        kinds.append(kind)
    return kinds


@method("conversations.list")
def list_channels(site: Site, args: Args) -> Json:
    kinds = _wanted_kinds(site, args)
    found = [
        shapes.channel_json(channel)
        for channel in site.state.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or BOT_USER_ID in channel.members)
        and not (args.flag("exclude_archived") and channel.is_archived)
    ]
    return _page(args, "channels", found)


@method("conversations.info")
def channel_info(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    require_scope(site, limits.READ_SCOPES[channel.kind])
    return {"channel": shapes.channel_json(channel)}


@method("conversations.members")
def channel_members(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    require_scope(site, limits.READ_SCOPES[channel.kind])
    return _page(args, "members", list(channel.members))


@method("conversations.join")
def join_channel(site: Site, args: Args) -> Json:
    channel = find_channel(site, args)
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    joined = posting.join(site, channel, BOT_USER_ID)
    answer: Json = {"channel": shapes.channel_json(channel)}
    return answer if joined else answer | {"warning": "already_in_channel"}


@method("conversations.open")
def open_direct(site: Site, args: Args) -> Json:
    given = args.parsed("users") if args.text("users").startswith("[") else args.values.get("users")
    users = given if isinstance(given, list) else [u for u in str(given or "").split(",") if u]
    if len(users) != 1:
        raise ApiError("not_enough_users" if not users else "method_not_supported_for_channel_type")
    if users[0] not in site.state.users:
        raise ApiError("user_not_found")
    if users[0] == BOT_USER_ID:
        raise ApiError("cannot_dm_bot")
    channel = site.state.direct(users[0])
    full = shapes.channel_json(channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": full}


def _readable(site: Site, args: Args) -> Channel:
    channel = find_channel(site, args)
    require_scope(site, limits.HISTORY_SCOPES[channel.kind])
    if BOT_USER_ID not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _between(args: Args, messages: list[Message]) -> list[Message]:
    oldest, latest = args.text("oldest", "0"), args.text("latest", "9999999999.999999")
    if args.flag("inclusive"):
        return [m for m in messages if float(oldest) <= float(m.ts) <= float(latest)]
    return [m for m in messages if float(oldest) < float(m.ts) < float(latest)]


@method("conversations.history")
def history(site: Site, args: Args) -> Json:
    channel = _readable(site, args)
    top = [
        message
        for message in channel.messages
        if not message.ephemeral_to and (not message.is_reply or message.subtype == "thread_broadcast")
    ]
    metadata = args.flag("include_all_metadata")
    newest = [shapes.message_json(site, m, metadata=metadata) for m in reversed(_between(args, top))]
    page = _page(args, "messages", newest)
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"]), "pin_count": 0}


@method("conversations.replies")
def replies(site: Site, args: Args) -> Json:
    channel = _readable(site, args)
    message = find_message(channel, args.need("ts"), "thread_not_found")
    top = channel.find(message.thread_ts) if message.is_reply else message
    thread = [top, *_between(args, channel.replies(top.ts))] if top else [message]
    metadata = args.flag("include_all_metadata")
    page = _page(args, "messages", [shapes.message_json(site, m, metadata=metadata) for m in thread], 1_000)
    return page | {"has_more": bool(page["response_metadata"]["next_cursor"])}


@method("users.info")
def user_info(site: Site, args: Args) -> Json:
    user = site.state.users.get(args.need("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": shapes.user_json(site, user)}


@method("users.list")
def list_users(site: Site, args: Args) -> Json:
    everyone = [shapes.user_json(site, user) for user in site.state.users.values()]
    return _page(args, "members", everyone) | {"cache_ts": int(site.state.now())}


@method("users.conversations")
def user_conversations(site: Site, args: Args) -> Json:
    kinds = _wanted_kinds(site, args)
    user = args.text("user", BOT_USER_ID)
    found = [
        shapes.channel_json(channel)
        for channel in site.state.visible_channels(user)
        if channel.kind in kinds and (channel.kind == "channel" or BOT_USER_ID in channel.members)
    ]
    return _page(args, "channels", found)


@method("usergroups.list")
def list_groups(site: Site, args: Args) -> Json:
    users, count = args.flag("include_users"), args.flag("include_count")
    wanted = [g for g in site.state.groups.values() if not g.deleted or args.flag("include_disabled")]
    return {"usergroups": [shapes.group_json(group, users=users, count=count) for group in wanted]}


@method("usergroups.users.list")
def list_group_users(site: Site, args: Args) -> Json:
    group = site.state.groups.get(args.need("usergroup"))
    if group is None or (group.deleted and not args.flag("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}
