"""What the rest of the program sees of storage: plain frozen values with the columns' names. What people keep
beside jobs: `shelved`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from storage.states import ItemState, JobState, ReviewState, SubmissionState


@dataclass(frozen=True, slots=True)
class Job:
    """What a person asked for; one thread."""

    id: str
    title: str
    state: JobState
    requested_by: str
    spec: Mapping[str, Any]
    """The options as asked, JSON form of `bot.intake.spec.JobSpec`."""
    columns: Sequence[str]
    """The sheet's own columns, in its order."""
    sheet_name: str
    digest: str
    """Of the sheet's bytes and the options: two equal digests ask for the same."""
    provider: str
    model: str
    lane: str
    created_at: datetime
    rows: int = 0
    bad_rows: int = 0
    items: int = 0
    duplicates: int = 0
    quoted_low: Decimal | None = None
    """USD; None: a price is not known."""
    quoted_high: Decimal | None = None
    expected_seconds: int = 0
    window_seconds: int = 0
    """The longest promised window among its models; past it the job is late."""
    plan: Mapping[str, Any] | None = None
    """JSON form of `bot.pipeline.plan.Plan`; None while DRAFT."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    """What is not at work by then, less the time a live call takes, goes to the live lane if that was paid
    for beforehand (`JobSpec.rush`)."""
    rushed_at: datetime | None = None
    """When that was done."""
    rush_usd: Decimal = Decimal(0)
    """What doing it may still cost beyond the items' own quotes; reserved while the job lives."""

    @property
    def began(self) -> datetime:
        """When it was started, or made as long as it is not."""
        return self.started_at or self.created_at


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the sheet, good or bad."""

    job_id: str
    number: int
    line: int
    key: str
    cells: Mapping[str, str]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One picture wanted: the unit of state, retry and cost."""

    job_id: str
    number: int
    row: int
    variant: int
    key: str
    prompt: str
    alt_text: str
    provider: str
    model: str
    lane: str
    made_size: str
    """Size to generate."""
    fingerprint: str
    state: ItemState
    moved_at: datetime
    size: str | None = None
    """Size to deliver; None: as generated."""
    quality: str | None = None
    background: str | None = None
    references: Sequence[str] | None = None
    duplicate_of: int | None = None
    """Number of the item whose picture is copied."""
    quoted_low: Decimal | None = None
    quoted_high: Decimal | None = None
    due_at: datetime | None = None
    sends: int = 0
    """How often it was put into a submission; names the key sent to the provider."""
    attempts: int = 0
    """How often it was answered or lost: what the attempt limit counts."""
    submission_id: str | None = None
    failure_kind: str | None = None
    failure_code: str | None = None
    reason: str | None = None
    locator: str | None = None
    master_key: str | None = None
    rendition_key: str | None = None
    width: int | None = None
    height: int | None = None
    byte_size: int | None = None
    cost: Decimal | None = None
    """USD over all its attempts so far; None where a billed attempt's price is unknown."""
    pilot: bool = False
    """Part of the sample that is made and shown first."""
    version: int = 1
    """1 for what the sheet asked for; each redo is an item of its own, one version higher."""
    version_of: int | None = None
    """Number of the first version; None: this is the first."""
    review: ReviewState = ReviewState.UNREVIEWED
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    review_reason: str | None = None
    review_note: str | None = None
    phash: str | None = None
    """By which pictures that look the same are found: `bot.imaging.fingerprint`, 112 hexadecimal digits."""
    flags: Sequence[str] | None = None
    """What the quality gate found; empty: nothing; None: it was not looked at."""
    regenerated: int = 0
    """How often the quality gate had it made again."""
    reused_job: str | None = None
    """The earlier job whose picture is copied, because a person chose so; the quotes say what that saves."""
    reused_item: int | None = None
    """The item there."""
    reused_by: str | None = None
    """Who approved that."""

    @property
    def kept(self) -> bool:
        """Whether its web file is kept; that of an old picture may have been let go of since."""
        return self.rendition_key is not None

    @property
    def copied(self) -> bool:
        """Not made for this job: a duplicate, or reused."""
        return self.duplicate_of is not None or self.reused_job is not None

    @property
    def first(self) -> int:
        """Number of its first version: what people call picture N."""
        return self.version_of or self.number


@dataclass(frozen=True, slots=True)
class Submission:
    """Items sent together once."""

    id: str
    job_id: str
    provider: str
    model: str
    lane: str
    grp: str
    state: SubmissionState
    payload_key: str
    count: int
    byte_size: int
    created_at: datetime
    tokens: int = 0
    """Estimated input tokens, which some vendors limit in what waits for them; 0 for a live call."""
    handle: Mapping[str, Any] | None = None
    tries: int = 0
    sent_at: datetime | None = None
    due_at: datetime | None = None
    """When to send, look up or poll next."""
    ended_at: datetime | None = None
    results_expire_at: datetime | None = None
    completed: int = 0
    failed: int = 0
    note: str = ""
    held_for: str | None = None
    """The failure kind for which it was last turned away."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The nth sending of an item, and what it cost: a line of the ledger."""

    job_id: str
    item: int
    send: int
    submission_id: str
    sent_at: datetime
    answered_at: datetime | None = None
    outcome: str | None = None
    """`made`, `not_sent`, `in_doubt` or a failure kind; None while open."""
    code: str = ""
    message: str = ""
    billed: str = "unknown"
    cost: Decimal | None = None
    priced_by: str = ""
    """Whose word the cost is: `vendor` or `table`; empty where nothing was billed, nobody knows, or the
    attempt was settled before this was kept."""
    quoted: Decimal | None = None
    """Reserved while it is open: the list price, None when unknown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of history."""

    id: int
    at: datetime
    job_id: str
    subject: str
    subject_id: str
    event: str
    from_state: str
    to_state: str
    note: str = ""
    person: str = ""
    """Who decided it; empty: the program."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person thinks of one picture; a later vote takes the place of an earlier one."""

    job_id: str
    item: int
    person: str
    verdict: ReviewState
    at: datetime
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """A provider nothing is sent to until a person has acted, or `until`."""

    provider: str
    kind: str
    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """Something a person was or will be alerted to, once."""

    key: str
    rule: str
    severity: str
    headline: str
    details: Sequence[str]
    opened_at: datetime
    job_id: str | None = None
    advice: str = ""
    closed_at: datetime | None = None
    changed_at: datetime | None = None
    """When what it says was changed last; None: it says what it said first."""
    chart: Mapping[str, Any] | None = None
    """What its picture is drawn from; as it was when the incident was opened."""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """A person wants to hear no more of something for a while."""

    scope: str
    """What incidents are about (their key without the time behind the @), or `job:` and a job's id."""
    person: str
    at: datetime
    until: datetime | None = None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """The listed price of a model in one lane is not believed, since pictures were charged otherwise."""

    provider: str
    model: str
    lane: str
    since: datetime
    factor: float
    """What quotes are multiplied by while it lasts; never below 1."""
    each_usd: Decimal
    """What a picture was charged."""
    listed_usd: Decimal
    """What the price table allowed for it at most."""
    price_mark: str
    """Of the price table's entry: another one ends the suspension."""
    lifted_at: datetime | None = None
    lifted_for: str = ""
    """Why it ended."""


class InboxState(StrEnum):
    NEW = "new"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """Something asked of the bot, written down before any work on it."""

    id: int
    key: str
    kind: str
    payload: Mapping[str, Any]
    state: InboxState
    received_at: datetime
    due_at: datetime
    tries: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a job is told about."""

    job_id: str
    team: str
    channel: str
    person: str
    ts: str | None = None
    """The parent message; None until it is posted."""


class AnnouncementState(StrEnum):
    POSTING = "posting"
    """Written before the call; after a crash the thread is searched before posting again."""
    POSTED = "posted"
    DEAD = "dead"
    """The message or channel is gone; it is not touched again."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message of a thread, by what it tells."""

    job_id: str
    kind: str
    channel: str
    state: AnnouncementState
    at: datetime
    thread_ts: str | None = None
    ts: str | None = None
    digest: str = ""
    """Of the content last sent: an unchanged message is not sent again."""
    tries: int = 0
    note: str = ""
