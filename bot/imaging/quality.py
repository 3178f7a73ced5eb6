"""Is this picture worth a person's look: whole, of the shape asked, not empty, sharp, on the right ground.

Everything is measured on a small copy, so that the cost is that of decoding. The limits come from the table
in docs/measured.md ("The quality gate"): each lets through every good picture of that set, white packshots,
flat drawings and line drawings among them, because what is found out wrongly here costs a second picture.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

from PIL import Image, ImageChops, ImageColor, ImageMath, ImageStat

from bot.imaging.colour import to_srgb
from bot.imaging.fingerprint import fingerprint
from bot.imaging.pictures import NotAPicture, has_alpha, open_picture
from bot.imaging.vector import is_vector, rasterise
from providers.base import Size

WORK_SIDE_PX: Final = 512
"""Longer side of the copy that is judged: about what a gallery shows. Nothing is enlarged to it."""

SHAPE_TOLERANCE: Final = 0.03
"""How far width to height may be off: models round their sides to multiples of 16 or 32 px."""
SIZE_TOLERANCE: Final = 0.05
"""How much shorter than asked a side may be. Longer is no fault."""

EMPTY_SHARE: Final = 0.002
"""Fewer pixels than this differ from the middle colour: 1/500 is a square of 4.5% of the side."""
SAME_COLOUR: Final = 8
"""Levels of 256 (in the channel that differs most) within which two pixels count as one colour."""
EMPTY_SIDE_PX: Final = 64
"""Side of the copy in which pixels are counted, so that grain averages out."""

SOFT_PX: Final = 2.3
"""Widest that the sharpest edges may be, in px of the working copy; `softness` says what that means."""
EDGE_FLOOR: Final = 8.0
"""Mean squared difference of neighbours for a tile to hold an edge: more than shading and fine grain have."""
TILE_PX: Final = 32
STEP_PX: Final = 2
"""Distance of the neighbours compared. At 1 px the rounding to whole levels hides any strong blur."""
ROUNDING: Final = 3.0
"""What whole levels of 256 add to the squared Laplacian: (16 + 4) / 12, twice over, in colour and in grey."""
SHARPEST: Final = 0.02
"""Share of all tiles from which the sharpest is taken: one stray dot does not make a picture sharp."""

RING: Final = 0.03
"""Width of the border that is looked at for the background, as a share of the shorter side."""
GROUND_DELTA: Final = 12
"""Levels of 256 a border pixel may be off the asked colour: JPEG noise and soft shadows stay below."""
GROUND_SHARE: Final = 0.9
"""Share of the border that must have the asked colour; a product may touch the edge in places."""


class Code(StrEnum):
    """What may be wrong with a picture."""

    UNDECODABLE = "undecodable"
    WRONG_SIZE = "wrong_size"
    WRONG_SHAPE = "wrong_shape"
    BLANK = "blank"
    BLURRED = "blurred"
    BACKGROUND = "background"
    LOOKS_LIKE = "looks_like"


IN_SHORT: Final[Mapping[Code, str]] = {
    Code.UNDECODABLE: "cannot be read",
    Code.WRONG_SIZE: "smaller than asked",
    Code.WRONG_SHAPE: "of another shape than asked",
    Code.BLANK: "nearly one colour",
    Code.BLURRED: "not sharp",
    Code.BACKGROUND: "without the background asked",
    Code.LOOKS_LIKE: "like another row's",
}
"""To follow a number of pictures: “2 nearly one colour”."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One finding: its code, and a few plain words for people."""

    code: Code
    words: str

    def __str__(self) -> str:
        """As it is kept: `blank: nearly one colour`."""
        return f"{self.code}: {self.words}"

    @classmethod
    def read(cls, kept: str) -> Flag:
        """From its kept form. Raises ValueError for a code that is not known."""
        code, _, words = kept.partition(": ")
        return cls(Code(code), words)


@dataclass(frozen=True, slots=True)
class Checks:
    """What was asked of a picture."""

    size: Size | None = None
    """The size to be made; None: any."""
    background: str | None = None
    """A CSS colour or `#rrggbb` the border must have, or `transparent`; None: any."""

    def __post_init__(self) -> None:
        if self.background not in (None, "transparent"):
            ImageColor.getrgb(self.background or "")  # raises ValueError for a colour it does not know


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and the fingerprint that look-alikes are found by."""

    flags: tuple[Flag, ...] = ()
    phash: str | None = None
    """`fingerprint` of the picture; None when that says nothing: unreadable, or nearly one colour."""
    softness_px: float | None = None
    """Width of its sharpest edges; None where it has no edge."""


def inspect(master: bytes, wanted: Checks) -> Verdict:
    """The picture judged by itself, without others of its job. Never raises for what is in the bytes.

    A drawing (SVG) is rasterised first; it has no size to be wrong, only a shape.
    """
    try:
        vector = is_vector(master)
        image = open_picture(rasterise(master, WORK_SIDE_PX) if vector else master)
    except NotAPicture as problem:
        return Verdict((Flag(Code.UNDECODABLE, str(problem)),))
    flags: list[Flag] = []
    if wanted.size and (flag := _size_flag(image.size, wanted.size, vector=vector)):
        flags.append(flag)
    small = _small(image)
    ground = ground_share(small, wanted.background) if wanted.background else None
    seen = _opaque(small)
    softness = softness_px(seen)
    empty = _share_unlike_the_median(seen) < EMPTY_SHARE
    if empty:
        flags.append(Flag(Code.BLANK, "nearly one colour"))
    elif softness is None:
        flags.append(Flag(Code.BLURRED, "nothing in it has an edge"))
    elif softness > SOFT_PX:
        flags.append(Flag(Code.BLURRED, "nothing in it is sharp"))
    if ground is not None and ground < GROUND_SHARE:
        flags.append(
            Flag(Code.BACKGROUND, f"only {ground:.0%} of its border is {wanted.background}, which was asked")
        )
    return Verdict(tuple(flags), None if empty else fingerprint(seen), softness)


def softness_px(image: Image.Image) -> float | None:
    """How wide the sharpest edges are: the sigma of the Gaussian that would blur a step to them, in px.

    For such an edge the squared gradient sums to A^2/(2 sqrt(pi) s) and the squared Laplacian (second
    derivative) to A^2/(4 sqrt(pi) s^3), so s^2 = gradient / (2 Laplacian), whatever its contrast A or length.
    Taken tile by tile, because a sharp product before a blurred background is a sharp picture. The variance
    of the Laplacian alone (the usual measure) would call a pale picture blurred. None without an edge.
    """
    grey = image.convert("L").convert("F")
    width, height = grey.size
    if min(width, height) <= 2 * STEP_PX:
        return None

    def moved(x: int, y: int) -> Image.Image:
        return grey.crop((x, y, width - 2 * STEP_PX + x, height - 2 * STEP_PX + y))

    near = {
        "middle": moved(STEP_PX, STEP_PX),
        "left": moved(0, STEP_PX),
        "right": moved(2 * STEP_PX, STEP_PX),
        "above": moved(STEP_PX, 0),
        "below": moved(STEP_PX, 2 * STEP_PX),
    }
    bends = ImageMath.lambda_eval(
        lambda at: 4 * at["middle"] - at["left"] - at["right"] - at["above"] - at["below"], **near
    )
    slopes = ImageMath.lambda_eval(
        lambda at: (
            (at["middle"] - at["right"]) * (at["middle"] - at["right"])
            + (at["middle"] - at["below"]) * (at["middle"] - at["below"])
        ),
        **near,
    )
    squared = ImageMath.lambda_eval(lambda at: at["bends"] * at["bends"], bends=bends)
    tiles = list(zip(_levels(slopes.reduce(TILE_PX)), _levels(squared.reduce(TILE_PX)), strict=True))
    edges = sorted(
        STEP_PX * sqrt(slope / (2 * max(bend - ROUNDING, 1e-6)))
        for slope, bend in tiles
        if slope > EDGE_FLOOR
    )
    if not edges:
        return None
    return edges[min(round(len(tiles) * SHARPEST), len(edges) - 1)]


def _levels(image: Image.Image) -> Sequence[float]:
    """The values of a picture of floats."""
    return array("f", image.tobytes())


def _size_flag(made: tuple[int, int], wanted: Size, *, vector: bool) -> Flag | None:
    width, height = made
    if abs(width * wanted.height / (height * wanted.width) - 1) > SHAPE_TOLERANCE:
        return Flag(Code.WRONG_SHAPE, f"its shape is {width}x{height}, {wanted} was asked")
    if not vector and min(width / wanted.width, height / wanted.height) < 1 - SIZE_TOLERANCE:
        return Flag(Code.WRONG_SIZE, f"it is {width}x{height} px, {wanted} was asked")
    return None


def _small(image: Image.Image) -> Image.Image:
    """The working copy, in sRGB."""
    profile = image.info.get("icc_profile")
    scale = WORK_SIDE_PX / max(image.size)
    if scale < 1:
        target = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(target, Image.Resampling.BOX)
    small, _ = to_srgb(image, profile)
    return small.convert("RGBA" if has_alpha(small) else "RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """See-through parts filled with what stands out from the rest: white, or dark behind a light product."""
    if not has_alpha(image):
        return image
    alpha = image.getchannel("A")
    levels = image.convert("L").histogram(mask=alpha.point(lambda level: 255 if level > 127 else 0))
    mean = sum(level * count for level, count in enumerate(levels)) / max(1, sum(levels))
    ground = Image.new("RGB", image.size, "#303030" if mean > 170 else "#ffffff")
    ground.paste(image, mask=alpha)
    return ground


def _share_unlike_the_median(image: Image.Image) -> float:
    """The share of pixels clearly off the middle (median) colour: in an empty picture there is only that."""
    small = image.resize((EMPTY_SIDE_PX, EMPTY_SIDE_PX), Image.Resampling.BOX)
    red, green, blue = ImageStat.Stat(small).median
    return _share_off(small, (red, green, blue), SAME_COLOUR)


def ground_share(image: Image.Image, asked: str, delta: int = GROUND_DELTA) -> float:
    """The share of the border of an RGB or RGBA picture that is within `delta` levels of the asked colour, or
    see-through where `transparent` was asked.
    """
    ring = max(1, round(min(image.size) * RING))
    width, height = image.size
    strips = (
        (0, 0, width, ring),
        (0, height - ring, width, height),
        (0, ring, ring, height - ring),
        (width - ring, ring, width, height - ring),
    )
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in strips]
    if asked == "transparent":
        clear = [_share_clear(image.crop(box)) for box in strips] if has_alpha(image) else [0.0] * 4
    else:
        red, green, blue = ImageColor.getrgb(asked)[:3]
        white = Image.new("RGB", image.size, "#ffffff")  # what a see-through border is shown on
        white.paste(image, mask=image.getchannel("A") if has_alpha(image) else None)
        clear = [1 - _share_off(white.crop(box), (red, green, blue), delta) for box in strips]
    return sum(share * area for share, area in zip(clear, areas, strict=True)) / max(1, sum(areas))


def _share_clear(image: Image.Image) -> float:
    levels = image.getchannel("A").histogram()
    return sum(levels[:GROUND_DELTA]) / max(1, sum(levels))


def _share_off(image: Image.Image, colour: tuple[int, int, int], delta: int) -> float:
    """The share of pixels more than `delta` levels from the colour in any channel."""
    red, green, blue = ImageChops.difference(image, Image.new("RGB", image.size, colour)).split()
    levels = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    return sum(levels[delta + 1 :]) / max(1, sum(levels))
