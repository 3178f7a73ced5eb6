"""What is said of a model's price and time against its own history, below what alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.watch.alerts import AlertRules
from bot.watch.lately import Lately, lately, lately_json, lately_lines
from bot.watch.price_alerts import Charged, price_alert
from bot.watch.time_alerts import Slowness, Taken, Timed, slowness

RULES = AlertRules()
START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def charged(cost: str, past: tuple[float, ...] = (), pictures: int = 100) -> Charged:
    """The list says $0.04 each."""
    return Charged("acme", "m1", "live", pictures, Decimal(cost), pictures * Decimal("0.04"), past)


def took(latest: float, usually: float, earlier: int = 20) -> Slowness | None:
    seconds = [usually] * earlier + [latest] * 4
    batches = [Timed(each, 20, 20, START + timedelta(hours=n)) for n, each in enumerate(seconds)]
    return slowness(Taken("acme", "m1", "live", "", tuple(reversed(batches))), RULES)


@pytest.mark.parametrize(
    ("price", "times", "said"),
    [
        (
            charged("4.00", (1.0,) * 20),
            took(12, 10),
            "$0.04 a picture, as listed and as in the 20 batches before; 12 s a call, 20% longer than in the "
            "20 batches before",
        ),
        (
            charged("3.24", (0.75,) * 7),
            took(9, 10),
            "$0.032 a picture, 19% less than listed and 8% more than in the 7 batches before; 9 s a call, "
            "10% shorter than in the 20 batches before",
        ),
        (charged("4.30"), None, "$0.043 a picture, 7% more than listed"),
        (charged("0.39", (1.0,) * 20, 9), took(600, 600, 5), "10 min a call, as in the 5 batches before"),
    ],
)
def test_the_sentence(price: Charged, times: Slowness | None, said: str) -> None:
    assert price_alert(price, RULES) is None, "nothing of this is alarming"
    assert times is None or not times.slow
    assert lately_lines([lately("live", price, times, RULES)]) == [f"Lately, in the live lane: {said}."]


def test_where_there_is_too_little_to_say_nothing_is_said() -> None:
    found = lately("live", charged("0.39", (1.0,) * 20, 9), took(12, 10, 4), RULES)
    assert found == Lately("live", None, None, None)
    assert lately_lines([found]) == []
    assert lately_json([found]) == [
        {
            "lane": "live",
            "usd_each": None,
            "price_against_list": None,
            "price_against_usual": None,
            "seconds_each": None,
            "time_against_usual": None,
        }
    ]
    few = lately("live", charged("4.00", (1.0,) * 4), None, RULES)
    assert few.price_against_list == 1.0
    assert few.price_against_usual is None


def test_a_submission_of_seconds_keeps_its_digits() -> None:
    (said,) = lately_lines([Lately("batch", None, None, took(0.75, 0.5))])
    assert said == (
        "Lately, in the batch lane: 0.75 s a submission, 50% longer than in the 20 batches before."
    )
