"""The chart of a digest: what it shows is in proportion, whatever the days were."""

from __future__ import annotations

import io
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from PIL import Image

from bot.watch.day_chart import Day, anything, day_alt, day_chart

MONDAY = date(2026, 11, 16)
GREEN, RED, BLUE = (47, 158, 110), (203, 75, 66), (74, 127, 181)
WEEK = [
    Day(MONDAY, stored=90, failed=30, usd=Decimal("4.80")),
    Day(MONDAY + timedelta(days=1)),
    Day(MONDAY + timedelta(days=2), stored=60, usd=Decimal("2.40")),
]


def drawn(days: list[Day]) -> Image.Image:
    image = Image.open(io.BytesIO(day_chart(days, "16 to 18 Nov, by day")))
    assert (image.format, image.width) == ("PNG", 1080)
    return image.convert("RGB")


def heights(image: Image.Image, days: int, place: int) -> Counter[tuple[int, ...]]:
    """How much of each colour there is in the middle of a day's columns, from above."""
    x = round(48 + (1032 - 48) / days * (place + 0.5)) + 20  # beside the letters
    return Counter(image.getpixel((x, y)) for y in range(200, image.height))  # type: ignore[misc]


def test_pictures_and_costs_are_in_proportion() -> None:
    image = drawn(WEEK)
    first, second, third = (heights(image, 3, place) for place in range(3))
    assert first[GREEN] == pytest.approx(260 * 0.75, abs=6)
    assert first[RED] == pytest.approx(260 * 0.25, abs=6)
    assert third[GREEN] == pytest.approx(130, abs=6)
    assert (first[BLUE], third[BLUE]) == (pytest.approx(160, abs=6), pytest.approx(80, abs=6))
    assert not {GREEN, RED, BLUE} & set(second)


def test_one_failure_among_thousands_can_still_be_seen() -> None:
    assert heights(drawn([Day(MONDAY, stored=99_999, failed=1)]), 1, 0)[RED] >= 4


@pytest.mark.parametrize("days", [1, 8, 31])
@pytest.mark.parametrize("day", [Day(MONDAY, cancelled=3), Day(MONDAY, unpriced=2), WEEK[0]])
def test_any_days_make_a_chart(days: int, day: Day) -> None:
    assert anything([day])
    drawn([*(Day(MONDAY + timedelta(days=n)) for n in range(days - 1)), day])


def test_it_says_in_words_what_it_shows() -> None:
    assert day_alt(WEEK, "16 to 18 Nov, by day") == (
        "Chart of 16 to 18 Nov, by day: 180 pictures, 83.3% came out; "
        "Mon 16 90 ready, 30 failed, $4.80; Wed 18 60 ready, $2.40."
    )


def test_unknown_money_is_called_unknown_and_what_was_cancelled_is_no_failure() -> None:
    days = [
        Day(MONDAY, stored=2, cancelled=5, unpriced=2),
        Day(MONDAY, stored=1, usd=Decimal(1), unpriced=1),
    ]
    assert day_alt(days, "today").endswith(
        "8 pictures, all came out; Mon 16 2 ready, 5 cancelled, cost unknown; Mon 16 1 ready, at least $1.00."
    )


def test_nothing_is_nothing_to_draw() -> None:
    assert not anything([Day(MONDAY), Day(MONDAY + timedelta(days=1))])
