"""`digest`: a channel's regular report, asked for once and posted by a tick, each time once.

Setting and next time are a row in `memo`, changed by compare-and-set. A report is kept before it is posted,
and posted like every other message: its intent is written down, and after a crash the channel is searched for
it. Only then is the next time set, so that a report that was being posted is looked at again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slack_sdk import WebClient

from bot.intake.deadline import zone_of
from bot.intake.figures import Digest, digest_rule
from bot.intake.options import CommandError
from bot.intake.rule import Kind, Rule
from bot.pipeline.budget import monthly
from bot.pipeline.digest import happened
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import budgets, keeping, reach
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.slack.people import zone_for
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.telling import Desk, Fate, Place, channel_lost, tell
from bot.slack.wire import SlackTrouble, Wire, wire_of
from bot.watch.digest import batch_line, digest_lines
from bot.watch.words import count
from storage.budgets import BudgetKind
from storage.costs import Whose

log = logging.getLogger(__name__)

SCOPE = "digest"
"""Under which the settings are kept, by team and channel."""

BATCHES = 8
"""Batches that are named."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A channel's digest."""

    team: str
    channel: str
    rule: Rule
    next_at: datetime
    since: datetime
    """Up to where it was told."""
    written_at: datetime
    """By this the row is changed only as it was read."""

    @property
    def name(self) -> str:
        return f"{self.team}/{self.channel}"

    @property
    def place(self) -> Place:
        """Its messages are kept as those of a job that no job is called like."""
        return Place(f"digest-{self.team}-{self.channel}", self.channel)

    def to_json(self) -> dict[str, Any]:
        times = {"next_at": self.next_at.isoformat(), "since": self.since.isoformat()}
        return {"rule": self.rule.to_json(), **times}

    @classmethod
    def of(cls, name: str, value: dict[str, Any], written_at: datetime) -> Setting:
        team, _, channel = name.partition("/")
        next_at, since = (datetime.fromisoformat(value[key]) for key in ("next_at", "since"))
        return cls(team, channel, Rule.of_json(value["rule"]), next_at, since, written_at)


# --- asking for it ---------------------------------------------------------------------------------------


def answer(ctx: Context, wire: Wire, asked: Digest, where: Where, now: datetime) -> Message:
    """What `digest …` does and says."""
    if not where.channel.startswith(("C", "G")):
        return reach.sentence("Write that in the channel that shall get the digest.")
    known = setting_of(ctx, where)
    if asked.action == "show":
        return _shown(known, now)
    refused = refusal(ctx, wire, Right.ADMIN, where, now)
    if refused is not None:
        return reach.sentence(refused)
    if asked.action == "off":
        ctx.shelf.forget(SCOPE, f"{where.team}/{where.channel}")
        return reach.sentence(
            "This channel gets no digest any more." if known else "This channel gets no digest."
        )
    silent = reach.cannot_speak(wire, where.channel, now, paced=False)
    if silent is not None:
        return reach.sentence(silent)
    try:
        rule = digest_rule(asked.text, zone_for(wire, where, now), now.date())
    except CommandError as problem:
        return reach.sentence(str(problem))
    return _shown(_begin(ctx, where, rule, known, now), now)


def setting_of(ctx: Context, where: Where) -> Setting | None:
    name = f"{where.team}/{where.channel}"
    found = ctx.shelf.recall(SCOPE, name)
    return None if found is None else Setting.of(name, *found)


def _begin(ctx: Context, where: Where, rule: Rule, known: Setting | None, now: datetime) -> Setting:
    """The first one tells of a whole day or week; one that is changed goes on where it was."""
    next_at = rule.next_after(now)
    assert next_at is not None, "a digest has no last day"
    since = known.since if known else next_at - _length(rule)
    made = Setting(where.team, where.channel, rule, next_at, since, now)
    ctx.shelf.remember(SCOPE, made.name, made.to_json(), now)
    return made


def _length(rule: Rule) -> timedelta:
    return timedelta(days=1 if rule.kind is Kind.DAILY else 7)


def _shown(setting: Setting | None, now: datetime) -> Message:
    if setting is None:
        return reach.sentence(
            "This channel gets no digest; “digest weekly mon 09:00” or “digest daily” begins one."
        )
    said = f"This channel gets a digest {setting.rule.said()}, unless nothing has happened."
    return b.message(b.escaped(said), [b.words(said), b.context(f"Next {w.when(setting.next_at, now)}.")])


# --- telling it ------------------------------------------------------------------------------------------


def tell_digests(ctx: Context, client: WebClient, now: datetime) -> int:
    """Post the digests that are due; how many were looked at. A tick."""
    desk = Desk(ctx, wire_of(client), now)
    found = [Setting.of(*row) for row in ctx.shelf.recall_all(SCOPE)]
    due = [setting for setting in found if setting.next_at <= now]
    for setting in due:
        try:
            _tell(desk, setting)
        except SlackTrouble as problem:
            log.info("the digest of %s is told later: %s", setting.name, problem)
    return len(due)


def _tell(desk: Desk, setting: Setting) -> None:
    """One step; each can be made again after a crash."""
    place, kind = setting.place, f"digest-{setting.next_at:%Y%m%d%H%M}"
    told = desk.ctx.mail.announcements(place.job_id).get(kind)
    newest = _newest(setting, desk.now)
    if told is None and newest != setting.next_at:
        _change(desk, replace(setting, next_at=newest))  # what was missed is told together, next time
        return
    said = keeping.kept(desk.ctx, place.job_id, kind)
    if said is None:
        said = message(desk.ctx, setting)
        if said is None:
            _advance(desk, setting)
            return
        keeping.keep(desk.ctx, place.job_id, kind, said)
    fate = tell(desk, place, kind, said, told)
    if fate is Fate.DEAD and channel_lost({kind: desk.ctx.mail.announcements(place.job_id)[kind]}):
        log.info("the digest of %s is over: nothing can be posted there", setting.name)
        desk.ctx.shelf.forget(SCOPE, setting.name)
    elif fate is not Fate.WAITS:
        _advance(desk, setting)


def _newest(setting: Setting, now: datetime) -> datetime:
    """The last of its times that have come."""
    at = setting.next_at
    while (following := setting.rule.next_after(at)) is not None and following <= now:
        at = following
    return at


def _advance(desk: Desk, setting: Setting) -> None:
    following = setting.rule.next_after(setting.next_at)
    assert following is not None, "a digest has no last day"
    _change(desk, replace(setting, since=setting.next_at, next_at=following))


def _change(desk: Desk, setting: Setting) -> None:
    """Unless somebody has changed it meanwhile."""
    desk.ctx.shelf.exchange(SCOPE, setting.name, setting.to_json(), desk.now, setting.written_at)


def message(ctx: Context, setting: Setting) -> Message | None:
    """The digest of the time until it is due; None where nothing has happened."""
    whose = Whose(team=setting.team, channel=setting.channel)
    since, until = setting.since, setting.next_at
    found = happened(ctx, whose, since, until)
    if not found.anything:
        return None
    before = "the day before" if _length(setting.rule) == timedelta(days=1) else "the week before"
    if until - since > _length(setting.rule) + timedelta(hours=2):
        before = "the time before"  # something was missed, or it was set to another day
    lines = digest_lines(found, before)
    days = _days(since, until, setting.rule)
    body: list[Block] = [b.header(f"Image batches, {days}"), b.words("\n".join(lines))]
    if found.ended:
        named = [
            f"• *{b.escaped(batch.title, 80)}* `{batch.job}`: {batch_line(batch)}"
            for batch in found.ended[:BATCHES]
        ]
        more = len(found.ended) - BATCHES
        if more > 0:
            named.append(f"… and {count(more, 'other')}")
        body.append(b.section("\n".join(named)))
    channel = [
        one for one in monthly(ctx, setting.team, setting.channel, "") if one.kind is BudgetKind.CHANNEL
    ]
    body += [b.section(f"Budget for {until:%B}: {budgets.standing(ctx, one, until)}") for one in channel]
    body.append(b.context("`/imgbatch cost` and `stats` say more; `/imgbatch digest off` ends these."))
    return b.message(b.escaped(f"Image batches, {days}: {' '.join(lines)}", 2500), body)


def _days(since: datetime, until: datetime, rule: Rule) -> str:
    """`16 to 23 Nov`, on the digest's own calendar."""
    first, last = (at.astimezone(zone_of(rule.zone)) for at in (since, until))
    month = "" if first.month == last.month else f" {first:%b}"
    return f"{first.day}{month} to {last.day} {last:%b}"
