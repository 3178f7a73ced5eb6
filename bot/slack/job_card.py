"""A job's first message in Slack: what it says now, and bringing it up to date in its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.pipeline import failures, pilot, reuse
from bot.pipeline.attend import facts
from bot.pipeline.cadence import first_due
from bot.pipeline.create import PLAN
from bot.pipeline.plan import Plan, PlanError
from bot.runtime import Context
from bot.slack import approval
from bot.slack import words as w
from bot.slack.blocks import Message
from bot.slack.end_card import Offers, final_card
from bot.slack.pace import between_updates
from bot.slack.people import directory_of
from bot.slack.plan_card import FRESH, SHOWN_BAD_ROWS, Offer, plan_card
from bot.slack.progress import progress_of, rush_of
from bot.slack.progress_card import progress_card
from bot.slack.review_page import Tally
from bot.slack.telling import Desk, Fate, Place, tell
from bot.slack.thumbnail import Thumbnails
from bot.slack.wire import SlackTrouble
from bot.watch.facts import JobFacts
from bot.watch.summary import summarise
from bot.watch.words import unit_price
from storage.records import Announcement, AnnouncementState, Job, Thread
from storage.states import ENDED_JOBS, ItemState, JobState

CARD = "card"
"""Kind of this message."""

STAMP = "%Y%m%d%H%M%S%f"

LARGE_JOB = 20_000
"""Items from which the sums of a job take long enough to be made less often."""

LARGE_JOB_REST = timedelta(seconds=20)

SPARE = 3
"""Updates left in the pace for last states when a progress message asks."""

REVIEWED = timedelta(seconds=10)
"""So often the card of an ended job follows its review."""

REFRESHED = timedelta(minutes=30)
"""So often a plan's times of day are worked out again."""


@dataclass
class CardMemory:
    """What this process knows of cards beside the data store; losing it costs queries, never a message."""

    looked: dict[str, datetime] = field(default_factory=dict)
    """When a running job's progress was last worked out."""
    thumbnails: Thumbnails = field(default_factory=Thumbnails)

    def forget(self, job_id: str) -> None:
        self.looked.pop(job_id, None)
        self.thumbnails.forget(job_id)


def stamp_of(job: Job) -> str:
    """Names one finish of a job: a retry makes another, with its own summary and gallery."""
    return f"{job.finished_at:{STAMP}}" if job.finished_at else "open"


def mark_of(job: Job, ask_at: datetime | None, now: datetime) -> str:
    """What the card shows beside figures: a card with another mark is brought up to date at once."""
    if job.state in ENDED_JOBS:
        return f"{job.state}@{stamp_of(job)}"
    asked = f"?{ask_at:{STAMP}}" if ask_at else ""
    rush = "!" if job.deadline_at and job.spec.get("rush") else ""
    slot = ""
    if job.state is JobState.PLANNED and now - job.created_at < FRESH:
        slot = f"/{int(now.timestamp() // REFRESHED.total_seconds())}"
    reused = (
        f"+{number}" if job.state is JobState.PLANNED and (number := (job.plan or {}).get("reused")) else ""
    )
    return f"{job.state}{asked}{rush}{reused}{slot}"


def tell_card(
    desk: Desk,
    memory: CardMemory,
    job: Job,
    thread: Thread,
    told: Announcement | None,
    *,
    mark: str,
    running: int,
) -> Fate:
    """The card, posted or brought up to date. `running`: jobs that share Slack's pace. Its digest begins with
    the mark it shows.
    """
    shows = told.digest.partition("|")[0] if told and told.state is AnnouncementState.POSTED else ""
    if told is not None and told.state is AnnouncementState.DEAD:
        return Fate.DEAD
    if shows == mark and job.state not in _MOVING:
        return Fate.SAID
    if told and shows.partition("~")[0] == mark.partition("~")[0] and desk.now < told.at + REVIEWED:
        return Fate.WAITS  # only the review has moved on: its own message shows that at once
    newest = None
    if job.state in _MOVING and not (told and "slack file" in told.note):
        newest = memory.thumbnails.newest(desk, job, running)
    if shows == mark and told is not None:
        every = between_updates(running)
        if job.items > LARGE_JOB:
            every = max(every, LARGE_JOB_REST)
        if desk.now < max(told.at, memory.looked.get(job.id, told.at)) + every:
            return Fate.SAID
    memory.looked[job.id] = desk.now
    if job.state is JobState.PLANNED:
        said = _planned(desk.ctx, job, desk.now, _zone(desk, job, thread))
    elif job.state in ENDED_JOBS:
        said = card_of(desk.ctx, job, desk.now)
    else:
        said = progress_card(job, progress_of(desk.ctx, job, desk.now, newest), desk.now)
    place = Place(job.id, thread.channel, thread.ts)
    spare = SPARE if shows == mark else 0
    return tell(desk, place, CARD, said, told, digest=f"{mark}|{said.digest}", spare=spare)


_MOVING = frozenset({JobState.PILOT, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING})
"""States in which the figures on the card change."""


def card_of(ctx: Context, job: Job, now: datetime) -> Message:
    """The job as its card shows it, for those who ask how it stands; without the newest picture."""
    match job.state:
        case JobState.PLANNED:
            return _planned(ctx, job, now, None)
        case JobState.FINISHED | JobState.CANCELLED:
            judged = facts(ctx, job)
            summary = summarise(judged, now, ctx.policy.rules)
            review = _reviewed(Tally.of(ctx.reviews.counts(job.id)), judged)
            return final_card(job, summary, offers_of(ctx, job), now, review)
        case _:
            return progress_card(job, progress_of(ctx, job, now), now)


def _reviewed(review: Tally, judged: JobFacts) -> str:
    """How far the review is; once nothing is left to review, also what an approved picture cost."""
    if not review.any:
        return ""
    usd, over = judged.tally.spent_usd, not (review.unreviewed or review.remaking)
    if not (over and review.approved and usd) or judged.tally.unpriced:
        return review.line
    return f"{review.line}, {unit_price(usd / review.approved)} for each approved"


def offers_of(ctx: Context, job: Job) -> Offers:
    """What can be done about it now that it has ended."""
    counts = ctx.reviews.standing(job.id)

    def of(states: Iterable[ItemState]) -> int:
        return sum(counts.get(state, 0) for state in states)

    missed = of((*w.MISSED, ItemState.CANCELLED)) + job.bad_rows
    return Offers(of(failures.WORDS["failed"]), missed, of([ItemState.STORED]))


def _planned(ctx: Context, job: Job, now: datetime, zone: tzinfo | None) -> Message:
    plan = PLAN.validate_python(job.plan)
    sample = _sample_size(job, plan)
    offer = Offer(
        bad=list(ctx.queries.rows(job.id, bad_only=True, limit=SHOWN_BAD_ROWS)),
        first=next(ctx.queries.items(job.id, limit=1), None),
        begins_at=first_due(job, ctx.policy, now),
        zone=zone,
        sample=sample,
        sample_proposed=bool(sample) and (plan.items >= pilot.VERY_LARGE or bool(job.spec.get("pilot"))),
        to_agree=[
            lane for lane in plan.quotes if approval.needed(ctx, job, approval.may_cost(ctx, job, lane))
        ],
        ask=approval.asked(ctx, job.id),
        rush=rush_of(ctx, job, plan),
        reuse=None if plan.reused else _reusable(ctx, job),
    )
    return plan_card(job, plan, offer, now)


def _reusable(ctx: Context, job: Job) -> reuse.Offer | None:
    try:
        found = reuse.offer(ctx, job)
    except PlanError:
        return None  # a model is not set up any more: the start says so
    return found if found.number else None


def _sample_size(job: Job, plan: Plan) -> int:
    """As asked for, or as usual; 0 where a sample would be most of the job."""
    wanted = int(job.spec.get("pilot") or 0)
    size = wanted or pilot.usual_size(plan.to_generate)
    return size if (wanted or 2 * size <= plan.to_generate) and size < plan.to_generate else 0


def _zone(desk: Desk, job: Job, thread: Thread) -> tzinfo | None:
    """Of the person who asked for the job; None where Slack does not say."""
    try:
        person = directory_of(desk.wire).person(desk.wire, job.requested_by, thread.team, desk.now)
        return ZoneInfo(person.zone)
    except (SlackTrouble, ZoneInfoNotFoundError, ValueError):
        return None
