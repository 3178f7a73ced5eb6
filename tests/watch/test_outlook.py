"""When a job should be done: by its real speed where that is known, else by its plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.watch.outlook import Batch, Calls, Usual, expected_end, rounded

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USUAL = Usual(begins_at=NOW - 10 * MINUTE, batch=120 * MINUTE, calls=30 * MINUTE)


def end(calls: Calls | None = None, *batches: Batch, unsent: int = 0) -> timedelta:
    return expected_end(NOW, USUAL, calls or Calls(), batches, unsent) - NOW


def test_calls_go_on_as_fast_as_they_went_lately() -> None:
    # 40 in 5 min; 80 more take 10
    assert end(Calls(to_come=80, answered=40, since=NOW - 5 * MINUTE)) == 10 * MINUTE


def test_a_few_answers_say_nothing_and_the_plan_counts() -> None:
    assert end(Calls(to_come=80, answered=4, since=NOW - MINUTE)) == 20 * MINUTE


def test_a_batch_whose_provider_counts_is_as_fast_as_that() -> None:
    # a quarter in 20 min: 60 more
    assert end(None, Batch(400, 100, NOW - 20 * MINUTE)) == 60 * MINUTE


def test_a_batch_whose_provider_says_nothing_takes_the_usual_time() -> None:
    assert end(None, Batch(400, 0, NOW - 20 * MINUTE)) == 100 * MINUTE


def test_what_is_not_sent_yet_takes_a_whole_batch_from_now() -> None:
    assert end(None, Batch(400)) == end(unsent=3) == 120 * MINUTE


def test_the_slowest_part_says_when_all_is_done() -> None:
    fast = Calls(to_come=1, answered=100, since=NOW - MINUTE)
    assert end(fast, Batch(10, 0, NOW), Batch(10, 5, NOW - MINUTE)) == 120 * MINUTE


def test_later_than_usual_is_in_the_past() -> None:
    assert end(None, Batch(400, 0, NOW - 150 * MINUTE)) == -30 * MINUTE


def test_a_time_is_said_to_the_minute_and_far_ahead_to_the_next_five() -> None:
    assert rounded(NOW + timedelta(seconds=61), NOW) == NOW + 2 * MINUTE
    assert rounded(NOW + 61 * MINUTE, NOW) == NOW + 65 * MINUTE
