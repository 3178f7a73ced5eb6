"""The answers to what needs no sheet and decides nothing about a job, by command and by mention alike."""

from __future__ import annotations

from datetime import datetime

from bot.intake import command as c
from bot.runtime import Context
from bot.slack import answers, budgets, digests, exports, failures, figures, presets, reach, schedules
from bot.slack.blocks import Message
from bot.slack.reach import Where
from bot.slack.wire import Wire


def reply(
    ctx: Context, wire: Wire, said: c.Command, where: Where, now: datetime, name: str
) -> Message | None:
    """The answer; None for what opens the form, takes a sheet, or decides about a job. `name` is the asking's
    own, so that it is followed once.
    """
    match said:
        case c.Status(job=job):
            return answers.status(ctx, job, where.person, where.team, now)
        case c.ListJobs():
            return answers.listed(ctx, where.person)
        case c.Audit(job=job):
            return answers.proof(ctx, job, where.team)
        case c.Failures(job=job):
            return failures.answer(ctx, job, where.team, now)
        case c.Help(topic=topic):
            return answers.help_on(topic)
        case c.Unknown(suggestion=suggestion):
            return reach.sentence(suggestion)
        case c.Export():
            return exports.answer(ctx, wire, said, where, now, name)
        case _:
            return _kept(ctx, wire, said, where, now)


def _kept(ctx: Context, wire: Wire, said: c.Command, where: Where, now: datetime) -> Message | None:
    """What is about channels, people and money."""
    match said:
        case c.Budgets():
            return budgets.answer(ctx, wire, said, where, now)
        case c.Costs() | c.Stats():
            return figures.answer(ctx, wire, said, where, now)
        case c.Digest():
            return digests.answer(ctx, wire, said, where, now)
        case c.Presets():
            return presets.answer(ctx, wire, said, where, now)
        case c.Schedule() | c.Schedules() | c.Unschedule():
            return schedules.answer(ctx, wire, said, where, now)
        case _:
            return None
