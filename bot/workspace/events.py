"""Telling the app what happened: which events reach it, and in which envelope."""

from bot.workspace import limits
from bot.workspace.shapes import team_of
from bot.workspace.site import Site
from bot.workspace.state import APP_ID, BOT_USER_ID, TEAM_ID, Channel, Json

_MESSAGE_EVENT = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
_SCOPES = {
    "app_mention": "app_mentions:read",
    "file_shared": "files:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
}


def announce(site: Site, event: Json, channel: Channel | None = None) -> None:
    """Send an event to the app, if it subscribed to it, holds the scope and is in the channel."""
    name, scope = str(event["type"]), _SCOPES.get(str(event["type"]))
    if channel is not None:
        if BOT_USER_ID not in channel.members:
            return
        if name == "message":
            name, scope = _MESSAGE_EVENT[channel.kind], limits.HISTORY_SCOPES[channel.kind]
        elif name == "member_joined_channel":
            scope = limits.READ_SCOPES[channel.kind]
    if name not in site.events or (scope is not None and scope not in site.scopes):
        return
    site.background(site.delivery.event(_body(site, event, channel)))


def _body(site: Site, event: Json, channel: Channel | None) -> Json:
    """The envelope of the Events API around one event.

    Of somebody from another workspace, a message carries the team outside and inside; a mention has it in
    user_team and source_team; a reaction does not name it at all (shapes as in bolt-python's tests of
    Slack Connect, 2023-03).
    """
    team = TEAM_ID
    theirs = team_of(site, str(event.get("user")))
    if theirs != TEAM_ID and event["type"] == "message":
        team, event = theirs, event | {"team": theirs}
    elif theirs != TEAM_ID and event["type"] == "app_mention":
        event = event | {"team": TEAM_ID, "user_team": theirs, "source_team": theirs}
        event["user_profile"] = {"team": theirs}
    return {
        "token": "loopback",
        "team_id": team,
        "context_team_id": TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": site.state.new_id("Ev"),
        "event_time": int(site.state.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": bool(channel and channel.shared_with),
        "event_context": f"4-{site.state.new_id('E')}",
    }
