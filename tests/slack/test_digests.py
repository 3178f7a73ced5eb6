"""Digests of channels: asked for, posted on time, once, and silent where nothing has happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.intake.figures import digest_rule
from bot.policy import Roles
from bot.slack.digests import SCOPE, Setting, setting_of, tell_digests
from bot.slack.reach import Where
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


def pass_to(home: House, at: datetime) -> None:
    home.clock.at = max(home.clock.at, at)
    tell_digests(home.ctx, home.app.client, home.clock())


def test_a_day_is_told_once_on_time(home: House) -> None:
    made(home)
    assert "every day at 09:00 (Europe/Berlin)" in said(home, "digest daily 09:00 Europe/Berlin")
    one = setting(home)
    pass_to(home, one.next_at - timedelta(seconds=1))
    assert digests(home) == []
    for _ in range(3):
        pass_to(home, one.next_at)
    (told,) = digests(home)
    assert "1 batch came to an end: all 4 pictures came out." in told
    assert "4 still to review" in told
    assert "4 of 4 pictures, $0.00" in told
    after = setting(home)
    assert (after.since, after.next_at) == (one.next_at, one.next_at + timedelta(days=1))


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


# --- restarts --------------------------------------------------------------------------------------------


class Stop(Exception):
    """The process ends here."""


class Counting:
    """Every write of a tick, and every post, may be the last thing a process does."""

    def __init__(self, inner: Any, names: tuple[str, ...], steps: list[str], last: int) -> None:
        self._inner, self._names, self._steps, self._last = inner, names, steps, last

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def counted(*args: Any, **kwargs: Any) -> Any:
            for moment in ("before", "after"):
                if moment == "after":
                    answer = found(*args, **kwargs)
                self._steps.append(f"{moment} {name}")
                if len(self._steps) == self._last:
                    raise Stop
            return answer

        return counted


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


def test_stopped_at_every_step_it_is_told_once(home: House) -> None:
    made(home)
    last, stopped = 0, True
    while stopped:
        last += 1
        one, known, steps = due_now(home), len(digests(home)), list[str]()
        ctx = replace(
            home.ctx,
            mail=Counting(home.ctx.mail, ("announcing", "announced"), steps, last),
            shelf=Counting(home.ctx.shelf, ("exchange",), steps, last),
            blobs=Counting(home.ctx.blobs, ("put",), steps, last),
        )
        stopped = False
        try:
            tell_digests(ctx, replace(home, ctx=ctx).again().app.client, home.clock())
        except Stop:
            stopped = True
        living = home.again()
        for _ in range(3):
            home.clock.move(20)
            tell_digests(home.ctx, living.app.client, home.clock())
        assert len(digests(home)) == known + 1, f"stopped {steps[-1]}, step {last}"
        assert setting(home).since == one.next_at, f"stopped {steps[-1]}"
    assert last == 9, "blob, intent, post and next time: each before and after"


def test_an_answer_of_slack_that_was_lost_posts_nothing_twice(home: House) -> None:
    made(home)
    due_now(home)
    home.workspace.lose_answer_next("chat.postMessage", 2)
    for _ in range(8):
        tell_digests(home.ctx, home.app.client, home.clock())
        home.clock.move(20)
    assert len(digests(home)) == 1
    assert setting(home).next_at > home.clock()
