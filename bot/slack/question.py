"""The question for a second person in a job's thread: who asks what, who may agree, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.pipeline import failures
from bot.runtime import Context
from bot.slack import again, approval, cards, keeping, rights
from bot.slack import blocks as b
from bot.slack.approval import Ask
from bot.slack.blocks import Block, Message
from bot.slack.reach import Where
from bot.slack.rights import Right
from bot.slack.telling import Desk, Fate, Place, tell
from bot.watch.words import count, listed, money
from storage.records import Announcement, AnnouncementState, Job, Thread
from storage.returning import OPEN_JOBS
from storage.states import JobState

KIND = "ask-"
"""Begins the kind of these messages; each question has its own."""


def tell_question(
    desk: Desk, place: Place, job: Job, thread: Thread, told: Mapping[str, Announcement]
) -> Fate:
    """Ask what is asked now; say under what was asked before what came of it. Raises SlackTrouble."""
    ctx, fate = desk.ctx, Fate.SAID
    asked = approval.asked(ctx, job.id)
    current = ""
    if asked is not None and _stands(ctx, job, asked):
        current = f"{KIND}{asked.id}"
        said = _question(ctx, job, thread, asked)
        keeping.keep(ctx, job.id, current, said)
        fate = tell(desk, place, current, said, told.get(current))
    for kind, announcement in told.items():
        if kind.startswith(KIND) and kind != current and announcement.digest != keeping.CLOSED:
            _close(desk, place, job, kind, announcement)
    if asked is not None and not current and fate is Fate.SAID:
        ctx.shelf.forget(approval.ASK, job.id)
    return fate


def _stands(ctx: Context, job: Job, asked: Ask) -> bool:
    """Whether the question still waits for its answer."""
    match asked.verb:
        case "start":
            states = frozenset({JobState.PLANNED})
        case "go_on":
            states = frozenset({JobState.PILOT_REVIEW})
        case "retry" | "reword" | "redo":
            states = OPEN_JOBS | {JobState.PILOT_REVIEW}
        case _:
            states = frozenset({JobState.PLANNED, JobState.PILOT, JobState.RUNNING, JobState.PAUSED})
    return job.state in states and bool(_about(ctx, job, asked)) and approval.needed(ctx, job, asked.usd)


def _about(ctx: Context, job: Job, asked: Ask) -> int:
    """How many pictures it is about, as things stand."""
    match asked.verb:
        case "retry":
            return sum(one.count for one in failures.chosen(ctx, job, asked.which))
        case "reword":
            said = {int(number): prompt for number, prompt in asked.prompts.items()}
            return len(failures.changed(ctx, job, said))
        case "redo":
            return len(again.waiting(ctx, job, asked.prompts))
        case _:
            return job.items


def _question(ctx: Context, job: Job, thread: Thread, asked: Ask) -> Message:
    limit = approval.limit_of(ctx, job)
    above = f", above the limit of {money(limit)}" if limit is not None else ""
    pictures = count(_about(ctx, job, asked), "picture")
    wanted = {
        "start": f"start {pictures}",
        "go_on": "make the rest of the pictures",
        "rush": "hurry what would come too late",
        "retry": f"send {pictures} again",
        "reword": f"make {pictures} with other words",
        "redo": f"make {pictures} again",
    }[asked.verb]
    lane = {"live": " now", "batch": " in the cheaper lane"}.get(asked.lane or "", "")
    who = _who_may(ctx, thread)
    body: list[Block] = [
        b.section(
            f":moneybag: {b.person(asked.person)} would like to *{wanted}{lane}*, "
            f"for up to *{asked.price}* in all{above}."
        ),
        b.context(f"{who} may agree, but not {b.person(asked.person)}. Nothing more is spent before that."),
        b.actions(
            f"ask-{job.id}",
            b.button("Agree", cards.AGREE, cards.carried(job, asked.id), style="primary"),
            cards.details(job),
        ),
    ]
    return b.message(f"{b.escaped(job.title, 150)}: an approval of {asked.price} is asked for.", body)


def _who_may(ctx: Context, thread: Thread) -> str:
    where = Where(thread.team, thread.channel, thread.person, thread.ts)
    named = rights.may(ctx, Right.SPEND, where)
    if not named:
        return "Any other member of this workspace"
    return listed([_mention(name) for name in named])


def _mention(name: str) -> str:
    if name.startswith("U"):
        return b.person(name)
    return f"<!subteam^{name}>" if name.startswith("S") else b.escaped(name)


def _close(desk: Desk, place: Place, job: Job, kind: str, told: Announcement) -> None:
    """What came of it, in the place of the button."""
    said = keeping.kept(desk.ctx, job.id, kind)
    if said is None or told.state is not AnnouncementState.POSTED:
        return
    body = [block for block in said.blocks if block["type"] == "section"]
    outcome = _outcome(desk.ctx, job, told.at)
    tell(desk, place, kind, Message(said.text, [*body, b.context(outcome)]), told, digest=keeping.CLOSED)


def _outcome(ctx: Context, job: Job, asked_at: datetime) -> str:
    agreed = [permit for permit in ctx.shelf.permits(job.id) if permit.at >= asked_at]
    if agreed:
        most = agreed[-1].limit_usd
        price = "whatever it costs" if most is None else f"up to {money(most)}"
        return f":white_check_mark: {b.person(agreed[-1].person)} agreed to {price}."
    if job.state in (JobState.CANCELLING, JobState.CANCELLED):
        return "The job was cancelled."
    return "This is settled in another way; see the job's card."
