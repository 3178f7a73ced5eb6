"""A sample looked at before the rest is made, by a person in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from storage.states import JobState
from tests.browser.conftest import CHROMIUM, Desk
from tests.browser.test_demo import csv, loaded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]

ROWS = "sku,name,color\n" + "".join(f"M-{n},mug {n},{c}\n" for n in range(8) for c in ("red", "blue"))


def test_a_sample_is_found_good_and_the_rest_is_made(desk: Desk) -> None:
    desk.enter("product-images")
    desk.open_form()
    desk.hand_in(csv(ROWS, "mugs.csv"), "A {{ color }} {{ name }}", model="openai/gpt-image-2")
    sample = desk.stream.get_by_role("button", name=re.compile(r"^Sample first \(6 pictures"))
    expect(sample).to_be_visible()
    card = desk.card()
    sample.click()
    go_on = card.get_by_role("button", name=re.compile(r"^Looks good: make the other 10, \$0\.2"))
    expect(go_on).to_be_visible()
    card.locator(".replies").click()
    sheet = desk.thread.get_by_role("img", name="Contact sheet of mugs.csv").first
    loaded(sheet)
    go_on.click()
    expect(desk.thread).to_contain_text("Found good by @ana: the rest is being made.")
    expect(card).to_contain_text("Finished: All 16 pictures are ready")
    (job,) = desk.stage.ctx.queries.jobs([JobState.FINISHED])
    assert job.lane == "batch", "the rest went the cheaper way, as asked for"
