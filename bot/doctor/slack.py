"""The Slack app: its tokens, its scopes, and whether it is still as slack-manifest.yaml has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.config import Settings
from bot.doctor.finding import Finding, State
from bot.slack.listeners.commands import COMMAND
from bot.slack.listeners.shortcuts import FROM_MESSAGE, NEW

NEEDED_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "files:read",
        "files:write",
        "app_mentions:read",
        "channels:history",
        "im:history",
        "usergroups:read",
        "users:read",
    }
)
"""Without these the bot cannot do its first job; docs/slack.md says why each."""

SCOPES = NEEDED_SCOPES | {
    "channels:read",
    "groups:history",
    "groups:read",
    "im:write",
    "mpim:history",
    "reactions:read",
    "reactions:write",
}
"""All that the manifest asks for."""

EVENTS = frozenset(
    {
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "message.channels",
        "message.groups",
        "message.im",
        "reaction_added",
        "reaction_removed",
        "tokens_revoked",
    }
)
"""What the manifest subscribes to."""

SWITCHES: Mapping[str, bool] = {
    "features.app_home.home_tab_enabled": True,
    "features.app_home.messages_tab_enabled": True,
    "features.app_home.messages_tab_read_only_enabled": False,
    "settings.interactivity.is_enabled": True,
}
"""What the manifest switches on or off, besides Socket Mode."""

TIMEOUT_SECONDS = 15

Json = Mapping[str, Any]


def slack(settings: Settings) -> Iterator[Finding]:
    """Nothing is posted, and no connection stays open."""
    if settings.slack_bot_token is None:
        said = "SLACK_BOT_TOKEN is not set; `serve` needs it (docs/slack.md), `run` does not."
        yield Finding("Slack", State.MISSING, said)
        return
    client = _client(settings, settings.slack_bot_token.get_secret_value())
    try:
        answer = client.auth_test()
    except (SlackApiError, OSError) as problem:
        said = f"The bot token does not work: {_words(problem)}.{_copy_again(settings, problem)}"
        yield Finding("Slack", State.WRONG, said)
        if isinstance(problem, SlackApiError):  # it answers, so that the other token can be tried
            yield from _app_token(settings)
        return
    yield Finding("Slack", State.GOOD, f"The bot is {answer['user']} in {answer['team']}.")
    yield from _scopes(answer)
    yield from _app_token(settings)
    yield from _manifest(settings, str(answer.get("app_id") or ""))


def _client(settings: Settings, token: str) -> WebClient:
    return WebClient(
        token, base_url=f"{settings.slack_api_url.rstrip('/')}/", timeout=TIMEOUT_SECONDS, retry_handlers=[]
    )


def _words(problem: SlackApiError | OSError) -> str:
    if isinstance(problem, SlackApiError):
        return str(problem.response["error"])
    return f"Slack cannot be reached ({type(problem).__name__})"


def _copy_again(settings: Settings, problem: SlackApiError | OSError) -> str:
    """What to do about a bot token that Slack does not take."""
    if not isinstance(problem, SlackApiError):
        return " Look at the network, and at SLACK_API_URL if it is set."
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    if token.startswith("xapp-"):
        return " It is an app-level token (xapp-), which belongs into SLACK_APP_TOKEN."
    return (
        " Copy the Bot User OAuth Token (xoxb-) from the app's page “OAuth & Permissions” into "
        "SLACK_BOT_TOKEN again; if there is none, install the app into the workspace."
    )


def _scopes(answer: SlackResponse) -> Iterator[Finding]:
    granted = {scope for scope in _header(answer, "x-oauth-scopes").split(",") if scope}
    if not granted:
        yield Finding("Slack", State.MISSING, "Slack does not say which scopes the bot token has.")
        return
    lacking, without = sorted(NEEDED_SCOPES - granted), sorted(SCOPES - NEEDED_SCOPES - granted)
    if lacking:
        said = (
            f"The bot lacks the scopes {', '.join(lacking)}; see slack-manifest.yaml, and install it again."
        )
        yield Finding("Slack", State.WRONG, said)
    if without:
        said = f"Without the scopes {', '.join(without)} parts of it do not work; docs/slack.md says which."
        yield Finding("Slack", State.WARNING, said)
    spare = sorted(granted - SCOPES)
    if spare:
        said = f"It has scopes that it does not need: {', '.join(spare)}. Take them away."
        yield Finding("Slack", State.WARNING, said)
    if not (lacking or without or spare):
        yield Finding(
            "Slack", State.GOOD, "The bot token has the scopes of slack-manifest.yaml, and no others."
        )


def _header(answer: SlackResponse, name: str) -> str:
    found = next((value for known, value in answer.headers.items() if known.lower() == name), "")
    return ",".join(found) if isinstance(found, list) else str(found)


def _app_token(settings: Settings) -> Iterator[Finding]:
    if settings.slack_app_token is None:
        if settings.slack_signing_secret is None:
            said = (
                "Neither SLACK_APP_TOKEN (for Socket Mode) nor SLACK_SIGNING_SECRET (for HTTP) is set; one "
                "is needed. docs/slack.md says where they come from."
            )
            yield Finding("Slack", State.WRONG, said)
        else:
            said = (
                "Slack comes in over HTTP; whether the signing secret is right shows with its first message."
            )
            yield Finding("Slack", State.GOOD, said)
        return
    token = settings.slack_app_token.get_secret_value()
    try:
        _client(settings, token).apps_connections_open(app_token=token)
    except (SlackApiError, OSError) as problem:
        said = (
            f"The app token does not work: {_words(problem)}. Generate one (xapp-) with the scope "
            "connections:write on the app's first page, under “App-Level Tokens”, for SLACK_APP_TOKEN."
        )
        yield Finding("Slack", State.WRONG, said)
    else:
        yield Finding("Slack", State.GOOD, "The app token opens Socket Mode.")


# --- the manifest --------------------------------------------------------------------------------------


def _manifest(settings: Settings, app_id: str) -> Iterator[Finding]:
    if settings.slack_config_token is None:
        said = (
            "To compare the app with slack-manifest.yaml, set SLACK_CONFIG_TOKEN for this one command "
            "(docs/slack.md says where it comes from)."
        )
        yield Finding("manifest", State.MISSING, said)
        return
    app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else ""
    named = re.match(r"xapp-\d+-(A[A-Z0-9]+)-", app_token)
    app_id = named[1] if named else app_id
    if not app_id:
        yield Finding("manifest", State.MISSING, "Slack does not say which app this is; set SLACK_APP_TOKEN.")
        return
    token = settings.slack_config_token.get_secret_value()
    try:
        answer = _client(settings, token).apps_manifest_export(app_id=app_id)
    except (SlackApiError, OSError) as problem:
        said = f"The app's manifest cannot be read: {_words(problem)}. The token lasts twelve hours."
        yield Finding("manifest", State.WARNING, said)
        return
    differences = drift(answer.get("manifest") or {}, over_http=settings.slack_app_token is None)
    if differences:
        said = f"The app differs from slack-manifest.yaml: {'; '.join(differences)}. Paste the file into it."
        yield Finding("manifest", State.WRONG, said)
    else:
        yield Finding("manifest", State.GOOD, "The app is as slack-manifest.yaml has it.")


def drift(manifest: Json, *, over_http: bool) -> Sequence[str]:
    """In what an app's manifest differs from ours, as far as the bot needs it to be the same."""
    found = [
        *_listed("scope", SCOPES, _at(manifest, "oauth_config.scopes.bot")),
        *_listed("event", EVENTS, _at(manifest, "settings.event_subscriptions.bot_events")),
        *_listed("command", {COMMAND}, _of(_at(manifest, "features.slash_commands"), "command")),
        *_listed("shortcut", {NEW, FROM_MESSAGE}, _of(_at(manifest, "features.shortcuts"), "callback_id")),
    ]
    for command in _at(manifest, "features.slash_commands") or []:
        if command.get("command") == COMMAND and not command.get("should_escape"):
            found.append(f"{COMMAND} does not escape names of people and channels")
    for place, wanted in (*SWITCHES.items(), ("settings.socket_mode_enabled", not over_http)):
        if bool(_at(manifest, place)) is not wanted:
            found.append(f"{place.rpartition('.')[2]} is {'off' if wanted else 'on'}")
    if over_http:
        for place in ("settings.event_subscriptions.request_url", "settings.interactivity.request_url"):
            if not _at(manifest, place):
                found.append(f"{place.removeprefix('settings.')} is not set")
    return found


def _listed(what: str, wanted: set[str] | frozenset[str], present: object) -> Iterator[str]:
    there = {str(name) for name in present} if isinstance(present, Sequence) else set()
    for name in sorted(wanted - there):
        yield f"the {what} {name} is missing"
    for name in sorted(there - wanted):
        yield f"the {what} {name} is not needed"


def _of(entries: object, name: str) -> list[str]:
    return [str(entry.get(name)) for entry in entries] if isinstance(entries, list) else []


def _at(manifest: Json, place: str) -> Any:
    """What stands at a place of the manifest, its names with dots between them."""
    found: Any = manifest
    for name in place.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
