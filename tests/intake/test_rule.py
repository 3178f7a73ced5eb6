"""When a schedule runs, as people write it, across changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intake.options import CommandError
from bot.intake.rule import Kind, Rule, check_zone, days_of, parse_rule, read_dates

TODAY = date(2026, 11, 23)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("daily 07:00 Europe/Berlin", Rule(Kind.DAILY, time(7), "Europe/Berlin")),
        ("every day at 7am", Rule(Kind.DAILY, time(7), "Europe/Lisbon")),
        ("weekly mon,thu 07.30 utc", Rule(Kind.WEEKLY, time(7, 30), "UTC", (0, 3))),
        ("Thursdays and tuesday 9:00 pm", Rule(Kind.WEEKLY, time(21), "Europe/Lisbon", (1, 3))),
        ("weekdays 12am", Rule(Kind.WEEKLY, time(0), "Europe/Lisbon", (0, 1, 2, 3, 4))),
        (
            "daily 06:00 budget=$12.50",
            Rule(Kind.DAILY, time(6), "Europe/Lisbon", budget_usd=Decimal("12.50")),
        ),
        (
            "2026-12-24, 1.12.2026 09:00 America/New_York",
            Rule(Kind.DATES, time(9), "America/New_York", dates=(date(2026, 12, 1), date(2026, 12, 24))),
        ),
        ("column publish_date 09:00", Rule(Kind.DATES, time(9), "Europe/Lisbon", column="publish_date")),
        ("09:00 calendar “Post on”", Rule(Kind.DATES, time(9), "Europe/Lisbon", column="Post on")),
    ],
)
def test_a_rule_is_understood(text: str, rule: Rule) -> None:
    assert parse_rule(text, "Europe/Lisbon", TODAY) == rule
    assert Rule.of_json(rule.to_json()) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("daily", "Say at what time"),
        ("weekly 07:00", "on which days of the week"),
        ("sometimes 07:00", "on which days"),
        ("daily 25:00", "is not a time"),
        ("daily 07:00 Europe/Berln", "did you mean Europe/Berlin?"),
        ("2026-01-02 07:00", "have passed"),
        ("2026-02-31 07:00", "is not a date"),
        ("3/4/2027 07:00", "may be two days"),
        ("daily 07:00 budget=0", "more than $0"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(CommandError, match=None) as raised:
        parse_rule(text, "UTC", TODAY)
    assert said in str(raised.value)


def test_zones_are_found_by_their_city() -> None:
    assert check_zone("berlin") == "Europe/Berlin"
    assert check_zone("new york") == "America/New_York"
    with pytest.raises(ValueError, match="is not a time zone"):
        check_zone("Atlantis")


def test_seven_in_berlin_stays_seven_when_the_clocks_change() -> None:
    rule = Rule(Kind.DAILY, time(7), "Europe/Berlin")
    assert rule.next_after(utc("2026-10-24T05:00")) == utc("2026-10-25T06:00")
    assert rule.next_after(utc("2027-03-27T06:00")) == utc("2027-03-28T05:00")


def test_a_time_the_clocks_skip_is_run_later_and_one_that_comes_twice_once() -> None:
    rule = Rule(Kind.DAILY, time(2, 30), "Europe/Berlin")
    skipped = rule.next_after(utc("2027-03-27T12:00"))
    assert skipped == utc("2027-03-28T01:30")  # 03:30 there
    first = rule.next_after(utc("2026-10-24T12:00"))
    assert first == utc("2026-10-25T00:30")
    assert rule.next_after(first) == utc("2026-10-26T01:30")


def test_days_of_the_week_are_those_of_the_zone() -> None:
    rule = Rule(Kind.WEEKLY, time(0, 30), "Pacific/Auckland", (0,))
    found = rule.next_after(utc("2026-11-23T00:00"))
    assert found == utc("2026-11-29T11:30")  # Monday 30 Nov in Auckland


def test_a_list_of_dates_ends() -> None:
    rule = Rule(Kind.DATES, time(9), "UTC", dates=(date(2026, 12, 1), date(2026, 12, 24)))
    assert rule.next_after(utc("2026-12-01T09:00")) == utc("2026-12-24T09:00")
    assert rule.next_after(utc("2026-12-24T09:00")) is None
    assert rule.due(utc("2026-12-01T09:00"), utc("2026-12-30T00:00")) == rule.dates


@given(
    st.integers(1_700_000_000, 1_900_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
def test_daily_comes_once_a_day_whatever_the_clocks_do(after: datetime, at: time, zone: str) -> None:
    rule = Rule(Kind.DAILY, at, zone)
    times = [after]
    for _ in range(5):
        found = rule.next_after(times[-1])
        assert found is not None
        times.append(found)
    for earlier, later in pairwise(times[1:]):
        assert timedelta(hours=22) <= later - earlier <= timedelta(hours=26)


def test_cells_tell_the_day_in_one_style() -> None:
    assert list(days_of(["3/4/2027", "", "13/4/2027"])) == [date(2027, 4, 3), None, date(2027, 4, 13)]
    assert read_dates(["2026-12-01T00:00:00", "24.12.26"]) == [date(2026, 12, 1), date(2026, 12, 24)]
    with pytest.raises(CommandError, match="is not a date"):
        list(days_of(["tomorrow"]))


def test_a_rule_says_itself() -> None:
    assert parse_rule("mon thu 07:00", "UTC", TODAY).said() == "every Monday and Thursday at 07:00 (UTC)"
    dates = parse_rule("2026-12-01 2026-12-02 09:00", "UTC", TODAY)
    assert dates.said() == "on 1 Dec 2026 and 2 Dec 2026 at 09:00 (UTC)"
