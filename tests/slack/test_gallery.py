"""Galleries of every size keep to what a thread and a message can bear."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.slack import gallery
from bot.slack.blocks import characters
from storage.records import Item, Job
from storage.states import ItemState, JobState

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


@pytest.mark.parametrize(
    ("number", "sheets", "pages"), [(1, 1, 1), (48, 1, 8), (110, 2, 14), (500, 6, 0), (1728, 18, 0)]
)
def test_a_gallery_keeps_to_the_messages_a_thread_can_bear(number: int, sheets: int, pages: int) -> None:
    parts = gallery.compose(JOB, "s", items(number), more=False)
    kinds = [part.kind.split("-")[0] for part in parts]
    assert (kinds.count("sheets"), kinds.count("page")) == (sheets, pages)
    assert len(parts) <= gallery.MOST_MESSAGES
    for part in parts:
        said = part.message(dict.fromkeys(part.keys, "F12345678"))
        assert len(said.blocks) <= 50
        assert characters(said.blocks) <= 10_000
        assert sum(block["type"] == "image" for block in said.blocks) == len(part.shots)
        assert characters(part.without_pictures().blocks) <= 10_000
    shown = sum(len(part.shots) for part in parts if part.kind.startswith("page"))
    assert shown == (number if pages else 0)
    assert ("too many to post singly" in parts[0].heading) is not bool(pages)


def test_what_has_no_room_is_said() -> None:
    parts = gallery.compose(JOB, "s", items(gallery.MOST_CELLS), more=True)
    assert "the first 1,728; the rest is in results.csv" in parts[0].heading
    assert "&lt;!channel&gt; &amp; friends" in parts[0].heading


def test_no_picture_no_gallery() -> None:
    assert gallery.compose(JOB, "s", [], more=False) == []


def test_every_picture_has_words_for_those_who_do_not_see_it() -> None:
    parts = gallery.compose(JOB, "s", items(3), more=False)
    sheet, *pictures = [shot.alt for part in parts for shot in part.shots]
    assert sheet == "Contact sheet of <!channel> & friends: numbers 1 to 3, 3 pictures ready."
    assert pictures[0] == "x" * 250
    assert pictures[1].startswith("Made from row 2 (SKU-00002): pp")
    assert all(0 < len(alt) <= 300 for alt in pictures)
