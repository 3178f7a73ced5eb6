"""When pictures are wanted, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intake.command import CommandError, parse_options
from bot.intake.deadline import check_deadline, deadline_at

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27 09:00", "27 09:00"),
        ("2026-11-27T09:00", "27 09:00"),
        ("2026-11-27T09:00:00+01:00", "27 08:00"),
        ("2026-11-27T09:00Z", "27 09:00"),
        ("by Friday 09:00", "27 09:00"),
        ("Fri 9:00", "27 09:00"),
        ("friday at 5pm", "27 17:00"),
        ("Friday, 12 am", "27 00:00"),
        ("monday 09:01", "23 09:01"),
        ("monday 09:00", "30 09:00"),  # that moment is now: the next Monday
        ("tomorrow 17:00", "24 17:00"),
        ("today 18:00 UTC", "23 18:00"),
        ("18:00", "23 18:00"),
        ("08:30", "24 08:30"),  # has passed today
        ("18:00 +02:00", "23 16:00"),
        ("18:00 +0530", "23 12:30"),
        ("18:00 utc-5", "23 23:00"),
        ("00:30 +10:00", "23 14:30"),  # it is 19:00 of the same day there: the coming night
        ("by 5pm", "23 17:00"),
    ],
)
def test_the_moment_meant(text: str, expected: str) -> None:
    assert f"{deadline_at(text, MONDAY):%d %H:%M}" == expected
    assert check_deadline(f"  {text} ") == text


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("Friday 09:00", MONDAY, "27 08:00"),
        ("Friday 09:00 UTC", MONDAY, "27 09:00"),
        ("Friday 09:00 +02:00", MONDAY, "27 07:00"),
        ("09:30", MONDAY, "24 08:30"),  # it is 10:00 in Berlin
        ("tomorrow 00:30", MONDAY.replace(hour=23, minute=30), "24 23:30"),  # the 24th has begun there
        ("sunday 09:00", datetime(2026, 10, 23, 9, 0, tzinfo=UTC), "25 08:00"),  # summer time ends that night
    ],
)
def test_a_time_without_a_zone_is_on_the_clock_of_whoever_asked(
    text: str, now: datetime, expected: str
) -> None:
    assert f"{deadline_at(text, now, 'Europe/Berlin'):%d %H:%M}" == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not say when"),
        ("Friday", "does not say when"),
        ("soon", "does not say when"),
        ("9", "does not say when"),
        ("smarch 09:00", "names no day"),
        ("2026-02-30 09:00", "is no such day or time"),
        ("25:00", "is no such day or time"),
        ("13pm", "is no such day or time"),
        ("18:00 +15:00", "no such time zone"),
        ("18:00 +", "no such time zone"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_deadline(text)


@given(st.text(max_size=30))
def test_any_text_is_a_deadline_or_a_sentence(text: str) -> None:
    try:
        found = deadline_at(text, MONDAY)
    except ValueError as problem:
        assert len(str(problem)) > 20  # noqa: PT017  # one of the two happens
    else:
        assert found.utcoffset() == timedelta(0)


def test_it_is_an_option_among_others() -> None:
    changes, template = parse_options('deadline="by Friday 09:00" rush=yes pilot=8 A photo of {{ name }}')
    assert (changes.deadline, changes.rush, changes.pilot) == ("by Friday 09:00", True, 8)
    assert template == "A photo of {{ name }}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deadline=Friday A photo", "deadline: “Friday” does not say when"),
        ("pilot=0 A photo", "pilot: “0” is not"),
        ("rush=maybe A photo", "rush: “maybe” is neither"),
    ],
)
def test_a_wrong_value_is_told(text: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        parse_options(text)
