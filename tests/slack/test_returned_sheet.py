"""The results sheet comes back: what it would do is shown, and only that is made, in the same job."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import openpyxl

from bot.pipeline.audit import audit
from bot.slack import inbox
from bot.slack.return_card import CONFIRM, DROP
from storage.states import ItemState, JobState
from tests.parts import results_of
from tests.slack.house import House, buttons, labels, words
from tests.slack.test_journeys import drop

Json = dict[str, Any]
TEMPLATE = "@imgbatch lane=live size=64x64 A {{ color }} {{ name }}"
SHEET = "sku,name,color,note\n" + "".join(f"S-{n},Mug {n},red,=1+{n}\n" for n in range(1, 7))


def finished(home: House, sheet: str = SHEET, text: str = TEMPLATE) -> list[dict[str, str]]:
    """A finished job; the lines of its results sheet, as a spreadsheet would show them."""
    drop(home, text, sheet)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    return read(home)


def results_file(home: House) -> bytes:
    found = [f for m in home.replies() for f in m.get("files", []) if f["name"].startswith("results.")]
    return home.ana.file(found[-1])


def read(home: House) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(results_file(home).decode("utf-8-sig"))))


def written(lines: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def give(home: House, content: bytes, text: str = "", name: str = "my edit.csv", who: Any = None) -> None:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    (who or home.ana).say(home.room, text, files=[(name, content)], thread=thread.ts)
    home.arrived()
    home.quiet()


def cards(home: House) -> list[Json]:
    return [m for m in home.replies() if "came back" in m.get("text", "") or "Confirmed" in words(m)]


def made(home: House) -> int:
    return home.ctx.queries.ledger(home.job().id).made


def settled(home: House) -> None:
    home.arrived()
    home.quiet()


def test_only_what_is_new_or_changed_is_made(home: House) -> None:
    lines = finished(home)
    assert [line["note"] for line in lines][:2] == ["'=1+1", "'=1+2"]
    lines[1]["color"] = "green"
    lines[2]["note"] = "no picture of this"
    lines[3]["color"] = "blue"
    lines[4]["imgbatch_row"] = "99"
    new = dict.fromkeys(lines[0], "") | {"sku": "N-1", "name": "Bowl", "color": "white"}
    lines = [new, lines[3], lines[1], lines[2], lines[4], lines[0]]  # sorted anew, and the last row left out
    give(home, written(lines))
    (card,) = cards(home)
    assert "2 changed, 1 new, 2 unchanged; 1 row cannot be used" in words(card)
    assert "3 pictures to make, for *$0.00*." in words(card)
    assert "line 6: The job has no row 99" in words(card)
    assert "2 rows of the job are not in the sheet and left alone." in words(card)
    assert labels(card)[CONFIRM] == "Make 3 pictures for $0.00"
    assert made(home) == 6, "nothing before somebody confirms"
    home.ben.press(card, CONFIRM)
    home.ben.press(card, CONFIRM)
    settled(home)
    assert made(home) == 9
    assert buttons(cards(home)[0]) == []
    assert f"Confirmed by <@{home.ben.user_id}>" in words(cards(home)[0])
    assert home.job().state is JobState.FINISHED
    assert (home.job().rows, home.job().items) == (7, 7)
    after = read(home)
    assert [line["version"] for line in after] == ["1", "2", "1", "2", "1", "1", "1"]
    assert after[2]["note"] == "no picture of this"
    assert after[6]["sku"] == "N-1"
    prompts = [item.prompt for item in home.ctx.reviews.current(home.job().id)]
    assert prompts[1] == "A green Mug 2"
    assert prompts[3] == "A blue Mug 4"
    assert prompts[6] == "A white Bowl"
    proof = audit(home.ctx, home.job())
    assert proof["holds"], proof["exceptions"]
    assert sum(float(line["cost_usd"]) for line in after) == proof["settled_usd"]


def test_the_same_sheet_twice_asks_for_nothing_the_second_time(home: House) -> None:
    lines = finished(home)
    lines[0]["color"] = "green"
    lines.append(dict.fromkeys(lines[0], "") | {"sku": "N-1", "name": "Bowl", "color": "white"})
    give(home, written(lines))
    give(home, written(lines), "<@me> redo")
    first, second = cards(home)
    home.ana.press(first, CONFIRM)
    settled(home)
    assert made(home) == 8
    home.ana.press(second, CONFIRM)
    settled(home)
    assert made(home) == 8
    assert "nothing left to make" in words([m for m in home.replies() if m["ts"] == second["ts"]])
    give(home, written(lines))
    home.ana.wait_for_reply(_thread(home), "There is nothing to make: 7 unchanged.")
    assert made(home) == 8


def _thread(home: House) -> Json:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    return {"channel": thread.channel, "ts": thread.ts}


def test_an_unedited_sheet_is_unchanged_whatever_the_spreadsheet_did(home: House) -> None:
    odd = 'sku,name,color,note\nS-1,"Mug, ""big""",red,"two\nlines"\n007,Cup,-5,\'=kept\nS-3,Bär,+49,@x\n'
    lines = finished(home, odd)
    assert lines[1]["note"] == "''=kept"
    assert lines[1]["color"] == "-5"
    for line in lines:
        line["note"] = line["note"].replace("\n", "\r\n")
    give(home, written(lines))
    home.ana.wait_for_reply(_thread(home), "There is nothing to make: 3 unchanged.")
    lines[1]["sku"] = "7"  # what a spreadsheet makes of 007
    give(home, written(lines))
    home.ana.wait_for_reply(_thread(home), "There is nothing to make: 3 unchanged.")


def test_a_workbook_comes_back_as_a_workbook(home: House) -> None:
    book = openpyxl.Workbook()
    for row in (["sku", "name", "price"], ["A-1", "Mug", 12.5], ["A-2", "=SUM(1;2)", 3]):
        book.active.append(row)
    book.active["B3"].data_type = "s"
    out = io.BytesIO()
    book.save(out)
    home.ana.say(home.room, "@imgbatch lane=live size=64x64 A {{ name }}", files=[("a.xlsx", out.getvalue())])
    home.arrived()
    home.tick()
    home.ana.press(home.card(), "job_start")
    home.quiet()
    back = openpyxl.load_workbook(io.BytesIO(results_file(home)))
    cells = [[cell.value for cell in row] for row in back.active.iter_rows()]
    assert cells[0][:5] == ["sku", "name", "price", "imgbatch_job", "imgbatch_row"]
    assert cells[1][:5] == ["A-1", "Mug", "12.5", home.job().id, 1]
    assert back.active["B3"].data_type == "s"
    assert cells[2][1] == "=SUM(1;2)"
    back.active["B2"] = "Cup"
    out = io.BytesIO()
    back.save(out)
    give(home, out.getvalue(), name="renamed.xlsx")
    (card,) = cards(home)
    assert "1 changed, 1 unchanged" in words(card)
    home.ana.press(card, DROP)
    settled(home)
    assert f"Cancelled by <@{home.ana.user_id}>; nothing was made." in words(
        next(m for m in home.replies() if m["ts"] == card["ts"])
    )
    assert made(home) == 2


def test_bad_rows_are_mended_in_the_sheet(home: House) -> None:
    lines = finished(home, "sku,name,color,n\nA,Mug,red,\nB,Cup,red,many\n")
    assert [line["status"] for line in lines] == ["stored", "bad_row"]
    lines[1]["n"] = "2"
    give(home, written(lines))
    (card,) = cards(home)
    assert "1 mended, 1 unchanged" in words(card)
    home.ana.press(card, CONFIRM)
    settled(home)
    assert [line["status"] for line in read(home)] == ["stored", "stored"]
    assert home.job().bad_rows == 0
    assert audit(home.ctx, home.job())["holds"]


def test_a_killed_process_loses_nothing_and_pays_nothing_twice(home: House, monkeypatch: Any) -> None:
    lines = finished(home)
    lines[0]["color"] = "green"
    give(home, written(lines))
    (card,) = cards(home)
    home.ana.press(card, CONFIRM)
    home.arrived()
    kept = home.ctx.mail.inbox_done
    with monkeypatch.context() as patched:  # it stops after the sheet is taken, before that is written down
        patched.setattr(type(home.ctx.mail), "inbox_done", _killed)
        try:
            home.clock.move(5)
            inbox.work_inbox(home.ctx, home.app.client, home.clock())
        except KeyboardInterrupt:
            pass
    assert kept is not None
    after = home.again()
    after.quiet()
    assert made(after) == 7
    assert "Confirmed by" in words(next(m for m in after.replies() if m["ts"] == card["ts"]))


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_two_people_confirm_at_once(home: House) -> None:
    lines = finished(home)
    lines[0]["color"] = "green"
    give(home, written(lines))
    (card,) = cards(home)
    clicks = [
        threading.Thread(target=who.press, args=(card, CONFIRM))
        for who in (home.ana, home.ben)
        for _ in range(3)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    settled(home)
    assert made(home) == 7


def test_what_is_none_of_ours_is_said_or_left_alone(home: House) -> None:
    lines = finished(home)
    give(home, b"sku,name\nA,B\n")
    home.ana.wait_for_reply(_thread(home), "no columns imgbatch_job and imgbatch_row")
    for line in lines:
        line["imgbatch_job"] = "zzzzzz"
    give(home, written(lines))
    home.ana.wait_for_reply(_thread(home), "The sheet is of job zzzzzz, which is not here")
    calls = len(home.workspace.calls())
    home.ana.say(home.room, "look at this", files=[("x.png", b"\x89PNG...")], thread=_thread(home)["ts"])
    home.quiet()
    assert not [c for c in home.workspace.calls()[calls:] if c.method == "chat.postEphemeral"]
    assert len(home.jobs()) == 1


def test_a_budget_and_a_limit_are_kept(home: House) -> None:
    lines = finished(home, text=TEMPLATE.replace("A {{", "budget=1 A {{"))
    lines[0]["color"] = "green"
    give(home, written(lines))
    (card,) = cards(home)
    home.ana.press(card, CONFIRM)
    settled(home)
    assert made(home) == 7
    assert [line["status"] for line in results_of(home.ctx, home.job())] == ["stored"] * 6
    assert home.ctx.queries.counts(home.job().id) == {ItemState.STORED: 7}
