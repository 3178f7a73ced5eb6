"""A model that has become slow is told once, and a healthy one never."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp

import pytest

from bot.watch.alerts import AlertRules, Bars, Severity
from bot.watch.time_alerts import Taken, Timed, slowness, time_alert

RULES = AlertRules()
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEADY = [60.0, 66.0, 54.0, 63.0, 57.0, 61.0]


def taken(latest: Sequence[float], past: Sequence[float] = STEADY, **values: object) -> Taken:
    """Batches an hour apart, of which `latest` end with the newest."""
    seconds = [*past, *latest]
    batches = [Timed(each, 20, 20, START + number * HOUR) for number, each in enumerate(seconds)]
    return replace(Taken("acme", "m1", "live", "", tuple(reversed(batches))), **values)


def slow(found: Taken, told_at: datetime | None = None) -> bool | None:
    seen = slowness(found, RULES, told_at)
    return None if seen is None else seen.slow


class TestSlowness:
    def test_four_slow_batches_one_after_another_are_a_slow_model(self) -> None:
        assert slow(taken([120, 130, 110, 125])) is True
        assert slow(taken([120, 130, 60, 125])) is False
        assert slow(taken([89, 89, 89, 89])) is False, "half as long again is the limit"

    def test_what_varies_is_not_slow_because_it_takes_long_once_more(self) -> None:
        assert slow(taken([120, 120, 120, 120], [30, 60, 90, 120, 20, 100])) is False

    def test_faster_is_no_alert(self) -> None:
        assert slow(taken([10, 10, 10, 10])) is False

    def test_with_little_history_or_few_pictures_nobody_can_tell(self) -> None:
        assert slow(taken([120] * 4, STEADY[:4])) is None
        found = taken([120] * 4)
        few = tuple(replace(one, pictures=2, calls=2) for one in found.batches)
        assert slow(replace(found, batches=few)) is None
        assert slow(replace(found, batches=())) is None

    def test_submissions_of_another_order_of_size_say_nothing(self) -> None:
        found = taken([600] * 4)
        large = [replace(one, calls=1) for one in found.batches[:4]]
        assert slow(replace(found, batches=(*large, *found.batches[4:]))) is None

    def test_live_calls_of_another_number_say_nothing_as_they_wait_for_each_other(self) -> None:
        found = taken([120] * 4)
        many = tuple(replace(one, pictures=60, calls=60) for one in found.batches[:4])
        assert slow(replace(found, batches=(*many, *found.batches[4:]))) is None
        assert slow(replace(found, lane="batch", batches=(*many, *found.batches[4:]))) is True
        most = tuple(replace(one, pictures=700, calls=700) for one in found.batches[:4])
        large = tuple(replace(one, pictures=150, calls=150) for one in found.batches[4:])
        assert slow(replace(found, batches=(*most, *large))) is True, "no more than a hundred are out at once"

    def test_one_that_is_not_answered_counts_once_it_is_late(self) -> None:
        found = taken([120, 120, 120])
        waits = Timed(20.0, 20, 20, START + 9 * HOUR, going=True)
        assert slow(replace(found, batches=(waits, *found.batches))) is False, "three are not enough"
        late = replace(waits, each=95.0)
        assert slow(replace(found, batches=(late, *found.batches))) is True

    def test_once_told_it_lasts_until_the_newest_are_nearly_as_before(self) -> None:
        told_at = START + 9.5 * HOUR
        bad = [120.0, 130, 110, 125]
        assert slow(taken(bad), told_at) is True, "nothing new"
        assert slow(taken([*bad, 60, 62]), told_at) is True, "half of the newest are slow"
        assert slow(taken([*bad, 60, 62, 58]), told_at) is False

    def test_what_lasts_is_usual_in_the_end(self) -> None:
        told_at = START + 9.5 * HOUR
        assert slow(taken([120.0] * 43), told_at) is True
        assert slow(taken([120.0] * 45), told_at) is False
        assert slow(taken([120.0] * 45)) is False, "and it is no news again"

    def test_the_alert_says_what_a_call_takes_and_took(self) -> None:
        found = taken([120, 130, 110, 126], what="64x64, high quality")
        seen = slowness(found, RULES)
        assert seen is not None
        alert = time_alert(found, seen, RULES)
        assert alert.key == "time-drift:acme/m1/live/64x64, high quality"
        assert (alert.again, alert.severity) == (True, Severity.WARNING)
        assert alert.headline == (
            "acme/m1 (live): calls take 2.0 times as long as usual: 2 min, usually 1 min"
        )
        assert alert.details == (
            "Seen in the last 4 batches (64x64, high quality), 80 pictures; usual is what 6 earlier ones "
            "took. Alert from 50% longer on.",
        )
        assert alert.chart is not None
        assert Bars.of(alert.chart.to_json()) == alert.chart
        assert alert.chart.bars[-1] == ("the newest", 2.1)
        assert alert.chart.title == "acme/m1: minutes a call"

    def test_batches_are_told_in_hours(self) -> None:
        found = replace(taken([20_000] * 4, [each * 100 for each in STEADY]), lane="batch")
        seen = slowness(found, RULES)
        assert seen is not None
        alert = time_alert(found, seen, RULES)
        assert "submissions take 3.3 times as long as usual: 5 h 33 min, usually 1 h 40 min" in alert.headline
        assert alert.chart is not None
        assert alert.chart.title == "acme/m1: hours a submission"


def months(
    dice: random.Random, jobs: int, spread: float, slow_from: int = -1, factor: float = 1.0
) -> list[int]:
    """One model's batches, log-normal, one in fifty far off; at which of them an alert was opened."""
    batches: list[Timed] = []
    told_at, opened = None, []
    for number in range(jobs):
        each = 40 * exp(dice.gauss(0, spread)) * (dice.uniform(3, 8) if dice.random() < 0.02 else 1)
        each *= factor if 0 <= slow_from <= number < slow_from + 25 else 1
        size = dice.randrange(5, 40)
        at = START + number * HOUR
        batches.insert(0, Timed(each, size, size, at))
        seen = slowness(Taken("acme", "m1", "live", "", batches[:84]), RULES, told_at)
        if seen is not None and seen.slow and told_at is None:
            opened.append(number)
            told_at = at + HOUR / 2
        elif seen is not None and not seen.slow:
            told_at = None
    return opened


@pytest.mark.parametrize("spread", [0.15, 0.3, 0.5])
def test_twelve_hundred_healthy_batches_of_six_models_are_silent(spread: float) -> None:
    dice = random.Random(20261102)
    assert [months(dice, 200, spread) for _ in range(6)] == [[]] * 6


@pytest.mark.parametrize(("spread", "factor"), [(0.15, 2.0), (0.25, 3.0), (0.4, 5.0)])
def test_a_model_that_becomes_slow_is_told_once_and_soon(spread: float, factor: float) -> None:
    dice = random.Random(7)
    for _ in range(12):
        opened = months(dice, 120, spread, slow_from=60, factor=factor)
        assert len(opened) == 1, opened
        assert 63 <= opened[0] <= 75, opened
