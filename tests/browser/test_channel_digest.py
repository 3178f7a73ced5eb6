"""A channel's digest as a person sees it in a browser: asked for, on whose clock, and with its chart."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from bot.slack.digests import SCOPE, setting_of
from bot.slack.reach import Where
from tests.browser.conftest import CHROMIUM, Desk
from tests.browser.test_demo import csv, loaded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]


def test_a_digest_comes_with_a_chart_of_its_days(desk: Desk) -> None:
    desk.enter("general")
    desk.open_form()
    desk.hand_in(csv("sku,name\nA-1,mug\nA-2,hat\n", "cups.csv"), "a {{ name }}", model="openai/gpt-image-2")
    desk.stream.get_by_role("button", name=re.compile(r"^Now, ")).click()
    expect(desk.card()).to_contain_text("Finished: All 2 pictures are ready", timeout=60_000)
    answer = desk.ask("/imgbatch digest daily 08:00")
    expect(answer).to_contain_text("every day at 08:00 (Europe/Lisbon)")
    expect(answer).to_contain_text("the time zone of @ana, who set it")
    expect(desk.ask("/imgbatch digest zone Asia/Tokyo")).to_contain_text("at 08:00 (Asia/Tokyo)")

    ctx, room = desk.stage.ctx, desk.stage.workspace.channel_id("general")
    setting = setting_of(ctx, Where("T0LOOPBACK", room, ""))
    assert setting is not None
    due = replace(setting, next_at=ctx.clock(), since=ctx.clock() - timedelta(hours=5))
    ctx.shelf.remember(SCOPE, due.name, due.to_json(), ctx.clock())
    chart = desk.page.get_by_role("img", name=re.compile(r"^Chart of .*by day: 2 pictures, all came out"))
    expect(chart).to_be_visible(timeout=90_000)
    loaded(chart)
    digest = desk.stream.locator(".message", has=chart)
    expect(digest).to_contain_text("1 batch came to an end: all 2 pictures came out.")
    expect(digest).to_contain_text("Times and days are those of Asia/Tokyo.")
