"""What people put aside for later: presets, drafts of the form, schedules, exports, permits, budgets, and
what was learnt about a workspace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.moves import columns
from storage.people import People
from storage.shelved import Export, ExportState, Permit, Preset, Schedule, ScheduleState, SetBudget
from storage.tables import table

PRESET, DRAFT, SCHEDULE = table("preset"), table("draft"), table("schedule")
EXPORT, MEMO, PERMIT, BUDGET = table("export"), table("memo"), table("permit"), table("budget")


class Shelf(People):
    """Reads and writes of these."""

    # --- presets ---------------------------------------------------------------------------------

    def keep_preset(self, preset: Preset) -> None:
        """One of the same name in the channel is replaced."""
        self._replace(PRESET, ("team", "channel", "name"), columns(preset))

    def drop_preset(self, team: str, channel: str, name: str) -> bool:
        """True if there was one."""
        mine = (PRESET.c.team == team, PRESET.c.channel == channel, PRESET.c.name == name)
        with self._writer.transaction() as c:
            return bool(c.execute(delete(PRESET).where(*mine)).rowcount)

    def preset(self, team: str, channel: str, name: str = "default") -> Preset | None:
        query = select(PRESET).where(
            PRESET.c.team == team, PRESET.c.channel == channel, PRESET.c.name == name
        )
        return self._one(Preset, query)

    def presets(self, team: str, channel: str | None = None) -> Sequence[Preset]:
        """Of one channel or of the whole workspace, by name."""
        query = select(PRESET).where(PRESET.c.team == team)
        if channel is not None:
            query = query.where(PRESET.c.channel == channel)
        return self._all(Preset, query.order_by(PRESET.c.name, PRESET.c.channel))

    # --- drafts of the form ----------------------------------------------------------------------

    def keep_draft(self, team: str, person: str, body: Mapping[str, Any], at: datetime) -> None:
        """What a person has filled in so far; one for each person."""
        values = {"team": team, "person": person, "body": dict(body), "at": at}
        self._replace(DRAFT, ("team", "person"), values)

    def draft(self, team: str, person: str) -> Mapping[str, Any] | None:
        query = select(DRAFT.c.body).where(DRAFT.c.team == team, DRAFT.c.person == person)
        with self._reading() as c:
            found: Mapping[str, Any] | None = c.execute(query).scalar()
        return found

    def drop_draft(self, team: str, person: str) -> None:
        with self._writer.transaction() as c:
            c.execute(delete(DRAFT).where(DRAFT.c.team == team, DRAFT.c.person == person))

    # --- schedules -------------------------------------------------------------------------------

    def keep_schedule(self, schedule: Schedule) -> None:
        with self._writer.transaction() as c:
            c.execute(insert(SCHEDULE).values(**columns(schedule)))

    def schedule(self, schedule_id: str) -> Schedule | None:
        return self._one(Schedule, select(SCHEDULE).where(SCHEDULE.c.id == schedule_id))

    def schedules(self, team: str) -> Sequence[Schedule]:
        """Those that have not ended, next first."""
        query = select(SCHEDULE).where(SCHEDULE.c.team == team, SCHEDULE.c.state != ScheduleState.ENDED)
        return self._all(Schedule, query.order_by(SCHEDULE.c.next_at, SCHEDULE.c.id))

    def everywhere(self) -> tuple[Sequence[Preset], Sequence[Schedule]]:
        """The presets, and the schedules that have not ended, of every workspace."""
        lasting = select(SCHEDULE).where(SCHEDULE.c.state != ScheduleState.ENDED)
        return (
            self._all(Preset, select(PRESET).order_by(PRESET.c.name, PRESET.c.channel)),
            self._all(Schedule, lasting.order_by(SCHEDULE.c.id)),
        )

    def due_schedules(self, now: datetime) -> Sequence[Schedule]:
        query = select(SCHEDULE).where(SCHEDULE.c.state == ScheduleState.ACTIVE, SCHEDULE.c.next_at <= now)
        return self._all(Schedule, query.order_by(SCHEDULE.c.next_at, SCHEDULE.c.id))

    def change_schedule(self, schedule: Schedule, **values: Any) -> bool:
        """False, and nothing written, if its next time or state has changed since it was read."""
        same = (
            SCHEDULE.c.id == schedule.id,
            SCHEDULE.c.state == schedule.state,
            SCHEDULE.c.next_at.is_(None)
            if schedule.next_at is None
            else SCHEDULE.c.next_at == schedule.next_at,
        )
        with self._writer.transaction() as c:
            return bool(c.execute(update(SCHEDULE).where(*same).values(**values)).rowcount)

    # --- exports ---------------------------------------------------------------------------------

    def ask_export(self, export: Export) -> bool:
        """False if that one was asked for before."""
        try:
            with self._writer.transaction() as c:
                c.execute(insert(EXPORT).values(**columns(export)))
        except IntegrityError:
            return False
        return True

    def exports(self, job_id: str) -> Sequence[Export]:
        """Oldest first."""
        query = select(EXPORT).where(EXPORT.c.job_id == job_id)
        return self._all(Export, query.order_by(EXPORT.c.created_at, EXPORT.c.id))

    def asked_exports(self) -> Sequence[Export]:
        """Those still to be made, oldest first."""
        query = select(EXPORT).where(EXPORT.c.state == ExportState.ASKED)
        return self._all(Export, query.order_by(EXPORT.c.created_at, EXPORT.c.id))

    def export_changes(self) -> Mapping[str, datetime]:
        """When an export of each job was last asked for or made."""
        at = func.max(func.coalesce(EXPORT.c.ended_at, EXPORT.c.created_at))
        with self._reading() as c:
            found = c.execute(select(EXPORT.c.job_id, at).group_by(EXPORT.c.job_id))
            return {row[0]: row[1] for row in found}

    def change_export(self, export_id: str, **values: Any) -> None:
        with self._writer.transaction() as c:
            c.execute(update(EXPORT).where(EXPORT.c.id == export_id).values(**values))

    # --- permits ---------------------------------------------------------------------------------

    def permit(self, permit: Permit) -> None:
        """Write down that a person agreed to what a job may cost; it replaces their earlier word."""
        self._replace(PERMIT, ("job_id", "person"), columns(permit))

    def permits(self, job_id: str) -> Sequence[Permit]:
        query = select(PERMIT).where(PERMIT.c.job_id == job_id)
        return self._all(Permit, query.order_by(PERMIT.c.at, PERMIT.c.person))

    # --- budgets that people set -------------------------------------------------------------------

    def set_budget(self, budget: SetBudget) -> None:
        """It takes the place of an earlier one."""
        self._replace(BUDGET, ("team", "kind", "key"), columns(budget))

    def drop_budget(self, team: str, kind: str, key: str) -> bool:
        """True if there was one."""
        mine = (BUDGET.c.team == team, BUDGET.c.kind == kind, BUDGET.c.key == key)
        with self._writer.transaction() as c:
            return bool(c.execute(delete(BUDGET).where(*mine)).rowcount)

    def set_budgets(self) -> Sequence[SetBudget]:
        """All of them; a handful."""
        return self._all(SetBudget, select(BUDGET).order_by(BUDGET.c.kind, BUDGET.c.team, BUDGET.c.key))

    # --- what was learnt -------------------------------------------------------------------------

    def remember(self, scope: str, name: str, value: Any, at: datetime) -> None:
        """A JSON value by name, such as what a workspace's clients can show."""
        self._replace(MEMO, ("scope", "name"), {"scope": scope, "name": name, "value": value, "at": at})

    def recall(self, scope: str, name: str) -> tuple[Any, datetime] | None:
        """The value and when it was written; None if there is none."""
        query = select(MEMO.c.value, MEMO.c.at).where(MEMO.c.scope == scope, MEMO.c.name == name)
        with self._reading() as c:
            row = c.execute(query).first()
        return None if row is None else (row.value, row.at)

    def recalled(self, scope: str) -> Mapping[str, datetime]:
        """What is remembered in a scope: names, each with when it was written."""
        with self._reading() as c:
            found = c.execute(select(MEMO.c.name, MEMO.c.at).where(MEMO.c.scope == scope))
            return {row.name: row.at for row in found}

    def recall_all(self, scope: str) -> Sequence[tuple[str, Any, datetime]]:
        """Everything remembered in a scope, by name: name, value, and when it was written."""
        query = select(MEMO.c.name, MEMO.c.value, MEMO.c.at).where(MEMO.c.scope == scope)
        with self._reading() as c:
            return [(row.name, row.value, row.at) for row in c.execute(query.order_by(MEMO.c.name))]

    def exchange(self, scope: str, name: str, value: Any, at: datetime, known_at: datetime) -> bool:
        """Remember another value in the place of the one written at `known_at`; False, and nothing written,
        if that one is not there any more.
        """
        same = (MEMO.c.scope == scope, MEMO.c.name == name, MEMO.c.at == known_at)
        with self._writer.transaction() as c:
            return bool(c.execute(update(MEMO).where(*same).values(value=value, at=at)).rowcount)

    def forget(self, scope: str, name: str) -> None:
        with self._writer.transaction() as c:
            c.execute(delete(MEMO).where(MEMO.c.scope == scope, MEMO.c.name == name))

    def _replace(self, tbl: Table, keys: tuple[str, ...], values: Mapping[str, Any]) -> None:
        with self._writer.transaction() as c:
            c.execute(delete(tbl).where(*(tbl.c[key] == values[key] for key in keys)))
            c.execute(insert(tbl).values(**values))
