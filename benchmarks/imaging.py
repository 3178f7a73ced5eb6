"""How fast `render` is: against plain Pillow doing the bare steps, and on two threads. One run, interleaved.

    python benchmarks/imaging.py [masters] [rounds]

Masters are 1024x1024 PNGs of 1.2 MB on average, much like a provider's; each becomes 800x800 WebP q82
m4. `bare` is Image.open, resize LANCZOS, save: no check, no orientation, no profile, no label. Ratios
are taken within a round, so that a noisy machine disturbs both sides alike.
"""

from __future__ import annotations

import io
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageFilter

from bot.imaging.contact_sheet import Cell, contact_sheet
from bot.imaging.preview import preview
from bot.imaging.renditions import RenderPolicy, render
from providers.base import Size

SIZE = Size(800, 800)


def made_master(number: int) -> bytes:
    """A soft picture under photograph-like grain, so that PNG and WebP have as much to do as in life."""
    ramp = Image.linear_gradient("L").resize((1024, 1024)).rotate(37 * number)
    soft = Image.effect_noise((128, 128), 90).resize((1024, 1024), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((1024, 1024), 5).filter(ImageFilter.GaussianBlur(0.4))
    bands = [
        Image.blend(Image.blend(one, other, 0.5), grain, 0.22)
        for one, other in ((ramp, soft), (soft, ramp), (soft, soft))
    ]
    out = io.BytesIO()
    Image.merge("RGB", bands).save(out, "PNG")
    return out.getvalue()


def bare(master: bytes) -> bytes:
    image = Image.open(io.BytesIO(master)).resize((SIZE.width, SIZE.height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()


def ours(master: bytes) -> bytes:
    return render(master, SIZE).content


def fast(master: bytes) -> bytes:
    return render(master, SIZE, RenderPolicy(method=2)).content


def measured(work: Callable[[bytes], bytes], masters: list[bytes], threads: int) -> tuple[float, float, int]:
    """Pictures per second, CPU milliseconds per picture, bytes per picture."""
    wall, cpu = time.perf_counter(), time.process_time()
    if threads == 1:
        made = [len(work(master)) for master in masters]
    else:
        with ThreadPoolExecutor(threads) as pool:
            made = [len(content) for content in pool.map(work, masters)]
    seconds, spent = time.perf_counter() - wall, time.process_time() - cpu
    return len(masters) / seconds, 1000 * spent / len(masters), sum(made) // len(made)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    masters = [made_master(number) for number in range(count)]
    mean_mb = sum(map(len, masters)) / count / 1e6
    print(f"{count} masters, {mean_mb:.2f} MB each, {rounds} rounds, {os.cpu_count()} CPUs")
    ways = {
        "bare Pillow, 1 thread": (bare, 1),
        "render, 1 thread": (ours, 1),
        "render, 2 threads": (ours, 2),
        "render m2, 1 thread": (fast, 1),
        "preview 1024 px, 1 thread": (lambda master: preview(master, 1024), 1),
    }
    ways["bare Pillow, 1 thread"][0](masters[0])  # warm
    results: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, threads) in ways.items():
            results[name].append(measured(work, masters, threads))
    for name, found in results.items():
        speed, cpu, size = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:28} {speed:6.1f} img/s  {cpu:6.1f} ms CPU/img  {size:9,.0f} bytes/img")

    def ratio(first: str, second: str, column: int) -> float:
        pairs = zip(results[first], results[second], strict=True)
        return statistics.median(one[column] / other[column] for one, other in pairs)

    print(f"render / bare, speed        {ratio('render, 1 thread', 'bare Pillow, 1 thread', 0):.2f}")
    print(f"render / bare, CPU          {ratio('render, 1 thread', 'bare Pillow, 1 thread', 1):.2f}")
    print(f"2 threads / 1, speed        {ratio('render, 2 threads', 'render, 1 thread', 0):.2f}")
    print(f"m2 / m4, speed              {ratio('render m2, 1 thread', 'render, 1 thread', 0):.2f}")

    thumbnails = [preview(master, 400) for master in masters]
    cells = [Cell(number + 1, f"SKU-{number}", thumbnails[number % count]) for number in range(24)]
    start = time.perf_counter()
    sheet = contact_sheet(cells, title="Benchmark")
    print(f"contact sheet of 24         {1000 * (time.perf_counter() - start):.0f} ms, {len(sheet):,} bytes")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = sum(map(len, masters)) / 2**20
    print(f"peak RSS                    {peak:.0f} MiB, of which masters {held:.0f} MiB")


if __name__ == "__main__":
    main()
