"""The form of a new batch as a person meets it in a browser: preview, columns, drafts, a second try."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHROMIUM, Desk
from tests.browser.test_demo import SOON, csv

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

OTHER_NAMES = "SKU,Product title,Main colour\nA-1,Oak board,natural\nA-2,Mug,green\n"


def test_names_that_do_not_match_are_asked_for_and_the_prompt_is_shown(desk: Desk) -> None:
    desk.enter("product-images")
    form = desk.open_form()
    desk.hand_in(csv(OTHER_NAMES, "home.csv"), "{{ name }} in {{ color }}")
    step = desk.page.get_by_role("dialog", name="Check columns")
    expect(step).to_contain_text("First prompt: Oak board in natural")
    step.locator('[data-block="map_name"]').select_option("SKU")
    expect(step).to_contain_text("First prompt: A-1 in natural")
    step.locator('[data-block="map_name"]').select_option("Product title")
    expect(step).to_contain_text("First prompt: Oak board in natural")
    # Back in the form the sheet is known, and the template is tried out while it is written
    step.get_by_role("button", name="Back").click()
    expect(form).to_be_visible()
    template = desk.field("template")
    template.fill("A {{ color }} {{ name }}, studio light")
    expect(form).to_contain_text("First prompt: A natural Oak board, studio light")
    desk.send()
    expect(form).to_have_count(0)
    expect(desk.stream).to_contain_text("First prompt: A natural Oak board, studio light", timeout=SOON)


def test_a_form_that_was_closed_is_offered_again(desk: Desk) -> None:
    desk.enter("general")
    form = desk.open_form()
    desk.field("template").fill("Photo of {{ name }} {% if x %}")
    expect(form.locator(".alert")).to_contain_text("never closed")
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)
    form = desk.open_form(afresh=False)
    expect(form).to_contain_text("This is what you had filled in")
    expect(desk.field("template")).to_have_value("Photo of {{ name }} {% if x %}")
    form.get_by_role("button", name="Start afresh").click()
    expect(form).not_to_contain_text("This is what you had filled in")
    expect(form.locator("textarea").first).to_have_value("")
    form.get_by_role("button", name="Cancel").click()


def test_a_sheet_without_a_good_row_gives_the_form_back(desk: Desk) -> None:
    desk.enter("general")
    before = desk.stream.locator(".ephemeral").count()
    form = desk.open_form()
    desk.hand_in(csv("sku,name,size\nA-1,mug,tiny\nA-2,cup,huge\n"), "a {{ name }}")
    expect(form).to_have_count(0)
    expect(desk.stream.locator(".ephemeral")).to_have_count(before + 1, timeout=SOON)
    answer = desk.stream.locator(".ephemeral").last
    expect(answer).to_contain_text("Line 2, for example: “tiny” is not a size")
    answer.get_by_role("button", name="Open the form again").click()
    expect(form).to_contain_text("First prompt: a mug")
    expect(desk.field("template")).to_have_value("a {{ name }}")
    form.get_by_role("button", name="Cancel").click()


def test_everything_can_be_reached_with_the_keyboard(desk: Desk) -> None:
    desk.enter("general")
    form = desk.open_form()
    form.get_by_role("button", name="More options").focus()
    desk.page.keyboard.press("Enter")
    expect(desk.field("deadline")).to_be_visible()
    desk.field("budget").focus()
    for _ in range(3):
        desk.page.keyboard.press("Tab")
    focused = desk.page.evaluate("() => document.activeElement.closest('[data-block]')?.dataset.block")
    assert focused.partition("~")[0] in ("delivery", "deadline", "rush")
    form.get_by_role("button", name="Cancel").click()
