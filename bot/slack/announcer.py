"""The announce tick: whatever a thread should have been told and was not, is told.

It pulls: nobody calls it when something happens. It compares what the data store says with what was told,
does a few of the differences, and what does not fit into Slack's pace waits for the next tick.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slack_sdk import WebClient

from bot.runtime import Context
from bot.slack import alerts, exports, gallery, keeping, reach, reminders, returns, review
from bot.slack.approval import ASK
from bot.slack.closing import tell_summary
from bot.slack.end_card import retried
from bot.slack.gallery import Part
from bot.slack.job_card import CARD, STAMP, CardMemory, mark_of, stamp_of, tell_card
from bot.slack.question import tell_question
from bot.slack.redone import tell_redone
from bot.slack.reminders import tell_reminder
from bot.slack.results import tell_results
from bot.slack.sample_message import tell_sample
from bot.slack.showing import send_ahead, show
from bot.slack.telling import STRANDED, Desk, Fate, Place, channel_lost, tell
from bot.slack.wire import SlackTrouble, wire_of
from bot.tracing import doing
from storage.records import Announcement, AnnouncementState, Job, Thread
from storage.states import ENDED_JOBS, LIVING_JOBS, ItemState, JobState

log = logging.getLogger(__name__)

LIVING = (JobState.PLANNED, *LIVING_JOBS)
ENDED = ENDED_JOBS

FOR_PEOPLE = (JobState.PLANNED, JobState.PILOT_REVIEW, JobState.PAUSED)
"""States that only a person ends: what is told of them need not be looked at again until they change."""

AT_A_TIME = 200
"""Old jobs looked at in one tick after a start, so that progress of running ones does not wait for them."""

Told = Mapping[str, Announcement]


@dataclass
class Memory:
    """What this process knows beside the data store; losing it costs queries, never a message."""

    watched: set[str] = field(default_factory=set)
    """Jobs that are not fully told."""
    resting: set[tuple[str, str]] = field(default_factory=set)
    """Jobs that wait for people and of which all is told, each with the mark its card shows."""
    backlog: list[str] | None = None
    """Jobs of earlier runs still to be looked at; None before the first tick."""
    cards: CardMemory = field(default_factory=CardMemory)
    galleries: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    summaries: dict[str, datetime] = field(default_factory=dict)
    """Since when a summary waits for its chart, by kind."""
    alerted: dict[str, str] = field(default_factory=dict)
    """Incidents of which everything is told, each with how it stood then."""
    reviewed: dict[str, datetime] | None = None
    """When each job's review had changed last, when all of it was told; None before the first tick."""
    due: dict[str, datetime] = field(default_factory=dict)
    """When a job of which all is told is to be looked at for a reminder."""


_MEMORIES: weakref.WeakKeyDictionary[WebClient, Memory] = weakref.WeakKeyDictionary()


def announce(ctx: Context, client: WebClient, now: datetime, *, alert_channel: str | None = None) -> int:
    """Tell what has not been told; how many jobs are not fully told yet.

    Give it the same client at every tick: the pace belongs to it.
    """
    memory = _MEMORIES.setdefault(client, Memory())
    desk = Desk(ctx, wire_of(client), now)
    living = {job.id: job for job in ctx.queries.jobs(LIVING)}
    asks = ctx.shelf.recalled(ASK)
    marks = {job.id: mark_of(job, asks.get(job.id), now) for job in living.values()}
    reviews = _changes(ctx)
    _watch(ctx, memory, living, marks)
    _watch_reviews(memory, reviews, now)
    running = sum(job.state not in FOR_PEOPLE for job in living.values())
    for job, thread in _in_turn(ctx, memory, living):
        mark = marks.get(job.id) or mark_of(job, asks.get(job.id), now)
        with doing("announce", job=job.id):
            try:
                if _tell_job(desk, memory, job, thread, mark + review.mark(ctx, job), running):
                    _all_told(memory, job, mark)
                    _reviews_told(memory, job, reviews.get(job.id), now)
            except SlackTrouble as problem:
                log.info("told later: %s", problem)
    alerts.tell_alerts(desk, memory.alerted, alert_channel)
    return len(memory.watched)


def _changes(ctx: Context) -> Mapping[str, datetime]:
    """Jobs beside whose making something happened, each with when that was last."""
    found = dict(ctx.shelf.recalled(review.REVIEW))
    for changed in (returns.changes(ctx), ctx.shelf.export_changes(), ctx.shelf.recalled(ASK)):
        for job_id, at in changed.items():
            found[job_id] = max(at, found.get(job_id, at))
    return found


def _all_told(memory: Memory, job: Job, mark: str) -> None:
    memory.watched.discard(job.id)
    memory.cards.forget(job.id)
    if job.state in FOR_PEOPLE:
        memory.resting.add((job.id, mark))


def _watch(ctx: Context, memory: Memory, living: Mapping[str, Job], marks: Mapping[str, str]) -> None:
    if memory.backlog is None:
        memory.backlog = [thread.job_id for thread in reversed(ctx.mail.threads())]
    still = memory.resting & set(marks.items())
    memory.watched |= {job_id for job_id, _ in memory.resting - still}
    memory.resting = still
    memory.watched |= living.keys() - {job_id for job_id, _ in still}
    memory.watched |= set(memory.backlog[:AT_A_TIME])
    del memory.backlog[:AT_A_TIME]


def _watch_reviews(memory: Memory, reviews: Mapping[str, datetime], now: datetime) -> None:
    """Jobs in whose review something happened, or of which somebody is to be reminded."""
    known = memory.reviewed
    if known is None:  # the first tick: all jobs are looked at anyway, some at a time
        known = memory.reviewed = dict(reviews)
    memory.watched |= {job_id for job_id, at in reviews.items() if known.get(job_id) != at}
    come = [job_id for job_id, at in memory.due.items() if at <= now]
    memory.watched.update(come)
    for job_id in come:
        del memory.due[job_id]


def _reviews_told(memory: Memory, job: Job, changed_at: datetime | None, now: datetime) -> None:
    if changed_at is not None and memory.reviewed is not None:
        memory.reviewed[job.id] = changed_at
    next_at = reminders.next_at(job, now)
    if next_at is not None:
        memory.due[job.id] = next_at


def _in_turn(ctx: Context, memory: Memory, living: Mapping[str, Job]) -> list[tuple[Job, Thread]]:
    """The watched jobs with a thread; those that ended first, since their last word must get through."""
    found = []
    for job_id in sorted(memory.watched):
        job = living.get(job_id) or ctx.queries.job(job_id)
        thread = ctx.mail.thread(job_id)
        if job is None:
            memory.watched.discard(job_id)
        elif thread is not None and job.state is not JobState.DRAFT:
            found.append((job, thread))
        elif job.state in ENDED:
            memory.watched.discard(job_id)  # run from the command line: there is nobody to tell here
    return sorted(found, key=lambda pair: (pair[0].state not in ENDED, pair[0].state is JobState.RUNNING))


def _tell_job(desk: Desk, memory: Memory, job: Job, thread: Thread, mark: str, running: int) -> bool:
    """One job's messages; True when there is nothing more to tell of it for now."""
    told = desk.ctx.mail.announcements(job.id)
    if channel_lost(told):
        return _tell_stranded(desk, job, thread, told.get(STRANDED))
    fate = tell_card(desk, memory.cards, job, thread, told.get(CARD), mark=mark, running=running)
    if thread.ts is None:
        card = desk.ctx.mail.announcements(job.id).get(CARD)
        if card is None or card.ts is None:
            return False
        desk.ctx.mail.thread_begins(job.id, card.ts)
        thread = Thread(job.id, thread.team, thread.channel, thread.person, card.ts)
    place = Place(job.id, thread.channel, thread.ts)
    others = (
        _close_summaries(desk, place, job, told),
        tell_question(desk, place, job, thread, told),
        tell_sample(desk, place, job, told),
        returns.tell_returns(desk, place, job, told),
        exports.tell_exports(desk, place, job, told),
    )
    current = _keep_review(desk, place, thread.team, job, told)
    if Fate.WAITS in (fate, *others) or not current:
        return False
    if job.state in FOR_PEOPLE:
        return job.state is not JobState.PAUSED or not _comes_in(desk.ctx, job)
    if job.state in ENDED:
        return job.started_at is None or _tell_end(desk, memory, place, thread.team, job, told)
    return False


def _keep_review(desk: Desk, place: Place, team: str, job: Job, told: Told) -> bool:
    """What was told of a review is brought up to date, whatever the job does meanwhile; True when it is."""
    if review.REVIEW not in told:
        return True
    redone = tell_redone(desk, place, job, told)
    reminded = tell_reminder(desk, place, job, told)
    fate = review.tell_review(desk, place, team, job, told[review.REVIEW])
    return redone and Fate.WAITS not in (reminded, fate)


def _comes_in(ctx: Context, job: Job) -> bool:
    """Whether a paused job still gets pictures from the provider."""
    counts = ctx.queries.counts(job.id)
    return any(counts.get(s) for s in (ItemState.SENDING, ItemState.IN_FLIGHT, ItemState.GENERATED))


def _tell_stranded(desk: Desk, job: Job, thread: Thread, told: Announcement | None) -> bool:
    """The channel takes no messages: its person is told so directly, once. True when that is done."""
    if _settled(told):
        return True
    said = reach.sentence(
        f"I cannot post the batch “{job.title}” in its channel: the channel is archived, or I am not a "
        f"member. “/imgbatch status {job.id}” shows how it stands; to see a batch in a channel, invite me "
        "there with “/invite @imgbatch” and hand in the sheet again."
    )
    opened = desk.wire.call("conversations.open", desk.now, users=thread.person)
    place = Place(job.id, str(opened["channel"]["id"]))
    return tell(desk, place, STRANDED, said, told) is not Fate.WAITS


# --- the end -------------------------------------------------------------------------------------------


def _tell_end(desk: Desk, memory: Memory, place: Place, team: str, job: Job, told: Told) -> bool:
    """Summary, gallery, review, results.csv, in this order; True when all of it stands."""
    stamp = stamp_of(job)
    if _settled(told.get(f"results-{stamp}")):
        return True  # the last of them
    kind = f"summary-{stamp}"
    if kind not in told and _only_redone(desk.ctx, job, told):
        return True  # `tell_redone` says it all
    waits = memory.summaries
    if not _settled(told.get(kind)) and tell_summary(desk, place, job, stamp, told.get(kind), waits) is (
        Fate.WAITS
    ):
        return False
    parts = memory.galleries.get((job.id, stamp))
    if parts is None:
        parts = gallery.lay_out(desk.ctx, job, stamp, _before(told, stamp))
        memory.galleries[job.id, stamp] = parts
    for number, part in enumerate(parts):
        if _settled(told.get(part.kind)):
            continue
        review.remember_shown(desk.ctx, job.id, part, desk.now)
        if show(desk, place, job, part, told.get(part.kind)) is Fate.WAITS:
            if number + 1 < len(parts):
                send_ahead(desk, job, parts[number + 1])
            return False
    if not _begin_review(desk, place, team, job, told):
        return False
    if tell_results(desk, place, team, job, stamp, told.get(f"results-{stamp}")) is Fate.WAITS:
        return False
    memory.galleries.pop((job.id, stamp), None)
    return True


def _begin_review(desk: Desk, place: Place, team: str, job: Job, told: Told) -> bool:
    """The review of a job with pictures; True when it stands. `_keep_review` goes on with it."""
    if review.REVIEW in told or not desk.ctx.reviews.counts(job.id):
        return True
    if review.tell_review(desk, place, team, job, None) is Fate.WAITS:
        return False
    return tell_redone(desk, place, job, told)


def _only_redone(ctx: Context, job: Job, told: Told) -> bool:
    """Whether pictures were made again since the job was summed up, and nothing else has happened."""
    before = _before(told, stamp_of(job))
    if before is None or review.REVIEW not in told or returns.took_since(ctx, job, before):
        return False
    return not ctx.reviews.asked_for(job.id, before)


def _settled(told: Announcement | None) -> bool:
    return told is not None and told.state is not AnnouncementState.POSTING


def _before(told: Told, stamp: str) -> datetime | None:
    """When the job finished the time before; pictures from then on are new."""
    earlier = [kind.removeprefix("summary-") for kind in told if kind.startswith("summary-")]
    earlier = [name for name in earlier if name < stamp]
    return datetime.strptime(max(earlier), STAMP).replace(tzinfo=UTC) if earlier else None


def _close_summaries(desk: Desk, place: Place, job: Job, told: Told) -> Fate:
    """Take the buttons off the summaries of earlier finishes: what they offered has been done."""
    now_at = f"summary-{stamp_of(job)}"
    fate = Fate.SAID
    if _only_redone(desk.ctx, job, told):
        return fate
    for kind, announcement in told.items():
        if not kind.startswith("summary-") or kind == now_at or announcement.digest == keeping.CLOSED:
            continue
        kept = keeping.kept(desk.ctx, job.id, kind)
        if kept is not None and announcement.state is AnnouncementState.POSTED:
            # Its chart may have been deleted at Slack since.
            kept = keeping.acceptable(desk.ctx, job.id, kind, kept, announcement)
            one = tell(desk, place, kind, retried(kept), announcement, digest=keeping.CLOSED)
            fate = Fate.WAITS if one is Fate.WAITS else fate
    return fate
