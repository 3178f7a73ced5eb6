"""Reads. Nothing here writes, and nothing here waits for the writer (WAL)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select

from storage.accounts import Accounts
from storage.budgets import Spending
from storage.causes import Causes
from storage.copies import OWN
from storage.costs import Costs
from storage.failed import FailedItems
from storage.findings import Findings
from storage.health import Health
from storage.histories import Histories
from storage.measures import Measures
from storage.personal import Personal
from storage.pruning import Pruning
from storage.reading import PAGE, record_of
from storage.records import Attempt, Event, Item, Job, Row, Submission
from storage.reusing import Reusing
from storage.sheets import Sheets
from storage.states import FINAL_ITEMS, LIVE_SUBMISSIONS, ItemState, JobState, ReviewState, SubmissionState
from storage.tables import table
from storage.timings import Timings
from storage.under_way import UnderWay
from storage.unfetched import Fetching

JOB, ROW, ITEM, ATTEMPT = table("job"), table("row"), table("item"), table("attempt")
SUBMISSION, EVENT = table("submission"), table("event")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Ended items that share a kind and a code."""

    state: ItemState
    kind: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Clock:
    """When a job's items were answered, for times and rates."""

    first_sent: datetime | None
    mean_seconds: float | None
    """From sending to answer, over attempts that made a picture."""


class Queries(
    UnderWay,
    Health,
    Findings,
    Personal,
    Sheets,
    FailedItems,
    Spending,
    Costs,
    Histories,
    Accounts,
    Measures,
    Causes,
    Timings,
    Reusing,
    Pruning,
    Fetching,
):
    """The reading side of the data store."""

    # --- jobs and rows -----------------------------------------------------------------------------

    def job(self, job_id: str) -> Job | None:
        return self._one(Job, select(JOB).where(JOB.c.id == job_id))

    def jobs(self, states: Iterable[JobState] | None = None, limit: int = 100_000) -> Sequence[Job]:
        """Newest first."""
        query = select(JOB).order_by(JOB.c.created_at.desc(), JOB.c.id).limit(limit)
        return self._all(Job, query if states is None else query.where(JOB.c.state.in_(list(states))))

    def job_by_digest(self, digest: str, states: Iterable[JobState]) -> Job | None:
        """The newest job that asks for the same and is in one of these states."""
        query = select(JOB).where(JOB.c.digest == digest, JOB.c.state.in_(list(states)))
        return self._one(Job, query.order_by(JOB.c.created_at.desc()))

    def rows(self, job_id: str, *, bad_only: bool = False, limit: int | None = None) -> Iterator[Row]:
        """In the sheet's order, streamed."""
        query = select(ROW).where(ROW.c.job_id == job_id)
        if bad_only:
            query = query.where(ROW.c.problem.is_not(None))
        return self._pages(Row, query, ROW.c.number, limit)

    def lines(self, job_id: str, rows: Iterable[int]) -> Mapping[int, int]:
        """Where these rows (a few) begin in the file: what people call them."""
        query = select(ROW.c.number, ROW.c.line).where(ROW.c.job_id == job_id, ROW.c.number.in_(list(rows)))
        with self._reading() as c:
            return {row.number: row.line for row in c.execute(query)}

    def shared_keys(self, job_id: str) -> Sequence[str]:
        """Keys, in lower case, that more than one row of the sheet has."""
        key = func.lower(ROW.c.key)
        query = select(key).where(ROW.c.job_id == job_id, ROW.c.problem.is_(None)).group_by(key)
        with self._reading() as c:
            return list(c.execute(query.having(func.count() > 1)).scalars())

    def rows_with_items(self, job_id: str) -> int:
        """How many rows of the sheet have at least one item."""
        query = select(func.count(ITEM.c.row.distinct())).where(ITEM.c.job_id == job_id)
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    # --- items -------------------------------------------------------------------------------------

    def item(self, job_id: str, number: int) -> Item | None:
        return self._one(Item, select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.number == number))

    def items(
        self, job_id: str, states: Iterable[ItemState] | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """In the sheet's order, streamed."""
        query = select(ITEM).where(ITEM.c.job_id == job_id)
        if states is not None:
            query = query.where(ITEM.c.state.in_(list(states)))
        return self._pages(Item, query, ITEM.c.number, limit)

    def due_items(
        self, job_id: str, state: ItemState, now: datetime, limit: int, after: int = 0
    ) -> Sequence[Item]:
        """Items in a state whose time has come, lowest number first, from number `after` on."""
        due = or_(ITEM.c.due_at.is_(None), ITEM.c.due_at <= now)
        query = select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.state == state, due, ITEM.c.number > after)
        return self._all(Item, query.order_by(ITEM.c.number).limit(limit))

    def copies_ready(self, job_id: str, limit: int) -> Sequence[tuple[Item, Item]]:
        """Duplicates whose original has ended, each with its original."""
        original = ITEM.alias("original")
        query = (
            select(ITEM.c.number, original.c.number)
            .join(
                original,
                and_(original.c.job_id == ITEM.c.job_id, original.c.number == ITEM.c.duplicate_of),
            )
            .where(
                ITEM.c.job_id == job_id,
                ITEM.c.state == ItemState.COPYING,
                original.c.state.in_(list(FINAL_ITEMS)),
            )
            .order_by(ITEM.c.number)
            .limit(limit)
        )
        with self._reading() as c:
            pairs = c.execute(query).all()
        wanted = {number for pair in pairs for number in pair}
        known = {item.number: item for item in self.items_by_number(job_id, wanted)}
        return [(known[copy], known[source]) for copy, source in pairs]

    def items_by_number(self, job_id: str, numbers: Iterable[int]) -> Sequence[Item]:
        wanted = sorted(numbers)
        found: list[Item] = []
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            found += self._all(Item, select(ITEM).where(ITEM.c.job_id == job_id, ITEM.c.number.in_(part)))
        return found

    def submission_items(
        self, submission: Submission, states: Iterable[ItemState], limit: int | None = None
    ) -> Iterator[Item]:
        """Items now in this submission and in one of the states, streamed."""
        query = select(ITEM).where(
            ITEM.c.job_id == submission.job_id,
            ITEM.c.submission_id == submission.id,
            ITEM.c.state.in_(list(states)),
        )
        return self._pages(Item, query, ITEM.c.number, limit)

    def counts(self, job_id: str) -> Mapping[ItemState, int]:
        query = select(ITEM.c.state, func.count()).where(ITEM.c.job_id == job_id).group_by(ITEM.c.state)
        with self._reading() as c:
            return {ItemState(state): count for state, count in c.execute(query)}

    def unmade(self, job_id: str) -> Mapping[tuple[str, str, str], int]:
        """Pictures that have no answer yet, copies left out, by provider, model and lane."""
        open_states = [ItemState.PLANNED, ItemState.WAITING, ItemState.SENDING, ItemState.IN_FLIGHT]
        way = (ITEM.c.provider, ITEM.c.model, ITEM.c.lane)
        mine = (ITEM.c.job_id == job_id, ITEM.c.state.in_(open_states), OWN)
        with self._reading() as c:
            found = c.execute(select(*way, func.count()).where(*mine).group_by(*way))
            return {(provider, model, lane): number for provider, model, lane, number in found}

    def failures(self, job_id: str) -> Sequence[FailureGroup]:
        """Ended, not stored, not cancelled, not replaced: grouped by kind and code, most first."""
        ended = [ItemState.REFUSED, ItemState.FAILED, ItemState.EXPIRED, ItemState.IN_DOUBT]
        query = (
            select(
                ITEM.c.state,
                func.coalesce(ITEM.c.failure_kind, "unknown"),
                func.coalesce(ITEM.c.failure_code, ""),
                func.count(),
            )
            .where(ITEM.c.job_id == job_id, ITEM.c.state.in_(ended), ITEM.c.review != ReviewState.REPLACED)
            .group_by(ITEM.c.state, ITEM.c.failure_kind, ITEM.c.failure_code)
            .order_by(func.count().desc())
        )
        with self._reading() as c:
            return [
                FailureGroup(ItemState(state), kind, code, count)
                for state, kind, code, count in c.execute(query)
            ]

    def examples(self, job_id: str, kind: str, limit: int) -> Sequence[Item]:
        """The first items that ended for this kind of failure."""
        ended = [ItemState.REFUSED, ItemState.FAILED, ItemState.EXPIRED]
        mine = (ITEM.c.job_id == job_id, ITEM.c.review != ReviewState.REPLACED)
        query = select(ITEM).where(*mine, ITEM.c.state.in_(ended), ITEM.c.failure_kind == kind)
        return self._all(Item, query.order_by(ITEM.c.number).limit(limit))

    def first_try(self, job_id: str) -> int:
        """Stored items that were sent exactly once; duplicates were not sent at all."""
        query = select(func.count()).where(
            ITEM.c.job_id == job_id,
            ITEM.c.state == ItemState.STORED,
            ITEM.c.sends == 1,
            ITEM.c.review != ReviewState.REPLACED,
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def waiting_for(self, provider: str) -> int:
        """Items of running jobs that wait to be sent to a provider."""
        query = select(func.count()).where(
            ITEM.c.provider == provider, ITEM.c.state.in_([ItemState.WAITING, ItemState.SENDING])
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    # --- submissions -------------------------------------------------------------------------------

    def submission(self, submission_id: str) -> Submission | None:
        return self._one(Submission, select(SUBMISSION).where(SUBMISSION.c.id == submission_id))

    def submissions(
        self, job_id: str, states: Iterable[SubmissionState] | None = None
    ) -> Sequence[Submission]:
        """Oldest first. A job in the live lane has one for each call: name the states where you can."""
        query = select(SUBMISSION).where(SUBMISSION.c.job_id == job_id)
        if states is not None:
            query = query.where(SUBMISSION.c.state.in_(list(states)))
        return self._all(Submission, query.order_by(SUBMISSION.c.created_at, SUBMISSION.c.id))

    def due_submissions(
        self, state: SubmissionState, now: datetime, limit: int = 1000
    ) -> Sequence[Submission]:
        """The most urgent first: those whose results vanish soonest, then the longest due."""
        due = or_(SUBMISSION.c.due_at.is_(None), SUBMISSION.c.due_at <= now)
        query = select(SUBMISSION).where(SUBMISSION.c.state == state, due)
        urgent = (SUBMISSION.c.results_expire_at.is_(None), SUBMISSION.c.results_expire_at)
        return self._all(Submission, query.order_by(*urgent, SUBMISSION.c.due_at).limit(limit))

    def open_submissions(self, provider: str, since: datetime) -> tuple[int, int]:
        """How many of a provider's submissions are at it now, and how many were sent since then."""
        at_it = SUBMISSION.c.state.in_([SubmissionState.SENDING, SubmissionState.OPEN])
        query = select(func.count().filter(at_it), func.count().filter(SUBMISSION.c.sent_at >= since)).where(
            SUBMISSION.c.provider == provider
        )
        with self._reading() as c:
            now_open, sent = c.execute(query).one()
        return now_open, sent

    def enqueued_tokens(self, provider: str, model: str) -> int:
        """Input tokens of a model's batches that are at the provider now."""
        query = select(func.coalesce(func.sum(SUBMISSION.c.tokens), 0)).where(
            SUBMISSION.c.state.in_([SubmissionState.SENDING, SubmissionState.OPEN]),
            SUBMISSION.c.provider == provider,
            SUBMISSION.c.model == model,
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def lost_sizes(self, submission_ids: Iterable[str]) -> Mapping[str, int]:
        """How many items each of these submissions had whose results could not be had."""
        query = select(SUBMISSION.c.id, SUBMISSION.c.count).where(
            SUBMISSION.c.id.in_(list(submission_ids)), SUBMISSION.c.state == SubmissionState.LOST
        )
        with self._reading() as c:
            return {found: int(size) for found, size in c.execute(query)}

    def answers(self, submission_id: str) -> tuple[int, int]:
        """How many of a submission's items were made, and how many failed."""
        made = ATTEMPT.c.outcome == "made"
        query = select(
            func.count().filter(made), func.count().filter(and_(ATTEMPT.c.outcome.is_not(None), ~made))
        ).where(ATTEMPT.c.submission_id == submission_id)
        with self._reading() as c:
            good, bad = c.execute(query).one()
        return good, bad

    def calling(self, provider: str) -> int:
        """Submissions of a provider whose call is under way."""
        query = select(func.count()).where(
            SUBMISSION.c.provider == provider, SUBMISSION.c.state == SubmissionState.SENDING
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def live_calls(self, provider: str) -> int:
        """Live submissions of a provider that are prepared or being sent."""
        query = select(func.count()).where(
            SUBMISSION.c.provider == provider,
            SUBMISSION.c.lane == "live",
            SUBMISSION.c.state.in_([SubmissionState.PREPARED, SubmissionState.SENDING]),
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    def prepared(self, job_id: str, providers: Iterable[str]) -> Sequence[Submission]:
        """A job's submissions to these providers that are written down and not sent."""
        query = select(SUBMISSION).where(
            SUBMISSION.c.job_id == job_id,
            SUBMISSION.c.state == SubmissionState.PREPARED,
            SUBMISSION.c.provider.in_(list(providers)),
        )
        return self._all(Submission, query.order_by(SUBMISSION.c.id))

    def waiting_at(self, job_id: str, provider: str, limit: int, after: int = 0) -> Sequence[Item]:
        """Items that wait to be sent to a provider, lowest number first, from number `after` on."""
        query = select(ITEM).where(
            ITEM.c.job_id == job_id,
            ITEM.c.state == ItemState.WAITING,
            ITEM.c.provider == provider,
            ITEM.c.number > after,
        )
        return self._all(Item, query.order_by(ITEM.c.number).limit(limit))

    def waiting_in(self, job_id: str, lane: str, limit: int, after: int = 0) -> Sequence[Item]:
        """Items that wait to be sent in a lane, lowest number first, from number `after` on."""
        mine = (ITEM.c.job_id == job_id, ITEM.c.state == ItemState.WAITING, ITEM.c.lane == lane)
        query = select(ITEM).where(*mine, ITEM.c.number > after)
        return self._all(Item, query.order_by(ITEM.c.number).limit(limit))

    def most_it_may_cost(self, job_id: str) -> Decimal:
        """The highest the job may come to, in USD, as far as prices are known.

        What was billed; the list price of what is open or of unknown cost; that of what is still to be sent.
        """
        due = func.coalesce(ATTEMPT.c.cost, ATTEMPT.c.quoted, 0)
        spent = select(func.coalesce(func.sum(due), 0)).where(
            ATTEMPT.c.job_id == job_id, ATTEMPT.c.billed != "no"
        )
        to_come = select(func.coalesce(func.sum(ITEM.c.quoted_high), 0)).where(
            ITEM.c.job_id == job_id, ITEM.c.state.in_([ItemState.PLANNED, ItemState.WAITING]), OWN
        )
        with self._reading() as c:
            return Decimal(c.execute(spent).scalar_one() or 0) + Decimal(c.execute(to_come).scalar_one() or 0)

    def unfinished_submissions(self, job_id: str) -> int:
        query = select(func.count()).where(
            SUBMISSION.c.job_id == job_id, SUBMISSION.c.state.in_(list(LIVE_SUBMISSIONS))
        )
        with self._reading() as c:
            return int(c.execute(query).scalar_one())

    # --- attempts and history ----------------------------------------------------------------------

    def retries(self, job_id: str) -> int:
        """Sendings after the first, over all items."""
        query = select(func.coalesce(func.sum(ITEM.c.sends - 1), 0))
        with self._reading() as c:
            return int(c.execute(query.where(ITEM.c.job_id == job_id, ITEM.c.sends > 1)).scalar_one())

    def attempts(self, job_id: str) -> Iterator[Attempt]:
        query = select(ATTEMPT).where(ATTEMPT.c.job_id == job_id)
        with self._reading() as c:
            found = c.execution_options(yield_per=PAGE).execute(
                query.order_by(ATTEMPT.c.item, ATTEMPT.c.send)
            )
            for row in found:
                yield record_of(Attempt, row)

    def events(self, job_id: str, limit: int | None = None) -> Iterator[Event]:
        query = select(EVENT).where(EVENT.c.job_id == job_id)
        return self._pages(Event, query, EVENT.c.id, limit)

    def clock(self, job_id: str) -> Clock:
        sent = select(func.min(ATTEMPT.c.sent_at)).where(ATTEMPT.c.job_id == job_id)
        spans = (
            select(SUBMISSION.c.sent_at, SUBMISSION.c.ended_at, SUBMISSION.c.completed)
            .where(SUBMISSION.c.job_id == job_id, SUBMISSION.c.completed > 0)
            .where(SUBMISSION.c.sent_at.is_not(None), SUBMISSION.c.ended_at.is_not(None))
        )
        with self._reading() as c:
            ended = c.execute(spans).all()
            pictures = sum(completed for _, _, completed in ended)
            seconds = sum((end - start).total_seconds() * completed for start, end, completed in ended)
            return Clock(
                first_sent=c.execute(sent).scalar_one(),
                mean_seconds=seconds / pictures if pictures else None,
            )
