"""What review adds to the pictures: states that are told by shape, versions, and before and after."""

from __future__ import annotations

import itertools

import pytest
from picture_builders import opened, photo, png
from PIL import Image, ImageChops

from bot.imaging.before_after import Side, before_after
from bot.imaging.contact_sheet import MAX_BYTES, Cell, contact_sheet, count_words
from bot.imaging.disclosure import MADE_WITH_A_MODEL, read_disclosure
from bot.imaging.sheet_marks import MARK_WORDS, draw_mark
from providers.base import Size

PICTURE = png(Image.new("RGB", (720, 720), "#c8c8c8"))


def sheet(**options: object) -> Image.Image:
    cell = Cell(1, "", PICTURE, **options)  # type: ignore[arg-type]
    return opened(contact_sheet([cell], title="", counts=" ")).convert("RGB")


def changed(one: Image.Image, other: Image.Image) -> tuple[int, int, int, int]:
    """The box in which two sheets differ clearly."""
    apart = ImageChops.difference(one, other).convert("L").point(lambda level: 255 if level > 40 else 0)
    box = apart.getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("mark", MARK_WORDS)
def test_a_state_is_drawn_in_the_pictures_upper_right_corner_and_nowhere_else(mark: str) -> None:
    left, top, right, bottom = changed(sheet(), sheet(mark=mark))
    assert left > 40 + 720 - 60
    assert right <= 40 + 720
    assert top >= 124
    assert bottom < 124 + 60


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(MARK_WORDS, 2)))
def test_states_are_told_apart_without_colour(one: str, other: str) -> None:
    def grey(mark: str) -> Image.Image:
        paper = Image.new("RGB", (40, 40), "#c8c8c8")
        draw_mark(paper, mark, (40, 0))  # type: ignore[arg-type]
        # Two levels only, so that it is the shape that differs and not how dark the ink is.
        return paper.convert("L").point(lambda level: 255 if level > 160 else 0)

    apart = ImageChops.difference(grey(one), grey(other)).histogram()[255]
    assert apart > 0.08 * 1600


def test_a_second_version_is_written_on_the_picture_and_a_first_is_not() -> None:
    assert ImageChops.difference(sheet(), sheet(version=1)).getbbox() is None
    left, top, _, bottom = changed(sheet(), sheet(version=2))
    assert left < 60
    assert top > 124 + 720 - 60
    assert bottom <= 124 + 720


def test_states_are_counted_in_the_header() -> None:
    cells = [Cell(1, mark="approved"), Cell(2, mark="approved"), Cell(3, mark="flagged"), Cell(4)]
    assert count_words(cells) == "4 pictures · 2 approved · 1 flagged"


@pytest.mark.parametrize(
    ("outcome", "reason", "rest"),
    [
        ("refused", "Refused by content rules", "by content rules"),
        ("failed", "Failed, reason unknown", "reason unknown"),
        ("cancelled", "Cancelled", ""),
        ("failed", "Failedness of the server", "Failedness of the server"),
        ("refused", "it was Refused", "it was Refused"),
    ],
)
def test_a_placeholder_says_its_word_once(outcome: str, reason: str, rest: str) -> None:
    def drawn(words: str) -> bytes:
        return contact_sheet([Cell(1, outcome=outcome, reason=words)], title="")  # type: ignore[arg-type]

    assert drawn(reason) == drawn(rest)


class TestBeforeAfter:
    def test_the_old_is_left_and_the_new_right(self) -> None:
        red, blue = (png(Image.new("RGB", (800, 800), paint)) for paint in ("#e01010", "#1010e0"))
        made = opened(before_after(Side(red, 1), Side(blue, 2), number=7, title="sku-7")).convert("RGB")
        left, right = made.getpixel((400, 500)), made.getpixel((made.width - 400, 500))
        assert left[0] > 200 > left[2]
        assert right[2] > 200 > right[0]

    def test_captions_and_states_are_drawn(self) -> None:
        def made(caption: str = "", mark: str | None = None) -> Image.Image:
            side = Side(PICTURE, 1, caption, mark)  # type: ignore[arg-type]
            return opened(before_after(side, Side(PICTURE, 2, "x"), number=1, title="t")).convert("RGB")

        assert changed(made(), made("wrong colour"))[1] > 124 + 760
        assert changed(made(), made(mark="rejected"))[3] < 124 + 60

    @pytest.mark.parametrize("shape", [None, Size(1536, 1024), Size(1024, 1536), Size(4000, 100)])
    def test_it_is_a_labelled_jpeg_of_any_shape_under_two_megabytes(self, shape: Size | None) -> None:
        noise = png(Image.effect_noise((1000, 1000), 120))
        made = before_after(
            Side(noise, 1), Side(noise, 12, "w " * 900), number=3, title="t" * 500, shape=shape
        )
        assert len(made) <= MAX_BYTES
        assert opened(made).format == "JPEG"
        assert read_disclosure(made) == MADE_WITH_A_MODEL

    def test_a_version_that_cannot_be_read_leaves_the_other_to_be_seen(self) -> None:
        content = before_after(Side(b"gone", 1), Side(lambda: png(photo(900, 900)), 2), number=1, title="t")
        made = opened(content).convert("RGB")
        assert made.getpixel((made.width - 40 - 600, 124 + 100))[0] > 200
