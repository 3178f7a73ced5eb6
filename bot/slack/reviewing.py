"""What people decide about pictures, done by the inbox tick: by button, form, word or reaction.

A click that worked says nothing, since the message shows it. Whoever came too late is told what happened.
What is answered is kept before it is said, so that an answer that has to wait decides nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.intake.options import CommandError
from bot.intake.verdicts import Say, Verdict, as_ranges, parse_pictures, parse_verdict
from bot.pipeline.redo import CannotRedoError
from bot.runtime import Context
from bot.slack import again, answers, reach, review, verdict_words
from bot.slack import blocks as b
from bot.slack.approval import AskedAlreadyError
from bot.slack.reach import Where
from bot.slack.review_words import REASONS
from bot.slack.rights import Right, refusal
from bot.slack.telling import Desk
from bot.slack.wire import Wire
from providers.base import Lane
from storage.records import InboxEntry, Item, Job
from storage.reviews import Pick
from storage.states import ReviewEvent, ReviewState

KIND = "review"
"""Kind of the inbox entries."""

ANSWERS = "answer"
"""Scope under which what is to be said to a person is kept until it is said."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing a person did, with everything that is needed to do it."""

    ctx: Context
    wire: Wire
    job: Job
    person: str
    now: datetime
    once: str
    """Names it, so that it is followed once."""
    given: Json


def receive(ctx: Context, key: str, given: Json, where: Where, now: datetime) -> bool:
    """Write down what somebody did: `do` names it, `job` is the job's id. False if it is known."""
    return ctx.mail.receive(f"review:{key}", KIND, {**given, "where": where.to_json()}, now)


def work(desk: Desk, entry: InboxEntry) -> str:
    """Follow one entry, and answer where an answer is wanted. Raises SlackTrouble."""
    return _answer(desk, entry, entry.payload)


def answer_words(desk: Desk, entry: InboxEntry, verdict: Verdict) -> str:
    """The same for what somebody wrote. Raises SlackTrouble."""
    return _answer(desk, entry, {"do": "say", "job": verdict.job, "verdict": verdict})


def _answer(desk: Desk, entry: InboxEntry, given: Json) -> str:
    ctx, where, name = desk.ctx, Where.of(entry.payload["where"]), str(entry.id)
    kept = ctx.shelf.recall(ANSWERS, name)
    said = str(kept[0]) if kept else follow(desk, given, where, f"inbox {entry.id}")
    if said:
        if kept is None:
            ctx.shelf.remember(ANSWERS, name, said, desk.now)
        reach.answer(desk.wire, where, spoken(said), desk.now)
        ctx.shelf.forget(ANSWERS, name)
    return said[:200]


def spoken(said: str) -> b.Message:
    """An answer of ours, which may name people."""
    return b.message(said, [b.section(said[:3000])])


def follow(desk: Desk, given: Json, where: Where, once: str) -> str:
    """Do it; what to tell the person, mrkdwn, empty where the message shows it."""
    ctx, now = desk.ctx, desk.now
    job = answers.find_job(ctx, str(given["job"]), where.team)
    if job is None:
        return b.escaped(answers.no_such_job(str(given["job"])))
    if given["do"] not in LOOKING:
        refused = refusal(ctx, desk.wire, Right.APPROVE, where, now)
        if refused is not None:
            return refused
    deed = Deed(ctx, desk.wire, job, where.person, now, once, given)
    try:
        said = DEEDS[given["do"]](deed)
    except (CannotRedoError, CommandError, AskedAlreadyError) as problem:
        return b.escaped(str(problem))
    review.touch(ctx, job.id, now)
    return said


# --- looking ---------------------------------------------------------------------------------------------


def _turn(deed: Deed, *, back: bool) -> str:
    thread = deed.ctx.mail.thread(deed.job.id)
    size = review.page_size(deed.ctx, thread.team if thread else "", deed.now)
    review.turn(deed.ctx, deed.job, int(deed.given["picture"]), size, deed.now, back=back)
    return ""


def _filter(deed: Deed) -> str:
    thread = deed.ctx.mail.thread(deed.job.id)
    size = review.page_size(deed.ctx, thread.team if thread else "", deed.now)
    review.begin(deed.ctx, deed.job, str(deed.given["filter"]), size, deed.now)
    return ""


# --- one picture -----------------------------------------------------------------------------------------


def _decide(deed: Deed, event: ReviewEvent) -> str:
    """A click on one version, as it stood when the person saw it."""
    number, seen = int(deed.given["item"]), ReviewState(deed.given["seen"])
    reason, note = str(deed.given.get("reason") or ""), str(deed.given.get("note") or "")
    quorum = review.quorum_of(deed.ctx, deed.job)
    pick = Pick(version=number, seen={seen})
    done = deed.ctx.reviews.decide(
        deed.job.id, pick, event, deed.person, deed.now, quorum=quorum, reason=reason, note=note
    )
    return "" if done.voted else _late(deed, number, event)


def _late(deed: Deed, number: int, event: ReviewEvent | None = None) -> str:
    item = deed.ctx.queries.item(deed.job.id, number)
    if item is None:
        return "That picture is not there any more."
    if item.reviewed_by == deed.person and event is not None and item.review.startswith(event.value):
        return ""  # a second click on the same button
    return verdict_words.late(deed.ctx, item, deed.now)


def _undo_one(deed: Deed) -> str:
    number, quorum = int(deed.given["item"]), review.quorum_of(deed.ctx, deed.job)
    pick = Pick(version=number)
    undone = deed.ctx.reviews.undo(deed.job.id, pick, deed.person, deed.now, quorum=quorum, once=deed.once)
    return "" if undone.decided else _late(deed, number)


def _redo_one(deed: Deed) -> str:
    """From the form: this version again, with these words, in this lane."""
    item = deed.ctx.queries.item(deed.job.id, int(deed.given["item"]))
    if item is None:
        return "That picture is not there any more."
    lane = Lane(deed.given["lane"]) if deed.given.get("lane") else None
    said = again.made_again(
        deed.ctx, deed.job, [item], deed.person, deed.now, prompt=deed.given["prompt"], lane=lane
    )
    return said or verdict_words.late(deed.ctx, item, deed.now)


def _keep(deed: Deed) -> str:
    number = int(deed.given["item"])
    if deed.ctx.reviews.prefer(deed.job.id, number, deed.person, deed.now):
        return ""
    return _late(deed, number)


# --- many pictures ---------------------------------------------------------------------------------------


def _these(deed: Deed) -> str:
    """“Approve these 6”: those on the page that nobody had decided about."""
    numbers = [int(number) for number in deed.given["pictures"]]
    pick = Pick(as_ranges(numbers), seen={ReviewState.UNREVIEWED})
    quorum = review.quorum_of(deed.ctx, deed.job)
    done = deed.ctx.reviews.decide(
        deed.job.id, pick, ReviewEvent.APPROVE, deed.person, deed.now, quorum=quorum
    )
    if not done.voted:
        return "All of these were decided before; the message is being brought up to date."
    deed = replace(deed, given={"picture": max(numbers)})
    return _turn(deed, back=False)  # the page is done: on to the next, where there is one


def _many(deed: Deed) -> str:
    """The form for many pictures."""
    words = str(deed.given.get("words") or "")
    wanted = parse_pictures(str(deed.given["pictures"]), Say(deed.given["say"]))
    return _verdict(deed, Verdict(Say(deed.given["say"]), deed.job.id, wanted, words))


def _say(deed: Deed) -> str:
    verdict = deed.given["verdict"] if "verdict" in deed.given else parse_verdict(deed.given["text"])
    return "" if verdict is None else _verdict(deed, verdict)


def _verdict(deed: Deed, verdict: Verdict) -> str:
    ctx, job, person, now = deed.ctx, deed.job, deed.person, deed.now
    match verdict.say:
        case Say.REVIEW:
            return verdict_words.where_it_stands(ctx, job)
        case Say.UNDO:
            return verdict_words.undone(ctx, job, verdict.pictures, person, now, once=deed.once)
        case Say.REDO:
            assert verdict.pictures is not None
            items = again.pictures_meant(ctx, job, verdict.pictures)
            prompt = verdict.words or None
            said = again.made_again(ctx, job, items, person, now, prompt=prompt, once=deed.once)
            return said or "They are being made again already."
        case Say.APPROVE | Say.REJECT:
            assert verdict.pictures is not None
            event = ReviewEvent.APPROVE if verdict.say is Say.APPROVE else ReviewEvent.REJECT
            return verdict_words.decided(
                ctx,
                job,
                verdict.pictures,
                event,
                person,
                now,
                reason=_reason(verdict.words),
                note=verdict.words,
            )


def _reason(words: str) -> str:
    """One of the reasons offered, where that is what was written; else the words themselves."""
    known = {name.lower(): name for name in REASONS}
    return known.get(words.lower().rstrip("."), b.cut(words, 60) if words else "")


# --- reactions -------------------------------------------------------------------------------------------

BY_REACTION = "by reaction"
"""Note of a vote that was given by a reaction, by which taking the reaction back finds it."""


def _react(deed: Deed) -> str:
    """A reaction to a message or file that shows these pictures."""
    say, numbers = Say(deed.given["say"]), [int(number) for number in deed.given["pictures"]]
    items = deed.ctx.reviews.picked(deed.job.id, as_ranges(numbers))
    if len(items) > 1 and say is not Say.APPROVE:
        return (
            f"That message shows {len(items)} pictures; say which one, like `@imgbatch {say} "
            f"{items[0].first}` in its thread."
        )
    if say is Say.REDO:
        said = again.made_again(deed.ctx, deed.job, items, deed.person, deed.now, once=deed.once)
        return said or "It is being made again already."
    event = ReviewEvent.APPROVE if say is Say.APPROVE else ReviewEvent.REJECT
    pick = Pick(as_ranges(numbers), seen={ReviewState.UNREVIEWED})
    quorum = review.quorum_of(deed.ctx, deed.job)
    done = deed.ctx.reviews.decide(
        deed.job.id, pick, event, deed.person, deed.now, quorum=quorum, note=BY_REACTION
    )
    return "" if done.voted or len(items) != 1 else _late(deed, items[0].number, event)


def _unreact(deed: Deed) -> str:
    """A reaction taken back: what it decided is open again; a redo only if nothing was sent."""
    numbers = as_ranges(int(number) for number in deed.given["pictures"])
    if deed.given["say"] == Say.REDO:
        back = deed.ctx.reviews.withdraw(deed.job.id, deed.person, deed.now)
        return "" if back else "It is being made already; both versions will be kept."
    items: dict[int, Item] = {item.number: item for item in deed.ctx.reviews.picked(deed.job.id, numbers)}
    votes = deed.ctx.reviews.votes(deed.job.id, items)
    mine = [items[v.item].first for v in votes if v.person == deed.person and v.note == BY_REACTION]
    if mine:
        quorum = review.quorum_of(deed.ctx, deed.job)
        pick = Pick(as_ranges(mine))
        deed.ctx.reviews.undo(deed.job.id, pick, deed.person, deed.now, quorum=quorum, once=deed.once)
    return ""


DEEDS: Mapping[str, Callable[[Deed], str]] = {
    "on": lambda deed: _turn(deed, back=False),
    "back": lambda deed: _turn(deed, back=True),
    "filter": _filter,
    "approve": lambda deed: _decide(deed, ReviewEvent.APPROVE),
    "reject": lambda deed: _decide(deed, ReviewEvent.REJECT),
    "undo": _undo_one,
    "redo": _redo_one,
    "keep": _keep,
    "these": _these,
    "many": _many,
    "say": _say,
    "react": _react,
    "unreact": _unreact,
}
LOOKING = frozenset({"on", "back", "filter"})
"""Anybody in the channel may turn pages."""
