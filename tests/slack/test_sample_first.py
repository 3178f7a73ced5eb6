"""A sample is made and shown before the rest: its card, its message, the two ways on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.slack.announcer import announce
from bot.slack.inbox import work_inbox
from bot.workspace.server import Workspace
from storage.states import ItemState, JobState
from tests.slack.house import House, buttons, labels, words
from tests.slack.priced import SHEET, priced_house
from tests.slack.test_journeys import drop
from tests.slack.test_once import Killed, Stopping, told


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with priced_house(tmp_path, slack) as built:
        yield built


def sampled(home: House) -> dict[str, object]:
    """The plan, its sample asked for with the button, and its message in the thread."""
    drop(home, "@imgbatch quality=low", SHEET)
    home.ana.press(home.card(), "job_sample")
    home.arrived()
    home.tick()
    return home.until(lambda: shown(home))


def shown(home: House) -> dict[str, object] | None:
    found = [m for m in home.replies() if "Sample of products.csv" in words(m)]
    return found[-1] if found else None


def pictures(home: House) -> int:
    return home.ctx.queries.counts(home.job().id).get(ItemState.STORED, 0)


def test_a_sample_is_made_shown_and_gone_on_from(home: House) -> None:
    drop(home, "@imgbatch quality=low", SHEET)
    assert labels(home.card())["job_sample"].startswith("Sample first (6 pictures, ~$0.")
    home.ana.press(home.card(), "job_sample")
    home.hear()
    card = home.card()
    assert "Making the sample" in words(card)
    assert "The other 14 pictures wait until somebody has looked at these." in words(card)
    assert buttons(card) == ["job_cancel", "job_details"]

    home.until(lambda: shown(home))
    home.quiet()
    message = shown(home)
    assert message is not None
    assert home.job().state is JobState.PILOT_REVIEW
    assert "*6 of 20 pictures* made first; $0." in words(message)
    assert "a red mug number" in words(message)
    (sheet,) = [block for block in message["blocks"] if block["type"] == "image"]
    assert "6 pictures ready" in sheet["alt_text"]
    assert home.ben.file(sheet["slack_file"]).startswith(b"\xff\xd8\xff")
    said = labels(message)
    assert said["job_go_on"].startswith("Looks good: make the other 14, $0.")
    assert said["job_cancel"] == "Stop here"
    assert labels(home.card())["job_go_on"] == said["job_go_on"]
    assert "Nothing more is made before somebody has looked" in words(home.card())
    assert pictures(home) == 6

    home.ben.press(message, "job_go_on")
    home.arrived()
    home.quiet()
    assert home.job().state is JobState.FINISHED
    assert pictures(home) == 20
    assert home.ctx.queries.ledger(home.job().id).made == 18
    after = shown(home)
    assert after is not None
    assert f"Found good by <@{home.ben.user_id}>" in words(after)
    assert buttons(after) == []
    kept = [block["slack_file"] for block in after["blocks"] if block["type"] == "image"]
    assert kept == [sheet["slack_file"]]
    assert {told(home)[home.job().id, kind] for kind in ("card", "sample", "summary")} == {1}


def test_stopping_at_the_sample_keeps_it_and_makes_no_more(home: House) -> None:
    message = sampled(home)
    home.ana.press(message, "job_cancel")
    home.arrived()
    home.quiet()
    assert home.job().state is JobState.CANCELLED
    assert pictures(home) == 6
    assert home.ctx.queries.ledger(home.job().id).attempts == 6
    assert "Stopped here" in words(shown(home))


def test_of_yes_and_no_at_once_the_first_counts_and_the_other_is_told(home: House) -> None:
    message = sampled(home)
    home.ana.press(message, "job_go_on")
    home.ben.press(message, "job_go_on")
    parent = home.card() | {"ts": home.card()["thread_ts"]}
    home.ben.wait_for_reply(parent, "Somebody else has just decided")
    home.hear()
    assert home.job().state is JobState.RUNNING
    home.ben.press(message, "job_go_on")
    home.ben.wait_for_reply(parent, "there is no sample to say yes to")
    home.quiet()
    assert home.ctx.queries.ledger(home.job().id).made == 18
    goes = [e for e in home.ctx.queries.events(home.job().id) if e.event == "go_on"]
    assert [e.person for e in goes] == [home.ana.user_id]


def test_yes_and_stop_pressed_together_end_in_one_of_them(home: House) -> None:
    message = sampled(home)
    home.ben.press(message, "job_cancel")
    home.ana.press(message, "job_go_on")
    home.quiet()
    assert home.job().state is JobState.CANCELLED
    assert pictures(home) == 6
    parent = home.card() | {"ts": home.card()["thread_ts"]}
    assert home.ana.wait_for_reply(parent, "there is no sample to say yes to")


def test_the_same_in_words(home: House) -> None:
    message = drop(home, "@imgbatch quality=low", SHEET)
    home.ana.say(home.room, "@imgbatch start now sample 4", thread=message["ts"])
    home.arrived()
    home.until(lambda: shown(home))
    assert (pictures(home), home.job().lane) == (4, "live")
    home.ben.say(home.room, "@imgbatch approve sample", thread=message["ts"])
    home.arrived()
    home.quiet()
    assert (home.job().state, pictures(home)) == (JobState.FINISHED, 20)


def test_an_option_beside_the_sheet_proposes_a_sample_of_that_size(home: House) -> None:
    drop(home, "@imgbatch quality=low pilot=3", SHEET)
    card = home.card()
    (actions,) = [block for block in card["blocks"] if block["type"] == "actions"]
    assert [e["action_id"] for e in actions["elements"] if e.get("style") == "primary"] == ["job_sample"]
    assert labels(card)["job_sample"].startswith("Sample first (3 pictures, ")


def test_a_sample_larger_than_the_job_is_refused_in_words(home: House) -> None:
    message = drop(home, "@imgbatch quality=low", SHEET)
    home.ana.say(home.room, "@imgbatch sample 40", thread=message["ts"])
    home.arrived()
    home.tick()
    home.ana.wait_for_reply(message, "The job makes only 18 pictures; start it without a sample.")


def test_a_sample_survives_a_crash_at_every_step(home: House) -> None:
    drop(home, "@imgbatch quality=low", SHEET)
    home.ana.press(home.card(), "job_sample")
    home.arrived()
    dying = replace(home.ctx, mail=Stopping(home.ctx.mail, "inbox_done"))
    with pytest.raises(Killed):
        work_inbox(dying, home.app.client, home.clock())
    home = home.again()
    stopping = replace(home.ctx, mail=Stopping(home.ctx.mail, "sample"))
    with pytest.raises(Killed):
        replace(home, ctx=stopping).until(lambda: None)
    home = home.again()
    home.quiet()
    assert home.job().state is JobState.PILOT_REVIEW
    assert {told(home)[home.job().id, kind] for kind in ("card", "sample")} == {1}
    message = shown(home)
    assert message is not None
    home.ben.press(message, "job_go_on")
    home.arrived()
    home = home.again()
    home.quiet()
    assert pictures(home) == 20
    assert buttons(shown(home) or {}) == []
    assert home.ctx.queries.ledger(home.job().id).overpaid == []


def test_above_the_limit_the_rest_needs_a_second_person_and_the_sample_does_not(
    tmp_path: Path, slack: Workspace
) -> None:
    with priced_house(tmp_path, slack, approval_usd=Decimal("0.05")) as home:
        message = sampled(home)
        assert pictures(home) == 6
        assert labels(message)["job_go_on"].startswith("Looks good: ask for approval of the other 14, $0.")
        home.ana.press(message, "job_go_on")
        home.arrived()
        home.tick(times=2)
        assert home.job().state is JobState.PILOT_REVIEW
        asked = next(m for m in home.replies() if "would like to" in words(m))
        assert "*make the rest of the pictures*" in words(asked)
        home.ben.press(asked, "job_agree")
        home.arrived()
        home.quiet()
        assert (home.job().state, pictures(home)) == (JobState.FINISHED, 20)


def test_nothing_is_sent_while_the_sample_waits(home: House) -> None:
    sampled(home)
    home.quiet()
    home.workspace.forget_calls()
    home.tick(60, times=5)
    again = home.again()
    announce(again.ctx, again.app.client, again.clock())
    assert pictures(home) == 6
    methods = {call.method for call in home.workspace.calls()}
    assert not methods & {"chat.postMessage", "chat.update"}
