"""What people do with finished pictures in a browser: judge them, have them made again, take them away, and
send the sheet back.
"""

from __future__ import annotations

import csv as tables
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import Locator, expect

from storage.states import ItemState, JobState
from tests.browser.conftest import CHROMIUM, Desk
from tests.browser.test_demo import SOON, csv, loaded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

ROOM = "campaigns"

COLOURS = ("Seeblau", "Moosgrün", "Altrosa", "Rostrot", "Petrol", "Creme", "Weiß", "Schwarz", "Sand", "Rosé")

REFUSED = "KG-2011,a carefully moderated still life,Grau"
"""A row the simulated vendor's content rules refuse."""


def sheet(products: int) -> str:
    """Products as a shop keeps them, its own names of columns and all; the last row will be refused."""
    lines = [f"KG-{2000 + number},Müslischale Søren,{colour}" for number, colour in enumerate(COLOURS, 1)]
    return "\n".join(["Art.-Nr.,Product title,Colour", *lines[:products], REFUSED])


class Review:
    """Ana before the thread of the job."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.thread = desk, desk.thread
        self.message = desk.thread.locator(".message", has_text="Review: kitchen.csv")

    def picture(self, number: int) -> Locator:
        """A picture of the page that is shown, by its number."""
        return self.message.locator(".card").filter(has_text=re.compile(rf"(^|\D){number} · KG-"))

    def press(self, number: int, button: str) -> None:
        self.picture(number).locator("button", has_text=button).click()

    def stands(self, tally: str) -> None:
        expect(self.message).to_contain_text(tally, timeout=SOON)

    def say(self, words: str) -> None:
        self.desk.page.fill("#thread-composer textarea", words)
        self.desk.page.keyboard.press("Enter")

    def told(self, words: str) -> None:
        """What only she can see, at the end of the thread."""
        expect(self.thread.locator(".ephemeral").last).to_contain_text(words, timeout=SOON)

    def download(self, link: Locator) -> bytes:
        page = self.desk.page
        return page.request.get(f"{self.desk.stage.workspace.url}{link.get_attribute('href')}").body()


def finished(desk: Desk, products: int) -> Review:
    """The thread of a job that has just finished."""
    desk.enter(ROOM)
    before = desk.stream.locator(".replies").count()
    attach = desk.page.get_by_label("Attach files", exact=True)
    attach.set_input_files(csv(sheet(products), "kitchen.csv"))  # type: ignore[arg-type]
    expect(desk.page.locator("#composer .attached li")).to_have_count(1)
    desk.write("@imgbatch size=512x512 Photo of a {{ product title }} in {{ colour }}, soft daylight")
    expect(desk.stream.locator(".replies")).to_have_count(before + 1, timeout=SOON)
    desk.stream.locator(".replies").last.click()
    desk.thread.get_by_role("button", name=re.compile("^Now, ")).click()
    results = desk.thread.locator("a.file", has_text="results.csv")
    expect(results).to_have_count(1, timeout=SOON)
    return Review(desk)


def test_pictures_are_judged_made_again_and_taken_away(desk: Desk) -> None:
    review = finished(desk, 10)
    review.stands("0 approved, 0 rejected, 10 to review")
    _reject_and_redo(review)
    _decide_in_words(review)
    _decide_in_a_form(review)
    _export(review)


def _reject_and_redo(review: Review) -> None:
    page = review.desk.page
    review.press(2, "Reject")
    form = page.get_by_role("dialog", name="Reject picture 2")
    form.get_by_text("Wrong colour").click()
    form.locator("textarea").fill("Das Grün ist zu kräftig")
    form.get_by_role("button", name="Reject", exact=True).click()
    review.stands("0 approved, 1 rejected, 9 to review")
    expect(review.picture(2)).to_contain_text("Rejected by @ana")
    expect(review.picture(2)).to_contain_text("Wrong colour, Das Grün ist zu kräftig")

    review.press(2, "Redo")
    form = page.get_by_role("dialog", name="Redo picture 2")
    expect(form).to_contain_text("Rejected for: Das Grün ist zu kräftig")
    expect(form).to_contain_text(re.compile(r"Now: \$0\.\d\d(?! to)"))
    prompt = form.locator("textarea")
    expect(prompt).to_have_value("Photo of a Müslischale Søren in Moosgrün, soft daylight")
    prompt.fill("Photo of a Müslischale Søren in pale moss green, soft daylight")
    form.get_by_role("button", name="Make it again").click()
    redone = review.thread.locator(".message", has_text="Made again: picture 2")
    expect(redone).to_be_visible(timeout=SOON)
    loaded(redone.locator("img[alt]").first)
    redone.get_by_role("button", name="Keep version 1").click()
    expect(redone).to_contain_text("version 1", timeout=SOON)
    review.stands("0 approved, 0 rejected, 10 to review")


def _decide_in_words(review: Review) -> None:
    review.say("@imgbatch approve 1-9 except 3, 7")
    review.told("7 pictures approved.")
    review.stands("7 approved, 0 rejected, 3 to review")
    review.say("@imgbatch undo 5")
    review.told("Taken back: picture 5 waits for review again.")
    review.stands("6 approved, 0 rejected, 4 to review")
    review.say("@imgbatch freigeben 5")
    review.told("“freigeben” is not a command; write")
    review.message.get_by_role("combobox").select_option("failed")
    refused = review.message.locator(".card")
    expect(refused).to_have_count(1, timeout=SOON)
    expect(refused).to_contain_text("a carefully moderated still life")
    expect(refused).to_contain_text("refused by content rules; reword the prompt")


def _decide_in_a_form(review: Review) -> None:
    review.message.get_by_role("combobox").select_option("unreviewed")
    expect(review.picture(3)).to_be_visible(timeout=SOON)
    review.message.get_by_role("button", name="Approve many…").click()
    form = review.desk.page.get_by_role("dialog", name="Review many pictures")
    form.locator('input[type="text"]').first.fill("3-10")
    expect(form).to_contain_text("8 pictures: 4 to review, 4 approved already.", timeout=SOON)
    form.get_by_role("button", name="Do it").click()
    review.stands("10 approved, 0 rejected, 0 to review")


def _export(review: Review) -> None:
    review.message.get_by_role("button", name="Export…").click()
    form = review.desk.page.get_by_role("dialog", name=re.compile("^Export"))
    expect(form).to_contain_text("Approved ones (10)")
    form.locator('input[value="instagram-square"]').check()
    form.get_by_role("button", name="Export").click()
    said = review.desk.page.get_by_role("dialog", name="Export", exact=True)
    expect(said).to_contain_text("10 approved pictures")
    said.get_by_role("button", name="Close").last.click()
    link = review.thread.locator("a.file", has_text=".zip")
    expect(link).to_be_visible(timeout=SOON)
    expect(link).to_contain_text(re.compile(r"kitchen-\w+-approved\.zip"))
    with zipfile.ZipFile(io.BytesIO(review.download(link))) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
    pictures = [name for name in names if name.endswith((".jpg", ".jpeg"))]
    assert len(pictures) == 10
    assert all(re.search(r"KG-20\d\d", name) for name in pictures), "called after the shop's own numbers"
    assert "KG-2001" in json.dumps(manifest)


def test_the_results_sheet_comes_back_and_only_what_changed_is_made(desk: Desk) -> None:
    review = finished(desk, 3)
    ctx, page = desk.stage.ctx, desk.page
    raw = review.download(review.thread.locator("a.file", has_text="results.csv").first)
    rows = list(tables.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row["status"] for row in rows] == ["stored"] * 3 + ["refused"]
    rows[1]["Colour"] = "Ultramarin"
    rows[3]["Product title"] = "Müslischale Søren, still life"
    edited = io.StringIO()
    writer = tables.DictWriter(edited, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    page.get_by_label("Attach files to reply").set_input_files(
        {"name": "results edited.csv", "mimeType": "text/csv", "buffer": edited.getvalue().encode()}
    )
    expect(page.locator("#thread-composer .attached li")).to_have_count(1)
    page.locator("#thread-composer textarea").focus()
    page.keyboard.press("Enter")
    back = review.thread.locator(".message", has_text="came back from")
    expect(back).to_contain_text("2 changed, 2 unchanged", timeout=SOON)
    job = ctx.queries.jobs([JobState.FINISHED], limit=1)[0]  # the newest
    back.get_by_role("button", name=re.compile("^Make 2 pictures for ")).click()
    expect(back).to_contain_text("Confirmed by @ana", timeout=SOON)
    review.stands("0 approved, 0 rejected, 4 to review")
    items = list(ctx.reviews.current(job.id))
    assert [item.state for item in items] == [ItemState.STORED] * 4
    assert [item.version for item in items] == [1, 2, 1, 2]
