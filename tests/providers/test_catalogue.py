"""The catalogue: an operator's own file replaces entries, or single limits of them; tokens are estimated."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.catalogue import CatalogueError, load

SHIPPED = load()


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_account_changes_single_limits_and_leaves_the_rest(tmp_path: Path) -> None:
    path = own(
        tmp_path,
        """
        [[account]]
        provider = "gemini"
        model = "gemini-3-pro-image"
        limits = { enqueued_tokens = 270_000_000 }
        """,
    )
    before, after = SHIPPED["gemini"]["gemini-3-pro-image"], load(path)["gemini"]["gemini-3-pro-image"]
    assert (before.limits.enqueued_tokens, after.limits.enqueued_tokens) == (2_000_000, 270_000_000)
    assert after.limits.model_copy(update={"enqueued_tokens": 2_000_000}) == before.limits
    assert after.model_copy(update={"limits": before.limits}) == before
    other = "gemini-nano-banana-2.1"
    assert load(path)["gemini"][other] == SHIPPED["gemini"][other]


def test_without_a_model_it_is_all_of_the_vendors(tmp_path: Path) -> None:
    path = own(tmp_path, '[[account]]\nprovider = "xai"\nlimits = { concurrency = 3 }\n')
    cards = load(path)
    assert {card.limits.concurrency for card in cards["xai"].values()} == {3}
    assert cards["openai"] == SHIPPED["openai"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'provider = "gemini"\nmodel = "no-such"\nlimits = {}',
            "limits of gemini no-such, which no catalogue",
        ),
        ('provider = "nobody"\nlimits = {}', "limits of nobody, which no catalogue knows"),
        ('provider = "xai"\nlimits = { enqueued_tokens = 0 }', "wrong at enqueued_tokens"),
        ('provider = "xai"\nlimits = { tokens = 5 }', "wrong at tokens"),
        ('provider = "xai"', r"wrong at account\.0\.limits"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        load(own(tmp_path, f"[[account]]\n{text}\n"))


def test_tokens_are_a_quarter_of_the_bytes_and_those_of_the_references() -> None:
    card = SHIPPED["gemini"]["gemini-3-pro-image"]
    assert card.input_tokens("", 0) == 0
    assert card.input_tokens("red mug", 0) == 2  # 7 bytes / 4
    assert card.input_tokens("赤いマグ", 0) == 3  # 12 bytes / 4
    assert card.input_tokens("red mug", 3) == 2 + 3 * 560
    assert SHIPPED["openai"]["gpt-image-2"].input_tokens("red mug", 1) == 2 + 1_120
    assert card.input_tokens("half a pair \ud83d", 0) > 0
