"""What people write stays what it is: cut, escaped, and without power."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.slack import blocks as b
from bot.slack import limits

NASTY = "<!channel> & `code` *bold* <@U123> ```fence``` :tada: <https://evil.example|invoice>"


@given(st.text(max_size=400), st.integers(1, 120))
def test_escaped_text_keeps_its_limit_and_never_holds_half_an_entity(text: str, most: int) -> None:
    shown = b.escaped(text, most)
    assert len(shown) <= most
    bare = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set(bare) & set("&<>")


@given(st.text(max_size=300), st.integers(1, 100))
def test_cut_text_keeps_its_limit(text: str, most: int) -> None:
    assert len(b.cut(text, most)) <= most
    assert b.cut(text, 1000) == b.clean(text)


def test_mentions_lose_their_power() -> None:
    assert b.escaped(NASTY).startswith("&lt;!channel&gt; &amp; `code`")
    assert b.plain(NASTY) == {"type": "plain_text", "text": NASTY, "emoji": False}


@pytest.mark.parametrize("emoji", ["👩‍🚀", "👍🏽", "❤️", "é"])
def test_no_half_emoji_at_a_cut(emoji: str) -> None:
    text = "ab" + emoji + "cdefgh"
    for most in range(3, len(text)):
        shown = b.cut(text, most).rstrip("…")
        assert emoji in shown or shown in ("a", "ab"), most


def test_control_characters_are_left_out() -> None:
    assert b.clean("a\x00b\x07c\nd\ud800") == "abc\nd"


def test_empty_text_is_never_sent() -> None:
    assert b.plain("")["text"] == "–"
    assert b.image("F1", "")["alt_text"] == "Picture"


def test_a_message_keeps_its_buttons_when_it_is_too_long() -> None:
    many = [b.words("x" * 2900) for _ in range(10)]
    message = b.message("A sentence.", [*many, b.actions("a", b.button("Go", "go", "1"))])
    assert b.characters(message.blocks) <= limits.MESSAGE_CHARACTERS
    assert message.blocks[-1]["type"] == "actions"


def test_a_message_has_at_most_fifty_blocks() -> None:
    assert len(b.fitted([b.divider() for _ in range(80)])) == limits.MESSAGE_BLOCKS


def test_the_digest_follows_the_content() -> None:
    one = b.message("A.", [b.words("x")])
    assert one.digest == b.message("A.", [b.words("x")]).digest
    assert one.digest != b.message("A.", [b.words("y")]).digest


@pytest.mark.parametrize(("share", "full"), [(0, 0), (0.5, 10), (0.999, 19), (1, 20)])
def test_the_bar_is_full_only_at_the_end(share: float, full: int) -> None:
    assert b.bar(share).count("█") == full


@pytest.mark.parametrize(
    "block",
    [
        b.header("x" * 400),
        b.words(NASTY * 100),
        b.fields([f"*{n}*" for n in range(20)]),
        b.context("one", "two"),
        b.small(NASTY),
        b.actions(
            "id",
            b.button(
                "x" * 200, "go", "v", style="danger", confirm=b.confirm("T" * 200, "x" * 900, "Y" * 99, "N")
            ),
        ),
        b.image("F12345678", "alt" * 2000, "title" * 1000),
    ],
)
def test_slacks_own_models_take_every_block(block: b.Block) -> None:
    parsed = Block.parse(block)
    assert parsed is not None
    assert parsed.to_dict()["type"] == block["type"]


def test_money_is_never_a_float_here() -> None:
    from bot.pipeline.plan import LaneQuote
    from bot.slack.words import price

    assert price(LaneQuote(Decimal("1.20"), Decimal("1.50"), 0, 60)) == "$1.20 to $1.50"
    assert price(LaneQuote(Decimal(0), Decimal(0), 3, 60)) == "price unknown"
    assert price(LaneQuote(Decimal(1), Decimal(1), 3, 60)) == "at least $1.00, price unknown for 3 pictures"
