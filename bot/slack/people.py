"""Who somebody is, and who is in which user group: asked of Slack, remembered for a few minutes."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.intake.rule import check_zone
from bot.slack.reach import Where
from bot.slack.wire import Gone, SlackTrouble, Unfit, Wire

FRESH = timedelta(minutes=5)
"""How long an answer of Slack's holds. Somebody who is sent away is told so at the latest then."""

RECHECK = timedelta(seconds=10)
"""Before a person is refused for not being in a group, groups older than this are read again."""


@dataclass(frozen=True, slots=True)
class Person:
    """What matters of a member for their rights."""

    id: str
    name: str
    member: bool
    """Of this workspace, with a full account: neither a guest, nor of another company, nor sent away."""
    guest: bool
    zone: str = ""
    """Time zone, by its IANA name; empty where Slack does not say."""


@dataclass(frozen=True, slots=True)
class Group:
    """A user group."""

    id: str
    handle: str
    people: frozenset[str]


@dataclass
class Directory:
    """The people and groups of the workspace that a client belongs to."""

    _people: dict[str, tuple[Person, datetime]] = field(default_factory=dict)
    _groups: tuple[Mapping[str, Group], datetime] | None = None

    def person(self, wire: Wire, user: str, team: str, now: datetime) -> Person:
        """Raises SlackTrouble when Slack does not say and never has."""
        known = self._people.get(user)
        if known is not None and now - known[1] < FRESH:
            return known[0]
        try:
            said = wire.call("users.info", now, paced=False, user=user)["user"]
        except (Gone, Unfit):
            return Person(user, "somebody", member=False, guest=False)  # of another company, or no more
        guest = bool(said.get("is_restricted") or said.get("is_ultra_restricted"))
        home = said.get("team_id")
        elsewhere = bool(home and team and home != team and not said.get("enterprise_user"))
        stranger = elsewhere or any(said.get(sign) for sign in ("is_stranger", "deleted", "is_bot"))
        profile = said.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or said.get("name") or user
        person = Person(
            user,
            str(name),
            member=not guest and not stranger,
            guest=guest,
            zone=str(said.get("tz") or ""),
        )
        self._people[user] = (person, now)
        return person

    def groups(self, wire: Wire, now: datetime, most_age: timedelta = FRESH) -> Mapping[str, Group]:
        """User groups by id. Raises SlackTrouble when Slack does not say."""
        if self._groups is not None and now - self._groups[1] < most_age:
            return self._groups[0]
        said = wire.call("usergroups.list", now, paced=False, include_users=True)
        groups = {
            str(group["id"]): Group(
                str(group["id"]), str(group.get("handle") or ""), frozenset(group.get("users") or ())
            )
            for group in said.get("usergroups") or ()
            if not group.get("date_delete")
        }
        self._groups = (groups, now)
        return groups


_DIRECTORIES: weakref.WeakKeyDictionary[Wire, Directory] = weakref.WeakKeyDictionary()


def directory_of(wire: Wire) -> Directory:
    """The one directory of this wire."""
    return _DIRECTORIES.setdefault(wire, Directory())


def zone_for(wire: Wire, where: Where, now: datetime) -> str:
    """The person's own time zone as Slack knows it; UTC where it does not say."""
    return known_zone(wire, where, now) or "UTC"


def known_zone(wire: Wire, where: Where, now: datetime) -> str | None:
    """The same; None where Slack does not say."""
    try:
        return check_zone(directory_of(wire).person(wire, where.person, where.team, now).zone)
    except (SlackTrouble, ValueError):
        return None
