"""The card of a job that has ended, and the summary in its thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.slack import blocks as b
from bot.slack import cards
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.watch.summary import Summary
from bot.watch.words import count
from storage.records import Job
from storage.states import JobState


@dataclass(frozen=True, slots=True)
class Offers:
    """What can still be done about a job that has ended."""

    retryable: int = 0
    """Pictures that may be sent again as they are."""
    missed: int = 0
    """Pictures that came to nothing, and rows that could not be used."""
    made: int = 0


def _buttons(job: Job, offers: Offers) -> list[Block]:
    found = [cards.retry(job, offers.retryable)] if offers.retryable else []
    found += [cards.what_failed(job, offers.missed)] if offers.missed else []
    found += [cards.export(job)] if offers.made else []
    return [*found, cards.details(job)]


def final_card(job: Job, summary: Summary, offers: Offers, now: datetime, review: str = "") -> Message:
    """A job that has ended, with what can still be done about it; `review`: how far people have come."""
    if job.started_at is None:
        return _never_started(job)
    verdict = "Cancelled" if job.state is JobState.CANCELLED else "Finished"
    body: list[Block] = [
        b.header(job.title),
        b.words(f"{verdict}: {summary.headline}."),
        b.words(
            "\n".join(line for line in (_left_out(job), summary.others, summary.cost, summary.time) if line)
        ),
    ]
    if review:
        body.append(b.section(f"*Review:* {review}."))
    ended = job.finished_at or now
    body.append(b.actions(f"end-{job.id}", *_buttons(job, offers)))
    body.append(b.context(f"{cards.who(job)}, ended {w.when(ended, now + timedelta(days=1))}"))
    text = f"{b.escaped(job.title, 150)}: {verdict.lower()}. {b.escaped(summary.headline, 300)}."
    return b.message(text, body)


def _left_out(job: Job) -> str:
    """The rows that were never asked for, so that the counts add up to the sheet."""
    if not job.bad_rows:
        return ""
    return f"{count(job.bad_rows, 'row')} of the sheet could not be used; “What failed” says why."


def _never_started(job: Job) -> Message:
    said = "Cancelled before it started: nothing was sent and nothing was spent."
    body = [b.header(job.title), b.words(said), b.context(cards.who(job))]
    return b.message(f"{b.escaped(job.title, 150)}: {said}", body)


def summary_message(job: Job, summary: Summary, offers: Offers, chart: Block | None = None) -> Message:
    """What a person would write into the thread when a job is done, with a picture of it."""
    body: list[Block] = [b.header(job.title), b.words(f"{summary.headline}.")]
    if summary.reasons:
        body.append(b.words("\n".join(f"• {line}" for line in summary.reasons)))
    rest = (
        _left_out(job),
        summary.others,
        summary.quality,
        summary.cost,
        summary.time,
        summary.compared,
        summary.duplicates,
        summary.retries,
    )
    body.append(b.words("\n".join(line for line in rest if line)))
    if chart is not None:
        body.append(chart)
    if summary.what_to_do:
        body.append(b.words("\n".join(["What to do:", *(f"• {line}" for line in summary.what_to_do)])))
    body.append(b.actions(f"summary-{job.id}", *_buttons(job, offers)))
    spoken = " ".join(line for line in (summary.cost, summary.time, summary.compared) if line)
    return b.message(f"{b.escaped(job.title, 150)}: {b.escaped(f'{summary.headline}. {spoken}', 1500)}", body)


def retried(told: Message) -> Message:
    """A summary whose failed pictures were sent again: the buttons have become a line."""
    kept = [block for block in told.blocks if block["type"] != "actions"]
    return Message(told.text, [*kept, b.context("Pictures were sent again; a new summary follows.")])
