"""Pictures drawn here, from words: a captioned product on a soft studio background.

For the provider that draws and for the simulators. The same prompt, size and seed give the same bytes
with the same Pillow. Nothing is read from disk or the network: the one font used is the one inside Pillow.
"""

from __future__ import annotations

import colorsys
import random
import re
import textwrap
import unicodedata
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from providers.drawing_shapes import FAINT_WORDS, WORDS
from providers.drawing_studio import Colour, Wish, mix, scene, step

MIN_SIDE_PX, MAX_SIDE_PX = 16, 4096
SCENE_SIDE_PX = 1536
"""The longest side a scene is painted at; larger pictures are enlarged from it, so that time stays small."""
CAPTION_MIN_SIDE_PX = 160
"""Below this a caption would be a smear."""
CAPTION_CHARACTERS = 72
READ_CHARACTERS = 4_000
"""Of a prompt; what comes later changes the dice but not the product."""
MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")


def _rgb(code: str) -> Colour:
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


NAMED_COLOURS: dict[str, Colour] = {
    name: _rgb(code)
    for name, code in {
        "black": "2b2d33", "white": "f4f3ef", "grey": "9298a1", "gray": "9298a1", "silver": "c3c8cf",
        "charcoal": "43474f", "red": "d23b3b", "crimson": "b3203f", "burgundy": "7a1f35",
        "maroon": "75242c", "pink": "ef9ab6", "rose": "e58b9b", "coral": "f4775f", "salmon": "f2937d",
        "peach": "f7b894", "orange": "ee8434", "rust": "b2542b", "terracotta": "c8694a",
        "brown": "855b3e", "tan": "c79f72", "camel": "c19a5f", "beige": "dccbb0", "cream": "f1e6cf",
        "ivory": "f3eddd", "gold": "d0a544", "yellow": "f3c73f", "mustard": "d6a32d", "lime": "a7cf3f",
        "olive": "7e8244", "green": "3f9b63", "emerald": "1f8f6a", "mint": "9ad8bd", "sage": "9db49a",
        "teal": "1f8a8c", "turquoise": "3cb8b4", "cyan": "45c0d8", "blue": "3d74cf", "navy": "27385f",
        "indigo": "4a4aa8", "azure": "4b9fe3", "lavender": "b9a8dd", "lilac": "c7a9d6",
        "purple": "7d4fb0", "violet": "7a55c7", "plum": "7b3f6c", "magenta": "c7378d",
        "khaki": "b7ab7b",
    }.items()
}  # fmt: skip
"""Colour words a prompt may use for its product, in tones that sit well on the backgrounds."""

FAVOURITES = (
    "coral",
    "teal",
    "mustard",
    "azure",
    "sage",
    "terracotta",
    "lavender",
    "navy",
    "rose",
    "plum",
    "cream",
)
"""What a product wears when the prompt names no colour."""

BACKDROPS = ("f6e4d7", "e3ecf3", "e9e4f2", "e2efe6", "f7ecd2", "f4e1e4", "e9e9ea", "dfeef0")

_PATTERN_WORDS = {
    "striped": "stripes", "stripes": "stripes", "stripe": "stripes", "dots": "dots", "dotted": "dots",
    "polka": "dots", "diagonal": "diagonal", "pinstripe": "diagonal",
}  # fmt: skip
_KIND_OF = {word: kind for kind, words in WORDS.items() for word in words.split()}
_PAUSES = frozenset(
    {*",.;:", "with", "in", "on", "and", "for", "of", "from", "by", "against", "next", "near", "at"}
)
_BACKDROP_WORDS = frozenset({"background", "backdrop", "wall", "surface"})
_BETWEEN = frozenset({"studio", "seamless", "plain", "solid", "soft", "paper"})
_SPELLINGS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "AE", "œ": "oe", "đ": "d", "ð": "d",
     "þ": "th", "ı": "i", "–": "-", "—": "-", "€": "EUR ", "£": "GBP ", "×": "x", "½": "1/2"}
)  # fmt: skip


def draw(
    prompt: str,
    width: int,
    height: int,
    *,
    seed: int = 0,
    media_type: str = "image/png",
    label: str | None = None,
    quality: int = 90,
    transparent: bool = False,
) -> bytes:
    """One encoded picture of the product the prompt names, in its colours, captioned with its first words.

    `label` is a small tag in the upper left corner. `transparent` leaves the studio and the caption out.
    Raises ValueError for a side outside 16..4096 pixels or a media type other than PNG, JPEG and WebP.
    """
    if not (MIN_SIDE_PX <= width <= MAX_SIDE_PX and MIN_SIDE_PX <= height <= MAX_SIDE_PX):
        raise ValueError(f"cannot draw {width}x{height}: sides must be {MIN_SIDE_PX}..{MAX_SIDE_PX} pixels")
    if media_type not in MEDIA_TYPES:
        raise ValueError(f"cannot draw {media_type}: choose one of {', '.join(MEDIA_TYPES)}")
    prompt = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair is a question mark
    dice = random.Random(f"{prompt}|{width}x{height}|{seed}")  # noqa: S311  # taste, not secrets
    wish = read_wish(prompt, dice)
    shrink = min(1.0, SCENE_SIDE_PX / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    picture = scene(wish, size, dice, studio=not transparent)
    if shrink < 1:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    if not transparent:
        _write(picture, prompt, label, wish)
    return _encode(picture, media_type, quality)


def read_wish(prompt: str, dice: random.Random) -> Wish:
    """What is to be drawn: the first product, the first two colours that are not the background's."""
    said = re.findall(r"[\w-]+|[,.;:]", prompt[:READ_CHARACTERS].lower())
    kind = _kind(said)
    words = [word for word in said if word not in _PAUSES]
    backdrop = _rgb(dice.choice(BACKDROPS))
    if (place := _backdrop_place(words)) is not None:
        backdrop = mix(NAMED_COLOURS[words.pop(place)], (255, 255, 255), 0.45)
    colours = []
    for before, word in zip(["", *words], words, strict=False):
        named = NAMED_COLOURS.get(word) or next(
            (
                NAMED_COLOURS[part]
                for part in word.split("-")
                if part in NAMED_COLOURS and word not in _KIND_OF
            ),
            None,
        )
        if named:
            colours.append(_modified(named, before))
    if not colours:
        colours.append(NAMED_COLOURS[dice.choice(FAVOURITES)])
    trim = colours[1] if len(colours) > 1 else _companion(colours[0], dice)
    pattern = next((_PATTERN_WORDS[word] for word in words if word in _PATTERN_WORDS), None)
    return Wish(kind, colours[0], trim, backdrop, pattern)


def _kind(said: list[str]) -> str:
    """The last product of the first phrase that names one: a "laptop backpack with a phone" is a backpack."""
    for names in (_KIND_OF, FAINT_WORDS):
        kind = None
        for word in said:
            if word in names:
                kind = names[word]
            elif kind and word in _PAUSES:
                break
        if kind:
            return kind
    return "box"


def _backdrop_place(words: list[str]) -> int | None:
    """Where the background's colour stands: "on a sage studio background" -> the place of "sage"."""
    for place, word in enumerate(words):
        if word in _BACKDROP_WORDS:
            before = place - 1
            while before >= 0 and words[before] in _BETWEEN:
                before -= 1
            if before >= 0 and words[before] in NAMED_COLOURS:
                return before
    return None


# --- colours ---------------------------------------------------------------------------------------------


def _modified(colour: Colour, word: str) -> Colour:
    percent = {"light": 32, "pale": 45, "pastel": 40, "sky": 30, "dark": -30, "deep": -24, "forest": -30}.get(
        word, 0
    )
    return step(colour, percent)


def _companion(colour: Colour, dice: random.Random) -> Colour:
    """A second colour that goes with the first: a neighbour, its opposite, or a neutral."""
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    choice = dice.random()
    if saturation < 0.15 or choice < 0.3:
        return (243, 238, 228) if light < 0.6 else (58, 62, 74)
    turn = dice.choice((0.08, -0.08, 0.5, 0.42))
    red, green, blue = colorsys.hls_to_rgb(
        (hue + turn) % 1, 0.55 if light < 0.55 else 0.38, min(0.6, saturation)
    )
    return round(red * 255), round(green * 255), round(blue * 255)


# --- words -----------------------------------------------------------------------------------------------


def drawable(text: str) -> str:
    """The text in the letters of Pillow's own font (plain Latin), accents taken off; "" when none is left."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLINGS))
    return " ".join("".join(c if " " <= c <= "~" else " " if c.isspace() else "" for c in plain).split())


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


def _write(picture: Image.Image, prompt: str, label: str | None, wish: Wish) -> None:
    """The caption at the bottom and the tag in the corner."""
    width, height = picture.size
    if min(width, height) < CAPTION_MIN_SIDE_PX:
        return
    pen = ImageDraw.Draw(picture)
    font = _font(max(11, round(min(width, height) * 0.029)))
    ink = step(mix(wish.backdrop, wish.colour, 0.12), -68)
    text = drawable(prompt[: CAPTION_CHARACTERS * 4]) or wish.kind
    lines = _wrapped(textwrap.shorten(text, CAPTION_CHARACTERS, placeholder="..."), font, width * 0.84)
    line_px = round(font.getbbox("Ag")[3] * 1.25)
    y = round(height * 0.955) - line_px * len(lines)
    for line in lines:
        pen.text((width / 2, y), line, fill=ink, font=font, anchor="ma")
        y += line_px
    if label and (tag := drawable(label[:CAPTION_CHARACTERS])):
        small = _font(max(10, round(min(width, height) * 0.02)))
        edge = round(min(width, height) * 0.03)
        _left, _top, right, bottom = pen.textbbox((edge * 1.45, edge * 1.3), tag, font=small)
        pen.rounded_rectangle(
            (edge, edge, right + edge * 0.45, bottom + edge * 0.3), edge * 0.4, fill=(255, 255, 255)
        )
        pen.text((edge * 1.45, edge * 1.3), tag, fill=step(ink, 12), font=small)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: float) -> list[str]:
    """At most two lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width_px or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_cut(line, font, width_px) for line in lines[:2]]


def _cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: float) -> str:
    while line and font.getlength(line) > width_px:
        line = line[:-1]
    return line


# --- bytes -----------------------------------------------------------------------------------------------


def _encode(picture: Image.Image, media_type: str, quality: int) -> bytes:
    file = BytesIO()
    match media_type:
        case "image/png":
            picture.save(file, "PNG", compress_level=1)
        case "image/webp":
            picture.save(file, "WEBP", quality=quality, method=0)
        case _:
            picture.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()
