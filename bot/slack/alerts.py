"""Incidents, told once each: in the threads they are about, and in the operators' channel where there is one.

One message for each place, edited as the incident goes on. What it says: `alert_card`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from bot.slack import files
from bot.slack.alert_card import Standing, draw, message
from bot.slack.files import Upload
from bot.slack.telling import Desk, Fate, Place, channel_lost, tell
from bot.slack.wire import SlackTrouble
from bot.watch.alerts import Rule, subject
from storage.notices import JOB_SCOPE
from storage.records import Announcement, Incident, Mute
from storage.states import LIVING_JOBS, JobState

OPERATORS = "operators"
"""Stands in for the job's id where an alert is told in the operators' channel: no job is called so."""

LOOKED_AT = timedelta(days=7)
"""An incident that was closed longer ago is not looked at any more."""

WITHOUT_PICTURE = 3
"""A message that Slack refused so often goes without its chart."""


def tell_alerts(desk: Desk, done: dict[str, str], channel: str | None) -> None:
    """Tell what is news; `done` keeps what needs no more looking at in this process."""
    mutes = desk.ctx.notices.mutes(desk.now)
    found = desk.ctx.notices.incidents(since=desk.now - LOOKED_AT)
    news = [one for one in found if done.get(one.key) != _mark(one, _muted(one, mutes))]
    if not news:
        return
    told_above = desk.ctx.mail.announcements(OPERATORS) if channel else {}
    for incident in news:
        mute = _muted(incident, mutes)
        fates = [
            _tell(desk, place, f"incident:{incident.key}", incident, mute, known)
            for place in _threads(desk, incident)
            if not channel_lost(known := desk.ctx.mail.announcements(place.job_id))
        ]
        if channel is not None:
            place = Place(OPERATORS, channel)
            fates.append(_tell(desk, place, f"alert:{incident.key}", incident, mute, told_above))
        done.pop(incident.key, None)
        if Fate.WAITS not in fates and mute is None and _complete(desk, incident):
            done[incident.key] = _mark(incident, mute)


def _tell(
    desk: Desk,
    place: Place,
    kind: str,
    incident: Incident,
    mute: Mute | None,
    known: Mapping[str, Announcement],
) -> Fate:
    """What was never told is not told when it is over or muted; what was told is brought up to date."""
    told = known.get(kind)
    if told is None and (incident.closed_at is not None or mute is not None):
        return Fate.SAID
    picture, drawn = _picture(desk, place, incident, told)
    fate = tell(desk, place, kind, message(incident, _standing(desk, incident, mute), picture), told)
    return fate if drawn else Fate.WAITS


def _standing(desk: Desk, incident: Incident, mute: Mute | None) -> Standing:
    job = desk.ctx.queries.job(incident.job_id) if incident.job_id else None
    running = job is not None and job.state is JobState.RUNNING
    return Standing(job, mute, desk.now, can_pause=running, page=desk.ctx.policy.rules.page)


def _picture(
    desk: Desk, place: Place, incident: Incident, told: Announcement | None
) -> tuple[str | None, bool]:
    """The file of its chart at Slack, and whether nothing more is to be waited for. The words do not wait."""
    given_up = told is not None and told.tries >= WITHOUT_PICTURE
    if incident.chart is None or given_up or incident.closed_at is not None:
        return None, True
    name = hashlib.sha256(incident.key.encode()).hexdigest()[:16]
    key = f"{place.job_id}/alerts/{name}.png"
    if key not in desk.ctx.mail.uploads(place.job_id):
        desk.ctx.renderers.submit(partial(draw, desk.ctx.blobs, key, incident.chart)).result()
    try:
        wanted = [Upload(key, f"{incident.rule}.png", incident.headline[:100])]
        files.upload(desk.ctx, desk.wire, place.job_id, wanted, desk.now)
        ids = files.ready(desk.ctx, desk.wire, place.job_id, [key], desk.now)
    except SlackTrouble:
        return None, False
    if ids is None:
        return None, False
    desk.ctx.blobs.delete(key)  # it is drawn again should Slack lose it
    return ids[key], True


def _muted(incident: Incident, mutes: Mapping[str, Mute]) -> Mute | None:
    about = mutes.get(subject(incident.key))
    return about or (mutes.get(f"{JOB_SCOPE}{incident.job_id}") if incident.job_id else None)


def _mark(incident: Incident, mute: Mute | None) -> str:
    times: list[datetime | None] = [incident.closed_at, incident.changed_at, incident.acknowledged_at]
    return " ".join([*map(str, times), str(mute)])


def _complete(desk: Desk, incident: Incident) -> bool:
    """A job's incident waits for its thread; a provider's concerns jobs that are yet to come."""
    if incident.job_id is None:
        return incident.closed_at is not None
    job, thread = desk.ctx.queries.job(incident.job_id), desk.ctx.mail.thread(incident.job_id)
    # The Pause button comes and goes with the job.
    going = incident.closed_at is None and job is not None and job.state in LIVING_JOBS
    return not going and (thread is None or thread.ts is not None)


def _threads(desk: Desk, incident: Incident) -> list[Place]:
    """The job's own thread; for one about a provider or a price those of the running jobs that use it."""
    jobs = [incident.job_id] if incident.job_id else []
    if incident.job_id is None and incident.rule in (Rule.PROVIDER_PAUSED, Rule.COST_DRIFT):
        way = subject(incident.key).partition(":")[2].split("/", 1)
        running = desk.ctx.queries.jobs(LIVING_JOBS)
        jobs = [
            job.id
            for job in running
            if job.provider == way[0] and (len(way) == 1 or f"{job.model}/{job.lane}" == way[1])
        ]
    threads = [desk.ctx.mail.thread(job_id) for job_id in jobs]
    return [Place(t.job_id, t.channel, t.ts) for t in threads if t is not None and t.ts is not None]
