"""`imgbatch person export USER` and `erase USER`: what is stored about somebody, and without them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import typer

from bot.app import open_context
from bot.config import load
from bot.runtime import Context, now
from bot.slack.blocks import ERASED
from bot.steer import WHO
from bot.terminal import confirmed, fail
from bot.watch.words import count
from storage.people import RESULTS, swap

SALT = "erase"
"""Scope under which is kept what makes these names: one person has one name, and nobody can work out whose it
is.
"""


def export_person(person: str, out: Path | None) -> int:
    """Write every row that names the person, as JSON. Exit status 0."""
    _check(person)
    with open_context(load().settings, schedules=False) as ctx:
        found: dict[str, list[Any]] = {}
        for name, row in ctx.shelf.everything(person):
            found.setdefault(name, []).append(row)
        messages = [key for key, text in _said(ctx) if person in text]
    if not found and not messages:
        typer.echo(f"{_nobody(person)} No file was written.")
        return 0
    target = out or Path(f"{person}.json")
    whole = {"person": person, "at": now(), "rows": found, "messages": messages}
    text = json.dumps(whole, ensure_ascii=False, indent=1, default=str)
    target.touch(mode=0o600)  # what it holds is nobody else's business
    target.write_text(text + "\n", encoding="utf-8")
    rows = sum(len(rows) for rows in found.values())
    typer.echo(f"{target}: {count(rows, 'row')} of {count(len(found), 'table')} name {person}")
    return 0


def erase_person(person: str, *, yes: bool) -> int:
    """Put a name that says nothing in the person's place. Exit status 0."""
    _check(person)
    with open_context(load().settings, schedules=False) as ctx:
        if next(iter(ctx.shelf.everything(person)), None) is None and not _mentioned(ctx, person):
            typer.echo(_nobody(person))
            return 0
        alias = alias_of(ctx, person)
        if not yes:
            typer.echo(
                f"{alias} will stand for {person} everywhere. Their drafts and presets are dropped and their "
                "schedules end; results sheets and archives at Slack that name them as somebody who approved "
                "are deleted there by the running bot. Pictures, sums and decisions stay. This cannot be "
                "undone. Messages in Slack are Slack's."
            )
            if not confirmed("Erase?"):
                typer.echo("Nothing was erased.")
                return 0
        counts = erase(ctx, person)
    rows = ", ".join(f"{number:,} in {name}" for name, number in counts.items()) or "nothing was stored"
    typer.echo(f"{person} is {alias} now: {rows}")
    return 0


def erase(ctx: Context, person: str) -> dict[str, int]:
    """The same for a context: rows by table, and messages kept. Done again, it ends what was begun."""
    alias = alias_of(ctx, person)
    for job_id in ctx.shelf.named_in_files(person):  # first, while it is known which
        for key in [key for key, _ in ctx.blobs.listed(f"{job_id}/") if RESULTS in key]:
            ctx.blobs.delete(key)
    counts = dict(ctx.shelf.erase(person, alias, ctx.clock(), WHO))
    for key, text in _said(ctx):
        if (other := swap(text, person, alias)) != text:
            ctx.blobs.put(key, other.encode())
            counts["messages kept"] = counts.get("messages kept", 0) + 1
    return counts


def alias_of(ctx: Context, person: str) -> str:
    """The name that stands for this person, always the same here."""
    kept = ctx.shelf.recall(SALT, "salt")
    salt = str(kept[0]) if kept else ctx.new_id(26)
    if kept is None:
        ctx.shelf.remember(SALT, "salt", salt, ctx.clock())
    return ERASED + hashlib.sha256(f"{salt}{person}".encode()).hexdigest()[:10]


def _nobody(person: str) -> str:
    return f"Nothing that is stored names {person}. A person's id stands in their Slack profile (U…)."


def _mentioned(ctx: Context, person: str) -> bool:
    return any(person in text for _, text in _said(ctx))


def _said(ctx: Context) -> list[tuple[str, str]]:
    """Messages kept as they were said."""
    keys = [key for key, _ in ctx.blobs.listed() if "/told/" in key]
    return [(key, ctx.blobs.read(key).decode()) for key in keys]


def _check(person: str) -> None:
    if not re.fullmatch(r"[A-Z0-9]{3,}|[\w. -]{3,60}", person) or person == WHO:
        fail(f"“{person}” is not the id of a person; in Slack it stands in the profile (U…)")
