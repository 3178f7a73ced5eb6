"""Whether the process lives, and whether it can do its work: for whoever restarts it or sends it traffic."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.runtime import Context
from storage.engine import StoreError

LEAST_FREE_BYTES = 256 * 1024 * 1024
"""With less than this on the disk of the data folder nothing more can be kept: the database's own log alone
may grow to 64 MiB, and a hand of pictures to as much.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    name: str
    ok: bool
    says: str


def alive(ctx: Context) -> dict[str, object]:
    """Whether a restart would help: it would when a tick hangs. Looks at nothing outside of this process."""
    beats = ctx.pulse.beats(ctx.clock())
    hanging = {beat.name: round((beat.running or beat.idle).total_seconds()) for beat in beats if beat.hangs}
    return {"ok": not hanging, "hanging_seconds": hanging, "providers": list(ctx.providers)}


def ready(ctx: Context, folder: Path, connected: Callable[[], bool] | None) -> dict[str, object]:
    """Whether it can do its work, with a sentence for each thing that work needs.

    `connected`: whether Slack reaches us, where it does so over a connection of ours.
    """
    found = list(checks(ctx, folder, connected))
    said = {check.name: {"ok": check.ok, "says": check.says} for check in found}
    return {"ok": all(check.ok for check in found), "checks": said}


def checks(ctx: Context, folder: Path, connected: Callable[[], bool] | None) -> Iterator[Check]:
    """Everything its work needs, each looked at when it is its turn."""
    yield database(ctx)
    yield _ticks(ctx)
    yield disk(folder)
    if connected is not None:
        there = connected()
        yield Check("slack", there, "Connected to Slack." if there else "Not connected to Slack.")


def database(ctx: Context) -> Check:
    """Reachable, in the newest form, and ours."""
    try:
        form = ctx.vitals.form()
        if not form.current:
            said = f"The tables are in form {form.present}, this program needs {form.newest}; restart it."
            return Check("database", False, said)
        if not ctx.in_charge():
            said = "This process has lost the right to work on the data store; restart it."
            return Check("database", False, said)
    except StoreError as problem:
        return Check("database", False, f"{problem}.")
    return Check("database", True, f"Reachable, in form {form.newest}, and held by this process.")


def _ticks(ctx: Context) -> Check:
    now = ctx.clock()
    beats = ctx.pulse.beats(now)
    stuck = [beat.name for beat in beats if beat.stuck(now)]
    if not beats:
        return Check("ticks", False, "No tick runs: the program is starting or stopping.")
    if stuck:
        return Check("ticks", False, f"Not to a good end for a long time: {', '.join(stuck)}. See the log.")
    return Check("ticks", True, f"{len(beats)} run.")


def disk(folder: Path) -> Check:
    """Room for what comes in."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as problem:
        return Check("disk", False, f"{folder} cannot be read: {problem.strerror}.")
    said = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < LEAST_FREE_BYTES:
        return Check("disk", False, f"{said}: too little to keep pictures; make room.")
    return Check("disk", True, f"{said}.")
