"""What each drawn product looks like, as data: parts from back to front, on a sheet of 100 by 100.

A path is a list of words in the manner of SVG, absolute coordinates only: ``M x y`` moves, ``L x y`` draws a
straight edge, ``C x1 y1 x2 y2 x y`` and ``Q x1 y1 x y`` draw curves, ``Z`` closes. Two words are our own:
``E cx cy rx ry`` is an ellipse, ``R x y width height radius`` a rounded box. The floor is at y = 90.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """One closed shape, or one line when it has a width."""

    path: str
    tone: str = "base"
    """A paint by name, perhaps a step lighter or darker in percent: ``base``, ``base-15``, ``trim+10``."""
    width: float = 0.0
    """Width of the line; 0 fills the shape instead."""
    pattern: bool = False
    """The product's pattern is laid over this part."""


SHOE_SOLE = "M5 75 C30 80 62 78 96 75 C98 79 97 86 93 88 L12 88 C6 88 4 80 5 75 Z"
TEE = (
    "M36 14 C42 20 58 20 64 14 C70 16 78 19 82 22 C88 29 92 38 95 47 L79 54 L75 44 C75 60 75 76 76 90 "
    "L24 90 C25 76 25 60 25 44 L21 54 L5 47 C8 38 12 29 18 22 C22 19 30 16 36 14 Z"
)
HOODIE = (
    "M36 18 C42 24 58 24 64 18 C70 19 77 22 80 26 C87 42 92 62 94 82 L82 85 L74 48 C75 62 75 78 76 89 "
    "L24 89 C25 78 25 62 26 48 L18 85 L6 82 C8 62 13 42 20 26 C23 22 30 19 36 18 Z"
)

SILHOUETTES: dict[str, tuple[Part, ...]] = {
    "sneaker": (
        Part("M40 44 C43 34 45 27 52 25 C58 25 59 32 58 40 L50 46 Z", "base-25"),
        Part(
            "M7 78 C7 62 8 48 12 37 C15 33 20 33 24 35 C27 41 30 44 36 43 C42 42 45 35 50 33 C58 43 66 52 76 "
            "55 C89 58 96 64 96 77 C70 80 30 81 7 78 Z",
            pattern=True,
        ),
        Part(
            "M13 37 C18 33 22 33 24 35 C27 41 30 44 36 43 C42 42 45 35 50 33 C46 36 42 39 36 38 "
            "C29 38 24 32 13 37 Z",
            "base-45",
        ),
        Part("M7 78 C7 62 8 48 12 37 L19 35 C17 52 21 66 30 80 C20 80 12 79 7 78 Z", "base-18"),
        Part("M76 55 C89 58 96 64 96 77 L78 79 C72 72 72 62 76 55 Z", "base+14"),
        Part("M33 79 C42 72 47 62 49 50 L56 55 C55 66 51 74 45 79 Z", "trim"),
        Part("M47 45 L57 38", "white", 2.0),
        Part("M53 51 L63 44", "white", 2.0),
        Part("M60 56 L69 49", "white", 2.0),
        Part(SHOE_SOLE, "white"),
        Part("M6 83 C30 86 65 86 97 82 C96 86 95 87 93 88 L12 88 C8 88 6 86 6 83 Z", "trim-12"),
    ),
    "boot": (
        Part(
            "M28 14 C38 11 52 11 60 14 C60 26 59 38 60 48 C66 56 80 58 88 64 C93 68 94 74 94 79 L26 79 "
            "C25 60 28 38 28 14 Z",
            pattern=True,
        ),
        Part("M28 14 C38 11 52 11 60 14 L60 22 C50 19 38 19 28 22 Z", "base-24"),
        Part("M26 79 C25 66 27 58 29 52 C36 58 40 68 41 79 Z", "base-16"),
        Part("M78 60 C90 63 94 70 94 79 L74 79 C71 72 73 64 78 60 Z", "base+12"),
        *(Part(f"M46 {y} L60 {y - 3}", "trim+20", 1.6) for y in (28, 34, 40, 46)),
        Part("M25 79 L95 79 C96 82 95 85 94 86 L48 86 L47 90 L27 90 C25 87 24 83 25 79 Z", "ink+12"),
        Part("M26 79 L95 79", "wood+25", 1.2),
    ),
    "heel": (
        Part("M14 44 C16 58 17 74 17 90 L21 90 C22 76 25 66 32 58 Z", "base-35"),
        Part(
            "M10 34 C13 30 18 30 21 33 C30 48 44 60 58 66 C66 60 78 62 88 72 C94 78 96 84 94 88 L66 88 "
            "C50 86 38 66 22 62 C14 56 10 44 10 34 Z",
            pattern=True,
        ),
        Part("M21 33 C30 48 44 60 58 66 C62 63 66 62 70 63 C60 74 44 64 21 33 Z", "base-40"),
        Part("M22 62 C38 66 50 86 66 88 L94 88 C93 90 91 90 88 90 L64 90 C48 88 36 70 22 62 Z", "ink+14"),
        Part("E74 68 4 2.4", "trim"),
    ),
    "sandal": (
        Part("M22 79 C20 66 24 52 34 44 L40 48 C33 56 31 68 34 79 Z", "base"),
        Part("M52 78 C56 66 68 58 80 60 L90 78 L78 79 C74 70 68 70 64 79 Z", "base", pattern=True),
        Part("M34 46 C46 54 58 60 70 61", "base-18", 3.4),
        Part("R50 52 6 6 1.4", "metal"),
        Part("M6 78 C30 72 60 80 95 76 C98 80 97 88 92 89 L12 89 C5 89 4 82 6 78 Z", "wood"),
        Part("M6 80 C30 74 60 82 96 78 L96 76 C60 80 30 72 6 78 Z", "wood+28"),
    ),
    "tote": (
        Part("M34 36 C34 8 66 8 66 36", "base-34", 3.6),
        Part("M16 34 L84 34 L90 88 C90 90 88 90 86 90 L14 90 C12 90 10 90 10 88 Z", pattern=True),
        Part("M16 34 L84 34 L84.8 41 L15.2 41 Z", "base-14"),
        Part("M30 40 C30 12 70 12 70 40", "base-20", 3.6),
        Part("R27 37 6 8 1.5", "base-30"),
        Part("R67 37 6 8 1.5", "base-30"),
        Part("R40 58 20 12 2", "trim"),
    ),
    "handbag": (
        Part("M30 46 C28 10 72 10 70 46", "base-30", 4.2),
        Part(
            "M14 50 C14 44 18 42 24 42 L76 42 C82 42 86 44 86 50 L92 84 C92 89 89 90 84 90 L16 90 "
            "C11 90 8 89 8 84 Z",
            pattern=True,
        ),
        Part("M16 42 L84 42 C86 54 80 66 50 68 C20 66 14 54 16 42 Z", "base-14"),
        Part("M16 44 C18 56 26 64 50 66 C74 64 82 56 84 44", "base+22", 0.7),
        Part("R44 60 12 12 2.4", "metal"),
        Part("E50 66 2 2", "metal-40"),
        Part("E30 46 2.2 2.2", "metal"),
        Part("E70 46 2.2 2.2", "metal"),
    ),
    "backpack": (
        Part("M40 16 C40 4 60 4 60 16", "base-40", 3.0),
        Part("R8 48 16 34 7", "base-26"),
        Part("R76 48 16 34 7", "base-26"),
        Part(
            "M18 44 C18 20 30 12 50 12 C70 12 82 20 82 44 L84 82 C84 88 80 90 74 90 "
            "L26 90 C20 90 16 88 16 82 Z",
            pattern=True,
        ),
        Part("M24 40 C25 26 34 20 50 20 C66 20 75 26 76 40", "base-35", 1.3),
        Part("R25 50 50 33 7", "base-12"),
        Part("M29 58 L71 58", "base-45", 1.4),
        Part("R68 56 2.4 9 1.2", "metal"),
        Part("R42 31 16 9 2", "trim"),
    ),
    "mug": (
        Part("M70 38 C96 34 96 76 68 74", "base-12", 7.0),
        Part(
            "M18 26 L74 26 C74 50 74 68 71 82 C70 88 66 90 60 90 L32 90 C26 90 "
            "22 88 21 82 C18 68 18 50 18 26 Z",
            pattern=True,
        ),
        Part("E46 26 28 6.6", "base+18"),
        Part("E46 26.8 24.5 5", "coffee"),
        Part("E42 26 9 1.6", "coffee+22"),
    ),
    "bottle": (
        Part("R42 6 16 12 2.5", "trim"),
        Part("R44 16 12 8 1", "base-25"),
        Part(
            "M44 22 L56 22 C56 32 68 34 69 46 L69 84 C69 89 67 90 63 90 L37 90 C33 90 31 89 31 84 L31 46 "
            "C32 34 44 32 44 22 Z",
            pattern=True,
        ),
        Part("M31 50 L69 50 L69 74 L31 74 Z", "paper"),
        Part("M38 57 L62 57", "base-10", 2.0),
        Part("M41 63 L59 63", "grey", 1.0),
        Part("M44 67 L56 67", "grey", 1.0),
        Part("M36 46 C36 42 39 39 41 36", "white", 1.6),
    ),
    "jar": (
        Part("R24 46 52 44 9", "base", pattern=True),
        Part("R22 28 56 20 4", "trim-8"),
        Part("M22 42 L78 42", "trim-30", 0.8),
        Part("R30 58 40 20 2", "paper"),
        Part("M37 65 L63 65", "base-20", 2.0),
        Part("M41 71 L59 71", "grey", 1.0),
    ),
    "candle": (
        Part("M50 12 C44 20 44 28 50 30 C56 28 56 20 50 12 Z", "flame"),
        Part("M50 19 C47 23 47 28 50 29 C53 28 53 23 50 19 Z", "white"),
        Part("M50 28 L50 42", "ink", 1.2),
        Part("R26 40 48 50 4", "base", pattern=True),
        Part("E50 41 24 5", "base+28"),
        Part("R34 56 32 20 1.5", "paper"),
        Part("M40 63 L60 63", "base-25", 1.8),
        Part("M43 69 L57 69", "grey", 1.0),
    ),
    "t-shirt": (
        Part("M36 14 C42 11 58 11 64 14 C60 24 40 24 36 14 Z", "base-40"),
        Part(TEE, pattern=True),
        Part("M36 14 C42 23 58 23 64 14", "base-22", 2.4),
        Part("M25 44 C27 40 27 36 26 32", "base-22", 0.8),
        Part("M75 44 C73 40 73 36 74 32", "base-22", 0.8),
        Part("M24.2 86 C40 87.5 60 87.5 75.8 86", "base-16", 0.8),
        Part("E50 46 9 9", "trim"),
        Part("M43 49 L48 42 L51 46 L54 43 L58 49 Z", "base"),
    ),
    "hoodie": (
        Part("M30 24 C30 4 70 4 70 24 C62 32 38 32 30 24 Z", "base-14"),
        Part("M36 22 C38 10 62 10 64 22 C58 30 42 30 36 22 Z", "base-48"),
        Part(HOODIE, pattern=True),
        Part("M32 66 C36 62 64 62 68 66 L72 82 L28 82 Z", "base-12"),
        Part("M44 25 L43 42", "white", 1.3),
        Part("M56 25 L57 42", "white", 1.3),
        Part("M24 85 L76 85 L76 90 L24 90 Z", "base-24"),
        Part("M6.4 78 L18.5 81 L18 85 L6 82 Z", "base-24"),
        Part("M93.6 78 L81.5 81 L82 85 L94 82 Z", "base-24"),
    ),
    "dress": (
        Part("M38 10 L40 24 M62 10 L60 24", "base-20", 2.0),
        Part(
            "M36 20 C42 28 58 28 64 20 C67 32 64 40 61 46 C68 60 78 74 84 86 C62 92 38 92 16 86 "
            "C22 74 32 60 39 46 C36 40 33 32 36 20 Z",
            pattern=True,
        ),
        Part("M39 45 C46 48 54 48 61 45 L62 50 C54 53 46 53 38 50 Z", "trim"),
        Part("M44 54 C40 66 36 78 33 88", "base-20", 0.8),
        Part("M56 54 C60 66 64 78 67 88", "base-20", 0.8),
    ),
    "trousers": (
        Part(
            "M30 10 L70 10 C74 36 78 64 80 90 L58 90 L50 40 L42 90 L20 90 C22 64 26 36 30 10 Z", pattern=True
        ),
        Part("M30 10 L70 10 L70.8 16 L29.2 16 Z", "base-18"),
        Part("M50 16 L50 40", "base-26", 0.9),
        Part("M32 20 C36 26 36 28 29 31", "base-22", 0.8),
        Part("M68 20 C64 26 64 28 71 31", "base-22", 0.8),
        Part("E50 13 1.5 1.5", "metal"),
    ),
    "cap": (
        Part("M18 66 C16 36 32 22 50 22 C70 22 82 38 80 66 C60 60 38 60 18 66 Z", pattern=True),
        Part("M50 22 C44 34 42 48 43 61", "base-22", 0.9),
        Part("M50 22 C64 30 70 46 71 62", "base-22", 0.9),
        Part("E50 22 3 1.8", "base-30"),
        Part(
            "M18 66 C38 59 60 59 80 66 C92 70 99 78 98 82 C80 76 52 74 28 80 C20 78 17 72 18 66 Z", "base-18"
        ),
        Part("M20 68 C40 62 62 62 82 69", "base+16", 0.7),
        Part("E34 46 7 7", "trim"),
    ),
    "beanie": (
        Part("E50 18 9 9", "trim"),
        Part("M18 70 C16 36 30 22 50 22 C70 22 84 36 82 70 Z", pattern=True),
        *(
            Part(f"M{50 + d} 24 C{50 + d * 2} 38 {50 + d * 2.6} 52 {50 + d * 2.7} 68", "base-18", 0.8)
            for d in (-10, -4, 4, 10)
        ),
        Part("R14 64 72 20 7", "base-14"),
        *(Part(f"M{x} 67 L{x} 81", "base-30", 0.9) for x in range(22, 82, 8)),
    ),
    "chair": (
        Part("M30 62 L24 90", "wood-30", 3.2),
        Part("M70 62 L76 90", "wood-30", 3.2),
        Part("M28 14 C40 9 60 9 72 14 C75 30 74 44 72 54 L28 54 C26 44 25 30 28 14 Z", pattern=True),
        Part("M33 19 C42 15 58 15 67 19 C69 31 68 42 67 49 L33 49 C32 42 31 31 33 19 Z", "base+12"),
        Part(
            "M20 54 C36 49 64 49 80 54 C85 57 85 66 80 68 C62 72 38 72 20 68 C15 66 15 57 20 54 Z", "base-8"
        ),
        Part("M20 66 C38 70 62 70 80 66", "base-28", 1.2),
        Part("M24 68 L17 90", "wood", 3.8),
        Part("M76 68 L83 90", "wood", 3.8),
    ),
    "sofa": (
        Part("R16 34 68 36 9", "base-12", pattern=True),
        Part("M50 38 L50 62", "base-30", 0.9),
        Part("R5 46 17 38 8", "base-4"),
        Part("R78 46 17 38 8", "base-4"),
        Part("R20 58 30.5 16 5", "base+10"),
        Part("R49.5 58 30.5 16 5", "base+10"),
        Part("R18 73 64 10 3", "base-20"),
        Part("M24 42 L40 40 L43 57 L26 59 Z", "trim"),
        *(Part(f"M{x} 83 L{x} 90", "wood-20", 2.6) for x in (13, 87)),
    ),
    "lamp": (
        Part("M50 50 L50 84", "metal-25", 2.4),
        Part("M30 14 L70 14 L84 52 C64 56 36 56 16 52 Z", pattern=True),
        Part("E50 52.6 33.5 3.4", "flame+30"),
        Part("M30 14 L70 14 L71.5 18 L28.5 18 Z", "base-18"),
        Part("M62 55 L62 66", "metal-40", 0.8),
        Part("E62 67 1.4 1.4", "metal"),
        Part("M30 87 C30 82 42 80 50 80 C58 80 70 82 70 87 C70 90 30 90 30 87 Z", "metal-30"),
    ),
    "watch": (
        Part("M38 6 L62 6 L66 34 L34 34 Z", "base-22", pattern=True),
        Part("M34 62 L66 62 L62 92 L38 92 Z", "base-22", pattern=True),
        Part("M40 8 L43 32 M60 8 L57 32 M43 66 L40 90 M57 66 L60 90", "base+10", 0.6),
        Part("R77 45 7 7 1.6", "metal-25"),
        Part("E50 48.5 29 29", "metal"),
        Part("E50 48.5 25.6 25.6", "metal-42"),
        Part("E50 48.5 24 24", "dial"),
        *(
            Part(p, "ink", 1.3)
            for p in ("M50 28 L50 32", "M50 65 L50 69", "M29.5 48.5 L33.5 48.5", "M66.5 48.5 L70.5 48.5")
        ),
        Part("M50 48.5 L40 41", "ink", 2.0),
        Part("M50 48.5 L60 35", "ink", 1.4),
        Part("M50 53 L50 33", "trim", 0.7),
        Part("E50 48.5 2 2", "ink"),
    ),
    "phone": (
        Part("R29 6 42 84 7.5", "base-30"),
        Part("R30 6.6 40 82.8 7", "base"),
        Part("R32 9 36 78 5.4", "screen"),
        Part("M32 62 C44 48 56 70 68 54 L68 82 C68 85 66 87 63 87 L37 87 C34 87 32 85 32 82 Z", "trim"),
        Part("M32 72 C46 62 54 80 68 68 L68 82 C68 85 66 87 63 87 L37 87 C34 87 32 85 32 82 Z", "trim-22"),
        Part("E56 32 8 8", "flame+20"),
        Part("R44 11.5 12 3 1.5", "ink"),
        Part("R70.6 28 1.4 10 0.6", "base-40"),
    ),
    "laptop": (
        Part("R18 26 64 48 3.4", "ink+10"),
        Part("R20.5 28.5 59 43 1.6", "screen"),
        Part("M20.5 60 C36 46 52 66 79.5 48 L79.5 71.5 L20.5 71.5 Z", "trim"),
        Part("M20.5 67 C40 56 56 72 79.5 60 L79.5 71.5 L20.5 71.5 Z", "trim-22"),
        Part("E62 41 6 6", "flame+20"),
        Part("M8 78 L18 73 L82 73 L92 78 C93 81 91 83 88 83 L12 83 C9 83 7 81 8 78 Z", "base+6"),
        Part("M8 79 L92 79 C92 82 91 83 88 83 L12 83 C9 83 8 82 8 79 Z", "base-20"),
        Part("M42 75.5 L58 75.5", "base-16", 1.6),
    ),
    "headphones": (
        Part("M16 62 C8 2 92 2 84 62", "base-16", 6.2),
        Part("M22 40 C26 8 74 8 78 40", "base+16", 1.0),
        Part("R20 52 15 34 7", "ink+12"),
        Part("R65 52 15 34 7", "ink+12"),
        Part("R9 50 17 38 8", "base"),
        Part("R74 50 17 38 8", "base"),
        Part("E17 69 4.4 9", "trim"),
        Part("E83 69 4.4 9", "trim"),
    ),
    "glasses": (
        Part("M8 46 C4 40 12 36 20 38", "base-30", 3.0),
        Part("M92 46 C96 40 88 36 80 38", "base-30", 3.0),
        Part("M42 50 C46 44 54 44 58 50", "base", 3.4),
        Part("R7 42 37 31 13", "base"),
        Part("R56 42 37 31 13", "base"),
        Part("R10 45 31 25 10.5", "lens"),
        Part("R59 45 31 25 10.5", "lens"),
        Part("M16 62 L26 48", "white", 1.2),
        Part("M65 62 L75 48", "white", 1.2),
    ),
    "plant": (
        Part("M50 66 C48 46 40 30 26 14 C22 34 32 54 50 66 Z", "leaf-12"),
        Part("M50 66 C52 46 60 28 76 14 C80 34 68 54 50 66 Z", "leaf"),
        Part("M50 66 C44 44 44 22 50 4 C58 22 56 46 50 66 Z", "leaf+14"),
        Part("M50 66 C36 60 20 56 8 38 C26 36 42 48 50 66 Z", "leaf+6"),
        Part("M50 66 C64 60 80 56 92 38 C74 36 58 48 50 66 Z", "leaf-18"),
        Part("M50 64 C49 44 49 28 50 12", "leaf-28", 0.7),
        Part("M50 66 C42 50 34 36 28 22", "leaf-34", 0.6),
        Part("M50 66 C58 50 68 34 74 22", "leaf-26", 0.6),
        Part("M28 62 L72 62 L67 86 C66 89 64 90 61 90 L39 90 C36 90 34 89 33 86 Z", pattern=True),
        Part("R25 58 50 9 2.4", "base-12"),
    ),
    "box": (
        Part("M14 34 L50 24 L86 34 L50 46 Z", "base+16"),
        Part("M14 34 L50 46 L50 90 L14 77 Z", "base", pattern=True),
        Part("M86 34 L50 46 L50 90 L86 77 Z", "base-20"),
        Part("M30 29.4 L68 39.8 L60 42.7 L23 31.6 Z", "trim+10"),
        Part("M60 42.7 L68 39.8 L68 56 L60 59 Z", "trim-15"),
        Part("M20 58 L38 64.5 L38 76 L20 69.5 Z", "paper"),
        Part("M23 63 L35 67.4", "grey", 1.0),
        Part("M23 67 L31 70", "grey", 1.0),
    ),
}
"""The 27 products that can be drawn; ``box`` stands for everything else."""

WORDS: dict[str, str] = {
    "sneaker": "sneaker sneakers trainer trainers shoe shoes loafer loafers runner runners footwear",
    "boot": "boot boots bootie booties wellington",
    "heel": "heel heels pump pumps stiletto stilettos",
    "sandal": "sandal sandals slipper slippers flip-flop flip-flops espadrille",
    "tote": "tote totes shopper",
    "handbag": "bag bags handbag purse clutch satchel duffel wallet",
    "backpack": "backpack backpacks rucksack knapsack daypack",
    "mug": "mug mugs cup cups teacup tumbler espresso",
    "bottle": "bottle bottles flask perfume shampoo thermos serum",
    "jar": "jar jars honey jam vase moisturiser moisturizer",
    "candle": "candle candles",
    "t-shirt": "t-shirt tee tees tshirt shirt shirts polo blouse jersey",
    "hoodie": "hoodie sweater sweatshirt jumper jacket coat pullover cardigan parka fleece",
    "dress": "dress dresses gown skirt",
    "trousers": "trousers pants jeans chinos leggings shorts",
    "cap": "cap caps hat hats visor",
    "beanie": "beanie beanies",
    "chair": "chair chairs armchair stool",
    "sofa": "sofa couch settee loveseat",
    "lamp": "lamp lamps lantern lampshade",
    "watch": "watch watches wristwatch smartwatch",
    "phone": "phone phones smartphone iphone handset",
    "laptop": "laptop laptops notebook computer tablet",
    "headphones": "headphones headphone headset earphones earbuds",
    "glasses": "glasses sunglasses spectacles eyewear goggles",
    "plant": "plant plants succulent cactus fern monstera houseplant flower flowers",
    "box": "box boxes package parcel carton gift crate",
}
"""Which words in a prompt ask for which product."""

FAINT_WORDS: dict[str, str] = {
    "cream": "jar", "light": "lamp", "top": "t-shirt", "seat": "chair", "pot": "plant", "mobile": "phone",
    "wine": "bottle", "slides": "sandal",
}  # fmt: skip
"""Words that mean a product only when no other word does: a "cream mug in soft light" is a mug."""
