"""The Home tab in a browser, and what is kept there: a preset of the channel, a batch, its schedule."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHROMIUM, Desk
from tests.browser.test_demo import SOON, csv

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


def go_home(desk: Desk) -> None:
    desk.page.locator(".room", has_text="imgbatch").click()
    desk.page.locator("button[data-tab=home]").click()
    expect(desk.stream).to_contain_text("Image batches", timeout=SOON)


def test_a_preset_a_batch_and_its_schedule_are_found_in_the_home(desk: Desk) -> None:
    page = desk.page
    desk.enter("campaigns")
    go_home(desk)
    expect(desk.stream).to_contain_text("None yet. Press New image batch, or drop a sheet into a channel")

    _save_a_preset(desk)
    desk.write("/imgbatch new")
    expect(desk.form).to_be_visible(timeout=SOON)
    desk.put("preset", "packshots")
    expect(desk.field("size")).to_have_value("512x512", timeout=SOON)
    desk.hand_in(csv("sku,name\nA-1,mug\nA-2,bowl\n", "spring.csv"), "a {{ name }}")
    card = desk.stream.locator(".message", has_text="Plan: spring.csv")
    expect(card).to_contain_text("First prompt: Clean studio look. a mug", timeout=SOON)
    desk.stream.get_by_role("button", name=re.compile("^Now, ")).click()
    done = desk.stream.locator(".message", has_text="Finished: All 2 pictures are ready")
    expect(done).to_be_visible(timeout=SOON)

    _schedule(desk, done.first.inner_text())
    go_home(desk)
    home = desk.stream
    expect(home).to_contain_text("2 of 2 pictures ready", timeout=SOON)
    for words in (
        "Waiting for your review",
        "spring.csv in #campaigns: 2 pictures to look at",
        "Your batches",
        "Spent in ",
        "Your schedules",
        "every day at 07:30",
        "Presets",
        "packshots in #campaigns",
    ):
        expect(home).to_contain_text(words, timeout=SOON)
    home.get_by_role("button", name="New image batch").click()
    expect(desk.form).to_be_visible(timeout=SOON)
    desk.form.get_by_role("button", name="Cancel").click()
    expect(desk.form).to_have_count(0)

    page.set_viewport_size({"width": 390, "height": 844})
    over = "s => { const e = document.querySelector(s); return e.scrollWidth - e.clientWidth }"
    assert page.evaluate(over, "#stream") <= 0, "it fits on a phone"


def _save_a_preset(desk: Desk) -> None:
    desk.enter("campaigns")
    desk.ask("/imgbatch preset").get_by_role("button", name="New preset").click()
    form = desk.page.get_by_role("dialog", name="New preset")
    expect(form).to_be_visible(timeout=SOON)
    form.locator('[data-block="name"]').fill("packshots")
    form.locator('[data-block="size"]').fill("512x512")
    form.locator('[data-block="prefix"]').fill("Clean studio look.")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0, timeout=SOON)
    expect(desk.stream.locator(".ephemeral").last).to_contain_text("packshots", timeout=SOON)


def _schedule(desk: Desk, card: str) -> None:
    found = re.search(r"Job (\w+)", card)
    assert found is not None
    desk.stream.get_by_role("button", name="Details").first.click()
    details = desk.page.get_by_role("dialog", name=f"Job {found[1]}")
    details.get_by_role("button", name="Schedule…").click()
    form = desk.page.get_by_role("dialog", name="Schedule", exact=True)
    expect(form).to_be_visible(timeout=SOON)
    form.locator('input[value="daily"]').check()
    expect(form.locator('[data-block="days"]')).to_have_count(0, timeout=SOON)
    form.locator('[data-block="at"]').fill("07:30")
    form.locator('[data-block="budget"]').fill("5")
    form.get_by_role("button", name="Schedule", exact=True).click()
    expect(form).to_have_count(0, timeout=SOON)
    for close in desk.page.get_by_role("button", name="Close", exact=True).all():
        if close.is_visible():
            close.click()
            break
    expect(desk.page.locator(".modal")).to_have_count(0, timeout=SOON)
