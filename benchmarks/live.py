"""The live lane: wall time against the ideal and against the vendor's SDK, side by side in one run.

    python benchmarks/live.py [IMAGES] [CONCURRENCY] [LATENCY_SECONDS] [--allowed=K]

OpenAI's stand-in answers each call after a fixed latency, in a process of its own. Ours: the whole pipeline
(intent, call, answer, settle, render, store) under its schedule. Peer: `openai.AsyncOpenAI` with asyncio and
a semaphore, which writes each picture to a file and remembers nothing. Ideal: images x latency / concurrency.
With --allowed the vendor answers K calls at once and turns the others away: the ideal is that of K, and only
ours runs, which must find K out.
"""

from __future__ import annotations

import asyncio
import base64
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def ours(base_url: str, key: str, images: int, concurrency: int) -> tuple[float, int]:
    """Seconds, and how many calls were turned away."""
    from bot.intake.spec import JobSpec
    from bot.pipeline.create import Wanted, create_job
    from bot.runtime import now
    from bot.scheduler import pipeline_ticks, ticking
    from providers import catalogue
    from providers.base import Lane
    from providers.openai import OpenAI
    from storage.states import ItemState, JobState
    from tests.parts import QUICK, make_context

    # The gate would make pictures again that look alike, and the peer has none.
    once = replace(QUICK, quality_gate=False)
    card = catalogue.load()["openai"]["gpt-image-2"]
    wide = card.model_copy(update={"limits": card.limits.model_copy(update={"concurrency": concurrency})})
    provider = OpenAI({wide.id: wide}, api_key=key, base_url=base_url, clock=now)
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.csv"
        sheet.write_text("prompt\n" + "".join(f"mug number {n}\n" for n in range(images)))
        with make_context(Path(folder) / "data", {"openai": provider}, policy=once, clock=now) as ctx:  # type: ignore[arg-type]
            spec = JobSpec(provider="openai", lane=Lane.LIVE)
            job, _ = create_job(ctx, Wanted(sheet, "sheet.csv", spec, "benchmark"), now())
            started = time.perf_counter()
            ctx.store.start_job(job.id, now())
            idle = threading.Event()
            with ticking(pipeline_ticks(ctx), now):
                while not ctx.queries.jobs([JobState.FINISHED]):
                    idle.wait(0.25)
            seconds = time.perf_counter() - started
            assert ctx.queries.counts(job.id) == {ItemState.STORED: images}, ctx.queries.counts(job.id)
            away = sum(event.event == "hold" for event in ctx.queries.events(job.id))
    return seconds, away


def peer(base_url: str, key: str, images: int, concurrency: int) -> tuple[float, int]:
    import httpx
    from openai import AsyncOpenAI

    async def main(folder: str) -> None:
        client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=600)
        turn = asyncio.Semaphore(concurrency)

        async def one(n: int) -> None:
            async with turn:
                answer = await client.images.generate(
                    model="gpt-image-2", prompt=f"mug number {n}", quality="medium"
                )
                assert answer.data is not None
                Path(folder, f"{n}.png").write_bytes(base64.b64decode(answer.data[0].b64_json or ""))

        await asyncio.gather(*(one(n) for n in range(images)))
        await client.close()

    assert httpx  # imported before the clock starts, as it is for ours
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        asyncio.run(main(folder))
        return time.perf_counter() - started, 0


def main(images: int, concurrency: int, latency: float, allowed: int) -> None:
    dials = [f"--fault=latency={latency}", "--fault=picture_px=32", f"--fault=concurrent_calls={allowed}"]
    command = [sys.executable, "-m", "bot", "simulate", "openai", *dials]
    vendor = subprocess.Popen(command, stdout=-1, text=True)
    assert vendor.stdout is not None
    base_url = vendor.stdout.readline().split(" at ")[1].strip()
    key = vendor.stdout.readline().split(": ")[1].strip()
    ideal = images * latency / (allowed or concurrency)
    but = f" but {allowed} allowed" if allowed else ""
    print(f"{images:,} images, {concurrency} at once{but}, {latency} s each: ideal {ideal:.1f} s")
    try:
        for kind in ("ours",) if allowed else ("peer", "ours"):
            told = subprocess.run(
                [sys.executable, __file__, kind, base_url, key, str(images), str(concurrency)],
                stdout=-1, text=True, check=True,
            ).stdout.split()  # fmt: skip
            seconds, away, peak, cpu = (float(part) for part in told)
            used = f"{away:.0f} turned away, CPU {cpu:5.1f} s, peak {peak:4.0f} MiB"
            print(f"  {kind}: {seconds:6.1f} s, {seconds / ideal:4.2f} x ideal, {used}")
    finally:
        vendor.terminate()
        vendor.wait(20)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("ours" | "peer") as kind, base_url, key, images, concurrency]:
            run = ours if kind == "ours" else peer
            taken, turned_away = run(base_url, key, int(images), int(concurrency))
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(taken, turned_away, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)
        case arguments:
            given = [float(argument) for argument in arguments if not argument.startswith("--")]
            allowed = [int(a.removeprefix("--allowed=")) for a in arguments if a.startswith("--allowed=")]
            count, wide, latency = [*given, *(10_000.0, 200.0, 10.0)[len(given) :]]
            main(int(count), int(wide), latency, *(allowed or [0]))
