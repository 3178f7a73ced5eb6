"""What is elsewhere: the providers with their keys and models, the time, and whether webhooks get through."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from bot.app import build_hooks, build_providers
from bot.config import Settings, SettingsError
from bot.doctor.finding import Finding, State
from bot.runtime import now
from bot.watch.words import duration, ended
from providers import registry
from providers.base import Provider, ProviderError, Refused, TellOperator
from providers.wire.asking import Asked, ask_time, knock

APART = timedelta(seconds=30)
"""Clocks this far apart are worth a word: dates in the log and of deadlines are off by as much."""

TOO_FAR_APART = timedelta(minutes=5)
"""From here on signatures are refused: Slack's, and those of webhooks."""


# --- providers -----------------------------------------------------------------------------------------


def providers(settings: Settings) -> Iterator[Finding]:
    """Each provider's key by its cheapest call, and which of its models will be shut down."""
    try:
        built = build_providers(settings)
    except SettingsError as problem:
        yield Finding("providers", State.WRONG, str(problem))
        return
    with ThreadPoolExecutor(len(built)) as pool:
        for findings in pool.map(lambda pair: list(_provider(*pair)), built.items()):
            yield from findings
    free = {entry.name for entry in registry.ENTRIES if entry.key_variable is None}
    if set(built) <= free:
        only = f"only {', '.join(built)} can be used" if built else "no pictures can be made"
        yield Finding("providers", State.MISSING, f"No provider's key is set: {only}.")


def _provider(name: str, provider: Provider) -> Iterator[Finding]:
    try:
        yield Finding(name, State.GOOD, ended(provider.check()))
    except ProviderError as problem:
        yield Finding(name, State.WRONG, f"{ended(str(problem))}{_where_to_look(name, problem)}")
    finally:
        provider.close()
    today = now().date()
    if provider.models and all(card.retired(today) for card in provider.models.values()):
        said = "All its models known here were shut down; upgrade, or enter others (IMGBATCH_CATALOGUE)."
        yield Finding(name, State.WRONG, said)
    for card in provider.models.values():
        if card.retiring(today):
            follows = f" {card.successor} follows it." if card.successor else ""
            yield Finding(name, State.WARNING, f"{card.id} will be shut down on {card.shutdown}.{follows}")


def _where_to_look(name: str, problem: ProviderError) -> str:
    """Which setting it is about: the key where the vendor turned us away, else address and network."""
    entry = next((one for one in registry.ENTRIES if one.name == name), None)
    if entry is None:
        return ""
    if isinstance(problem, TellOperator | Refused) and entry.key_variable:
        return f" Its key is {entry.key_variable}: put it right, or take it away."
    variable = entry.base_url_variable
    return f" Look at the network{f', and at {variable} if it is set' if variable else ''}."


# --- the time ------------------------------------------------------------------------------------------


def clock(settings: Settings) -> Iterator[Finding]:
    """How far this machine's clock is from those of the servers it works with."""
    seconds = {one.title: one.ahead.total_seconds() for one in _times(settings) if one.ahead is not None}
    if not seconds:
        said = "No server that is set up says what time it is, so that this clock cannot be compared."
        yield Finding("clock", State.MISSING, said)
        return
    ahead = timedelta(seconds=statistics.median(seconds.values()))
    whom = ", ".join(seconds)
    if abs(ahead) < APART:
        yield Finding("clock", State.GOOD, f"It agrees with {whom}.")
        return
    way = "slow" if ahead > timedelta() else "fast"
    said = (
        f"This machine's clock is {duration(abs(ahead))} {way} (compared with {whom}); set it, as with NTP."
    )
    if abs(ahead) < TOO_FAR_APART:
        yield Finding("clock", State.WARNING, said)
    else:
        yield Finding("clock", State.WRONG, f"{said} Signatures of Slack and webhooks are refused so.")


def _times(settings: Settings) -> Sequence[Asked]:
    values = {name: settings.named(name) for name in registry.variables()}
    places = dict(registry.places(values))
    if settings.slack_bot_token is not None:
        places["Slack"] = settings.slack_api_url
    with ThreadPoolExecutor(max(1, len(places))) as pool:
        return list(pool.map(lambda title: ask_time(title, places[title], now), places))


# --- webhooks ------------------------------------------------------------------------------------------


def webhooks(settings: Settings) -> Iterator[Finding]:
    """Whose are expected, and whether what is sent to our public address arrives."""
    try:
        hooks = build_hooks(settings)
    except SettingsError as problem:
        yield Finding("webhooks", State.WRONG, str(problem))
        return
    for hooked in hooks.values():
        hooked.close()
    public = settings.imgbatch_public_url
    if hooks:
        where = f"{public or ''}{registry.HOOKS_PATH}/"
        yield Finding("webhooks", State.GOOD, f"Expected at {where} from {', '.join(hooks)}.")
    over_http = settings.slack_app_token is None and settings.slack_signing_secret is not None
    paths = {f"{registry.HOOKS_PATH}/{name}": name for name in hooks}
    if over_http:
        paths["/slack/events"] = "Slack"
    if public:
        yield from reach(public, paths)
    elif paths:
        said = "Set IMGBATCH_PUBLIC_URL to have it tried whether messages get through to this bot."
        yield Finding("webhooks", State.MISSING, said)


def reach(public: str, paths: Mapping[str, str]) -> Iterator[Finding]:
    """Knock at each door without a signature: one that is open answers 401, and believes nothing."""
    for path, whose in paths.items():
        try:
            status = knock(public, path)
        except ProviderError as problem:
            said = f"{public}{path} cannot be reached from here: {ended(str(problem))}"
            yield Finding("webhooks", State.WRONG, said)
            continue
        if status == 401:
            yield Finding("webhooks", State.GOOD, f"What {whose} sends to {public}{path} arrives here.")
        elif status in (502, 503, 504):
            said = (
                f"{public} answers {status} for {path}: the proxy is there, the bot behind it is not running."
            )
            yield Finding("webhooks", State.WARNING, said)
        else:
            said = (
                f"{public}{path} answers {status} where 401 would be right: have the proxy pass on POST "
                f"{path} to IMGBATCH_HOST:IMGBATCH_PORT, and check that the bot runs with these settings."
            )
            yield Finding("webhooks", State.WRONG, said)
