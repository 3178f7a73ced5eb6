"""What people decide about a job, and what the clock does: once each, with history, on both data stores."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.runtime import Context
from storage.lanes import Relaned
from storage.records import Job
from storage.states import ItemState, JobState, StaleTransitionError
from tests.parts import START, ends, planned, sheet
from tests.storage.test_store import ctx

__all__ = ["ctx"]

LIVE = Decimal("0.10")


@pytest.fixture
def job(ctx: Context, tmp_path: Path) -> Job:
    """Four rows, the last a copy of the first."""
    return planned(ctx, sheet(tmp_path, [{"prompt": text} for text in ("one", "two", "three", "one")]))


def state(ctx: Context, job: Job) -> JobState:
    found = ctx.queries.job(job.id)
    assert found is not None
    return found.state


def live(*numbers: int, price: Decimal | None = LIVE) -> list[Relaned]:
    return [Relaned(number, "live", price, price) for number in numbers]


def test_a_pilot_confirms_its_sample_and_going_on_the_rest(ctx: Context, job: Job) -> None:
    assert job.quoted_high == 0
    ctx.store.start_pilot(job.id, START, live(2), person="U1")
    assert state(ctx, job) is JobState.PILOT
    items = {item.number: item for item in ctx.queries.items(job.id)}
    assert [items[n].state for n in (1, 2, 3, 4)] == [
        ItemState.PLANNED, ItemState.WAITING, ItemState.PLANNED, ItemState.PLANNED,
    ]  # fmt: skip
    assert [items[n].pilot for n in (1, 2, 3, 4)] == [False, True, False, False]
    assert (items[2].lane, items[2].quoted_high, items[1].lane) == ("live", LIVE, "batch")
    changed = ctx.queries.job(job.id)
    assert changed is not None
    assert changed.quoted_high == LIVE, "the job's quote follows"
    ctx.store.show_pilot(job.id, START)
    ctx.store.go_on(job.id, START, START, "U2")
    assert ctx.queries.counts(job.id) == {ItemState.WAITING: 3, ItemState.COPYING: 1}
    with pytest.raises(StaleTransitionError):
        ctx.store.go_on(job.id, START, START, "U3")
    people = [(event.event, event.person) for event in ctx.queries.events(job.id) if event.subject == "job"]
    assert people[-3:] == [("start_pilot", "U1"), ("show_pilot", ""), ("go_on", "U2")]


def test_an_unknown_price_makes_the_jobs_quote_unknown(ctx: Context, job: Job) -> None:
    ctx.store.start_job(job.id, START, relaned=[live(1), live(2, price=None)])
    changed = ctx.queries.job(job.id)
    assert changed is not None
    assert (changed.quoted_low, changed.quoted_high) == (None, None)


def test_only_what_waits_changes_its_lane_later(ctx: Context, job: Job) -> None:
    ctx.store.start_job(job.id, START, person="U1")
    (first,) = ctx.queries.items_by_number(job.id, [1])
    ctx.store.cancel_job(job.id, START, "U1")
    assert ctx.store.relane(job.id, live(1, 2), START, note="late") == 0
    ctx.store.send_again(job.id, ends(ctx, job, ItemState.CANCELLED), START, "U2")
    assert ctx.store.relane(job.id, live(1, 2), START, note="late") == 2
    told = [event for event in ctx.queries.events(job.id) if event.event == "relane"]
    assert [(event.subject_id, event.from_state, event.note) for event in told] == [
        ("1", "waiting", "late"), ("2", "waiting", "late"),
    ]  # fmt: skip
    reopened = [event.person for event in ctx.queries.events(job.id) if event.event.startswith("reopen")]
    assert set(reopened) == {"U2"}
    assert first.lane == "batch"


def test_a_job_is_rushed_once_and_only_while_it_runs(ctx: Context, job: Job) -> None:
    assert not ctx.store.rush_job(job.id, START), "it has not started"
    ctx.store.start_job(job.id, START)
    ctx.store.pause_job(job.id, START, "U1")
    assert not ctx.store.rush_job(job.id, START), "it is paused"
    ctx.store.resume_job(job.id, START, "U1")
    assert ctx.store.rush_job(job.id, START)
    assert not ctx.store.rush_job(job.id, START)
    assert ctx.store.approve_rush(job.id, START, "U2")
    assert not ctx.store.approve_rush(job.id, START, "U3")
    changed = ctx.queries.job(job.id)
    assert changed is not None
    assert changed.spec["rush"] is True
    assert changed.spec["template"] == "{{ prompt }}", "the rest of the options is as it was"
    assert changed.rushed_at == START
