"""The closing words of a job, and the chart of its course."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.watch.facts import Example, FailureGroup, JobFacts, Quote
from bot.watch.rates import Tally, Timing
from bot.watch.summary import Summary, summarise
from providers.base import FailureKind

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
NOW = START + timedelta(hours=3, minutes=5)
GREEN = (47, 158, 110)


def told(tally: Tally, **more: object) -> Summary:
    return summarise(replace(JobFacts("J1", "Chairs", tally, Timing(START)), **more), NOW)


@pytest.mark.parametrize(
    ("tally", "headline"),
    [
        (Tally(100, stored=96, refused=3, failed=1), "96 of 100 pictures are ready (96.0%, target 98%)"),
        (Tally(100, stored=99, failed=1), "99 of 100 pictures are ready (99.0%)"),
        (Tally(100, stored=100), "All 100 pictures are ready"),
        (Tally(1, stored=1), "The picture is ready"),
        (Tally(1, failed=1), "0 of 1 picture is ready (0.0%, target 98%)"),
        (Tally(110, stored=90, failed=10, cancelled=10), "90 of 100 pictures are ready (90.0%, target 98%)"),
        (
            Tally(100, stored=45, failed=5, in_flight=50),
            "45 of 100 pictures are ready (90.0% so far, target 98%)",
        ),
        (Tally(100, in_flight=100), "0 of 100 pictures are ready"),
        (Tally(100, cancelled=100), "Cancelled: no picture is wanted any more"),
        (Tally(10_000, stored=9_499, failed=501), "9,499 of 10,000 pictures are ready (94.9%, target 98%)"),
    ],
)
def test_the_headline_says_how_many_are_ready(tally: Tally, headline: str) -> None:
    assert told(tally).headline == headline


def test_each_reason_comes_with_its_rows_and_who_can_act() -> None:
    failures = (
        FailureGroup(FailureKind.QUOTA, 1, (Example(7, "SKU-7", "billing_hard_limit_reached"),)),
        FailureGroup(FailureKind.CONTENT_POLICY, 3),
    )
    summary = told(Tally(100, stored=96, refused=3, failed=1), failures=failures)
    assert summary.reasons == (
        "3 pictures: the provider's content rules refused the prompt or the picture.",
        "1 picture: the provider's account has no credit or allowance left – line 7 (SKU-7) – "
        "“billing_hard_limit_reached”.",
    )
    assert summary.what_to_do[0].startswith("Refused by content rules: Reword these rows")
    assert summary.what_to_do[1].startswith("Account out of credit: For the operator: Add credit")


@pytest.mark.parametrize(
    ("spent", "quote", "words"),
    [
        ("3.84", ("3.00", "4.00"), "Cost $3.84, $0.04 a picture (quoted $3.00 to $4.00)."),
        ("3.84", ("4.00", "4.00"), "Cost $3.84, $0.04 a picture (quoted $4.00)."),
        ("4.80", ("3.00", "4.00"), "Cost $4.80, $0.05 a picture, $0.80 over the highest quoted ($4.00)."),
        ("3.84", (None, None), "Cost $3.84, $0.04 a picture."),
        (
            None,
            ("3.00", "4.00"),
            "Cost unknown: at least one price or charge is not known (quoted $3.00 to $4.00).",
        ),
    ],
)
def test_cost_is_told_against_the_quote(
    spent: str | None, quote: tuple[str | None, str | None], words: str
) -> None:
    low, high = (Decimal(side) if side else None for side in quote)
    tally = Tally(100, stored=96, failed=4, spent_usd=Decimal(spent) if spent else None)
    assert told(tally, quote=Quote(low, high)).cost == words


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (timedelta(hours=24), "Took 3 h 5 min, within the 24 h expected."),
        (timedelta(hours=2), "Took 3 h 5 min, 1 h 5 min longer than the 2 h expected."),
        (None, "Took 3 h 5 min."),
    ],
)
def test_time_is_told_against_the_window(window: timedelta | None, words: str) -> None:
    assert told(Tally(1, stored=1), timing=Timing(START, NOW, window)).time == words


def test_a_running_job_says_how_long_it_has_been_running() -> None:
    assert told(Tally(2, stored=1, in_flight=1)).time == "Running for 3 h 5 min."


def test_duplicates_and_retries_are_told_with_what_they_saved_and_cost() -> None:
    tally = Tally(100, stored=100, duplicates=20, duplicates_usd=Decimal("0.80"), first_try=72, retries=9)
    summary = told(tally)
    assert summary.duplicates == "20 duplicates were copied instead of made again, which saved $0.80."
    assert summary.retries == "9 retries; 90.0% came out at the first try."


def test_what_duplicates_save_is_said_when_all_are_copied() -> None:
    tally = Tally(58, stored=6, duplicates=3, in_flight=52, spent_usd=Decimal("0.32"))
    assert told(tally).duplicates == "", "some are still to come, and so is what they save"


def test_what_is_not_a_failure_is_told_apart() -> None:
    tally = Tally(100, stored=80, in_flight=5, cancelled=10, in_doubt=5)
    assert told(tally).others == (
        "5 still to come, 10 cancelled and 5 in doubt (sent, reply lost, perhaps billed)."
    )


def test_a_clean_job_has_no_empty_lines_and_nothing_to_do() -> None:
    summary = told(Tally(100, stored=100, first_try=100, spent_usd=Decimal("4")))
    assert summary.lines == ("Cost $4.00, $0.04 a picture.", "Took 3 h 5 min.")
