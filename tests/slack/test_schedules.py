"""Schedules: asked for in words or by form, run on time, once, and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.pipeline.scheduled import fire
from bot.policy import Roles
from bot.slack.inbox import work_inbox
from storage.shelved import Schedule, ScheduleState
from storage.states import JobState
from tests.slack.house import TEMPLATE, House, buttons, words
from tests.slack.test_form import fields_of
from tests.slack.test_journeys import drop
from tests.slack.test_presets import TEAM, said


def schedule(home: House, text: str) -> Schedule:
    """The job of this house, scheduled by words."""
    home.ana.command(home.room, "/imgbatch", f"schedule {home.job().id} {text}")
    assert "will be run" in said(home), said(home)
    (found,) = home.ctx.shelf.schedules(TEAM)
    return found


def pass_to(home: House, at: datetime | None) -> None:
    """Let the time come, and everything tick."""
    assert at is not None
    home.clock.at = max(home.clock.at, at)
    fire(home.ctx, home.clock())
    home.tick()


def runs(home: House) -> list[Any]:
    """The jobs beyond the first, oldest first."""
    return sorted(home.jobs(), key=lambda job: job.created_at)[1:]


def test_a_job_is_run_daily_by_itself_within_its_budget(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 Europe/Berlin budget=5")
    assert one.next_at is not None
    assert one.next_at.astimezone(UTC).hour in (5, 6)
    pass_to(home, one.next_at)
    (job,) = runs(home)
    assert job.started_at is not None
    assert job.title.startswith("products.csv, ")
    home.quiet()
    after = home.ctx.shelf.schedule(one.id)
    assert after is not None
    assert after.last_at == one.next_at
    assert after.next_at == one.next_at + timedelta(days=1)
    pass_to(home, after.next_at)
    assert len(runs(home)) == 2
    thread = home.ctx.mail.thread(runs(home)[1].id)
    assert thread is not None
    assert thread.channel == home.channel


def test_without_a_budget_each_run_waits_for_start(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00")
    pass_to(home, one.next_at)
    (job,) = runs(home)
    assert job.state is JobState.PLANNED
    said_so = "Each run is planned and waits for Start."
    seen = [m for m in home.ben.messages(home.room) if not m.get("is_ephemeral")]
    cards = [m for m in seen if said_so in words(m)]
    assert len(cards) == 1
    assert "job_start" in buttons(cards[0])


def test_who_may_not_start_any_more_starts_none_by_a_schedule(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 budget=5")
    ctx = replace(home.ctx, policy=replace(home.ctx.policy, roles=Roles(starters=(home.ben.user_id,))))
    pass_to(replace(home, ctx=ctx), one.next_at)
    (job,) = runs(home)
    assert job.state is JobState.PLANNED


def test_what_was_missed_is_run_once_and_said_to_be_late(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 UTC")
    assert one.next_at is not None
    pass_to(home, one.next_at + timedelta(days=3, hours=2))
    home.tick(times=2)
    (job,) = runs(home)
    assert job.title.endswith("(late)")
    said_so = [m for m in home.ana.messages(home.room) if "This run is late: it was due on" in words(m)]
    assert len(said_so) == 1
    after = home.ctx.shelf.schedule(one.id)
    assert after is not None
    assert after.next_at is not None
    assert timedelta(0) < after.next_at - home.clock() < timedelta(days=1)


def test_each_row_is_run_on_its_own_day(home: House) -> None:
    first = (home.clock() + timedelta(days=2)).date()
    second, gone = first + timedelta(days=1), first - timedelta(days=30)
    rows = [
        f"A,Mug,red,{first}",
        f"B,Bag,blue,{second}",
        f"C,Cap,green,{first}",
        f"D,Old,grey,{gone}",
        "E,No,red,",
    ]
    drop(home, sheet="\n".join(["sku,name,color,Post on", *rows]))
    one = schedule(home, "column post_on 09:00 UTC budget=5")
    pass_to(home, one.next_at)
    (job,) = runs(home)
    assert [row.cells["sku"] for row in home.ctx.queries.rows(job.id)] == ["A", "C"]
    again = home.ctx.shelf.schedule(one.id)
    assert again is not None
    pass_to(home, again.next_at)
    assert [row.cells["sku"] for row in home.ctx.queries.rows(runs(home)[1].id)] == ["B"]
    ended = home.ctx.shelf.schedule(one.id)
    assert ended is not None
    assert (ended.state, ended.next_at) == (ScheduleState.ENDED, None)


def test_several_missed_days_of_a_calendar_are_run_together(home: House) -> None:
    day = (home.clock() + timedelta(days=2)).date()
    rows = "".join(f"S{n},Mug,red,{day + timedelta(days=n)}\n" for n in range(4))
    drop(home, sheet=f"sku,name,color,date\n{rows}")
    one = schedule(home, "column date 09:00 UTC")
    assert one.next_at is not None
    pass_to(home, one.next_at + timedelta(days=2))
    (job,) = runs(home)
    assert [row.cells["sku"] for row in home.ctx.queries.rows(job.id)] == ["S0", "S1", "S2"]


def test_a_firing_is_one_entry_however_often_it_is_tried(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 UTC")
    assert one.next_at is not None
    home.clock.at = one.next_at
    fire(home.ctx, home.clock())
    # As if the process had died before the next time was set, and a day had passed
    with home.ctx.shelf._writer.transaction() as c:
        c.exec_driver_sql("UPDATE schedule SET next_at = (SELECT last_at FROM schedule)")
    home.clock.move(86_400 + 60)
    assert fire(home.ctx, home.clock()) == 0
    after = home.ctx.shelf.schedule(one.id)
    assert after is not None
    assert after.next_at == one.next_at + timedelta(days=1)
    assert fire(home.ctx, home.clock()) == 1
    home.tick(times=2)
    assert len(runs(home)) == 2


def test_an_entry_worked_on_twice_makes_one_job(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 UTC budget=5")
    pass_to(home, one.next_at)
    with home.ctx.mail._writer.transaction() as c:
        c.exec_driver_sql("UPDATE inbox SET state = 'new' WHERE kind = 'scheduled'")
    work_inbox(home.ctx, home.app.client, home.clock())
    home.quiet()
    (job,) = runs(home)
    assert home.ctx.queries.ledger(job.id).made == 3


def test_schedules_are_listed_and_ended(home: House) -> None:
    drop(home)
    one = schedule(home, "weekly mon,thu 07:30 Europe/Berlin budget=12")
    home.ben.command(home.room, "/imgbatch", "schedules")
    seen = [m for m in home.ben.messages(home.room) if m.get("is_ephemeral")][-1]
    assert "every Monday and Thursday at 07:30 (Europe/Berlin), by itself up to $12.00" in words(seen)
    home.ana.command(home.room, "/imgbatch", f"unschedule {one.id}")
    assert "will not be run again" in said(home)
    assert home.ctx.shelf.schedules(TEAM) == []
    pass_to(home, one.next_at)
    assert runs(home) == []
    home.ana.command(home.room, "/imgbatch", f"unschedule {one.id}")
    assert "has ended already" in said(home)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("schedule", "Say which job and when"),
        ("schedule nosuch daily 07:00", "There is no job “nosuch”"),
        ("schedule JOB sometimes", "Say at what time"),
        ("schedule JOB daily 07:00 Europe/Berln", "did you mean Europe/Berlin?"),
        ("schedule JOB column nosuch 07:00", "has no column “nosuch”; it has sku, name, color"),
        ("schedule JOB column name 07:00", "“Mug” is not a date"),
        ("unschedule nosuch", "There is no schedule “nosuch”"),
        ("schedules", "Nothing is scheduled"),
    ],
)
def test_mistakes_are_answered_in_sentences(home: House, text: str, answer: str) -> None:
    drop(home)
    home.ana.command(home.room, "/imgbatch", text.replace("JOB", home.job().id))
    assert answer in said(home)


def test_in_its_thread_the_job_need_not_be_named(home: House) -> None:
    message = drop(home)
    home.ana.say(home.room, "@imgbatch schedule daily 07:00 Europe/Berlin", thread=message["ts"])
    home.arrived()
    home.tick()
    (one,) = home.ctx.shelf.schedules(TEAM)
    assert one.title == "products.csv"


def test_the_form_schedules_what_the_details_show(home: House) -> None:
    drop(home, f"@imgbatch lane=live size=64x64 {TEMPLATE}")
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.ana.press(home.card(), "job_details")
    home.ana.press(home.ana.wait_for_modal(f"Job {home.job().id}"), "schedule_ask")
    form = home.ana.wait_for_modal("Schedule")
    assert "days" in fields_of(form)
    home.ana.press(form, "schedule_kind", "daily")
    form = home.ana.wait_for(lambda: (v := home.ana.modal()) and "days" not in fields_of(v) and v)
    assert home.ana.fill(form, {"at": "06:15", "zone": "Europe/Berlin", "budget": "3"}) is None
    (one,) = home.ctx.shelf.schedules(TEAM)
    assert (one.rule["kind"], one.rule["at"], one.rule["budget_usd"]) == ("daily", "06:15:00", "3")
    home.ana.wait_for_message(home.room, "A run that may cost at most $3.00 starts by itself")


def test_a_sheet_that_is_gone_is_told_directly(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 UTC")
    with home.ctx.shelf._writer.transaction() as c:
        c.exec_driver_sql("UPDATE schedule SET spec = json_set(spec, '$.provider', 'gone')")
    pass_to(home, one.next_at)
    assert runs(home) == []
    assert "There is no provider “gone”" in words(home.ana.messages("@imgbatch")[-1])
