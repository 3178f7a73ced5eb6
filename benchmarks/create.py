"""How quickly, and in how much memory, a sheet becomes a priced job at rest.

    python benchmarks/create.py [ROWS ...]

Reads, renders, lints, deduplicates, prices and writes each sheet into a fresh SQLite store, in a process of
its own so that peak memory is its own. Peer in the same run: the least work that leaves the same rows in
the same kind of file (csv.DictReader, str.format_map, sqlite3.executemany), without checks or prices.
"""

from __future__ import annotations

import csv
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEMPLATE = "Studio photo of a {{ color }} {{ name }} made of {{ material }}, {{ background }} background"


def write_sheet(path: Path, rows: int) -> None:
    """`rows` lines, one in ten a duplicate of an earlier one but for its SKU."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "name", "color", "material", "background", "note"])
        for n in range(rows):
            same = n - 7 if n % 10 == 9 else n
            writer.writerow(
                [f"SKU-{n:06d}", f"sneaker no. {same}", "red", "canvas", "white", "spring, “new”"]
            )


def ours(folder: Path, sheet: Path) -> None:
    from bot.intake.spec import JobSpec
    from bot.pipeline.create import Wanted, create_job
    from tests.parts import make_context

    with make_context(folder) as ctx:
        wanted = Wanted(sheet, sheet.name, JobSpec(template=TEMPLATE, provider="sketch"), "benchmark")
        job, plan = create_job(ctx, wanted, ctx.clock())
        assert job.items == plan.items


def peer(folder: Path, sheet: Path) -> None:
    template = TEMPLATE.replace("{{ ", "{").replace(" }}", "}")
    with sqlite3.connect(folder / "peer.db") as database, sheet.open(encoding="utf-8") as file:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE item (number INTEGER PRIMARY KEY, sku TEXT, prompt TEXT)")
        rows = ((n, row["sku"], template.format_map(row)) for n, row in enumerate(csv.DictReader(file)))
        database.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)


def one(kind: str, sheet: str) -> None:
    """Child process: do it once and print seconds and peak MiB."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        (ours if kind == "ours" else peer)(Path(folder), Path(sheet))
        seconds = time.perf_counter() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(sizes: list[int]) -> None:
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            sheet = Path(folder) / "sheet.csv"
            write_sheet(sheet, size)
            figures = {}
            for kind in ("peer", "ours"):
                command = [sys.executable, __file__, kind, str(sheet)]
                seconds, memory = subprocess.run(
                    command, capture_output=True, text=True, check=True
                ).stdout.split()
                figures[kind] = (float(seconds), float(memory))
        (peer_s, peer_mib), (our_s, our_mib) = figures["peer"], figures["ours"]
        print(
            f"{size:>9,} rows: {our_s:6.2f} s, {size / our_s:>9,.0f} rows/s, peak {our_mib:5.0f} MiB"
            f"   peer {peer_s:5.2f} s, {peer_mib:4.0f} MiB   ratio {our_s / peer_s:4.1f}x"
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    if sys.argv[1:2] and sys.argv[1] in ("ours", "peer"):
        one(sys.argv[1], sys.argv[2])
    else:
        main([int(size) for size in sys.argv[1:]] or [10_000, 500_000])
