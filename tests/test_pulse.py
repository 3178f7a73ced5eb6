"""The heartbeat of the ticks: what counts as hanging, as stuck, and what is worth a line in the log."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest

from bot.pulse import BOUNDS_SECONDS, Beat, Pulse
from bot.scheduler import ASK_EVERY, EVERY_SECONDS, LONG_PATIENCE, Charge, guarded
from storage.engine import StoreError
from tests.parts import START, TestClock

FIVE_MINUTES = timedelta(minutes=5)


def the(pulse: Pulse, now: datetime) -> Beat:
    (beat,) = pulse.beats(now)
    return beat


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def pulse(clock: TestClock) -> Pulse:
    pulse = Pulse()
    pulse.expect({"poll": FIVE_MINUTES}, clock())
    return pulse


def test_a_tick_that_runs_is_well(pulse: Pulse, clock: TestClock) -> None:
    for _ in range(1000):
        clock.move(1)
        pulse.began("poll", clock())
        clock.move(0.3)
        assert pulse.succeeded("poll", clock()) == 0
    beat = the(pulse, clock())
    assert not beat.hangs
    assert not beat.stuck(clock())
    assert sum(beat.counts) == 1000
    assert beat.counts[BOUNDS_SECONDS.index(0.5)] == 1000
    assert beat.seconds == pytest.approx(300)
    assert beat.succeeded == clock()


def test_a_run_that_does_not_end_hangs(pulse: Pulse, clock: TestClock) -> None:
    pulse.began("poll", clock())
    clock.move(300)
    assert not the(pulse, clock()).hangs
    clock.move(1)
    assert the(pulse, clock()).hangs
    pulse.succeeded("poll", clock())
    assert not the(pulse, clock()).hangs


def test_a_tick_that_does_not_begin_any_more_hangs(pulse: Pulse, clock: TestClock) -> None:
    clock.move(301)
    assert the(pulse, clock()).hangs


def test_a_tick_that_fails_for_long_is_stuck_and_a_restart_would_not_help(
    pulse: Pulse, clock: TestClock
) -> None:
    for _ in range(301):
        pulse.began("poll", clock())
        clock.move(1)
        pulse.failed("poll", clock(), "here", "OSError")
    beat = the(pulse, clock())
    assert beat.stuck(clock())
    assert not beat.hangs
    assert (beat.failures, beat.failing, beat.said) == (301, 301, "OSError")
    assert pulse.succeeded("poll", clock()) == 301
    assert not the(pulse, clock()).stuck(clock())
    assert the(pulse, clock()).failures == 301


def test_one_failure_now_and_then_is_no_trouble(pulse: Pulse, clock: TestClock) -> None:
    for _ in range(100):
        clock.move(60)
        pulse.began("poll", clock())
        pulse.failed("poll", clock(), "here", "OSError")
        clock.move(60)
        pulse.succeeded("poll", clock())
        assert not the(pulse, clock()).stuck(clock())


def test_what_stopped_on_purpose_is_not_missed(pulse: Pulse, clock: TestClock) -> None:
    pulse.forget()
    clock.move(3600)
    assert pulse.beats(clock()) == []
    assert pulse.succeeded("poll", clock()) == 0  # a last run that ends afterwards


def test_the_same_failure_is_logged_the_1st_10th_and_100th_time_and_when_it_is_over(
    pulse: Pulse, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    def tick(_now: datetime) -> int:
        if broken:
            raise RuntimeError(f"number {clock()}")
        return 0

    run = guarded("poll", tick, clock, pulse, Charge(lambda: True))
    with caplog.at_level(logging.INFO):
        for _ in range(250):
            clock.move(1)
            run()
        broken = False
        run()
        run()
    assert [record.getMessage() for record in caplog.records] == [
        "the poll tick failed; it is tried again",
        "the poll tick failed, 10 times in a row; it is tried again",
        "the poll tick failed, 100 times in a row; it is tried again",
        "the poll tick works again, after 250 failures",
    ]


def test_another_failure_is_news_at_once(
    pulse: Pulse, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    problems = iter([OSError("a"), OSError("b"), KeyError("c")])

    def tick(_now: datetime) -> int:
        raise next(problems)

    run = guarded("poll", tick, clock, pulse, Charge(lambda: True))
    for _ in range(3):
        run()
    kinds = [
        record.exc_info[0].__name__ for record in caplog.records if record.exc_info and record.exc_info[0]
    ]
    assert kinds == ["OSError", "KeyError"]


def test_patience_is_given_to_ticks_that_exist() -> None:
    assert set(LONG_PATIENCE) <= set(EVERY_SECONDS)


def test_a_new_process_begins_well(pulse: Pulse) -> None:
    beat = the(pulse, START)
    assert (beat.succeeded, beat.running, beat.failures) == (None, None, 0)
    assert not beat.stuck(START)


def test_a_process_that_lost_the_data_store_does_nothing_and_seems_to_hang(
    pulse: Pulse, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    ours, ran = True, []
    run = guarded("poll", ran.append, clock, pulse, Charge(lambda: ours))
    run()
    ours = False
    clock.move(ASK_EVERY.total_seconds())
    for _ in range(40):
        run()
        clock.move(10)
    assert len(ran) == 1
    assert the(pulse, clock()).hangs
    assert caplog.text.count("another process works on the data store") == 1
    ours = True
    run()
    assert len(ran) == 2


def test_a_data_store_that_is_away_takes_nobodys_right(pulse: Pulse, clock: TestClock) -> None:
    def away() -> bool:
        raise StoreError("The data store cannot be read")

    ran: list[datetime] = []
    guarded("poll", ran.append, clock, pulse, Charge(away))()
    assert len(ran) == 1
