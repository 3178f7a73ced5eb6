"""The digests of channels that are due are posted: a tick. Each is posted once, whatever happens between.

What it says is kept before anything is sent, and its chart before that. The chart goes to Slack first; then
the message, posted like every other: its intent is written down, and after a crash the channel is searched.
Only then is the next time set, by compare-and-set, so that a digest that was being posted is looked at
again.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from slack_sdk import WebClient

from bot.intake.deadline import zone_of
from bot.intake.rule import Rule
from bot.pipeline.budget import monthly
from bot.pipeline.digest import by_day, happened
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import budgets, files, keeping
from bot.slack.blocks import Block, Message
from bot.slack.digests import SCOPE, Setting, length
from bot.slack.files import Upload
from bot.slack.telling import Desk, Fate, Place, channel_lost, tell
from bot.slack.wire import SlackTrouble, Wire, wire_of
from bot.watch.day_chart import Day, anything, day_alt, day_chart
from bot.watch.digest import batch_line, digest_lines
from bot.watch.words import count
from storage.blobs import Blobs
from storage.budgets import BudgetKind
from storage.costs import Whose

log = logging.getLogger(__name__)

BATCHES = 8
"""Batches that are named."""

MOST = timedelta(days=31)
"""The chart shows no more; and a week at least, so that a day stands beside those before it."""

NAME = "by-day.png"

TO_COME = "to come"
"""In place of the id of a chart that Slack does not have yet."""

PATIENCE = timedelta(minutes=2)
"""So long the words wait for Slack to have the chart ready; then they go without it."""

_BEGUN: weakref.WeakKeyDictionary[Wire, dict[str, datetime]] = weakref.WeakKeyDictionary()
"""Since when this process waits for the chart of a channel."""


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
        desk.ctx.blobs.delete(_chart_key(place, kind))
        _change(desk, replace(setting, next_at=newest))  # what was missed is told together, next time
        return
    said = keeping.kept(desk.ctx, place.job_id, kind) or _composed(desk, setting, kind)
    if said is None:
        _advance(desk, setting)
        return
    said = _with_chart(desk, place, kind, said)
    if said is None:
        return
    fate = tell(desk, place, kind, keeping.acceptable(desk.ctx, place.job_id, kind, said, told), told)
    if fate is not Fate.WAITS:
        desk.ctx.blobs.delete(_chart_key(place, kind))
    if fate is Fate.DEAD and channel_lost({kind: desk.ctx.mail.announcements(place.job_id)[kind]}):
        log.info("the digest of %s is over: nothing can be posted there", setting.name)
        desk.ctx.shelf.forget(SCOPE, setting.name)
    elif fate is not Fate.WAITS:
        _advance(desk, setting)


def _composed(desk: Desk, setting: Setting, kind: str) -> Message | None:
    """What this digest says, kept, with a place for its chart; None where nothing has happened."""
    ctx, place = desk.ctx, setting.place
    said = message(ctx, setting)
    if said is None:
        return None
    zone = setting.rule.zone
    begin, until = _charted(setting), setting.next_at
    days = by_day(ctx, _whose(setting), begin, until, zone)
    if anything(days):
        title = f"{_days(begin, until, setting.rule)}, by day"
        draw = partial(_draw, ctx.blobs, key=_chart_key(place, kind), days=days, title=title)
        ctx.renderers.submit(draw).result()
        chart = b.image(TO_COME, day_alt(days, title))
        said = b.message(said.text, [*said.blocks[:2], chart, *said.blocks[2:]])
    keeping.keep(ctx, place.job_id, kind, said)
    return said


def _charted(setting: Setting) -> datetime:
    """From when on the chart tells."""
    until = setting.next_at
    here = (until - timedelta(days=6)).astimezone(zone_of(setting.rule.zone))
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return max(min(setting.since, midnight.astimezone(UTC)), until - MOST)


def _draw(blobs: Blobs, *, key: str, days: Sequence[Day], title: str) -> None:
    blobs.put(key, day_chart(days, title))


def _chart_key(place: Place, kind: str) -> str:
    return f"{place.job_id}/gallery/{kind}.png"


def _with_chart(desk: Desk, place: Place, kind: str, said: Message) -> Message | None:
    """The same with its chart's file at Slack, or without it where that takes too long, and kept so; None
    while it is to be waited for.
    """
    if not any(_to_come(block) for block in said.blocks):
        return said
    begun = _BEGUN.setdefault(desk.wire, {})
    begun.setdefault(kind + place.job_id, desk.now)
    file_id = _at_slack(desk, place, kind)
    if file_id is None and desk.now - begun[kind + place.job_id] < PATIENCE:
        return None
    del begun[kind + place.job_id]
    blocks = [
        {**block, "slack_file": {"id": file_id}} if _to_come(block) else block
        for block in said.blocks
        if file_id is not None or not _to_come(block)
    ]
    said = Message(said.text, blocks)
    keeping.keep(desk.ctx, place.job_id, kind, said)
    return said


def _to_come(block: Block) -> bool:
    return bool(block["type"] == "image" and block["slack_file"]["id"] == TO_COME)


def _at_slack(desk: Desk, place: Place, kind: str) -> str | None:
    """The id of the chart at Slack; None while it is not ready there."""
    key = _chart_key(place, kind)
    try:
        files.upload(desk.ctx, desk.wire, place.job_id, [Upload(key, NAME, "By day")], desk.now)
        ids = files.ready(desk.ctx, desk.wire, place.job_id, [key], desk.now)
    except (SlackTrouble, FileNotFoundError) as problem:
        log.info("%s: its chart is not at Slack yet: %s", place.job_id, problem)
        return None
    return None if ids is None else ids[key]


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
    since, until = setting.since, setting.next_at
    found = happened(ctx, _whose(setting), since, until)
    if not found.anything:
        return None
    before = "the day before" if length(setting.rule) == timedelta(days=1) else "the week before"
    if until - since > length(setting.rule) + timedelta(hours=2):
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
    clock = f"Times and days are those of {b.escaped(setting.rule.zone)}."
    body.append(
        b.context(f"{clock} `/imgbatch cost` and `stats` say more; `/imgbatch digest off` ends these.")
    )
    return b.message(b.escaped(f"Image batches, {days}: {' '.join(lines)}", 2500), body)


def _whose(setting: Setting) -> Whose:
    return Whose(team=setting.team, channel=setting.channel)


def _days(since: datetime, until: datetime, rule: Rule) -> str:
    """`16 to 23 Nov`, on the digest's own calendar."""
    first, last = (at.astimezone(zone_of(rule.zone)) for at in (since, until))
    month = "" if first.month == last.month else f" {first:%b}"
    return f"{first.day}{month} to {last.day} {last:%b}"
