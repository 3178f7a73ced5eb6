"""What cannot be done is said where the person is, in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.inbox import TRIES
from bot.workspace.person import RefusedError
from storage.states import JobState
from tests.slack.house import PRODUCTS, TEMPLATE, House, words
from tests.slack.test_journeys import SHEET, drop, hand_in


def whispered(home: House, person: Any = None) -> str:
    """What only this person sees."""
    seen = (person or home.ana).messages(home.room)
    return " ".join(words(m) for m in seen if m.get("is_ephemeral"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("products.csv", b"sku,name\n", "has a header and no rows"),
        ("products.csv", b"\x89PNG\r\n\x1a\nxxxx", "a PNG picture, not a sheet"),
        ("products.pdf", b"%PDF-1.4", "There is no sheet in your message"),
        ("products.csv", b"sku,name\n1,Mug\n", "color"),
    ],
)
def test_a_bad_sheet_is_answered_for_the_persons_eyes(
    home: House, name: str, content: bytes, said: str
) -> None:
    home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[(name, content)])
    home.arrived()
    home.tick()
    assert said in whispered(home)
    assert whispered(home, home.ben) == ""
    assert home.ctx.mail.due_inbox(home.clock()) == []


def asks_for(view: Any, field: str) -> Any:
    """The view if it has that field."""
    return view if any(block["block_id"] == field for block in view["blocks"]) else None


def test_in_a_direct_message_the_answer_stays(home: House) -> None:
    home.ben.say("@imgbatch", TEMPLATE, files=[("a.csv", b"sku,name\n")])
    home.arrived()
    home.tick()
    assert "has a header and no rows" in words(home.ben.messages("@imgbatch")[-1])


def test_an_answer_in_a_thread_stays_in_the_thread(home: House) -> None:
    root = home.ben.say(home.room, "shall we?")
    home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[("a.csv", b"sku,name\n")], thread=root["ts"])
    home.arrived()
    home.tick()
    assert "has a header and no rows" in words(home.ana.thread(home.room, root["ts"]))


def test_several_sheets_are_too_many(home: House) -> None:
    home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[SHEET, ("more.csv", PRODUCTS.encode())])
    home.arrived()
    home.tick()
    assert "send one at a time" in whispered(home)


def test_a_wrong_option_is_named(home: House) -> None:
    home.ana.say(home.room, "@imgbatch size=huge", files=[SHEET])
    home.arrived()
    home.tick()
    assert "“huge” is not a size" in whispered(home)


def test_bad_rows_stand_in_the_plan_by_line(home: House) -> None:
    rows = [f"K-{n},{'' if n % 2 else 'Mug'}" for n in range(1, 31)]
    drop(home, "@imgbatch {{ name }}", "\n".join(["sku,name", *rows]))
    text = words(home.card())
    assert "15 rows cannot be used:\nline 2: " in text
    assert "… and 5 more" in text
    assert "*15 pictures* from 15 rows" in text


def test_the_form_shows_what_is_wrong_by_the_field(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.press(home.ana.wait_for_modal(), "form_size", "other")
    form = home.ana.wait_for(lambda: asks_for(home.ana.modal(), "own_size"))
    wrong = {
        "sheet": ("photo.gif", b"GIF89a"),
        "template": "{% for x in y %}",
        "own_size": "huge",
    }
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, wrong)
    errors = refused.value.errors
    assert set(errors) == {"sheet", "template", "own_size"}
    assert errors["sheet"].startswith("photo.gif is not a sheet")
    assert home.ana.fill(form, {"sheet": SHEET, "template": TEMPLATE, "own_size": "64x64"}) is None
    home.tick()
    assert home.job().state is JobState.PLANNED


def test_a_channel_without_the_bot_is_refused_in_the_form(home: House) -> None:
    elsewhere = home.workspace.add_channel("no-bots-here", bot=False)
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal()
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {"sheet": SHEET, "template": TEMPLATE, "channel": elsewhere})
    assert "/invite @imgbatch" in refused.value.errors["channel"]


def test_a_bad_sheet_of_the_form_is_told_by_its_field(home: House) -> None:
    with pytest.raises(RefusedError) as refused:
        hand_in(home, sheet=("products.csv", b"sku,name\n"))
    assert refused.value.errors["sheet"].startswith("products.csv has a header and no rows")


def test_a_channel_that_is_archived_meanwhile_is_told_directly(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.fill(home.ana.wait_for_modal(), {"sheet": SHEET, "template": TEMPLATE})
    home.workspace.archive(home.channel)
    home.tick(times=3)
    said = words(home.ana.messages("@imgbatch")[-1])
    assert "archived" in said
    assert len(home.workspace.calls("chat.postMessage")) <= 2


def test_messages_and_channels_that_are_gone_are_left_alone(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.workspace.archive(home.channel)
    home.tick(times=6)
    home.workspace.forget_calls()
    home.tick(times=6)
    assert [c for c in home.workspace.calls() if c.method.startswith("chat.")] == []
    assert home.job().state is JobState.FINISHED


def test_trouble_at_slack_is_waited_out(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.fill(home.ana.wait_for_modal(), {"sheet": SHEET, "template": TEMPLATE})
    home.workspace.limit_next("conversations.history", retry_after=30)
    home.tick()
    assert home.jobs() == []
    home.tick(seconds=20)
    assert home.jobs() == []
    home.tick(seconds=20)
    assert home.job().state is JobState.PLANNED


def test_what_never_works_ends_with_a_sentence(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.fill(home.ana.wait_for_modal(), {"sheet": SHEET, "template": TEMPLATE})
    home.workspace.fail_next("conversations.history", "fatal_error", times=50)
    home.tick(seconds=700, times=TRIES + 1)
    assert f"I have tried {TRIES} times" in whispered(home)


def test_a_file_the_bot_may_not_read_is_not_taken_for_a_sheet(home: House) -> None:
    message = home.ana.say(home.room, f"@imgbatch {TEMPLATE}", files=[SHEET])
    home.arrived()
    file = home.workspace._site.state.files[message["files"][0]["id"]]
    file.channels.clear()
    home.workspace._site.state.channels[home.channel].messages[0].files.clear()
    file.shares.clear()
    home.tick()
    assert home.jobs() == []
    assert "does not let me read products.csv" in whispered(home)


def test_what_nobody_foresaw_is_answered_with_a_number(home: House, caplog: pytest.LogCaptureFixture) -> None:
    home.workspace.fail_next("views.open", "invalid_arguments")
    home.ana.command(home.room, "/imgbatch", "new")
    said = whispered(home)
    assert "Something went wrong on our side (number " in said
    number = said.partition("number ")[2][:5]
    assert f"error {number} in a command" in caplog.text
    assert not [trigger for trigger in home.workspace._site.state.triggers if trigger in caplog.text]
