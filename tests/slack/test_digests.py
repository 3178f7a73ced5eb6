"""Digests of channels: asked for, posted on time, once, and silent where nothing has happened."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from bot.intake.figures import digest_rule
from bot.policy import Roles
from bot.slack.digest_post import PATIENCE, tell_digests
from bot.slack.digests import SCOPE, Setting, setting_of
from bot.slack.reach import Where
from bot.slack.telling import TRIES
from bot.workspace.server import ADMIN, Workspace
from tests.parts import QUICK
from tests.slack.house import House, house, words
from tests.slack.test_budgets import said
from tests.slack.test_presets import TEAM
from tests.slack.test_summary import made


def setting(home: House) -> Setting:
    found = setting_of(home.ctx, Where(TEAM, home.channel, ""))
    assert found is not None
    return found


def digests(home: House) -> list[str]:
    """What was posted, oldest first."""
    seen = home.ana.messages(home.channel)
    return [words(m) for m in seen if m.get("bot_id") and "Image batches, " in words(m)]


def pass_to(home: House, at: datetime, seconds: int = 60) -> None:
    """The tick at that time, and as often as it takes for Slack to have the chart."""
    home.clock.at = max(home.clock.at, at)
    for _ in range(0, seconds, 15):
        tell_digests(home.ctx, home.app.client, home.clock())
        home.clock.move(15)


def chart_of(home: House) -> Any:
    """The picture of the newest digest as a block; None where it has none."""
    told = [m for m in home.ana.messages(home.channel) if "Image batches, " in words(m)][-1]
    return next((block for block in told["blocks"] if block["type"] == "image"), None)


def test_a_day_is_told_once_on_time(home: House) -> None:
    made(home)
    assert "every day at 09:00 (Europe/Berlin)" in said(home, "digest daily 09:00 Europe/Berlin")
    one = setting(home)
    pass_to(home, one.next_at - timedelta(seconds=1), 1)
    assert digests(home) == []
    for _ in range(3):
        pass_to(home, one.next_at)
    (told,) = digests(home)
    assert "1 batch came to an end: all 4 pictures came out." in told
    assert "4 still to review" in told
    assert "4 of 4 pictures, $0.00" in told
    assert "Times and days are those of Europe/Berlin." in told
    after = setting(home)
    assert (after.since, after.next_at) == (one.next_at, one.next_at + timedelta(days=1))


def test_it_has_a_chart_by_day_that_can_be_read_and_heard(home: House) -> None:
    made(home)
    said(home, "digest weekly mon 09:00 UTC")
    pass_to(home, setting(home).next_at)
    chart = chart_of(home)
    assert chart["alt_text"].startswith("Chart of ")
    assert ", by day: 4 pictures, all came out; " in chart["alt_text"]
    assert " 4 ready" in chart["alt_text"]
    image = Image.open(io.BytesIO(home.ben.file(chart["slack_file"])))
    assert (image.format, image.width) == ("PNG", 1080)
    left = [key for key, _ in home.ctx.blobs.listed(f"{setting(home).place.job_id}/")]
    assert len(left) == 1, "what it said is kept, its chart is Slack's"


def test_the_words_go_without_the_chart_where_slack_takes_no_files(home: House) -> None:
    made(home)
    said(home, "digest daily 09:00 UTC")
    due = setting(home).next_at
    home.workspace.fail_next("files.getUploadURLExternal", times=1000)
    pass_to(home, due)
    assert digests(home) == []
    pass_to(home, due, int(PATIENCE.total_seconds()))
    assert len(digests(home)) == 1
    assert chart_of(home) is None


def test_a_chart_that_slack_does_not_take_after_all_is_left_out(home: House) -> None:
    made(home)
    said(home, "digest daily 09:00 UTC")
    home.workspace.fail_next("chat.postMessage", "invalid slack file", times=TRIES - 1)
    pass_to(home, setting(home).next_at, 300)
    assert len(digests(home)) == 1
    assert chart_of(home) is None


def test_it_says_whose_time_zone_it_is_on_and_takes_another(home: House) -> None:
    """Ana is in Lisbon, as the workspace has it."""
    mine = f"Times and days are those of Europe/Lisbon, the time zone of <@{home.ana.user_id}>, who set it."
    assert mine in said(home, "digest weekly fri 16:00")
    assert mine in said(home, "digest", "ben"), "it is hers, whoever looks"
    changed = said(home, "digest zone new york")
    assert "every Friday at 16:00 (America/New_York)" in changed
    assert "Times and days are those of America/New_York." in changed
    assert setting(home).next_at.astimezone(ZoneInfo("America/New_York")).hour == 16
    assert "Times and days are those of Asia/Tokyo." in said(home, "digest daily 08:00 Asia/Tokyo")
    assert "is neither a time nor a time zone" in said(home, "digest zone Atlantis")
    said(home, "digest off")
    assert "This channel gets no digest" in said(home, "digest zone Europe/Paris")


def test_where_slack_does_not_say_the_time_zone_it_is_utc_and_says_so(home: House) -> None:
    home.workspace._site.state.users[home.ana.user_id].tz = ""
    try:
        told = said(home, "digest daily")
    finally:
        home.workspace._site.state.users[home.ana.user_id].tz = "Europe/Lisbon"
    assert "every day at 09:00 (UTC)" in told
    assert f"Slack does not say which time zone <@{home.ana.user_id}>, who set it, is in" in told


def test_a_setting_of_an_earlier_version_is_still_read(home: House) -> None:
    said(home, "digest daily 09:00 Europe/Berlin")
    one = setting(home)
    old = {name: value for name, value in one.to_json().items() if name not in ("person", "zone_from")}
    home.ctx.shelf.remember(SCOPE, one.name, old, home.clock())
    assert "Times and days are those of Europe/Berlin." in said(home, "digest")


def test_a_day_on_which_nothing_happened_is_not_told(home: House) -> None:
    made(home)
    said(home, "digest daily 09:00 UTC")
    pass_to(home, setting(home).next_at)
    pass_to(home, setting(home).next_at)
    pass_to(home, setting(home).next_at)
    assert len(digests(home)) == 1
    assert setting(home).next_at > home.clock()


def test_what_was_missed_is_told_together(home: House) -> None:
    said(home, "digest daily 09:00 UTC")
    first = setting(home)
    made(home)
    late = first.next_at + timedelta(days=3, hours=5)
    for _ in range(4):
        pass_to(home, late)
    (told,) = digests(home)
    assert "1 batch came to an end" in told
    after = setting(home)
    assert after.since == first.next_at + timedelta(days=3)
    assert after.next_at == first.next_at + timedelta(days=4)


def test_a_digest_is_shown_changed_and_ended(home: House) -> None:
    assert "This channel gets no digest" in said(home, "digest")
    assert "every Friday at 16:00" in said(home, "digest weekly fri 16:00")
    assert "every Friday at 16:00" in said(home, "digest")
    before = setting(home)
    assert before.next_at - before.since == timedelta(days=7)
    said(home, "digest weekly mon")
    assert setting(home).since == before.since, "nothing is left out or told twice"
    assert "neither a time nor a time zone" in said(home, "digest daily noon")
    assert "no digest any more" in said(home, "digest off")
    pass_to(home, before.next_at + timedelta(days=20))
    assert digests(home) == []


def test_it_is_asked_for_in_a_channel_the_bot_is_in(home: House, slack: Workspace) -> None:
    home.ana.say("@imgbatch", "digest daily")
    home.arrived()
    home.tick()
    assert "in the channel that shall get the digest" in words(home.ana.messages("@imgbatch")[-1])
    slack.add_channel(f"deaf-{home.channel.lower()}", bot=False)
    home.ana.command(f"#deaf-{home.channel.lower()}", "/imgbatch", "digest daily")
    seen = [m for m in home.ana.messages(f"#deaf-{home.channel.lower()}") if m.get("is_ephemeral")]
    assert "I am not in that channel" in words(seen[-1])


def test_a_channel_that_takes_no_messages_gets_no_digests_any_more(home: House, slack: Workspace) -> None:
    made(home)
    said(home, "digest daily 09:00 UTC")
    one = setting(home)
    slack.archive(home.channel)
    pass_to(home, one.next_at)
    assert setting_of(home.ctx, Where(TEAM, home.channel, "")) is None


@pytest.fixture
def ruled(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    policy = replace(QUICK, roles=Roles(admins=(ADMIN,)))
    with house(tmp_path, slack, policy=policy) as home:
        yield home


def test_it_takes_the_right_that_presets_take(ruled: House) -> None:
    assert "Only ana may" in said(ruled, "digest daily", "ben")
    assert "every day at 09:00" in said(ruled, "digest daily")
    assert "Only ana may" in said(ruled, "digest off", "ben")
    assert "every day at 09:00" in said(ruled, "digest", "ben")


# --- what Slack does not take -----------------------------------------------------------------------------


def due_now(home: House) -> Setting:
    """A digest that is due at this moment: Slack's own clock, by which a lost message is looked for, is not a
    day behind.
    """
    home.clock.move(60)
    rule = digest_rule("daily", "UTC", home.clock().date())
    now = home.clock()
    one = Setting(TEAM, home.channel, rule, next_at=now, since=now - timedelta(hours=5), written_at=now)
    home.ctx.shelf.remember(SCOPE, one.name, one.to_json(), home.clock())
    return one


def test_an_answer_of_slack_that_was_lost_posts_nothing_twice(home: House) -> None:
    made(home)
    due_now(home)
    home.workspace.lose_answer_next("chat.postMessage", 2)
    for _ in range(8):
        tell_digests(home.ctx, home.app.client, home.clock())
        home.clock.move(20)
    assert len(digests(home)) == 1
    assert setting(home).next_at > home.clock()
