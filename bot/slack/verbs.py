"""What people decide about a job: start, go on, pause, cancel, agree and so on. Checked at the click, done by
the inbox tick.

Each is safe to ask for twice: the data store moves a job only from the state the verb applies to. Of two
people who decide at once one is first, and the other is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.intake import command as c
from bot.intake.decision import AGREE, ANEW, GO_ON, PAUSE, RESUME, REUSE, RUSH, START
from bot.pipeline import failures, pilot, reuse
from bot.pipeline.create import PLAN
from bot.pipeline.deadline import approve_rush
from bot.pipeline.plan import Plan, PlanError
from bot.pipeline.redo import Again, CannotRedoError
from bot.pipeline.start import start
from bot.runtime import Context
from bot.slack import again, approval, returns
from bot.slack import words as w
from bot.slack.again import REDO
from bot.slack.approval import Ask, AskedAlreadyError
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.wire import Wire
from bot.watch.words import count, money
from providers.base import Lane
from storage.records import InboxEntry, InboxState, Job
from storage.returning import OPEN_JOBS
from storage.shelved import Permit
from storage.states import ENDED_JOBS, JobState, StaleTransitionError

CANCEL, RETRY, REWORD = "cancel", "retry", "reword"
"""The other verbs."""

KIND = "verb"
"""Kind of the inbox entries."""

RIGHTS: Mapping[str, Right] = {AGREE: Right.SPEND, GO_ON: Right.APPROVE}
"""What is needed for a verb; for every other the right to start."""


class Objection(ValueError):
    """It cannot be done now; one sentence for the person."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person decides."""

    verb: str
    job: str
    person: str
    which: str = "failed"
    """Pictures to send again: a word of `failures.WORDS`, or the kind of a group of them."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Other words for pictures that failed, by item."""
    lane: str | None = None
    """To start or reword in; None: the plan's, or the one a picture had."""
    sample: int | None = None
    """Pictures to make first; 0: as many as usual; None: all at once."""
    ask: str = ""
    """The question that is answered; empty: the newest."""
    once: str = ""
    """Names the asking, so that pictures are sent again once, however often it is worked on."""


def wish_of(said: c.Cancel | c.Retry | c.Decision, person: str) -> Wish:
    """What a person wrote, as a wish."""
    match said:
        case c.Cancel(job=job):
            return Wish(CANCEL, job, person)
        case c.Retry(job=job, which=which):
            return Wish(RETRY, job, person, which=which)
        case c.Decision(verb=verb, job=job, lane=lane, sample=sample):
            return Wish(verb, job, person, lane=lane.value if lane else None, sample=sample)


# --- whether it can be done ----------------------------------------------------------------------------


def objection(ctx: Context, wish: Wish, job: Job) -> str | None:
    """Why this cannot be done now, as a sentence; None when it can."""
    state = f"Job {job.id} is {w.STATES[job.state]}"
    match wish.verb:
        case "start" if job.state is JobState.PILOT_REVIEW:
            return f"{state}; “go on” makes the rest."
        case "start" if job.state is not JobState.PLANNED:
            return f"{state}; there is nothing to start."
        case "start":
            return _sample_objection(wish, PLAN.validate_python(job.plan))
        case "go_on" if job.state is not JobState.PILOT_REVIEW:
            return f"{state}; there is no sample to say yes to."
        case "pause" if job.state is not JobState.RUNNING:
            return f"{state}; there is nothing to pause."
        case "resume" if job.state is not JobState.PAUSED:
            return f"{state}; there is nothing to resume."
        case "cancel" if job.state in (*ENDED_JOBS, JobState.CANCELLING, JobState.DRAFT):
            return f"{state}; there is nothing to cancel."
        case "rush":
            return _rush_objection(job, state)
        case "reuse" | "anew" if job.state is not JobState.PLANNED:
            return f"{state}; what is reused is decided before it starts."
        case "retry" | "reword":
            return _retry_objection(ctx, wish, job, state)
        case "agree":
            return _agree_objection(ctx, wish, job, state)
        case _:
            return None


def _sample_objection(wish: Wish, plan: Plan) -> str | None:
    if wish.lane is not None and wish.lane not in plan.quotes:
        return f"No model of this job has a {wish.lane} lane; start it in the {plan.lane} lane."
    if wish.sample is not None and wish.sample >= plan.to_generate:
        return f"The job makes only {count(plan.to_generate, 'picture')}; start it without a sample."
    return None


def _rush_objection(job: Job, state: str) -> str | None:
    if job.deadline_at is None:
        return f"Job {job.id} has no deadline."
    if job.spec.get("rush") or job.state in ENDED_JOBS:
        return f"{state}; rushing it has been agreed to already or makes no difference any more."
    return None


def _retry_objection(ctx: Context, wish: Wish, job: Job, state: str) -> str | None:
    if job.started_at is None and job.state in ENDED_JOBS:
        return f"Job {job.id} was cancelled before it started; hand in the sheet again."
    if job.state not in OPEN_JOBS and (wish.verb == REWORD or job.state is not JobState.PILOT_REVIEW):
        return f"{state}; pictures can be sent again when it has ended."
    if wish.verb == REWORD or failures.chosen(ctx, job, wish.which):
        return None
    said = f"Job {job.id} has no {wish.which.replace('_', ' ')} pictures to send again"
    others = [
        f"{number:,} {name.replace('_', ' ')} (“retry {job.id} {name}”)"
        for name in ("failed", "refused", "cancelled", "in_doubt")
        if name != wish.which and (number := sum(one.count for one in failures.chosen(ctx, job, name)))
    ]
    return f"{said}, but {', '.join(others)}." if others else f"{said}."


def _agree_objection(ctx: Context, wish: Wish, job: Job, state: str) -> str | None:
    asked = approval.asked(ctx, job.id)
    if asked is None:
        return f"{state}; nobody waits for an approval."
    if wish.ask and wish.ask != asked.id:
        return "Something else has been asked for meanwhile; look at the newest question in the thread."
    if wish.person == asked.person:
        return "You asked for this yourself; somebody else must agree."
    return objection(ctx, _asked_for(wish, asked), job)


def _asked_for(wish: Wish, asked: Ask) -> Wish:
    """What somebody agrees to."""
    return replace(wish, verb=asked.verb, lane=asked.lane, which=asked.which, prompts=asked.prompts)


def forbidden(ctx: Context, wire: Wire, verb: str, where: Where, now: datetime) -> str | None:
    """Why this person may not decide this; None when they may."""
    return refusal(ctx, wire, RIGHTS.get(verb, Right.START), where, now)


# --- writing it down -----------------------------------------------------------------------------------


def receive(ctx: Context, wish: Wish, job: Job, where: Where, click: str, now: datetime) -> str | None:
    """Write down what was decided. None when it is; else the sentence for one who came second.

    A decision that waits to be carried out stands in the way of the next of its kind; one that was carried
    out, or could not be, does not. `click` names the asking: it is written down once, however often told.
    """
    key = f"{wish.verb}:{job.id}"
    if wish.verb == RETRY:
        key = f"{key}:{wish.which}"
    if wish.verb == REWORD:  # what two people write is seldom the same
        key = f"{key}:{click}"
    payload: dict[str, Any] = {**asdict(wish), "where": where.to_json(), "click": click}
    if ctx.mail.receive(key, KIND, payload, now):
        return None
    first = ctx.mail.entry(key)
    if first is None or first.state is not InboxState.NEW:
        if first is None or first.payload.get("click") != click:
            ctx.mail.receive(f"{key}:{click}", KIND, payload, now)
        return None
    if Where.of(first.payload["where"]).person == wish.person:
        return None
    return f"Somebody else has just decided about job {job.id}; its card shows what comes of it."


def wish_in(entry: InboxEntry) -> Wish:
    given = entry.payload
    names = ("which", "prompts", "lane", "sample", "ask")
    known = {name: given[name] for name in names if name in given}
    return Wish(
        given["verb"], given["job"], Where.of(given["where"]).person, once=f"{KIND} {entry.id}", **known
    )


# --- doing it ------------------------------------------------------------------------------------------


def do(ctx: Context, wish: Wish, now: datetime) -> str:
    """Do it, and say so in a sentence. Raises Objection; doing it again raises one, too."""
    job = ctx.queries.job(wish.job)
    if job is None:
        raise Objection(f"Job {wish.job} does not exist any more.")
    if wish.once and ctx.queries.followed(job.id, wish.once):
        return f"What you asked of job {job.id} is done."  # before a restart
    refused = objection(ctx, wish, job)
    if refused is not None:
        raise Objection(refused)
    try:
        return _DO[wish.verb](ctx, wish, job, now)
    except StaleTransitionError:
        raise Objection(f"Job {job.id} has moved on meanwhile; look at its card.") from None
    except PlanError as problem:
        raise Objection(f"{problem}.") from None
    except (CannotRedoError, AskedAlreadyError) as problem:
        raise Objection(str(problem)) from None


def _start(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    plan = PLAN.validate_python(job.plan)
    lane = Lane(wish.lane) if wish.lane else None
    if wish.sample is not None:
        size = wish.sample or pilot.usual_size(plan.to_generate)
        if approval.needed(ctx, job, approval.sample_cost(plan, size)):
            raise Objection(f"A sample of {size:,} is above the limit; take a smaller one.")
        start(ctx, job, now, person=wish.person, lane=lane, pilot=size)
        return f"Job {job.id} makes a sample of {count(size, 'picture')} first."
    usd = approval.may_cost(ctx, job, lane)
    if approval.needed(ctx, job, usd):
        return approval.request(ctx, job, Ask(wish.person, START, wish.lane, usd, now))
    start(ctx, job, now, person=wish.person, lane=lane)
    return f"Job {job.id} has started."


def _go_on(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    usd = approval.may_cost(ctx, job)
    if approval.needed(ctx, job, usd):
        return approval.request(ctx, job, Ask(wish.person, GO_ON, None, usd, now))
    pilot.go_on(ctx, job, now, wish.person)
    return f"Job {job.id} goes on with the rest."


def _agree(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    asked = approval.asked(ctx, job.id)
    if asked is None:
        raise Objection("Nobody waits for an approval any more.")
    ctx.shelf.permit(Permit(job.id, wish.person, now, asked.usd))
    return _DO[asked.verb](ctx, _asked_for(wish, asked), job, now)


def _pause(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    ctx.store.pause_job(job.id, now, wish.person)
    return f"Job {job.id} is paused; pictures already at the provider still come in."


def _resume(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    ctx.store.resume_job(job.id, now, wish.person)
    return f"Job {job.id} goes on."


def _cancel(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    stopped = ctx.store.cancel_job(job.id, now, wish.person)
    return f"Job {job.id} is cancelled; {count(stopped, 'picture')} will not be made."


def _retry(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    usd = approval.in_all(ctx, job, failures.again_usd(ctx, job, wish.which))
    if approval.needed(ctx, job, usd):
        return approval.request(ctx, job, Ask(wish.person, RETRY, None, usd, now, which=wish.which))
    number = failures.send_again(ctx, job, wish.which, wish.person, now, wish.once)
    return f"{count(number, 'picture')} of job {job.id} will be sent again."


def _reword(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    said = {int(number): prompt for number, prompt in wish.prompts.items()}
    lane = Lane(wish.lane) if wish.lane else None
    wanted = [
        Again(item, prompt, lane or Lane(item.lane)) for item, prompt in failures.changed(ctx, job, said)
    ]
    if not wanted:
        raise Objection("Nothing was sent: these pictures have other words already, or are being made.")
    usd = approval.in_all(ctx, job, failures.reworded(ctx, wanted, now).most)
    if approval.needed(ctx, job, usd):
        return approval.request(ctx, job, Ask(wish.person, REWORD, wish.lane, usd, now, prompts=wish.prompts))
    returns.note_taken(ctx, job, wish.once, now)
    redone = failures.reword(ctx, job, wanted, wish.person, now, wish.once)
    price = f", for {redone.price}" if redone else ""
    return f"{count(len(wanted), 'picture')} of job {job.id} will be made with other words{price}."


def _redo(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    """A reviewer asked for it, and a second person agreed to the price."""
    lane = Lane(wish.lane) if wish.lane else None
    said = again.agreed(ctx, job, wish.prompts, lane, wish.person, now, wish.once)
    if not said:
        raise Objection("Nothing was sent: these pictures are being made again already.")
    return said


def _rush(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    usd = approval.may_cost(ctx, job, Lane.LIVE)
    if approval.needed(ctx, job, usd):
        return approval.request(ctx, job, Ask(wish.person, RUSH, None, usd, now))
    approve_rush(ctx, job, now, wish.person)
    return f"Job {job.id} may be rushed to keep its deadline, for {_at_most(usd)}."


def _reuse(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    plan = reuse.take(ctx, job, now, wish.person)
    if not plan.reused:
        raise Objection(f"No picture of job {job.id} was approved in an earlier job here; all will be made.")
    return f"Job {job.id} reuses {count(plan.reused, 'picture')} approved before; start it when you like."


def _anew(ctx: Context, wish: Wish, job: Job, now: datetime) -> str:
    reuse.make_anew(ctx, job, now, wish.person)
    return f"Job {job.id} makes every picture anew."


def _at_most(usd: Decimal | None) -> str:
    return "a price that is not known" if usd is None else f"{money(usd)} at most"


_DO: Mapping[str, Callable[[Context, Wish, Job, datetime], str]] = {
    START: _start,
    GO_ON: _go_on,
    AGREE: _agree,
    PAUSE: _pause,
    RESUME: _resume,
    CANCEL: _cancel,
    RETRY: _retry,
    REWORD: _reword,
    REDO: _redo,
    RUSH: _rush,
    REUSE: _reuse,
    ANEW: _anew,
}

ANSWERED = frozenset({REWORD})
"""What is answered with the sentence of `do` when it is done; for the others the card shows it."""

SOON: Mapping[str, str] = {
    START: "will be started",
    GO_ON: "will go on",
    AGREE: "has your approval",
    PAUSE: "will be paused",
    RESUME: "will go on",
    CANCEL: "will be cancelled",
    RETRY: "will be sent again as far as it failed",
    REWORD: "will be made in other words as far as they were changed",
    RUSH: "may be rushed",
    REUSE: "will reuse what was approved before",
    ANEW: "will make every picture anew",
}
"""What is said of a job while the decision waits to be carried out."""
