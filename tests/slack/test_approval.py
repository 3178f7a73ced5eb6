"""A second person's word for what costs much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from bot.policy import Roles
from bot.slack.inbox import work_inbox
from bot.workspace.person import Person
from bot.workspace.server import Workspace
from bot.workspace.state import User
from storage.shelved import Preset
from storage.states import JobState
from tests.slack.house import House, buttons, labels, words
from tests.slack.priced import SHEET, priced_house
from tests.slack.test_journeys import drop
from tests.slack.test_once import Killed, Stopping

CENT = Decimal("0.01")
"""A limit that every start of the sheet passes."""


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with priced_house(tmp_path, slack, approval_usd=CENT) as built:
        yield built


@pytest.fixture
def other(tmp_path: Path, slack: Workspace) -> partial[AbstractContextManager[House]]:
    """A house with rules of the test's own."""
    return partial(priced_house, tmp_path, slack)


def ask(home: House) -> None:
    drop(home, "@imgbatch quality=low", SHEET)
    home.ana.press(home.card(), "job_start_other")
    home.hear()


def question(home: House) -> dict[str, object]:
    (found,) = [m for m in home.replies() if "would like to" in words(m)]
    return found


def permits(home: House) -> list[str]:
    return [permit.person for permit in home.ctx.shelf.permits(home.job().id)]


def test_above_the_limit_a_second_person_starts_it(home: House) -> None:
    drop(home, "@imgbatch quality=low", SHEET)
    assert labels(home.card())["job_start_other"].startswith("Ask for approval: now, $0.")
    home.ana.press(home.card(), "job_start_other")
    home.hear()
    asked = question(home)
    assert home.job().state is JobState.PLANNED
    assert f"<@{home.ana.user_id}> would like to *start 20 pictures now*, for up to *$0." in words(asked)
    assert "above the limit of $0.01" in words(asked)
    assert "Any other member of this workspace may agree" in words(asked)
    assert f"<@{home.ana.user_id}> has asked for somebody's approval" in words(home.card())

    home.ben.press(asked, "job_agree")
    home.hear()
    job = home.job()
    assert (job.state, job.lane, permits(home)) == (JobState.RUNNING, "live", [home.ben.user_id])
    assert f"agreed by <@{home.ben.user_id}>" in words(home.card())
    assert f"<@{home.ben.user_id}> agreed to up to $0." in words(question(home))
    assert buttons(question(home)) == []
    (start,) = [event for event in home.ctx.queries.events(job.id) if event.event == "start"]
    assert start.person == home.ben.user_id
    home.quiet()
    assert home.job().state is JobState.FINISHED


def test_who_asked_cannot_agree(home: House) -> None:
    ask(home)
    home.ana.press(question(home), "job_agree")
    home.ana.wait_for_reply(home.card() | {"ts": home.card()["thread_ts"]}, "somebody else must agree")
    home.tick(times=2)
    assert home.job().state is JobState.PLANNED
    assert permits(home) == []


def test_the_same_in_words(home: House) -> None:
    message = drop(home, "@imgbatch quality=low", SHEET)
    home.ana.say(home.room, "@imgbatch start cheap", thread=message["ts"])
    home.arrived()
    home.tick(times=2)
    assert "in the cheaper lane" in words(question(home))
    home.ana.say(home.room, "@imgbatch agree", thread=message["ts"])
    home.arrived()
    home.tick()
    assert home.job().state is JobState.PLANNED
    home.ben.command(home.room, "/imgbatch", f"agree {home.job().id}")
    home.hear()
    assert (home.job().state, home.job().lane) == (JobState.RUNNING, "batch")
    assert permits(home) == [home.ben.user_id]


def test_of_two_who_agree_at_once_one_does_and_the_other_is_told(home: House) -> None:
    ask(home)
    asked = question(home)
    home.ben.press(asked, "job_agree")
    third = home.workspace.add_user(User("U0CLEO", "cleo", "Cleo Stone"), [home.channel])
    with Person(home.workspace.url, third) as cleo:
        cleo.press(asked, "job_agree")
        parent = home.card() | {"ts": home.card()["thread_ts"]}
        cleo.wait_for_reply(parent, "Somebody else has just decided")
        home.quiet()
        assert permits(home) == [home.ben.user_id]
        cleo.press(asked, "job_agree")
        cleo.wait_for_reply(parent, "nobody waits for an approval")


def test_a_question_outlives_the_process_and_so_does_its_answer(home: House) -> None:
    ask(home)
    again = home.again()
    again.tick(times=3)
    assert len([m for m in again.replies() if "would like to" in words(m)]) == 1
    again.ben.press(question(again), "job_agree")
    again.arrived()
    dying = replace(again.ctx, mail=Stopping(again.ctx.mail, "inbox_done"))
    with pytest.raises(Killed):
        work_inbox(dying, again.app.client, again.clock())
    after = again.again()
    after.quiet()
    assert after.job().state is JobState.FINISHED
    assert permits(after) == [after.ben.user_id]
    assert [e.event for e in after.ctx.queries.events(after.job().id)].count("start") == 1


def test_asking_twice_asks_once(home: House) -> None:
    ask(home)
    home.ben.press(home.card(), "job_start_other")
    home.arrived()
    home.tick(times=2)
    home.ben.wait_for_reply(
        home.card() | {"ts": home.card()["thread_ts"]}, "has been asked for already; see the job's thread"
    )
    assert len([m for m in home.replies() if "would like to" in words(m)]) == 1


def test_another_wish_takes_the_place_of_the_first(home: House) -> None:
    ask(home)
    first = question(home)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.tick(times=3)
    old, new = [m for m in home.replies() if "would like to" in words(m)]
    assert buttons(old) == []
    assert "in the cheaper lane" in words(new)
    home.ben.press(first, "job_agree")
    home.ben.wait_for_reply(
        home.card() | {"ts": home.card()["thread_ts"]}, "Something else has been asked for meanwhile"
    )
    assert home.job().state is JobState.PLANNED


def test_a_cancelled_job_asks_nobody_any_more(home: House) -> None:
    ask(home)
    home.ana.press(home.card(), "job_cancel")
    home.quiet()
    assert "The job was cancelled." in words(question(home))
    assert buttons(question(home)) == []
    assert home.ctx.shelf.recalled("ask") == {}


def test_only_those_with_the_right_may_agree(other: partial[AbstractContextManager[House]]) -> None:
    with other(approval_usd=CENT, roles=Roles(spenders=("U0NOBODY", "@money"))) as home:
        ask(home)
        assert "<@U0NOBODY> and @money may agree" in words(question(home))
        home.ben.press(question(home), "job_agree")
        home.ben.wait_for_reply(home.card() | {"ts": home.card()["thread_ts"]}, "Only ")
        home.tick(times=2)
        assert home.job().state is JobState.PLANNED
        assert permits(home) == []


def test_a_channels_preset_may_set_a_lower_limit(other: partial[AbstractContextManager[House]]) -> None:
    with other(approval_usd=Decimal(1000)) as home:
        drop(home, "@imgbatch quality=low", SHEET)
        assert "Ask for approval" not in " ".join(labels(home.card()).values())
        thread = home.ctx.mail.thread(home.job().id)
        assert thread is not None
        body = {"approval_usd": "0.01"}
        preset = Preset(thread.team, thread.channel, "default", body, home.ana.user_id, home.clock())
        home.ctx.shelf.keep_preset(preset)
        home.ana.press(home.card(), "job_start")
        home.arrived()
        home.tick(times=2)
        assert home.job().state is JobState.PLANNED
        assert "above the limit of $0.01" in words(question(home))


def test_a_price_nobody_knows_is_above_every_limit(other: partial[AbstractContextManager[House]]) -> None:
    with other(approval_usd=Decimal(1000)) as home:
        drop(home, "@imgbatch lane=live model=gpt-image-2.6-flare", SHEET)
        assert labels(home.card())["job_start"].startswith("Ask for approval: now, price unknown")
        home.ana.press(home.card(), "job_start")
        home.arrived()
        home.tick(times=2)
        assert "for up to *a price that is not known* in all" in words(question(home))
        home.ben.press(question(home), "job_agree")
        home.hear()
        assert home.job().state is JobState.RUNNING
        assert "agreed to whatever it costs" in words(question(home))


def test_below_the_limit_nobody_is_asked(other: partial[AbstractContextManager[House]]) -> None:
    with other(approval_usd=Decimal(1000)) as home:
        ask(home)
        assert home.job().state is JobState.RUNNING
        assert permits(home) == []
