"""Who may do what: one question, asked before every verb and answered in one sentence for people.

Two gates. `not_admitted` stands before everything, in the app's filter and before work on the inbox: guests,
people of other companies and channels that are not on the list. `refusal` stands before each verb and knows
the roles. Names of groups and people come from Slack (`people`); where Slack does not say who somebody is,
nothing is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from bot.policy import Roles
from bot.runtime import Context
from bot.slack.people import RECHECK, Directory, Group, directory_of
from bot.slack.reach import Where
from bot.slack.wire import SlackTrouble, Wire
from bot.watch.words import listed


class Right(StrEnum):
    """What a person may be allowed to do."""

    START = "start"
    """Make, start, pause, cancel and retry jobs, within the spending limit."""
    SPEND = "spend"
    """Agree to a job above the spending limit."""
    APPROVE = "approve"
    """Review pictures and samples."""
    ADMIN = "admin"
    """Presets, schedules of others, and everything else."""


DOES = {
    Right.START: "start or change batches",
    Right.SPEND: "agree to spending above the limit",
    Right.APPROVE: "review pictures here",
    Right.ADMIN: "change budgets, digests, presets and what belongs to others",
}

ELSEWHERE = (
    "I work only in certain channels, and this is not one of them; whoever set imgbatch up can add it "
    "(IMGBATCH_CHANNELS)."
)
UNKNOWN = "Slack does not say who you are at the moment; please try again in a minute."
NO_SCOPE = (
    "I may not ask Slack who you are, so I cannot let you in: whoever set imgbatch up must install the app "
    "again with the scopes users:read and usergroups:read."
)


def not_admitted(ctx: Context, wire: Wire, where: Where, now: datetime) -> str | None:
    """Why this person may not use the program here at all; None when they may."""
    roles = ctx.policy.roles
    listed_here = not roles.channels or where.channel in roles.channels
    if where.channel and not listed_here and not where.channel.startswith("D"):
        return ELSEWHERE
    try:
        person = directory_of(wire).person(wire, where.person, where.team, now)
    except SlackTrouble as problem:
        return _unknown(problem)
    if person.member or (person.guest and roles.guests):
        return None
    if person.guest:
        return "Guests cannot use imgbatch; ask a member of this workspace to do it for you."
    return "Only members of this workspace can use imgbatch."


def refusal(ctx: Context, wire: Wire, right: Right, where: Where, now: datetime) -> str | None:
    """Why this person may not do this here, as a sentence that says who may; None when they may."""
    outside = not_admitted(ctx, wire, where, now)
    if outside is not None:
        return outside
    who = may(ctx, right, where)
    if not who or where.person in who:
        return None
    directory = directory_of(wire)
    try:
        groups = directory.groups(wire, now)
        if _among(where.person, who, groups.values()):
            return None
        groups = directory.groups(wire, now, RECHECK)  # perhaps joined a moment ago
        if _among(where.person, who, groups.values()):
            return None
        names = [_name(directory, wire, entry, where.team, now) for entry in who]
    except SlackTrouble as problem:
        return _unknown(problem)
    return f"Only {listed(names)} may {DOES[right]}; please ask them."


def may(ctx: Context, right: Right, where: Where) -> tuple[str, ...]:
    """The groups and people who have a right here; empty: every member has it."""
    roles: Roles = ctx.policy.roles
    named = {
        Right.START: roles.starters,
        Right.SPEND: roles.spenders,
        Right.APPROVE: _approvers(ctx, where) or roles.approvers,
        Right.ADMIN: roles.admins,
    }[right]
    return tuple(dict.fromkeys((*named, *roles.admins))) if named else ()


def _approvers(ctx: Context, where: Where) -> tuple[str, ...]:
    """Those that the channel's own preset names."""
    preset = ctx.shelf.preset(where.team, where.channel) if where.channel else None
    named = preset.body.get("approvers") if preset else None
    return tuple(str(name) for name in named) if isinstance(named, list | tuple) else ()


def _among(person: str, who: Iterable[str], groups: Iterable[Group]) -> bool:
    wanted = set(who)
    return any(
        person in group.people for group in groups if group.id in wanted or f"@{group.handle}" in wanted
    )


def _name(directory: Directory, wire: Wire, entry: str, team: str, now: datetime) -> str:
    if entry.startswith("@"):
        return f"members of {entry}"
    if entry.startswith("S"):
        group = directory.groups(wire, now).get(entry)
        return f"members of @{group.handle}" if group else f"members of the group {entry}"
    return directory.person(wire, entry, team, now).name


def _unknown(problem: SlackTrouble) -> str:
    return NO_SCOPE if "missing_scope" in str(problem) else UNKNOWN
