"""Large reviews, repeated clicks, restarts and dates: nothing twice, nothing lost, nothing too often."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.slack import reminders, review_page, reviewing
from bot.slack.inbox import work_inbox
from bot.slack.reach import Where
from bot.slack.reminders import moments
from bot.workspace.server import Workspace
from storage.records import InboxEntry
from storage.states import ItemState, ReviewState
from tests.parts import START
from tests.priced import models_at
from tests.slack.house import House, house, words
from tests.slack.test_journeys import drop
from tests.slack.test_once import Killed, Stopping, told
from tests.slack.test_review import cards, page, press, reviewed, settled, sheet, states, versions

APPROVED = ReviewState.APPROVED


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[House]:
    """A workspace that counts calls as Slack does; its clock goes with the house's."""
    with Workspace(rate_scale=1.0, retry_delays=(0.05, 0.05)) as slack, house(tmp_path, slack) as home:
        yield home


def pass_time(home: House, seconds: float) -> None:
    home.workspace.pass_time(seconds)
    home.tick(seconds)


def test_five_hundred_pictures_take_few_messages_and_break_no_limit(strict: House) -> None:
    home = strict
    drop(home, "@imgbatch lane=live size=64x64 A {{ color }} {{ name }}", sheet(500))
    home.ana.press(home.card(), "job_start")
    home.until(lambda: not home.ctx.queries.counts(home.job().id).get(ItemState.WAITING), ticks=300)
    for _ in range(400):
        if any(kind.startswith("results") for kind in home.ctx.mail.announcements(home.job().id)):
            break
        pass_time(home, 2)
    for action in (review_page.ON, review_page.ON, review_page.PAGE_OK):
        home.ana.press(page(home), action)
        home.arrived()
        for _ in range(15):
            pass_time(home, 2)
    assert "10 approved, 0 rejected, 490 to review" in words(page(home))
    posted = [call for call in home.workspace.calls("chat.postMessage") if call.ok]
    shared = home.workspace.calls("files.completeUploadExternal")
    messages = len(posted) + sum("channel_id" in call.args for call in shared)
    assert messages <= 20, Counter(told(home))
    assert [call.method for call in home.workspace.calls() if call.status == 429] == []
    assert [call.answer for call in home.workspace.calls() if not call.ok] == []


def test_ten_thousand_clicks_of_one_redo_make_one_version(home: House) -> None:
    reviewed(home, 2)
    job, now = home.job().id, home.clock()
    where = Where("T0LOOPBACK", home.channel, home.ana.user_id, str(home.card()["thread_ts"]))
    given = {
        "do": "redo",
        "job": job,
        "item": 1,
        "prompt": "A better mug",
        "lane": None,
        "seen": "unreviewed",
    }
    kept = sum(reviewing.receive(home.ctx, "form:V0REDO", given, where, now) for _ in range(9_990))
    kept += sum(reviewing.receive(home.ctx, f"form:V{n}", given, where, now) for n in range(10))
    assert kept == 11
    home.workspace.forget_calls()
    home.quiet()
    assert len(versions(home, 1)) == 2
    assert home.ctx.queries.ledger(job).made == 3
    assert told(home) == {(job, "redo"): 1}


def test_a_redelivered_reaction_decides_once(home: House) -> None:
    reviewed(home, 2)
    (sheets,) = [m for m in home.replies() if "at a glance" in words(m)]
    home.ben.react(sheets, "white_check_mark")
    home.arrived()
    home.workspace.redeliver_last_event(20)
    settled(home)
    events = [e for e in home.ctx.queries.events(home.job().id) if e.subject == "review"]
    assert len(events) == 2


class Forgetful(Stopping):
    """Killed after the deed, before the inbox entry is closed."""

    def inbox_done(self, entry: InboxEntry, note: str = "") -> None:
        raise Killed


@pytest.mark.parametrize("said", ["redo 2", "undo", "approve 2"])
def test_a_restart_between_word_and_answer_does_nothing_twice(home: House, said: str) -> None:
    reviewed(home, 3)
    for number in (1, 2):
        press(home, home.ana, review_page.APPROVE, number)
        settled(home)
    home.ana.say(home.room, f"@imgbatch {said}", thread=str(home.card()["thread_ts"]))
    home.arrived()
    dying = replace(home.ctx, mail=Forgetful(home.ctx.mail, ""))
    with pytest.raises(Killed):
        work_inbox(dying, home.app.client, home.clock())
    after = home.again()
    after.quiet()
    assert len(versions(after, 2)) == (2 if said.startswith("redo") else 1)
    expected = {"redo 2": 1, "undo": 1, "approve 2": 2}[said]
    assert states(after).count(APPROVED) == expected
    assert home.ctx.queries.ledger(home.job().id).made == (4 if said.startswith("redo") else 3)


@pytest.mark.parametrize("kind", ["redo", "review"])
def test_a_crash_between_posting_and_writing_it_down_shows_a_redo_once(home: House, kind: str) -> None:
    reviewed(home, 2)
    press(home, home.ana, review_page.REDO, 1)
    home.ana.fill(home.ana.wait_for_modal("Redo picture 1"), {"prompt": "A blue mug"})
    home.arrived()
    dying = replace(home, ctx=replace(home.ctx, mail=Stopping(home.ctx.mail, kind)))
    with pytest.raises(Killed):
        dying.quiet()
    after = home.again()
    after.quiet()
    assert told(after)[home.job().id, "redo"] == 1
    assert len(versions(after, 1)) == 2
    assert cards(page(after))[0]["title"]["text"] == "1 · S-1 · version 2"


def test_what_comes_to_nothing_is_told_and_the_earlier_version_counts(home: House) -> None:
    reviewed(home, 2)
    press(home, home.ana, review_page.REDO, 1)
    home.ana.fill(home.ana.wait_for_modal("Redo picture 1"), {"prompt": "A blue mug"})
    home.arrived()
    work_inbox(home.ctx, home.app.client, home.clock())
    (new,) = [v for v in versions(home, 1) if v.version == 2]
    with home.ctx.reviews._writer.transaction() as c:
        c.execute(
            text("UPDATE item SET state = 'refused', reason = 'not allowed' WHERE number = :n"),
            {"n": new.number},
        )
    home.quiet()
    (message,) = [m for m in home.replies() if "Could not be made again: picture 1." in words(m)]
    assert "Picture 1: not allowed. The earlier version counts." in words(message)
    assert [v.review for v in versions(home, 1)] == [ReviewState.UNREVIEWED, ReviewState.REPLACED]
    assert cards(page(home))[0]["title"]["text"] == "1 · S-1"
    assert "All 2 pictures are ready" in words(home.card())


def test_reminders_come_daily_and_two_hours_before_while_something_is_left(home: House) -> None:
    due = home.clock() + timedelta(days=2, hours=12)
    reviewed(home, 2, f'review_by="{due:%Y-%m-%d %H:%M}"')
    assert "Review due" in words(page(home))
    for _ in range(12):
        home.tick(seconds=4 * 3600)
    assert len(_reminders(home)) == 2, "one a day"
    assert (
        f"<@{home.ana.user_id}> 2 pictures of products.csv still wait for review, due" in _reminders(home)[0]
    )
    press(home, home.ana, review_page.APPROVE, 1)
    settled(home)
    after = home.again()
    home.clock.move((due - timedelta(hours=1) - home.clock()).total_seconds())
    after.tick(times=3)
    assert len(_reminders(after)) == 3
    assert "1 picture of products.csv still waits for review" in _reminders(after)[2]


def test_nobody_is_reminded_when_nothing_is_left(home: House) -> None:
    due = home.clock() + timedelta(days=2)
    message = reviewed(home, 2, f'review_by="{due:%Y-%m-%d %H:%M}"')
    home.ana.press(message, review_page.PAGE_OK)
    settled(home)
    for _ in range(14):
        home.tick(seconds=4 * 3600)
    assert _reminders(home) == []


def _reminders(home: House) -> list[str]:
    return [message["text"] for message in home.replies() if "for review, due" in message["text"]]


def test_when_reminders_are_due() -> None:
    due = START + timedelta(days=2, hours=3)
    assert moments(START, due) == [
        START + timedelta(days=1),
        START + timedelta(days=2),
        due - reminders.BEFORE,
    ]
    assert moments(START, START + timedelta(hours=1)) == []


def test_a_job_over_its_budget_makes_nothing_again(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewed(home, 2)
    monkeypatch.setattr(home.ctx.providers["sketch"], "models", models_at("0.10"))
    job: Any = home.job()
    with home.ctx.reviews._writer.transaction() as c:
        c.execute(text("UPDATE attempt SET cost = 2000000000, billed = 'yes'"))
        spec = json.dumps({**job.spec, "budget_usd": "3.00"})
        c.execute(text("UPDATE job SET spec = :s WHERE id = :j"), {"j": job.id, "s": spec})
    home.ana.say(home.room, "@imgbatch redo 1", thread=str(home.card()["thread_ts"]))
    settled(home)
    said = words(home.ana.thread(home.room, str(home.card()["thread_ts"])))
    assert "the job has $0.00 left of its budget of $3.00" in said
    assert len(versions(home, 1)) == 1
