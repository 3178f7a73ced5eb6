"""A job as files: the person's own sheet with what became of each row, the pictures, and a report."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from bot.imaging.quality import Flag
from bot.pipeline.attend import quality, tally
from bot.runtime import Context
from storage.records import Item, Job, Row
from storage.states import ItemState, SubmissionState

RESULT_COLUMNS = ("status", "reason", "flags", "attempts", "cost_usd", "file")
"""Added after the person's own columns; a clash gets `imgbatch_` in front."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that a spreadsheet would run as a formula."""

NUMBER = re.compile(r"[-+]?\d+([.,]\d+)*%?")
"""What begins with a sign and is still no formula."""


def write_results(ctx: Context, job: Job, file: IO[str]) -> int:
    """`results.csv`: one line per row in the sheet's order, the person's own columns first; how many.

    Cells that a spreadsheet would run as formulas get an apostrophe in front. A row with several
    pictures has them in its one line, separated by “; ”.
    """
    added = [name if name not in job.columns else f"imgbatch_{name}" for name in RESULT_COLUMNS]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in (*job.columns, *added)])
    names = FileNames.of(ctx, job)
    lines = 0
    for row, items in _rows_with_items(ctx, job):
        own = [safe_cell(row.cells.get(column, "")) for column in job.columns]
        writer.writerow([*own, *(safe_cell(value) for value in _fate(row, items, names))])
        lines += 1
    return lines


def _rows_with_items(ctx: Context, job: Job) -> Iterator[tuple[Row, list[Item]]]:
    """Both streams are in sheet order: merged, never loaded."""
    items = ctx.queries.items(job.id)
    held: Item | None = next(items, None)
    for row in ctx.queries.rows(job.id):
        mine: list[Item] = []
        while held is not None and held.row == row.number:
            mine.append(held)
            held = next(items, None)
        yield row, mine


def _fate(row: Row, items: Sequence[Item], names: FileNames) -> tuple[str, ...]:
    if row.problem is not None:
        return ("bad_row", row.problem, "", "0", "", "")
    states = list(dict.fromkeys(item.state.value for item in items))
    reasons = list(dict.fromkeys(item.reason for item in items if item.reason))
    cost = sum((item.cost for item in items if item.cost is not None), Decimal(0))
    files = "; ".join(names.of_item(item) for item in items if item.state is ItemState.STORED)
    attempts = sum(item.attempts for item in items)
    return ("; ".join(states), "; ".join(reasons), _flags(items), str(attempts), usd(cost), files)


def _flags(items: Sequence[Item]) -> str:
    """What the quality gate found in the pictures that are there."""
    stored = [item for item in items if item.state is ItemState.STORED]
    return "; ".join(dict.fromkeys(Flag.read(flag).words for item in stored for flag in item.flags or ()))


def safe_cell(value: str) -> str:
    """The cell as it was, or with an apostrophe in front where a spreadsheet would run it."""
    return f"'{value}" if value.startswith(FORMULA) and not NUMBER.fullmatch(value) else value


@dataclass(frozen=True, slots=True)
class FileNames:
    """What the web files of a job are called: `SKU.webp`, `SKU-2.webp` for a row's second picture.

    Where two rows share a key, or a key cannot be a file name as it is, the row's number is added, so that
    no file hides another; where several models made the job, the model's name is.
    """

    shared: frozenset[str]
    """Keys, in lower case, that more than one row has."""
    compares: bool
    """Whether several models made the job."""

    @classmethod
    def of(cls, ctx: Context, job: Job) -> FileNames:
        models = (job.plan or {}).get("models", {})
        return cls(frozenset(ctx.queries.shared_keys(job.id)), len(models) > 1)

    def of_item(self, item: Item) -> str:
        stem = re.sub(r"[^\w.-]+", "-", item.key).strip("-.")[:80]
        if stem != item.key or stem.lower() in self.shared:
            stem = f"{stem}-row{item.row}" if stem else f"row{item.row}"
        if self.compares:
            stem += "-" + re.sub(r"[^\w.-]+", "-", item.model)
        extension = (item.rendition_key or "x.webp").rpartition(".")[2]
        return f"{stem}-{item.variant}.{extension}" if item.variant > 1 else f"{stem}.{extension}"


def write_pictures(ctx: Context, job: Job, folder: Path) -> int:
    """Copy every stored web file into the folder; how many. A file already there whole is left."""
    folder.mkdir(parents=True, exist_ok=True)
    names = FileNames.of(ctx, job)
    written = 0
    for item in ctx.queries.items(job.id, [ItemState.STORED]):
        assert item.rendition_key is not None
        target = folder / names.of_item(item)
        written += 1
        if not target.exists() or target.stat().st_size != item.byte_size:
            _write(ctx, item.rendition_key, target)
        if item.master_key and item.master_key.endswith(".svg"):
            _write(ctx, item.master_key, target.with_suffix(".svg"))  # what a vector customer bought
    return written


def _write(ctx: Context, key: str, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    part.write_bytes(ctx.blobs.read(key))
    part.replace(target)


def report(ctx: Context, job: Job, now: datetime) -> dict[str, Any]:
    """The job in numbers, ready for JSON. Money in USD, null where unknown; `quoted_usd` is the highest."""
    ledger = ctx.queries.ledger(job.id)
    counts = tally(ctx, job)
    judged = quality(ctx, job)
    started = job.started_at or job.created_at
    return {
        "job": job.id,
        "title": job.title,
        "state": job.state.value,
        "provider": job.provider,
        "model": job.model,
        "lane": job.lane,
        "rows": job.rows,
        "bad_rows": job.bad_rows,
        "items": job.items,
        "stored": counts.stored,
        "duplicates": job.duplicates,
        "refused": counts.refused,
        "failed": counts.failed,
        "expired": counts.expired,
        "cancelled": counts.cancelled,
        "in_doubt": counts.in_doubt,
        "in_flight": counts.in_flight,
        "retries": counts.retries,
        "flagged": judged.flagged,
        "made_again": judged.again,
        "submissions": len(ctx.queries.submissions(job.id)),
        "success_rate": counts.success_rate,
        "quoted_low_usd": number(job.quoted_low),
        "quoted_usd": number(job.quoted_high),
        "cost_usd": number(ledger.settled_usd),
        "unpriced": ledger.unpriced,
        "seconds": round(((job.finished_at or now) - started).total_seconds(), 3),
    }


def audit(ctx: Context, job: Job) -> dict[str, Any]:
    """The ledger and its invariant, ready for JSON: every row accounted for, in rows and dollars."""
    ledger = ctx.queries.ledger(job.id)
    states: Mapping[str, int] = {state.value: ledger.states.get(state, 0) for state in ItemState}
    ended = {name: states[name] for name in ENDS}
    paid_twice = list(ledger.overpaid)
    lost = ctx.queries.submissions(job.id, [SubmissionState.LOST])
    exceptions = [f"item {name} was made more than once" for name in paid_twice]
    if not ledger.holds:
        exceptions.append("the counts of the states do not add up to the items requested")
    if job.rows != job.bad_rows + ctx.queries.rows_with_items(job.id):
        exceptions.append("rows of the sheet are neither bad nor have an item")
    return {
        "job": job.id,
        "state": job.state.value,
        "rows": job.rows,
        "bad_rows": job.bad_rows,
        "requested": ledger.requested,
        **ended,
        "in_flight": ledger.under_way,
        "attempts": ledger.attempts,
        "open_attempts": ledger.open_attempts,
        "pictures_made": ledger.made,
        "paid_twice": paid_twice,
        "settled_usd": number(ledger.settled_usd),
        "reserved_usd": number(ledger.reserved_usd),
        "unpriced_attempts": ledger.unpriced,
        "results_lost": sum(sent.count - sent.completed for sent in lost),
        "quoted_usd": number(job.quoted_high),
        "invariant": "requested = stored + refused + failed + cancelled + expired + in_doubt + in_flight",
        "holds": not exceptions,
        "exceptions": exceptions,
    }


ENDS = ("stored", "refused", "failed", "cancelled", "expired", "in_doubt")
"""The final states, in the order of the invariant."""


def usd(amount: Decimal | None) -> str:
    """Plain decimal text without exponent or trailing noise: `0.0265`, `12.5`, `0`."""
    if amount is None:
        return ""
    text = f"{amount:.9f}".rstrip("0").rstrip(".")
    return text or "0"


def number(amount: Decimal | None) -> float | None:
    """For JSON, where money is a plain number; the data store keeps it exact."""
    return None if amount is None else float(round(amount, 9))
