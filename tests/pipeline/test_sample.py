"""Which pictures make a sample, and how many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bot.pipeline.pilot import grouping_column, sample, usual_size
from storage.records import Item, Row
from storage.states import ItemState
from tests.parts import START


def item(number: int, **changes: Any) -> Item:
    values: dict[str, Any] = {
        "job_id": "j", "number": number, "row": number, "variant": 1, "key": f"S{number}",
        "prompt": "a mug", "alt_text": "", "provider": "p", "model": "m", "lane": "batch",
        "made_size": "1024x1024", "fingerprint": f"{number * 7919 % 10007:05}", "state": ItemState.PLANNED,
        "moved_at": START,
    }  # fmt: skip
    return Item(**{**values, **changes})


def pairs(items: Iterable[Item], group: str = "") -> list[tuple[Item, str]]:
    return [(one, group) for one in items]


@pytest.mark.parametrize(
    ("pictures", "size"),
    [(1, 1), (6, 6), (60, 6), (140, 7), (240, 12), (4999, 12), (5000, 100), (500_000, 100)],
)
def test_six_to_twelve_and_a_hundred_of_very_many(pictures: int, size: int) -> None:
    assert usual_size(pictures) == size


def test_every_kind_is_in_it_before_any_has_a_second() -> None:
    made = [item(n) for n in range(1, 91)]
    made += [item(n, model="other") for n in range(91, 96)]
    made += [item(n, made_size="1536x1024") for n in range(96, 101)]
    chosen = sample(pairs(made), 6)
    kinds = [next(i.model + i.made_size for i in made if i.number == n) for n in chosen]
    assert sorted(kinds) == sorted(["m1024x1024", "m1536x1024", "other1024x1024"] * 2)


def test_where_there_are_more_kinds_than_places_the_most_frequent_are_in_it() -> None:
    made = [(item(n, row=n), f"colour {n % 20}") for n in range(1, 201)]
    made += [(item(n), "colour 3") for n in range(201, 210)]
    chosen = sample(made, 6)
    groups = [next(group for one, group in made if one.number == n) for n in chosen]
    assert "colour 3" in groups
    assert len(set(groups)) == 6


def test_variants_and_lengths_of_prompt_are_kinds_of_their_own() -> None:
    made = [item(n, variant=1 + n % 2, prompt="x" * (100, 300, 900)[n % 3]) for n in range(1, 601)]
    chosen = {n: next(one for one in made if one.number == n) for n in sample(pairs(made), 6)}
    assert {(one.variant, len(one.prompt)) for one in chosen.values()} == {
        (v, length) for v in (1, 2) for length in (100, 300, 900)
    }


def test_no_duplicate_is_in_it_and_asking_for_more_than_there_are_takes_all() -> None:
    made = [item(1), item(2, duplicate_of=1), item(3)]
    assert sample(pairs(made), 12) == [1, 3]


def test_it_is_the_same_each_time_and_not_just_the_first_rows() -> None:
    made = [item(n) for n in range(1, 1001)]
    chosen = sample(pairs(made), 12)
    assert chosen == sample(pairs(made), 12)
    assert max(chosen) > 100


def row(number: int, problem: str | None = None, **cells: str) -> Row:
    return Row("j", number, number + 1, f"S{number}", cells, problem)


def test_the_first_column_that_sorts_rows_into_groups() -> None:
    rows = [
        row(n, sku=f"S{n}", shop="one", colour=["red", "blue", "green"][n % 3], season=str(n % 2))
        for n in range(30)
    ]
    columns = ["sku", "shop", "colour", "season"]
    assert grouping_column(rows, columns) == "colour"
    assert grouping_column(rows, ["sku", "shop"]) is None
    assert grouping_column(rows[:4], ["sku", "colour"]) is None, "groups of one are no groups"
    assert grouping_column([row(1, "bad", colour="red")], ["colour"]) is None
