"""Looks at everything and says what was found, to a person or to a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from bot.config import Loaded, Settings, load
from bot.doctor.finding import Check, Finding, State
from bot.doctor.house import data, database, disk, fonts
from bot.doctor.outside import clock, providers, webhooks
from bot.doctor.slack import slack
from bot.doctor.traces import traces
from bot.logs import secrets_of
from bot.terminal import print_json
from providers.wire.errors import hide

SYMBOLS = {
    State.GOOD: "[green]ok[/]",
    State.MISSING: "[yellow]--[/]",
    State.WARNING: "[yellow]??[/]",
    State.WRONG: "[red]!![/]",
}

CHECKS: Sequence[Check] = (data, database, disk, fonts, clock, providers, webhooks, slack, traces)
"""In the order they are told."""


def examine(as_json: bool) -> int:
    """Look at everything. Exit status 1 when something is wrong, 0 else; warnings are not wrong."""
    loaded = load()
    findings = look(loaded.settings)
    wrong = any(finding.state is State.WRONG for finding in findings)
    settings = _settings(loaded)
    if as_json:
        found = [asdict(finding) for finding in findings]
        print_json({"ok": not wrong, "settings": settings, "findings": found})
    else:
        _print(settings, findings)
    return 1 if wrong else 0


def _settings(loaded: Loaded) -> list[dict[str, str]]:
    """Each with its value, secrets masked (also the database's password in its address), and its origin."""
    secrets = secrets_of(loaded.settings)
    return [
        {"name": name, "value": hide(value, secrets), "from": origin}
        for name, value, origin, _ in loaded.lines()
    ]


def look(settings: Settings, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """What the checks find, run beside each other: a server that does not answer holds up none but its own.

    No secret of the settings stands in a sentence, whatever a server answers.
    """
    secrets = secrets_of(settings)
    with ThreadPoolExecutor(len(checks)) as pool:
        found = pool.map(lambda check: list(check(settings)), checks)
        return [
            replace(finding, sentence=hide(finding.sentence, secrets)) for some in found for finding in some
        ]


def _print(settings: Sequence[Mapping[str, str]], findings: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    given = [setting for setting in settings if setting["from"] != "default"]
    console.print("Settings that are set:" if given else "No setting is set.")
    for one in given:
        # On one line, even where the terminal must fold it: a name or value is never cut.
        console.print(f"   {escape(one['name'])} = {escape(one['value'])} ({one['from']})", soft_wrap=True)
    rest = ", ".join(setting["name"] for setting in settings if setting["from"] == "default")
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
