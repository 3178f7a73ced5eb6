"""What the README promises of the demo, done by a person in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from storage.states import JobState
from tests.browser.conftest import CHROMIUM, SHEET, TEMPLATE, Desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

SOON = 30_000
"""Milliseconds for what the bot, the provider and the workspace do together."""


def csv(text: str, name: str = "products.csv") -> dict[str, object]:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


LATER = re.compile(r"^By .*, \$.*, saves 50%$")
"""The button of the cheaper lane, which is the one asked for."""


def loaded(picture: Locator) -> None:
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    picture.page.wait_for_function(
        "img => img.complete && img.naturalWidth > 0", arg=picture.element_handle(), timeout=SOON
    )


def test_a_sheet_becomes_a_gallery_in_its_thread(desk: Desk) -> None:
    desk.enter("campaigns")
    desk.open_form()
    desk.hand_in(SHEET, TEMPLATE, model="openai/gpt-image-2", size="other", own_size="800x800")
    expect(desk.form).to_have_count(0)

    start = desk.stream.get_by_role("button", name=LATER)
    expect(start).to_be_visible(timeout=SOON)
    card = desk.card()
    for words in (
        "Plan: shoes.csv",
        "23 pictures from 23 rows, 3 of them duplicates",
        "1 row cannot be used",
        "Later, cheaper (as asked for)",
        "$0.46, saves 50%",
        "usually done by",
        "at most 24 h",
        "Now, $0.9",
        "Sample first (6 pictures, ~$0.2",
        "line 16: “huge” is not a size",
        "First prompt: Product photograph for a spring shoe campaign: the Trail Runner in forest green",
    ):
        expect(card).to_contain_text(words)

    start.click()
    expect(card).to_contain_text("Making pictures", timeout=SOON)
    expect(card).to_contain_text("quoted $0.46")
    expect(card.get_by_role("button", name=LATER)).to_have_count(0)
    expect(card).to_contain_text(re.compile(r"[1-9]\d? ready"), timeout=SOON)
    expect(card).to_contain_text("Finished: 22 of 23 pictures are ready", timeout=SOON)
    expect(card).to_contain_text("(edited)")

    card.locator(".replies").click()
    thread = desk.thread
    expect(thread).to_contain_text("results.csv: every row of your sheet", timeout=SOON)
    for words in (
        "22 of 23 pictures are ready (95.6%, target 98%)",
        "1 row of the sheet could not be used",
        "line 13 (SH-112)",
        "Reword these rows",
        "(quoted $0.46)",
        "3 duplicates were copied",
        "1 retry",
    ):
        expect(thread).to_contain_text(words)

    expect(thread.locator("img[alt]")).to_have_count(12)  # chart, contact sheet, the review's first page
    loaded(thread.get_by_role("img", name="Chart of shoes.csv: 22 of 23 pictures ready"))
    sheet = thread.get_by_role("img", name="Contact sheet of shoes.csv")
    loaded(sheet)
    sheet.click()
    large = desk.page.locator("#lightbox img")
    desk.page.wait_for_function("img => img.naturalWidth > 1000", arg=large.element_handle())
    expect(desk.page.locator("#lightbox")).to_contain_text("22 pictures ready and 1 refused")
    desk.page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    review = thread.locator(".message", has_text="Review: shoes.csv")
    expect(review).to_contain_text("0 approved, 0 rejected, 22 to review")
    loaded(review.locator(".card img").first)
    review.get_by_role("button", name="Next →").click()
    expect(review).to_contain_text("15 · SH-116", timeout=SOON)
    review.get_by_role("button", name="Approve these 10").click()
    expect(review).to_contain_text("10 approved, 0 rejected, 12 to review", timeout=SOON)

    (job,) = desk.stage.ctx.queries.jobs([JobState.FINISHED])
    assert f"Job {job.id}" in card.inner_text()
    expect(desk.ask("/imgbatch status")).to_contain_text("Finished: 22 of 23 pictures are ready")
    listed = desk.ask("/imgbatch list")
    expect(listed).to_contain_text(job.id)
    expect(listed).to_contain_text("22 of 23 pictures ready, 1 not made, in #campaigns")
    proof = desk.ask(f"/imgbatch audit {job.id}")
    expect(proof).to_contain_text("Every row is accounted for")
    expect(proof).to_contain_text("paid twice: 0")
    expect(desk.ask(f"/imgbatch cancel {job.id}")).to_contain_text("there is nothing to cancel")
    thread.get_by_role("button", name="Details").first.click()
    details = desk.page.get_by_role("dialog", name=f"Job {job.id}")
    expect(details).to_contain_text("requested: 23")
    details.get_by_role("button", name="Close").last.click()
    expect(details).to_have_count(0)


def test_a_plan_can_be_kept_or_cancelled(desk: Desk) -> None:
    desk.enter("general")
    desk.open_form()
    desk.hand_in(csv("sku,name\nA-1,mug\nA-2,\n", "cups.csv"), "a {{ name }}", model="openai/gpt-image-2")
    start = desk.stream.get_by_role("button", name=LATER)
    expect(start).to_be_visible(timeout=SOON)
    card = desk.card()
    expect(card).to_contain_text("Plan: cups.csv")
    asked = desk.page.locator("#confirm")
    card.get_by_role("button", name="Cancel").click()
    expect(asked).to_contain_text("Nothing was sent and nothing was spent")
    asked.get_by_role("button", name="Keep it").click()
    expect(start).to_be_visible()
    card.get_by_role("button", name="Cancel").click()
    asked.get_by_role("button", name="Cancel it").click()
    expect(card).to_contain_text("Cancelled before it started: nothing was sent", timeout=SOON)
    expect(card.get_by_role("button", name=LATER)).to_have_count(0)
    expect(desk.ask("/imgbatch status")).to_contain_text("nothing was spent")


def test_a_wrong_form_says_what_to_change_and_keeps_the_rest(desk: Desk) -> None:
    desk.enter("general")
    form = desk.open_form()
    desk.send()
    expect(form.locator(".error")).to_have_count(1)
    desk.hand_in(
        {"name": "mood.png", "mimeType": "image/png", "buffer": b"\x89PNG"},
        "a {{ name }",
        size="other",
        own_size="big",
    )
    errors = form.locator(".error")
    expect(errors).to_have_count(3)
    expect(errors.nth(0)).to_contain_text("mood.png is not a sheet; add a CSV, TSV or XLSX file.")
    expect(errors.nth(2)).to_contain_text("“big” is not a size")
    expect(desk.field("template")).to_have_value("a {{ name }")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)


@pytest.mark.parametrize(
    ("sheet", "template", "said"),
    [
        ("sku,name\n", "a {{ name }}", "has a header and no rows"),
        ("sku,name\nA-1,mug\n", "", "Write a template"),
    ],
    ids=["no rows", "no template"],
)
def test_a_sheet_with_mistakes_is_told_by_the_fields(
    desk: Desk, sheet: str, template: str, said: str
) -> None:
    desk.enter("general")
    form = desk.open_form()
    desk.hand_in(csv(sheet), template)
    expect(form.locator(".error")).to_contain_text(said)
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)


def test_help_and_unknown_words(desk: Desk) -> None:
    desk.enter("general")
    expect(desk.ask("/imgbatch help")).to_contain_text("From a sheet to pictures")
    expect(desk.ask("/imgbatch help sheet")).to_contain_text("one product a row")
    expect(desk.ask("/imgbatch halp")).to_contain_text("did you mean “help”?")
    expect(desk.ask("/imgbatch audit nope")).to_contain_text("There is no job “nope”")


def test_the_plan_fits_on_a_phone(desk: Desk) -> None:
    desk.page.set_viewport_size({"width": 390, "height": 844})
    desk.enter("product-images")
    form = desk.open_form()
    expect(form.get_by_role("button", name="Plan it")).to_be_in_viewport()
    desk.hand_in(SHEET, TEMPLATE)
    expect(desk.stream.get_by_role("button", name=LATER)).to_be_visible(timeout=SOON)
    for pane in ("#stream", "body"):
        over = "s => { const e = document.querySelector(s); return e.scrollWidth - e.clientWidth }"
        assert desk.page.evaluate(over, pane) <= 0
