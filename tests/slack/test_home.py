"""The App Home: what it shows, and that it stays true while it is open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.policy import Roles
from bot.slack.app_home import refresh
from bot.workspace.server import ADMIN, MEMBER, Workspace
from storage.records import Incident
from tests.parts import QUICK
from tests.slack.house import House, house, words
from tests.slack.test_journeys import SHEET, drop, hand_in
from tests.slack.test_presets import save
from tests.slack.test_schedules import schedule


def opened(home: House, *said: str) -> Any:
    """Ana's Home once it says all of this."""
    home.ana.open_home()
    return home.ana.wait_for(lambda: (v := home.ana.home()) and all(s in words(v) for s in said) and v)


def test_an_empty_home_says_how_to_begin(home: House) -> None:
    view = opened(home, "Your batches")
    text = words(view)
    assert "None yet." in text
    for heading in ("Waiting for your review", "Your schedules", "Presets", "Alerts"):
        assert heading not in text
    assert "*You* $0.00" in " ".join(text.split())
    home.ana.press(view, "open_form")
    assert home.ana.wait_for_modal("New image batch")


def test_a_full_home(home: House) -> None:
    save(home, "packshots size=64x64 lane=live")
    hand_in(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    job = home.job()
    schedule(home, "weekly mon 07:00 UTC")
    home.ctx.notices.open_incident(
        Incident("k", "rule", "warning", "Three pictures were refused", [], home.clock(), job.id)
    )
    view = opened(
        home, "products.csv", "4 pictures to look at", "every Monday at 07:00", "Three pictures were refused"
    )
    text = words(view)
    assert "packshots" in text
    assert "open the thread" in text
    assert "finished, 4 of 4 pictures ready" in text
    home.ana.press(view, "job_details", job.id)
    assert home.ana.wait_for_modal(f"Job {job.id}")


def test_it_is_drawn_again_when_something_changed_and_not_otherwise(home: House) -> None:
    hand_in(home)
    opened(home, "planned, waits for Start")
    home.workspace.forget_calls()
    for _ in range(5):
        home.clock.move(20)
        refresh(home.ctx, home.app.client, home.clock())
    assert home.workspace.calls("views.publish") == []
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.clock.move(20)
    assert refresh(home.ctx, home.app.client, home.clock()) == 1
    view = home.ana.home()
    assert "finished, 4 of 4 pictures ready" in words(view)
    assert len(home.workspace.calls("views.publish")) == 1


def test_it_is_left_alone_when_nobody_looks_any_more(home: House) -> None:
    hand_in(home)
    opened(home, "planned, waits for Start")
    home.ana.press(home.card(), "job_start")
    home.quiet()
    home.clock.move(13 * 3600)
    home.workspace.forget_calls()
    assert refresh(home.ctx, home.app.client, home.clock()) == 0
    assert home.workspace.calls("views.publish") == []


def test_many_batches_have_pages(home: House) -> None:
    for n in range(10):
        home.ana.say(home.room, f"@imgbatch title=Batch-{n} Photo of {{{{ name }}}}", files=[SHEET])
        home.arrived()
        home.tick()
    view = opened(home, "Batch-9")
    assert "Batch-1" not in words(view).split()
    home.ana.press(view, "home_page", "1")
    view = home.ana.wait_for(lambda: (v := home.ana.home()) and "Batch-1" in words(v) and v)
    assert "Batch-9" not in words(view)
    home.ana.press(view, "home_page", "0")
    home.ana.wait_for(lambda: "Batch-9" in words(home.ana.home()))


def test_a_schedule_can_be_ended_there(home: House) -> None:
    drop(home)
    one = schedule(home, "daily 07:00 UTC")
    view = opened(home, "every day at 07:00")
    home.ana.press(view, "schedule_end", one.id)
    home.ana.wait_for_message("@imgbatch", "will not be run again")
    home.clock.move(200)
    refresh(home.ctx, home.app.client, home.clock())
    assert "Your schedules" not in words(home.ana.home())


@pytest.mark.parametrize("admin", [True, False])
def test_what_everybody_spent_is_for_those_who_may_change_everything(
    tmp_path: Path, slack: Workspace, admin: bool
) -> None:
    policy = replace(QUICK, roles=Roles(admins=(ADMIN if admin else MEMBER,)))
    with house(tmp_path, slack, policy=policy) as built:
        view = opened(built, "Your batches")
        assert ("Everybody" in words(view)) is admin
