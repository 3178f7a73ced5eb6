"""What the cards of a job have in common: who it is for, the buttons and what they carry.

The cards themselves: `plan_card` before it starts, `progress_card` while it runs, `end_card` afterwards, and
`pilot_card` for its sample. Values in, blocks out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.slack import blocks as b
from bot.slack import words as w
from bot.slack.blocks import Block
from bot.watch.words import money
from storage.records import Job
from storage.shelved import Permit
from storage.states import JobState

START, START_OTHER, SAMPLE = "job_start", "job_start_other", "job_sample"
"""The plan's own lane, the other lane, and a sample first."""
GO_ON, PAUSE, RESUME, CANCEL = "job_go_on", "job_pause", "job_resume", "job_cancel"
AGREE, RUSH, RETRY, DETAILS = "job_agree", "job_rush", "job_retry", "job_details"
EXPORT, FAILED = "job_export", "job_failed"
REUSE, ANEW = "job_reuse", "job_anew"
"""Action ids of the buttons; each button's value is `carried`."""


def carried(job: Job, wish: str = "") -> str:
    """What a button carries: the job's id, and what exactly is wanted of it."""
    return f"{job.id} {wish}".strip()


def read_carried(value: str) -> tuple[str, str]:
    """The job's id, and what is wanted."""
    job_id, _, wish = value.partition(" ")
    return job_id, wish


def cancel(job: Job) -> Block:
    if job.state is JobState.PLANNED:
        question = b.confirm(
            "Cancel this plan?", "Nothing was sent and nothing was spent.", "Cancel it", "Keep it"
        )
    else:
        question = b.confirm(
            "Cancel this job?",
            "What was not sent yet is stopped. Pictures that are made are kept, and those already at the "
            "provider are awaited, because they are paid for.",
            "Cancel it",
            "Go on",
        )
    return b.button("Cancel", CANCEL, carried(job), style="danger", confirm=question)


def details(job: Job) -> Block:
    return b.button("Details", DETAILS, carried(job))


def retry(job: Job, failed: int) -> Block:
    return b.button(f"Retry failed ({failed:,})", RETRY, carried(job))


def what_failed(job: Job, missed: int) -> Block:
    return b.button(f"What failed ({missed:,})…", FAILED, carried(job))


def export(job: Job) -> Block:
    return b.button("Export…", EXPORT, carried(job))


def who(job: Job, permit: Permit | None = None) -> str:
    """Whose job it is, and who agreed to what it may cost."""
    agreed = f", agreed by {b.person(permit.person)}" if permit else ""
    return f"Job `{job.id}`, asked for by {b.person(job.requested_by)}{agreed}"


@dataclass(frozen=True, slots=True)
class Rush:
    """What a deadline may cost."""

    by: datetime
    usd: Decimal | None
    """What the job comes to at most if it must be hurried; None: nobody knows."""
    allowed: bool
    to_agree: bool = False
    """A second person must agree to that."""

    @property
    def most(self) -> str:
        return "at a price that is not known" if self.usd is None else f"for up to {money(self.usd)} in all"


def rush_line(rush: Rush, now: datetime) -> str:
    """What happens when the cheaper lane is too late."""
    wanted = f"Wanted by {w.when(rush.by, now)}."
    if rush.allowed:
        return f"{wanted} What would come too late in the cheaper lane is made now, {rush.most}."
    return f"{wanted} What would come too late is not hurried, unless somebody allows it: {rush.most}."


def rush_button(job: Job, rush: Rush) -> Block:
    text = "Allow rush" if rush.usd is None else f"Allow rush, up to {money(rush.usd)}"
    return b.button(f"Ask for approval: {text}" if rush.to_agree else text, RUSH, carried(job))
