"""What was spent, in a sentence that is never kinder than what is known."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.watch.costs import CostReport, Spent, spent_line
from bot.watch.measures import Measure
from bot.watch.stats import measure_lines, stats_json

KNOWN = Spent(jobs=3, pictures=310, approved=248, usd=Decimal("12.40"))


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (KNOWN, "$12.40 for 310 pictures in 3 jobs: $0.04 each, $0.05 for each of the 248 approved."),
        (
            Spent(1, 10, 2, 8, Decimal(1)),
            "$1.00 for 10 pictures in 1 job: $0.10 each, $0.50 for each of the 2 approved "
            "(8 not reviewed yet).",
        ),
        (
            Spent(1, 10, usd=Decimal(1), perhaps=Decimal("0.2"), unpriced=2),
            "at least $1.00 for 10 pictures in 1 job: $0.10 each. What 2 answers cost is not known "
            "($0.20 at list price).",
        ),
        (
            Spent(1, 10, approved=4, unpriced=10),
            "cost unknown for 10 pictures in 1 job: 4 approved. What 10 answers cost is not known.",
        ),
        (Spent(1, 1), "$0.00 for 1 picture in 1 job."),
    ],
)
def test_the_sentence(spent: Spent, said: str) -> None:
    assert spent_line(spent) == said


def test_models_add_up_and_a_job_with_several_is_one() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    report = CostReport(at, at, [("a/one", KNOWN), ("b/two", Spent(3, 10, 1, 2, Decimal("0.60")))], jobs=4)
    assert report.total == Spent(4, 320, 249, 2, Decimal("13.00"))
    assert report.to_json()["models"][0]["usd_each_approved"] == 0.05


def test_unknown_money_is_null_for_programs() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    said = CostReport(at, at, [("a/one", Spent(1, 10, unpriced=10))], jobs=1).to_json()
    assert (said["usd"], said["usd_each"], said["unpriced"]) == (None, None, 10)


def test_stats_leave_out_what_nobody_knows() -> None:
    assert measure_lines(Measure(jobs=1, under_way=4)) == ["Nothing has come to its end yet."]
    week = Measure(
        stored=490, refused=6, failed=4, approved=80, rejected=20, flagged=3, sends=530, jobs=2, late=1,
        windows=2, window_shares=1.5, cost_usd=Decimal("19.60"),
    )  # fmt: skip
    assert measure_lines(week) == [
        "98.0% of 500 pictures came out. 1.2% were refused; 30 retries.",
        "80.0% of the 100 reviewed were approved, 3 flagged by the quality gate.",
        "Jobs took 75% of the promised time, 1 of 2 longer than that.",
        "$0.04 a picture, $0.25 for each that was approved.",
    ]
    assert stats_json({"a/one": Measure(stored=1, unpriced=1)}, {})[0]["usd"] is None


def test_shares_of_different_numbers_are_told_apart() -> None:
    assert measure_lines(Measure(stored=22, refused=1, duplicates=3, sends=21))[0] == (
        "95.6% of 23 pictures came out. Of 20 that were sent 5.0% were refused; 1 retry."
    )
    assert measure_lines(Measure(stored=900, sends=900))[0].endswith("None was refused; no retries.")
    assert measure_lines(Measure(stored=2, duplicates=2))[0] == "100.0% of 2 pictures came out."
