"""Emoji on messages and files: given and taken back, by people and by the app."""

from bot.workspace import events, limits
from bot.workspace.site import Site
from bot.workspace.state import BOT_USER_ID, File, Json, Message

_ALIASES = {"thumbsup": "+1", "thumbsdown": "-1"}
"""Slack keeps one name of each; events and reactions.get say that one."""


class TooManyError(Exception):
    """A limit of reactions; its text is Slack's word for it."""


def canonical(name: str) -> str:
    """The name Slack keeps for `:thumbsup:` and the like; a skin tone stays."""
    base, colons, tone = name.strip(":").partition("::")
    return _ALIASES.get(base, base) + colons + tone


def add(site: Site, item: Message | File, user: str, name: str) -> bool:
    """Give a reaction; False when that person had given it already. Raises TooManyError."""
    name = canonical(name)
    if user in item.reactions.get(name, []):
        return False
    if name not in item.reactions and len(item.reactions) >= limits.EMOJI_PER_ITEM:
        raise TooManyError("too_many_emoji")
    if sum(user in users for users in item.reactions.values()) >= limits.REACTIONS_PER_PERSON:
        raise TooManyError("too_many_reactions")
    item.reactions.setdefault(name, []).append(user)
    _tell(site, "reaction_added", item, user, name)
    return True


def take_back(site: Site, item: Message | File, user: str, name: str) -> bool:
    """Take a reaction back; False when that person had not given it."""
    name = canonical(name)
    users = item.reactions.get(name, [])
    if user not in users:
        return False
    users.remove(user)
    if not users:
        del item.reactions[name]
    _tell(site, "reaction_removed", item, user, name)
    return True


def _tell(site: Site, kind: str, item: Message | File, user: str, name: str) -> None:
    site.state.touch()
    event: Json = {"type": kind, "user": user, "reaction": name, "item_user": item.user}
    event["event_ts"] = site.state.new_ts()
    if isinstance(item, Message):
        event["item"] = {"type": "message", "channel": item.channel, "ts": item.ts}
        events.announce(site, event, site.state.channels[item.channel])
        return
    # A file is in several channels or in none: it is told once, where the bot can see it.
    event["item"] = {"type": "file", "file": item.id}
    rooms = [site.state.channels[room] for room in item.channels if room in site.state.channels]
    room = next((room for room in rooms if BOT_USER_ID in room.members), None)
    if room is not None or item.seen_by_bot:
        events.announce(site, event, room)
