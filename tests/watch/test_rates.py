"""The arithmetic of rates, money and time, and the words for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.watch.rates import Tally, Timing
from bot.watch.words import count, duration, listed, money, percent, unit_price, whole_percent

START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def test_success_is_stored_over_what_is_settled_and_still_wanted() -> None:
    tally = Tally(requested=120, stored=96, refused=2, failed=1, expired=1, cancelled=10, in_flight=10)
    assert (tally.settled, tally.missed, tally.wanted) == (100, 4, 110)
    assert tally.success_rate == 0.96


def test_an_item_in_doubt_counts_against_success() -> None:
    assert Tally(requested=10, stored=9, in_doubt=1).success_rate == 0.9


def test_a_rate_of_nothing_is_unknown_not_zero() -> None:
    for tally in (Tally(0), Tally(5, in_flight=5), Tally(5, cancelled=5)):
        assert tally.success_rate is None
        assert tally.first_pass_rate is None
        assert tally.refusal_rate is None


def test_first_pass_and_refusals_leave_copies_out() -> None:
    tally = Tally(requested=100, stored=95, refused=5, duplicates=20, first_try=72)
    assert tally.first_pass_rate == 72 / 80
    assert tally.refusal_rate == 5 / 80
    assert Tally(requested=5, stored=5, duplicates=5).first_pass_rate is None


def test_every_row_is_accounted_for_or_the_gap_is_shown() -> None:
    whole = Tally(8, stored=1, refused=1, failed=1, cancelled=1, expired=1, in_doubt=1, in_flight=2)
    assert whole.unaccounted == 0
    assert Tally(8, stored=5).unaccounted == 3


def test_a_job_is_finished_when_nothing_is_in_flight() -> None:
    assert Tally(3, stored=2, in_doubt=1).finished
    assert not Tally(3, stored=2, in_flight=1).finished


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Tally(3, stored=-1)


def test_cost_per_image_spreads_billed_failures_over_the_pictures() -> None:
    assert Tally(10, stored=8, failed=2, spent_usd=Decimal("0.40")).cost_per_image_usd == Decimal("0.05")


def test_unknown_spending_or_no_picture_has_no_cost_per_image() -> None:
    assert Tally(10, stored=10).cost_per_image_usd is None
    assert Tally(10, failed=10, spent_usd=Decimal(1)).cost_per_image_usd is None
    assert Tally(10, stored=10, spent_usd=Decimal(0)).cost_per_image_usd == 0


def test_time_is_measured_against_the_window() -> None:
    timing = Timing(START, window=timedelta(hours=4), mean_item_time=timedelta(hours=1))
    now = START + timedelta(hours=5)
    assert timing.elapsed(now) == timedelta(hours=5)
    assert timing.share_of_window(now) == 1.25
    assert timing.mean_share_of_window() == 0.25
    assert timing.overrun(now) == timedelta(hours=1)
    assert timing.overrun(START) == timedelta()


def test_a_finished_jobs_clock_stands_still() -> None:
    timing = Timing(START, START + timedelta(hours=2), timedelta(hours=4))
    assert timing.elapsed(START + timedelta(days=9)) == timedelta(hours=2)
    assert timing.overrun(START + timedelta(days=9)) == timedelta()


def test_without_a_window_nothing_is_late() -> None:
    timing = Timing(START)
    assert timing.share_of_window(START) is None
    assert timing.mean_share_of_window() is None
    assert timing.overrun(START + timedelta(days=9)) == timedelta()


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    assert Timing(START).elapsed(START - timedelta(minutes=5)) == timedelta()


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.96, "96.0%"),
        (0.9496, "94.9%"),
        (0.9799, "97.9%"),
        (0.29, "29.0%"),
        (1, "100.0%"),
        (0.9999, "99.9%"),
    ],
)
def test_a_percentage_is_cut_so_that_it_never_looks_better_than_it_is(share: float, words: str) -> None:
    assert percent(share) == words


def test_every_share_of_a_thousand_reads_as_itself() -> None:
    assert [percent(n / 1000) for n in range(1001)] == [f"{n // 10}.{n % 10}%" for n in range(1001)]


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("3.84", "$3.84"),
        ("1234.5", "$1,234.50"),
        ("0", "$0.00"),
        ("0.069", "$0.07"),
        ("0.034", "$0.03"),
        ("0.10", "$0.10"),
        ("0.0349", "$0.03"),
        ("0.00421", "$0.0042"),
        ("0.005", "$0.005"),
        ("0.00999", "$0.01"),
        ("0.00001", "under $0.0001"),
        ("-2.5", "-$2.50"),
        ("0.099996", "$0.10"),
    ],
)
def test_a_sum_shows_cents_and_fractions_of_them_where_it_is_less(usd: str, words: str) -> None:
    assert money(Decimal(usd)) == words


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("0.133", "$0.13"),
        ("0.034", "$0.034"),
        ("0.0349", "$0.035"),
        ("0.05", "$0.05"),
        ("0.0996", "$0.10"),
        ("0.0055", "$0.0055"),
    ],
)
def test_the_price_of_one_picture_keeps_what_a_thousand_of_them_show(usd: str, words: str) -> None:
    assert unit_price(Decimal(usd)) == words


def test_unknown_money_is_called_unknown_and_never_zero() -> None:
    assert money(None) == "unknown"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=95), "1 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=24), "24 h"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(), "0 s"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(time: timedelta, words: str) -> None:
    assert duration(time) == words


def test_counts_thresholds_and_lists_read_as_a_person_writes() -> None:
    assert [count(1, "picture"), count(2, "picture"), count(1000, "retry", "retries")] == [
        "1 picture", "2 pictures", "1,000 retries",
    ]  # fmt: skip
    assert [whole_percent(0.98), whole_percent(0.975), whole_percent(0.95)] == ["98%", "97.5%", "95%"]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
