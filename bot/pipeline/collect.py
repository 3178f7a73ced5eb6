"""Made pictures become stored ones: fetched if need be, rendered, kept. Copies are made (`copying`)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from bot.imaging.pictures import NotAPicture
from bot.logs import about
from bot.pipeline.copying import copy_duplicates, copy_reused
from bot.pipeline.inspection import Gate
from bot.pipeline.rendering import render_item
from bot.pipeline.retry import Again, decide, wait
from bot.pipeline.settle import keep_master
from bot.runtime import Context
from bot.tracing import doing
from providers.base import AskAgain, Failure, FailureKind, Gone, ProviderError
from storage.budgets import Budget, OverBudgetError
from storage.records import Item, Job
from storage.states import LIVING_JOBS, ItemEvent, ItemState, StaleTransitionError

log = logging.getLogger(__name__)

AT_A_TIME = 32
"""Pictures handed to the renderers together."""

ROUNDS = 16
"""Hands before the tick returns, so that other jobs get their turn."""


def collect(ctx: Context, now: datetime) -> int:
    """Render what is due, and copy what is to be copied; how many items moved."""
    moved = 0
    living = ctx.queries.jobs(LIVING_JOBS)
    for ended in ctx.inspected.keys() - {job.id for job in living}:
        del ctx.inspected[ended]
    for job in living:
        for _ in range(ROUNDS):
            due = ctx.queries.due_items(job.id, ItemState.GENERATED, now, AT_A_TIME)
            copies = ctx.queries.copies_ready(job.id, AT_A_TIME)
            reused = ctx.queries.reuses_ready(job.id, AT_A_TIME)
            if not due and not copies and not reused:
                break
            with doing("collect", job=job.id) as step:
                step.note(pictures=len(due), copies=len(copies) + len(reused))
                moved += _collect(ctx, job, due) + copy_duplicates(ctx, copies) + copy_reused(ctx, reused)
    return moved


def _collect(ctx: Context, job: Job, items: Sequence[Item]) -> int:
    gate = Gate(ctx, job)
    work: list[tuple[Item, Future[dict[str, Any]]]] = []
    for item in items:
        with _of(item):
            master = item.master_key or _fetch(ctx, item)
        if master is not None:
            work.append((item, render_item(ctx, item, master, gate.checks(item))))
    kept: list[tuple[Item, dict[str, Any]]] = []
    for item, future in work:
        with _of(item):
            try:
                values = {**future.result(), "due_at": None}
            except NotAPicture as problem:
                _unusable(ctx, gate, item, str(problem))
                continue
            why = gate.judge(item, values)
            if why is None or not _again(ctx, gate, item, f"made again: {why}", values["master_key"]):
                kept.append((item, values))
    ctx.store.store_items(kept, ctx.clock())
    return len(items)


def _of(item: Item) -> AbstractContextManager[None]:
    """Lines of the log are about this picture."""
    return about(row=item.row, item=item.number, provider=item.provider)


def _fetch(ctx: Context, item: Item) -> str | None:
    """The master's key once its bytes are here; None when it is not to be had now, or ever."""
    assert item.locator is not None
    try:
        content = ctx.providers[item.provider].fetch(item.locator)
    except Gone as problem:
        _failed(ctx, item, Failure(FailureKind.EXPIRED, "gone", str(problem)))
        return None
    except ProviderError as problem:
        asked = problem.retry_after if isinstance(problem, AskAgain) else None
        later = wait(1, ctx.policy, ctx.chance(), asked)
        log.info("the picture cannot be fetched yet: %s", problem)
        ctx.store.put_off(
            item, ctx.clock() + later, reason=f"The picture could not be fetched yet: {problem}"
        )
        return None
    return keep_master(ctx, item, content)


def _unusable(ctx: Context, gate: Gate, item: Item, words: str) -> None:
    """Nothing in it can be shown: made again where that may be, else it has failed."""
    if gate.may_again(item) and _again(ctx, gate, item, f"made again: {words}"):
        return
    failed = {"failure_kind": FailureKind.UNKNOWN.value, "failure_code": "not_a_picture", "reason": words}
    _move(ctx, item, ItemEvent.FAIL, failed)


def _again(ctx: Context, gate: Gate, item: Item, why: str, master_key: str | None = None) -> bool:
    """Paid for, and not good enough. The ledger keeps this attempt, and the next will be one more; the count
    goes with the move, so that a restart does not decide it again. The master stays, should the next fail.
    False where a budget does not bear it any more.
    """
    counted = {"regenerated": item.regenerated + 1, "reason": why, "master_key": master_key}
    values = {**counted, "due_at": ctx.clock()}
    try:
        _move(ctx, item, ItemEvent.RETRY, values, note=why, within=gate.budgets)
    except OverBudgetError:
        return False
    return True


def _failed(ctx: Context, item: Item, failure: Failure) -> None:
    """Paid for, but of no use: tried again within the limit, or ended."""
    now = ctx.clock()
    decision = decide(failure, item.attempts, ctx.policy, now, ctx.chance())
    values: dict[str, Any] = {
        "failure_kind": failure.kind.value,
        "failure_code": failure.code,
        "reason": failure.message,
    }
    if isinstance(decision, Again):
        _move(ctx, item, ItemEvent.RETRY, {**values, "due_at": decision.at})
    else:
        _move(ctx, item, ItemEvent.FAIL, values)


def _move(
    ctx: Context,
    item: Item,
    event: ItemEvent,
    values: Mapping[str, Any],
    note: str = "",
    within: Sequence[Budget] = (),
) -> None:
    try:
        ctx.store.move_item(item, event, ctx.clock(), note[:200], within=within, **values)
    except StaleTransitionError:
        log.info("it had moved before it was collected")
