"""What people set and keep beside jobs, as the rest of the program sees it: plain frozen values with the
columns' names. Where they are kept: `shelf`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Permit:
    """A person with the right agreed that a job may cost this much."""

    job_id: str
    person: str
    at: datetime
    limit_usd: Decimal | None = None
    """None: whatever it costs, since its price is not known."""


@dataclass(frozen=True, slots=True)
class SetBudget:
    """A budget that a person set; it takes the place of the setting."""

    team: str
    kind: str
    """One of `storage.budgets.BudgetKind`."""
    key: str
    usd: Decimal
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Preset:
    """Options by name for a channel; the one called `default` fills what nobody says."""

    team: str
    channel: str
    name: str
    body: Mapping[str, Any]
    changed_by: str
    changed_at: datetime


class ScheduleState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A saved job that is run again and again."""

    id: str
    team: str
    channel: str
    person: str
    title: str
    rule: Mapping[str, Any]
    spec: Mapping[str, Any]
    sheet_key: str
    sheet_name: str
    state: ScheduleState
    created_at: datetime
    next_at: datetime | None = None
    """When it is run next; None: never again."""
    last_at: datetime | None = None


class ExportState(StrEnum):
    ASKED = "asked"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Export:
    """Pictures of a job, packed to be taken away."""

    id: str
    job_id: str
    person: str
    wish: Mapping[str, Any]
    state: ExportState
    parts: Sequence[Mapping[str, Any]]
    created_at: datetime
    note: str = ""
    ended_at: datetime | None = None
