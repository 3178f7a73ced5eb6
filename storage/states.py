"""The states of jobs, items, submissions and reviews, the events that move them, and the tables that say how.

Nothing else in the program decides what state follows: callers say what happened, `after` says what that
means. `python -m storage.states` prints the drawing kept in docs/states.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands as a whole."""

    DRAFT = "draft"
    """Its rows are still being written; after a crash it is thrown away and made again."""
    PLANNED = "planned"
    """Priced and shown; nothing is spent until a person starts it."""
    PILOT = "pilot"
    """A sample of it is being made; the rest waits for a person's word."""
    PILOT_REVIEW = "pilot_review"
    """The sample is made and shown."""
    RUNNING = "running"
    PAUSED = "paused"
    """A person stopped the sending; what is at the provider is awaited."""
    CANCELLING = "cancelling"
    """A person cancelled it; what is at the provider is awaited, because it is paid for."""
    FINISHED = "finished"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    PLAN = "plan"
    START = "start"
    START_PILOT = "start_pilot"
    SHOW_PILOT = "show_pilot"
    GO_ON = "go_on"
    """A person found the sample good."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    REOPEN = "reopen"
    """A person sends failed items again."""


class ItemState(StrEnum):
    """Where one wanted picture stands."""

    PLANNED = "planned"
    """Waits for the person's Start."""
    WAITING = "waiting"
    """To be sent, at `due_at` or later."""
    COPYING = "copying"
    """A duplicate: waits for its original's picture."""
    SENDING = "sending"
    """In a submission that is written down but not known to be accepted."""
    IN_FLIGHT = "in_flight"
    """Accepted by the provider."""
    GENERATED = "generated"
    """Made and paid for; not yet kept. A failed download from here never pays twice."""
    STORED = "stored"
    """Master and rendition are kept. The good end."""
    REFUSED = "refused"
    """The provider's content rules refused it; a person must look."""
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"
    """The reply was lost and the provider cannot say whether it was carried out. Never sent again unasked."""


class ItemEvent(StrEnum):
    CONFIRM = "confirm"
    CONFIRM_COPY = "confirm_copy"
    PACK = "pack"
    """Put into a submission; the intent is written before the call."""
    UNPACK = "unpack"
    """The submission certainly did not reach the provider, or was refused whole."""
    ACCEPT = "accept"
    DOUBT = "doubt"
    MAKE = "make"
    RETRY = "retry"
    REFUSE = "refuse"
    FAIL = "fail"
    EXPIRE = "expire"
    STORE = "store"
    CANCEL = "cancel"
    REOPEN = "reopen"
    REOPEN_COPY = "reopen_copy"


class ReviewState(StrEnum):
    """What people think of one picture."""

    UNREVIEWED = "unreviewed"
    APPROVED = "approved"
    REJECTED = "rejected"
    REPLACED = "replaced"
    """A newer version of it was asked for; it is kept."""


class ReviewEvent(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    UNDO = "undo"
    REPLACE = "replace"


class SubmissionState(StrEnum):
    """Where one sending stands."""

    PREPARED = "prepared"
    """Payload kept, not yet sent."""
    SENDING = "sending"
    """The call is about to be made or has been made; after a crash `rescue` asks the provider."""
    OPEN = "open"
    """Accepted; its handle is kept; polled."""
    SETTLED = "settled"
    """Every item has its answer."""
    REFUSED = "refused"
    """The provider took none of it; nothing was billed."""
    LOST = "lost"
    """Its results cannot be had, though they may be billed. What is sent again of it goes in halves."""
    IN_DOUBT = "in_doubt"
    WITHDRAWN = "withdrawn"
    """Cancelled before it was sent."""


class SubmissionEvent(StrEnum):
    SEND = "send"
    HOLD = "hold"
    """Not accepted this time; send again at `due_at`."""
    ACCEPT = "accept"
    ANSWER = "answer"
    """A synchronous API answered the call itself."""
    END = "end"
    LOSE = "lose"
    """The provider no longer has the results, or they could not be read for too long."""
    REFUSE = "refuse"
    DOUBT = "doubt"
    WITHDRAW = "withdraw"


I, IE = ItemState, ItemEvent  # noqa: E741  # the table below reads best in single letters
S, SE = SubmissionState, SubmissionEvent
J, JE = JobState, JobEvent
R, RE = ReviewState, ReviewEvent

JOB_MOVES: Mapping[tuple[JobState, JobEvent], JobState] = {
    (J.DRAFT, JE.PLAN): J.PLANNED,
    (J.PLANNED, JE.START): J.RUNNING,
    (J.PLANNED, JE.START_PILOT): J.PILOT,
    (J.PLANNED, JE.CANCEL): J.CANCELLED,
    (J.PILOT, JE.SHOW_PILOT): J.PILOT_REVIEW,
    (J.PILOT, JE.CANCEL): J.CANCELLING,
    (J.PILOT_REVIEW, JE.GO_ON): J.RUNNING,
    (J.PILOT_REVIEW, JE.REOPEN): J.PILOT,
    (J.PILOT_REVIEW, JE.CANCEL): J.CANCELLING,
    (J.RUNNING, JE.PAUSE): J.PAUSED,
    (J.RUNNING, JE.CANCEL): J.CANCELLING,
    (J.RUNNING, JE.FINISH): J.FINISHED,
    (J.PAUSED, JE.RESUME): J.RUNNING,
    (J.PAUSED, JE.CANCEL): J.CANCELLING,
    (J.PAUSED, JE.FINISH): J.FINISHED,
    (J.CANCELLING, JE.FINISH): J.CANCELLED,
    (J.FINISHED, JE.REOPEN): J.RUNNING,
    (J.CANCELLED, JE.REOPEN): J.RUNNING,
}

ITEM_MOVES: Mapping[tuple[ItemState, ItemEvent], ItemState] = {
    (I.PLANNED, IE.CONFIRM): I.WAITING,
    (I.PLANNED, IE.CONFIRM_COPY): I.COPYING,
    (I.PLANNED, IE.CANCEL): I.CANCELLED,
    (I.WAITING, IE.PACK): I.SENDING,
    (I.WAITING, IE.CANCEL): I.CANCELLED,
    (I.WAITING, IE.FAIL): I.FAILED,
    (I.COPYING, IE.STORE): I.STORED,
    (I.COPYING, IE.CANCEL): I.CANCELLED,
    (I.COPYING, IE.REFUSE): I.REFUSED,
    (I.COPYING, IE.FAIL): I.FAILED,
    (I.COPYING, IE.EXPIRE): I.EXPIRED,
    (I.COPYING, IE.DOUBT): I.IN_DOUBT,
    (I.SENDING, IE.ACCEPT): I.IN_FLIGHT,
    (I.SENDING, IE.UNPACK): I.WAITING,
    (I.SENDING, IE.DOUBT): I.IN_DOUBT,
    (I.SENDING, IE.FAIL): I.FAILED,
    (I.SENDING, IE.CANCEL): I.CANCELLED,
    (I.IN_FLIGHT, IE.MAKE): I.GENERATED,
    (I.IN_FLIGHT, IE.RETRY): I.WAITING,
    (I.IN_FLIGHT, IE.REFUSE): I.REFUSED,
    (I.IN_FLIGHT, IE.FAIL): I.FAILED,
    (I.IN_FLIGHT, IE.EXPIRE): I.EXPIRED,
    (I.IN_FLIGHT, IE.CANCEL): I.CANCELLED,
    (I.IN_FLIGHT, IE.UNPACK): I.WAITING,
    (I.GENERATED, IE.STORE): I.STORED,
    (I.GENERATED, IE.RETRY): I.WAITING,
    (I.GENERATED, IE.FAIL): I.FAILED,
    (I.REFUSED, IE.REOPEN): I.WAITING,
    (I.FAILED, IE.REOPEN): I.WAITING,
    (I.EXPIRED, IE.REOPEN): I.WAITING,
    (I.CANCELLED, IE.REOPEN): I.WAITING,
    (I.IN_DOUBT, IE.REOPEN): I.WAITING,
    (I.REFUSED, IE.REOPEN_COPY): I.COPYING,
    (I.FAILED, IE.REOPEN_COPY): I.COPYING,
    (I.EXPIRED, IE.REOPEN_COPY): I.COPYING,
    (I.CANCELLED, IE.REOPEN_COPY): I.COPYING,
    (I.IN_DOUBT, IE.REOPEN_COPY): I.COPYING,
}

REVIEW_MOVES: Mapping[tuple[ReviewState, ReviewEvent], ReviewState] = {
    (R.UNREVIEWED, RE.APPROVE): R.APPROVED,
    (R.UNREVIEWED, RE.REJECT): R.REJECTED,
    (R.APPROVED, RE.REJECT): R.REJECTED,
    (R.REJECTED, RE.APPROVE): R.APPROVED,
    (R.APPROVED, RE.UNDO): R.UNREVIEWED,
    (R.REJECTED, RE.UNDO): R.UNREVIEWED,
    (R.UNREVIEWED, RE.REPLACE): R.REPLACED,
    (R.APPROVED, RE.REPLACE): R.REPLACED,
    (R.REJECTED, RE.REPLACE): R.REPLACED,
    (R.REPLACED, RE.UNDO): R.UNREVIEWED,
}

SUBMISSION_MOVES: Mapping[tuple[SubmissionState, SubmissionEvent], SubmissionState] = {
    (S.PREPARED, SE.SEND): S.SENDING,
    (S.PREPARED, SE.WITHDRAW): S.WITHDRAWN,
    (S.SENDING, SE.HOLD): S.PREPARED,
    (S.SENDING, SE.ACCEPT): S.OPEN,
    (S.SENDING, SE.ANSWER): S.SETTLED,
    (S.SENDING, SE.REFUSE): S.REFUSED,
    (S.SENDING, SE.DOUBT): S.IN_DOUBT,
    (S.OPEN, SE.END): S.SETTLED,
    (S.OPEN, SE.LOSE): S.LOST,
    (S.OPEN, SE.REFUSE): S.REFUSED,
}

FINAL_ITEMS = frozenset({I.STORED, I.REFUSED, I.FAILED, I.EXPIRED, I.CANCELLED, I.IN_DOUBT})
"""States in which nothing more happens unless a person asks for it."""

UNDER_WAY = frozenset(I) - FINAL_ITEMS
"""States counted as “in flight” in the ledger."""

SENDING_JOBS = frozenset({J.PILOT, J.RUNNING})
"""Jobs of which something may be sent."""

LIVING_JOBS = SENDING_JOBS | {J.PILOT_REVIEW, J.PAUSED, J.CANCELLING}
"""Jobs that were started and have not ended."""

ENDED_JOBS = frozenset({J.FINISHED, J.CANCELLED})

LIVE_SUBMISSIONS = frozenset({S.PREPARED, S.SENDING, S.OPEN})
"""Submissions that still need a tick."""

_MOVES: Mapping[type[StrEnum], Mapping[tuple[StrEnum, StrEnum], StrEnum]] = {
    JobEvent: JOB_MOVES,  # type: ignore[dict-item]  # each table is keyed by its own state and event
    ItemEvent: ITEM_MOVES,  # type: ignore[dict-item]
    SubmissionEvent: SUBMISSION_MOVES,  # type: ignore[dict-item]
    ReviewEvent: REVIEW_MOVES,  # type: ignore[dict-item]
}


class StaleTransitionError(Exception):
    """Somebody else moved it first, or the event does not apply in its present state."""


def sources(event: StrEnum) -> Mapping[StrEnum, StrEnum]:
    """The states in which `event` means something, each with the state that follows."""
    return {state: to for (state, what), to in _MOVES[type(event)].items() if what == event}


def after(state: StrEnum, event: StrEnum) -> StrEnum:
    """The state that follows. Raises StaleTransitionError where the event does not apply."""
    follows = _MOVES[type(event)].get((state, event))
    if follows is None:
        raise StaleTransitionError(f"“{event}” does not apply to what is {state}")
    return follows


def drawing() -> str:
    """The state machines as Mermaid diagrams."""
    parts = []
    machines: list[tuple[str, Mapping[tuple[StrEnum, StrEnum], StrEnum]]] = [
        ("Job", JOB_MOVES),  # type: ignore[list-item]  # each table is keyed by its own state and event
        ("Item", ITEM_MOVES),  # type: ignore[list-item]
        ("Submission", SUBMISSION_MOVES),  # type: ignore[list-item]
        ("Review", REVIEW_MOVES),  # type: ignore[list-item]
    ]
    for title, moves in machines:
        arrows = [f"    {state} --> {to}: {event}" for (state, event), to in moves.items()]
        parts.append("\n".join([f"## {title}", "", "```mermaid", "stateDiagram-v2", *arrows, "```"]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(drawing())  # noqa: T201  # this is the command that prints the drawing
