"""Where a picture's interest lies, so that a crop keeps it."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageStat

Point = tuple[float, float]
"""x from the left, y from the top, each 0 to 1."""

CENTRE: Final[Point] = (0.5, 0.5)
WORK_SIDE_PX: Final = 96


def focal_point(image: Image.Image) -> Point:
    """The middle of what stands out, or the picture's centre where nothing does.

    What stands out: difference from the border's middle colour (the ground of most product pictures), plus
    edges; less than the picture's average counts for nothing, so that a lively ground does not pull. The
    point is the mean of x and y weighted with that. It knows neither faces nor words.
    """
    scale = min(1.0, WORK_SIDE_PX / max(image.size))
    size = (max(3, round(image.width * scale)), max(3, round(image.height * scale)))
    small = image.convert("RGBA").resize(size, Image.Resampling.BOX)
    ground = Image.new("RGB", size, _border_colour(small))
    seen = ground.copy()
    seen.paste(small, mask=small.getchannel("A"))  # what is see-through does not stand out
    red, green, blue = ImageChops.difference(seen, ground).split()
    apart = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    edges = seen.convert("L").filter(ImageFilter.FIND_EDGES)
    edges.paste(0, (0, 0, size[0], 1))  # the filter copies the outermost pixels as they are
    for box in ((0, size[1] - 1, *size), (0, 0, 1, size[1]), (size[0] - 1, 0, *size)):
        edges.paste(0, box)
    energy = ImageChops.add(apart, edges)
    mean = ImageStat.Stat(energy).mean[0]
    energy = energy.point(lambda level: max(0, level - mean))
    across = energy.convert("F").resize((size[0], 1), Image.Resampling.BOX)
    down = energy.convert("F").resize((1, size[1]), Image.Resampling.BOX)
    return _balance(across), _balance(down)


def crop_box(of: tuple[int, int], to: tuple[int, int], point: Point) -> tuple[float, float, float, float]:
    """The largest box of the shape of `to` inside a picture of size `of`, with `point` as near its middle as
    the edges allow.
    """
    width, height = float(of[0]), float(of[1])
    if of[0] * to[1] > of[1] * to[0]:
        width = of[1] * to[0] / to[1]
    else:
        height = of[0] * to[1] / to[0]
    left = min(max(0.0, point[0] * of[0] - width / 2), of[0] - width)
    top = min(max(0.0, point[1] * of[1] - height / 2), of[1] - height)
    return left, top, left + width, top + height


def _border_colour(image: Image.Image) -> tuple[int, int, int]:
    """The middle colour of the outermost pixels, white where they are see-through."""
    shown = Image.new("RGB", image.size, "#ffffff")
    shown.paste(image, mask=image.getchannel("A"))
    width, height = image.size
    rows = [shown.crop((0, 0, width, 1)), shown.crop((0, height - 1, width, height))]
    sides = [shown.crop((0, 0, 1, height)), shown.crop((width - 1, 0, width, height))]
    line = Image.new("RGB", (2 * (width + height), 1))
    at = 0
    for strip in (*rows, *(side.transpose(Image.Transpose.ROTATE_90) for side in sides)):
        line.paste(strip, (at, 0))
        at += strip.width
    red, green, blue = ImageStat.Stat(line).median
    return red, green, blue


def _balance(profile: Image.Image) -> float:
    """The centre of gravity of a line of weights, 0 to 1."""
    weights = memoryview(profile.tobytes()).cast("f")
    total = sum(weights)
    if total <= 0:
        return 0.5
    return sum((place + 0.5) * weight for place, weight in enumerate(weights)) / (total * len(weights))
