"""Galleries of every size keep to what a thread and a message can bear."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.slack import gallery, previews
from bot.slack.blocks import characters
from bot.slack.review_page import Page, Tally, page_message
from bot.workspace.blocks import findings_in_blocks
from storage.records import Item, Job
from storage.states import ItemState, JobState, ReviewState

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
JOB = Job(
    "abc234", "<!channel> & friends", JobState.FINISHED, "U1", {}, [], "a.csv", "d", "p", "m", "live", AT
)


def items(number: int) -> list[Item]:
    """Stored pictures with texts as long as they may be."""
    return [
        Item(
            job_id=JOB.id,
            number=n,
            row=n,
            variant=1 + n % 2,
            key=f"SKU-{n:05d}",
            prompt="p" * 3000,
            alt_text="x" * 250 if n % 2 else "",
            provider="p",
            model="m",
            lane="live",
            made_size="64x64",
            fingerprint="f",
            state=ItemState.STORED,
            moved_at=AT,
        )
        for n in range(1, number + 1)
    ]


@pytest.mark.parametrize(("number", "messages"), [(1, 1), (48, 1), (110, 2), (500, 6), (1536, 16)])
def test_a_gallery_keeps_to_the_messages_a_thread_can_bear(number: int, messages: int) -> None:
    parts = gallery.compose(JOB, "s", items(number), more=False)
    assert len(parts) == messages <= gallery.MOST_MESSAGES
    for part in parts:
        said = part.message(dict.fromkeys(part.keys, "F12345678"))
        assert len(said.blocks) <= 50
        assert characters(said.blocks) <= 10_000
        assert sum(block["type"] == "image" for block in said.blocks) == len(part.shots)
        assert characters(part.without_pictures().blocks) <= 10_000
    assert [number for part in parts for number in part.pictures] == list(range(1, number + 1))


def test_what_has_no_room_is_said() -> None:
    parts = gallery.compose(JOB, "s", items(gallery.MOST_CELLS), more=True)
    assert "the first 1,536; the review has them all" in parts[0].heading
    assert "&lt;!channel&gt; &amp; friends" in parts[0].heading


def test_no_picture_no_gallery() -> None:
    assert gallery.compose(JOB, "s", [], more=False) == []


def test_every_picture_has_words_for_those_who_do_not_see_it() -> None:
    (sheet,) = [shot.alt for part in gallery.compose(JOB, "s", items(3), more=False) for shot in part.shots]
    assert sheet == "Contact sheet of <!channel> & friends: numbers 1 to 3, 3 pictures ready."
    pictures = [previews.picture_shot(JOB, item).alt for item in items(3)]
    assert pictures[0] == "x" * 250
    assert pictures[1].startswith("SKU-00002: pp")
    assert all(0 < len(alt) <= 250 for alt in pictures)


def reviewed(item: Item, number: int) -> Item:
    """With words as long as they may be."""
    states = [ReviewState.UNREVIEWED, ReviewState.APPROVED, ReviewState.REJECTED, ReviewState.REPLACED]
    reason = "r" * 500
    return replace(
        item, review=states[number % 4], reviewed_by="U0123456789", reviewed_at=AT, review_reason=reason
    )


@pytest.mark.parametrize("cards", [True, False])
def test_a_page_of_the_longest_words_fits_into_a_message(cards: bool) -> None:
    shown = [reviewed(item, number) for number, item in enumerate(items(10 if cards else 6))]
    page = Page(
        JOB, "model:" + "m" * 90, shown, 200, 300, Tally(100, 200, 300, 400), ["m" * 90, "n" * 90], due_at=AT
    )
    ids = {previews.preview_key(item): "F12345678" for item in shown}
    said = page_message(page, ids, AT, cards=cards)
    assert len(said.blocks) <= 50
    assert characters(said.blocks) <= 10_000
    kinds = [block["type"] for block in said.blocks]
    assert kinds.count("carousel") == cards
    assert kinds.count("image") == (0 if cards else 6)
    assert findings_in_blocks(list(said.blocks), "message", lambda _: True) == []
    again = page_message(page, {}, AT, cards=cards)
    assert findings_in_blocks(list(again.blocks), "message", lambda _: True) == []
