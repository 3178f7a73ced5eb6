"""Writes about jobs and items; what is sent and answered is in `sending`. States move by `moves` alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from storage import deciding, pruning
from storage.budgets import Budget, allow_unpriced, keeping
from storage.each import ItemMove, move_each
from storage.failed import End
from storage.lanes import Relaned, relane, rush
from storage.moves import columns, move_items, move_one
from storage.pruning import Gone
from storage.records import Item, Job, Row
from storage.returning import Taken, take
from storage.reusing import Reuse, choose
from storage.sending import Sending
from storage.states import UNDER_WAY, ItemEvent, ItemState, JobEvent, StaleTransitionError
from storage.tables import table

JOB, ROW, ITEM, ATTEMPT = table("job"), table("row"), table("item"), table("attempt")
EVENT = table("event")


class Store(Sending):
    """The writing side of the data store."""

    # --- making a job ------------------------------------------------------------------------------

    def draft_job(self, job: Job) -> None:
        """Begin a job in state DRAFT; rows and items follow."""
        with self._writer.transaction() as c:
            c.execute(insert(JOB).values(**columns(job)))

    def add_rows(self, rows: Sequence[Row]) -> None:
        if rows:
            with self._writer.transaction() as c:
                c.execute(insert(ROW), [columns(row) for row in rows])

    def add_items(self, items: Sequence[Item]) -> None:
        if items:
            with self._writer.transaction() as c:
                c.execute(insert(ITEM), [columns(item) for item in items])

    def plan_job(self, job_id: str, at: datetime, **totals: Any) -> None:
        """All rows are in: DRAFT -> PLANNED, with the counts and the quote."""
        with self._writer.transaction() as c:
            move_one(c, "job", job_id, job_id, JobEvent.PLAN, at, **totals)

    def drop_job(self, job_id: str) -> None:
        """Forget a job of which nothing was ever sent: a draft left by a crash, or a plan not wanted."""
        with self._writer.transaction() as c:
            sent = c.execute(select(func.count()).select_from(ATTEMPT).where(ATTEMPT.c.job_id == job_id))
            if sent.scalar_one():
                raise StaleTransitionError(f"job {job_id} has been sent; it is kept")
            for tbl in (ITEM, ROW, EVENT):
                c.execute(delete(tbl).where(tbl.c.job_id == job_id))
            c.execute(delete(JOB).where(JOB.c.id == job_id))

    def choose_reuse(
        self, job_id: str, taken: Iterable[Reuse], at: datetime, person: str = "", **values: Any
    ) -> int:
        """These items of a job that has not started will be copies of approved pictures, and no others; how
        many. `values`: what that changes in the job. Raises StaleTransitionError if it has started.
        """
        with self._writer.transaction() as c:
            return choose(c, job_id, taken, at, person, values)

    # --- what a person decides ---------------------------------------------------------------------

    def start_job(
        self,
        job_id: str,
        at: datetime,
        due_at: datetime | None = None,
        *,
        person: str = "",
        relaned: Iterable[Sequence[Relaned]] = (),
        within: Sequence[Budget] = (),
        **values: Any,
    ) -> None:
        """PLANNED -> RUNNING: originals wait to be sent, not before `due_at`; duplicates wait for them.

        `relaned`: items that travel in another lane than planned, page by page; `values`: what that changes
        in the job. `within`, here and below: the budgets that must bear it; raises OverBudgetError.
        """
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            deciding.start(c, job_id, at, due_at or at, person, relaned, values)

    def start_pilot(
        self,
        job_id: str,
        at: datetime,
        sample: Sequence[Relaned],
        *,
        person: str = "",
        relaned: Iterable[Sequence[Relaned]] = (),
        within: Sequence[Budget] = (),
        **values: Any,
    ) -> None:
        """PLANNED -> PILOT: the sample waits to be sent now, in its own lane; the rest stays PLANNED."""
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            deciding.start_pilot(c, job_id, at, person, sample, relaned, values)

    def show_pilot(self, job_id: str, at: datetime) -> None:
        """PILOT -> PILOT_REVIEW: the sample has come to its end."""
        with self._writer.transaction() as c:
            move_one(c, "job", job_id, job_id, JobEvent.SHOW_PILOT, at)

    def go_on(
        self,
        job_id: str,
        at: datetime,
        due_at: datetime,
        person: str = "",
        *,
        within: Sequence[Budget] = (),
    ) -> None:
        """PILOT_REVIEW -> RUNNING: the rest waits to be sent, not before `due_at`; duplicates wait for it."""
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            deciding.go_on(c, job_id, at, due_at, person)

    def pause_job(self, job_id: str, at: datetime, person: str = "") -> int:
        """RUNNING -> PAUSED: nothing more is sent; how many items were taken out of submissions that had not
        left. What is at the provider is awaited.
        """
        with self._writer.transaction() as c:
            return deciding.pause(c, job_id, at, person)

    def resume_job(self, job_id: str, at: datetime, person: str = "") -> None:
        """PAUSED -> RUNNING: what waits is sent."""
        with self._writer.transaction() as c:
            move_one(c, "job", job_id, job_id, JobEvent.RESUME, at, person)

    def cancel_job(self, job_id: str, at: datetime, person: str = "") -> int:
        """Stop what has not left; how many items that were. What is at the provider is awaited."""
        with self._writer.transaction() as c:
            return deciding.cancel(c, job_id, at, person)

    def stop_unsent(self, job_id: str, at: datetime) -> int:
        """Cancel what a cancelled job would send again; how many items."""
        with self._writer.transaction() as c:
            return deciding.stop_unsent(c, job_id, at)

    def send_again(
        self,
        job_id: str,
        ends: Collection[End],
        at: datetime,
        person: str = "",
        once: str = "",
        *,
        within: Sequence[Budget] = (),
    ) -> int:
        """Send what came to nothing in one of these ways again, because a person asked; how many. A job that
        had ended goes on, and a pilot that was shown runs again. Where the asking called `once` was followed
        before: 0.
        """
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            return deciding.send_again(c, job_id, ends, at, person, once)

    def take_sheet(
        self,
        job_id: str,
        taken: Taken,
        at: datetime,
        person: str,
        once: str,
        *,
        within: Sequence[Budget] = (),
    ) -> bool:
        """A returned sheet changes the job, all of it or nothing; one that had ended goes on. False if this
        asking was followed before. Raises StaleTransitionError.
        """
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            return take(c, job_id, taken, person, at, once)

    def approve_rush(
        self,
        job_id: str,
        at: datetime,
        person: str = "",
        *,
        rush_usd: Decimal = Decimal(0),
        within: Sequence[Budget] = (),
    ) -> bool:
        """The live lane's cost is approved, should the deadline ask for it; False if it was before.
        `rush_usd`: what it may cost beyond the items' quotes, reserved from now on.
        """
        with self._writer.transaction() as c, keeping(c, job_id, within, at):
            return deciding.approve_rush(c, job_id, at, person, rush_usd)

    def allow_unpriced(self, job_id: str, at: datetime, person: str) -> bool:
        """The job may spend under a budget what nobody knows the price of; False if it might before."""
        with self._writer.transaction() as c:
            return allow_unpriced(c, job_id, at, person)

    # --- what the clock decides --------------------------------------------------------------------

    def rush_job(self, job_id: str, at: datetime) -> bool:
        """The deadline is near: batches at the provider are to be cancelled, and asked about now. Set once;
        False if it was before.
        """
        with self._writer.transaction() as c:
            return rush(c, job_id, at)

    def relane(self, job_id: str, items: Sequence[Relaned], at: datetime, note: str) -> int:
        """Items that wait travel in another lane; how many. One that has moved meanwhile is left alone."""
        with self._writer.transaction() as c:
            return relane(c, job_id, [items], ItemState.WAITING, at, note)

    def finish_job(self, job_id: str, at: datetime) -> bool:
        """Nothing is under way any more; False where somebody has sent something again meanwhile."""
        busy = (ITEM.c.job_id == job_id, ITEM.c.state.in_(list(UNDER_WAY)))
        with self._writer.transaction() as c:
            if c.execute(select(ITEM.c.number).where(*busy).limit(1)).first() is not None:
                return False
            move_one(c, "job", job_id, job_id, JobEvent.FINISH, at, finished_at=at)
            return True

    # --- what is not kept any more ------------------------------------------------------------------

    def let_go(self, gone: Gone, at: datetime, limit: int) -> tuple[int, Sequence[str]]:
        """Up to `limit` items forget these files: how many, and the keys to delete now (then `deleted`)."""
        with self._writer.transaction() as c:
            return pruning.let_go(c, gone, at, limit)

    def let_payloads_go(self, job_id: str, at: datetime) -> Sequence[str]:
        """The same for what was sent of a job that has ended."""
        with self._writer.transaction() as c:
            return pruning.let_payloads_go(c, job_id, at)

    def deleted(self, keys: Iterable[str]) -> None:
        """These files are gone."""
        with self._writer.transaction() as c:
            pruning.deleted(c, keys)

    def note_pruned(self, job_id: str, at: datetime, note: str) -> None:
        """A line of history about files that no row names."""
        with self._writer.transaction() as c:
            pruning.note_pruned(c, job_id, at, note)

    def forget_moves(self, before: datetime, limit: int) -> int:
        """Delete old lines of history about single pictures, up to so many; how many."""
        with self._writer.transaction() as c:
            return pruning.forget_moves(c, before, limit)

    # --- collecting --------------------------------------------------------------------------------

    def move_item(
        self,
        item: Item,
        event: ItemEvent,
        at: datetime,
        note: str = "",
        *,
        within: Sequence[Budget] = (),
        **values: Any,
    ) -> None:
        """One item, by event. Raises StaleTransitionError if it has moved meanwhile."""
        with self._writer.transaction() as c, keeping(c, item.job_id, within, at):
            where = [ITEM.c.job_id == item.job_id, ITEM.c.number == item.number, ITEM.c.state == item.state]
            if not move_items(c, event, where, at, note=note, **values):
                raise StaleTransitionError(
                    f"item {item.number} of job {item.job_id} is no longer {item.state}"
                )

    def store_items(self, kept: Sequence[tuple[Item, Mapping[str, Any]]], at: datetime) -> int:
        """Items whose pictures are kept now, each with its values; how many moved. One that was moved
        meanwhile stays where it is.
        """
        moves = [
            ItemMove(item.job_id, item.number, item.sends, ItemEvent.STORE, item.state, values=values)
            for item, values in kept
        ]
        with self._writer.transaction() as c:
            return len(move_each(c, moves, at))

    def put_off(self, item: Item, due_at: datetime, reason: str) -> None:
        """Try the same stage again at `due_at`; no change of state."""
        with self._writer.transaction() as c:
            c.execute(
                update(ITEM)
                .where(ITEM.c.job_id == item.job_id, ITEM.c.number == item.number)
                .values(due_at=due_at, reason=reason)
            )
