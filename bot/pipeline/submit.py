"""Prepared submissions leave for the provider, each call made once for each written intent."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.pipeline import settle
from bot.pipeline.breaker import LASTING, WORTH_TELLING, Standing, standing
from bot.pipeline.gate import Gate
from bot.pipeline.retry import Again, decide, wait
from bot.policy import Policy
from bot.runtime import Context
from bot.tracing import doing
from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Handle,
    Lane,
    MaybeAccepted,
    Outgoing,
    Refused,
    TellOperator,
)
from providers.catalogue import ModelCard
from storage.each import Outcome
from storage.records import Item, Submission
from storage.states import SENDING_JOBS, ItemEvent, ItemState, StaleTransitionError, SubmissionState

log = logging.getLogger(__name__)


def submit(ctx: Context, now: datetime) -> int:
    """Send what is due; how many calls were made or handed to the callers.

    Batches are sent here, one after the other. Live calls go to the provider's own callers, which work
    on while the tick returns.
    """
    begun = 0
    # A paused job's may be prepared again by a provider that turned it away: it waits for the person.
    sent = {job.id for job in ctx.queries.jobs(SENDING_JOBS)}
    due = [s for s in ctx.queries.due_submissions(SubmissionState.PREPARED, now) if s.job_id in sent]
    gate = Gate(ctx, now, due)
    for submission in due:
        if not gate.lets(submission):
            continue
        begun += 1
        ctx.sending.add(submission.id)
        if submission.lane == Lane.LIVE:
            ctx.callers[submission.provider].submit(_send_live, ctx, submission)
        else:
            _send_once(ctx, submission)
    return begun


def _send_live(ctx: Context, submission: Submission) -> None:
    provider = ctx.providers[submission.provider]
    turn = ctx.turns.begin(provider)
    taken: bool | None = None
    try:
        if turn is not None and not _left_alone(ctx, provider.name):
            taken = _send_once(ctx, submission)
    except Exception:
        # Broad on purpose: a pool keeps what its workers raise to itself, and this may have cost money.
        log.exception("a live submission broke off; it is looked up, or in doubt")
    finally:
        # Not begun, it is still PREPARED: a later tick takes it up again.
        ctx.sending.discard(submission.id)
        if turn is not None:
            ctx.turns.end(provider, turn, taken=taken)


def _left_alone(ctx: Context, provider: str) -> bool:
    return standing(ctx.notices.pauses().get(provider), ctx.clock()) is Standing.OPEN


def _send_once(ctx: Context, submission: Submission) -> bool | None:
    """Intent, call, reply. Whatever goes wrong after the intent leaves it SENDING, for `rescue` to clear.

    Whether the provider took it; None where the call does not say whether there are too many.
    """
    try:
        with doing("submit", submission):
            return _send(ctx, submission)
    except StaleTransitionError:
        return None  # withdrawn or taken meanwhile
    finally:
        ctx.sending.discard(submission.id)


def _send(ctx: Context, submission: Submission) -> bool | None:
    now = ctx.clock()
    ctx.store.send(submission, now, now + ctx.policy.look_up_after)
    try:
        reply = ctx.providers[submission.provider].submit(outgoing(ctx, submission))
    except AskAgain as problem:
        hold(ctx, submission, problem)
        return False if problem.kind is FailureKind.RATE_LIMITED else None
    except Refused as problem:
        refuse(ctx, submission, problem.failure, ctx.clock())
    except TellOperator as problem:
        now = ctx.clock()
        pause(ctx, submission.provider, problem, now)
        ctx.store.hold(submission, now, now, note=str(problem), kind=problem.kind.value)
    except MaybeAccepted as problem:
        log.warning("the reply was lost; it is looked up before anything is sent again: %s", problem)
        ctx.store.note_progress(submission, now + ctx.policy.look_up_after, note=str(problem))
    else:
        take(ctx, submission, reply)
        return True
    return None


def outgoing(ctx: Context, submission: Submission) -> Outgoing:
    """The submission as the provider's seam wants it."""
    return Outgoing(
        tag=submission.id,
        model=submission.model,
        lane=Lane(submission.lane),
        group=submission.grp,
        count=submission.count,
        byte_size=submission.byte_size,
        open=functools.partial(ctx.blobs.open, submission.payload_key),
    )


def take(ctx: Context, submission: Submission, reply: Handle | Answered) -> None:
    """The provider has it, or has answered it: write that down at once."""
    now = ctx.clock()
    match reply:
        case Handle():
            handle = {"id": reply.id, "data": dict(reply.data)}
            card = ctx.providers[submission.provider].models.get(submission.model)
            ctx.store.accept(
                submission, handle, now, due_at=now + least_wait(card, submission.lane, ctx.policy)
            )
            log.info("accepted as %s: %d pictures of %s", reply.id, submission.count, submission.model)
        case Answered(results):
            settle.answer(ctx, submission, results, now)


def least_wait(card: ModelCard | None, lane: str, policy: Policy) -> timedelta:
    """Shortest wait before a poll: a hundredth of a usual batch or a fifth of a usual call, between a
    second and `poll_least`.
    """
    if card is None:
        return policy.poll_least
    usual = card.typical_call / 5 if lane == Lane.LIVE else card.typical_batch / 100
    return min(policy.poll_least, max(timedelta(seconds=1), usual))


def hold(ctx: Context, submission: Submission, problem: AskAgain) -> None:
    """Certainly not accepted: the same payload goes out again later."""
    now = ctx.clock()
    later = wait(submission.tries + 1, ctx.policy, ctx.chance(), problem.retry_after)
    if submission.lane == Lane.LIVE and problem.retry_after:
        # One "too many requests" speaks for all the calls that would follow it.
        until = now + problem.retry_after
        ctx.notices.pause(
            submission.provider, problem.kind.value, str(problem), now, until, yields_to=LASTING
        )
    ctx.store.hold(submission, now, now + later, note=str(problem), kind=problem.kind.value)
    log.info("turned away, sent again in %.0f s: %s", later.total_seconds(), problem)


def pause(ctx: Context, provider: str, problem: TellOperator, now: datetime) -> None:
    """Leave the provider alone until a person has acted, or long enough to look again."""
    log.warning("%s is left alone until a person acts (%s): %s", provider, problem.kind.value, problem)
    ctx.notices.pause(provider, problem.kind.value, str(problem), now, now + ctx.policy.pause)


def refuse(ctx: Context, submission: Submission, failure: Failure, now: datetime) -> None:
    """The provider took none of it: each item is tried again or ends, as for a failure of its own."""
    if failure.kind.value in WORTH_TELLING:
        ctx.notices.pause(
            submission.provider, failure.kind.value, failure.message, now, now + ctx.policy.pause
        )
    items = list(ctx.queries.submission_items(submission, [ItemState.SENDING, ItemState.IN_FLIGHT]))
    ctx.store.refuse(submission, _unsent(ctx, items, failure, now), now, note=failure.message)
    log.warning("refused, %d pictures: %s %s", len(items), failure.kind.value, failure.code)


def _unsent(ctx: Context, items: Sequence[Item], failure: Failure, now: datetime) -> list[Outcome]:
    chance = ctx.chance()
    outcomes = []
    values: dict[str, Any]
    for item in items:
        decision = decide(failure, item.attempts + 1, ctx.policy, now, chance)
        if failure.kind is FailureKind.RATE_LIMITED:
            # The queue over there is full. That says nothing about the items, and may take hours.
            decision = Again(now + ctx.policy.poll_most, counts=False)
        if isinstance(decision, Again):
            event = ItemEvent.UNPACK
            values = {"due_at": decision.at, "attempts": item.attempts + decision.counts}
        else:
            event = ItemEvent.FAIL
            values = {
                "failure_kind": failure.kind.value,
                "failure_code": failure.code,
                "reason": failure.message,
            }
        outcomes.append(
            Outcome(
                item.number,
                item.sends,
                event,
                "not_sent",
                failure.code,
                failure.message,
                billed=Billed.NO.value,
                cost=Decimal(0),
                values=values,
            )
        )
    return outcomes
