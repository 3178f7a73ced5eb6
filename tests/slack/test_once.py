"""Whatever is repeated, lost or cut off, nothing is made twice and nothing is told twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bot.slack.announcer import announce
from bot.slack.inbox import work_inbox
from storage.mail import Mail
from storage.records import Announcement, InboxEntry
from storage.states import JobState
from tests.slack.house import House, buttons, words
from tests.slack.test_journeys import SHEET, TEMPLATE, drop


class Killed(BaseException):
    """The process stops here."""


def told(home: House) -> Counter[tuple[str, str]]:
    """Our messages by job and kind, as they stand in Slack."""
    kinds = []
    for message in home.workspace.calls("chat.postMessage"):
        found = message.answer.get("message", {}).get("metadata")
        if found:
            kinds.append((found["event_payload"]["job"], found["event_payload"]["kind"].split("-")[0]))
    return Counter(kinds)


def test_two_clicks_start_once(home: House) -> None:
    drop(home)
    card = home.card()
    home.ana.press(card, "job_start")
    home.ben.press(card, "job_start")
    home.quiet()
    assert home.ctx.queries.ledger(home.job().id).made == 3
    home.ana.press(card, "job_start")
    home.ana.wait_for_reply(card | {"ts": card["thread_ts"]}, "there is nothing to start")


def test_a_message_heard_many_times_makes_one_job(home: House) -> None:
    drop(home)
    home.workspace.redeliver_last_event(5)
    home.tick(times=3)
    assert len(home.jobs()) == 1
    kinds = [body["event"]["type"] for body in home.workspace.sent("events_api")]
    assert {"message", "app_mention"} <= set(kinds)
    assert told(home) == {(home.job().id, "card"): 1}


@pytest.mark.parametrize("also", [True, False])
def test_it_does_not_matter_which_event_tells_of_a_mention(home: House, also: bool) -> None:
    home.workspace.faults.mention_with_file = also
    drop(home)
    home.tick(times=2)
    assert len(home.jobs()) == 1


def test_a_lost_acknowledgement_makes_nothing_twice(home: House) -> None:
    home.workspace.drop_next_ack(3)
    drop(home)
    home.tick(times=3)
    assert len(home.jobs()) == 1


class Stopping(Mail):
    """A data store in a process that is killed before a certain write."""

    def __init__(self, mail: Mail, at: str) -> None:
        super().__init__(mail._engine, mail._writer)
        self.at = at

    def inbox_done(self, entry: InboxEntry, note: str = "") -> None:
        self._stop("inbox_done")
        super().inbox_done(entry, note)

    def open_thread(self, thread: Any) -> None:
        self._stop("open_thread")
        super().open_thread(thread)

    def announced(self, told: Announcement, at: Any, *, ts: str | None, digest: str) -> None:
        self._stop(told.kind.split("-")[0])
        super().announced(told, at, ts=ts, digest=digest)

    def _stop(self, where: str) -> None:
        if where == self.at:
            raise Killed


@pytest.mark.parametrize("moment", ["open_thread", "inbox_done"])
def test_a_crash_while_making_a_job_makes_no_second_one(home: House, moment: str) -> None:
    home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[SHEET])
    home.arrived()
    dying = replace(home.ctx, mail=Stopping(home.ctx.mail, moment))
    with pytest.raises(Killed):
        work_inbox(dying, home.app.client, home.clock())
    after = home.again()
    after.tick(times=2)
    assert after.job().state is JobState.PLANNED
    assert buttons(after.card()) == ["job_start_other", "job_start", "job_cancel"]


def test_a_draft_left_in_the_middle_is_made_anew(home: House) -> None:
    home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[SHEET])
    home.arrived()
    (entry,) = home.ctx.mail.due_inbox(home.clock())
    home.tick()
    job = home.job()
    home.ctx.store.drop_job(job.id)
    home.ctx.store.draft_job(replace(job, state=JobState.DRAFT, plan=None))
    home.ctx.mail.inbox_later(entry, home.clock(), "as if nothing had been written")
    assert entry.payload["job"] == job.id
    with home.ctx.mail._writer.transaction() as c:
        c.exec_driver_sql("UPDATE inbox SET state = 'new'")
    home.tick()
    assert (home.job().id, home.job().items) == (job.id, 4)


@pytest.mark.parametrize("kind", ["card", "summary", "sheets", "review"])
def test_a_crash_between_posting_and_writing_it_down_tells_nothing_twice(home: House, kind: str) -> None:
    drop(home)
    if kind == "card":
        home.ctx.mail._set(home.ctx.mail.announcements(home.job().id)["card"], state="posting", ts=None)
    else:
        home.ana.press(home.card(), "job_start")
        home.arrived()
        dying = replace(home.ctx, mail=Stopping(home.ctx.mail, kind))
        with pytest.raises(Killed):
            replace(home, ctx=dying).quiet()
    after = home.again()
    after.quiet()
    after.tick(times=5)
    assert set(told(after).values()) == {1}
    assert ("card" if kind == "card" else kind) in {name for _, name in told(after)}


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_tells_nothing_twice(home: House, lost: int) -> None:
    home.ana.say(home.room, f"@imgbatch lane=live size=128x128 {TEMPLATE}", files=[SHEET])
    home.arrived()
    home.workspace.lose_answer_next("chat.postMessage", lost)
    home.tick(times=4)
    bots = [m for m in home.ana.thread(home.room, home.ana.messages(home.room)[0]["ts"]) if m.get("bot_id")]
    assert len(bots) == 1
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert max(told(home).values()) == 1


def test_results_are_shared_once_though_the_answer_is_lost(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.until(lambda: any("4 on this page" in words(reply) for reply in home.replies()))
    home.workspace.lose_answer_next("files.completeUploadExternal")
    home.tick(times=6)
    home.quiet()
    assert sum("results.csv: every row" in words(reply) for reply in home.replies()) == 1


def test_no_picture_is_uploaded_twice(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.until(lambda: any("all at a glance" in words(reply) for reply in home.replies()))
    after = home.again()
    after.quiet()
    names = [call.args["filename"] for call in home.workspace.calls("files.getUploadURLExternal")]
    assert len(names) == len(set(names)) == 7


def test_an_unchanged_message_is_not_sent_again(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.workspace.forget_calls()
    home.tick(times=10)
    again = home.again()
    for _ in range(3):
        announce(again.ctx, again.app.client, again.clock())
    assert [call.method for call in home.workspace.calls() if call.method != "auth.test"] == []
