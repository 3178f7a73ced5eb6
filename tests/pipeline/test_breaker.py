"""When a provider is left alone and when it is trusted again, with the arithmetic shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.pipeline.breaker import (
    OUTAGE,
    UNREACHABLE,
    Recent,
    Standing,
    Verdict,
    poorly,
    recent,
    standing,
    trouble,
    verdict,
    window,
)
from bot.policy import Policy
from storage.health import Probing
from storage.records import Pause
from tests.parts import START

POLICY = Policy(breaker_floor=0.5, breaker_samples=20, breaker_tries=5)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (Recent(), None),
        (Recent(made=0, failed=19), None),  # 19 samples are too few
        (Recent(made=0, failed=20), OUTAGE),  # 0 / 20 = 0%
        (Recent(made=0, failed=10, over=timedelta(minutes=2)), OUTAGE),  # few, but for as long
        (Recent(made=0, failed=10, over=timedelta(seconds=119)), None),
        (Recent(made=0, failed=9, over=timedelta(minutes=4)), None),
        (Recent(made=1, failed=18, over=timedelta(minutes=4)), None),
        (Recent(made=0, failed=9, turned_away=9, over=timedelta(minutes=4)), None),
        (Recent(made=10, failed=10), None),  # 10 / 20 = 50%, not under the floor
        (Recent(made=9, failed=11), OUTAGE),  # 9 / 20 = 45%
        (Recent(made=980, failed=20), None),  # 2% on an ordinary day
        (Recent(made=8, failed=4, turned_away=8), UNREACHABLE),  # 8 / 20 = 40%, most of it not taken
        (Recent(made=0, turned_away=4, most_tries=4), None),
        (Recent(made=0, turned_away=5, most_tries=5), UNREACHABLE),  # one submission, five times
        (Recent(made=1, turned_away=5, most_tries=5), None),  # it works for others
    ],
)
def test_trouble(found: Recent, kind: str | None) -> None:
    seen = trouble(found, POLICY)
    assert (seen.kind if seen else None) == kind


def test_the_reason_has_the_numbers() -> None:
    seen = trouble(Recent(made=9, failed=11), POLICY)
    assert seen is not None
    assert seen.reason == "9 of its last 20 answers were pictures (45.0%, floor 50%)"


def test_only_the_newest_answers_count() -> None:
    # Newest first: 25 failures, then a thousand successes. 2 x 20 = 40 are looked at: 15 / 40 = 37.5%.
    answers = [("server_error", START - timedelta(seconds=n)) for n in range(25)]
    answers += [("made", START - timedelta(seconds=n)) for n in range(25, 1025)]
    found = recent(answers, samples=20)
    assert (found.made, found.failed, found.over) == (15, 25, timedelta(seconds=39))
    assert trouble(found, POLICY)


def test_answers_written_in_one_moment_count_together() -> None:
    # A batch of 1,000 with 2% failures, whatever their order: 980 / 1000 = 98%.
    answers = [("timeout", START)] * 20 + [("made", START)] * 980 + [("made", START - timedelta(hours=1))]
    found = recent(answers, samples=20)
    assert (found.made, found.failed) == (980, 20)


def test_what_opened_a_breaker_is_forgotten_when_the_pause_ends() -> None:
    assert window(POLICY) < POLICY.pause


@pytest.mark.parametrize(
    ("kind", "seconds", "expected"),
    [
        (None, 0, Standing.CLOSED),
        ("auth", -1, Standing.OPEN),
        ("auth", 0, Standing.HALF_OPEN),
        (OUTAGE, 3600, Standing.HALF_OPEN),
        ("rate_limited", -1, Standing.OPEN),
        ("rate_limited", 0, Standing.CLOSED),  # a wait the provider asked for needs no probe
        ("server_error", 5, Standing.CLOSED),
    ],
)
def test_standing(kind: str | None, seconds: int, expected: Standing) -> None:
    pause = Pause("p", kind, "why", START, START) if kind else None
    assert standing(pause, START + timedelta(seconds=seconds)) is expected


@pytest.mark.parametrize(
    ("kind", "probing", "expected"),
    [
        ("auth", Probing(), Verdict.PENDING),
        ("auth", Probing(under_way=1), Verdict.PENDING),
        ("auth", Probing(under_way=1, accepted=1), Verdict.PASSED),  # taken
        (UNREACHABLE, Probing(held=1), Verdict.FAILED),
        (UNREACHABLE, Probing(under_way=1, accepted=1), Verdict.PASSED),
        (OUTAGE, Probing(under_way=1, accepted=1), Verdict.PENDING),  # taken is not yet made
        (
            OUTAGE,
            Probing(under_way=1, accepted=1, progressed=1),
            Verdict.PASSED,
        ),  # it says that it makes some
        (OUTAGE, Probing(accepted=3, outcomes={"made": 1, "server_error": 2}), Verdict.PASSED),
        (
            OUTAGE,
            Probing(accepted=3, outcomes={"content_policy": 1}),
            Verdict.PASSED,
        ),  # it works, and says no
        (OUTAGE, Probing(under_way=2, accepted=3, outcomes={"server_error": 1}), Verdict.PENDING),
        (OUTAGE, Probing(accepted=3, outcomes={"server_error": 3}), Verdict.FAILED),
    ],
)
def test_verdict(kind: str, probing: Probing, expected: Verdict) -> None:
    assert verdict(kind, probing, START) is expected


@pytest.mark.parametrize(("seconds", "expected"), [(119, Verdict.PENDING), (120, Verdict.PASSED)])
def test_money_is_there_when_a_batch_stays_taken(seconds: int, expected: Verdict) -> None:
    taken = Probing(under_way=1, accepted=1, first_accepted=START)
    assert verdict("quota", taken, START + timedelta(seconds=seconds)) is expected
    rejected = replace(taken, under_way=0, outcomes={"quota": 3})
    assert verdict("quota", rejected, START + timedelta(seconds=seconds)) is Verdict.FAILED


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Recent(made=10, failed=9), None),  # 19 samples are too few
        (Recent(made=16, failed=4), None),  # 16 / 20 = 80%
        (Recent(made=15, failed=5), "15 of its last 20 answers were pictures"),  # 75%
        (Recent(made=12, failed=8), "12 of its last 20 answers were pictures"),  # poor, and not an outage
    ],
)
def test_poorly(found: Recent, why: str | None) -> None:
    assert poorly(found, POLICY) == why
    assert trouble(found, POLICY) is None
