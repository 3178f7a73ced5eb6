"""What people write about pictures is understood, and what is not is answered in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intake.options import CommandError
from bot.intake.verdicts import (
    EVERY,
    Pictures,
    Say,
    Verdict,
    as_ranges,
    parse_pictures,
    parse_verdict,
    spoken,
)


@pytest.mark.parametrize(
    ("text", "ranges", "named"),
    [
        ("1-40 except 7, 12", ((1, 6), (8, 11), (13, 40)), False),
        ("1–40 but not 7 and 12", ((1, 6), (8, 11), (13, 40)), False),
        ("5, 9", ((5, 5), (9, 9)), True),
        ("#5 #9", ((5, 5), (9, 9)), True),
        ("pictures 3 to 5", ((3, 5),), False),
        ("3,4 , 5", ((3, 5),), True),
        ("all", ((1, EVERY),), False),
        ("all except 2", ((1, 1), (3, EVERY)), False),
        ("the rest", ((1, EVERY),), False),
        ("1-10, 8-20", ((1, 20),), False),
        ("1-10 except 1-3, 10", ((4, 9),), False),
    ],
)
def test_pictures_are_meant_by_number(text: str, ranges: tuple[tuple[int, int], ...], named: bool) -> None:
    assert parse_pictures(text) == Pictures(ranges, named)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Say which pictures, like “approve 1-40 except 7, 12”"),
        ("these", "“these” is not the number of a picture"),
        ("9-3", "the lower number comes first"),
        ("0", "from 1 on"),
        ("3 except 3", "Nothing is left"),
        ("3x", "“3x” is not the number of a picture"),
    ],
)
def test_what_is_not_understood_is_said(text: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        parse_pictures(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("<@U1> approve 1-3", Verdict(Say.APPROVE, "abc234", Pictures(((1, 3),)))),
        ("Approve all", Verdict(Say.APPROVE, "abc234", Pictures(((1, EVERY),)))),
        (
            "reject 3: wrong colour, too  dark",
            Verdict(Say.REJECT, "abc234", Pictures(((3, 3),), named=True), "wrong colour, too dark"),
        ),
        ("redo 5, 9", Verdict(Say.REDO, "abc234", Pictures(((5, 5), (9, 9)), named=True))),
        (
            "redo 5: A red mug on oak",
            Verdict(Say.REDO, "abc234", Pictures(((5, 5),), named=True), "A red mug on oak"),
        ),
        ("undo", Verdict(Say.UNDO, "abc234")),
        ("undo 4", Verdict(Say.UNDO, "abc234", Pictures(((4, 4),), named=True))),
        ("review", Verdict(Say.REVIEW, "abc234")),
        ("approve k7m2qd 2", Verdict(Say.APPROVE, "k7m2qd", Pictures(((2, 2),), named=True))),
    ],
)
def test_words_in_a_thread(text: str, meant: Verdict) -> None:
    assert parse_verdict(text, job="abc234") == meant


def test_outside_a_thread_the_job_is_named_first() -> None:
    meant = Verdict(Say.APPROVE, "k7m2qd", Pictures(((1, 6), (8, 40))))
    assert parse_verdict("approve K7M2QD 1-40 except 7") == meant
    assert parse_verdict("undo k7m2qd") == Verdict(Say.UNDO, "k7m2qd")
    with pytest.raises(CommandError, match="Say which job, like “approve k3x9ab 1-40”"):
        parse_verdict("approve")


@pytest.mark.parametrize(
    ("text", "job"),
    [
        ("status", None), ("A photo of a mug", "abc234"), ("redo failed", "abc234"), ("redo", "abc234"),
        ("redo k7m2qd", None), ("redo k7m2qd refused", None), ("approve sample", "abc234"),
        ("approve k7m2qd sample", None), ("", "abc234"),
    ],
)  # fmt: skip
def test_what_is_about_something_else_is_left_alone(text: str, job: str | None) -> None:
    assert parse_verdict(text, job=job) is None


@given(st.sets(st.integers(1, 60), min_size=1), st.sets(st.integers(1, 60)))
def test_ranges_mean_what_their_numbers_mean(wanted: set[int], left_out: set[int]) -> None:
    left = wanted - left_out
    text = ", ".join(map(str, wanted)) + (" except " + ", ".join(map(str, left_out)) if left_out else "")
    if not left:
        with pytest.raises(CommandError):
            parse_pictures(text)
        return
    found = parse_pictures(text).ranges
    assert {n for low, high in found for n in range(low, high + 1)} == left
    assert found == as_ranges(left)
    assert parse_pictures(spoken(found)).ranges == found
