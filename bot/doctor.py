"""`imgbatch doctor`: what is set up and what is missing, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.app import build_hooks, build_providers, open_context
from bot.config import Loaded, Settings, SettingsError, load
from bot.runtime import now
from bot.terminal import print_json
from bot.watch.words import count
from providers import registry
from providers.base import Provider, ProviderError
from storage.engine import StoreError

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

SYMBOLS = {"good": "[green]ok[/]", "missing": "[yellow]--[/]", "wrong": "[red]!![/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    about: str
    state: str
    """good, missing (works without it) or wrong (must be mended)."""
    sentence: str


def examine(as_json: bool) -> int:
    """Look at everything. Exit status 1 when something is wrong."""
    loaded = load()
    findings = [finding for check in CHECKS for finding in check(loaded.settings)]
    if as_json:
        settings = [
            {"name": name, "value": value, "from": origin} for name, value, origin, _ in loaded.lines()
        ]
        print_json({"settings": settings, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(loaded, findings)
    return 1 if any(finding.state == "wrong" for finding in findings) else 0


def _print(loaded: Loaded, findings: list[Finding]) -> None:
    console = Console(highlight=False)
    lines = loaded.lines()
    given = [line for line in lines if line[2] != "default"]
    console.print("Settings that are set:" if given else "No setting is set.")
    for name, value, origin, _ in given:
        # On one line, even where the terminal must fold it: a name or value is never cut.
        console.print(f"   {escape(name)} = {escape(value)} ({origin})", soft_wrap=True)
    rest = ", ".join(name for name, _, origin, _ in lines if origin == "default")
    console.print("Left as they are (docs/operating.md says what each does):")
    console.print(Padding(rest, (0, 0, 1, 3), expand=False))
    for finding in findings:
        console.print(_hanging(SYMBOLS[finding.state], f"{finding.about}: {finding.sentence}"))


def _hanging(mark: str, text: str) -> Table:
    """A mark, and beside it a text that wraps at words and stays beside it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(mark, escape(text))
    return table


def _data(settings: Settings) -> Iterator[Finding]:
    try:
        with open_context(settings, schedules=False) as ctx:
            jobs = len(ctx.queries.jobs())
        yield Finding("data store", "good", f"{settings.imgbatch_data} is ready, {count(jobs, 'job')} in it.")
    except (StoreError, SettingsError) as problem:
        yield Finding("data store", "wrong", str(problem))


def _providers(settings: Settings) -> Iterator[Finding]:
    try:
        providers = build_providers(settings)
    except SettingsError as problem:
        yield Finding("providers", "wrong", str(problem))
        return
    for name, provider in providers.items():
        yield from _provider(name, provider)
        provider.close()
    free = {entry.name for entry in registry.ENTRIES if entry.key_variable is None}
    if set(providers) <= free:
        only = f"only {', '.join(providers)} can be used" if providers else "no pictures can be made"
        yield Finding("providers", "missing", f"No provider's key is set: {only}.")


def _provider(name: str, provider: Provider) -> Iterator[Finding]:
    try:
        yield Finding(name, "good", provider.check())
    except ProviderError as problem:
        yield Finding(name, "wrong", str(problem))
    today = now().date()
    for card in provider.models.values():
        if card.retiring(today):
            follows = f" {card.successor} follows it." if card.successor else ""
            yield Finding(name, "missing", f"{card.id} will be shut down on {card.shutdown}.{follows}")


def _webhooks(settings: Settings) -> Iterator[Finding]:
    try:
        hooks = build_hooks(settings)
    except SettingsError as problem:
        yield Finding("webhooks", "wrong", str(problem))
        return
    for hooked in hooks.values():
        hooked.close()
    if hooks:
        where = f"{settings.imgbatch_public_url or ''}{registry.HOOKS_PATH}/"
        yield Finding("webhooks", "good", f"Expected at {where} from {', '.join(hooks)}.")


def _slack(settings: Settings) -> Iterator[Finding]:
    if settings.slack_bot_token is None:
        yield Finding("Slack", "missing", "SLACK_BOT_TOKEN is not set; `serve` needs it, `run` does not.")
        return
    client = WebClient(settings.slack_bot_token.get_secret_value(), base_url=settings.slack_api_url)
    try:
        answer = client.auth_test()
    except (SlackApiError, OSError) as problem:
        words = problem.response["error"] if isinstance(problem, SlackApiError) else type(problem).__name__
        yield Finding("Slack", "wrong", f"The bot token does not work: {words}.")
        return
    yield Finding("Slack", "good", f"The bot is {answer['user']} in {answer['team']}.")
    granted = {scope for scope in answer.headers.get("x-oauth-scopes", "").split(",") if scope}
    lacking = sorted(NEEDED_SCOPES - granted)
    if granted and lacking:
        yield Finding(
            "Slack", "wrong", f"The bot lacks the scopes {', '.join(lacking)}; see slack-manifest.yaml."
        )
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        yield Finding(
            "Slack", "wrong", "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set; one is needed."
        )


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_data, _providers, _webhooks, _slack)
