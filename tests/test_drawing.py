"""Pictures drawn from words."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from PIL import Image, ImageStat

from providers.drawing import MEDIA_TYPES, NAMED_COLOURS, draw, drawable, read_wish
from providers.drawing_shapes import FAINT_WORDS, SILHOUETTES, WORDS
from providers.drawing_studio import Wish


def opened(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def wish(prompt: str) -> Wish:
    return read_wish(prompt, random.Random(0))


def test_the_same_wish_is_the_same_picture() -> None:
    assert draw("red mug", 256, 192, seed=3) == draw("red mug", 256, 192, seed=3)


def test_another_seed_or_prompt_is_another_picture() -> None:
    pictures = {draw("red mug", 128, 128, seed=seed) for seed in range(6)}
    assert len(pictures) == 6
    assert draw("blue mug", 128, 128) not in pictures


@pytest.mark.parametrize(
    "size", [(64, 64), (16, 16), (64, 96), (1024, 1024), (1536, 1024), (300, 17), (17, 300), (4096, 512)]
)
def test_every_size(size: tuple[int, int]) -> None:
    assert opened(draw("brown boot with laces", *size, label="simulated")).size == size


def test_the_largest_size() -> None:
    assert opened(draw("green plant", 4096, 4096, media_type="image/jpeg")).size == (4096, 4096)


@pytest.mark.parametrize("size", [(15, 64), (64, 4097), (0, 0)])
def test_a_size_out_of_bounds_is_told(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]}: sides must be 16..4096"):
        draw("mug", *size)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_every_format(media_type: str) -> None:
    assert Image.MIME[str(opened(draw("mug", 96, 96, media_type=media_type)).format)] == media_type


def test_a_format_that_is_not_drawn_is_told() -> None:
    with pytest.raises(ValueError, match="image/gif: choose one of image/png"):
        draw("mug", 64, 64, media_type="image/gif")


@pytest.mark.parametrize(
    "prompt",
    [
        "Zapatilla café señor, ¡ahora!",
        "運動靴 赤",
        "красный ботинок",
        "حقيبة",
        "👟 mug 👍🏽",
        "",
        " \n\t",
        "\x00\ud800",
        "x" * 32_000,
    ],
)
def test_any_text_can_be_drawn(prompt: str) -> None:
    draw(prompt, 256, 256, label=prompt)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Café señor", "Cafe senor"),
        ("Straße, 5 €", "Strasse, 5 EUR"),
        ("a — b", "a - b"),
        ("運動靴", ""),
        ("a\n b", "a b"),
    ],
)
def test_captions_use_letters_the_font_has(text: str, plain: str) -> None:
    assert drawable(text) == plain


@pytest.mark.parametrize("kind", sorted(SILHOUETTES))
def test_every_product_is_drawn(kind: str) -> None:
    for seed in range(3):
        picture = opened(draw(f"teal {WORDS[kind].split()[0]}", 96, 96, seed=seed, transparent=True))
        left, top, right, bottom = picture.getchannel("A").getbbox() or (0, 0, 0, 0)
        assert right - left > 30
        assert bottom - top > 20
        assert left >= 0 <= top


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("A red running SNEAKER", "sneaker"),
        ("Studio photo of a T-shirt, cotton, in a box", "t-shirt"),
        ("cream mug in soft light", "mug"),
        ("light blue polo shirt", "t-shirt"),
        ("face cream", "jar"),
        ("a plant in a plastic bottle", "plant"),
        ("laptop backpack with a phone", "backpack"),
        ("something unheard of", "box"),
    ],
)
def test_words_choose_the_product(prompt: str, kind: str) -> None:
    assert wish(prompt).kind == kind


def test_every_word_names_a_product_that_can_be_drawn() -> None:
    assert set(WORDS) == set(SILHOUETTES)
    assert set(FAINT_WORDS.values()) <= set(SILHOUETTES)


def test_colours_are_the_products_but_for_the_backgrounds() -> None:
    found = wish("navy backpack with mustard logo on a white background")
    assert (found.colour, found.trim) == (NAMED_COLOURS["navy"], NAMED_COLOURS["mustard"])
    assert min(found.backdrop) > 240
    assert wish("light blue mug").colour > NAMED_COLOURS["blue"] > wish("dark blue mug").colour
    assert wish("polka dots dress").pattern == "dots"


@pytest.mark.parametrize(("colour", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_red_mug_is_red(colour: str, channel: int) -> None:
    picture = opened(draw(f"{colour} mug", 128, 128, transparent=True))
    mean = ImageStat.Stat(picture.convert("RGB"), mask=picture.getchannel("A")).mean
    assert max(mean) == mean[channel]


def test_a_transparent_picture_is_only_the_product() -> None:
    picture = opened(draw("mug", 256, 256, transparent=True, media_type="image/webp"))
    assert picture.mode == "RGBA"
    assert picture.getchannel("A").getextrema() == (0, 255)
    assert picture.getchannel("A").crop((0, 232, 256, 256)).getbbox() is None, "no caption"
