"""Previews and contact sheets: what people look at in the thread."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from picture_builders import corners, opened, photo, png, saved
from PIL import Image

from bot.imaging import lettering
from bot.imaging.contact_sheet import CELLS_PER_PAGE, MAX_BYTES, Cell, contact_sheet, count_words
from bot.imaging.disclosure import MADE_BY_A_MODEL, MADE_WITH_A_MODEL, read_disclosure
from bot.imaging.lettering import fit, length, printable, runs, wrap
from bot.imaging.pictures import NotAPicture, picture_size
from bot.imaging.preview import preview
from bot.imaging.renditions import render
from providers.base import Size

GREY_CARD = (244, 244, 246)


def test_a_preview_is_a_jpeg_no_longer_than_asked_with_its_label() -> None:
    made = preview(render(png(photo(900, 600))).content, 300)
    assert (opened(made).format, opened(made).size) == ("JPEG", (300, 200))
    assert corners(opened(made)) == ["red", "green", "blue", "white"]
    assert read_disclosure(made) == MADE_BY_A_MODEL


def test_a_preview_never_enlarges_and_has_a_white_ground() -> None:
    made = opened(preview(png(Image.new("RGBA", (40, 30), (0, 0, 0, 0))), 300))
    assert made.size == (40, 30)
    assert min(made.getpixel((20, 15))) > 250


def test_a_preview_of_something_else_is_refused() -> None:
    with pytest.raises(NotAPicture):
        preview(b"<html>404</html>", 300)


def test_a_pictures_size_is_told_without_decoding_it() -> None:
    content = png(photo(123, 45))
    assert picture_size(content[: len(content) // 2]) == (123, 45)


class TestSheet:
    def cells(self, count: int) -> list[Cell]:
        return [Cell(number, f"SKU-{number}", png(photo(90, 90))) for number in range(1, count + 1)]

    @pytest.mark.parametrize("count", range(1, CELLS_PER_PAGE + 1))
    def test_any_number_of_cells_to_a_page_makes_a_sheet(self, count: int) -> None:
        made = opened(contact_sheet([Cell(number) for number in range(count)], title="Chairs"))
        assert made.format == "JPEG"
        assert made.width <= 1600

    @pytest.mark.parametrize("count", [0, CELLS_PER_PAGE + 1])
    def test_no_cells_or_too_many_are_refused(self, count: int) -> None:
        with pytest.raises(ValueError, match="1 to 30"):
            contact_sheet([Cell(1)] * count, title="")

    def test_each_picture_stands_in_its_own_place(self) -> None:
        paints = ["#e01010", "#10c010", "#1010e0", "#f8f8f8"]
        cells = [
            Cell(index, "", png(Image.new("RGB", (400, 400), paint))) for index, paint in enumerate(paints)
        ]
        sheet = opened(contact_sheet(cells, title="Four"))
        middle = 124 + 365 // 2
        seen = [sheet.getpixel((40 + 365 // 2 + column * 385, middle)) for column in range(4)]
        for pixel, paint in zip(seen, paints, strict=True):
            wanted = tuple(int(paint[at : at + 2], 16) for at in (1, 3, 5))
            assert max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) < 12

    def test_a_refused_a_failed_and_an_unreadable_picture_have_their_own_look(self) -> None:
        def card(cell: Cell) -> tuple[int, int, int]:
            return opened(contact_sheet([cell], title="")).getpixel((120, 700))

        looks = [card(Cell(1, outcome=outcome)) for outcome in ("refused", "failed", "cancelled", "waiting")]
        assert len(set(looks)) == 4
        broken = card(Cell(1, "", b"not a picture"))
        assert max(abs(a - b) for a, b in zip(broken, GREY_CARD, strict=True)) < 4

    def test_a_reason_is_written_on_the_placeholder(self) -> None:
        plain = contact_sheet([Cell(1, outcome="refused")], title="")
        reasoned = contact_sheet([Cell(1, outcome="refused", reason="brand name in the prompt")], title="")
        assert _ink(reasoned) > _ink(plain) + 500

    def test_the_number_the_title_and_the_page_are_written(self) -> None:
        bare = _ink(contact_sheet([Cell(1)], title="", counts=" "))
        assert _ink(contact_sheet([Cell(88888)], title="", counts=" ")) > bare
        assert _ink(contact_sheet([Cell(1)], title="Chairs", counts=" ")) > bare
        assert _ink(contact_sheet([Cell(1)], title="", counts=" ", page=2, pages=9)) > bare

    def test_pictures_are_read_one_at_a_time_when_their_turn_comes(self) -> None:
        turns: list[int] = []

        def reader(number: int) -> bytes:
            turns.append(number)
            return png(photo(60, 60))

        contact_sheet([Cell(n, picture=lambda n=n: reader(n)) for n in (3, 1, 2)], title="")
        assert turns == [3, 1, 2]

    def test_memory_does_not_grow_with_the_number_of_pictures(self) -> None:
        master = saved(photo(1200, 1200), "JPEG")

        def peak(count: int) -> int:
            tracemalloc.start()
            contact_sheet([Cell(1, picture=lambda: bytes(bytearray(master)))] * count, title="")
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return found

        assert peak(30) < peak(6) + 2_000_000

    def test_a_sheet_of_the_noisiest_pictures_stays_under_two_megabytes(self) -> None:
        noise = png(Image.merge("RGB", [Image.effect_noise((300, 300), 120) for _ in range(3)]))
        assert len(contact_sheet([Cell(1, "noise", noise)] * 30, title="Noise")) <= MAX_BYTES

    def test_an_icon_is_shown_at_its_size_and_not_blown_up(self) -> None:
        sheet = opened(contact_sheet([Cell(1, "", png(Image.new("RGB", (64, 64), "#e01010")))], title=""))
        middle = (40 + 360, 124 + 360)
        assert sheet.getpixel(middle)[0] > 200
        beside = sheet.getpixel((middle[0] + 60, middle[1]))
        assert max(abs(a - b) for a, b in zip(beside, GREY_CARD, strict=True)) < 4

    def test_cards_take_the_shape_of_the_job(self) -> None:
        square = opened(contact_sheet(self.cells(6), title=""))
        wide = opened(contact_sheet(self.cells(6), title="", shape=Size(1536, 1024)))
        assert wide.width == square.width
        assert wide.height < square.height - 200

    def test_a_sheet_says_it_is_put_together_from_model_pictures(self) -> None:
        assert read_disclosure(contact_sheet(self.cells(1), title="")) == MADE_WITH_A_MODEL

    def test_cells_are_counted_by_outcome_for_the_header(self) -> None:
        cells = [
            Cell(1),
            Cell(2),
            Cell(3, outcome="refused"),
            Cell(4, outcome="failed"),
            Cell(5, outcome="waiting"),
        ]
        assert count_words(cells) == "2 pictures · 1 refused · 1 failed · 1 still working"
        assert count_words(cells[:1]) == "1 picture"

    @pytest.mark.parametrize(
        "text",
        [
            "Кресло",
            "竹製チェア",
            "كرسي",
            "😀🎉",
            "a\x00b\nc\td",
            "e\u0301\u0302" * 40,
            "\u202eevil",
            "x" * 5000,
            "\ud800",
        ],
    )
    def test_any_writing_in_a_sheet_row_can_be_a_caption(self, text: str) -> None:
        cells = [Cell(1, text, None, "failed", text)]
        assert opened(contact_sheet(cells, title=text, counts=text)).width == 800


class TestLettering:
    def test_a_text_that_fits_is_left_alone(self) -> None:
        assert fit("SKU-1", 20, 500) == "SKU-1"

    @pytest.mark.parametrize("keep_end", [True, False])
    @pytest.mark.parametrize("width", [0, 5, 40, 100, 235.5])
    def test_a_cut_text_is_as_long_as_fits_and_no_longer(self, keep_end: bool, width: float) -> None:
        text = "ACME-WINTER-CHAIR-OAK-NATURAL-LARGE-0007"
        made = fit(text, 20, width, keep_end=keep_end)
        assert made.count("…") == 1
        assert made == "…" or length(made, 20) <= width

    def test_a_key_is_cut_in_the_middle_so_that_its_end_shows(self) -> None:
        made = fit("ACME-WINTER-CHAIR-OAK-NATURAL-LARGE-0007", 20, 200, keep_end=True)
        assert made.startswith("ACME")
        assert made.endswith("0007")

    def test_a_reason_is_broken_between_words_and_its_last_line_cut(self) -> None:
        lines = wrap("the provider answered with a server error three times and gave up", 18, 150, 3)
        assert len(lines) == 3
        assert lines[0].startswith("the provider")
        assert lines[2].endswith("…")
        assert all(length(line, 18) <= 150 for line in lines)

    def test_control_characters_become_spaces(self) -> None:
        assert printable("a\x00b\r\n  c\u2028d") == "a b c d"

    def test_letters_no_font_has_become_one_ellipsis(self) -> None:
        assert _written("A \ue000\ue001\ue002 1") == "A … 1"

    def test_a_text_is_in_one_font_when_one_has_all_its_letters(self) -> None:
        assert [stretch for stretch, _ in runs("plain words", 20)] == ["plain words"]
        assert len(runs("SKU-1 \ue000", 20)) == 1

    def test_with_the_bundled_font_alone_accents_are_dropped_rather_than_letters(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lettering, "_OTHER_FONTS", ())
        assert _written("Canapé d’été – Søstærk Åre №5, 3 × 20 €") == (
            "Canape d’ete - Sostaerk Are No.5, 3 x 20 EUR"
        )
        assert _written("竹製チェア 0003") == "… 0003"
        assert _written("e\u0301\u0302") == "e"


def _written(text: str) -> str:
    return "".join(stretch for stretch, _ in runs(text, 20))


def _ink(content: bytes) -> int:
    """How many pixels are clearly darker than paper and cards."""
    return sum(level < 190 for level in _levels(content))


def _levels(content: bytes) -> Iterator[int]:
    return iter(opened(content).convert("L").tobytes())
