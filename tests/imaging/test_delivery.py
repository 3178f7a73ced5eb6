"""Delivery: one master to what each channel takes, and what the files are called."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_builders import corners, opened, photo, photo_with_private_data, png, saved, with_c2pa
from PIL import Image, ImageDraw

from bot.imaging.delivery import CannotDeliver, deliver
from bot.imaging.disclosure import MADE_BY_A_MODEL, has_c2pa, read_disclosure
from bot.imaging.file_names import LONGEST, BadPattern, Names, safe_name
from bot.imaging.focus import crop_box, focal_point
from bot.imaging.pictures import NotAPicture
from bot.imaging.presets import PRESETS, Delivery, find
from providers.base import Size
from providers.drawing import draw


def noise(side: int = 400) -> bytes:
    return png(Image.merge("RGB", [Image.effect_noise((side, side), 90) for _ in range(3)]))


def with_ball(width: int, height: int, x: float, y: float, ground: str = "#f4f4f4") -> Image.Image:
    """A red ball, a tenth of the shorter side in radius, at a point given as shares."""
    image = Image.new("RGB", (width, height), ground)
    radius = min(width, height) / 10
    at = (x * width - radius, y * height - radius, x * width + radius, y * height + radius)
    ImageDraw.Draw(image).ellipse(at, "#c01818")
    return image


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_file_of_its_size_and_format_within_its_cap(name: str) -> None:
    preset = PRESETS[name]
    made = deliver(saved(Image.open(io.BytesIO(draw("red mug", 1024, 1024))), "PNG"), preset)
    image = opened(made.content)
    assert (image.width, image.height) == (made.width, made.height) == (preset.size.width, preset.size.height)
    assert image.format == preset.format.upper()
    assert image.mode == "RGB"
    assert preset.max_bytes is None or len(made.content) <= preset.max_bytes
    assert made.extension in ("jpg", "webp")
    assert read_disclosure(made.content) == MADE_BY_A_MODEL
    assert preset.source


def test_a_delivered_file_has_no_private_data_and_keeps_the_label_of_its_origin() -> None:
    for form in ("PNG", "JPEG", "WEBP"):
        made = deliver(photo_with_private_data(form), find("200x200.jpg"))
        assert b"secret" not in made.content.lower()
        assert not opened(made.content).getexif()
        assert not has_c2pa(deliver(with_c2pa(form), find("200x200.webp")).content)
        assert read_disclosure(deliver(with_c2pa(form), find("200x200.webp")).content) == MADE_BY_A_MODEL
    assert read_disclosure(deliver(png(photo()), find("90x90.png"), disclosure=False).content) is None


@pytest.mark.parametrize("text", ["1200x800", "1200 x 800.jpg", "1200×800.JPEG", " 1200X800.webp "])
def test_a_size_of_ones_own_is_a_preset(text: str) -> None:
    preset = find(text)
    assert preset.size == Size(1200, 800)
    assert find(preset.name) == preset
    ending = text.strip().lower().rpartition(".")[2]
    assert preset.format == {"webp": "webp", "png": "png"}.get(ending, "jpeg")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("etsy", "no delivery preset. Write one of shopify, amazon-main"),
        ("", "no delivery preset"),
        ("1200x800.gif", "“.gif” files are not made"),
        ("0x800", "no pixels"),
        ("20000x20000.png", "million pixels"),
        ("17000x10.webp", "16,383 px"),
        ("99999x99999999.jpg", "no delivery preset"),
    ],
)
def test_a_preset_nobody_can_make_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        find(text)


class TestByteCap:
    def test_the_best_quality_within_the_cap_is_found(self) -> None:
        master = noise()
        for format_ in ("jpeg", "webp"):
            for cap in (60_000, 90_000):
                preset = Delivery("x", Size(400, 400), format_, max_bytes=cap, quality=95, least_quality=10)
                made = deliver(master, preset)
                assert made.quality is not None
                assert 0.9 * cap < len(made.content) <= cap
                better = Delivery("x", Size(400, 400), format_, quality=made.quality + 1, least_quality=1)
                assert len(deliver(master, better).content) > cap  # one step more would be too much

    def test_a_cap_that_is_no_bound_costs_no_quality(self) -> None:
        made = deliver(png(photo()), Delivery("x", Size(90, 60), max_bytes=10**7, quality=91))
        assert made.quality == 91

    def test_a_cap_that_cannot_be_met_is_a_sentence_with_its_figures(self) -> None:
        with pytest.raises(CannotDeliver, match=r"x: 400x400 px at quality 40 still has \d+ kB, and 9 kB"):
            deliver(noise(), Delivery("x", Size(400, 400), max_bytes=9_000))
        with pytest.raises(CannotDeliver, match=r"x: 400x400 px still has"):
            deliver(noise(), Delivery("x", Size(400, 400), "png", max_bytes=9_000))

    def test_a_smaller_picture_is_made_only_where_the_preset_allows_it(self) -> None:
        for format_ in ("jpeg", "png", "webp"):
            preset = Delivery("x", Size(400, 300), format_, max_bytes=30_000, smallest=Size(80, 60))
            made = deliver(noise(), preset)
            assert len(made.content) <= 30_000
            assert 80 <= made.width < 400
            assert abs(made.width * 3 - made.height * 4) <= 6
            assert f"Made {made.width}x{made.height} instead of 400x300 to stay under 30 kB." in made.notes

    def test_it_is_not_made_smaller_than_the_preset_allows(self) -> None:
        preset = Delivery("x", Size(400, 400), max_bytes=9_000, smallest=Size(300, 300))
        with pytest.raises(CannotDeliver, match="300x300"):
            deliver(noise(), preset)

    @pytest.mark.parametrize("options", [{"max_bytes": 0}, {"quality": 30}, {"quality": 101}])
    def test_a_cap_or_quality_without_sense_is_refused(self, options: dict[str, int]) -> None:
        with pytest.raises(ValueError, match=r"bytes|quality"):
            Delivery("x", Size(10, 10), **options)  # type: ignore[arg-type]


class TestFocus:
    @pytest.mark.parametrize(("x", "y"), [(0.2, 0.5), (0.8, 0.3), (0.5, 0.85), (0.12, 0.12)])
    @pytest.mark.parametrize("ground", ["#f4f4f4", "#203040"])
    def test_the_centre_of_interest_is_where_the_product_is(self, x: float, y: float, ground: str) -> None:
        found = focal_point(with_ball(900, 600, x, y, ground))
        assert abs(found[0] - x) < 0.04
        assert abs(found[1] - y) < 0.04

    def test_a_cut_out_product_is_found_too(self) -> None:
        image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
        image.paste(with_ball(200, 200, 0.5, 0.5, "#c01818"), (380, 20))
        x, y = focal_point(image)
        assert abs(x - 0.8) < 0.04
        assert abs(y - 0.2) < 0.04

    def test_nothing_of_interest_is_the_centre(self) -> None:
        for image in (Image.new("RGB", (70, 30), "white"), Image.new("RGBA", (1, 1)), Image.new("L", (3, 9))):
            assert focal_point(image) == (0.5, 0.5)

    def test_a_crop_keeps_the_product_where_the_middle_would_cut_it(self) -> None:
        master = png(with_ball(1200, 600, 0.12, 0.5))

        def red(content: bytes) -> int:
            pixels = opened(content).convert("RGB")
            return sum(r > 150 and g < 80 for r, g, _ in pixels.get_flattened_data())

        preset = PRESETS["instagram-portrait"]
        centre = Delivery("x", preset.size, focus=(0.5, 0.5))
        assert red(deliver(master, preset).content) > 10_000
        assert red(deliver(master, centre).content) == 0

    def test_a_point_given_is_kept_as_near_the_middle_as_the_edges_allow(self) -> None:
        assert crop_box((1000, 500), (100, 100), (0.5, 0.5)) == (250, 0, 750, 500)
        assert crop_box((1000, 500), (100, 100), (0.0, 0.9)) == (0, 0, 500, 500)
        assert crop_box((1000, 500), (100, 100), (1.0, 0.0)) == (500, 0, 1000, 500)
        assert crop_box((400, 800), (100, 100), (0.5, 0.25)) == (0, 0, 400, 400)

    def test_without_padding_contain_shows_all_corners(self) -> None:
        made = deliver(png(photo(400, 400)), Delivery("x", Size(600, 600), "png", fit="contain"))
        assert corners(opened(made.content)) == ["red", "green", "blue", "white"]


class TestAmazon:
    def notes(self, image: Image.Image) -> str:
        return " ".join(deliver(png(image), PRESETS["amazon-main"]).notes)

    def test_a_product_that_fills_a_white_frame_has_nothing_said_of_it(self) -> None:
        image = Image.new("RGB", (1000, 1000), "white")
        ImageDraw.Draw(image).ellipse((60, 100, 940, 900), "#803010")
        assert "wants" not in self.notes(image)

    def test_a_ground_that_is_not_pure_white_is_said(self) -> None:
        assert "wants a pure white ground; only 0% of" in self.notes(with_ball(900, 900, 0.5, 0.5, "#f4f4f4"))

    def test_a_product_lost_in_its_frame_is_said(self) -> None:
        assert "fill 85% of the frame; it fills 20%" in self.notes(with_ball(900, 900, 0.5, 0.5, "#ffffff"))

    def test_see_through_parts_and_padding_become_pure_white(self) -> None:
        cut = Image.open(io.BytesIO(draw("red mug", 600, 400, transparent=True)))
        made = opened(deliver(png(cut), PRESETS["amazon-main"]).content)
        assert made.getpixel((3, 3)) == (255, 255, 255)
        assert made.getpixel((1000, 3)) == (255, 255, 255)


def test_a_drawing_is_delivered_sharp() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="3"/></svg>'
    made = deliver(svg, find("300x200.png"))
    assert (made.width, made.height) == (300, 200)
    assert not any("Enlarged" in note for note in made.notes)


def test_what_is_no_picture_is_not_delivered() -> None:
    with pytest.raises(NotAPicture):
        deliver(b"<html>", find("300x200.png"))


VALUES = {
    "sku": "sku-7", "row": 3, "variant": 2, "version": 1, "preset": "story", "w": 1080, "h": 1920, "n": 17,
    "job": "spring", "ext": "jpg",
}  # fmt: skip


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "name"),
        [
            ("{sku}_{variant}_{w}x{h}.{ext}", "sku-7_2_1080x1920.jpg"),
            ("{sku}", "sku-7.jpg"),
            ("{preset}/{n:04d} {sku} v{version}", "story/0017-sku-7-v1.jpg"),
            ("{job}/{preset}/{row:2}-{sku}.{ext}", "spring/story/3-sku-7.jpg"),
            ("{{{sku}}}", "{sku-7}.jpg"),
        ],
    )
    def test_a_pattern_is_filled(self, pattern: str, name: str) -> None:
        assert Names(pattern).name(VALUES) == name

    @pytest.mark.parametrize(
        ("pattern", "says"),
        [
            ("{sku}_{colour}", "“{colour}” is not known"),
            ("{sku", "brace"),
            ("{0}{sku}", "“{0}” is not known"),
            ("{}{sku}", "“{}” is not known"),
            ("{sku.__class__}", "not known"),
            ("{sku!r}", "cannot be written"),
            ("{n:>99999999}", "cannot be written"),
            ("{sku:04d}", "cannot be written"),
            ("{preset}", "one name"),
            ("../{sku}", "leaves the folder"),
            ("/etc/{sku}", "leaves the folder"),
            ("a//{sku}", "leaves the folder"),
            ("{sku}/", "leaves the folder"),
        ],
    )
    def test_a_pattern_that_cannot_be_used_is_refused_in_a_sentence(self, pattern: str, says: str) -> None:
        with pytest.raises(BadPattern, match=re.escape(says)):
            Names(pattern)

    def test_no_name_is_given_twice_where_case_is_ignored(self) -> None:
        names = Names("{sku}")
        keys = ["Shoe", "shoe", "SHOE", "shoe-2", "sho\u0301e", "sh\u00f3e", "a/b", "a:b"]
        made = [names.name({**VALUES, "sku": key}) for key in keys]
        assert made[:4] == ["Shoe.jpg", "shoe-2.jpg", "SHOE-3.jpg", "shoe-2-2.jpg"]
        assert len({name.casefold() for name in made}) == len(keys)

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("../../etc/passwd", "etc-passwd"),
            ("C:\\Windows\\x", "C-Windows-x"),
            ("con", "_con"),
            ("COM1.jpg", "_COM1.jpg"),
            ("lpt³", "_lpt³"),
            ("console", "console"),
            ("a. ", "a"),
            (".hidden", "hidden"),
            ("tab\there\x00\u202e", "tab-here"),
            ("\ud800", "picture"),
            ("", "picture"),
            ("...", "picture"),
            ("Stuhl für Ärzte", "Stuhl-für-Ärzte"),
            ("竹椅", "竹椅"),
        ],
    )
    def test_a_name_is_made_safe(self, text: str, name: str) -> None:
        assert safe_name(text) == name

    @given(st.text(max_size=300), st.sampled_from(["{sku}", "{sku}.{ext}", "{preset}/{sku}_{n}"]))
    def test_whatever_a_key_is_its_name_is_legal_and_in_its_folder(self, key: str, pattern: str) -> None:
        names = Names(pattern)
        first, second = (names.name({**VALUES, "sku": key, "job": key}) for _ in range(2))
        assert first.casefold() != second.casefold()
        for name in (first, second):
            parts = name.split("/")
            assert len(parts) == pattern.count("/") + 1
            for part in parts:
                assert part.strip(". ") == part
                assert not re.search(r'[<>:"\\|?*\x00-\x1f]', part)
                assert len(part.encode()) <= LONGEST
                assert part.upper().partition(".")[0] not in ("CON", "NUL", "AUX", "PRN", "COM1")
            assert name.endswith(".jpg")
