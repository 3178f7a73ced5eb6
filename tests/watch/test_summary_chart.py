"""The chart of a summary: what it shows is in proportion, whatever the job was."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from PIL import Image

from bot.watch.facts import JobFacts, Quote
from bot.watch.rates import Tally, Timing
from bot.watch.summary_chart import summary_alt, summary_chart

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
NOW = START + timedelta(hours=12)
GREEN, AMBER, RED, BLUE, PALE, TRACK = (
    (47, 158, 110), (227, 161, 47), (203, 75, 66), (74, 127, 181), (207, 224, 242), (238, 238, 240),
)  # fmt: skip
OUTCOME_Y, LEFT, RIGHT = 260, 48, 1032


def job(tally: Tally, hours: float = 6, window: float | None = 24, quote: Quote | None = None) -> JobFacts:
    ended = START + timedelta(hours=hours)
    promised = timedelta(hours=window) if window else None
    return JobFacts("J1", "Chairs", tally, Timing(START, ended, promised), quote=quote)


def drawn(facts: JobFacts) -> Image.Image:
    image = Image.open(io.BytesIO(summary_chart(facts, NOW)))
    assert (image.format, image.width) == ("PNG", 1080)
    return image.convert("RGB")


def colours(image: Image.Image, y: int) -> list[tuple[tuple[int, ...], float]]:
    """The bar at this height: its colours from left to right, each with its share of the length."""
    found: list[list[object]] = []
    for x in range(LEFT + 8, RIGHT - 8):
        pixel = image.getpixel((x, y))
        if found and found[-1][0] == pixel:
            found[-1][1] = int(str(found[-1][1])) + 1
        else:
            found.append([pixel, 1])
    whole = RIGHT - LEFT - 16
    return [(colour, int(str(n)) / whole) for colour, n in found if int(str(n)) > 4]  # type: ignore[misc]


def bars(image: Image.Image) -> list[int]:
    """The height of the middle of each bar."""
    middles, begin = [], None
    for y in range(image.height):
        inside = all(image.getpixel((x, y)) != (255, 255, 255) for x in (LEFT + 9, 540, RIGHT - 9))
        if inside and begin is None:
            begin = y
        if not inside and begin is not None:
            middles.append((begin + y) // 2)
            begin = None
    return middles


def test_outcomes_time_and_cost_are_in_proportion() -> None:
    tally = Tally(100, stored=50, refused=25, failed=25, spent_usd=Decimal(6))
    image = drawn(job(tally, quote=Quote(Decimal(8), Decimal(12))))
    outcome, time, cost = bars(image)
    assert colours(image, outcome) == [
        (GREEN, pytest.approx(0.5, abs=0.02)),
        (AMBER, pytest.approx(0.25, abs=0.02)),
        (RED, pytest.approx(0.25, abs=0.02)),
    ]
    assert colours(image, time) == [
        (GREEN, pytest.approx(0.25, abs=0.02)),
        (TRACK, pytest.approx(0.75, abs=0.02)),
    ]
    assert colours(image, cost) == [
        (BLUE, pytest.approx(0.5, abs=0.02)),
        (TRACK, pytest.approx(1 / 6, abs=0.02)),
        (PALE, pytest.approx(1 / 3, abs=0.02)),
    ]


def test_what_is_over_time_and_over_the_quote_is_red() -> None:
    tally = Tally(10, stored=10, spent_usd=Decimal(16))
    image = drawn(job(tally, hours=8, window=6, quote=Quote(Decimal(10), Decimal(12))))
    _, time, cost = bars(image)
    assert colours(image, time) == [
        (GREEN, pytest.approx(0.75, abs=0.02)),
        (RED, pytest.approx(0.25, abs=0.02)),
    ]
    assert colours(image, cost) == [
        (BLUE, pytest.approx(0.75, abs=0.02)),
        (RED, pytest.approx(0.25, abs=0.02)),
    ]


def test_a_single_failure_among_thousands_can_still_be_seen() -> None:
    image = drawn(job(Tally(10_000, stored=9_999, failed=1)))
    (outcome, *_) = bars(image)
    assert RED in {image.getpixel((x, outcome)) for x in range(1000, RIGHT)}


@pytest.mark.parametrize("window", [None, 24])
@pytest.mark.parametrize(
    "tally", [Tally(0), Tally(5, in_flight=5), Tally(7, 1, 1, 1, 1, 1, 1, 1, unpriced=3)]
)
def test_any_job_makes_a_chart(tally: Tally, window: float | None) -> None:
    drawn(job(tally, window=window, quote=Quote(None, None)))


def test_it_says_in_words_what_it_shows() -> None:
    tally = Tally(500, stored=480, refused=12, failed=8, spent_usd=Decimal("19.20"))
    assert summary_alt(job(tally, quote=Quote(Decimal("18.40"), Decimal("20.10"))), NOW) == (
        "Chart of Chairs: 480 of 500 pictures ready (96.0%), 12 refused, 8 failed; took 6 h, 24 h promised; "
        "cost $19.20, $0.04 a picture, quoted $18.40 to $20.10."
    )


def test_unknown_money_is_called_unknown() -> None:
    said = summary_alt(job(Tally(2, stored=2, spent_usd=None, unpriced=2)), NOW)
    assert said.endswith("cost unknown.")
    part = summary_alt(job(Tally(2, stored=2, spent_usd=Decimal(1), unpriced=1)), NOW)
    assert "cost at least $1.00" in part
