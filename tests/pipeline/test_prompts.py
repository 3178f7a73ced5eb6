"""What is said of a prompt before it costs money, and of which prompts nothing is said."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pipeline.prompts import lint
from providers.catalogue import ModelCard

WORDS = [
    "a",
    "red",
    "shoe,",
    "on",
    "wet",
    "stone",
    "with",
    "soft",
    "light",
    "in",
    "the",
    "morning;",
    "none",
    "Nan",
]

CARD = ModelCard(
    id="model-1",
    provider="sketch",
    lanes=frozenset(),
    source="a test",
    checked=date(2026, 1, 1),
    prompt_limit=300,
)


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("x" * 301, "has 301 characters and model-1 takes 300"),
        ("A {{ name }}", "“{{” was left in the prompt"),
        ("A {name} shoe", "“{name}” was left in the prompt"),
        ("A {Product Name} shoe", "“{Product Name}” was left"),
        ("A ${name} shoe", "“${name}” was left"),
        ("A <product_name> shoe", "“<product_name>” was left"),
        ("{% if x %}", "“{%” was left"),
        ("undefined", "“undefined” stands in the prompt"),
        ("A shoe in undefined, on stone", "“undefined” stands"),
        ("A shoe made of nan.", "“nan” stands"),
        ("Color: NaN, size 3", "“NaN” stands"),
        ("A shoe in None.", "“None” stands"),
        ("None", "“None” stands"),
        ("A shoe with null", "“null” stands"),
        ("A #REF! shoe", "The spreadsheet's error #REF! is in the prompt"),
        ("A bell\x07", "control character U+0007 at character 7"),
        ("A\x85b", "U+0085"),
        ("A \u202eshoe", "U+202E"),
        ("A \ud800 shoe", "U+D800"),
        ("A caf\ufffd", "unreadable letter"),
    ],
)
def test_a_prompt_that_went_wrong_is_told_in_one_sentence(prompt: str, sentence: str) -> None:
    said = lint(prompt, CARD)
    assert said is not None
    assert sentence in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    "prompt",
    [
        "A red shoe on white",
        "Two lines\r\n\tand a tab",
        "café ☕ 日本 👟🏽 ﷺ",
        "Soft undefined edges, with undefined shapes in the distance",
        "My nan, smiling, holding a naan",
        "Nan Goldin style portrait",
        "None of the people look at the camera. None.",
        "Text in the picture: None",
        "A null island map, and then there were none",
        "A sign that says <b>SALE</b> & more, 3 < 5 > 2",
        "Colour #FF00AA, player #7, shot on #35mm",
        "A face {smiling, laughing} in a crowd",
        'A JSON: {"a": 1}',
        "portrait <lora:style:0.8>",
        "100% cotton, $5, 5' 11\", a/b, [brackets], C:\\path",
        "x" * 300,
    ],
)
def test_ordinary_prose_is_left_alone(prompt: str) -> None:
    assert lint(prompt, CARD) is None


@given(st.lists(st.sampled_from(WORDS)))
def test_plain_words_in_any_order_are_left_alone(words: list[str]) -> None:
    prompt = " ".join(["A", *words])[:300]
    assert lint(prompt, CARD) is None


@given(st.text())
def test_any_text_is_judged(prompt: str) -> None:
    said = lint(prompt, CARD)
    assert said is None or said.endswith(".")


def test_half_a_million_prompts_can_be_looked_at() -> None:
    prompt = (
        "Product photograph of the Trail Runner in forest green,\nmade of mesh, on a rock by a stream. " * 2
    )
    start = time.perf_counter()
    for _ in range(20_000):
        lint(prompt, CARD)
    assert time.perf_counter() - start < 1
