"""The inbox tick: what people asked for, written down by the listeners, is done here.

An entry that is worked on twice, because the process stopped in the middle, makes nothing twice: the job's
id was chosen when the entry was written, and verbs apply once.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from bot.intake import command as c
from bot.intake.options import CommandError, parse_options, typed
from bot.intake.records import SheetError
from bot.intake.spec import JobSpec
from bot.intake.verdicts import parse_verdict
from bot.pipeline import scheduled
from bot.pipeline.create import SPEC, CannotCreateError, Wanted, create_once, unused_id
from bot.runtime import Context
from bot.slack import alert_answers, answers, files, presets, reach, returns, reviewing, schedules, verbs
from bot.slack import blocks as b
from bot.slack.blocks import Message
from bot.slack.files import FileTrouble, Sheet
from bot.slack.form import AGAIN
from bot.slack.people import zone_for
from bot.slack.reach import Where
from bot.slack.replies import reply
from bot.slack.telling import Desk
from bot.slack.wire import Gone, Later, SlackTrouble, wire_of
from bot.tracing import doing
from bot.watch.words import ended
from storage.records import InboxEntry, Thread
from storage.reusing import Place
from storage.states import JobState

log = logging.getLogger(__name__)

FORM, MESSAGE = "form", "message"
"""Kinds of entries, beside `verbs.KIND`."""

TRIES = 8
"""An entry is given up after this many; with the waits below that is some twenty minutes."""

LONGEST_WAIT = timedelta(minutes=10)


class Sorry(Exception):
    """It cannot be done; what to tell the person."""

    def __init__(self, said: Message) -> None:
        super().__init__(said.text)
        self.said = said


def receive_form(ctx: Context, key: str, form: Mapping[str, Any], where: Where, now: datetime) -> bool:
    """Write down a form that was submitted. False if it is known."""
    payload = {**form, "job": unused_id(ctx), "where": where.to_json()}
    return ctx.mail.receive(key, FORM, payload, now)


def receive_message(ctx: Context, key: str, message: Mapping[str, Any], where: Where, now: datetime) -> bool:
    """Write down a message meant for the bot. False if it is known: Slack tells of a mention twice."""
    payload = {**message, "job": unused_id(ctx), "where": where.to_json()}
    return ctx.mail.receive(key, MESSAGE, payload, now)


def work_inbox(ctx: Context, client: WebClient, now: datetime) -> int:
    """Do what is due; how many entries are done with."""
    desk = Desk(ctx, wire_of(client), now)
    done = 0
    for entry in ctx.mail.due_inbox(now):
        with doing("inbox", inbox=entry.id, job=entry.payload.get("job")) as step:
            step.note(kind=entry.kind)
            done += _work(desk, entry)
    return done


def _work(desk: Desk, entry: InboxEntry) -> bool:
    try:
        note = _KINDS[entry.kind](desk, entry)
    except (Sorry, CannotCreateError, FileTrouble, SheetError, CommandError, verbs.Objection) as problem:
        return _apologise(desk, entry, problem)
    except Gone as problem:
        desk.ctx.mail.inbox_failed(entry, f"nowhere to answer: {problem.code}")
        return True
    except SlackTrouble as problem:
        return _later(desk, entry, problem)
    except Exception as problem:
        # Broad on purpose: the entries behind this one must not wait for a mistake of ours.
        log.exception("an inbox entry (%s) failed", entry.kind)
        return _later(desk, entry, problem)
    desk.ctx.mail.inbox_done(entry, note)
    log.info("done: %s", entry.kind)
    return True


def _later(desk: Desk, entry: InboxEntry, problem: Exception) -> bool:
    known = str(problem) if isinstance(problem, SlackTrouble) else type(problem).__name__
    if entry.tries + 1 < TRIES:
        wait = min(timedelta(seconds=5 * 2.0**entry.tries), LONGEST_WAIT)
        if isinstance(problem, Later):
            wait = max(problem.wait, wait if entry.tries else problem.wait)
        desk.ctx.mail.inbox_later(entry, desk.now + wait, known[:500])
        return False
    said = (
        f"I could not do what you asked ({known[:100]}); I have tried {TRIES} times. Please try again, or "
        f"ask whoever set imgbatch up, with the number {entry.id}."
    )
    return _apologise(desk, entry, Sorry(reach.sentence(said)))


def _apologise(desk: Desk, entry: InboxEntry, problem: Exception) -> bool:
    """Tell the person, then close the entry. A crash between the two tells them twice."""
    where = Where.of(entry.payload["where"])
    match problem:
        case Sorry():
            said = problem.said
        case CannotCreateError():
            said = reach.sentences(
                "I cannot make a batch of this yet.", [ended(said) for said in problem.problems]
            )
        case _:
            said = reach.sentence(str(problem))
    if entry.kind == FORM and "draft" in entry.payload:
        said = b.message(said.text, [*said.blocks, b.actions("again", again_button(entry.key))])
    elif entry.kind == MESSAGE and isinstance(problem, CannotCreateError):
        button = again_button(entry.key, "Open the form with this sheet")
        said = b.message(said.text, [*said.blocks, b.actions("again", button)])
    try:
        reach.answer(desk.wire, where, said, desk.now)
    except Later as trouble:
        desk.ctx.mail.inbox_later(entry, desk.now + trouble.wait, "the answer waits")
        return False
    except SlackTrouble as trouble:
        log.warning("the person could not be told: %s", trouble)
    desk.ctx.mail.inbox_failed(entry, said.text[:500])
    return True


# --- forms and sheets ----------------------------------------------------------------------------------


def again_button(key: str, words: str = "Open the form again") -> b.Block:
    """Opens the form with what the entry of that key asked for."""
    return b.button(words, AGAIN, key, style="primary")


def _form(desk: Desk, entry: InboxEntry) -> str:
    given, where = entry.payload, Where.of(entry.payload["where"])
    refused = reach.cannot_speak(desk.wire, given["channel"], desk.now)
    if refused is not None:
        raise Sorry(reach.sentence(refused))
    spec = replace(SPEC.validate_python(given["spec"]), zone=zone_for(desk.wire, where, desk.now))
    place = Place(where.team, given["channel"])
    batch = Batch(given["job"], files.sheet_of(given["sheet"]), spec, where.person, place=place)
    _make(desk, batch)
    return _open(desk, batch, where.team, given["channel"], given.get("thread"))


@dataclass(frozen=True, slots=True)
class Batch:
    """A job to be made of a file in Slack."""

    job_id: str
    sheet: Sheet
    spec: JobSpec
    person: str
    beside: tuple[Sheet, ...] = ()
    """Pictures that came with the sheet, for its reference column."""
    place: Place | None = None
    """Where it will be told about."""


def _make(desk: Desk, batch: Batch) -> None:
    """The job, PLANNED; nothing is done if an earlier try made it."""
    known = desk.ctx.queries.job(batch.job_id)
    if known is not None and known.state is not JobState.DRAFT:
        return  # before the sheet is downloaded again
    with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
        sheet = files.known(desk.wire, batch.sheet, desk.now)
        name = files.safe_name(sheet.name)
        path = Path(folder) / "sheet" / name
        path.parent.mkdir()
        files.download(desk.wire, sheet, path)
        found = _references(desk, batch, Path(folder))
        wanted = Wanted(path, name, batch.spec, batch.person, found, place=batch.place)
        create_once(desk.ctx, wanted, desk.now, batch.job_id)


def _references(desk: Desk, batch: Batch, folder: Path) -> Callable[[str], Path | None]:
    """Finds the pictures beside the sheet by name; each is downloaded when a row asks for it."""
    by_name = {sheet.name: sheet for sheet in batch.beside}

    def find(name: str) -> Path | None:
        sheet = by_name.get(name)
        if sheet is None:
            return None
        path = folder / files.safe_name(name)
        if not path.exists():
            files.download(desk.wire, files.known(desk.wire, sheet, desk.now), path)
        return path

    return find


def _open(desk: Desk, batch: Batch, team: str, channel: str, thread: str | None) -> str:
    desk.ctx.mail.open_thread(Thread(batch.job_id, team, channel, batch.person, thread))
    return batch.job_id


# --- messages ------------------------------------------------------------------------------------------


def _message(desk: Desk, entry: InboxEntry) -> str:
    given, where = entry.payload, Where.of(entry.payload["where"])
    sheets, pictures = _sorted(desk, given["files"])
    if not given["files"]:
        here = job_here(desk.ctx, where.channel, where.thread)
        verdict = parse_verdict(given["text"], job=here)
        if verdict is not None:
            return reviewing.answer_words(desk, entry, verdict)
        said = _reply(desk, where, given)
        reach.answer(desk.wire, where, said, desk.now)
        return said.text[:200]
    if not sheets:
        raise FileTrouble("There is no sheet in your message; add a CSV, TSV or XLSX file.")
    if len(sheets) > 1:
        raise FileTrouble("There are several sheets in your message; send one at a time.")
    words = typed(given["text"])
    if not words or words.lower().split()[0] in RETURN_WORDS or not given.get("addressed", True):
        returned = _returned(desk, entry, sheets[0])
        if returned is not None:
            return returned
    changes, template = parse_options(given["text"])
    changes, template = presets.fill(desk.ctx, where, changes, template)
    spec = changes.apply(JobSpec(zone=zone_for(desk.wire, where, desk.now)), template)
    place = Place(where.team, where.channel)
    batch = Batch(given["job"], sheets[0], spec, where.person, tuple(pictures), place)
    _make(desk, batch)
    # The batch is told where it was asked for: in the thread of the person's message.
    return _open(desk, batch, where.team, where.channel, where.thread or given["ts"])


RETURN_WORDS = frozenset({"redo", "return", "returned", "again", "retry", "update"})
"""Beside a results sheet; other words are options and a template for a new batch of it."""


def _returned(desk: Desk, entry: InboxEntry, given: Sheet) -> str | None:
    """Take in a sheet that came back; None where it is a sheet for a new batch."""
    with _downloaded(desk, given) as (path, name):
        job_id = returns.job_of(path, name)
        if job_id is not None:
            return returns.hand_in(desk, entry, job_id, path, name)
    words = typed(entry.payload["text"]).lower()
    if words or not entry.payload.get("addressed", True):
        raise FileTrouble(returns.NOT_OURS)
    return None


@contextmanager
def _downloaded(desk: Desk, given: Sheet) -> Iterator[tuple[Path, str]]:
    """The file, and its name, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="imgbatch-") as folder:
        sheet = files.known(desk.wire, given, desk.now)
        name = files.safe_name(sheet.name)
        path = Path(folder) / name
        files.download(desk.wire, sheet, path)
        yield path, name


def _sorted(desk: Desk, given: list[Mapping[str, Any]]) -> tuple[list[Sheet], list[Sheet]]:
    """Sheets, and pictures beside them."""
    found = [files.known(desk.wire, files.sheet_of(file), desk.now) for file in given]
    sheets = [file for file in found if files.ending(file.name) in files.SHEETS]
    return sheets, [file for file in found if files.ending(file.name) in files.PICTURES]


def _reply(desk: Desk, where: Where, given: Mapping[str, Any]) -> Message:
    """The answer to words without a sheet."""
    ctx, here = desk.ctx, job_here(desk.ctx, where.channel, where.thread)
    parsed = c.parse_command(given["text"], job=here)
    if isinstance(parsed, c.Cancel | c.Retry | c.Decision):
        wish = replace(verbs.wish_of(parsed, where.person), once=f"message {given['ts']}")
        return _decide(desk, wish, where)
    said = reply(ctx, desk.wire, parsed, where, desk.now, f"inbox-{given['ts']}")
    if said is not None:
        return said
    begin = "Open the form, or mention me with a CSV or XLSX file and a prompt template beside it."
    return b.message(begin, [b.section(begin), b.actions("begin", answers.form_button())])


def _decide(desk: Desk, wish: verbs.Wish, where: Where) -> Message:
    if answers.find_job(desk.ctx, wish.job, where.team) is None:
        return reach.sentence(answers.no_such_job(wish.job))
    refused = verbs.forbidden(desk.ctx, desk.wire, wish.verb, where, desk.now)
    return reach.sentence(refused or verbs.do(desk.ctx, wish, desk.now))


def job_here(ctx: Context, channel: str, thread: str | None) -> str | None:
    """The newest job told in this thread."""
    if thread is None:
        return None
    here = [t.job_id for t in ctx.mail.threads() if t.channel == channel and t.ts == thread]
    jobs = [job for job_id in here if (job := ctx.queries.job(job_id)) is not None]
    return max(jobs, key=lambda job: job.created_at).id if jobs else None


# --- verbs ---------------------------------------------------------------------------------------------


def _verb(desk: Desk, entry: InboxEntry) -> str:
    """Done without a word where it works: the card shows it, of nearly everything."""
    wish = verbs.wish_in(entry)
    said = verbs.do(desk.ctx, wish, desk.now)
    if wish.verb in verbs.ANSWERED:
        reach.answer(desk.wire, Where.of(entry.payload["where"]), reach.sentence(said), desk.now)
    return said


_KINDS: Mapping[str, Callable[[Desk, InboxEntry], str]] = {
    FORM: _form,
    MESSAGE: _message,
    verbs.KIND: _verb,
    reviewing.KIND: reviewing.work,
    returns.RETURNED: returns.work,
    scheduled.KIND: schedules.run,
    alert_answers.KIND: alert_answers.work,
}
