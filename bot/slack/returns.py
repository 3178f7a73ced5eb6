"""A results sheet is dropped back into Slack: what it would do is shown in the job's thread, and done when
somebody confirms it.

What was handed in and what is asked about it is kept, so that the card says the same after a restart. Done by
the inbox tick, told by the announce tick.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pydantic import TypeAdapter

from bot.intake.sheet import open_sheet
from bot.pipeline.returned import Diff, whose
from bot.pipeline.taking import CannotTakeError, Confirmed, look, over_budget, take_sheet
from bot.runtime import Context
from bot.slack import answers, approval, reach, return_card
from bot.slack.files import FileTrouble
from bot.slack.reach import Where
from bot.slack.return_card import Return
from bot.slack.rights import Right, refusal
from bot.slack.telling import Desk, Fate, Place, tell
from storage.records import Announcement, InboxEntry, Job
from storage.shelved import Permit

RETURNED = "returned"
"""Kind of the inbox entries, and scope under which what was handed in is kept, by job and number."""

TOOK = "took"
"""Scope under which is kept when a job took a sheet, or other words for what had failed, last."""

DIFF = TypeAdapter(Diff)

NOT_OURS = (
    "This sheet does not say which rows it is about: it has no columns imgbatch_job and imgbatch_row. Edit "
    "the results sheet from this thread and drop that here; or mention me with this one and a template to "
    "make a new batch of it."
)


def job_of(path: Path, name: str) -> str | None:
    """The job that a sheet says it belongs to; None for a sheet that is none of ours. Raises SheetError."""
    return whose(open_sheet(path, name=name))


def hand_in(desk: Desk, entry: InboxEntry, job_id: str, path: Path, name: str) -> str:
    """Compare the sheet and have it shown in the job's thread, or answer where there is nothing to ask.

    Raises FileTrouble with a sentence, SheetError, SlackTrouble.
    """
    ctx, where = desk.ctx, Where.of(entry.payload["where"])
    job = answers.find_job(ctx, job_id, where.team)
    if job is None:
        raise FileTrouble(
            f"The sheet is of job {job_id or '(none named)'}, which is not here; see /imgbatch list."
        )
    refused = refusal(ctx, desk.wire, Right.START, where, desk.now)
    if refused is not None:
        raise FileTrouble(refused)
    try:
        diff = look(ctx, job, path, name, desk.now)
    except CannotTakeError as problem:
        raise FileTrouble(str(problem)) from None
    if not diff.anything:
        reach.answer(desk.wire, where, return_card.nothing(job, diff), desk.now)
        return "nothing to make"
    key = f"{job.id}/returned/{entry.id}"
    with path.open("rb") as source, ctx.blobs.writing(key) as kept:
        shutil.copyfileobj(source, kept, 1 << 20)
    keep(ctx, Return(str(entry.id), job.id, key, name, where.person, diff), desk.now)
    thread = ctx.mail.thread(job.id)
    if thread is not None and (thread.channel != where.channel or thread.ts != where.thread):
        said = f"That sheet is of job {job.id}; what it would do stands in that job's thread."
        reach.answer(desk.wire, where, reach.sentence(said), desk.now)
    return f"sheet of {job.id}"


def keep(ctx: Context, back: Return, now: datetime) -> None:
    value = {**asdict(back), "diff": DIFF.dump_python(back.diff, mode="json")}
    ctx.shelf.remember(RETURNED, f"{back.job_id}/{back.id}", value, now)


def kept(ctx: Context, job_id: str, number: str) -> Return | None:
    found = ctx.shelf.recall(RETURNED, f"{job_id}/{number}")
    if found is None:
        return None
    return Return(**{**found[0], "diff": DIFF.validate_python(found[0]["diff"])})


def changes(ctx: Context) -> Mapping[str, datetime]:
    """Jobs with something to be told of a returned sheet, each with when it changed."""
    found: dict[str, datetime] = {}
    for name, at in ctx.shelf.recalled(RETURNED).items():
        job_id = name.partition("/")[0]
        found[job_id] = max(at, found.get(job_id, at))
    return found


# --- deciding --------------------------------------------------------------------------------------------


def receive(ctx: Context, job_id: str, number: str, do: str, mark: str, where: Where, now: datetime) -> bool:
    """Write down that somebody pressed a button of the card as it was; False if it was pressed before."""
    payload = {"do": do, "job": job_id, "id": number, "mark": mark, "where": where.to_json()}
    return ctx.mail.receive(f"{RETURNED}:{job_id}/{number}:{mark}:{do}", RETURNED, payload, now)


def work(desk: Desk, entry: InboxEntry) -> str:
    """Do what was decided; what there is to be said is said to the person. Raises SlackTrouble."""
    ctx, given, where = desk.ctx, entry.payload, Where.of(entry.payload["where"])
    job = answers.find_job(ctx, given["job"], where.team)
    back = kept(ctx, given["job"], given["id"])
    if job is None or back is None or back.state != "asked":
        said = "That sheet has been decided about already; its message says what came of it."
    elif given["do"] == "drop":
        keep(ctx, back.closed("dropped", where.person), desk.now)
        return "dropped"
    else:
        said = _confirm(desk, job, back, given["mark"], where)
    if said:
        reach.answer(desk.wire, where, reach.sentence(said), desk.now)
    return said[:200] or "taken"


def _confirm(desk: Desk, job: Job, back: Return, mark: str, where: Where) -> str:
    """Take the sheet; what to tell the person, empty where the card shows it."""
    ctx, now = desk.ctx, desk.now
    refused = refusal(ctx, desk.wire, Right.START, where, now) or _agreement(desk, job, back, where)
    if refused is not None:
        return refused
    once = f"{RETURNED} {back.id} {mark}"
    try:
        with _file(ctx, back) as path:
            said = Confirmed(path, back.name, mark, where.person, once)
            other = take_sheet(ctx, job, said, now)
    except CannotTakeError as problem:
        return str(problem)
    if other is None:
        note_taken(ctx, job, back.id, now)
        keep(ctx, back.closed("taken", where.person), now)
        return ""
    if not other.anything:
        keep(ctx, back.closed("moot", where.person), now)
        return ""
    keep(ctx, back.anew(other), now)
    return "The job has moved on since you saw the message; look at it again and confirm it as it is now."


@contextmanager
def _file(ctx: Context, back: Return) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
        path = Path(folder) / back.name
        with ctx.blobs.open(back.key) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield path


def _in_all(ctx: Context, job: Job, diff: Diff) -> Decimal | None:
    """What the job may come to with it; None: not known."""
    return None if diff.unpriced else ctx.queries.most_it_may_cost(job.id) + diff.high


def _agreement(desk: Desk, job: Job, back: Return, where: Where) -> str | None:
    """Why this person's word is not enough, where the job would pass the spending limit. A second person's
    word is written down.
    """
    ctx, usd = desk.ctx, _in_all(desk.ctx, job, back.diff)
    if not approval.needed(ctx, job, usd):
        return None
    if where.person == back.person:
        return "With this the job would pass the spending limit; somebody else who may spend must confirm."
    refused = refusal(ctx, desk.wire, Right.SPEND, where, desk.now)
    if refused is None:
        ctx.shelf.permit(Permit(job.id, where.person, desk.now, usd))
    return refused


# --- telling ---------------------------------------------------------------------------------------------


def tell_returns(desk: Desk, place: Place, job: Job, told: Mapping[str, Announcement]) -> Fate:
    """The cards of this job's returned sheets, brought up to date. Raises SlackTrouble."""
    ctx, fate = desk.ctx, Fate.SAID
    for name in ctx.shelf.recalled(RETURNED):
        job_id, _, number = name.partition("/")
        back = kept(ctx, job_id, number) if job_id == job.id else None
        if back is None:
            continue
        kind = f"{RETURNED}-{number}"
        one = tell(desk, place, kind, return_card.card(job, back, _limits(ctx, job, back)), told.get(kind))
        if one is Fate.WAITS:
            fate = one
        elif back.state != "asked":
            ctx.shelf.forget(RETURNED, name)
            ctx.blobs.delete(back.key)
    return fate


def _limits(ctx: Context, job: Job, back: Return) -> tuple[str, str]:
    """Why it cannot be confirmed at all, and who must: sentences, empty where nothing stands in the way."""
    if back.state != "asked":
        return "", ""
    above = approval.above_words(ctx, job, _in_all(ctx, job, back.diff))
    return over_budget(ctx, job, back.diff) or "", f"{above}: another must confirm." if above else ""


def note_taken(ctx: Context, job: Job, name: str, now: datetime) -> None:
    """Several pictures are asked for anew: when they have ended, the job is summed up again."""
    ctx.shelf.remember(TOOK, job.id, name, now)


def took_since(ctx: Context, job: Job, before: datetime) -> bool:
    """Whether the job took a sheet, or other words for what had failed, since then."""
    found = ctx.shelf.recall(TOOK, job.id)
    return found is not None and found[1] > before
