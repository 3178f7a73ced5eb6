"""Who is in the workspace: the people it starts with, and those a test lets in, groups and sends away."""

from collections.abc import Iterable

from bot.workspace.state import BOT_USER_ID, PARTNER_TEAM_ID, Channel, Group, Kind, State, User

ADMIN, MEMBER, OTHER_MEMBER, GUEST = "U0ANAFERREIRA", "U0BENOKAFOR", "U0CLARALIND", "U0GUSGUEST"
BRAND_TEAM = "S0BRANDTEAM"
GUEST_CHANNELS = ("general", "product-images")


def default_people() -> Iterable[User]:
    """The people everyone starts with: one admin, two members, one guest, and the bot."""
    return (
        User(ADMIN, "ana", "Ana Ferreira", "#c2577a", "Head of brand", is_admin=True),
        User(MEMBER, "ben", "Ben Okafor", "#3f8f6b", "Campaign manager"),
        User(OTHER_MEMBER, "clara", "Clara Lind", "#b7791f", "Content designer"),
        User(GUEST, "gus", "Gus Park", "#5b6b8c", "Agency (guest)", is_guest=True),
        User(BOT_USER_ID, "imgbatch", "imgbatch", "#1d2433", "Batch image generation", is_bot=True),
    )


def furnish(state: State, channels: Iterable[str]) -> None:
    """The default people in these public channels, each with a direct message, and their group."""
    state.users = {person.id: person for person in default_people()}
    for name in channels:
        members = [user for user in state.users if user != GUEST or name in GUEST_CHANNELS]
        # A readable id: C0 and the name, as short as Slack's.
        channel_id = "C0" + "".join(c for c in name.upper() if c.isalnum()).ljust(8, "0")
        state.channels[channel_id] = Channel(channel_id, name, "channel", members, int(state.now()))
    for user in state.users.values():
        if not user.is_bot:
            state.direct(user.id)
    group = Group(BRAND_TEAM, "brand-team", "Brand team", [ADMIN, OTHER_MEMBER], int(state.now()))
    state.groups[group.id] = group


def add_channel(
    state: State, name: str, members: Iterable[str], *, private: bool, bot: bool, shared: bool
) -> str:
    joined = [*members, *([BOT_USER_ID] if bot else [])]
    kind: Kind = "group" if private else "channel"
    channel = Channel(state.new_id("C"), name, kind, joined, int(state.now()))
    channel.shared_with = [PARTNER_TEAM_ID] if shared else []
    state.channels[channel.id] = channel
    state.touch()
    return channel.id


def add_user(state: State, user: User, channels: Iterable[str]) -> None:
    """Let somebody in, and into these channels; raises KeyError for a channel that does not exist.

    Only people of this workspace can write to the app directly.
    """
    rooms = []
    for name in channels:
        room = state.channel_named(name)
        if room is None:
            raise KeyError(name)
        rooms.append(room)
    state.users[user.id] = user
    for room in rooms:
        room.members.append(user.id)
        if user.is_external and user.team_id not in room.shared_with:
            room.shared_with.append(user.team_id)
    if not user.is_external:
        state.direct(user.id)
    state.touch()


def set_group(state: State, handle: str, members: Iterable[str], name: str = "") -> str:
    """Make a user group, or give the one with this handle other members; gives its id."""
    group = next((g for g in state.groups.values() if g.handle == handle), None)
    if group is None:
        group = Group(state.new_id("S"), handle, name or handle, [], int(state.now()))
        state.groups[group.id] = group
    group.users, group.deleted = list(members), 0
    state.touch()
    return group.id


def disable_group(state: State, handle: str) -> None:
    """Switch a user group off."""
    for group in state.groups.values():
        if group.handle == handle:
            group.deleted = int(state.now())
    state.touch()


def deactivate(state: State, user_id: str) -> None:
    """End somebody's account: they leave every channel and group, and stay known by their messages."""
    state.users[user_id].deleted = True
    for channel in state.channels.values():
        if user_id in channel.members and channel.kind != "im":
            channel.members.remove(user_id)
    for group in state.groups.values():
        if user_id in group.users:
            group.users.remove(user_id)
    state.touch()
