"""reactions.*"""

from bot.workspace import reactions, shapes
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, File, Json, Message
from bot.workspace.webapi import ApiError, Args, find_channel, find_message, method

_EMOJI = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_+-'")


def _name(args: Args) -> str:
    name = args.text("name").strip(":")
    if not name or not set(name.replace("::", "")) <= _EMOJI:
        raise ApiError("invalid_name")
    return name


def _message(site: Site, args: Args) -> Message:
    """The message a call names; the bot must be in its channel."""
    if not args.text("channel") or not args.text("timestamp"):
        raise ApiError("no_item_specified")
    channel = find_channel(site, args)
    if BOT_USER_ID not in channel.members:
        raise ApiError("not_in_channel")
    return find_message(channel, args.text("timestamp"))


def _item(site: Site, args: Args) -> Message | File:
    """The message, or the file, a call names."""
    if not args.text("file"):
        return _message(site, args)
    file = site.state.files.get(args.text("file"))
    if file is None or not file.completed or not site.state.bot_sees_file(file):
        raise ApiError("file_not_found")
    return file


@method("reactions.add")
def add_reaction(site: Site, args: Args) -> Json:
    """To messages alone: Slack no longer takes a file here (2019)."""
    message, name = _message(site, args), _name(args)
    try:
        added = reactions.add(site, message, BOT_USER_ID, name)
    except reactions.TooManyError as problem:
        raise ApiError(str(problem)) from problem
    if not added:
        raise ApiError("already_reacted")
    return {}


@method("reactions.remove")
def remove_reaction(site: Site, args: Args) -> Json:
    if not reactions.take_back(site, _item(site, args), BOT_USER_ID, _name(args)):
        raise ApiError("no_reaction")
    return {}


@method("reactions.get")
def get_reactions(site: Site, args: Args) -> Json:
    item = _item(site, args)
    if isinstance(item, File):
        return {"type": "file", "file": shapes.file_json(site, item)}
    return {"type": "message", "channel": item.channel, "message": shapes.message_json(site, item)}
