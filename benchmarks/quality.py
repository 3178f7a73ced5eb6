"""What the quality gate measures, what it costs, and how it fares with many pictures.

    python benchmarks/quality.py [pictures of a job]

First a table: good pictures of many kinds and spoilt ones, with the figures the limits in
`bot/imaging/quality.py` were chosen from. Then its time as a share of decoding and of rendering. Then
look-alikes: which pairs are found among packshots, and the time to compare each picture of a large job.
"""

from __future__ import annotations

import io
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from bot.imaging.fingerprint import Seen, distance, fingerprint
from bot.imaging.pictures import open_picture
from bot.imaging.quality import Checks, inspect
from bot.imaging.renditions import render
from providers.base import Size
from providers.drawing import draw

SIDE = 1024
COLOURS = ("red", "teal", "navy", "mustard", "white", "black", "sage", "coral")
THINGS = ("mug", "handbag", "running shoe", "vase", "lamp", "bottle")


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def studio(prompt: str) -> Image.Image:
    return Image.open(io.BytesIO(draw(prompt, SIDE, SIDE))).convert("RGB")


def packshot(prompt: str, side: int = SIDE) -> Image.Image:
    """The product alone on pure white, `side` px wide in the middle of the picture."""
    cut = Image.open(io.BytesIO(draw(prompt, SIDE, SIDE, transparent=True))).resize((side, side))
    white = Image.new("RGB", (SIDE, SIDE), "white")
    white.paste(cut, ((SIDE - side) // 2,) * 2, cut)
    return white


def lines() -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    pen.ellipse((300, 300, 700, 700), outline="black", width=3)
    pen.line((100, 900, 900, 880), fill="#444444", width=2)
    return image


def flat(paint: str, ground: str) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), ground)
    ImageDraw.Draw(image).rounded_rectangle((300, 260, 720, 780), 60, fill=paint)
    return image


def depth() -> Image.Image:
    """A sharp product before a strongly blurred ground, as a lens draws it."""
    image = studio("wooden chair, striped wall").filter(ImageFilter.GaussianBlur(25))
    cut = Image.open(io.BytesIO(draw("red mug", SIDE, SIDE, transparent=True))).resize((500, 500))
    image.paste(cut, (260, 400), cut)
    return image


def soft_grain() -> Image.Image:
    grain = Image.effect_noise((SIDE, SIDE), 12).convert("RGB")
    return Image.blend(studio("teal mug"), grain, 0.1)


GOOD: dict[str, Callable[[], Image.Image]] = {
    "studio, red handbag": lambda: studio("red leather handbag on white background"),
    "studio, white vase": lambda: studio("white ceramic vase on white background"),
    "studio with grain": soft_grain,
    "packshot on white": lambda: packshot("teal mug"),
    "packshot, white on white": lambda: packshot("white mug"),
    "packshot, product of 160 px": lambda: packshot("navy running shoe", 160),
    "flat illustration": lambda: flat("#e05030", "#f2f2f2"),
    "flat, pale on pale": lambda: flat("#dcdcdc", "#e8e8e8"),
    "line drawing": lines,
    "sharp before blurred ground": depth,
    "blurred by 2 px": lambda: studio("teal mug").filter(ImageFilter.GaussianBlur(2)),
}
BAD: dict[str, Callable[[], Image.Image]] = {
    "blurred by 6 px": lambda: studio("teal mug").filter(ImageFilter.GaussianBlur(6)),
    "blurred by 12 px": lambda: studio("teal mug").filter(ImageFilter.GaussianBlur(12)),
    "packshot blurred by 8 px": lambda: packshot("teal mug").filter(ImageFilter.GaussianBlur(8)),
    "line drawing blurred by 8 px": lambda: lines().filter(ImageFilter.GaussianBlur(8)),
    "one colour": lambda: Image.new("RGB", (SIDE, SIDE), "#e8e4e0"),
    "black": lambda: Image.new("RGB", (SIDE, SIDE)),
    "one colour with grain": lambda: Image.effect_noise((SIDE, SIDE), 12).convert("RGB"),
    "shading and nothing else": lambda: Image.radial_gradient("L").resize((SIDE, SIDE)).convert("RGB"),
}


def table() -> None:
    print(f"{'picture':32} {'sharpest edge':>13}  found")
    for kind, pictures in (("good", GOOD), ("spoilt", BAD)):
        for name, make in pictures.items():
            verdict = inspect(png(make()), Checks())
            soft = "none" if verdict.softness_px is None else f"{verdict.softness_px:.2f} px"
            print(f"{kind + ': ' + name:40} {soft:>8}  {', '.join(map(str, verdict.flags)) or 'passes'}")


def cost(rounds: int = 15) -> None:
    master = png(studio("red leather handbag"))
    ways: dict[str, Callable[[], object]] = {
        "decode": lambda: open_picture(master),
        "inspect": lambda: inspect(master, Checks(Size(SIDE, SIDE), "white")),
        "render": lambda: render(master, Size(800, 800)),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            spent[name].append(time.perf_counter() - start)
    for name, times in spent.items():
        print(f"{name:10} {1000 * statistics.median(times):6.1f} ms")
    for other in ("decode", "render"):
        ratio = statistics.median(a / b for a, b in zip(spent["inspect"], spent[other], strict=True))
        print(f"inspect / {other:8} {ratio:.2f}")


def lookalikes(count: int) -> None:
    made = {f"{paint} {thing}": packshot(f"{paint} {thing}") for paint in COLOURS for thing in THINGS}
    prints = {name: fingerprint(image) for name, image in made.items()}
    pairs = list(itertools.combinations(prints, 2))
    distances = [distance(prints[a], prints[b]) for a, b in pairs]
    same_structure = sum(found.structure <= 6 for found in distances)
    print(f"{len(pairs)} pairs of {len(made)} different packshots on white:")
    alike = sum(found.alike for found in distances)
    print(f"  alike by structure alone {same_structure}, with colours too {alike}")
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "saved anew, JPEG 50 at 360 px": _saved_anew,
        "5% brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
        "1% cut off": lambda image: image.crop((10, 10, SIDE - 10, SIDE - 10)),
    }
    for what, change in changes.items():
        found = [distance(prints[name], fingerprint(change(image))).alike for name, image in made.items()]
        print(f"  the same picture {what}: found {sum(found)} of {len(found)}")
    for what, shapes in (("of any shape", count), ("of six shapes in many colours", 6)):
        spent = compared(count, shapes)
        each = 1000 * spent / count
        print(f"{count:,} pictures {what}, each with all before: {spent:.1f} s, {each:.2f} ms each")


def compared(count: int, shapes: int) -> float:
    """Seconds to compare so many fingerprints; the structures are of so many kinds, a bit apart."""
    dice = random.Random(1)  # a repeatable benchmark
    kinds = [dice.getrandbits(64) for _ in range(shapes)]
    seen = Seen()
    start = time.perf_counter()
    for row in range(count):
        structure = kinds[row % shapes] ^ (1 << dice.randrange(64))
        phash = f"{structure:016x}{dice.randbytes(48).hex()}"
        seen.like(phash, row)
        seen.add(phash, row, str(row))
    return time.perf_counter() - start


def _saved_anew(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.resize((360, 360)).save(out, "JPEG", quality=50)
    return Image.open(out)


if __name__ == "__main__":
    table()
    cost()
    lookalikes(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
