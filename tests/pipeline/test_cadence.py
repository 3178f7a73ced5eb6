"""Calls keep to a vendor's pace, and off-peak hours begin when they begin."""

from __future__ import annotations

from collections import deque
from datetime import datetime, time, timedelta

import pytest

from bot.pipeline.cadence import off_peak, take
from providers.catalogue import Limits
from tests.parts import START

RECRAFT = Limits(requests_per_second=5, requests_per_minute=100)


def begun(limits: Limits, seconds: float, tick: float) -> list[datetime]:
    """When calls begin if there is always one waiting."""
    buckets: dict[str, tuple[float, datetime]] = {}
    times = []
    for n in range(round(seconds / tick)):
        now = START + timedelta(seconds=n * tick)
        while take(buckets, "p", limits, now):
            times.append(now)
    return times


def most_within(times: list[datetime], window: timedelta) -> int:
    recent: deque[datetime] = deque()
    most = 0
    for at in times:
        recent.append(at)
        while at - recent[0] >= window:
            recent.popleft()
        most = max(most, len(recent))
    return most


@pytest.mark.parametrize("tick", [0.05, 0.37, 0.5, 1, 7])
def test_no_window_sees_more_than_the_vendor_allows(tick: float) -> None:
    times = begun(RECRAFT, 300, tick)
    assert most_within(times, timedelta(seconds=1)) <= 5
    assert most_within(times, timedelta(seconds=60)) <= 100


def test_most_of_the_allowance_is_used() -> None:
    # By the minute: a burst of 100 x 0.1 = 10, then (100 - 10) / 60 = 1.5 a second: 10 + 300 x 1.5 = 460.
    assert 450 <= len(begun(RECRAFT, 300, 0.5)) <= 460


def test_by_the_second_half_may_go_at_once() -> None:
    # A burst of 5 x 0.5 = 2.5, then (5 - 2.5) / 1 a second: 2 at once, the third after 0.2 s.
    times = begun(Limits(requests_per_second=5), 1, 0.1)
    assert [round((at - START).total_seconds(), 1) for at in times] == [0.0, 0.0, 0.2, 0.6]


def test_less_than_two_a_second_are_spaced_evenly() -> None:
    times = begun(Limits(requests_per_second=0.5), 10, 0.5)
    assert [(at - START).total_seconds() for at in times] == [0, 2, 4, 6, 8]


def test_providers_have_buckets_of_their_own_and_a_clock_set_back_fills_none() -> None:
    buckets: dict[str, tuple[float, datetime]] = {}
    one = Limits(requests_per_second=1)
    assert take(buckets, "a", one, START)
    assert not take(buckets, "a", one, START)
    assert not take(buckets, "a", one, START - timedelta(hours=1))
    assert take(buckets, "b", one, START)


def test_without_limits_nothing_is_counted() -> None:
    buckets: dict[str, tuple[float, datetime]] = {}
    assert all(take(buckets, "p", Limits(), START) for _ in range(1000))
    assert not buckets


@pytest.mark.parametrize(
    ("now", "begins", "ends", "expected"),
    [
        ("23 09:00", 2, 8, "24 02:00"),
        ("23 01:59", 2, 8, "23 02:00"),
        ("23 02:00", 2, 8, "23 02:00"),
        ("23 07:59", 2, 8, "23 07:59"),
        ("23 08:00", 2, 8, "24 02:00"),
        ("23 23:30", 22, 4, "23 23:30"),  # over midnight
        ("23 03:00", 22, 4, "23 03:00"),
        ("23 04:00", 22, 4, "23 22:00"),
        ("23 12:00", 0, 0, "23 12:00"),  # the whole day
    ],
)
def test_off_peak_hours(now: str, begins: int, ends: int, expected: str) -> None:
    def at(text: str) -> datetime:
        return datetime.strptime(f"2026-11-{text} +0000", "%Y-%m-%d %H:%M %z")

    assert off_peak(at(now), time(begins), time(ends)) == at(expected)
