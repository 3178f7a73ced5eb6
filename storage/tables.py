"""The records as SQL tables. Private to `storage`: the rest of the program sees `records`.

Table models do not validate (a fact of SQLModel): values are checked before they come here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, MetaData, Table, Text, false
from sqlmodel import Field, SQLModel

from storage.column_types import Usd, Utc
from storage.states import ItemState, JobState, ReviewState, SubmissionState

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


def _one_of(column: str, states: type[Any], name: str) -> CheckConstraint:
    words = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({words})", name=name)


class JobTable(SQLModel, table=True):
    __tablename__ = "job"
    __table_args__ = (_one_of("state", JobState, "state"), Index(None, "state", "created_at"))

    id: str = Field(primary_key=True)
    title: str
    state: str
    requested_by: str
    spec: dict[str, Any] = Field(sa_type=JSON)
    columns: list[str] = Field(sa_type=JSON)
    sheet_name: str
    digest: str = Field(index=True)
    provider: str
    model: str
    lane: str
    rows: int = 0
    bad_rows: int = 0
    items: int = 0
    duplicates: int = 0
    quoted_low: Decimal | None = Field(default=None, sa_type=Usd)
    quoted_high: Decimal | None = Field(default=None, sa_type=Usd)
    expected_seconds: int = 0
    window_seconds: int = 0
    plan: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    deadline_at: datetime | None = Field(default=None, sa_type=Utc)
    rushed_at: datetime | None = Field(default=None, sa_type=Utc)
    rush_usd: Decimal = Field(default=Decimal(0), sa_type=Usd, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(sa_type=Utc)
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)


class RowTable(SQLModel, table=True):
    __tablename__ = "row"

    job_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    line: int
    key: str
    cells: dict[str, str] = Field(sa_type=JSON)
    problem: str | None = Field(default=None, sa_type=Text)


class ItemTable(SQLModel, table=True):
    __tablename__ = "item"
    __table_args__ = (
        _one_of("state", ItemState, "state"),
        _one_of("review", ReviewState, "review"),
        Index(None, "job_id", "state", "number"),
        Index(None, "job_id", "version_of"),
        Index(None, "job_id", "submission_id"),
        Index(None, "job_id", "duplicate_of"),
        Index(None, "job_id", "row"),
        Index(None, "fingerprint"),
        Index(None, "reused_job"),
    )

    job_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    row: int
    variant: int
    key: str
    prompt: str = Field(sa_type=Text)
    alt_text: str = Field(sa_type=Text)
    provider: str
    model: str
    lane: str
    size: str | None = None
    made_size: str
    quality: str | None = None
    background: str | None = None
    references: list[str] | None = Field(default=None, sa_type=JSON)
    fingerprint: str
    duplicate_of: int | None = None
    quoted_low: Decimal | None = Field(default=None, sa_type=Usd)
    quoted_high: Decimal | None = Field(default=None, sa_type=Usd)
    state: str
    due_at: datetime | None = Field(default=None, sa_type=Utc)
    sends: int = 0
    attempts: int = 0
    submission_id: str | None = None
    failure_kind: str | None = None
    failure_code: str | None = None
    reason: str | None = Field(default=None, sa_type=Text)
    locator: str | None = Field(default=None, sa_type=Text)
    master_key: str | None = None
    rendition_key: str | None = None
    width: int | None = None
    height: int | None = None
    byte_size: int | None = None
    cost: Decimal | None = Field(default=None, sa_type=Usd)
    moved_at: datetime = Field(sa_type=Utc)
    pilot: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    version_of: int | None = None
    review: str = Field(default="unreviewed", sa_column_kwargs={"server_default": "unreviewed"})
    reviewed_by: str | None = None
    reviewed_at: datetime | None = Field(default=None, sa_type=Utc)
    review_reason: str | None = None
    review_note: str | None = Field(default=None, sa_type=Text)
    phash: str | None = None
    flags: list[str] | None = Field(default=None, sa_type=JSON)
    regenerated: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    reused_job: str | None = None
    reused_item: int | None = None
    reused_by: str | None = None


class AttemptTable(SQLModel, table=True):
    __tablename__ = "attempt"
    __table_args__ = (Index(None, "submission_id"), Index(None, "answered_at"), Index(None, "sent_at"))

    job_id: str = Field(primary_key=True)
    item: int = Field(primary_key=True)
    send: int = Field(primary_key=True)
    submission_id: str
    sent_at: datetime = Field(sa_type=Utc)
    answered_at: datetime | None = Field(default=None, sa_type=Utc)
    outcome: str | None = None
    code: str = ""
    message: str = Field(default="", sa_type=Text)
    billed: str = "unknown"
    cost: Decimal | None = Field(default=None, sa_type=Usd)
    priced_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    quoted: Decimal | None = Field(default=None, sa_type=Usd)


class SubmissionTable(SQLModel, table=True):
    __tablename__ = "submission"
    __table_args__ = (
        _one_of("state", SubmissionState, "state"),
        Index(None, "state", "due_at"),
        Index(None, "job_id", "state"),
        Index(None, "provider", "created_at"),
    )

    id: str = Field(primary_key=True)
    job_id: str
    provider: str
    model: str
    lane: str
    grp: str
    state: str
    payload_key: str
    count: int
    byte_size: int
    tokens: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    handle: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    tries: int = 0
    created_at: datetime = Field(sa_type=Utc)
    sent_at: datetime | None = Field(default=None, sa_type=Utc)
    due_at: datetime | None = Field(default=None, sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)
    results_expire_at: datetime | None = Field(default=None, sa_type=Utc)
    completed: int = 0
    failed: int = 0
    note: str = Field(default="", sa_type=Text)
    held_for: str | None = None


class EventTable(SQLModel, table=True):
    __tablename__ = "event"
    __table_args__ = (Index(None, "job_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Utc)
    job_id: str
    subject: str
    subject_id: str
    event: str
    from_state: str
    to_state: str
    note: str = Field(default="", sa_type=Text)
    person: str = Field(default="", sa_column_kwargs={"server_default": ""})


class VoteTable(SQLModel, table=True):
    __tablename__ = "vote"

    job_id: str = Field(primary_key=True)
    item: int = Field(primary_key=True)
    person: str = Field(primary_key=True)
    verdict: str
    reason: str = ""
    note: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=Utc)


class PermitTable(SQLModel, table=True):
    __tablename__ = "permit"

    job_id: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    limit_usd: Decimal | None = Field(default=None, sa_type=Usd)
    at: datetime = Field(sa_type=Utc)


class BudgetTable(SQLModel, table=True):
    __tablename__ = "budget"

    team: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    usd: Decimal = Field(sa_type=Usd)
    changed_by: str
    changed_at: datetime = Field(sa_type=Utc)


class PresetTable(SQLModel, table=True):
    __tablename__ = "preset"

    team: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    changed_by: str
    changed_at: datetime = Field(sa_type=Utc)


class DraftTable(SQLModel, table=True):
    __tablename__ = "draft"

    team: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    at: datetime = Field(sa_type=Utc)


class ScheduleTable(SQLModel, table=True):
    __tablename__ = "schedule"
    __table_args__ = (Index(None, "state", "next_at"),)

    id: str = Field(primary_key=True)
    team: str
    channel: str
    person: str
    title: str
    rule: dict[str, Any] = Field(sa_type=JSON)
    spec: dict[str, Any] = Field(sa_type=JSON)
    sheet_key: str
    sheet_name: str
    state: str
    created_at: datetime = Field(sa_type=Utc)
    next_at: datetime | None = Field(default=None, sa_type=Utc)
    last_at: datetime | None = Field(default=None, sa_type=Utc)


class ExportTable(SQLModel, table=True):
    __tablename__ = "export"
    __table_args__ = (Index(None, "state", "created_at"), Index(None, "job_id"))

    id: str = Field(primary_key=True)
    job_id: str
    person: str
    wish: dict[str, Any] = Field(sa_type=JSON)
    state: str
    parts: list[dict[str, Any]] = Field(sa_type=JSON)
    note: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(default=None, sa_type=Utc)


class MemoTable(SQLModel, table=True):
    __tablename__ = "memo"

    scope: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: Any = Field(sa_type=JSON)
    at: datetime = Field(sa_type=Utc)


class PauseTable(SQLModel, table=True):
    __tablename__ = "pause"

    provider: str = Field(primary_key=True)
    kind: str
    reason: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=Utc)
    until: datetime = Field(sa_type=Utc)


class IncidentTable(SQLModel, table=True):
    __tablename__ = "incident"

    key: str = Field(primary_key=True)
    job_id: str | None = Field(default=None, index=True)
    rule: str
    severity: str
    headline: str = Field(sa_type=Text)
    details: list[str] = Field(sa_type=JSON)
    advice: str = Field(default="", sa_type=Text)
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(default=None, sa_type=Utc)
    changed_at: datetime | None = Field(default=None, sa_type=Utc)
    chart: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = Field(default=None, sa_type=Utc)


class MuteTable(SQLModel, table=True):
    __tablename__ = "mute"

    scope: str = Field(primary_key=True)
    person: str
    at: datetime = Field(sa_type=Utc)
    until: datetime | None = Field(default=None, sa_type=Utc)


class SuspensionTable(SQLModel, table=True):
    __tablename__ = "suspension"

    provider: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    lane: str = Field(primary_key=True)
    since: datetime = Field(primary_key=True, sa_type=Utc)
    factor: float
    each_usd: Decimal = Field(sa_type=Usd)
    listed_usd: Decimal = Field(sa_type=Usd)
    price_mark: str
    lifted_at: datetime | None = Field(default=None, sa_type=Utc)
    lifted_for: str = ""


class InboxTable(SQLModel, table=True):
    __tablename__ = "inbox"
    __table_args__ = (Index(None, "state", "due_at"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    kind: str
    payload: dict[str, Any] = Field(sa_type=JSON)
    state: str
    tries: int = 0
    note: str = Field(default="", sa_type=Text)
    received_at: datetime = Field(sa_type=Utc)
    due_at: datetime = Field(sa_type=Utc)


class ThreadTable(SQLModel, table=True):
    __tablename__ = "thread"

    job_id: str = Field(primary_key=True)
    team: str
    channel: str
    ts: str | None = None
    person: str


class AnnouncementTable(SQLModel, table=True):
    __tablename__ = "announcement"
    __table_args__ = (Index(None, "channel", "ts"),)

    job_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    channel: str
    thread_ts: str | None = None
    ts: str | None = None
    state: str
    digest: str = ""
    tries: int = 0
    note: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=Utc)


class UploadTable(SQLModel, table=True):
    __tablename__ = "upload"

    blob_key: str = Field(primary_key=True)
    job_id: str = Field(index=True)
    file_id: str
    at: datetime = Field(sa_type=Utc)


METADATA: MetaData = SQLModel.metadata


def table(name: str) -> Table:
    """The Core table behind a model, for set-based statements."""
    return METADATA.tables[name]
