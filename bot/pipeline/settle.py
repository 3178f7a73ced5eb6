"""Answers are written down: pictures first to the blobs, then the state that says they are paid for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.imaging.vector import is_vector
from bot.logs import about
from bot.pipeline.assemble import parse_key
from bot.pipeline.deadline import recalled
from bot.pipeline.retry import Again, GiveUp, decide
from bot.runtime import Context
from bot.tracing import note
from providers.base import Billed, Failure, FailureKind, Handle, ItemResult, Made, Picture, Progress
from storage.each import Outcome
from storage.records import Item, Submission
from storage.states import ItemEvent, ItemState

log = logging.getLogger(__name__)

AT_A_TIME = 50
"""Answers written in one transaction: few enough to lose nothing worth mentioning, enough to be quick."""

EXTENSIONS: Mapping[bytes, str] = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"RIFF": "webp", b"GIF8": "gif"}
"""By the first bytes: what the provider says of its pictures is not always so."""


def settle(ctx: Context, submission: Submission, progress: Progress, now: datetime) -> int:
    """Read an ended submission's results to the end and write each answer down once; how many were new.

    Streamed: one picture in memory at a time. Stopped anywhere, it can be run again from the start: what
    has its answer keeps it. Items to be retried are written last and together, so that they travel
    together. May raise what `Provider.results` raises; what was settled stays.
    """
    handle = handle_of(submission)
    waiting = {item.number: item for item in ctx.queries.submission_items(submission, [ItemState.IN_FLIGHT])}
    chance = ctx.chance()
    later: list[Outcome] = []
    ready: list[Outcome] = []
    new = 0
    wanted = recalled(ctx, ctx.queries.job(submission.job_id), submission)
    for result in ctx.providers[submission.provider].results(handle):
        item = _item_for(submission, result, waiting)
        if item is None:
            continue
        del waiting[item.number]
        outcome = _outcome(ctx, item, result.outcome, now, chance, wanted=wanted)
        (later if outcome.event in (ItemEvent.RETRY, ItemEvent.UNPACK) else ready).append(outcome)
        if len(ready) >= AT_A_TIME:
            new += ctx.store.settle(submission, ready, now)
            ready = []
    silent = Failure(
        progress.unanswered, code="no_answer", message="The provider gave no answer for this item."
    )
    for item in waiting.values():
        later.append(_outcome(ctx, item, silent, now, chance, wanted=wanted))
    new += ctx.store.settle(submission, [*ready, *later], now)
    made, failed = ctx.queries.answers(submission.id)
    ctx.store.end(submission, now, completed=made, failed=failed)
    log.info("settled: %d made, %d failed", made, failed)
    note(made=made, failed=failed)
    return new


def answer(ctx: Context, submission: Submission, results: Iterable[ItemResult], now: datetime) -> None:
    """The same for a synchronous API, whose reply is the results: one transaction for all of it."""
    asked = list(ctx.queries.submission_items(submission, [ItemState.SENDING]))
    waiting = {item.number: item for item in asked}
    chance = ctx.chance()
    outcomes = []
    for result in results:
        item = _item_for(submission, result, waiting)
        if item is not None:
            del waiting[item.number]
            outcomes.append(_outcome(ctx, item, result.outcome, now, chance))
    silent = Failure(
        FailureKind.UNKNOWN, code="no_answer", message="The provider gave no answer for this item."
    )
    outcomes += [_outcome(ctx, item, silent, now, chance) for item in waiting.values()]
    ctx.store.answer(submission, outcomes, now)
    made = sum(outcome.event is ItemEvent.MAKE for outcome in outcomes)
    note(row=min((item.row for item in asked), default=0), made=made, failed=len(outcomes) - made)


def lost(ctx: Context, submission: Submission, failure: Failure, now: datetime) -> None:
    """Its results cannot be had: every item without an answer has this failure."""
    chance = ctx.chance()
    items = ctx.queries.submission_items(submission, [ItemState.IN_FLIGHT])
    outcomes = [_outcome(ctx, item, failure, now, chance) for item in items]
    made, failed = ctx.queries.answers(submission.id)
    ctx.store.lose(
        submission, outcomes, now, completed=made, failed=failed + len(outcomes), note=failure.message
    )
    log.warning("its results cannot be had, %d pictures: %s", len(outcomes), failure.message)


def handle_of(submission: Submission) -> Handle:
    """The provider's name for it, as it was kept."""
    kept = submission.handle or {}
    return Handle(id=kept.get("id", ""), data=kept.get("data", {}))


def _item_for(submission: Submission, result: ItemResult, waiting: Mapping[int, Item]) -> Item | None:
    parsed = parse_key(result.key)
    item = waiting.get(parsed[1]) if parsed and parsed[0] == submission.job_id else None
    if item is None or parsed is None or item.sends != parsed[2]:
        # Answered before a restart, answered twice, or never asked: the first answer stands.
        log.debug("an answer for %.80s is not awaited", result.key)
        return None
    return item


def _outcome(
    ctx: Context, item: Item, outcome: Made | Failure, now: datetime, chance: float, *, wanted: bool = False
) -> Outcome:
    """`wanted`: what comes back cancelled was called back by us, to be made in another lane."""
    if isinstance(outcome, Made):
        values = _kept(ctx, item, outcome.pictures[0])
        cost = outcome.cost_usd if outcome.cost_usd is not None else item.quoted_high
        return Outcome(
            item.number, item.sends, ItemEvent.MAKE, "made", billed=Billed.YES.value,
            cost=cost, priced_by=_said_by(outcome.cost_usd, cost),
            values={**values, "due_at": now, **_CLEAR},
        )  # fmt: skip
    if wanted and outcome.kind is FailureKind.CANCELLED:
        decision: Again | GiveUp = Again(now, counts=False)
    else:
        decision = decide(outcome, item.attempts + 1, ctx.policy, now, chance)
    values = {"failure_kind": outcome.kind.value, "failure_code": outcome.code, "reason": outcome.message}
    kept = item.regenerated and item.master_key
    if isinstance(decision, Again) and not (kept and outcome.billed is not Billed.NO):
        event = ItemEvent.RETRY if decision.counts else ItemEvent.UNPACK
        values = {**values, "due_at": decision.at}
    elif kept:
        # Made again for the quality gate, in vain: the picture before is there and paid for. Once was
        # reserved, so that what was perhaps billed is not tried a second time.
        event, values = ItemEvent.MAKE, {"due_at": now, **_CLEAR}
    else:
        assert isinstance(decision, GiveUp)
        event = decision.event
        with about(job=item.job_id, row=item.row, item=item.number):
            log.info("%s: %s %s", event.value, outcome.kind.value, outcome.code)
    cost = _failure_cost(outcome, item)
    return Outcome(
        item.number, item.sends, event, outcome.kind.value, outcome.code, outcome.message,
        billed=outcome.billed.value, cost=cost, priced_by=_said_by(outcome.cost_usd, cost), values=values,
    )  # fmt: skip


_CLEAR: Mapping[str, Any] = {"failure_kind": None, "failure_code": None, "reason": None}


def _said_by(reported: Decimal | None, cost: Decimal | None) -> str:
    """Whose word a cost is."""
    return "vendor" if reported is not None else "table" if cost else ""


def _failure_cost(failure: Failure, item: Item) -> Decimal | None:
    """What a failure cost: as reported; the list price if billed; nothing if not; unknown otherwise."""
    if failure.cost_usd is not None:
        return failure.cost_usd
    match failure.billed:
        case Billed.NO:
            return Decimal(0)
        case Billed.YES:
            return item.quoted_high
        case _:
            return None


def _kept(ctx: Context, item: Item, picture: Picture) -> dict[str, Any]:
    """Keep the master (or where to get it); the key is the same for the same sending, so that a second
    reading of the results replaces the file with itself.
    """
    if picture.content is None:
        return {"locator": picture.locator, "master_key": None}
    return {"master_key": keep_master(ctx, item, picture.content), "locator": None}


def keep_master(ctx: Context, item: Item, content: bytes) -> str:
    """Put the provider's bytes away; the key."""
    extension = next((ext for mark, ext in EXTENSIONS.items() if content.startswith(mark)), "bin")
    if is_vector(content):
        extension = "svg"
    key = f"{item.job_id}/master/{item.number:06d}-{item.sends}.{extension}"
    ctx.blobs.put(key, content)
    return key
