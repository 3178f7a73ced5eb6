"""Incidents, told once each: in the job's thread, and in the operators' channel where there is one."""

from __future__ import annotations

from dataclasses import replace

from bot.slack import blocks as b
from bot.slack.blocks import Block, Message
from bot.slack.telling import Desk, Fate, Place, channel_lost, tell
from bot.watch.alerts import Severity
from storage.records import Incident
from storage.states import LIVING_JOBS

OPERATORS = "operators"
"""Stands in for the job's id where an alert is told in the operators' channel: no job is called so."""


def tell_alerts(desk: Desk, done: set[str], channel: str | None) -> None:
    """Tell what is news; `done` keeps what needs no more looking at in this process."""
    incidents = [found for found in desk.ctx.notices.incidents() if _mark(found) not in done]
    if not incidents:
        return
    told_above = desk.ctx.mail.announcements(OPERATORS) if channel else {}
    for incident in incidents:
        fates = []
        for place in _threads(desk, incident):
            kind = f"incident:{incident.key}"
            known = desk.ctx.mail.announcements(place.job_id)
            told = known.get(kind)
            if channel_lost(known):
                continue
            if told is not None or incident.closed_at is None:
                fates.append(tell(desk, place, kind, _message(incident), told))
        if channel is not None:
            kind = f"alert:{incident.key}"
            told = told_above.get(kind)
            if told is not None or incident.closed_at is None:
                fates.append(tell(desk, Place(OPERATORS, channel), kind, _message(incident), told))
        if Fate.WAITS not in fates and _complete(desk, incident):
            done.add(_mark(incident))


def _mark(incident: Incident) -> str:
    return f"{incident.key} {'over' if incident.closed_at else 'open'}"


def _complete(desk: Desk, incident: Incident) -> bool:
    """A job's incident waits for its thread; a provider's concerns jobs that are yet to come."""
    if incident.job_id is None:
        return incident.closed_at is not None
    thread = desk.ctx.mail.thread(incident.job_id)
    return thread is None or thread.ts is not None


def _threads(desk: Desk, incident: Incident) -> list[Place]:
    """The job's own thread; for a provider's incident those of the running jobs that use it."""
    jobs = [incident.job_id] if incident.job_id else []
    if incident.job_id is None:
        provider = incident.key.partition(":")[2].partition("@")[0]
        running = desk.ctx.queries.jobs(LIVING_JOBS)
        jobs = [job.id for job in running if job.provider == provider]
    threads = [desk.ctx.mail.thread(job_id) for job_id in jobs]
    return [Place(t.job_id, t.channel, t.ts) for t in threads if t is not None and t.ts is not None]


def _message(incident: Incident) -> Message:
    if incident.closed_at is not None:
        incident = replace(incident, advice="", details=())
    mark = "Over" if incident.closed_at else _SEVERITY.get(incident.severity, "Alert")
    icon = ":white_check_mark:" if incident.closed_at else ":rotating_light:"
    body: list[Block] = [b.section(f"{icon} *{mark}*"), b.words(incident.headline)]
    if incident.details:
        body.append(b.words("\n".join(f"• {line}" for line in incident.details)))
    if incident.advice:
        body.append(b.words(f"What to do: {incident.advice}"))
    return b.message(f"{mark}: {b.escaped(incident.headline, 1000)}", body)


_SEVERITY = {Severity.CRITICAL.value: "Alert", Severity.WARNING.value: "Warning"}
