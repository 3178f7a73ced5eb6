"""Schedules in Slack: asking for one, listing and ending them, and doing what is due."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from bot.intake import command as c
from bot.intake.deadline import zone_of
from bot.intake.decision import START
from bot.intake.options import CommandError
from bot.intake.rule import Rule, parse_rule
from bot.pipeline.create import SPEC, Wanted, create_once
from bot.pipeline.scheduled import LATE, new_schedule, sheet_of_run
from bot.runtime import Context
from bot.slack import answers, reach, verbs
from bot.slack import blocks as b
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.people import zone_for
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.telling import Desk
from bot.slack.verbs import Wish
from bot.slack.wire import Wire
from bot.watch.words import money
from storage.records import InboxEntry, Job, Thread
from storage.shelved import Schedule, ScheduleState
from storage.states import JobState

END = "schedule_end"
"""Action id of the buttons that end a schedule; the value is its id."""

ASK = "schedule_ask"
"""Action id of the buttons that open the form of a schedule; the value is the job's id."""


def ask_button(job: Job) -> Block:
    return b.button("Schedule…", ASK, job.id)


def answer(
    ctx: Context,
    wire: Wire,
    asked: c.Schedule | c.Schedules | c.Unschedule,
    where: Where,
    now: datetime,
) -> Message:
    """What `schedule …`, `schedules` and `unschedule …` do and say."""
    match asked:
        case c.Schedules():
            return listed(ctx, where.team, now)
        case c.Unschedule(schedule=schedule_id):
            return reach.sentence(end(ctx, wire, schedule_id, where, now))
        case c.Schedule(job=name, text=text):
            job = answers.find_job(ctx, name, where.team)
            if job is None or job.state is JobState.DRAFT:
                return reach.sentence(answers.no_such_job(name))
            if not text:
                said = f"When shall job {job.id}, “{job.title}”, be run again?"
                return b.message(b.escaped(said), [b.words(said), b.actions("schedule", ask_button(job))])
            try:
                rule = parse_rule(text, zone_for(wire, where, now), now.date())
                return said_of_new(begin(ctx, wire, job, rule, where, now), now)
            except CommandError as problem:
                return reach.sentence(str(problem))


def begin(ctx: Context, wire: Wire, job: Job, rule: Rule, where: Where, now: datetime) -> Schedule:
    """Schedule a job in the channel where it is told. Raises CommandError."""
    thread = ctx.mail.thread(job.id)
    channel = thread.channel if thread else where.channel
    refused = refusal(ctx, wire, Right.START, where, now)
    if refused is not None:
        raise CommandError(refused)
    return new_schedule(ctx, job, rule, (where.team, channel, where.person), now)


def said_of_new(schedule: Schedule, now: datetime) -> Message:
    rule = Rule.of_json(schedule.rule)
    said = f"“{schedule.title}” will be run {rule.said()}. {_how(rule)}"
    body = [b.words(said)]
    if schedule.next_at:
        body.append(
            b.context(
                f"First {w.when(schedule.next_at, now)}. To end it: `/imgbatch unschedule {schedule.id}`"
            )
        )
    return b.message(b.escaped(said), body)


def _how(rule: Rule) -> str:
    if rule.budget_usd is None:
        return "Each run is planned and waits for Start."
    most = money(rule.budget_usd)
    return f"A run that may cost at most {most} starts by itself; a dearer one waits for Start."


def listed(ctx: Context, team: str, now: datetime) -> Message:
    """Every schedule of the workspace, next first, each with a button to end it."""
    found = ctx.shelf.schedules(team)
    if not found:
        return reach.sentence("Nothing is scheduled. “schedule JOB daily 07:00” runs a job again every day.")
    body: list[Block] = [b.header("Schedules"), *(block for one in found[:20] for block in lines(one, now))]
    if len(found) > 20:
        body.append(b.small(f"… and {len(found) - 20} more"))
    return b.message(f"{len(found)} scheduled.", body)


def lines(schedule: Schedule, now: datetime) -> list[Block]:
    """One schedule with its button."""
    rule = Rule.of_json(schedule.rule)
    budget = f", by itself up to {money(rule.budget_usd)}" if rule.budget_usd else ", waits for Start"
    block = b.words(f"{schedule.title}: {rule.said()}{budget}")
    question = b.confirm("End this schedule?", "Jobs it has begun go on.", "End it", "Keep it")
    block["accessory"] = b.button("End", END, schedule.id, confirm=question)
    place = f" in <#{schedule.channel}>" if schedule.channel.startswith(("C", "G")) else ""
    coming = f"Next {w.when(schedule.next_at, now)}" if schedule.next_at else "No time to come"
    return [block, b.context(f"`{schedule.id}` {coming}{place}, asked for by {b.person(schedule.person)}")]


def end(ctx: Context, wire: Wire, schedule_id: str, where: Where, now: datetime) -> str:
    """End it, if it is one's own or one may end those of others; a sentence."""
    schedule = ctx.shelf.schedule(schedule_id)
    if schedule is None or schedule.team != where.team:
        return f"There is no schedule “{schedule_id}”; “schedules” lists them."
    if schedule.state is ScheduleState.ENDED:
        return f"The schedule of “{schedule.title}” has ended already."
    if schedule.person != where.person:
        refused = refusal(ctx, wire, Right.ADMIN, where, now)
        if refused is not None:
            return refused
    if not ctx.shelf.change_schedule(schedule, state=ScheduleState.ENDED, next_at=None):
        return end(ctx, wire, schedule_id, where, now)  # it was run at this moment
    return f"“{schedule.title}” will not be run again."


# --- what is due ----------------------------------------------------------------------------------------


def run(desk: Desk, entry: InboxEntry) -> str:
    """One run of a schedule: the job is made, told in its channel, and started if its budget allows it.

    Worked on twice, it makes and starts nothing twice. Raises CannotCreateError and SheetError.
    """
    given, ctx = entry.payload, desk.ctx
    schedule = ctx.shelf.schedule(given["schedule"])
    if schedule is None:
        return "the schedule is gone"
    rule, planned = Rule.of_json(schedule.rule), datetime.fromisoformat(given["planned"])
    late = entry.received_at - planned > LATE
    with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
        path = sheet_of_run(ctx, schedule, given, Path(folder))
        own = {"title": title(schedule, rule, planned, late), "deadline": None, "rush": False, "reuse": None}
        spec = SPEC.validate_python({**schedule.spec, **own})
        wanted = Wanted(path, path.name, spec, schedule.person, notes=(_note(rule, planned, late),))
        create_once(ctx, wanted, desk.now, given["job"])
    ctx.mail.open_thread(Thread(given["job"], schedule.team, schedule.channel, schedule.person))
    job = ctx.queries.job(given["job"])
    assert job is not None
    where = Where(schedule.team, schedule.channel, schedule.person)
    # Who may not start batches any more starts none by a schedule either
    may = refusal(ctx, desk.wire, Right.START, where, desk.now) is None
    if job.state is JobState.PLANNED and may and within(rule.budget_usd, job):
        return verbs.do(ctx, Wish(START, job.id, schedule.person), desk.now)
    return f"job {job.id} waits for Start"


def title(schedule: Schedule, rule: Rule, planned: datetime, late: bool) -> str:
    """`Spring banners, Mon 23 Nov`, on the calendar of the schedule."""
    day = planned.astimezone(zone_of(rule.zone))
    return b.cut(f"{schedule.title}, {day:%a} {day.day} {day:%b}{' (late)' if late else ''}", 120)


def _note(rule: Rule, planned: datetime, late: bool) -> str:
    said = f"Scheduled {rule.said()}. {_how(rule)}"
    if late:
        wall = planned.astimezone(zone_of(rule.zone))
        said += (
            f" This run is late: it was due on {wall.day} {wall:%b} at {wall:%H:%M}, while I was not running."
        )
    return said


def within(budget: Decimal | None, job: Job) -> bool:
    """Whether the run may start by itself: its highest price is known and not above the schedule's budget."""
    return budget is not None and job.quoted_high is not None and job.quoted_high <= budget
