"""A job's first message through its life: plan, progress, end. Values in, blocks out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.pipeline.plan import LaneQuote, Plan
from bot.slack import blocks as b
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.watch.summary import Summary
from bot.watch.words import count, duration, money
from providers.base import Lane
from storage.records import Item, Job, Ledger, Pause, Row
from storage.states import UNDER_WAY, ItemState, JobState

START, CANCEL, RETRY, DETAILS = "job_start", "job_cancel", "job_retry", "job_details"
"""Action ids of the buttons; each button's value is the job's id."""

SHOWN_BAD_ROWS = 10
SHOWN_WARNINGS = 5
SAMPLE_CHARACTERS = 400
ENOUGH_TO_ESTIMATE = 5
"""Pictures made before their speed says when the rest is done."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is."""

    counts: Mapping[ItemState, int]
    ledger: Ledger
    pauses: Sequence[Pause] = ()

    @property
    def stored(self) -> int:
        return self.counts.get(ItemState.STORED, 0)

    @property
    def missed(self) -> int:
        return sum(self.counts.get(state, 0) for state in w.MISSED)

    @property
    def under_way(self) -> int:
        return sum(self.counts.get(state, 0) for state in UNDER_WAY)

    @property
    def at_provider(self) -> int:
        return self.counts.get(ItemState.IN_FLIGHT, 0) + self.counts.get(ItemState.SENDING, 0)


def plan_card(job: Job, plan: Plan, bad: Sequence[Row], sample: Item | None) -> Message:
    """What the job will do and cost, before a cent is spent, with Start and Cancel."""
    body: list[Block] = [
        b.header(f"Plan: {job.title}"),
        b.section(_scope(plan)),
        b.fields([_lane(plan, lane, quote) for lane, quote in plan.quotes.items()]),
        b.small(_choices(plan)),
    ]
    if sample is not None:
        body.append(b.words(f"First prompt: {b.cut(sample.prompt, SAMPLE_CHARACTERS)}"))
    if bad:
        body.append(b.words(bad_rows(bad, plan.bad_rows)))
    body += [b.small(f"Note: {warning}") for warning in plan.warnings[:SHOWN_WARNINGS]]
    body.append(b.actions(f"plan-{job.id}", _start(job, plan), _cancel(job)))
    body.append(b.context(_who(job)))
    text = (
        f"Plan for {b.escaped(job.title, 150)}: {count(plan.items, 'picture')}, "
        f"{w.price(plan.quote)} in the {plan.lane.value} lane. Nothing is spent until somebody presses Start."
    )
    return b.message(text, body)


def _scope(plan: Plan) -> str:
    line = f"*{count(plan.items, 'picture')}* from {count(plan.rows - plan.bad_rows, 'row')}"
    if plan.duplicates:
        line += (
            f", {count(plan.duplicates, 'of them a duplicate', 'of them duplicates')}: copied, not paid again"
        )
    line += "."
    if plan.bad_rows:
        line += f" {count(plan.bad_rows, 'row')} cannot be used and will be left out."
    return line


def _lane(plan: Plan, lane: Lane, quote: LaneQuote) -> str:
    chosen = " (chosen)" if lane is plan.lane else ""
    latest = f", at most {duration(timedelta(seconds=plan.window_seconds))}" if lane is plan.lane else ""
    return f"*{lane.value.capitalize()}{chosen}*\n{w.price(quote)}\n{w.usual_time(quote)}{latest}"


def _choices(plan: Plan) -> str:
    models = ", ".join(f"{number:,} with {name}" for name, number in list(plan.models.items())[:6])
    sizes = ", ".join(f"{name} ({number:,})" for name, number in list(plan.made_sizes.items())[:6])
    said = f"To make: {models}. Size: {sizes}."
    several = plan.lane is Lane.BATCH and plan.submissions > 1
    return f"{said} Sent in {plan.submissions:,} submissions." if several else said


def bad_rows(bad: Sequence[Row], total: int) -> str:
    """The first bad rows by line, and how many more there are."""
    lines = [f"line {row.line}: {b.cut(row.problem or '', 200)}" for row in bad[:SHOWN_BAD_ROWS]]
    if total > len(lines):
        lines.append(f"… and {total - len(lines):,} more")
    return "\n".join([f"{count(total, 'row')} cannot be used:", *lines])


def _start(job: Job, plan: Plan) -> Block:
    question = None
    if plan.quote.unpriced:
        question = b.confirm(
            "The price is not known",
            f"The price of {count(plan.quote.unpriced, 'picture')} is not published. Start all the same?",
            "Start",
            "Not now",
        )
    return b.button("Start", START, job.id, style="primary", confirm=question)


def _cancel(job: Job) -> Block:
    if job.state is JobState.PLANNED:
        question = b.confirm(
            "Cancel this plan?", "Nothing was sent and nothing was spent.", "Cancel it", "Keep it"
        )
    else:
        question = b.confirm(
            "Cancel this job?",
            "What was not sent yet is stopped. Pictures already at the provider are awaited, because they "
            "are paid for.",
            "Cancel it",
            "Go on",
        )
    return b.button("Cancel", CANCEL, job.id, style="danger", confirm=question)


def _details(job: Job) -> Block:
    return b.button("Details", DETAILS, job.id)


def retry_button(job: Job, failed: int) -> Block:
    return b.button(f"Retry failed ({failed:,})", RETRY, job.id)


def _who(job: Job) -> str:
    return f"Job `{job.id}`, asked for by {b.person(job.requested_by)}"


def progress_card(job: Job, plan: Plan, progress: Progress, now: datetime) -> Message:
    """A running or cancelling job: bar, counts, money, time, Cancel and Details."""
    total = max(1, sum(progress.counts.values()))
    share = 1 - progress.under_way / total
    counted = [f"{progress.stored:,} ready"]
    if progress.missed:
        counted.append(f"{progress.missed:,} not made")
    counted.append(f"{progress.under_way:,} to come ({progress.at_provider:,} at the provider)")
    state = "Cancelling" if job.state is JobState.CANCELLING else "Making pictures"
    body: list[Block] = [
        b.header(job.title),
        b.section(f"*{state}*\n{b.bar(share)} {int(share * 100)}%\n{', '.join(counted)}"),
        b.fields(
            [f"*Cost so far*\n{_cost(progress.ledger, plan)}", f"*Time*\n{_time(job, plan, share, now)}"]
        ),
    ]
    if job.state is JobState.CANCELLING:
        body.append(b.context("What is at the provider is awaited, because it is paid for."))
    body += [b.words(f"{pause.provider} is paused: {pause.reason}") for pause in progress.pauses]
    buttons = [_details(job)] if job.state is JobState.CANCELLING else [_cancel(job), _details(job)]
    body += [b.actions(f"progress-{job.id}", *buttons), b.context(_who(job))]
    ready = f"{progress.stored:,} of {count(total, 'picture')} ready"
    text = f"{b.escaped(job.title, 150)}: {state.lower()}, {ready}."
    return b.message(text, body)


def _cost(ledger: Ledger, plan: Plan) -> str:
    quoted = f"quoted {w.price(plan.quote)}"
    if ledger.unpriced:
        known = f"at least {money(ledger.settled_usd)}, " if ledger.settled_usd else ""
        return f"{known}unknown for {count(ledger.unpriced, 'attempt')} ({quoted})"
    return f"{money(ledger.settled_usd)} ({quoted})"


def _time(job: Job, plan: Plan, share: float, now: datetime) -> str:
    """When it should be done. No running clock: a message that says the same is not sent again."""
    started = job.started_at or job.created_at
    expected = started + timedelta(seconds=max(1, plan.quote.seconds))
    latest = started + timedelta(seconds=job.window_seconds)
    items = share * job.items
    if plan.lane is Lane.LIVE and items >= ENOUGH_TO_ESTIMATE and share < 1:
        left = (now - started) * ((1 - share) / share)
        minutes = -(-int((now + left).timestamp()) // 60)
        expected = datetime.fromtimestamp(minutes * 60, now.tzinfo)
    if expected >= now:
        return f"done about {w.when(expected, now)}"
    if latest >= now:
        return f"longer than usual; at the latest {w.when(latest, now)}"
    return f"late: it was promised for {w.when(latest, now)}"


def final_card(job: Job, summary: Summary, retryable: int, now: datetime) -> Message:
    """A job that has ended, with what can still be done about it."""
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
    buttons = [_details(job)]
    if retryable:
        buttons.insert(0, retry_button(job, retryable))
    ended = job.finished_at or now
    body.append(b.actions(f"end-{job.id}", *buttons))
    body.append(b.context(f"{_who(job)}, ended {w.when(ended, now + timedelta(days=1))}"))
    text = f"{b.escaped(job.title, 150)}: {verdict.lower()}. {b.escaped(summary.headline, 300)}."
    return b.message(text, body)


def _left_out(job: Job) -> str:
    """The rows that were never asked for, so that the counts add up to the sheet."""
    if not job.bad_rows:
        return ""
    return f"{count(job.bad_rows, 'row')} of the sheet could not be used; results.csv says why."


def _never_started(job: Job) -> Message:
    said = "Cancelled before it started: nothing was sent and nothing was spent."
    body = [b.header(job.title), b.words(said), b.context(_who(job))]
    return b.message(f"{b.escaped(job.title, 150)}: {said}", body)


def summary_message(job: Job, summary: Summary, retryable: int) -> Message:
    """What a person would write into the thread when a job is done."""
    body: list[Block] = [b.header(job.title), b.words(f"{summary.headline}.")]
    if summary.reasons:
        body.append(b.words("\n".join(f"• {line}" for line in summary.reasons)))
    money_and_time = (summary.others, summary.cost, summary.time, summary.duplicates, summary.retries)
    body.append(b.words("\n".join(line for line in (_left_out(job), *money_and_time) if line)))
    if summary.what_to_do:
        body.append(b.words("\n".join(["What to do:", *(f"• {line}" for line in summary.what_to_do)])))
    buttons = [_details(job)]
    if retryable:
        buttons.insert(0, retry_button(job, retryable))
    body.append(b.actions(f"summary-{job.id}", *buttons))
    spoken = " ".join(line for line in (summary.cost, summary.time) if line)
    return b.message(f"{b.escaped(job.title, 150)}: {b.escaped(f'{summary.headline}. {spoken}', 1500)}", body)


def retried(told: Message) -> Message:
    """A summary whose failed pictures were sent again: the buttons have become a line."""
    kept = [block for block in told.blocks if block["type"] != "actions"]
    return Message(told.text, [*kept, b.context("Pictures were sent again; a new summary follows.")])
