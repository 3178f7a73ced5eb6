"""The sample of a job in its thread: what it looks like, what it was asked with, and the two ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import gallery, keeping
from bot.slack.blocks import Block, Message
from bot.slack.gallery import Part
from bot.slack.job_card import STAMP
from bot.slack.progress import progress_of
from bot.slack.progress_card import Progress, sample_buttons
from bot.slack.showing import show
from bot.slack.telling import Desk, Fate, Place, tell
from bot.watch.words import count, money
from storage.records import Announcement, AnnouncementState, Event, Item, Job
from storage.states import FINAL_ITEMS, ItemState, JobEvent, JobState

KIND = "sample-"
"""Begins the kind of these messages; each showing of a sample has its own."""

MOST_SHEETS = 5
PROMPTS = 12
PROMPT_CHARACTERS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Part):
    """The message with its contact sheets."""

    job: Job
    items: Sequence[Item]
    progress: Progress

    def message(self, file_ids: dict[str, str]) -> Message:
        return self._said([b.image(file_ids[shot.upload.key], shot.alt, shot.title) for shot in self.shots])

    def without_pictures(self) -> Message:
        return self._said([b.context("Slack could not show these pictures.")])

    def _said(self, pictures: Sequence[Block]) -> Message:
        body: list[Block] = [
            b.header(f"Sample of {self.job.title}"),
            b.section(self.heading),
            *pictures,
            b.words(_prompts(self.items)),
            b.actions(f"sample-{self.job.id}", *sample_buttons(self.job, self.progress)),
        ]
        return b.message(f"{self.heading} Shall the rest be made?", body)


def tell_sample(desk: Desk, place: Place, job: Job, told: Mapping[str, Announcement]) -> Fate:
    """Show the sample that waits for a word; take the buttons off one that had it. Raises SlackTrouble."""
    current = ""
    fate = Fate.SAID
    if job.state is JobState.PILOT_REVIEW:
        shown = desk.ctx.queries.last_decision(job.id)
        current = f"{KIND}{shown.at:{STAMP}}" if shown else f"{KIND}open"
        known = told.get(current)
        if known is None or known.state is AnnouncementState.POSTING:
            fate = show(desk, place, job, _sample(desk.ctx, job, current, desk.now), known, kept=True)
    for kind, announcement in told.items():
        if kind.startswith(KIND) and kind != current and announcement.digest != keeping.CLOSED:
            _close(desk, place, job, kind, announcement)
    return fate


def _sample(ctx: Context, job: Job, kind: str, now: datetime) -> Sample:
    progress = progress_of(ctx, job, now)
    items = list(ctx.queries.items(job.id, FINAL_ITEMS, MOST_SHEETS * gallery.CELLS_A_SHEET))
    missed = f", {progress.missed:,} could not be made" if progress.missed else ""
    made = f"{progress.stored:,} of {count(job.items, 'picture')}"
    heading = f"*{made}* made first{missed}; {_spent(progress)} so far."
    shots = gallery.sheet_shots(job, kind, items) if progress.stored else []
    return Sample(kind=kind, heading=heading, shots=shots, job=job, items=items, progress=progress)


def _spent(progress: Progress) -> str:
    ledger = progress.ledger
    if ledger.unpriced:
        return f"at least {money(ledger.settled_usd)} spent"
    return f"{money(ledger.settled_usd)} spent"


def _prompts(items: Sequence[Item]) -> str:
    lines = []
    for item in items[:PROMPTS]:
        failed = "" if item.state is ItemState.STORED else f" (not made: {b.cut(item.reason or '', 80)})"
        asked = b.cut(item.prompt, PROMPT_CHARACTERS)
        lines.append(f"{item.number:,} · {b.cut(item.key, 40)}{failed}: {asked}")
    if len(items) > PROMPTS:
        lines.append(f"… and {len(items) - PROMPTS:,} more")
    return "\n".join(lines) or "–"


def _close(desk: Desk, place: Place, job: Job, kind: str, told: Announcement) -> None:
    """What became of it, in the place of the buttons. The pictures stay."""
    if told.state is not AnnouncementState.POSTED:
        return
    said = keeping.kept(desk.ctx, job.id, kind)
    if said is None:
        return
    body = [block for block in said.blocks if block["type"] != "actions"]
    outcome = _outcome(job, desk.ctx.queries.last_decision(job.id))
    tell(desk, place, kind, Message(said.text, [*body, b.context(outcome)]), told, digest=keeping.CLOSED)


def _outcome(job: Job, last: Event | None) -> str:
    by = f" by {b.person(last.person)}" if last is not None and last.person else ""
    if last is not None and last.event == JobEvent.GO_ON:
        return f"Found good{by}: the rest is being made."
    if job.state in (JobState.CANCELLING, JobState.CANCELLED):
        return f"Stopped here{by if last and last.event == JobEvent.CANCEL else ''}: the rest is not made."
    if job.state is JobState.PILOT:
        return "Some of it is made again; a new look at it follows."
    return "Found good: the rest is being made."
