"""The plan's card: both lanes with price and time, what is saved, what to look out for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.pipeline.plan import LaneQuote, Plan
from bot.slack import limits
from bot.slack.plan_card import Offer, label, plan_card
from bot.slack.words import ordinal, spread
from bot.workspace.server import Workspace
from providers.base import Lane
from storage.records import Job
from storage.states import JobState
from tests.slack.house import House, buttons, house, labels, words
from tests.slack.priced import SHEET, priced_house
from tests.slack.test_journeys import drop

NOW = datetime(2026, 11, 23, 20, 10, tzinfo=UTC)


def plan(**changes: object) -> Plan:
    quotes = {
        Lane.BATCH: LaneQuote(Decimal("20.60"), Decimal("22.80"), 0, 4 * 3600),
        Lane.LIVE: LaneQuote(Decimal("41.20"), Decimal("45.60"), 0, 25 * 60),
    }
    whole = Plan(
        rows=500, bad_rows=0, items=500, duplicates=12, lane=Lane.BATCH, quotes=quotes, submissions=1,
        models={"south/s-one": 488}, made_sizes={"1024x1024": 488}, window_seconds=86400, warnings=(),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def job(created: datetime = NOW) -> Job:
    return Job(
        id="k3x9ab", title="shoes.csv", state=JobState.PLANNED, requested_by="U1", spec={}, columns=(),
        sheet_name="shoes.csv", digest="", provider="south", model="s-one", lane="batch", created_at=created,
    )  # fmt: skip


def shown(whole: Plan, offer: Offer, created: datetime = NOW) -> dict[str, str]:
    return labels({"blocks": list(plan_card(job(created), whole, offer, NOW).blocks)})


def test_each_lane_has_a_button_with_price_and_time() -> None:
    here = Offer(zone=ZoneInfo("Europe/Berlin"), sample=8)
    assert shown(plan(), here) == {
        "job_start_other": "Now, $41–46, about 25 min",
        "job_start": "By Tue 01:30, $20–23, saves 50%",
        "job_sample": "Sample first (8 pictures, ~$0.75)",
        "job_cancel": "Cancel",
    }


def test_without_a_known_zone_the_time_says_that_it_is_utc() -> None:
    assert shown(plan(), Offer())["job_start"] == "By Tue 00:30 UTC, $20–23, saves 50%"


def test_off_peak_hours_count_from_when_they_begin() -> None:
    at_two = datetime(2026, 11, 24, 2, tzinfo=UTC)
    assert label(job(), plan(), Lane.BATCH, Offer(begins_at=at_two), NOW).startswith("By Tue 06:00 UTC")


def test_an_old_plan_says_no_time_of_day_that_would_be_wrong() -> None:
    old = shown(plan(), Offer(), NOW - timedelta(days=2))
    assert old["job_start"] == "About 4 h, $20–23, saves 50%"


def test_a_model_with_one_lane_has_one_button() -> None:
    only = plan(quotes={Lane.LIVE: plan().quotes[Lane.LIVE]}, lane=Lane.LIVE)
    assert list(shown(only, Offer())) == ["job_start", "job_cancel"]


def test_what_is_above_the_limit_is_asked_for_and_fits_its_button() -> None:
    whole = plan(quotes={lane: LaneQuote(Decimal(9), Decimal(123456), 3, 1500) for lane in Lane})
    asked = shown(whole, Offer(to_agree=[Lane.LIVE]))
    assert asked["job_start_other"] == "Ask for approval: now, at least $9.00, about 25 min"
    assert all(len(text) <= limits.BUTTON_TEXT for text in asked.values())


def test_a_very_large_jobs_sample_comes_first_and_is_the_one_to_press() -> None:
    card = plan_card(job(), plan(), Offer(sample=100, sample_proposed=True), NOW)
    (actions,) = [block for block in card.blocks if block["type"] == "actions"]
    assert [e["action_id"] for e in actions["elements"] if e.get("style") == "primary"] == ["job_sample"]
    assert actions["elements"][0]["action_id"] == "job_sample"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ("41.20", "45.60", "$41–46"),
        ("0.321", "0.4", "$0.32–0.40"),
        ("42.13", "42.13", "$42.13"),
        ("9.5", "10", "$9–10"),
        ("1200", "1300.5", "$1,200–1,301"),
        ("0.021", "0.022", "$0.02"),
        ("3.13", "3.14", "$3.14"),
    ],
)
def test_a_range_is_said_as_short_as_it_is_true(low: str, high: str, said: str) -> None:
    assert spread(Decimal(low), Decimal(high)) == said


def test_places_in_a_line() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "21st",
    ]


# --- in the workspace ----------------------------------------------------------------------------------


@pytest.fixture
def priced(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with priced_house(tmp_path, slack) as built:
        yield built


def test_the_card_offers_both_lanes_and_says_what_duplicates_save(priced: House) -> None:
    drop(priced, "@imgbatch quality=low", SHEET)
    card = priced.card()
    said = labels(card)
    assert re.fullmatch(r"Now, \$0\.\d\d(–0\.\d\d)?, about \d+ min", said["job_start_other"])
    assert re.fullmatch(r"By (\w{3} )?\d\d:[03]0, \$0\.\d\d(–0\.\d\d)?, saves \d\d%", said["job_start"])
    assert re.search(r"2 of them duplicates: copied, not paid again \(\$0\.\d+ saved\)", words(card))
    assert "1 row cannot be used" in words(card)
    assert "hand that in again, or start without it" in words(card)


def test_the_other_lane_can_be_chosen_with_its_button(priced: House) -> None:
    drop(priced, "@imgbatch quality=low", SHEET)
    priced.ana.press(priced.card(), "job_start_other")
    priced.hear()
    started = priced.job()
    assert (started.lane, started.state) == ("live", JobState.RUNNING)
    priced.quiet()
    assert {item.lane for item in priced.ctx.queries.items(started.id) if not item.duplicate_of} == {"live"}


def test_two_people_who_choose_different_lanes_start_it_once(priced: House) -> None:
    drop(priced, "@imgbatch quality=low", SHEET)
    card = priced.card()
    priced.ana.press(card, "job_start_other")
    priced.ben.press(card, "job_start")
    priced.ben.wait_for_reply(card | {"ts": card["thread_ts"]}, "Somebody else has just decided")
    priced.quiet()
    assert priced.job().lane == "live"
    starts = [e for e in priced.ctx.queries.events(priced.job().id) if e.event == "start"]
    assert [e.person for e in starts] == [priced.ana.user_id]


def test_start_in_words_names_the_lane(priced: House) -> None:
    message = drop(priced, "@imgbatch quality=low", SHEET)
    priced.ana.say(priced.room, "@imgbatch start now", thread=message["ts"])
    priced.hear()
    assert (priced.job().lane, priced.job().state) == ("live", JobState.RUNNING)


def test_a_deadline_says_what_keeping_it_may_cost_and_asks_once_for_that(priced: House) -> None:
    day = priced.clock() + timedelta(days=3)
    message = drop(priced, f'@imgbatch quality=low deadline="{day:%Y-%m-%d} 09:00"', SHEET)
    nine_there = datetime.combine(day, time(9), ZoneInfo("Europe/Lisbon"))
    assert priced.job().deadline_at == nine_there
    card = priced.card()
    assert "What would come too late is not hurried, unless somebody allows it: for up to $0." in words(card)
    assert labels(card)["job_rush"].startswith("Allow rush, up to $0.")
    priced.ben.press(card, "job_rush")
    priced.hear()
    allowed = priced.card()
    assert "What would come too late in the cheaper lane is made now, for up to $0." in words(allowed)
    assert "job_rush" not in buttons(allowed)
    assert priced.job().spec["rush"] is True
    priced.ana.say(priced.room, "@imgbatch rush", thread=message["ts"])
    priced.hear()
    priced.ana.wait_for_reply(message, "has been agreed to already")
    rushes = [e for e in priced.ctx.queries.events(priced.job().id) if e.event == "approve_rush"]
    assert [e.person for e in rushes] == [priced.ben.user_id]


def test_a_planned_card_keeps_its_times_up_to_date(tmp_path: Path, slack: Workspace) -> None:
    with house(tmp_path, slack) as home:
        drop(home, "@imgbatch lane=batch size=128x128 A {{ color }} {{ name }}")
        home.quiet()
        before = home.card()
        home.tick(10, times=3)
        assert home.card() == before
        updates = len(home.workspace.calls("chat.update"))
        home.tick(3600)
        home.quiet()
        assert len(home.workspace.calls("chat.update")) <= updates + 2
        assert buttons(home.card()) == buttons(before)
