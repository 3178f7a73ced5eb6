"""`digest`: a channel's regular report, asked for once. Setting and next time are a row in `memo`; what posts
it is `digest_post`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.intake.figures import Digest, digest_rule
from bot.intake.options import CommandError
from bot.intake.rule import Kind, Rule
from bot.runtime import Context
from bot.slack import blocks as b
from bot.slack import reach
from bot.slack import words as w
from bot.slack.blocks import Message
from bot.slack.people import known_zone
from bot.slack.reach import Where
from bot.slack.rights import Right, refusal
from bot.slack.telling import Place
from bot.slack.wire import Wire

SCOPE = "digest"
"""Under which the settings are kept, by team and channel."""


class ZoneFrom(StrEnum):
    """Whose time zone a digest is on."""

    PERSON = "person"
    """Of whoever set it, as Slack knows it."""
    NOBODY = "nobody"
    """Slack did not say: UTC."""
    NAMED = "named"
    """It was named."""


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
    person: str = ""
    """Who set it; empty in rows of earlier versions."""
    zone_from: ZoneFrom = ZoneFrom.NAMED

    @property
    def name(self) -> str:
        return f"{self.team}/{self.channel}"

    @property
    def place(self) -> Place:
        """Its messages are kept as those of a job that no job is called like."""
        return Place(f"digest-{self.team}-{self.channel}", self.channel)

    def to_json(self) -> dict[str, Any]:
        times = {"next_at": self.next_at.isoformat(), "since": self.since.isoformat()}
        set_by = {"person": self.person, "zone_from": self.zone_from.value}
        return {"rule": self.rule.to_json(), **times, **set_by}

    @classmethod
    def of(cls, name: str, value: dict[str, Any], written_at: datetime) -> Setting:
        team, _, channel = name.partition("/")
        next_at, since = (datetime.fromisoformat(value[key]) for key in ("next_at", "since"))
        return cls(
            team, channel, Rule.of_json(value["rule"]), next_at, since, written_at,
            value.get("person", ""), ZoneFrom(value.get("zone_from", ZoneFrom.NAMED)),
        )  # fmt: skip


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
    if asked.action == "zone":
        if known is None:
            return _shown(None, now)
        named = replace(known.rule, zone=asked.text)
        return _shown(_begin(ctx, where, named, ZoneFrom.NAMED, known, now), now)
    try:
        rule = digest_rule(asked.text, "", now.date())
    except CommandError as problem:
        return reach.sentence(str(problem))
    zone_from = ZoneFrom.NAMED
    if not rule.zone:
        own = known_zone(wire, where, now)
        zone_from = ZoneFrom.PERSON if own else ZoneFrom.NOBODY
        rule = replace(rule, zone=own or "UTC")
    return _shown(_begin(ctx, where, rule, zone_from, known, now), now)


def setting_of(ctx: Context, where: Where) -> Setting | None:
    name = f"{where.team}/{where.channel}"
    found = ctx.shelf.recall(SCOPE, name)
    return None if found is None else Setting.of(name, *found)


def _begin(
    ctx: Context, where: Where, rule: Rule, zone_from: ZoneFrom, known: Setting | None, now: datetime
) -> Setting:
    """The first one tells of a whole day or week; one that is changed goes on where it was."""
    next_at = rule.next_after(now)
    assert next_at is not None, "a digest has no last day"
    since = known.since if known else next_at - length(rule)
    made = Setting(where.team, where.channel, rule, next_at, since, now, where.person, zone_from)
    ctx.shelf.remember(SCOPE, made.name, made.to_json(), now)
    return made


def length(rule: Rule) -> timedelta:
    """What it tells of, as a rule."""
    return timedelta(days=1 if rule.kind is Kind.DAILY else 7)


def _shown(setting: Setting | None, now: datetime) -> Message:
    if setting is None:
        return reach.sentence(
            "This channel gets no digest; “digest weekly mon 09:00” or “digest daily” begins one."
        )
    said = f"This channel gets a digest {setting.rule.said()}, unless nothing has happened."
    body = [b.words(said), b.context(_zone_line(setting)), b.context(f"Next {w.when(setting.next_at, now)}.")]
    return b.message(b.escaped(said), body)


def _zone_line(setting: Setting) -> str:
    """On whose clock it comes, and how to take another."""
    zone, who = b.escaped(setting.rule.zone), b.person(setting.person)
    match setting.zone_from:
        case ZoneFrom.PERSON:
            why = f"Times and days are those of {zone}, the time zone of {who}, who set it."
        case ZoneFrom.NOBODY:
            why = f"Times and days are UTC: Slack does not say which time zone {who}, who set it, is in."
        case ZoneFrom.NAMED:
            why = f"Times and days are those of {zone}."
    return f"{why} `/imgbatch digest zone Europe/Paris` takes another time zone."
