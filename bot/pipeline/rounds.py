"""The stages in the order of the walk, and one round of all of them: what the ticks run, one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.pipeline.assemble import assemble
from bot.pipeline.attend import attend
from bot.pipeline.collect import collect
from bot.pipeline.deadline import deadlines
from bot.pipeline.finish import finish
from bot.pipeline.oversee import oversee
from bot.pipeline.packing import pack
from bot.pipeline.pilot import pilots
from bot.pipeline.poll import poll
from bot.pipeline.prune import prune
from bot.pipeline.reroute import reroute
from bot.pipeline.rescue import rescue
from bot.pipeline.submit import submit
from bot.runtime import Context

Stage = Callable[[Context, datetime], int]
"""Does one round of what is due and returns how much that was."""

STAGES: Mapping[str, Stage] = {
    "rescue": rescue,
    "collect": collect,
    "reroute": reroute,
    "deadlines": deadlines,
    "assemble": assemble,
    "submit": submit,
    "poll": poll,
    "pilots": pilots,
    "finish": finish,
    "attend": attend,
    "oversee": oversee,
    "pack": pack,
    "prune": prune,
}
"""Downloads before submissions: what is made can be lost, what is not yet sent cannot."""


def one_round(ctx: Context, now: datetime) -> int:
    """Every stage once; how much was done in all."""
    return sum(stage(ctx, now) for stage in STAGES.values())
