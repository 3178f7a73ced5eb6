"""A channel's day or week in sentences."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.watch.costs import Spent
from bot.watch.digest import Batch, Happened, batch_line, digest_lines
from bot.watch.measures import Measure

WEEK = Happened(
    ended=(
        Batch("a1b2c", "Spring", 480, 500, Decimal("19.20")),
        Batch("d3e4f", "Bags", 20, 20, Decimal("0.80")),
    ),
    measure=Measure(stored=500, refused=12, failed=8),
    spent=Spent(jobs=2, pictures=500, approved=400, usd=Decimal(20)),
    before=Measure(stored=94, failed=6),
    spent_before=Spent(jobs=1, pictures=94, usd=Decimal("4.70")),
    approved=400,
    rejected=31,
    to_review=69,
    running=2,
    waiting=1,
    alerts=1,
    begun=2,
)


def test_a_week_as_a_person_would_write_it() -> None:
    assert digest_lines(WEEK, "the week before") == [
        "2 batches came to an end: 500 of 520 pictures came out (96.1%).",
        "Spent: $20.00 for 500 pictures in 2 jobs: $0.04 each, $0.05 for each of the 400 approved.",
        "20% cheaper per picture and 2.2 points more came out than the week before.",
        "Reviews: 400 pictures approved, 31 rejected, 69 still to review.",
        "Now: 2 batches under way, 1 waiting for a word from you.",
        "1 alert was raised.",
    ]


def test_where_all_came_out_it_is_said_so() -> None:
    day = Happened(ended=WEEK.ended[1:], measure=Measure(stored=20))
    assert digest_lines(day, "the day before") == ["1 batch came to an end: all 20 pictures came out."]


def test_a_price_that_is_not_known_is_not_compared() -> None:
    week = replace(WEEK, spent=replace(WEEK.spent, unpriced=3))
    said = " ".join(digest_lines(week, "the week before"))
    assert "cheaper" not in said
    assert "at least $20.00" in said
    assert "2.2 points more came out than the week before." in said
    assert batch_line(Batch("a", "b", 1, 2, None)) == "1 of 2 pictures, cost unknown"


@pytest.mark.parametrize(
    ("found", "anything"),
    [
        (Happened(), False),
        (Happened(running=1, waiting=3, to_review=4), False),
        (Happened(begun=1), True),
        (Happened(rejected=1), True),
        (Happened(spent=Spent(jobs=1)), True),
    ],
)
def test_what_only_goes_on_waiting_is_nothing_to_tell(found: Happened, anything: bool) -> None:
    assert found.anything is anything
