"""What a scrape of `/metrics` costs with many pictures in the data store.

    python -m benchmarks.metrics [ITEMS]

One running job of ITEMS pictures, half of them answered within the last six hours, which is what a scrape
reads again each time; and ten ended jobs of as many, answered earlier in the month, which only the first
scrape reads.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bot.metrics import Metrics
from bot.runtime import Context
from tests.parts import START, TestClock, make_context, sheet, started

ENDED_JOBS = 10
SCRAPES = 10

NUMBERS = """CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS
(SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :items) SELECT i FROM n"""

ANSWERS = """INSERT INTO attempt
(job_id, item, send, submission_id, sent_at, answered_at, outcome, code, message, billed, cost, priced_by)
SELECT :job, i, 1, :sent, :at, CASE WHEN :open AND i % 2 THEN NULL ELSE :at END,
CASE WHEN i % 20 = 0 THEN 'content_policy' ELSE 'made' END, '', '', 'yes', 40000000, 'table' FROM numbers"""

SUBMISSION = """INSERT INTO submission
(id, job_id, provider, model, lane, grp, state, payload_key, count, byte_size, tokens, tries, created_at,
completed, failed, note)
VALUES (:id, :job, 'sketch', 'sketch-1', 'batch', '', 'settled', '', 1, 1, 0, 0, :at, 0, 0, '')"""


def fill(ctx: Context, job_id: str, items: int) -> None:
    """Copies of the job's one picture, and the ended jobs, written by SQL: planning them takes minutes."""
    recent = (START - timedelta(hours=1)).replace(tzinfo=None)
    earlier = (START - timedelta(days=3)).replace(tzinfo=None)
    with ctx.queries._engine.begin() as c:
        c.execute(text(NUMBERS), {"items": items})
        columns = [row[1] for row in c.execute(text("PRAGMA table_info(item)"))]
        changed = {"number": "i", "row": "i", "fingerprint": "'f' || i"}
        changed["state"] = "CASE WHEN i % 2 THEN 'in_flight' ELSE 'stored' END"
        said = ", ".join(changed.get(name, f'item."{name}"') for name in columns)
        listed = ", ".join(f'"{name}"' for name in columns)
        c.execute(text(f"INSERT INTO item ({listed}) SELECT {said} FROM item, numbers"))
        for number in range(ENDED_JOBS + 1):
            running = not number
            at = recent if running else earlier
            name = f"{job_id}-bench{number}"
            c.execute(text(SUBMISSION), {"id": name, "job": job_id, "at": at})
            job = job_id if running else f"old{number}"
            c.execute(text(ANSWERS), {"job": job, "sent": name, "at": at, "open": running})


def main(items: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with make_context(path / "data", clock=TestClock()) as ctx:
            job = started(ctx, sheet(path, [{"prompt": "a shoe"}]))
            fill(ctx, job.id, items)
            metrics = Metrics(ctx, path)
            times = []
            for _ in range(SCRAPES + 1):
                began = time.perf_counter()
                said, _ = metrics("")
                times.append(time.perf_counter() - began)
            parts = {}
            reads = {
                "what is under way": lambda: ctx.vitals.moving(ctx.clock()),
                "answers of six hours": lambda: ctx.vitals.settled(START - timedelta(hours=6)),
                "jobs, submissions, backlogs": lambda: (
                    ctx.vitals.jobs_by_state(),
                    ctx.vitals.sent(),
                    ctx.vitals.inbox(),
                    ctx.vitals.announcements(),
                    ctx.vitals.open_incidents(),
                ),
            }
            for name, read in reads.items():
                began = time.perf_counter()
                read()
                parts[name] = time.perf_counter() - began
    print(f"{items:,} pictures under way and answered, {ENDED_JOBS * items:,} answers before them this month")
    print(f"first scrape {times[0]:.3f} s; then {statistics.median(times[1:]):.3f} s (median of {SCRAPES})")
    print("; ".join(f"{name} {seconds:.3f} s" for name, seconds in parts.items()))
    print(f"{len(said):,} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
