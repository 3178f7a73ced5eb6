"""A simulated month of alerts: what was injected, what was told, how soon, and what was told without cause.

    python -m benchmarks.month [DAYS] [JOBS_A_DAY]

Thousands of jobs over models of six vendors are written straight into the data store's tables (no vendor is
called and no picture drawn) while a clock goes from poll to poll, ten minutes each. At each poll the
program's own ticks `attend` and `oversee` judge them. Healthy pictures come out 98.5% of the time. Injected:
jobs that lose a quarter, values that are refused, prices that rise, vendors that fail for two hours, accounts
without credit, late jobs, results about to vanish, a full disk, a stuck tick.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bot.pipeline.attend import attend
from bot.pipeline.oversee import oversee
from bot.runtime import Context
from bot.watch.alerts import subject
from providers import catalogue
from providers.base import FailureKind
from providers.sketch import Sketch
from storage.blobs import DiskRoom, FolderBlobs
from storage.tables import table
from tests.parts import TestClock, make_context

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
POLL = timedelta(minutes=10)
HEALTHY = 0.985
VENDORS = ("openai", "gemini", "xai", "fal", "bfl", "recraft")
COLOURS = ("red", "blue", "green", "white", "black")
LISTED = Decimal("0.04")
JOB, ROW, ITEM = table("job"), table("row"), table("item")
ATTEMPT, SUBMISSION = table("attempt"), table("submission")


class Disk(FolderBlobs):
    """Says that it is full when it is told to."""

    full = False

    def room(self) -> DiskRoom:
        return DiskRoom("/data", 10**9 if self.full else 10**11, 10**12)


@dataclass
class Batch:
    """A job that is under way."""

    id: str
    vendor: str
    model: str
    size: int
    ends_after: int
    """Polls."""
    success: float = HEALTHY
    refused: str = ""
    """A colour that content rules refuse."""
    factor: Decimal = Decimal(1)
    done: int = 0
    polls: int = 0
    colours: list[str] = field(default_factory=list)


@dataclass
class Injected:
    """Something that must be told: the rule, what it is about, and since when it can be seen."""

    about: str
    at: datetime
    latest: datetime
    """The poll by which it must have been told."""


class Month:
    """The month on one data store."""

    def __init__(self, ctx: Context, clock: TestClock, disk: Disk, jobs_a_day: int) -> None:
        self.ctx, self.clock, self.disk, self.a_day = ctx, clock, disk, jobs_a_day
        self.dice = random.Random(20261001)
        self.going: list[Batch] = []
        self.injected: list[Injected] = []
        self.bad: set[str] = set()
        """Jobs that were made to go wrong."""
        self.jobs = self.pictures = self.small = 0
        self.failing: dict[str, datetime] = {}
        self.dear: dict[tuple[str, str], datetime] = {}
        self.models = {name: next(iter(ctx.providers[name].models)) for name in VENDORS}

    # --- jobs ------------------------------------------------------------------------------------

    def begin(self, size: int, vendor: str | None = None, **values: Any) -> Batch:
        """A job starts: its rows, items and one submission are in the store."""
        vendor = vendor or self.dice.choice(VENDORS)
        self.jobs, self.pictures = self.jobs + 1, self.pictures + size
        name, now = f"j{self.jobs:05d}", self.clock()
        batch = Batch(name, vendor, self.models[vendor], size, self.dice.randrange(1, 4), **values)
        batch.colours = [self.dice.choice(COLOURS) for _ in range(size)]
        if batch.refused:
            batch.colours = [batch.refused if n % 6 == 0 else c for n, c in enumerate(batch.colours)]
        way = {"provider": vendor, "model": batch.model, "lane": "live"}
        spec = {"template": "a {{ colour }} mug", "mapping": {}}
        job = {"id": name, "title": f"batch {name}", "state": "running", "requested_by": "ana", "spec": spec}
        job |= {"columns": ["sku", "colour"], "sheet_name": "s.csv", "digest": name, **way, "rows": size}
        job |= {"items": size, "window_seconds": 3600, "created_at": now, "started_at": now}
        sent = {"id": f"s-{name}", "job_id": name, **way, "grp": "g", "state": "open", "payload_key": "p"}
        sent |= {"count": size, "byte_size": 1, "created_at": now, "sent_at": now}
        rows, items, attempts = [], [], []
        for n in range(1, size + 1):
            cells = {"sku": f"A-{n}", "colour": batch.colours[n - 1]}
            rows.append({"job_id": name, "number": n, "line": n + 1, "key": f"A-{n}", "cells": cells})
            items.append(
                {"job_id": name, "number": n, "row": n, "variant": 1, "key": f"A-{n}", "prompt": "a mug"}
                | {"alt_text": "", **way, "made_size": "64x64", "fingerprint": f"{name}{n}"}
                | {"state": "in_flight", "sends": 1, "submission_id": sent["id"], "moved_at": now}
            )
            attempts.append(
                {"job_id": name, "item": n, "send": 1, "submission_id": sent["id"], "sent_at": now}
                | {"quoted": LISTED}
            )
        with self.ctx.store._writer.transaction() as c:
            c.execute(insert(JOB).values(**job))
            c.execute(insert(SUBMISSION).values(**sent))
            c.execute(insert(ROW), rows)
            c.execute(insert(ITEM), items)
            c.execute(insert(ATTEMPT), attempts)
        self.going.append(batch)
        return batch

    def settle(self, batch: Batch) -> None:
        """The answers of one poll are in the store; with the last of them the job has finished."""
        batch.polls += 1
        last = batch.polls >= batch.ends_after
        until = batch.size if last else min(batch.size, batch.size * batch.polls // batch.ends_after)
        now = self.clock()
        with self.ctx.store._writer.transaction() as c:
            for n in range(batch.done + 1, until + 1):
                state, outcome, kind = self._outcome(batch, n)
                mine = (ITEM.c.job_id == batch.id, ITEM.c.number == n)
                c.execute(update(ITEM).where(*mine).values(state=state, failure_kind=kind, moved_at=now))
                made = outcome == "made"
                cost = LISTED * batch.factor if made else None
                values = {"outcome": outcome, "billed": "yes" if made else "no", "cost": cost}
                tried = (ATTEMPT.c.job_id == batch.id, ATTEMPT.c.item == n)
                c.execute(update(ATTEMPT).where(*tried).values(answered_at=now, **values))
            if last:
                c.execute(update(JOB).where(JOB.c.id == batch.id).values(state="finished", finished_at=now))
                mine = SUBMISSION.c.job_id == batch.id
                c.execute(update(SUBMISSION).where(mine).values(state="settled", ended_at=now))
        batch.done = until
        if last:
            self.going.remove(batch)

    def _outcome(self, batch: Batch, n: int) -> tuple[str, str, str | None]:
        if batch.refused and batch.colours[n - 1] == batch.refused:
            return "refused", FailureKind.CONTENT_POLICY.value, FailureKind.CONTENT_POLICY.value
        down = self.failing.get(batch.vendor, BEGIN) > self.clock()
        if down:
            self.bad.add(batch.id)
        if self.dice.random() < (0.3 if down else batch.success):
            return "stored", "made", None
        return "failed", FailureKind.MALFORMED_REQUEST.value, FailureKind.MALFORMED_REQUEST.value

    # --- what goes wrong -------------------------------------------------------------------------

    def inject(self, day: int) -> None:
        """What begins on this day, at noon; each day something else."""
        now, vendor = self.clock(), VENDORS[day % len(VENDORS)]
        match day % 10:
            case 1:
                batch = self.begin(200, success=0.75)
                self.expect(f"success-rate:{batch.id}", batch)
            case 2:
                batch = self.begin(180, refused="nude")
                self.expect(f"refusals:{batch.id}", batch)
            case 3:
                self.dear[vendor, self.models[vendor]] = now + timedelta(hours=6)
                batch = self.begin(40, vendor, factor=Decimal("1.25"))
                self.expect(f"cost-drift:{vendor}/{batch.model}/live", batch)
            case 4:
                self.failing[vendor] = now + timedelta(hours=2)
                batches = [self.begin(40, vendor) for _ in range(5)]
                longest = max(batches, key=lambda one: one.ends_after)
                self.expect("burn-rate:all", longest)
            case 5:
                until = now + timedelta(hours=3)
                self.ctx.notices.pause(vendor, FailureKind.QUOTA.value, "no credit", now, until)
                self.injected.append(Injected(f"provider-paused:{vendor}", now, now))
            case 6:
                batch = self.begin(30)
                batch.ends_after = 9
                self.injected.append(Injected(f"overdue:{batch.id}", now + 7 * POLL, now + 7 * POLL))
            case 7:
                batch = self.begin(30)
                batch.ends_after = 3
                soon = now + timedelta(minutes=25)
                with self.ctx.store._writer.transaction() as c:
                    mine = SUBMISSION.c.job_id == batch.id
                    c.execute(update(SUBMISSION).where(mine).values(results_expire_at=soon))
                self.injected.append(Injected(f"expiring:s-{batch.id}", now, now))
            case 8:
                self.disk.full = True
                self.injected.append(Injected("disk:data", now, now))
            case 9:
                self.ctx.pulse.expect({"poll": timedelta(minutes=2)}, now - POLL)
                self.ctx.pulse.began("poll", now - POLL)
                self.injected.append(Injected("stuck:poll", now, now))

    def expect(self, about: str, batch: Batch) -> None:
        """To be told while the batch runs, or in the poll that sees its end."""
        self.bad.add(batch.id)
        now = self.clock()
        self.injected.append(Injected(about, now, now + batch.ends_after * POLL))

    def mend(self) -> None:
        """What was injected is over, six hours later."""
        self.disk.full = False
        self.ctx.pulse.forget()
        for pause in self.ctx.notices.pauses().values():
            self.ctx.notices.resume(pause)
            self.ctx.notices.close_incident(_pause_key(pause), self.clock())

    # --- the month -------------------------------------------------------------------------------

    def run(self, days: int) -> None:
        polls_a_day = timedelta(days=1) // POLL
        for poll in range(days * polls_a_day):
            day, of_day = divmod(poll, polls_a_day)
            for batch in list(self.going):
                self.settle(batch)
            if of_day == polls_a_day // 2:
                self.inject(day)
            if of_day == polls_a_day * 3 // 4:
                self.mend()
            if self.dice.random() < self.a_day / polls_a_day:
                size = self.dice.randrange(5, 41)
                self.small += 1
                vendor = self.dice.choice(VENDORS)
                until = self.dear.get((vendor, self.models[vendor]), BEGIN)
                self.begin(size, vendor, factor=Decimal("1.25") if until > self.clock() else Decimal(1))
            attend(self.ctx, self.clock())
            oversee(self.ctx, self.clock())
            self.clock.move(POLL.total_seconds())


def _pause_key(pause: Any) -> str:
    return f"provider-paused:{pause.provider}@{pause.since:%Y%m%dT%H%M%S}"


def report(month: Month, days: int, seconds: float) -> bool:
    """Print the figures; whether all was told once, in time, and nothing else."""
    incidents = list(month.ctx.notices.incidents())
    expected: Counter[str] = Counter()
    waits, missing, late = [], [], []
    left = list(incidents)
    for wanted in month.injected:
        rule = wanted.about.partition(":")[0]
        expected[rule] += 1
        found = [
            one
            for one in left
            if subject(one.key) == wanted.about
            and wanted.at <= one.opened_at <= wanted.at + timedelta(hours=9)
        ]
        if not found:
            missing.append(wanted)
            continue
        left.remove(found[0])
        waits.append(max(0, (found[0].opened_at - wanted.latest) // POLL))
        if waits[-1] > 1:
            late.append(wanted)
    told_twice = [one for one in left if any(subject(one.key) == w.about for w in month.injected)]
    caused = [one for one in left if one.job_id in month.bad]
    false = [one for one in left if one not in told_twice and one not in caused]
    print(
        f"{days} days, {month.jobs:,} jobs ({month.small:,} small and healthy), {month.pictures:,} pictures"
    )
    kinds = ", ".join(f"{n} {rule}" for rule, n in sorted(expected.items()))
    print(f"injected: {len(month.injected)} ({kinds})")
    print(f"told: {len(month.injected) - len(missing)}; told again: {len(told_twice)}")
    print(f"polls after the last that could see it: {max(waits, default=0)} at most; over one: {len(late)}")
    print(f"told of the same trouble by another rule: {dict(Counter(one.rule for one in caused))}")
    print(f"told without cause: {len(false)} {dict(Counter(one.rule for one in false))}")
    for one in (*missing, *late):
        print("  not in time:", one.about, one.at)
    for incident in (*told_twice, *false)[:10]:
        print("  too many:", incident.key, incident.headline)
    print(f"{seconds:.0f} s")
    return not (missing or late or told_twice or false)


def main(days: int, jobs_a_day: int) -> int:
    clock = TestClock(BEGIN)
    cards = catalogue.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        providers = {v: Sketch(cards[v], folder=folder / v, clock=clock) for v in VENDORS}
        with make_context(folder, providers, clock=clock) as ctx:
            disk = Disk(folder / "blobs")
            object.__setattr__(ctx, "blobs", disk)
            month = Month(ctx, clock, disk, jobs_a_day)
            began = time.perf_counter()
            month.run(days)
            return 0 if report(month, days, time.perf_counter() - began) else 1


if __name__ == "__main__":
    given = [int(value) for value in sys.argv[1:]]
    sys.exit(main(*(given + [30, 80][len(given) :])))
