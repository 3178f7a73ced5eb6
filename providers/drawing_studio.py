"""How a drawn product is painted: paths to polygons, light and shadow, the studio around it."""

from __future__ import annotations

import random
import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from providers.drawing_shapes import SILHOUETTES, Part

Colour = tuple[int, int, int]
Point = tuple[float, float]

FIXED_PAINTS: dict[str, Colour] = {
    "white": (250, 249, 246), "ink": (38, 40, 48), "grey": (176, 179, 184), "metal": (203, 205, 210),
    "wood": (176, 128, 84), "leaf": (74, 148, 98), "coffee": (74, 46, 34), "paper": (250, 246, 238),
    "dial": (249, 249, 247), "screen": (222, 236, 246), "lens": (58, 66, 84), "flame": (250, 196, 92),
}  # fmt: skip
"""Paints that stay as they are, whatever the product's colour."""

FINE = 2
"""A product is painted this much larger and then reduced, for smooth edges."""

_NUMBER = re.compile(r"-?\d*\.?\d+")


class Wish(NamedTuple):
    """What a prompt asks to see."""

    kind: str
    colour: Colour
    trim: Colour
    backdrop: Colour
    pattern: str | None = None
    """``stripes``, ``dots`` or ``diagonal`` when the prompt says so; else chance decides."""


def scene(wish: Wish, size: tuple[int, int], dice: random.Random, *, studio: bool) -> Image.Image:
    """The product standing in its studio (RGB), or alone on nothing (RGBA)."""
    width, height = size
    side = max(8, round(min(width * 0.8, height * (0.66 if studio else 0.9))))
    left, top = (width - side) // 2, round(height * 0.46 - side / 2) if studio else (height - side) // 2
    product = _product(wish, side, dice)
    if not studio:
        picture = Image.new("RGBA", size, (0, 0, 0, 0))
        picture.alpha_composite(product, (left, top))
        return picture
    floor = top + round(side * 0.9)
    bounds = product.getchannel("A").getbbox() or (0, 0, side, side)
    top = floor - bounds[3]  # whatever it is, it stands on the floor
    picture = _studio(wish.backdrop, size, floor, dice)
    _prop(picture, wish, (left, top, side), floor, dice)
    _shadow(picture, product, (left, top, side), floor)
    picture.paste(product, (left, top), product)
    return picture


def step(colour: Colour, percent: float) -> Colour:
    """Lighter (towards white) or darker (towards a warm black), by a percentage."""
    if percent >= 0:
        return mix(colour, (255, 255, 255), percent / 100)
    return mix(colour, (18, 16, 26), -percent / 100)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour in the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _paint(tone: str, wish: Wish) -> Colour:
    name, change = re.fullmatch(r"([a-z]+)([+-]\d+)?", tone).groups()  # type: ignore[union-attr]
    colour = {"base": wish.colour, "trim": wish.trim}.get(name) or FIXED_PAINTS[name]
    return step(colour, int(change)) if change else colour


# --- the studio ------------------------------------------------------------------------------------------


def _ramp(size: tuple[int, int], stops: list[Colour], mode: str = "RGB") -> Image.Image:
    """A vertical blend through the colours."""
    column = Image.new("RGB", (1, len(stops)))
    column.putdata(stops)
    column = column.resize((1, size[1]), Image.Resampling.BICUBIC)
    return column.convert(mode).resize(size, Image.Resampling.NEAREST)


def _studio(tint: Colour, size: tuple[int, int], floor: int, dice: random.Random) -> Image.Image:
    """A seamless paper backdrop: a soft bend where wall meets floor, and a pool of light."""
    small = (48, max(8, round(48 * size[1] / size[0])))
    bend = floor / size[1] - 0.13
    rows = [
        step(tint, -7 + 12 * min(1, y / 24 / bend) if y / 24 < bend else -1 - 14 * (y / 24 - bend))
        for y in range(24)
    ]
    paper = _ramp(small, rows).filter(ImageFilter.GaussianBlur(2))
    glow = Image.radial_gradient("L").resize((small[0] * 2, small[1] * 2))
    x = round(small[0] * dice.uniform(0.35, 0.65))
    glow = glow.crop((small[0] - x, small[1] // 2, 2 * small[0] - x, small[1] // 2 + small[1]))
    paper.paste((255, 255, 255), (0, 0), glow.point([max(0, 170 - 2 * value) for value in range(256)]))
    # Enlarged in two steps with a blur between, or the rounding of the small one shows as squares.
    half = paper.resize((size[0] // 4 + 1, size[1] // 4 + 1), Image.Resampling.BICUBIC)
    return half.filter(ImageFilter.GaussianBlur(half.width / 32)).resize(size, Image.Resampling.BICUBIC)


def _prop(
    picture: Image.Image, wish: Wish, box: tuple[int, int, int], floor: int, dice: random.Random
) -> None:
    """Something quiet behind or below the product: a disc, an arch, a plinth, or nothing."""
    left, top, side = box
    choice = dice.choice(("disc", "arch", "plinth", "none", "disc"))
    paint = step(mix(wish.backdrop, wish.trim, 0.16), 6)
    middle = left + side // 2
    if choice == "disc":
        radius, x = side * 0.46, middle + round(side * dice.uniform(-0.14, 0.14))
        outline = _ellipse(x, top + side * 0.42, radius, radius)
    elif choice == "arch":
        outline = [(middle - side * 0.42, floor - side * 0.02), *_curve([
            (middle - side * 0.42, top + side * 0.38), (middle - side * 0.42, top - side * 0.2),
            (middle + side * 0.42, top - side * 0.2), (middle + side * 0.42, top + side * 0.38)]),
            (middle + side * 0.42, floor - side * 0.02)]  # fmt: skip
    elif choice == "plinth":
        _plinth(picture, paint, (middle, floor, side))
        return
    else:
        return
    _fill(picture, outline, [step(paint, 10), step(paint, -6)])


def _plinth(picture: Image.Image, paint: Colour, place: tuple[int, int, int]) -> None:
    middle, floor, side = place
    across, down, height = side * 0.56, side * 0.062, side * 0.13
    shade = _soft_spot(70, (round(across * 2.9), max(4, round(down * 5))))
    picture.paste((30, 26, 34), (middle - shade.width // 2, floor + round(height - down * 1.6)), shade)
    rim = [(x, y + height) for x, y in _half_ellipse(middle, floor, across, down)]
    body = [(middle - across, floor), *rim, (middle + across, floor)]
    _fill(picture, body, [step(paint, -4), step(paint, -16)])
    _fill(picture, _ellipse(middle, floor, across, down), [step(paint, 4), step(paint, 22)])


def _half_ellipse(x: float, y: float, across: float, down: float) -> list[Point]:
    """The lower half, from left to right."""
    outline = _ellipse(x, y, across, down)
    return outline[: len(outline) // 2 + 1][::-1]


def _soft_spot(dark: int, size: tuple[int, int]) -> Image.Image:
    """A blurred ellipse with room around it, as a mask."""
    small = Image.new("L", (64, 32), 0)
    ImageDraw.Draw(small).ellipse((12, 8, 51, 23), dark)
    return small.filter(ImageFilter.GaussianBlur(4)).resize(size, Image.Resampling.BICUBIC)


def _fill(picture: Image.Image, outline: list[Point], stops: list[Colour]) -> None:
    """A smooth-edged shape filled with a vertical blend."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    x, y = int(min(xs)) - 1, int(min(ys)) - 1
    size = int(max(xs)) - x + 2, int(max(ys)) - y + 2
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE), 0)
    ImageDraw.Draw(mask).polygon([((px - x) * FINE, (py - y) * FINE) for px, py in outline], 255)
    picture.paste(_ramp(size, stops), (x, y), mask.reduce(FINE))


def _shadow(picture: Image.Image, product: Image.Image, box: tuple[int, int, int], floor: int) -> None:
    """A contact shadow as wide as the product's foot, and a wide faint one around it."""
    left, top, side = box
    alpha = product.getchannel("A")
    foot = alpha.crop((0, floor - top - side // 5, side, side)).getbbox() or (side // 4, 0, side * 3 // 4, 1)
    for grow, height, dark in ((1.25, 0.16, 46), (1.02, 0.06, 105)):
        width = round((foot[2] - foot[0]) * grow)
        soft = _soft_spot(dark, (max(4, round(width * 1.6)), max(4, round(side * height * 2))))
        middle = left + (foot[0] + foot[2]) // 2
        picture.paste((34, 28, 40), (middle - soft.width // 2, floor - soft.height // 2), soft)


# --- the product -----------------------------------------------------------------------------------------


def _product(wish: Wish, side: int, dice: random.Random) -> Image.Image:
    """The product alone, `side` by `side` pixels, lit from the upper left."""
    canvas = side * FINE
    scale = canvas / 100
    layer = Image.new("RGBA", (canvas, canvas), (0, 0, 0, 0))
    pattern = _pattern(dice, canvas, wish.pattern) if wish.pattern or dice.random() < 0.35 else None
    for part in SILHOUETTES[wish.kind]:
        _add(layer, part, wish, scale, pattern)
    product = layer.reduce(FINE)
    _light(product)
    return product


def _add(layer: Image.Image, part: Part, wish: Wish, scale: float, pattern: Image.Image | None) -> None:
    paint = _paint(part.tone, wish)
    for outline in _outlines(part.path):
        points = [(x * scale, y * scale) for x, y in outline]
        if part.width:
            _line(layer, points, part.width * scale, paint)
            continue
        x, y = (max(0, int(min(values))) for values in zip(*points, strict=True))
        right, bottom = (min(layer.width, int(max(values)) + 2) for values in zip(*points, strict=True))
        if right <= x or bottom <= y:
            continue
        mask = Image.new("L", (right - x, bottom - y), 0)
        ImageDraw.Draw(mask).polygon([(px - x, py - y) for px, py in points], 255)
        stops = [step(paint, 9), paint, step(paint, -9)]
        layer.paste(_ramp(mask.size, stops, layer.mode), (x, y), mask)
        if part.pattern and pattern is not None:
            crop = pattern.crop((x, y, right, bottom))
            layer.paste(
                wish.trim if wish.pattern else step(wish.colour, 26 if sum(wish.colour) < 480 else -16),
                (x, y),
                ImageChops.multiply(mask, crop),
            )


def _line(layer: Image.Image, points: list[Point], width: float, paint: Colour) -> None:
    """A line with round ends and joints."""
    pen, radius = ImageDraw.Draw(layer), width / 2
    pen.line(points, fill=(*paint, 255), width=max(1, round(width)), joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*paint, 255))


def _pattern(dice: random.Random, side: int, named: str | None) -> Image.Image:
    """Stripes, dots or checks, as a mask the size of the product's canvas."""
    mask = Image.new("L", (side, side), 0)
    pen, pitch = ImageDraw.Draw(mask), side / dice.choice((9, 12, 15))
    strength = 235 if named else dice.choice((90, 130))
    match named or dice.choice(("stripes", "dots", "diagonal")):
        case "stripes":
            for row in range(int(side / pitch) + 1):
                pen.rectangle((0, row * pitch, side, row * pitch + pitch * 0.4), strength)
        case "dots":
            for row in range(int(side / pitch) + 1):
                for column in range(int(side / pitch) + 1):
                    x, y = (column + 0.5 * (row % 2)) * pitch, row * pitch
                    pen.ellipse(
                        (x - pitch * 0.17, y - pitch * 0.17, x + pitch * 0.17, y + pitch * 0.17), strength
                    )
        case _:
            for start in range(-int(side / pitch), int(side / pitch) + 1):
                pen.line((start * pitch, side, start * pitch + side, 0), strength, round(pitch * 0.28))
    return mask


def _light(product: Image.Image) -> None:
    """Rounds the whole product: brighter along its upper left edge, darker along the lower right."""
    alpha = product.getchannel("A")
    side = product.width
    colours = product.convert("RGB")
    rough = max(24, side // 6)
    small = alpha.resize((rough, rough), Image.Resampling.BOX)
    shift = max(1, round(rough * 0.045))
    soft = small.filter(ImageFilter.GaussianBlur(rough * 0.05))
    for paint, move, strength in (((16, 12, 30), -shift, 0.34), ((255, 255, 255), shift, 0.36)):
        away = ImageChops.invert(ImageChops.offset(soft, move, move)).point(
            [int(v * strength) for v in range(256)]
        )
        mask = ImageChops.multiply(away.resize(product.size, Image.Resampling.BICUBIC), alpha)
        colours.paste(paint, (0, 0), mask)
    product.paste(colours)
    product.putalpha(alpha)


# --- paths -----------------------------------------------------------------------------------------------


@cache
def _outlines(path: str) -> tuple[tuple[Point, ...], ...]:
    """The path's curves as polygons, on the sheet of 100 by 100."""
    outlines: list[list[Point]] = []
    for command, rest in re.findall(r"([MLCQERZ])([^MLCQERZ]*)", path):
        numbers = [float(number) for number in _NUMBER.findall(rest)]
        match command:
            case "M":
                outlines.append([(numbers[0], numbers[1])])
            case "L":
                outlines[-1].append((numbers[0], numbers[1]))
            case "C" | "Q":
                points = list(zip(numbers[::2], numbers[1::2], strict=True))
                outlines[-1].extend(_curve([outlines[-1][-1], *points]))
            case "E":
                outlines.append(_ellipse(*numbers))
            case "R":
                outlines.append(_rounded_box(*numbers))
    return tuple(tuple(outline) for outline in outlines)


def _curve(points: list[Point], steps: int = 28) -> list[Point]:
    """A Bezier curve of any degree, without its first point (de Casteljau)."""
    found = []
    for step in range(1, steps + 1):
        share, level = step / steps, points
        while len(level) > 1:
            level = [(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for a, b in pairwise(level)]
        found.append(level[0])
    return found


def _ellipse(x: float, y: float, across: float, down: float) -> list[Point]:
    k = 0.5523  # a quarter circle as a cubic curve
    outline: list[Point] = [(x + across, y)]
    for ax, ay, bx, by in ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)):
        outline += _curve(
            [
                outline[-1],
                (x + across * (ax + bx * k), y + down * (ay + by * k)),
                (x + across * (bx + ax * k), y + down * (by + ay * k)),
                (x + across * bx, y + down * by),
            ]
        )
    return outline


def _rounded_box(x: float, y: float, width: float, height: float, radius: float) -> list[Point]:
    right, bottom, outline = x + width, y + height, []
    for corner_x, corner_y, from_x, from_y, to_x, to_y in (
        (x, y, x, y + radius, x + radius, y),
        (right, y, right - radius, y, right, y + radius),
        (right, bottom, right, bottom - radius, right - radius, bottom),
        (x, bottom, x + radius, bottom, x, bottom - radius),
    ):
        outline += [(from_x, from_y), *_curve([(from_x, from_y), (corner_x, corner_y), (to_x, to_y)], 8)]
    return outline
