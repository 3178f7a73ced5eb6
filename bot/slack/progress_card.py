"""The card of a job that is under way: how far it is, what it has cost, when it should be done, what it waits
for, and the newest picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.slack import blocks as b
from bot.slack import cards
from bot.slack import words as w
from bot.slack.approval import Ask
from bot.slack.blocks import Block, Message
from bot.slack.cards import Rush
from bot.watch.gist import gist
from bot.watch.outlook import rounded
from bot.watch.words import count, money, money_range
from storage.accounts import Ledger
from storage.records import Event, Job, Pause
from storage.shelved import Permit
from storage.states import UNDER_WAY, ItemState, JobState

FULLEST = 0.99
"""Of the bar while anything is still to come: what the provider has made is not in hand yet."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Why nothing of the job is at a provider yet."""

    begins_at: datetime | None = None
    """About when; None: nobody knows."""
    ahead: int | None = None
    """Batches that will be sent before; None: it does not wait for others."""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Newest:
    """The picture that was finished last, as far as Slack has it."""

    file_id: str
    alt: str
    title: str


@dataclass(frozen=True, slots=True)
class Rest:
    """What a sample leaves to be made."""

    pictures: int
    low: Decimal
    high: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    counts: Mapping[ItemState, int]
    """Of a pilot: of its sample only."""
    ledger: Ledger
    pauses: Sequence[Pause] = ()
    held: int = 0
    """Pictures in submissions that wait to be sent."""
    reported: int = 0
    """Pictures in flight of which the provider says that it is done with them."""
    retrying: int = 0
    """Pictures under way that failed before and are being tried again."""
    ends_at: datetime | None = None
    """When the last should be there; None: nothing goes on."""
    queue: Queue | None = None
    newest: Newest | None = None
    rest: Rest | None = None
    """Of a pilot."""
    rest_to_agree: bool = False
    """A second person must agree before the rest is made."""
    decided: Event | None = None
    """What moved the job as a whole last."""
    permit: Permit | None = None
    ask: Ask | None = None
    rush: Rush | None = None
    """The job has a deadline, and something of it could be hurried."""

    @property
    def stored(self) -> int:
        return self.counts.get(ItemState.STORED, 0)

    @property
    def missed(self) -> int:
        return sum(self.counts.get(state, 0) for state in w.MISSED)

    @property
    def under_way(self) -> int:
        return sum(self.counts.get(state, 0) for state in UNDER_WAY)

    @property
    def at_provider(self) -> int:
        return self.counts.get(ItemState.IN_FLIGHT, 0) + self.counts.get(ItemState.SENDING, 0) - self.held

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """(ended + made and not yet kept + reported) / all; below 1 until all have ended."""
        if not self.under_way:
            return 1.0
        done = self.total - self.under_way + self.counts.get(ItemState.GENERATED, 0) + self.reported
        return min(FULLEST, done / max(1, self.total))


def progress_card(job: Job, progress: Progress, now: datetime) -> Message:
    """A job that makes pictures, is paused, waits for a word on its sample, or is being cancelled."""
    state = _state(job, progress)
    body: list[Block] = [
        b.header(job.title),
        b.section(f"*{state}*\n{b.bar(progress.share)} {int(progress.share * 100)}%\n{_counted(progress)}"),
        b.fields([f"*Cost so far*\n{_cost(job, progress)}", f"*Time*\n{_time(job, progress, now)}"]),
    ]
    note = _note(job, progress)
    if note:
        body.append(b.context(note))
    if progress.rush is not None:
        body.append(b.context(cards.rush_line(progress.rush, now)))
    body += [b.words(f"{pause.provider} is paused: {gist(pause.reason)}") for pause in progress.pauses]
    body.append(b.actions(f"progress-{job.id}", *_buttons(job, progress)))
    body.append(b.context(cards.who(job, progress.permit)))
    if progress.newest is not None:  # last: the buttons stay in sight
        body.append(b.image(progress.newest.file_id, progress.newest.alt, progress.newest.title))
    ready = f"{progress.stored:,} of {count(progress.total, 'picture')} ready"
    text = f"{b.escaped(job.title, 150)}: {state[0].lower()}{state[1:]}, {ready}."
    return b.message(text, body)


def _state(job: Job, progress: Progress) -> str:
    match job.state:
        case JobState.PILOT:
            return "Making the sample"
        case JobState.PILOT_REVIEW:
            return "The sample is ready"
        case JobState.PAUSED:
            by = progress.decided.person if progress.decided else ""
            return f"Paused by {b.person(by)}" if by else "Paused"
        case JobState.CANCELLING:
            return "Cancelling"
        case _:
            return "Making pictures" if progress.queue is None else "Waiting for its turn"


def _counted(progress: Progress) -> str:
    counted = [f"{progress.stored:,} of {progress.total:,} ready"]
    if progress.missed:
        counted.append(f"{progress.missed:,} not made")
    if progress.under_way:
        there = f"{progress.at_provider:,} at the provider"
        if progress.reported:
            there += f", {progress.reported:,} of them done there"
        if progress.retrying:
            there += f"; {progress.retrying:,} being tried again"
        counted.append(f"{progress.under_way:,} to come ({there})")
    return ", ".join(counted)


def _cost(job: Job, progress: Progress) -> str:
    ledger = progress.ledger
    low, high = job.quoted_low, job.quoted_high
    quoted = "price unknown" if low is None or high is None else f"quoted {money_range(low, high)}"
    if job.state in (JobState.PILOT, JobState.PILOT_REVIEW):
        quoted = f"the whole job is {quoted}"
    if ledger.unpriced:
        known = f"at least {money(ledger.settled_usd)}, " if ledger.settled_usd else ""
        return f"{known}unknown for {count(ledger.unpriced, 'attempt')} ({quoted})"
    return f"{money(ledger.settled_usd)} ({quoted})"


def _time(job: Job, progress: Progress, now: datetime) -> str:
    """When it should be done. No running clock: a message that says the same is not sent again."""
    if job.state is JobState.PAUSED:
        return "nothing more is sent until somebody resumes it"
    if job.state is JobState.PILOT_REVIEW:
        return "waits for approval"
    if progress.queue is not None:
        return _turn(progress.queue, now)
    if progress.pauses and not job.spec.get("route") and progress.at_provider <= 0:
        return f"goes on when {progress.pauses[0].provider} works again"
    started = job.began
    latest = started + timedelta(seconds=job.window_seconds)
    if progress.ends_at is not None and progress.ends_at >= now:
        said = f"done about {w.when(rounded(progress.ends_at, now), now)}"
    elif latest >= now:
        said = f"longer than usual; at the latest {w.when(latest, now)}"
    else:
        said = f"late: it was promised for {w.when(latest, now)}"
    return said


def _turn(queue: Queue, now: datetime) -> str:
    """“2nd in line at openai, begins about 02:00”."""
    line = f"{w.ordinal(queue.ahead + 1)} in line at {queue.provider}" if queue.ahead is not None else ""
    begins = f"begins about {w.when(queue.begins_at, now)}" if queue.begins_at else ""
    return ", ".join(part for part in (line, begins) if part)


def _note(job: Job, progress: Progress) -> str:
    match job.state:
        case JobState.PILOT:
            rest = progress.rest.pictures if progress.rest else 0
            return f"The other {count(rest, 'picture')} wait until somebody has looked at these."
        case JobState.PILOT_REVIEW if progress.ask is not None:
            asked = f"{b.person(progress.ask.person)} has asked for somebody's approval"
            return f"{asked} of {progress.ask.price}, see the thread."
        case JobState.PILOT_REVIEW:
            return "Nothing more is made before somebody has looked at the pictures in the thread."
        case JobState.PAUSED if progress.at_provider:
            return "Nothing more is sent. What is at the provider still comes in, because it is paid for."
        case JobState.PAUSED:
            return "Nothing is sent, and nothing more is spent."
        case JobState.CANCELLING:
            return "What is made is kept. What is at the provider is awaited, because it is paid for."
        case _:
            return ""


def _buttons(job: Job, progress: Progress) -> list[Block]:
    trouble = progress.missed + progress.retrying
    if job.state not in (JobState.PILOT, JobState.PILOT_REVIEW):
        trouble += job.bad_rows  # a sample is decided about before the sheet can come back
    always = [cards.what_failed(job, trouble)] if trouble else []
    always.append(cards.details(job))
    match job.state:
        case JobState.CANCELLING:
            return always
        case JobState.PILOT:
            return [cards.cancel(job), *always]
        case JobState.PILOT_REVIEW:
            return [*sample_buttons(job, progress), *always]
        case JobState.PAUSED:
            resume = b.button("Resume", cards.RESUME, cards.carried(job), style="primary")
            return [resume, cards.cancel(job), *always]
        case _:
            pause = b.button("Pause", cards.PAUSE, cards.carried(job))
            rush = progress.rush
            hurry = [cards.rush_button(job, rush)] if rush and not rush.allowed else []
            return [pause, *hurry, cards.cancel(job), *always]


def sample_buttons(job: Job, progress: Progress) -> list[Block]:
    """“Looks good: make the other 492, $19–22” and “Stop here”."""
    rest = progress.rest
    number = rest.pictures if rest else 0
    price = "" if rest is None else f", {_rest_price(rest)}"
    yes = f"Looks good: make the other {number:,}{price}"
    if progress.rest_to_agree:
        yes = f"Looks good: ask for approval of the other {number:,}{price}"
    stop = b.button("Stop here", cards.CANCEL, cards.carried(job), confirm=_stop(number))
    return [b.button(yes, cards.GO_ON, cards.carried(job), style="primary"), stop]


def _rest_price(rest: Rest) -> str:
    if rest.unpriced:
        return "price unknown"
    return w.spread(rest.low, rest.high)


def _stop(number: int) -> Block:
    return b.confirm(
        "Stop here?",
        f"The sample is kept. The other {count(number, 'picture')} will not be made and cost nothing.",
        "Stop",
        "Not yet",
    )
