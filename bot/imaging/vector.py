"""From an SVG drawing to pixels, without trusting the drawing.

Two guards. First the drawing is read here, without drawing it, and refused for what no picture needs: a
DOCTYPE (entities), scripts, anything fetched from elsewhere. Then it is drawn in a process of its own that is
killed when it takes too much. Both are needed: resvg was seen to end in a segmentation fault on deep nesting,
to work on and on at filters, and to open files by absolute href (resvg-py 0.5.0, 2026-11).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.parsers import expat

from bot.imaging.pictures import NotAPicture

MAX_BYTES: Final = 2 * 1024 * 1024
"""Largest drawing rendered. Vector models make some tens to hundreds of kB."""
MAX_SIDE_PX: Final = 8_192
MAX_DEPTH: Final = 128
"""Elements inside elements. Drawing programs stay below 30; the renderer's stack ends at some thousands."""
WALL_SECONDS = 45.0
"""A drawing of 3,000 paths takes one. More than the processor time: on a busy machine waiting counts."""

_CHILD: Final = Path(__file__).with_name("vector_child.py")
_SNIFF_BYTES: Final = 1_024
_PNG: Final = b"\x89PNG\r\n\x1a\n"

_OWN: Final = re.compile(r"\s*(?:#|$|\)|data:image/(?:png|jpe?g|webp|gif);base64,)", re.IGNORECASE)
"""Where a link may lead: into the drawing itself, or to pixels it carries."""
_REACH_IN_CSS: Final = re.compile(r"@import|url\(\s*['\"]?\s*", re.IGNORECASE)
_ACTIVE: Final = frozenset({"script", "foreignobject", "iframe", "object", "embed", "handler", "listener"})


def is_vector(content: bytes) -> bool:
    """Whether the bytes look like an SVG drawing; says nothing about whether it can be used."""
    head = content[:_SNIFF_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and b"<svg" in head.lower()


def rasterise(svg: bytes, max_side_px: int) -> bytes:
    """The drawing as a PNG whose longer side is `max_side_px`, see-through where nothing is drawn.

    Text is drawn with the fonts of this machine; without any it is left out. Safe to call from many threads.
    Raises NotAPicture for a drawing that cannot be used, and ValueError for a side outside 1..8192.
    """
    if not 1 <= max_side_px <= MAX_SIDE_PX:
        raise ValueError(f"a side of {max_side_px} px cannot be drawn; use 1 to {MAX_SIDE_PX}")
    fonts = inspect(svg)
    # Both sides are given, else a drawing that claims to be huge decides; its shape is kept within them.
    order = f"{max_side_px} {max_side_px} {int(fonts)}\n".encode()
    try:
        done = subprocess.run(  # noqa: S603  # our own file, no shell, nothing of the drawing in the arguments
            [sys.executable, "-I", str(_CHILD)],
            input=order + svg.removeprefix(b"\xef\xbb\xbf"),
            capture_output=True,
            timeout=WALL_SECONDS,
            env={},  # a renderer gone astray finds no secrets there
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAPicture(f"The drawing took longer than {WALL_SECONDS:.0f} s to render.") from None
    if done.returncode != 0:
        raise NotAPicture(f"The drawing cannot be rendered ({_why(done)}).")
    if not done.stdout.startswith(_PNG):
        raise NotAPicture("The drawing cannot be rendered (no picture came of it).")
    return done.stdout


def inspect(svg: bytes) -> bool:
    """Whether the drawing has text in it, once there is nothing in it to refuse. Raises NotAPicture."""
    if len(svg) > MAX_BYTES:
        raise NotAPicture(
            f"The drawing has {len(svg) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.1f} MB are rendered."
        )
    if not is_vector(svg):
        raise NotAPicture("The file is not an SVG drawing.")
    reader = _Reader()
    # The renderer reads UTF-8, so whatever encoding the drawing claims, this is what is looked at.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.ProcessingInstructionHandler = reader.instruction
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.words
    try:
        parser.Parse(svg, True)
    except expat.ExpatError as problem:
        raise NotAPicture(f"The drawing is not well-formed ({problem}).") from None
    return reader.text


class _Reader:
    """Looks at every part of the drawing once, and keeps none."""

    def __init__(self) -> None:
        self.text = False
        self._open: list[str] = []
        self._css = ""

    def doctype(self, *_: object) -> None:
        raise NotAPicture("The drawing has a DOCTYPE, which no picture needs and an attack uses.")

    def instruction(self, target: str, _: str) -> None:
        raise NotAPicture(f"The drawing has an instruction for another program (<?{target[:40]}?>).")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2].lower()
        if not self._open and name != "svg":
            raise NotAPicture("The file is not an SVG drawing.")
        if name in _ACTIVE:
            raise NotAPicture(f"The drawing holds a <{name}>, which is no picture.")
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise NotAPicture(f"The drawing is nested more than {MAX_DEPTH} deep.")
        self.text = self.text or name == "text"
        for attribute, value in attributes.items():
            _check(attribute.rpartition(":")[2].lower(), value)

    def end(self, _: str) -> None:
        if self._open.pop() == "style":
            css, self._css = self._css, ""
            _check("style", css)

    def words(self, words: str) -> None:
        if self._open and self._open[-1] == "style":
            self._css += words


def _check(attribute: str, value: str) -> None:
    if attribute.startswith("on"):
        raise NotAPicture(f"The drawing holds a script ({attribute[:40]}).")
    if attribute in ("href", "src", "base") and not _OWN.match(value):
        raise NotAPicture("The drawing links to something outside itself.")
    for reach in _REACH_IN_CSS.finditer(value):
        if reach[0].startswith("@") or not _OWN.match(value, reach.end()):
            raise NotAPicture("The drawing fetches something from outside itself.")


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    """The renderer's last words, or how it ended."""
    if done.returncode < 0:
        return f"the renderer was stopped by signal {-done.returncode}: too much work, or damaged"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return said[-1][:200] if said else f"the renderer ended with {done.returncode}"
