"""Rows per second and peak memory from a CSV to linted prompts, beside csv.DictReader with plain Jinja2.

    python -m benchmarks.intake [ROWS ...]

Each measurement is a fresh process, so that its peak memory is its own. The peer finds no dialect, checks no
cell, sandboxes no template and lints nothing: it is the floor, not a rival.
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TEMPLATE = (
    "Product photograph of the {{ name }} in {{ color }}, made of {{ material }}, standing {{ background }}"
    "{% if note %}, with {{ note }}{% endif %}. Crisp focus on the stitching, soft natural light, no text."
)


def write(path: Path, rows: int) -> None:
    """A sheet of six columns, every fifth row with a quoted newline."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sku", "name", "color", "material", "background", "note"])
        for i in range(rows):
            note = "water beading\non the toe, mist" if i % 5 == 0 else ""
            writer.writerow(
                [f"SH-{i}", "Trail Runner", "forest green", "mesh", f"on rock {i} by a stream", note]
            )


def imgbatch(path: Path) -> int:
    """What a job does with a sheet before it is priced."""
    from bot.intake.rows import read_rows
    from bot.intake.sheet import open_sheet
    from bot.intake.spec import BadRow, JobSpec
    from bot.intake.template import compile_template
    from bot.pipeline.prompts import lint
    from providers.catalogue import load

    card = next(iter(load()["openai"].values()))
    sheet = open_sheet(path)
    done = 0
    for found in read_rows(sheet, JobSpec(), compile_template(TEMPLATE, sheet.columns)):
        if isinstance(found, BadRow):
            sys.exit(found.problem)
        for wish in found[1]:
            assert lint(wish.prompt, card) is None
            done += 1
    return done


def reading_only(path: Path) -> int:
    """Our sheet reader alone."""
    from bot.intake.sheet import open_sheet

    return sum(1 for _ in open_sheet(path).rows())


def peer(path: Path) -> int:
    """csv.DictReader and plain Jinja2."""
    from jinja2 import Template

    template = Template(TEMPLATE)
    with path.open(newline="", encoding="utf-8") as stream:
        return sum(1 for row in csv.DictReader(stream) if template.render(row))


WAYS: dict[str, Callable[[Path], int]] = {
    "imgbatch: read, render, lint": imgbatch,
    "imgbatch: read only": reading_only,
    "csv.DictReader + Jinja2": peer,
}


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        start = time.perf_counter()
        done = WAYS[sys.argv[2]](Path(sys.argv[3]))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
        print(f"{sys.argv[2]:<32}{done:>9,}{seconds:>9.2f}{done / seconds:>12,.0f}{peak:>10.0f}")
        return
    sizes = [int(word) for word in sys.argv[1:]] or [10_000, 500_000]
    print(f"{'way':<32}{'rows':>9}{'seconds':>9}{'rows/s':>12}{'peak MiB':>10}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / f"{rows}.csv"
            write(path, rows)
            for way in WAYS:
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.intake", "--one", way, str(path)], check=True
                )


if __name__ == "__main__":
    main()
