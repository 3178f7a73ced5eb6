"""Whole programs: one that is killed and started again, and one without traces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from tests.parts import sheet
from tests.tracing.collector import Collector

ROOT = Path(__file__).parents[2]


def environment(**given: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return clean | {"PYTHONPATH": str(ROOT), "IMGBATCH_QUALITY_GATE": "false", **given}


@contextmanager
def running(folder: Path, *arguments: str, **given: str) -> Iterator[subprocess.Popen[str]]:
    """`imgbatch`, killed at the end of the block if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env=environment(**given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_program_that_is_killed_and_started_again_goes_on_with_the_same_trace(
    collector: Collector, tmp_path: Path
) -> None:
    sheet(tmp_path, [{"sku": f"S{n}", "prompt": f"a violet mug {n}"} for n in range(3)], "s.csv")
    # Settings of OpenTelemetry's may stand where all others may.
    (tmp_path / ".env").write_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={collector.address}\n")
    run = ("run", "s.csv", "-t", "{{ prompt }}", "--provider", "openai", "--yes", "--out", "out")
    faults = Faults(batch_seconds=600, validating_seconds=0.05, picture_px=64)
    with OpenAISimulator(faults=faults) as simulator:
        given = {
            "OPENAI_API_KEY": simulator.key,
            "OPENAI_BASE_URL": simulator.base_url,
            "IMGBATCH_POLL_SECONDS": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with running(tmp_path, *run, **given):
            collector.wait(lambda: collector.named("poll"))
        simulator.faults.batch_seconds = 0
        with running(tmp_path, *run, **given) as process:
            said = process.communicate(timeout=90)
        assert process.returncode == 0, said
    (root,) = collector.named("plan job")
    (end,) = collector.named("job under way")
    assert end.facts["imgbatch.stored"] == 3
    spans = [told for told in collector.spans if told.trace == root.trace]
    assert len(spans) > 15
    assert len({told.service["service.instance.id"] for told in spans}) == 2, "two processes told it"
    known = {told.id for told in spans}
    loose = [told for told in spans if told.parent not in known and told.id != root.id]
    assert all(told.sent.kind == told.sent.SPAN_KIND_CLIENT for told in loose), "calls of a step that was cut"
    assert len(loose) <= 2
    (packed,) = collector.named("pack")
    assert {told.parent for told in spans if told.name == "poll"} == {packed.id}


OFF = """
import sys, threading
from bot import cli
sys.argv = ["imgbatch", "run", "s.csv", "-t", "a {{ name }}", "--size", "64x64", "--yes", "--out", "out"]
began = set()
start = threading.Thread.start
threading.Thread.start = lambda thread: (began.add(thread.name), start(thread))[1]
try:
    cli.main()
finally:
    loaded = sorted(name for name in sys.modules if name.startswith("opentelemetry"))
    print("loaded", loaded, "threads", sorted(name for name in began if name.startswith("Otel")))
"""


def test_off_nothing_is_imported_and_no_thread_begun(tmp_path: Path) -> None:
    sheet(tmp_path, [{"sku": "A", "name": "red mug"}], "s.csv")
    done = subprocess.run(
        [sys.executable, "-c", OFF],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert "loaded [] threads []" in done.stdout
    assert (tmp_path / "out" / "A.webp").exists()
