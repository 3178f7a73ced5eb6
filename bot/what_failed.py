"""`imgbatch failures`: what of a job came to nothing, and what is being tried again, at the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from bot.app import open_context
from bot.config import load
from bot.pipeline.audit import number
from bot.pipeline.failures import Example, examples, groups
from bot.terminal import fail, print_json
from bot.watch.failing import BAD_ROWS, HEADINGS, Group, name_of, paid, what_to_do
from storage.records import Job

EXAMPLES = 5


def show_failures(job_id: str, as_json: bool) -> int:
    """Every group, by who can act, with its first lines. Exit status 0."""
    with open_context(load().settings, schedules=False) as ctx:
        job = ctx.queries.job(job_id)
        if job is None:
            known = ", ".join(found.id for found in ctx.queries.jobs(limit=5)) or "none yet"
            fail(f"There is no job “{job_id}” in {load().settings.imgbatch_data}; the newest are: {known}")
        found = [(group, examples(ctx, job, group, EXAMPLES)) for group in groups(ctx, job)]
    if as_json:
        print_json([_plain(group, some) for group, some in found])
    else:
        _print(job, found)
    return 0


def _plain(group: Group, some: Sequence[Example]) -> dict[str, Any]:
    """Ready for JSON. Money in USD, null where unknown."""
    return {
        "kind": group.kind,
        "count": group.count,
        "who": group.who.value,
        "retrying": group.retrying,
        "next_at": group.next_at.isoformat() if group.next_at else None,
        "billed": group.billed,
        "cost_usd": number(group.usd),
        "unpriced_attempts": group.unpriced,
        "again_usd": number(group.again_usd),
        "what_to_do": what_to_do(group),
        "examples": [{"line": one.line, "key": one.key, "reason": one.reason} for one in some],
    }


def _print(job: Job, found: Sequence[tuple[Group, Sequence[Example]]]) -> None:
    typer.echo(f"Job {job.id} “{job.title}”, {job.state}")
    if not found:
        typer.echo("  Nothing has failed.")
    who = None
    for group, some in found:
        if group.who is not who:
            who = group.who
            typer.echo(f"{HEADINGS[who]}:")
        cost = "" if group.kind == BAD_ROWS or group.retrying else f" ({paid(group)})"
        typer.echo(f"  {name_of(group)}{cost}")
        if group.next_at is not None:
            typer.echo(f"    next try {group.next_at:%d %b %H:%M} UTC")
        for one in some:
            typer.echo(
                f"    line {one.line:,} {one.key}: {' '.join(one.reason.split()) or 'no reason given'}"
            )
        if some and group.count > len(some):
            typer.echo(f"    and {group.count - len(some):,} more")
        if what_to_do(group):
            typer.echo(f"    {what_to_do(group)}")
