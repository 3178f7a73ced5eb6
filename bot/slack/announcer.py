"""The announce tick: whatever a thread should have been told and was not, is told.

It pulls: nobody calls it when something happens. It compares what the data store says with what was told,
does a few of the differences, and what does not fit into Slack's pace waits for the next tick.
"""

from __future__ import annotations

import json
import logging
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from slack_sdk import WebClient

from bot.pipeline.attend import facts
from bot.pipeline.create import PLAN
from bot.runtime import Context
from bot.slack import alerts, cards, files, gallery, reach
from bot.slack import words as w
from bot.slack.blocks import Message
from bot.slack.gallery import Part
from bot.slack.pace import between_updates
from bot.slack.results import tell_results
from bot.slack.telling import STRANDED, TRIES, Desk, Fate, Place, channel_lost, tell
from bot.slack.wire import SlackTrouble, wire_of
from bot.watch.summary import summarise
from storage.records import Announcement, AnnouncementState, Job, Thread
from storage.states import ENDED_JOBS, LIVING_JOBS, JobState

log = logging.getLogger(__name__)

CARD = "card"
LIVING = (JobState.PLANNED, *LIVING_JOBS)
ENDED = ENDED_JOBS

AT_A_TIME = 200
"""Old jobs looked at in one tick after a start, so that progress of running ones does not wait for them."""

LARGE_JOB = 20_000
"""Items from which the sums of a job take long enough to be made less often."""

LARGE_JOB_REST = timedelta(seconds=20)

SPARE = 3
"""Updates left in the pace for last states when a progress message asks."""

Told = Mapping[str, Announcement]


@dataclass
class Memory:
    """What this process knows beside the data store; losing it costs queries, never a message."""

    watched: set[str] = field(default_factory=set)
    """Jobs that are not fully told."""
    resting: set[str] = field(default_factory=set)
    """Jobs whose plan stands in Slack and that nobody has started yet."""
    backlog: list[str] | None = None
    """Jobs of earlier runs still to be looked at; None before the first tick."""
    looked: dict[str, datetime] = field(default_factory=dict)
    """When a running job's progress was last worked out."""
    galleries: dict[tuple[str, str], list[Part]] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    """Incidents of which everything is told."""


_MEMORIES: weakref.WeakKeyDictionary[WebClient, Memory] = weakref.WeakKeyDictionary()


def announce(ctx: Context, client: WebClient, now: datetime, *, alert_channel: str | None = None) -> int:
    """Tell what has not been told; how many jobs are not fully told yet.

    Give it the same client at every tick: the pace belongs to it.
    """
    memory = _MEMORIES.setdefault(client, Memory())
    desk = Desk(ctx, wire_of(client), now)
    living = {job.id: job for job in ctx.queries.jobs(LIVING)}
    _watch(ctx, memory, living)
    running = sum(job.state is not JobState.PLANNED for job in living.values())
    for job, thread in _in_turn(ctx, memory, living):
        try:
            if _tell_job(desk, memory, job, thread, running):
                _all_told(memory, job)
        except SlackTrouble as problem:
            log.info("job %s: told later: %s", job.id, problem)
    alerts.tell_alerts(desk, memory.alerted, alert_channel)
    return len(memory.watched)


def _all_told(memory: Memory, job: Job) -> None:
    memory.watched.discard(job.id)
    memory.looked.pop(job.id, None)
    if job.state is JobState.PLANNED:
        memory.resting.add(job.id)


def _watch(ctx: Context, memory: Memory, living: Mapping[str, Job]) -> None:
    if memory.backlog is None:
        memory.backlog = [thread.job_id for thread in reversed(ctx.mail.threads())]
    planned = {job_id for job_id, job in living.items() if job.state is JobState.PLANNED}
    memory.watched |= memory.resting - planned
    memory.resting &= planned
    memory.watched |= living.keys() - memory.resting
    memory.watched |= set(memory.backlog[:AT_A_TIME])
    del memory.backlog[:AT_A_TIME]


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


def _tell_job(desk: Desk, memory: Memory, job: Job, thread: Thread, running: int) -> bool:
    """One job's messages; True when there is nothing more to tell of it for now."""
    told = desk.ctx.mail.announcements(job.id)
    if channel_lost(told):
        return _tell_stranded(desk, job, thread, told.get(STRANDED))
    fate = _tell_card(desk, memory, job, thread, told.get(CARD), running)
    if thread.ts is None:
        card = desk.ctx.mail.announcements(job.id).get(CARD)
        if card is None or card.ts is None:
            return False
        desk.ctx.mail.thread_begins(job.id, card.ts)
        thread = Thread(job.id, thread.team, thread.channel, thread.person, card.ts)
    place = Place(job.id, thread.channel, thread.ts)
    _close_summaries(desk, place, job, told)
    if job.state is JobState.PLANNED or job.started_at is None:
        return fate is not Fate.WAITS
    if job.state not in ENDED:
        return False
    return _tell_end(desk, memory, place, job, told) and fate is not Fate.WAITS


# --- the card ------------------------------------------------------------------------------------------


def _tell_card(
    desk: Desk, memory: Memory, job: Job, thread: Thread, told: Announcement | None, running: int
) -> Fate:
    """The job's first message, brought up to date. Its digest begins with the state it shows."""
    mark = f"{job.state}@{stamp_of(job)}" if job.state in ENDED else job.state.value
    shows = told.digest.partition("|")[0] if told and told.state is AnnouncementState.POSTED else ""
    if told is not None and told.state is AnnouncementState.DEAD:
        return Fate.DEAD
    progress = job.state in (JobState.RUNNING, JobState.CANCELLING)
    if shows == mark and not progress:
        return Fate.SAID
    if shows == mark and told is not None:
        every = between_updates(running)
        if job.items > LARGE_JOB:
            every = max(every, LARGE_JOB_REST)
        if desk.now < max(told.at, memory.looked.get(job.id, told.at)) + every:
            return Fate.SAID
    memory.looked[job.id] = desk.now
    said = _card(desk.ctx, job, desk.now)
    place = Place(job.id, thread.channel, thread.ts)
    spare = SPARE if shows == mark else 0
    return tell(desk, place, CARD, said, told, digest=f"{mark}|{said.digest}", spare=spare)


def _card(ctx: Context, job: Job, now: datetime) -> Message:
    plan = PLAN.validate_python(job.plan)
    match job.state:
        case JobState.PLANNED:
            bad = list(ctx.queries.rows(job.id, bad_only=True, limit=cards.SHOWN_BAD_ROWS))
            return cards.plan_card(job, plan, bad, next(ctx.queries.items(job.id, limit=1), None))
        case JobState.RUNNING | JobState.CANCELLING:
            return cards.progress_card(job, plan, progress_of(ctx, job), now)
        case _:
            summary = summarise(facts(ctx, job), now, ctx.policy.rules)
            return cards.final_card(job, summary, retryable(ctx, job), now)


def card_of(ctx: Context, job: Job, now: datetime) -> Message:
    """The job as its card shows it, for those who ask how it stands."""
    return _card(ctx, job, now)


def progress_of(ctx: Context, job: Job) -> cards.Progress:
    pauses = [pause for pause in ctx.notices.pauses().values() if pause.provider == job.provider]
    ledger = ctx.queries.ledger(job.id)
    return cards.Progress(ledger.states, ledger, pauses)


def retryable(ctx: Context, job: Job) -> int:
    """How many pictures “Retry failed” would send again."""
    counts = ctx.queries.counts(job.id)
    return sum(counts.get(state, 0) for state in w.RETRIED["failed"])


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

STAMP = "%Y%m%d%H%M%S%f"


def stamp_of(job: Job) -> str:
    """Names one finish of a job: a retry makes another, with its own summary and gallery."""
    return f"{job.finished_at:{STAMP}}" if job.finished_at else "open"


def _tell_end(desk: Desk, memory: Memory, place: Place, job: Job, told: Told) -> bool:
    """Summary, gallery, results.csv, in this order; True when all of it stands."""
    stamp = stamp_of(job)
    if _settled(told.get(f"results-{stamp}")):
        return True  # the last of them
    kind = f"summary-{stamp}"
    if not _settled(told.get(kind)):
        said = _summary(desk.ctx, job, kind, desk.now)
        if tell(desk, place, kind, said, told.get(kind), broadcast=True) is Fate.WAITS:
            return False
    parts = memory.galleries.get((job.id, stamp))
    if parts is None:
        parts = gallery.lay_out(desk.ctx, job, stamp, _before(told, stamp))
        memory.galleries[job.id, stamp] = parts
    for number, part in enumerate(parts):
        if _settled(told.get(part.kind)):
            continue
        if _tell_part(desk, place, job, part, told.get(part.kind)) is Fate.WAITS:
            if number + 1 < len(parts):
                _send_ahead(desk, job, parts[number + 1])
            return False
    if tell_results(desk, place, job, stamp, told.get(f"results-{stamp}")) is Fate.WAITS:
        return False
    memory.galleries.pop((job.id, stamp), None)
    return True


def _settled(told: Announcement | None) -> bool:
    return told is not None and told.state is not AnnouncementState.POSTING


def _before(told: Told, stamp: str) -> datetime | None:
    """When the job finished the time before; pictures from then on are new."""
    earlier = [kind.removeprefix("summary-") for kind in told if kind.startswith("summary-")]
    earlier = [name for name in earlier if name < stamp]
    return datetime.strptime(max(earlier), STAMP).replace(tzinfo=UTC) if earlier else None


def _summary(ctx: Context, job: Job, kind: str, now: datetime) -> Message:
    """Written once and kept, so that it still says the same when a retry changes the job."""
    kept = _kept_summary(ctx, job.id, kind)
    if kept is None:
        summary = summarise(facts(ctx, job), now, ctx.policy.rules)
        kept = cards.summary_message(job, summary, retryable(ctx, job))
        content = json.dumps({"text": kept.text, "blocks": list(kept.blocks)}, ensure_ascii=False)
        ctx.blobs.put(_summary_key(job.id, kind), content.encode())
    return kept


def _kept_summary(ctx: Context, job_id: str, kind: str) -> Message | None:
    try:
        kept = json.loads(ctx.blobs.read(_summary_key(job_id, kind)))
    except FileNotFoundError:
        return None
    return Message(kept["text"], kept["blocks"])


def _summary_key(job_id: str, kind: str) -> str:
    return f"{job_id}/told/{kind}.json"


CLOSED = "closed"
"""Digest of a summary whose buttons were taken away."""


def _close_summaries(desk: Desk, place: Place, job: Job, told: Told) -> None:
    """Take the buttons off the summaries of earlier finishes: what they offered has been done."""
    now_at = f"summary-{stamp_of(job)}"
    for kind, announcement in told.items():
        if not kind.startswith("summary-") or kind == now_at or announcement.digest == CLOSED:
            continue
        kept = _kept_summary(desk.ctx, job.id, kind)
        if kept is not None and announcement.state is AnnouncementState.POSTED:
            tell(desk, place, kind, cards.retried(kept), announcement, digest=CLOSED)


def _tell_part(desk: Desk, place: Place, job: Job, part: Part, told: Announcement | None) -> Fate:
    """One message of the gallery: made, uploaded, processed by Slack, posted."""
    refused = told is not None and "slack file" in told.note
    if refused and told is not None and told.tries >= TRIES - 1:
        return tell(desk, place, part.kind, part.without_pictures(), told)
    _send_ahead(desk, job, part)
    if refused:
        # Slack said it is processed and then did not take it: ask again.
        desk.wire.ready -= set(desk.ctx.mail.uploads(job.id).values())
    ids = files.ready(desk.ctx, desk.wire, job.id, part.keys, desk.now)
    if ids is None:
        return Fate.WAITS
    return tell(desk, place, part.kind, part.message(ids), told)


def _send_ahead(desk: Desk, job: Job, part: Part) -> None:
    gallery.prepare(desk.ctx, job, part)
    uploads = [shot.upload for shot in part.shots]
    files.upload(desk.ctx, desk.wire, job.id, uploads, desk.now)
