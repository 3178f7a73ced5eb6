"""Writes about what is sent to providers and what they answer: submissions, their items, their ledger lines.

Part of `Store`; every change of state passes `moves`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, insert, literal, update

from storage.budgets import Budget, keeping
from storage.column_types import Utc
from storage.each import IN_LIST, ItemMove, Outcome, move_each, move_submissions, settle_each
from storage.moves import Packed, columns, move_items, move_submission, not_sent, of, write_history
from storage.records import Submission
from storage.states import ItemEvent, ItemState, StaleTransitionError, SubmissionEvent, SubmissionState
from storage.tables import table
from storage.writer import Together, Writer

ITEM, ATTEMPT, SUBMISSION = table("item"), table("attempt"), table("submission")

CALLS_TOGETHER = 100
"""Live calls whose intents, or answers, are written in one transaction at most."""


class Sending:
    """These writes; part of `Store`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._sends = Together(self._send, CALLS_TOGETHER)
        self._answers = Together(self._answer, CALLS_TOGETHER)

    # --- sending -----------------------------------------------------------------------------------

    def pack(self, pairs: Sequence[tuple[Submission, Sequence[Packed]]], at: datetime) -> None:
        """Write the intent: the submissions, their items SENDING, and a reserved line of the ledger each.

        Raises StaleTransitionError, and writes nothing, if any of the items has moved meanwhile.
        """
        with self._writer.transaction() as c:
            c.execute(insert(SUBMISSION), [columns(submission) for submission, _ in pairs])
            moves = [
                ItemMove(
                    submission.job_id,
                    p.number,
                    p.send - 1,
                    ItemEvent.PACK,
                    note=submission.id,
                    values={"submission_id": submission.id, "sends": p.send},
                )
                for submission, packed in pairs
                for p in packed
            ]
            moved = len(move_each(c, moves, at))
            if moved != len(moves):
                raise StaleTransitionError(f"{len(moves) - moved} of {len(moves)} items moved meanwhile")
            c.execute(
                insert(ATTEMPT),
                [
                    {
                        "job_id": submission.job_id,
                        "item": p.number,
                        "send": p.send,
                        "submission_id": submission.id,
                        "sent_at": at,
                        "quoted": p.quoted,
                        "billed": "unknown",
                        "code": "",
                        "message": "",
                    }
                    for submission, packed in pairs
                    for p in packed
                ],
            )

    def send(self, submission: Submission, at: datetime, look_up_at: datetime) -> None:
        """The call is about to be made. Raises StaleTransitionError if another has taken it."""
        self._sends.give((submission, at, look_up_at))

    def _send(self, given: Sequence[tuple[Submission, datetime, datetime]]) -> list[Exception | None]:
        ids = [submission.id for submission, _, _ in given]
        at, look_up_at = max(at for _, at, _ in given), max(later for _, _, later in given)
        with self._writer.transaction() as c:
            moved = move_submissions(
                c,
                SubmissionEvent.SEND,
                ids,
                at,
                sent_at=at,
                due_at=look_up_at,
                tries=SUBMISSION.c.tries + 1,
            )
        return [_unless(moved, id_) for id_ in ids]

    def hold(
        self, submission: Submission, at: datetime, due_at: datetime, note: str, kind: str | None = None
    ) -> None:
        """Certainly not accepted; to be sent again at `due_at`. `kind`: why it was turned away."""
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.HOLD, at, due_at=due_at, note=note, held_for=kind)

    def withdraw(self, submission: Submission, at: datetime, note: str) -> int:
        """Take apart what has certainly not been sent; how many items wait again.

        Raises StaleTransitionError if its call has begun meanwhile.
        """
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.WITHDRAW, at, due_at=None, ended_at=at, note=note)
            not_sent(c, submission.id, at)
            return move_items(c, ItemEvent.UNPACK, of(submission), at, note=submission.id, due_at=at)

    def reroute(
        self,
        job_id: str,
        numbers: Sequence[int],
        source: str,
        at: datetime,
        note: str,
        *,
        within: Sequence[Budget] = (),
        **values: Any,
    ) -> int:
        """Items that wait for provider `source` are to be made by another, as `values` say; how many.

        No change of state, but a line of history each. What has been sent before goes out at once; what has
        not keeps its time. An item that has moved meanwhile is left alone. `IN_LIST` items are moved together
        at most; raises OverBudgetError where one of the budgets `within` does not bear them.
        """
        moved = 0
        due = case((ITEM.c.sends > 0, literal(at, Utc())), else_=ITEM.c.due_at)
        for start in range(0, len(numbers), IN_LIST):
            chosen = and_(
                ITEM.c.job_id == job_id,
                ITEM.c.number.in_(numbers[start : start + IN_LIST]),
                ITEM.c.provider == source,
                ITEM.c.state == ItemState.WAITING,
            )
            with self._writer.transaction() as c, keeping(c, job_id, within, at):
                write_history(c, chosen, "reroute", ItemState.WAITING, at, note)
                moved += c.execute(update(ITEM).where(chosen).values(due_at=due, **values)).rowcount
        return moved

    def accept(
        self, submission: Submission, handle: Mapping[str, Any], at: datetime, due_at: datetime
    ) -> None:
        """The provider has it: keep the handle, its items are in flight."""
        with self._writer.transaction() as c:
            move_submission(
                c, submission, SubmissionEvent.ACCEPT, at, handle=dict(handle), due_at=due_at, note=""
            )
            move_items(c, ItemEvent.ACCEPT, of(submission), at, note=submission.id)

    def refuse(self, submission: Submission, outcomes: Sequence[Outcome], at: datetime, note: str) -> None:
        """The provider took none of it and billed nothing; `outcomes` says what each item does next."""
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.REFUSE, at, due_at=None, ended_at=at, note=note)
            settle_each(c, [(submission, outcome, at) for outcome in outcomes])

    def lose(self, submission: Submission, outcomes: Sequence[Outcome], at: datetime, **values: Any) -> None:
        """Its results cannot be had; `outcomes` says what each item without an answer does next.

        One transaction: an item that waits again is never seen without how its submission ended.
        """
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.LOSE, at, due_at=None, ended_at=at, **values)
            settle_each(c, [(submission, outcome, at) for outcome in outcomes])

    def doubt(self, submission: Submission, at: datetime, note: str) -> None:
        """The reply was lost and the provider cannot say: nothing is sent again unasked."""
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.DOUBT, at, due_at=None, ended_at=at, note=note)
            move_items(
                c,
                ItemEvent.DOUBT,
                of(submission),
                at,
                note=submission.id,
                attempts=ITEM.c.attempts + 1,
                failure_kind="in_doubt",
                reason=note,
            )
            c.execute(
                update(ATTEMPT)
                .where(ATTEMPT.c.submission_id == submission.id, ATTEMPT.c.outcome.is_(None))
                .values(outcome="in_doubt", message=note, answered_at=at)
            )

    def answer(self, submission: Submission, outcomes: Sequence[Outcome], at: datetime) -> None:
        """A synchronous API answered the call itself: accepted, settled and ended in one step.

        Raises StaleTransitionError if the submission has moved meanwhile.
        """
        self._answers.give((submission, outcomes, at))

    def _answer(
        self, given: Sequence[tuple[Submission, Sequence[Outcome], datetime]]
    ) -> list[Exception | None]:
        ids = [submission.id for submission, _, _ in given]
        last = max(at for _, _, at in given)
        alike: dict[tuple[int, int], list[str]] = {}
        for submission, outcomes, _ in given:
            made = sum(outcome.event is ItemEvent.MAKE for outcome in outcomes)
            alike.setdefault((made, len(outcomes) - made), []).append(submission.id)
        with self._writer.transaction() as c:
            moved: set[str] = set()
            for (made, failed), some in alike.items():
                ended = {"ended_at": last, "completed": made, "failed": failed}
                moved |= move_submissions(c, SubmissionEvent.ANSWER, some, last, due_at=None, **ended)
            jobs = {submission.job_id for submission, _, _ in given}
            theirs = [ITEM.c.job_id.in_(jobs), ITEM.c.submission_id.in_(moved)]
            move_items(c, ItemEvent.ACCEPT, theirs, last, note=ITEM.c.submission_id)
            problems: list[Exception | None] = [_unless(moved, id_) for id_ in ids]
            settle_each(
                c,
                [
                    (submission, outcome, at)
                    for (submission, outcomes, at), problem in zip(given, problems, strict=True)
                    for outcome in outcomes
                    if problem is None
                ],
            )
        return problems

    # --- settling ----------------------------------------------------------------------------------

    def settle(self, submission: Submission, outcomes: Sequence[Outcome], at: datetime) -> int:
        """Write answers down; how many were new. An item that has its answer keeps it, so a result file
        can be read again from the start after a crash.
        """
        with self._writer.transaction() as c:
            return settle_each(c, [(submission, outcome, at) for outcome in outcomes])

    def end(self, submission: Submission, at: datetime, **values: Any) -> None:
        """Every item of the submission has its answer."""
        with self._writer.transaction() as c:
            move_submission(c, submission, SubmissionEvent.END, at, ended_at=at, due_at=None, **values)

    def note_progress(self, submission: Submission, due_at: datetime, **values: Any) -> None:
        """What the provider said at a poll; no change of state."""
        with self._writer.transaction() as c:
            c.execute(
                update(SUBMISSION).where(SUBMISSION.c.id == submission.id).values(due_at=due_at, **values)
            )

    def wake(self, provider: str, handle_ids: Sequence[str], at: datetime) -> int:
        """Let open submissions be asked about now instead of later; how many that changes.

        A poll that is under way writes its own next time over it: a hint may get lost, and costs a wait.
        """
        with self._writer.transaction() as c:
            return c.execute(
                update(SUBMISSION)
                .where(
                    SUBMISSION.c.provider == provider,
                    SUBMISSION.c.state == SubmissionState.OPEN,
                    SUBMISSION.c.due_at > at,
                    SUBMISSION.c.handle["id"].as_string().in_(handle_ids),
                )
                .values(due_at=at)
            ).rowcount


def _unless(moved: set[str], submission_id: str) -> StaleTransitionError | None:
    """The problem of a submission that did not move; the first to ask for one that did has none."""
    if submission_id not in moved:
        return StaleTransitionError(f"submission {submission_id} has moved meanwhile")
    moved.remove(submission_id)
    return None
