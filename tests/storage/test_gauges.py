"""What there is of everything, counted on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bot.metrics import Metrics
from bot.pipeline.rounds import one_round
from bot.runtime import Context
from storage.gauges import Backlog
from storage.records import Announcement, AnnouncementState, Incident
from storage.states import ItemState, JobState, SubmissionState
from tests.parts import TestClock, planned, run_to_end, sheet, started
from tests.storage.test_store import ctx

__all__ = ["ctx"]


def test_what_there_is(ctx: Context, tmp_path: Path) -> None:
    assert isinstance(ctx.clock, TestClock)
    vitals, began = ctx.vitals, ctx.clock()
    planned(ctx, sheet(tmp_path, [{"prompt": "later"}], "later.csv"))
    run_to_end(ctx, started(ctx, sheet(tmp_path, [{"prompt": "a shoe"}, {"prompt": "a hat"}])))
    started(ctx, sheet(tmp_path, [{"prompt": "a mug"}], "mugs.csv"))
    assert vitals.jobs_by_state() == {JobState.PLANNED: 1, JobState.FINISHED: 1, JobState.RUNNING: 1}
    (waiting,) = vitals.moving(ctx.clock() + timedelta(seconds=9))
    assert (waiting.state, waiting.count, waiting.oldest) == (ItemState.WAITING, 1, ctx.clock())
    one_round(ctx, ctx.clock())
    (sent,) = vitals.sent()
    assert (sent.state, sent.provider, sent.count) == (SubmissionState.OPEN, "sketch", 1)
    (answers,) = vitals.settled(began)
    assert (answers.outcome, answers.count, answers.usd, answers.unpriced) == ("made", 2, Decimal(0), 0)
    assert vitals.settled(began, began) == []
    assert vitals.settled(ctx.clock() + timedelta(hours=1)) == []


def test_what_waits(ctx: Context) -> None:
    now = ctx.clock()
    assert ctx.vitals.inbox() == Backlog(0, None)
    assert ctx.vitals.announcements() == (0, 0)
    ctx.mail.receive("a", "message", {}, now)
    ctx.mail.receive("b", "message", {}, now + timedelta(minutes=1))
    assert ctx.vitals.inbox() == Backlog(2, now)
    told = Announcement("job", "card", "C1", AnnouncementState.POSTING, now)
    ctx.mail.announcing(told)
    ctx.mail.announce_failed(told, now, "lost")
    assert ctx.vitals.announcements() == (1, 1)
    disk = Incident("disk:data", "disk", "warning", headline="The disk", details=[], opened_at=now)
    ctx.notices.open_incident(disk)
    assert ctx.vitals.open_incidents() == {"disk": 1}
    ctx.notices.close_incident("disk:data", now)
    assert ctx.vitals.open_incidents() == {}


def test_all_of_it_is_told(ctx: Context, tmp_path: Path) -> None:
    run_to_end(ctx, started(ctx, sheet(tmp_path, [{"prompt": "a shoe"}])))
    said = Metrics(ctx, tmp_path)("")[0].decode()
    made = 'imgbatch_answers_total{lane="batch",model="sketch",outcome="made",provider="sketch"} 1.0'
    assert made in said
    assert "imgbatch_database_up 1.0" in said
