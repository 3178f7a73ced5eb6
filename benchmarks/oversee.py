"""What one look of `attend` and `oversee` costs with 100,000 pictures of the last day in the data store, in
seconds of a core.

    python -m benchmarks.oversee

Half are of the newest 500 small jobs (99 pictures each, six columns, twenty templates, one in a hundred
refused), of which the newest are judged together; half are live calls of one job under way.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bot.pipeline.attend import attend
from bot.pipeline.incidents import open_incidents
from bot.pipeline.oversee import oversee
from bot.pipeline.refused_together import judge_refusals
from bot.pipeline.slowness import judge_times
from bot.runtime import Context
from storage.tables import table
from tests.parts import START, TestClock, make_context

SMALL, SIZE, LARGE = 500, 99, 50_000
LOOKS = 7
JOB, ROW, ITEM = table("job"), table("row"), table("item")
ATTEMPT, SUBMISSION = table("attempt"), table("submission")
WAY = {"provider": "sketch", "model": "sketch", "lane": "live"}
WORDS = {
    "colour": ("red", "blue", "teal", "grey", "nude", "black"),
    "style": ("plain", "warm", "bold", "soft"),
    "place": ("kitchen", "garden", "street", "studio", "beach"),
    "season": ("spring", "summer", "autumn", "winter"),
}


def job(name: str, number: int, size: int, state: str, ago: timedelta) -> dict[str, Any]:
    at = START - ago
    template = "a {{ colour }} {{ style }} {{ name }} in a {{ place }}, {{ season }}"
    spec = {"template": f"{template}, style {number % 20}", "mapping": {}, "variants": 1}
    return {
        "id": name, "title": f"Batch {name}", "state": state, "requested_by": "ana", "spec": spec,
        "columns": ["sku", "name", *WORDS], "sheet_name": "s.csv", "digest": name, **WAY, "rows": size,
        "items": size, "created_at": at, "started_at": at,
        "finished_at": at if state == "finished" else None,
    }  # fmt: skip


def fill(ctx: Context, dice: random.Random, wanted: dict[str, Any], calls: bool) -> None:
    """A job with its rows and pictures; `calls`: with a live call for each, in turn open and answered."""
    name, at = wanted["id"], wanted["started_at"]
    rows, items, sent, attempts = [], [], [], []
    for n in range(1, wanted["items"] + 1):
        cells = {"sku": f"A-{n}", "name": f"mug {n}"} | {w: dice.choice(of) for w, of in WORDS.items()}
        rows.append({"job_id": name, "number": n, "line": n + 1, "key": f"A-{n}", "cells": cells})
        state = "refused" if dice.random() < 0.01 else "stored"
        refused = "content_policy" if state == "refused" else None
        items.append(
            {"job_id": name, "number": n, "row": n, "variant": 1, "key": f"A-{n}", "prompt": "a mug" * 20}
            | {"alt_text": "", **WAY, "made_size": "64x64", "fingerprint": f"{name}{n}", "moved_at": at}
            | {"state": state, "sends": 1, "submission_id": f"{name}-{n}", "failure_kind": refused}
        )
        if calls:
            sent.append(
                {"id": f"{name}-{n}", "job_id": name, **WAY, "grp": "g", "state": "settled", "count": 1}
                | {"payload_key": "p", "byte_size": 1, "created_at": at, "sent_at": at, "completed": 1}
                | {"ended_at": at + timedelta(seconds=dice.uniform(10, 30))}
            )
            attempts.append(
                {"job_id": name, "item": n, "send": 1, "submission_id": f"{name}-{n}", "sent_at": at}
                | {
                    "answered_at": at,
                    "outcome": "made",
                    "billed": "yes",
                    "quoted": Decimal("0.04"),
                    "cost": Decimal("0.04"),
                }
            )
    with ctx.store._writer.transaction() as c:
        c.execute(insert(JOB).values(**wanted))
        for part, values in ((ROW, rows), (ITEM, items), (SUBMISSION, sent), (ATTEMPT, attempts)):
            if values:
                c.execute(insert(part), values)


def main() -> None:
    dice, clock = random.Random(1), TestClock()
    with tempfile.TemporaryDirectory() as folder, make_context(Path(folder), clock=clock) as ctx:
        for number in range(SMALL):
            ago = timedelta(hours=20) * number / SMALL + timedelta(minutes=11)
            fill(ctx, dice, job(f"s{number}", number, SIZE, "finished", ago), calls=number < 100)
        fill(ctx, dice, job("large", 0, LARGE, "running", timedelta(hours=1)), calls=True)
        parts = {
            "attend": lambda now: attend(ctx, now),
            "oversee": lambda now: oversee(ctx, now),
            "  refusals together": lambda now: judge_refusals(ctx, open_incidents(ctx), now),
            "  times": lambda now: judge_times(ctx, open_incidents(ctx), ctx.queries.started_jobs(now), now),
        }
        for name, look in parts.items():
            took = []
            for _ in range(LOOKS):
                began = time.process_time()
                look(clock())
                took.append(time.process_time() - began)
            print(f"{name:22} first {took[0]:.2f} s, then {statistics.median(took[1:]):.2f} s")


if __name__ == "__main__":
    main()
