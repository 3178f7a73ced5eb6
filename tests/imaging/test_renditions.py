"""Renditions: any master a provider may send becomes the web-ready file that was asked for."""

from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from picture_builders import (
    bomb_png,
    bomb_webp,
    corners,
    display_p3,
    opened,
    p3_to_srgb,
    photo,
    photo_with_private_data,
    png,
    saved,
    with_jpeg_segment,
    with_png_chunk,
)
from PIL import Image, ImageCms, ImageFilter

from bot.imaging.disclosure import MADE_BY_A_MODEL, read_disclosure
from bot.imaging.renditions import Format, NotAPicture, RenderPolicy, render
from providers.base import Size

LOSSLESS = RenderPolicy(format="png")
FORMATS: tuple[Format, ...] = ("webp", "jpeg", "png")


@pytest.mark.parametrize(
    ("form", "media_type"), [("webp", "image/webp"), ("jpeg", "image/jpeg"), ("png", "image/png")]
)
def test_a_master_becomes_the_format_and_size_asked(form: Format, media_type: str) -> None:
    made = render(png(photo(300, 200)), Size(150, 100), RenderPolicy(format=form))
    image = opened(made.content)
    assert (image.format, image.size) == (form.upper(), (150, 100))
    assert (made.media_type, made.width, made.height, made.notes) == (media_type, 150, 100, ())
    assert corners(image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_every_format_providers_send_is_read(form: str) -> None:
    assert corners(opened(render(saved(photo(), form)).content)) == ["red", "green", "blue", "white"]


def test_without_a_size_the_master_keeps_its_own() -> None:
    assert opened(render(png(photo(97, 53))).content).size == (97, 53)


def test_a_better_quality_makes_a_bigger_file() -> None:
    master = png(Image.effect_noise((200, 200), 60).convert("RGB"))
    sizes = [len(render(master, None, RenderPolicy(quality=quality)).content) for quality in (20, 82, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


class TestFit:
    """A 400x200 master, left half red over blue, right half green over white, into a square."""

    def test_cover_crops_the_same_from_both_sides(self) -> None:
        image = opened(render(png(photo(400, 200)), Size(100, 100), LOSSLESS).content)
        assert image.size == (100, 100)
        assert image.getpixel((47, 20))[0] > 180, "red reaches the middle from the left"
        assert image.getpixel((52, 20))[1] > 150, "green reaches the middle from the right"

    def test_cover_crops_top_and_bottom_of_a_tall_master(self) -> None:
        image = opened(render(png(photo(200, 400)), Size(100, 100), LOSSLESS).content)
        assert image.getpixel((20, 47))[0] > 180
        assert image.getpixel((20, 52))[2] > 180

    def test_contain_shows_everything_on_the_background(self) -> None:
        policy = RenderPolicy(format="png", fit="contain", background="#102030")
        image = opened(render(png(photo(400, 200)), Size(100, 100), policy).content)
        assert image.size == (100, 100)
        assert image.getpixel((50, 10)) == image.getpixel((50, 90)) == (16, 32, 48)
        assert corners(image.crop((0, 25, 100, 75))) == ["red", "green", "blue", "white"]

    def test_contain_can_have_a_see_through_background(self) -> None:
        policy = RenderPolicy(format="webp", fit="contain", background="#ffffff00")
        image = opened(render(png(photo(400, 200)), Size(100, 100), policy).content)
        assert image.mode == "RGBA"
        assert image.getpixel((50, 10))[3] == 0
        assert image.getpixel((50, 50))[3] == 255

    def test_inside_keeps_the_shape_and_never_enlarges(self) -> None:
        inside = RenderPolicy(fit="inside")
        assert opened(render(png(photo(400, 200)), Size(100, 100), inside).content).size == (100, 50)
        assert opened(render(png(photo(40, 20)), Size(100, 100), inside).content).size == (40, 20)

    def test_stretch_gives_the_size_whatever_the_shape(self) -> None:
        image = opened(render(png(photo(400, 200)), Size(80, 160), RenderPolicy(fit="stretch")).content)
        assert image.size == (80, 160)
        assert corners(image) == ["red", "green", "blue", "white"]

    def test_enlarging_is_noted_with_how_much(self) -> None:
        assert render(png(photo(50, 50)), Size(100, 100)).notes == ("Enlarged 2.00 times from 50x50.",)

    def test_a_thread_thin_master_still_has_a_pixel_of_height(self) -> None:
        made = render(png(photo(2000, 2)), Size(100, 100), RenderPolicy(fit="inside"))
        assert opened(made.content).size == (100, 1)


class TestModes:
    def test_a_palette_picture_is_resized_smoothly_not_by_nearest_pixel(self) -> None:
        stripes = Image.new("P", (200, 200))
        stripes.putpalette([0, 0, 0, 255, 255, 255])
        stripes.putdata([x // 2 % 2 for _ in range(200) for x in range(200)])
        small = opened(render(png(stripes), Size(67, 67), LOSSLESS).content).convert("L")
        in_between = sum(40 < level < 215 for level in small.get_flattened_data())
        assert in_between > 0.5 * 67 * 67, "NEAREST would give pure black and white only"

    def test_a_palette_pictures_transparent_colour_stays_transparent(self) -> None:
        picture = photo(64, 64).quantize(8)
        red = picture.getpixel((5, 5))
        image = opened(render(png(picture, transparency=red), Size(32, 32)).content)
        assert image.mode == "RGBA"
        assert image.getpixel((5, 5))[3] == 0
        assert image.getpixel((28, 28))[3] == 255

    def test_sixteen_bit_grey_keeps_its_grey(self) -> None:
        grey = Image.new("I;16", (40, 40), 32896)
        image = opened(render(png(grey), Size(20, 20), LOSSLESS).content).convert("L")
        assert 126 <= image.getpixel((10, 10)) <= 129, "clipping would make it white"

    def test_sixteen_bit_grey_reaches_black_and_white(self) -> None:
        ramp = Image.new("I;16", (2, 1))
        ramp.putpixel((0, 0), 0)
        ramp.putpixel((1, 0), 65535)
        image = opened(render(png(ramp), None, LOSSLESS).content).convert("L")
        assert [image.getpixel((0, 0)), image.getpixel((1, 0))] == [0, 255]

    def test_cmyk_becomes_rgb_of_about_the_same_colours(self) -> None:
        image = opened(render(saved(photo(mode="CMYK"), "JPEG", quality=95), Size(48, 32), LOSSLESS).content)
        assert image.mode == "RGB"
        assert corners(image) == ["red", "green", "blue", "white"]

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
    @pytest.mark.parametrize("form", FORMATS)
    def test_every_png_mode_makes_every_format(self, mode: str, form: Format) -> None:
        picture = photo(60, 60, "L").convert(mode) if mode in ("1", "LA") else photo(60, 60, mode)
        made = render(png(picture), Size(30, 30), RenderPolicy(format=form))
        assert opened(made.content).size == (30, 30)

    def test_see_through_edges_get_no_dark_rim(self) -> None:
        picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
        picture.paste((255, 255, 255, 255), (20, 20, 80, 80))
        image = opened(render(png(picture), Size(33, 33), LOSSLESS).content)
        partly = [(r, a) for r, _, _, a in image.get_flattened_data() if 40 < a < 220]
        assert partly, "the edge is soft"
        assert all(red > 240 for red, _ in partly), "and white, though the invisible part is black"

    def test_alpha_survives_in_webp_and_png(self) -> None:
        picture = photo(64, 64, "RGBA")
        picture.paste((0, 0, 0, 0), (0, 0, 32, 32))
        for form in ("webp", "png"):
            image = opened(render(png(picture), Size(32, 32), RenderPolicy(format=form)).content)
            assert image.getpixel((4, 4))[3] < 5
            assert image.getpixel((28, 28))[3] > 250

    def test_a_jpeg_fills_see_through_parts_with_the_background_and_says_so(self) -> None:
        picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        made = render(png(picture), None, RenderPolicy(format="jpeg", background="#ff8000"))
        red, green, blue = opened(made.content).getpixel((30, 30))
        assert abs(red - 255) < 6
        assert abs(green - 128) < 6
        assert blue < 8
        assert made.notes == ("See-through parts were filled with #ff8000: JPEG cannot hold them.",)

    def test_an_opaque_rgba_master_is_written_without_alpha(self) -> None:
        assert opened(render(png(photo(mode="RGBA")), None, LOSSLESS).content).mode == "RGB"


class TestColour:
    def test_display_p3_is_converted_and_not_just_stripped(self) -> None:
        worst = 0.0
        for pixel in ((200, 80, 60), (90, 150, 100), (90, 90, 200), (128, 128, 128), (230, 200, 170)):
            master = png(Image.new("RGB", (40, 40), pixel), icc_profile=display_p3())
            made = render(master, Size(20, 20), LOSSLESS)
            image = opened(made.content)
            assert "icc_profile" not in image.info
            assert made.notes == ("Colours were converted from Display P3 to sRGB.",)
            expected = p3_to_srgb(pixel)
            worst = max(worst, *(abs(a - b) for a, b in zip(image.getpixel((9, 9)), expected, strict=True)))
        assert worst <= 1.5, "levels of 255, against the arithmetic of CSS Color 4"

    def test_colours_outside_srgb_are_brought_to_its_edge(self) -> None:
        master = png(Image.new("RGB", (8, 8), (255, 0, 0)), icc_profile=display_p3())
        assert opened(render(master, None, LOSSLESS).content).getpixel((4, 4)) == (255, 0, 0)

    def test_a_profile_keeps_working_with_alpha(self) -> None:
        picture = Image.new("RGBA", (40, 40), (200, 80, 60, 128))
        image = opened(render(png(picture, icc_profile=display_p3()), None, LOSSLESS).content)
        expected = p3_to_srgb((200, 80, 60))
        pixel = image.getpixel((9, 9))
        assert pixel[3] == 128
        assert all(abs(a - b) <= 1.5 for a, b in zip(pixel[:3], expected, strict=True))

    def test_an_srgb_profile_changes_nothing(self) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        made = render(png(Image.new("RGB", (8, 8), (200, 80, 60)), icc_profile=profile), None, LOSSLESS)
        assert opened(made.content).getpixel((4, 4)) == (200, 80, 60)
        assert made.notes == ()

    @pytest.mark.parametrize("profile", [b"not a profile", display_p3()[:200], b"\x00" * 500])
    def test_a_broken_profile_is_left_out_with_a_note(self, profile: bytes) -> None:
        made = render(png(Image.new("RGB", (8, 8), (200, 80, 60)), icc_profile=profile), None, LOSSLESS)
        assert opened(made.content).getpixel((4, 4)) == (200, 80, 60)
        assert made.notes == ("The colour profile could not be read; colours were taken as sRGB.",)

    def test_a_profile_for_another_kind_of_picture_is_left_out_with_a_note(self) -> None:
        made = render(saved(photo(mode="CMYK"), "JPEG", icc_profile=display_p3()), None, LOSSLESS)
        assert "could not be read" in made.notes[0]
        assert corners(opened(made.content)) == ["red", "green", "blue", "white"]

    def test_a_grey_picture_with_a_colour_profile_is_converted(self) -> None:
        made = render(png(Image.new("L", (8, 8), 100), icc_profile=display_p3()), None, LOSSLESS)
        red, green, blue = opened(made.content).getpixel((4, 4))
        assert max(abs(value - 100) for value in (red, green, blue)) <= 1, "grey is grey in both"


UPRIGHT = {
    1: ["red", "green", "blue", "white"],
    2: ["green", "red", "white", "blue"],
    3: ["white", "blue", "green", "red"],
    4: ["blue", "white", "red", "green"],
    5: ["red", "blue", "green", "white"],
    6: ["blue", "red", "white", "green"],
    7: ["white", "green", "blue", "red"],
    8: ["green", "white", "red", "blue"],
}
"""The corners of a picture stored with this orientation, seen upright."""


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_turned_picture_is_made_upright(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = opened(render(saved(photo(96, 64), "JPEG", exif=exif, quality=95)).content)
        assert image.size == ((96, 64) if orientation < 5 else (64, 96))
        assert corners(image) == UPRIGHT[orientation]
        assert 0x0112 not in image.getexif()

    def test_a_turned_picture_is_fitted_by_its_upright_shape(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        made = render(saved(photo(2000, 1000), "JPEG", exif=exif), Size(200, 200), RenderPolicy(fit="inside"))
        assert opened(made.content).size == (100, 200)

    @pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's own word to the log
    def test_exif_that_makes_no_sense_does_not_refuse_the_picture(self) -> None:
        master = with_jpeg_segment(
            saved(photo(), "JPEG"), 0xE1, b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage"
        )
        assert corners(opened(render(master).content)) == ["red", "green", "blue", "white"]


class TestPrivateData:
    @pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize("size", [None, Size(48, 32)])
    def test_nothing_private_reaches_a_rendition(self, source: str, form: Format, size: Size | None) -> None:
        master = photo_with_private_data(source)
        assert b"ecret" in master, "the master has it"
        made = render(master, size, RenderPolicy(format=form))
        image = opened(made.content)
        assert b"ecret" not in made.content
        assert dict(image.getexif()) == {}
        assert not set(image.info) & {"exif", "comment", "parameters", "Comment", "icc_profile", "dpi"}
        assert read_disclosure(made.content) == MADE_BY_A_MODEL


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "empty"),
            (b"hello, I am not a picture", "not a PNG, JPEG or WebP"),
            (b"<?xml version='1.0'?><!-- x --><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
            (b"GIF89a" + b"\x00" * 50, "GIF"),
            (b"\x89PNG\r\n\x1a\n", "header|damaged"),
            (b"\xff\xd8\xff\xe0", "header"),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "header"),
            (b"RIFF\x00\x00\x00\x00WEBPABCD" + b"\x01" * 40, "header"),
            (b'{"error": {"message": "expired"}}', "not a PNG"),
        ],
    )
    def test_what_is_no_picture_is_refused_with_a_sentence(self, content: bytes, why: str) -> None:
        with pytest.raises(NotAPicture, match=why) as caught:
            render(content)
        assert str(caught.value).endswith(".")

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
    def test_a_download_cut_short_is_refused(self, form: str, share: float) -> None:
        content = saved(Image.effect_noise((120, 120), 60).convert("RGB"), form)
        with pytest.raises(NotAPicture):
            render(content[: int(len(content) * share)])

    def test_a_png_that_only_lacks_its_end_is_refused(self) -> None:
        with pytest.raises(NotAPicture, match="no end mark"):
            render(png(photo())[:-12])

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
    def test_garbled_bytes_are_refused_or_drawn_but_never_crash(self, form: str) -> None:
        content = saved(photo(), form)
        for at in range(8, len(content), max(1, len(content) // 150)):
            garbled = content[:at] + bytes((content[at] ^ 0x5A,)) + content[at + 1 :]
            try:
                render(garbled, Size(16, 16), RenderPolicy(method=0))
            except NotAPicture as error:
                assert str(error).endswith(".")  # noqa: PT017

    @pytest.mark.parametrize(
        "content", [bomb_png(9000, 9000), bomb_png(2**31 - 1, 2**31 - 1), bomb_webp(16384, 16384)]
    )
    def test_a_small_file_that_claims_to_be_huge_is_refused_unopened(self, content: bytes) -> None:
        assert len(content) < 300
        with pytest.raises(NotAPicture, match="million"):
            render(content)

    def test_the_pixel_limit_is_the_policys(self) -> None:
        with pytest.raises(NotAPicture, match="100x100 px"):
            render(png(photo(100, 100)), None, RenderPolicy(max_pixels=9_999))
        render(png(photo(100, 100)), None, RenderPolicy(max_pixels=10_000))

    def test_a_compressed_text_bomb_in_a_png_is_refused(self) -> None:
        import zlib

        bomb = b"note\x00\x00" + zlib.compress(b"A" * 100_000_000, 9)
        with pytest.raises(NotAPicture):
            render(with_png_chunk(png(photo()), b"zTXt", bomb))

    @pytest.mark.parametrize("form", ["PNG", "WEBP"])
    def test_an_animation_is_refused_rather_than_cut_to_its_first_frame(self, form: str) -> None:
        frames = [photo(), photo().rotate(90), photo().rotate(180)]
        content = saved(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        with pytest.raises(NotAPicture, match="animation of 3 frames"):
            render(content)

    def test_a_size_the_format_cannot_hold_is_refused_before_work(self) -> None:
        with pytest.raises(ValueError, match="16383"):
            render(b"never looked at", Size(16384, 10))
        with pytest.raises(ValueError, match="at most 1000 are made"):
            render(b"never looked at", Size(100, 100), RenderPolicy(max_pixels=1000))

    @pytest.mark.parametrize(
        "wrong", [{"quality": 0}, {"quality": 101}, {"method": 7}, {"background": "blurple"}]
    )
    def test_a_policy_that_cannot_be_followed_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError):
            RenderPolicy(**wrong)


class TestExtremes:
    @pytest.mark.parametrize("form", FORMATS)
    def test_a_single_pixel_is_a_picture(self, form: Format) -> None:
        made = render(png(Image.new("RGB", (1, 1), "red")), None, RenderPolicy(format=form))
        assert opened(made.content).size == (1, 1)
        assert opened(render(png(Image.new("RGB", (1, 1), "red")), Size(64, 64)).content).size == (64, 64)

    def test_a_master_wider_than_webp_can_hold_is_shrunk_with_a_note(self) -> None:
        made = render(png(Image.new("RGB", (16_384, 4), "red")), None, RenderPolicy(method=0))
        assert opened(made.content).size == (16_383, 4)
        assert made.notes == ("Shrunk from 16384x4: a webp side is at most 16383 px.",)

    def test_a_wide_master_keeps_its_width_in_png(self) -> None:
        assert render(png(Image.new("RGB", (16_384, 4), "red")), None, LOSSLESS).width == 16_384


def test_many_threads_give_the_same_bytes_as_one() -> None:
    masters = [png(photo(200 + index, 160), icc_profile=display_p3()) for index in range(8)]
    alone = [render(master, Size(80, 80)).content for master in masters]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda master: render(master, Size(80, 80)).content, masters * 5))
    assert together == alone * 5


def test_pillows_own_pixel_limit_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    render(png(photo()))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("side", [100, 333, 700])
def test_the_short_cuts_for_small_renditions_cost_no_detail(form: str, side: int) -> None:
    grain = Image.effect_noise((2000, 2000), 90).filter(ImageFilter.GaussianBlur(3)).convert("RGB")
    small = opened(render(saved(grain, form, quality=98), Size(side, side), LOSSLESS).content)
    exact = grain.resize((side, side), Image.Resampling.LANCZOS)
    difference = [abs(a - b) for a, b in zip(small.tobytes(), exact.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 0.6
    assert max(difference) < 8


def test_a_webp_rendition_is_a_well_formed_riff_file() -> None:
    content = render(png(photo())).content
    assert struct.unpack("<I", content[4:8])[0] + 8 == len(content)
    assert Image.open(io.BytesIO(content)).format == "WEBP"
