"""The process that draws: reads `WIDTH HEIGHT FONTS` and an SVG from standard input, writes a PNG.

Run as a file of its own, without the rest of the program, so that what it can reach is little: an empty
environment, bounded memory and processor time, and no file can be opened once the drawing begins.
"""

from __future__ import annotations

import resource
import sys

MEMORY_BYTES = 1024**3
"""Address space; a 4096x4096 canvas takes 64 MiB, and each filter and mask as much again."""
PROCESSOR_SECONDS = 20


def main() -> None:
    """Exit status 0 with a PNG on standard output, or 1 with a sentence on standard error."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, PROCESSOR_SECONDS)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    import resvg_py  # after the limits

    head, _, svg = sys.stdin.buffer.read().partition(b"\n")
    width, height, fonts = (int(word) for word in head.split())
    if not fonts:
        _limit(resource.RLIMIT_NOFILE, 3)  # the three there are; fonts are the only files ever wanted
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg.decode(), width=width, height=height, dpi=96, skip_system_fonts=not fonts
        )
    except ValueError as problem:
        sys.exit(" ".join(str(problem).split())[:200])
    sys.stdout.buffer.write(png)


def _limit(what: int, most: int) -> None:
    """Not every system knows every limit; what the wall clock of the caller bounds is bounded anyway."""
    try:
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most, most if hard == resource.RLIM_INFINITY else min(most, hard)))
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
