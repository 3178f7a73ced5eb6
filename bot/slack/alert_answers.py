"""What people do about an incident: look after it, or hear no more of it for a while. Written down at the
click, done by the inbox tick.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.runtime import Context
from bot.slack.alert_card import DAY, HOUR, JOB, UNMUTE
from bot.slack.reach import Where
from bot.slack.telling import Desk
from bot.slack.verbs import Objection
from bot.watch.alerts import subject
from storage.notices import JOB_SCOPE
from storage.records import InboxEntry, Incident, Mute

KIND = "alert"
"""Kind of the inbox entries."""

LASTS = {HOUR: timedelta(hours=1), DAY: timedelta(hours=24)}

GONE = "That alert is not known any more; nothing was changed."


def receive(ctx: Context, key: str, does: str, where: Where, click: str, now: datetime) -> bool:
    """Write down what was pressed: nothing (acknowledge), or what the menu for muting says. False if this
    click is known.
    """
    payload = {"incident": key, "does": does, "where": where.to_json()}
    return ctx.mail.receive(f"alert:{click}:{where.person}", KIND, payload, now)


def work(desk: Desk, entry: InboxEntry) -> str:
    """Do it, and say so in a sentence. Raises Objection for one who came second."""
    given, where = entry.payload, Where.of(entry.payload["where"])
    incident = desk.ctx.notices.incident(given["incident"])
    if incident is None:
        raise Objection(GONE)
    if not given["does"]:
        return _acknowledge(desk.ctx, incident, where.person, entry.received_at)
    return _mute(desk.ctx, incident, given["does"], where.person, entry.received_at)


def _acknowledge(ctx: Context, incident: Incident, person: str, at: datetime) -> str:
    if ctx.notices.acknowledge(incident.key, person, at):
        return f"{incident.key} is acknowledged"
    now = ctx.notices.incident(incident.key) or incident
    if now.acknowledged_by == person:
        return "it was acknowledged before"
    raise Objection("Somebody else looks after it already; the alert says who, and since when.")


def _mute(ctx: Context, incident: Incident, does: str, person: str, at: datetime) -> str:
    about, job = subject(incident.key), f"{JOB_SCOPE}{incident.job_id}"
    if does == UNMUTE:
        ctx.notices.unmute(about)
        if incident.job_id is not None:
            ctx.notices.unmute(job)
        return f"{about} is not muted any more"
    if does == JOB and incident.job_id is not None:
        ctx.notices.mute(Mute(job, person, at))
        return f"{job} is muted"
    if does not in LASTS:
        raise Objection(GONE)
    ctx.notices.mute(Mute(about, person, at, at + LASTS[does]))
    return f"{about} is muted for {does}"
