"""The quality gate's eyes: what it lets through, what it finds, and what it calls alike."""

from __future__ import annotations

import io
import itertools
import struct
import time

import pytest
from picture_builders import bomb_png, display_p3, photo, png, saved
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from bot.imaging.fingerprint import REMEMBERED, Seen, distance, fingerprint
from bot.imaging.pictures import open_picture
from bot.imaging.quality import Checks, Code, Flag, inspect
from providers.base import Size
from providers.drawing import draw

SIDE = 512


def codes(content: bytes, **wanted: object) -> list[str]:
    return [flag.code.value for flag in inspect(content, Checks(**wanted)).flags]  # type: ignore[arg-type]


def studio(prompt: str) -> Image.Image:
    return Image.open(io.BytesIO(draw(prompt, SIDE, SIDE))).convert("RGB")


def packshot(prompt: str, side: int = SIDE) -> Image.Image:
    cut = Image.open(io.BytesIO(draw(prompt, SIDE, SIDE, transparent=True))).resize((side, side))
    white = Image.new("RGB", (SIDE, SIDE), "white")
    white.paste(cut, ((SIDE - side) // 2,) * 2, cut)
    return white


def flat(paint: str, ground: str) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), ground)
    ImageDraw.Draw(image).rectangle((150, 130, 360, 390), paint)
    return image


def lines() -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(image).ellipse((150, 150, 350, 350), outline="black", width=2)
    return image


def sharp_before_blurred_ground() -> Image.Image:
    image = studio("striped shirt").filter(ImageFilter.GaussianBlur(14))
    cut = Image.open(io.BytesIO(draw("red mug", SIDE, SIDE, transparent=True))).resize((250, 250))
    image.paste(cut, (130, 200), cut)
    return image


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(studio("red leather handbag on white background"), id="studio"),
        pytest.param(packshot("teal mug"), id="packshot on white"),
        pytest.param(packshot("white mug"), id="white on white"),
        pytest.param(packshot("navy running shoe", 80), id="small product on much white"),
        pytest.param(flat("#e05030", "#f2f2f2"), id="flat illustration"),
        pytest.param(flat("#dcdcdc", "#e8e8e8"), id="pale on pale"),
        pytest.param(lines(), id="line drawing"),
        pytest.param(sharp_before_blurred_ground(), id="sharp before a blurred ground"),
        pytest.param(studio("teal mug").filter(ImageFilter.GaussianBlur(1)), id="a little soft"),
        pytest.param(studio("black phone").convert("L"), id="grey"),
        pytest.param(studio("yellow lamp").convert("CMYK").convert("RGB"), id="dull"),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_good_picture_of_any_kind_passes(image: Image.Image, form: str) -> None:
    assert inspect(saved(image, form), Checks(Size(SIDE, SIDE))).flags == ()


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(studio("teal mug").filter(ImageFilter.GaussianBlur(4)), id="studio"),
        pytest.param(packshot("teal mug").filter(ImageFilter.GaussianBlur(4)), id="packshot"),
        pytest.param(lines().filter(ImageFilter.GaussianBlur(5)), id="line drawing"),
        pytest.param(Image.radial_gradient("L").resize((SIDE, SIDE)), id="shading only"),
    ],
)
def test_a_picture_with_nothing_sharp_in_it_is_found(image: Image.Image) -> None:
    assert codes(png(image)) == ["blurred"]


def test_how_soft_it_is_comes_out_as_the_blur_that_was_put_in() -> None:
    # A step blurred by a Gaussian of s px is measured as s px: the formula's own arithmetic.
    step = Image.new("L", (SIDE, SIDE), 40)
    step.paste(220, (200, 0, SIDE, SIDE))
    for sigma in (1.0, 2.0, 3.0, 4.0):
        found = inspect(png(step.filter(ImageFilter.GaussianBlur(sigma))), Checks()).softness_px
        assert found is not None
        assert abs(found - sigma) < 0.4, sigma


@pytest.mark.parametrize("contrast", [0.15, 0.5, 1.0])
def test_a_pale_picture_is_not_called_softer_than_a_strong_one(contrast: float) -> None:
    pale = ImageEnhance.Contrast(studio("red handbag")).enhance(contrast)
    assert codes(png(pale)) == []


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(Image.new("RGB", (SIDE, SIDE), "white"), id="white"),
        pytest.param(Image.new("RGB", (SIDE, SIDE), "#7a6a5a"), id="one colour"),
        pytest.param(Image.effect_noise((SIDE, SIDE), 12), id="one colour with grain"),
        pytest.param(Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)), id="wholly see-through"),
        pytest.param(Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0)), id="see-through white"),
    ],
)
def test_a_picture_of_nearly_one_colour_is_found_and_has_no_fingerprint(image: Image.Image) -> None:
    verdict = inspect(png(image), Checks())
    assert verdict.flags == (Flag(Code.BLANK, "nearly one colour"),)
    assert verdict.phash is None


def test_a_white_product_cut_out_is_not_empty() -> None:
    image = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0))
    ImageDraw.Draw(image).ellipse((120, 120, 390, 390), fill=(252, 252, 252, 255))
    assert codes(png(image)) == []


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_short_is_found_at_every_length(form: str) -> None:
    whole = saved(studio("teal mug"), form)
    for share in (0.1, 0.5, 0.97):
        assert codes(whole[: int(len(whole) * share)]) == ["undecodable"]


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"GIF89a", bomb_png(60_000, 60_000), b"\x89PNG\r\n\x1a\n\x00"]
)
def test_what_is_no_picture_is_a_finding_and_no_error(content: bytes) -> None:
    verdict = inspect(content, Checks(Size(SIDE, SIDE), "white"))
    assert [flag.code for flag in verdict.flags] == [Code.UNDECODABLE]
    assert verdict.flags[0].words.endswith(".")


@pytest.mark.parametrize(
    ("made", "asked", "found"),
    [
        ((1024, 1024), "1024x1024", ""),
        ((1008, 1024), "1024x1024", ""),  # rounded to a multiple of 16
        ((2048, 2048), "1024x1024", ""),  # more than asked
        ((1024, 1024), "1536x1024", "wrong_shape: its shape is 1024x1024, 1536x1024 was asked"),
        ((1024, 1536), "1536x1024", "wrong_shape: its shape is 1024x1536, 1536x1024 was asked"),
        ((512, 512), "1024x1024", "wrong_size: it is 512x512 px, 1024x1024 was asked"),
    ],
)
def test_a_wrong_size_or_shape_is_said_in_figures(made: tuple[int, int], asked: str, found: str) -> None:
    flags = inspect(png(photo(*made)), Checks(Size.parse(asked))).flags
    assert [str(flag) for flag in flags] == ([found] if found else [])


def test_a_drawing_is_judged_by_its_shape_and_not_by_its_size() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="9"/></svg>'
    assert codes(svg, size=Size(2048, 2048)) == []
    assert codes(svg, size=Size(2048, 1024)) == ["wrong_shape"]
    assert codes(svg.replace(b"<circle", b"<script/><circle")) == ["undecodable"]


@pytest.mark.parametrize(
    ("image", "asked", "passes"),
    [
        (packshot("teal mug"), "white", True),
        (packshot("teal mug"), "#FFFFFF", True),
        (packshot("teal mug"), "#f0e0d0", False),
        (flat("#e05030", "#f4f4f4"), "white", True),  # within what JPEG and a soft shadow leave
        (flat("#e05030", "#e8e8e8"), "white", False),
        (studio("red handbag"), "white", False),
        (Image.new("RGB", (64, 64), "white"), "transparent", False),
    ],
)
def test_the_background_asked_is_looked_for_along_the_border(
    image: Image.Image, asked: str, passes: bool
) -> None:
    assert ("background" not in codes(png(image), background=asked)) is passes


def test_a_product_that_touches_the_edge_does_not_spoil_its_background() -> None:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(image).rectangle((200, 300, 330, SIDE), "#803010")
    assert codes(png(image), background="white") == []


def test_a_see_through_border_is_transparent_and_is_shown_on_white() -> None:
    cut = draw("red mug", SIDE, SIDE, transparent=True)
    assert codes(cut, background="transparent") == []
    assert codes(cut, background="white") == []
    assert codes(cut, background="#00ff00") == ["background"]


def test_a_background_is_compared_in_srgb() -> None:
    ground = Image.new("RGB", (SIDE, SIDE), (200, 60, 60))
    ImageDraw.Draw(ground).ellipse((150, 150, 350, 350), "white")
    plain, tagged = png(ground), png(ground, icc_profile=display_p3())
    assert codes(plain, background="#c83c3c") == []
    assert codes(tagged, background="#c83c3c") == ["background"]  # in Display P3 that is a stronger red


def test_a_colour_nobody_knows_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="mauvish"):
        Checks(background="mauvish")


def test_a_flag_is_kept_as_text_and_read_back() -> None:
    flag = Flag(Code.LOOKS_LIKE, "looks like row 12 (sku: 7)")
    assert Flag.read(str(flag)) == flag
    with pytest.raises(ValueError, match="sharpness"):
        Flag.read("sharpness: low")


class TestLookAlikes:
    def test_the_same_picture_saved_anew_is_alike(self) -> None:
        for prompt in ("teal mug", "red leather handbag", "navy running shoe in the studio"):
            image = studio(prompt)
            smaller = open_picture(saved(image.resize((300, 300)), "JPEG", quality=50))
            assert distance(fingerprint(image), fingerprint(smaller)).alike

    def test_the_same_product_in_two_colours_is_not(self) -> None:
        prints = [fingerprint(packshot(f"{paint} mug")) for paint in ("red", "teal", "navy", "black", "sage")]
        for a, b in itertools.combinations(prints, 2):
            assert distance(a, b).structure <= 6  # one shape: structure alone would call them alike
            assert not distance(a, b).alike

    def test_two_products_of_one_colour_are_not(self) -> None:
        prints = [fingerprint(packshot(f"teal {thing}")) for thing in ("mug", "handbag", "lamp", "bottle")]
        assert not any(distance(a, b).alike for a, b in itertools.combinations(prints, 2))

    def test_a_distance_is_bits_and_levels(self) -> None:
        a, b = "0" * 16 + "00" * 48, "000000000000000f" + "00" * 47 + "09"
        assert distance(a, b) == (4, 9)
        assert distance(a, a) == (0, 0)
        for broken in ("", "zz", "0" * 16, "0" * 111):
            with pytest.raises(ValueError, match=r"fingerprint|invalid|non-hexadecimal|hexadecimal"):
                distance(a, broken)

    def test_only_pictures_of_other_rows_count(self) -> None:
        phash, seen = fingerprint(studio("teal mug")), Seen()
        assert seen.like(phash, 1) is None
        seen.add(phash, 1, "sku-1")
        assert seen.like(phash, 1) is None  # a variant of the same row
        assert seen.like(phash, 2) == (1, "sku-1")

    def test_ten_thousand_pictures_are_compared_in_seconds(self) -> None:
        seen = Seen()
        for row in range(10_000):
            seen.add(struct.pack(">Q", row * 2654435761 % 2**64).hex() + "80" * 48, row, "")
        start = time.perf_counter()
        for row in range(100):
            seen.like("f" * 16 + "80" * 48, row)
        assert time.perf_counter() - start < 2.0  # a tenth of that where nothing else runs

    def test_the_oldest_are_forgotten_beyond_what_is_remembered(self) -> None:
        first, other, seen = "0" * 112, "f" * 16 + "80" * 48, Seen()
        seen.add(first, 1, "first")
        for _ in range(REMEMBERED - 1):
            seen.add(other, 2, "")
        assert seen.like(first, 3) == (1, "first")
        seen.add(other, 2, "")
        assert seen.like(first, 3) is None
