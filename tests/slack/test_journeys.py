"""People and the bot, from a sheet to pictures in a thread."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from bot.workspace.person import RefusedError
from storage.states import JobState
from tests.slack.house import PRODUCTS, TEMPLATE, House, buttons, words

SHEET = ("products.csv", PRODUCTS.encode())


def drop(
    home: House, text: str = f"@imgbatch lane=live size=128x128 {TEMPLATE}", sheet: str = PRODUCTS
) -> dict[str, Any]:
    message = home.ana.say(home.room, text, files=[("products.csv", sheet.encode())])
    home.arrived()
    home.tick()
    return message


def hand_in(home: House, **values: Any) -> None:
    """The form from a channel, filled in and submitted."""
    home.ana.command(home.room, "/imgbatch", "new size=128x128")
    form = home.ana.wait_for_modal("New image batch")
    given = {"sheet": SHEET, "template": TEMPLATE, "lane": "live", **values}
    assert home.ana.fill(form, given) is None
    home.tick()


def test_the_form_becomes_a_plan_then_pictures(home: House) -> None:
    hand_in(home)

    (card,) = home.ana.messages(home.room)
    assert "Plan: products.csv" in words(card)
    assert "*4 pictures* from 4 rows, 1 of them a duplicate: copied, not paid again." in words(card)
    assert "Nothing is spent until somebody starts it." in card["text"]
    assert "First prompt: Studio photo of a red Mug" in words(card)
    assert buttons(card) == ["job_start", "job_start_other", "job_cancel"]

    home.ben.press(card, "job_start")
    home.arrived()
    home.tick()
    running = home.card()
    assert "Making pictures" in words(running)
    assert "ready" in words(running)
    assert buttons(running) == ["job_pause", "job_cancel", "job_details"]

    home.quiet()
    assert home.job().state is JobState.FINISHED
    assert "Finished: All 4 pictures are ready." in words(home.card())
    summary, sheets, page, results = home.replies()
    assert "All 4 pictures are ready" in words(summary)
    assert summary in [m for m in home.ana.messages(home.room) if m.get("subtype") == "thread_broadcast"]
    assert "4 pictures ready" in words(sheets)
    (pictures,) = [block["elements"] for block in page["blocks"] if block["type"] == "carousel"]
    assert [card["title"]["text"] for card in pictures][:2] == ["1 · M-1", "2 · B-2"]
    assert all(card["hero_image"]["alt_text"].startswith("Studio photo of a") for card in pictures)
    content = home.ana.file(results["files"][0]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["status"] for row in rows] == ["stored"] * 4
    assert all(call.ok for call in home.workspace.calls())


def test_pictures_in_the_thread_are_pictures(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()

    page = next(reply for reply in home.replies() if "4 on this page" in words(reply))
    (pictures,) = [block["elements"] for block in page["blocks"] if block["type"] == "carousel"]
    assert home.ben.file(pictures[0]["hero_image"]["slack_file"]).startswith(b"\xff\xd8\xff")


def test_a_mention_with_a_sheet_is_answered_in_its_thread(home: House) -> None:
    message = drop(home)
    card = home.card()
    assert card["thread_ts"] == message["ts"]
    assert len(home.ana.messages(home.room)) == 1
    home.ana.press(card, "job_start")
    home.quiet()
    assert "All 4 pictures are ready" in words(home.ana.thread(home.room, message["ts"]))


def test_a_direct_message_needs_no_mention(home: House) -> None:
    message = home.ben.say("@imgbatch", f"lane=live size=128x128 {TEMPLATE}", files=[SHEET])
    home.arrived()
    home.tick()
    (card,) = home.ben.thread("@imgbatch", message["ts"])[1:]
    home.ben.press(card, "job_start")
    home.quiet()
    assert "All 4 pictures are ready" in words(home.ben.thread("@imgbatch", message["ts"]))


def test_a_sheet_without_a_mention_is_left_alone(home: House) -> None:
    home.ana.say(home.room, "our new products", files=[SHEET])
    message = drop(home)
    assert home.ctx.mail.thread(home.job().id).ts == message["ts"]  # type: ignore[union-attr]


def test_the_message_shortcut_runs_somebody_elses_sheet(home: House) -> None:
    posted = home.ben.say(home.room, "here are the products", files=[SHEET])
    home.ana.shortcut("batch_from_message", posted)
    form = home.ana.wait_for_modal("New image batch")
    assert "Sheet: products.csv" in words(form)
    home.ana.fill(form, {"template": TEMPLATE, "lane": "live"})
    home.tick()
    assert home.job().requested_by == home.ana.user_id
    assert home.card()["thread_ts"] == posted["ts"]


def test_the_message_shortcut_needs_a_sheet(home: House) -> None:
    posted = home.ben.say(home.room, "no file here")
    home.ana.shortcut("batch_from_message", posted)
    home.ana.wait_for_message(home.room, "That message has no sheet")


def test_the_global_shortcut_opens_the_form(home: House) -> None:
    home.ana.shortcut("batch_new")
    form = home.ana.wait_for_modal("New image batch")
    home.ana.fill(
        form, {"sheet": SHEET, "template": TEMPLATE, "channel": home.workspace.channel_id("campaigns")}
    )
    home.tick()
    assert "Plan: products.csv" in words(home.ana.messages("#campaigns"))


def test_options_behind_the_command_fill_the_form_in(home: House) -> None:
    home.ana.command(
        home.room, "/imgbatch", "new size=512x512 lane=live variants=2 budget=5 Photo of {{ name }}"
    )
    form = home.ana.wait_for_modal()
    assert home.ana.fill(form, {"sheet": SHEET}) is None
    home.tick()
    job = home.job()
    assert (job.lane, job.items, job.spec["template"]) == ("live", 8, "Photo of {{ name }}")


def test_a_plan_can_be_cancelled(home: House) -> None:
    hand_in(home)
    home.ana.press(home.card(), "job_cancel")
    home.quiet()
    assert home.job().state is JobState.CANCELLED
    assert "nothing was sent and nothing was spent" in words(home.card())
    assert buttons(home.card()) == []
    assert home.replies() == []


def test_a_running_job_can_be_cancelled_from_its_thread(home: House) -> None:
    message = drop(home, f"@imgbatch lane=batch size=128x128 {TEMPLATE}")
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.ana.say(home.room, "@imgbatch cancel", thread=message["ts"])
    home.quiet()
    assert home.job().state is JobState.CANCELLED
    assert "is cancelled" in words(home.ana.thread(home.room, message["ts"]))


def test_the_words_of_the_command(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "status")
    home.ana.wait_for_message(home.room, "You have no image batches yet.")
    hand_in(home)
    job = home.job().id
    for text, answer in {
        "status": "Plan: products.csv",
        "list": "planned, waits for Start, 0 of 4 pictures ready",
        f"audit {job}": "Every row is accounted for",
        "help": "From a sheet to pictures",
        "help templates": "double braces",
        "stauts": "did you mean",
        "status nosuch": "There is no job “nosuch”",
        f"retry {job}": "pictures can be sent again when it has ended",
        f"cancel {job}": "will be cancelled",
    }.items():
        home.ana.command(home.room, "/imgbatch", text)
        assert any(answer in words(m) for m in home.ana.messages(home.room) if m.get("is_ephemeral")), text
    home.quiet()
    assert home.job().state is JobState.CANCELLED


def test_the_same_words_in_a_thread(home: House) -> None:
    message = drop(home)
    home.ben.say(home.room, "@imgbatch status", thread=message["ts"])
    home.arrived()
    home.tick()
    (answer,) = [m for m in home.ben.thread(home.room, message["ts"]) if m.get("is_ephemeral")]
    assert "Plan: products.csv" in words(answer)
    assert "is_ephemeral" not in words(home.ana.thread(home.room, message["ts"]))


def test_details_show_rows_and_dollars(home: House) -> None:
    hand_in(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.ana.press(home.card(), "job_details")
    view = home.ana.wait_for_modal(f"Job {home.job().id}")
    assert "requested: 4" in words(view)
    assert "settled: $0.0000" in words(view)


def test_the_home_tab_lists_ones_own_batches(home: House) -> None:
    hand_in(home)
    home.ana.open_home()
    view = home.ana.wait_for(home.ana.home)
    assert home.job().id in words(view)
    home.ana.press(view, "open_form")
    assert home.ana.wait_for_modal("New image batch")


def test_an_unknown_command_is_no_error(home: House) -> None:
    with pytest.raises(RefusedError, match="invalid_command"):
        home.ana.command(home.room, "/other", "new")
