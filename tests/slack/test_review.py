"""People review pictures in the thread: by button, form, word and reaction; alone and at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from bot.slack import cards as cards_of_jobs
from bot.slack import review_page
from bot.workspace.person import RefusedError
from storage.records import Item
from storage.states import ItemState, JobState, ReviewState
from tests.slack.house import House, words
from tests.slack.test_journeys import drop

Json = dict[str, Any]
APPROVED, REJECTED, UNREVIEWED = ReviewState.APPROVED, ReviewState.REJECTED, ReviewState.UNREVIEWED


def sheet(rows: int) -> str:
    return "sku,name,color\n" + "".join(f"S-{n},Mug {n},red\n" for n in range(1, rows + 1))


def reviewed(home: House, rows: int = 4, options: str = "") -> Json:
    """A finished job of so many pictures; its review message."""
    drop(home, f"@imgbatch lane=live size=64x64 {options} A {{{{ color }}}} {{{{ name }}}}", sheet(rows))
    home.ana.press(home.card(), "job_start")
    home.quiet()
    return page(home)


def page(home: House) -> Json:
    """The review message as it stands."""
    (found,) = [reply for reply in home.replies() if words(reply).startswith("Review of ")]
    return found


def cards(message: Json) -> list[Json]:
    (carousel,) = [block for block in message["blocks"] if block["type"] == "carousel"]
    found: list[Json] = carousel["elements"]
    return found


def press(home: House, who: Any, action_id: str, number: int, message: Json | None = None) -> None:
    """A button below picture `number`."""
    message = message or page(home)
    card = next(card for card in cards(message) if f"{number} · " in card["title"]["text"])
    value = next(a["value"] for a in card["actions"] if a["action_id"] == action_id)
    who.press(message, action_id, value)


def settled(home: House) -> None:
    home.arrived()
    home.quiet()


def states(home: House) -> list[ReviewState]:
    return [item.review for item in home.ctx.reviews.current(home.job().id)]


def versions(home: House, picture: int) -> list[Item]:
    return list(home.ctx.reviews.versions(home.job().id, picture))


def told(home: House, who: Any, part: str) -> str:
    """What the bot said to one person alone, in the job's thread."""
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    message = who.wait_for_reply({"channel": thread.channel, "ts": thread.ts}, part)
    assert message.get("subtype") == "ephemeral" or message.get("ephemeral") or True
    return words(message)


def write(home: House, who: Any, text: str) -> None:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    who.say(home.room, f"@imgbatch {text}", thread=thread.ts)
    settled(home)


def test_the_review_shows_every_picture_with_its_buttons(home: House) -> None:
    message = reviewed(home)
    assert "0 approved, 0 rejected, 4 to review." in words(message)
    found = cards(message)
    assert [card["title"]["text"] for card in found] == ["1 · S-1", "2 · S-2", "3 · S-3", "4 · S-4"]
    assert found[1]["hero_image"]["alt_text"] == "A red Mug 2"
    assert [b["text"]["text"] for b in found[0]["actions"]] == ["Approve", "Reject", "Redo"]
    assert found[1]["actions"][0]["accessibility_label"] == "Approve picture 2"
    assert home.ben.file(found[0]["hero_image"]["slack_file"]).startswith(b"\xff\xd8\xff")


def test_a_click_approves_and_undo_takes_it_back(home: House) -> None:
    reviewed(home)
    press(home, home.ben, review_page.APPROVE, 2)
    settled(home)
    assert states(home) == [UNREVIEWED, APPROVED, UNREVIEWED, UNREVIEWED]
    card = cards(page(home))[1]
    assert card["title"]["text"] == "✅ 2 · S-2"
    assert card["subtext"]["text"].startswith(f"Approved by <@{home.ben.user_id}>, ")
    assert "1 approved, 0 rejected, 3 to review" in words(page(home))
    home.tick(seconds=15, times=2)
    assert "Review: 1 approved, 0 rejected, 3 to review." in words(home.card()).replace("*", "")
    press(home, home.ana, review_page.UNDO, 2)
    settled(home)
    assert states(home) == [UNREVIEWED] * 4


def test_rejecting_asks_why(home: House) -> None:
    reviewed(home)
    press(home, home.ben, review_page.REJECT, 3)
    form = home.ben.wait_for_modal("Reject picture 3")
    with pytest.raises(RefusedError) as refused:
        home.ben.fill(form, {"reason": "Other"})
    assert "Say in a few words" in refused.value.errors["note"]
    assert home.ben.fill(form, {"reason": "Wrong colour", "note": "should be bordeaux"}) is None
    settled(home)
    (item,) = home.ctx.reviews.picked(home.job().id, [(3, 3)])
    assert (item.review, item.reviewed_by) == (REJECTED, home.ben.user_id)
    assert (item.review_reason, item.review_note) == ("Wrong colour", "should be bordeaux")
    assert ": Wrong colour, should be bordeaux" in cards(page(home))[2]["subtext"]["text"]


def _offers_export(home: House) -> bool:
    rows = [block["elements"] for block in page(home)["blocks"] if block["type"] == "actions"]
    return any(element["action_id"] == cards_of_jobs.EXPORT for row in rows for element in row)


def test_when_nothing_is_left_to_review_the_pictures_can_be_taken_away(home: House) -> None:
    reviewed(home)
    assert not _offers_export(home)
    write(home, home.ana, "approve all")
    assert _offers_export(home)
    press(home, home.ana, review_page.UNDO, 2)
    settled(home)
    assert not _offers_export(home)


def test_who_decides_what_was_decided_is_told_what_happened(home: House) -> None:
    message = reviewed(home)
    press(home, home.ben, review_page.REJECT, 1, message)
    form = home.ben.wait_for_modal("Reject picture 1")
    press(home, home.ana, review_page.APPROVE, 1, message)
    settled(home)
    home.ben.fill(form, {"reason": "Crop"})
    settled(home)
    assert f"<@{home.ana.user_id}> approved picture 1 at" in told(home, home.ben, "approved picture 1")
    assert states(home)[0] is APPROVED
    press(home, home.ben, review_page.UNDO, 1)
    settled(home)
    assert states(home)[0] is UNREVIEWED


def test_two_people_who_click_at_once_never_both_win(home: House) -> None:
    message = reviewed(home)
    clicks = [
        threading.Thread(target=press, args=(home, who, review_page.APPROVE, 1, message))
        for who in (home.ana, home.ben)
        for _ in range(3)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    settled(home)
    events = [e for e in home.ctx.queries.events(home.job().id) if e.subject == "review"]
    assert [(e.event, e.to_state) for e in events] == [("approve", "approved")]
    loser = {home.ana.user_id: home.ben, home.ben.user_id: home.ana}[events[0].person]
    assert "approved picture 1" in told(home, loser, "approved picture 1")


def test_a_redo_makes_a_new_version_beside_the_old_one(home: House) -> None:
    reviewed(home)
    press(home, home.ben, review_page.REDO, 2)
    form = home.ben.wait_for_modal("Redo picture 2")
    assert "Now: " in words(form)
    assert "Kept as it was: Model" in words(form)
    values = {"prompt": "A bordeaux mug on oak"}
    assert home.ben.fill(form, values) is None
    settled(home)
    assert "Picture 2 is being made again, for" in told(home, home.ben, "being made again")
    home.until(lambda: any("Made again: picture 2" in words(m) for m in home.replies()))
    home.quiet()
    old, new = versions(home, 2)
    assert (old.review, old.state) == (ReviewState.REPLACED, ItemState.STORED)
    assert (new.version, new.prompt, new.size, new.model) == (2, "A bordeaux mug on oak", old.size, old.model)
    assert home.job().state is JobState.FINISHED
    (message,) = [m for m in home.replies() if "Made again: picture 2" in words(m)]
    image = next(block for block in message["blocks"] if block["type"] == "image")
    assert image["title"]["text"] == "2 · S-2: versions 1 and 2"
    assert home.ben.file(image["slack_file"]).startswith(b"\xff\xd8\xff")
    assert cards(page(home))[1]["title"]["text"] == "2 · S-2 · version 2"
    summaries = [m for m in home.replies() if m.get("subtype") == "thread_broadcast"]
    assert len(summaries) == 1, "a redo makes no second summary"
    assert "a new summary follows" not in words(summaries)
    assert "All 4 pictures are ready" in words(home.card())

    home.ben.press(message, review_page.KEEP)
    settled(home)
    assert [v.review for v in versions(home, 2)] == [UNREVIEWED, ReviewState.REPLACED]
    assert cards(page(home))[1]["title"]["text"] == "2 · S-2"


def test_a_form_sent_twice_makes_one_version(home: House) -> None:
    message = reviewed(home)
    forms = []
    for who in (home.ana, home.ben):
        press(home, who, review_page.REDO, 1, message)
        forms.append((who, who.wait_for_modal("Redo picture 1")))
    for who, form in forms:
        who.fill(form)
    settled(home)
    home.quiet()
    assert len(versions(home, 1)) == 2
    assert home.ctx.queries.ledger(home.job().id).made == 5
    losers = [w for w in (home.ana, home.ben) if "asked for again meanwhile" in _thread(home, w)]
    assert len(losers) == 1


def _thread(home: House, who: Any) -> str:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    return words(who.thread(thread.channel, str(thread.ts)))


def test_words_in_the_thread(home: House) -> None:
    reviewed(home, 8)
    write(home, home.ana, "reject 3: wrong colour")
    assert "1 picture rejected." in told(home, home.ana, "rejected.")
    write(home, home.ben, "approve 1-6 except 5")
    said = told(home, home.ben, "4 pictures approved")
    assert f"Left as it is: 3 (rejected by <@{home.ana.user_id}>)." in said
    assert states(home) == [APPROVED] * 2 + [REJECTED] + [APPROVED, UNREVIEWED, APPROVED] + [UNREVIEWED] * 2
    (third,) = home.ctx.reviews.picked(home.job().id, [(3, 3)])
    assert third.review_reason == "Wrong colour"
    write(home, home.ben, "undo")
    assert "Taken back for 4 pictures (1-2, 4, 6)" in told(home, home.ben, "Taken back for")
    write(home, home.ben, "approve 3")
    assert states(home)[2] is APPROVED, "who names a picture means it"
    write(home, home.ben, "approve all")
    assert states(home) == [APPROVED] * 8
    write(home, home.ben, "approve 9-10")
    assert "9-10 (there is no such picture)" in told(home, home.ben, "no such picture")
    write(home, home.ben, "approve blue ones")
    told(home, home.ben, "“blue” is not the number of a picture")


def test_redo_in_words_shows_its_price_and_undo_takes_it_back(home: House) -> None:
    reviewed(home, 3)
    write(home, home.ana, "redo 1, 3")
    assert "Pictures 1, 3 are being made again, for $0.00" in told(home, home.ana, "being made again")
    home.until(lambda: any("Made again: pictures 1, 3" in words(m) for m in home.replies()))
    assert [len(versions(home, n)) for n in (1, 2, 3)] == [2, 1, 2]


def test_the_command_needs_the_jobs_name(home: House) -> None:
    reviewed(home, 5)
    job = home.job().id
    home.ana.command(home.room, "/imgbatch", f"approve {job} 1-4 except 2")
    settled(home)
    assert states(home) == [APPROVED, UNREVIEWED, APPROVED, APPROVED, UNREVIEWED]
    home.ana.wait_for_message(home.room, "3 pictures approved")
    home.ana.command(home.room, "/imgbatch", "approve")
    home.ana.wait_for_message(home.room, "Say which job, like")


def test_the_form_for_many_counts_while_one_types(home: House) -> None:
    message = reviewed(home, 6)
    press(home, home.ana, review_page.APPROVE, 2)
    settled(home)
    home.ana.press(message, review_page.MANY)
    form = home.ana.wait_for_modal("Review many pictures")
    assert "5 pictures left to review." in words(form)
    home.ana.press(form, "review_many_pictures", "1-4 except 3")
    form = home.ana.wait_for(lambda: _modal_with(home, "3 pictures*: 2 to review, 1 approved already."))
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {"review_many_pictures": "these"})
    assert "is not the number of a picture" in refused.value.errors["review_many_pictures"]
    home.ana.fill(form, {"review_many_pictures": "1-4 except 3", "say": "approve"})
    settled(home)
    assert states(home) == [APPROVED, APPROVED, UNREVIEWED, APPROVED, UNREVIEWED, UNREVIEWED]


def _modal_with(home: House, part: str) -> Json | None:
    view = home.ana.modal()
    return view if view and part in words(view) else None


def test_a_quorum_needs_two_people(home: House) -> None:
    reviewed(home, 2, "quorum=2")
    press(home, home.ana, review_page.APPROVE, 1)
    settled(home)
    assert states(home)[0] is UNREVIEWED
    assert f"1 of 2 approved it: <@{home.ana.user_id}>" in cards(page(home))[0]["subtext"]["text"]
    press(home, home.ben, review_page.APPROVE, 1)
    settled(home)
    assert states(home)[0] is APPROVED
    write(home, home.ana, "approve 2")
    assert "1 picture now has your approval; 2 people must approve." in told(home, home.ana, "your approval")


def test_pages_turn_by_editing_one_message_and_survive_a_restart(home: House) -> None:
    message = reviewed(home, 24)
    assert len(cards(message)) == 10
    assert "To review: 10 on this page, 14 more after it" in words(message)
    home.ana.press(message, review_page.ON)
    home.ana.press(message, review_page.ON)
    settled(home)
    said = "To review: 10 on this page, 10 before, 4 more after it"
    assert said in words(page(home)), "a double click turns one page"
    after = home.again()
    press(after, home.ana, review_page.APPROVE, 12)
    settled(after)
    assert page(after)["ts"] == message["ts"]
    assert len(cards(page(after))) == 10, "what was decided stays where it is until one turns"
    after.ana.press(page(after), review_page.PAGE_OK)
    settled(after)
    assert states(after).count(APPROVED) == 10
    assert "To review: 4 on this page, 10 before" in words(page(after)), "on to the next page"
    after.ana.press(page(after), review_page.BACK)
    settled(after)
    assert "To review: 10 on this page, 4 more after it" in words(page(after))
    after.ana.press(page(after), review_page.FILTER, "approved")
    settled(after)
    assert "Approved: 10 on this page" in words(page(after))
    after.ana.press(page(after), review_page.FILTER, "failed")
    settled(after)
    assert "There are no such pictures" in words(page(after))


@pytest.mark.parametrize("dial", ["refused", "without_files"])
def test_where_cards_are_not_taken_pictures_come_one_below_the_other(home: House, dial: Any) -> None:
    home.workspace.faults.carousels = dial
    message = reviewed(home, 8)
    assert not [block for block in message["blocks"] if block["type"] == "carousel"]
    images = [block for block in message["blocks"] if block["type"] == "image"]
    assert [image["title"]["text"] for image in images] == [f"{n} · S-{n}" for n in range(1, 7)]
    home.ana.press(message, review_page.APPROVE, _value(message, review_page.APPROVE, 3))
    settled(home)
    assert states(home)[2] is APPROVED
    refused = [c for c in home.workspace.calls() if c.method.startswith("chat.") and not c.ok]
    home.workspace.forget_calls()
    home.ana.press(page(home), review_page.ON)
    settled(home)
    assert [c for c in home.workspace.calls() if c.method.startswith("chat.") and not c.ok] == []
    assert 1 <= len(refused) <= 4


def _value(message: Json, action_id: str, number: int) -> str:
    for block in message["blocks"]:
        for element in block.get("elements", []):
            if element.get("action_id") == action_id and f" {number} " in element["value"]:
                return str(element["value"])
    raise AssertionError(f"no {action_id} for {number}")


def test_reactions_are_quick_answers(home: House) -> None:
    reviewed(home, 3)
    (sheets,) = [m for m in home.replies() if "at a glance" in words(m)]
    home.ben.react(sheets, "heart")
    home.ben.react(sheets, "white_check_mark")
    settled(home)
    assert states(home) == [APPROVED] * 3
    home.ben.react(sheets, "white_check_mark", remove=True)
    settled(home)
    assert states(home) == [UNREVIEWED] * 3
    home.ben.react(sheets, "x")
    settled(home)
    assert "That message shows 3 pictures; say which one" in told(home, home.ben, "shows 3 pictures")
    write(home, home.ana, "redo 2")
    home.until(lambda: any("Made again: picture 2" in words(m) for m in home.replies()))
    home.quiet()
    (again,) = [m for m in home.replies() if "Made again: picture 2" in words(m)]
    home.ben.react(again, "x")
    settled(home)
    assert states(home) == [UNREVIEWED, REJECTED, UNREVIEWED]
    home.ben.react(again, "x", remove=True)
    home.ben.react(again, "repeat")
    settled(home)
    home.until(lambda: len(versions(home, 2)) == 3 and versions(home, 2)[2].state is ItemState.STORED)


def test_a_budget_is_kept(home: House) -> None:
    reviewed(home, 2, "budget=1")
    job = home.job()
    spec: Mapping[str, Any] = job.spec
    assert spec["budget_usd"] is not None
    write(home, home.ana, "redo 1")
    assert len(versions(home, 1)) == 2
