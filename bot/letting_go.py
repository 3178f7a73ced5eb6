"""`imgbatch prune`: what the rules let go of, beforehand or now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import typer

from bot.app import open_context
from bot.config import load
from bot.pipeline.prune import due, loose, prune, used, wanted
from bot.runtime import Context, now
from bot.terminal import print_json
from bot.watch.words import count
from storage.people import ARCHIVES, RESULTS
from storage.pruning import File
from storage.states import ENDED_JOBS

NOTHING = "Nothing is due: all is younger than the settings say (IMGBATCH_KEEP_...)."


def show_or_prune(*, dry_run: bool, as_json: bool) -> int:
    """Say what would go, or let it go. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        if dry_run:
            found = due_now(ctx)
            print_json(found) if as_json else _print_due(found)
            return 0
        number = 0
        while done := prune(ctx, now()):
            number += done
        at_slack = sum(_at_slack(ctx, ctx.clock()).values())
    if as_json:
        print_json({"gone": number, "left_to_the_bot": at_slack})
        return 0
    if number or not at_slack:
        typer.echo(f"{number:,} files and lines of history are gone." if number else NOTHING)
    if at_slack:
        typer.echo(f"{count(at_slack, 'file')} at Slack will be deleted by the running bot.")
    return 0


def _print_due(found: Mapping[str, Any]) -> None:
    if not found["files"] and not found["slack"] and not found["history"]:
        typer.echo(NOTHING)
    for name, (number, size) in found["files"].items():
        typer.echo(f"{name:<44} {number:>9,}  {size / 1e6:>12,.1f} MB")
    for name, number in found["slack"].items():
        typer.echo(f"{f'at Slack: {name}':<44} {number:>9,}")
    if found["history"]:
        typer.echo(f"{'lines of history':<44} {found['history']:>9,}")
    of = f" of {found['budget_bytes'] / 1e9:,.1f} GB" if found["budget_bytes"] else ""
    typer.echo(f"{'all files there are':<44} {'':>9}  {found['used_bytes'] / 1e6:>12,.1f} MB{of}")


def due_now(ctx: Context) -> Mapping[str, Any]:
    """What is due by age: files and bytes by kind, files at Slack, lines of history; what all files take."""
    at, keep = ctx.clock(), ctx.policy.keep
    numbers: Counter[str] = Counter()
    sizes: Counter[str] = Counter()

    def add(name: str, keys: Iterable[str]) -> None:
        for key in keys:
            numbers[name] += 1
            sizes[name] += _size(ctx, key)

    for job in ctx.queries.jobs(ENDED_JOBS):
        for gone in wanted(job, keep, at):
            what = "originals" if gone.files == {File.MASTER} else "web files"
            what = "originals and web files" if len(gone.files) > 1 else what
            add(f"{what}: {' or '.join(sorted(gone.reviews))}", ctx.queries.prunable(gone))
        if due(job, keep.payloads, at):
            add("payloads", ctx.queries.payloads(job.id))
        add("drawn, packed or superseded", loose(ctx, job, keep, at))
    return {
        "files": {name: (number, sizes[name]) for name, number in sorted(numbers.items())},
        "slack": _at_slack(ctx, at),
        "history": ctx.queries.moves_before(at - keep.history) if keep.history else 0,
        "used_bytes": used(ctx),
        "budget_bytes": keep.disk_bytes,
    }


def _at_slack(ctx: Context, at: datetime) -> Mapping[str, int]:
    """Files at Slack that are due, by what they are; the running bot deletes them."""
    age = ctx.policy.keep.slack
    numbers: Counter[str] = Counter()
    for _, key, _ in ctx.queries.old_uploads(None if age is None else at - age):
        kinds = (name for part, name in _HANDED_OVER.items() if part in key)
        numbers[next(kinds, "pictures and charts")] += 1
    return dict(sorted(numbers.items()))


_HANDED_OVER = {RESULTS: "results sheets", ARCHIVES: "archives and sheets of what failed"}
"""What was shared in threads, by what is in the keys."""


def _size(ctx: Context, key: str) -> int:
    try:
        return ctx.blobs.size(key)
    except FileNotFoundError:
        return 0
