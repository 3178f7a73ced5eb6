"""Looks at everything and says what was found, to a person or to a program."""

from __future__ import annotations

import difflib
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
from bot.doctor.models import saved_models
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

CHECKS: Sequence[Check] = (
    data,
    database,
    disk,
    fonts,
    clock,
    providers,
    saved_models,
    webhooks,
    slack,
    traces,
)
"""In the order they are told."""


def examine(as_json: bool) -> int:
    """Look at everything. Exit status 1 when something is wrong, 0 else; warnings are not wrong."""
    loaded = load()
    findings = [*unknown_names(loaded), *look(loaded.settings)]
    wrong = any(finding.state is State.WRONG for finding in findings)
    settings = _settings(loaded)
    if as_json:
        found = [asdict(finding) for finding in findings]
        print_json({"ok": not wrong, "settings": settings, "findings": found})
    else:
        _print(settings, findings)
    return 1 if wrong else 0


def unknown_names(loaded: Loaded) -> list[Finding]:
    """Variables that look like ours and are none: a limit that is written wrongly limits nothing."""
    ours = "IMGBATCH_"
    names = [name.upper().removeprefix(ours) for name in Settings.model_fields]
    found = []
    for name, origin in loaded.unknown:
        close = difflib.get_close_matches(name.removeprefix(ours), names, n=1, cutoff=0.7)
        hint = f"did you mean {ours}{close[0]}?" if close else "docs/operating.md lists them."
        said = f"{name} ({origin}) is not a setting and does nothing; {hint}"
        found.append(Finding("settings", State.WARNING, said))
    return found


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
    console.print(f"\n{escape(verdict(findings))}")


def verdict(findings: Sequence[Finding]) -> str:
    """“To be mended (!!): Slack. To be looked at (??): disk, clock.”"""
    wrong, odd = (
        list(dict.fromkeys(one.about for one in findings if one.state is state))
        for state in (State.WRONG, State.WARNING)
    )
    said = [f"To be mended (!!): {', '.join(wrong)}." if wrong else "Nothing is wrong."]
    if odd:
        said.append(f"To be looked at (??): {', '.join(odd)}.")
    return " ".join(said)


def _hanging(mark: str, text: str) -> Table:
    """A mark, and beside it a text that wraps at words and stays beside it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(mark, escape(text))
    return table
