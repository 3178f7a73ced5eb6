"""What failed, in words: the same for the page, the typed answer and the terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.watch.advice import Who
from bot.watch.failing import BAD_ROWS, EMPTY_CODES, Group, kind_of, name_of, paid, what_to_do
from providers.base import FailureKind


@pytest.mark.parametrize(
    ("group", "name", "cost"),
    [
        (Group("content_policy", 47), "47 pictures: refused by content rules", "$0.00, nothing was billed"),
        (Group("timeout", 12, retrying=True), "12 pictures: no answer in time, being tried again", ""),
        (
            Group("empty", 3, usd=Decimal("0.12"), billed=3),
            "3 pictures: answered without a picture",
            "$0.12 billed for 3 pictures",
        ),
        (
            Group("server_error", 1200, usd=Decimal(1), billed=9, unpriced=1),
            "1,200 pictures: provider error",
            "$1.00 billed for 9 pictures, cost unknown for 1 attempt",
        ),
        (Group("in_doubt", 1, unpriced=1), "1 picture: in doubt", "cost unknown for 1 attempt"),
        (Group(BAD_ROWS, 5), "5 rows: could not be used", ""),
    ],
)
def test_a_group_in_words(group: Group, name: str, cost: str) -> None:
    assert name_of(group) == name
    assert not cost or paid(group) == cost


def test_who_can_act_comes_first() -> None:
    kinds = [*(kind.value for kind in FailureKind), "in_doubt", "budget", "empty", BAD_ROWS]
    groups = sorted(
        [Group("timeout", 1, retrying=True), *(Group(k, 1) for k in kinds)], key=lambda g: g.place
    )
    who = [group.who for group in groups]
    assert who == sorted(who, key=list(Who).index)
    assert groups[0].kind == "content_policy"
    assert groups[-1].retrying
    assert all(what_to_do(group) for group in groups[:-1])
    assert what_to_do(groups[-1]) == ""


@pytest.mark.parametrize("kind", [kind.value for kind in FailureKind])
def test_every_kind_may_be_acted_on_in_one_way(kind: str) -> None:
    group = Group(kind, 1)
    assert group.reworded is not group.again
    again = Group(kind, 1, retrying=True)
    assert not again.reworded
    assert not again.again


def test_kinds_beyond_the_known_are_unknown_or_empty() -> None:
    assert kind_of("timeout", "no_picture") == "timeout"
    assert kind_of("budget", "") == "budget"
    assert kind_of("", "") == kind_of("something new", "x") == "unknown"
    assert {kind_of("unknown", code) for code in EMPTY_CODES} == {"empty"}
