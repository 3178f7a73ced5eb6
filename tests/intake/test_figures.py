"""What people write about costs, figures and digests is read, or answered with a sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bot.intake.command import Unknown, parse_command
from bot.intake.figures import (
    Costs,
    Digest,
    Scope,
    Stats,
    after_month,
    digest_rule,
    first_day,
    read_digest,
)
from bot.intake.options import CommandError

TODAY = date(2026, 3, 14)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cost", Costs()),
        ("costs channel", Costs(Scope.CHANNEL)),
        ("Cost <#C12|shoes>", Costs(Scope.CHANNEL, "C12")),
        ("cost me october", Costs(Scope.ME, month="10")),
        ("cost month", Costs(Scope.ALL)),
        ("cost month 2025-7", Costs(Scope.ALL, month="2025-07")),
        ("cost last month", Costs(month="last")),
        ("cost me last month", Costs(Scope.ME, month="last")),
        ("cost of this month for everybody", Costs(Scope.ALL)),
        ("<@U1BOT> spent in the channel in may", Costs(Scope.CHANNEL, month="05")),
        ("stats", Stats()),
        ("stats 7", Stats(7)),
        ("stats 14 days me", Stats(14, Scope.ME)),
        ("statistics last week all", Stats(7, Scope.ALL)),
        ("stats 90d <#C12>", Stats(90, Scope.CHANNEL, "C12")),
    ],
)
def test_what_is_written_is_read(text: str, wanted: object) -> None:
    assert parse_command(text) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cost yesterday", "“yesterday” is no month; write “cost”"),
        ("cost me channel", "Say whose jobs you mean"),
        ("cost may june", "“june” is too much here"),
        ("cost ju", "is no month"),
        ("cost 2026-13", "is no month"),
        ("stats 0", "is not a number of days from 1 to 366"),
        ("stats 400", "is not a number of days"),
        ("stats 7 8", "is too much here"),
    ],
)
def test_mistakes_are_answered_in_sentences(text: str, problem: str) -> None:
    said = parse_command(text)
    assert isinstance(said, Unknown)
    assert problem in said.suggestion


@pytest.mark.parametrize(
    ("month", "first"),
    [
        ("", date(2026, 3, 1)),
        ("last", date(2026, 2, 1)),
        ("03", date(2026, 3, 1)),
        ("04", date(2025, 4, 1)),
        ("2024-12", date(2024, 12, 1)),
    ],
)
def test_a_month_without_a_year_is_the_last_there_was(month: str, first: date) -> None:
    assert first_day(month, TODAY) == first


def test_months_end_where_the_next_begins() -> None:
    assert first_day("last", date(2026, 1, 31)) == date(2025, 12, 1)
    assert after_month(date(2025, 12, 1)) == date(2026, 1, 1)
    assert after_month(date(2026, 1, 1)) == date(2026, 2, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("daily", "every day at 09:00 (Europe/Lisbon)"),
        ("daily 18:30", "every day at 18:30 (Europe/Lisbon)"),
        ("weekly", "every Monday at 09:00 (Europe/Lisbon)"),
        ("weekly on friday at 4 pm berlin", "every Friday at 16:00 (Europe/Berlin)"),
        ("weekly thu 08:15 UTC", "every Thursday at 08:15 (UTC)"),
    ],
)
def test_digests_have_a_time_of_a_zone(text: str, said: str) -> None:
    rule = digest_rule(text, "Europe/Lisbon", TODAY)
    assert rule.said() == said
    assert rule.next_after(datetime(2026, 3, 14, tzinfo=UTC)) is not None


def test_digests_are_set_shown_and_ended() -> None:
    assert read_digest("") == Digest()
    assert read_digest("off") == Digest("off")
    for text in ("zone new york", "tz america/new_york"):
        assert read_digest(text) == Digest("zone", "America/New_York")
    assert read_digest("weekly fri 16:00") == Digest("set", "weekly fri 16:00")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("monthly", "“monthly” is no kind of digest"),
        ("daily noon", "“noon” is neither a time nor a time zone"),
        ("daily mon 09:00", "“mon” is neither a time nor a time zone"),
        ("daily 25:00", "is not a time"),
        ("zone", "neither a time nor a time zone"),
        ("zone atlantis", "“atlantis” is neither a time nor a time zone"),
    ],
)
def test_no_digest_is_guessed(text: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        read_digest(text)
