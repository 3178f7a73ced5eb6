"""A job beside the last of its kind, in a sentence that claims no more than the figures bear."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bot.watch.compare import Past, comparison, dearer, points
from bot.watch.rates import Tally

BEFORE = Past(
    "Spring",
    date(2026, 11, 3),
    Tally(100, stored=95, failed=5, spent_usd=Decimal("4.75")),
    timedelta(minutes=100),
    ("drawer/one",),
    "batch",
)
NOW = replace(
    BEFORE,
    title="Summer",
    on=date(2026, 11, 23),
    tally=Tally(100, stored=97, failed=3, spent_usd=Decimal("4.268")),
    took=timedelta(minutes=60),
)


def test_it_says_price_outcome_and_time() -> None:
    assert comparison(NOW, BEFORE) == (
        "Compared with “Spring” of 3 Nov: 12% cheaper per picture, 2 points more came out and 40 min faster."
    )


def test_what_is_as_before_is_said_to_be() -> None:
    same = replace(BEFORE, on=date(2026, 11, 23))
    assert comparison(same, BEFORE).endswith("the same price per picture, as many came out and as fast.")


def test_seconds_are_no_news() -> None:
    short = replace(BEFORE, took=timedelta(seconds=10))
    assert comparison(replace(short, took=timedelta(seconds=38)), short).endswith("and as fast.")
    assert comparison(replace(short, took=timedelta(seconds=50)), short).endswith("and 40 s slower.")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"tally": replace(NOW.tally, spent_usd=None, unpriced=3)}, "per picture"),
        ({"tally": replace(NOW.tally, unpriced=1)}, "per picture"),
        ({"took": None}, "faster"),
        ({"tally": Tally(300, stored=291, failed=9, spent_usd=Decimal(12))}, "faster"),
    ],
)
def test_what_cannot_be_compared_is_left_out(changes: dict[str, object], missing: str) -> None:
    said = comparison(replace(NOW, **changes), BEFORE)
    assert missing not in said.partition(" That one ")[0]
    assert "came out" in said


def test_what_else_was_different_is_said() -> None:
    other = replace(
        NOW, models=("drawer/two",), lane="live", tally=replace(NOW.tally, requested=120, stored=117)
    )
    assert comparison(other, BEFORE).endswith(
        "That one had 100 pictures, was made with drawer/one and went by the batch lane."
    )


def test_nothing_is_said_of_nothing() -> None:
    assert comparison(replace(NOW, tally=Tally(5, cancelled=5)), BEFORE) == ""


def test_a_day_long_ago_has_its_year() -> None:
    assert "of 3 Nov 2025:" in comparison(NOW, replace(BEFORE, on=date(2025, 11, 3)))


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        ("0.044", "0.05", "12% cheaper"),
        ("0.06", "0.05", "20% dearer"),
        ("0.05", "0.05", "the same price"),
        ("0.05", "0", ""),
        (None, "0.05", ""),
    ],
)
def test_prices(now: str | None, before: str, words: str) -> None:
    assert dearer(Decimal(now) if now else None, Decimal(before)) == words


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(0.99, 0.97, "2 points more"), (0.95, 0.96, "1 point fewer"), (0.964, 0.96, "0.4 points more")],
)
def test_points(now: float, before: float, words: str) -> None:
    assert points(now, before) == words
