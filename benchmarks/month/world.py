"""Every vendor's stand-in, a data store, a Slack workspace with a channel for alerts, one clock for all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from slack_sdk import WebClient

from benchmarks.month.vendors import SharedClock, Vendor, vendors
from bot.intake.spec import JobSpec
from bot.pipeline.create import Wanted, create_job
from bot.pipeline.rounds import STAGES
from bot.pipeline.start import start
from bot.policy import Policy
from bot.runtime import Context
from bot.slack.announcer import announce
from bot.workspace.server import Workspace
from providers import catalogue, registry
from providers.base import Lane, Provider
from providers.catalogue import ModelCard
from storage.blobs import DiskRoom, FolderBlobs
from storage.records import Job
from storage.states import LIVE_SUBMISSIONS, LIVING_JOBS, ItemState
from tests.parts import make_context

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
POLL = timedelta(minutes=10)
"""How far the clock moves while nothing is due, and the longest wait between two polls of one submission."""
SHORTEST = timedelta(seconds=15)
"""How far it moves at least, however soon something is due."""

USUAL: Mapping[str, float] = {
    "picture_px": 48,
    "batch_seconds": 3_600,
    "validating_seconds": 60,
    "error_rate": 0.01,
    "refusal_rate": 0.015,
}
"""A vendor's good day: one call in a hundred fails in passing, and of the pictures 98.5% come out."""
PRODUCTS = ("mug", "bag", "chair", "lamp", "shirt", "watch", "bottle", "sofa")
"""Each has its template."""
REFERENCE = "before.png"
"""For models that only change pictures."""
TAKES: Mapping[str, float] = {"fal": 10, "bfl": 10}
"""Seconds a picture takes at the vendors that queue live calls; those are seconds of the shared clock."""

WORK = [stage for name, stage in STAGES.items() if name not in ("attend", "oversee", "prune")]
"""What is done again and again until nothing is due; the others look at what came of it."""
BALANCE: Mapping[str, Mapping[str, float]] = {"recraft": {"units": 10**8}, "bfl": {"credits": 10**7}}
"""Of prepaid accounts; what they have usually would not last the month."""
SAY_WHAT_IT_COST = ("xai", "bfl")
"""Vendors that tell the price of each picture, and may raise it."""


class Disk(FolderBlobs):
    """Says that it is full when it is told to."""

    full = False

    def room(self) -> DiskRoom:
        return DiskRoom("/data", 10**9 if self.full else 10**11, 10**12)


@dataclass
class World:
    ctx: Context
    clock: SharedClock
    vendors: Mapping[str, Vendor]
    disk: Disk
    client: WebClient
    channel: str
    folder: Path
    polls: dict[datetime, int] = field(default_factory=dict)
    """Every poll, and which it was."""
    jobs: int = 0
    pictures: int = 0
    idle: threading.Event = field(default_factory=threading.Event)

    # --- jobs --------------------------------------------------------------------------------------------

    def begin(self, card: ModelCard, lane: Lane, colours: list[str], words: str = "") -> Job:
        """A job of one picture a colour has been started; `words` come to every fourth prompt."""
        self.jobs, self.pictures = self.jobs + 1, self.pictures + len(colours)
        path, product = self.folder / "sheet.csv", PRODUCTS[self.jobs % len(PRODUCTS)]
        reference = REFERENCE if card.edits_only else ""
        lines = [
            f"J{self.jobs:05d}-{number},{colour},{words if number % 4 == 0 else ''},{reference}"
            for number, colour in enumerate(colours, 1)
        ]
        path.write_text("\n".join(["sku,colour,note,reference", *lines]) + "\n", encoding="utf-8")
        spec = JobSpec(
            template=f"Studio photo of a {{{{ colour }}}} {product}, {{{{ sku }}}} {{{{ note }}}}",
            provider=card.provider,
            model=card.id,
            lane=card.lane_for(lane),
            title=f"batch {self.jobs}",
        )
        wanted = Wanted(path, path.name, spec, "ana", files=self.folder.joinpath)
        job, _ = create_job(self.ctx, wanted, self.clock())
        start(self.ctx, job, self.clock())
        self.settle()
        found = self.ctx.queries.job(job.id)
        assert found is not None
        return found

    # --- time --------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """All that is due at this moment is done: calls made and answered, pictures kept."""
        for _ in range(500):
            moved = sum(stage(self.ctx, self.clock()) for stage in WORK)
            calls = bool(self.ctx.sending)
            while self.ctx.sending:
                self.idle.wait(0.002)
            if not moved and not calls:
                return
        raise AssertionError(f"it does not come to rest at {self.clock()}")

    def poll(self) -> None:
        """One poll: everything due is done, judged, and told in Slack."""
        self.polls.setdefault(self.clock(), len(self.polls))
        self.settle()
        for stage in (STAGES["attend"], STAGES["oversee"], STAGES["prune"]):
            stage(self.ctx, self.clock())
        announce(self.ctx, self.client, self.clock(), alert_channel=self.channel)

    def go_on(self, until: datetime) -> None:
        """To the next moment at which something is due, `until` at the latest."""
        now = self.clock()
        paused = {n: p.until for n, p in self.ctx.notices.pauses().items() if p.until > now}
        due: list[datetime | None] = [*paused.values()]
        for job in self.ctx.queries.jobs(LIVING_JOBS):
            if job.provider not in paused:
                sent = self.ctx.queries.submissions(job.id, LIVE_SUBMISSIONS)
                due += [self.ctx.queries.begins_at(job.id), *(one.due_at for one in sent)]
        soon = min((at for at in due if at is not None), default=now + POLL)
        # What is due and was not done waits for the vendor's pace.
        self.clock.move_to(min(until, now + POLL, max(soon, now + SHORTEST)))

    # --- what went wrong ---------------------------------------------------------------------------------

    def mend(self, vendor: str) -> None:
        """A good day again."""
        off = {"quota": False, "auth": False, "cut_connection": 0, "latency": TAKES.get(vendor, 0.0)}
        own = {"price_factor": 1.0} if vendor in SAY_WHAT_IT_COST else {}
        self.vendors[vendor].turn(**USUAL, **off, **own, **BALANCE.get(vendor, {}))

    def ended(self, job: Job) -> tuple[int, int]:
        """How many of its pictures came out, and how many ended without."""
        counts = self.ctx.queries.counts(job.id)
        lost = (ItemState.REFUSED, ItemState.FAILED, ItemState.EXPIRED, ItemState.IN_DOUBT)
        return counts.get(ItemState.STORED, 0), sum(counts.get(state, 0) for state in lost)


def policy() -> Policy:
    """As the program comes, but asking seldom after batches; without the gate: small drawings look alike."""
    return Policy(quality_gate=False, poll_least=POLL / 2, poll_most=POLL)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """All of it, running."""
    logging.disable(logging.WARNING)  # an outage of hours is many warnings
    clock = SharedClock(BEGIN)
    values: dict[str, str] = {}
    with ExitStack() as stack:
        running = stack.enter_context(vendors(clock))
        for entry in registry.ENTRIES:
            if entry.name in running and entry.key_variable and entry.base_url_variable:
                values[entry.key_variable] = running[entry.name].key
                values[entry.base_url_variable] = running[entry.name].base_url
        built: Mapping[str, Provider] = registry.build(
            values, catalogue=catalogue.load(), folder=folder, clock=clock
        )
        for provider in built.values():
            stack.callback(provider.close)
        workspace = stack.enter_context(Workspace(rate_scale=None))
        channel = workspace.add_channel("alerts")
        ctx = stack.enter_context(make_context(folder, built, clock=clock, policy=policy()))
        disk = Disk(folder / "blobs")
        object.__setattr__(ctx, "blobs", disk)
        client = WebClient(token=workspace.bot_token, base_url=workspace.api_url)
        Image.new("RGB", (64, 64), "grey").save(folder / REFERENCE)
        made = World(ctx, clock, running, disk, client, channel, folder)
        for name in running:
            made.mend(name)
        yield made
