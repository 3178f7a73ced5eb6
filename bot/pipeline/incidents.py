"""Incidents in the data store: opened once, kept up to date while they last, closed when they are over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.runtime import Context
from bot.watch.alerts import Alert, subject
from storage.records import Incident

REFRESH = timedelta(minutes=1)
"""What an open incident says is changed this often at most: its numbers move with every look."""

Open = Mapping[str, Incident]
"""The open incidents by key."""


def open_incidents(ctx: Context) -> Open:
    return {incident.key: incident for incident in ctx.notices.incidents(open_only=True)}


def told(alert_key: str, known: Open) -> Incident | None:
    """The open incident that is about this already."""
    if alert_key in known:
        return known[alert_key]
    return next((incident for key, incident in known.items() if subject(key) == alert_key), None)


def due(incident: Incident | None, now: datetime, ended: datetime | None = None) -> bool:
    """Whether what is said is to be said anew: nothing is, it was a while ago, or it was before the end."""
    if incident is None:
        return True
    said = incident.changed_at or incident.opened_at
    return now - said >= REFRESH or (ended is not None and said < ended)


def keep(
    ctx: Context,
    found: Iterable[Alert],
    known: Open,
    now: datetime,
    job_id: str | None = None,
    *,
    ended: datetime | None = None,
) -> int:
    """Open what is news, bring up to date what is known; how many were opened.

    `ended`: when what they are about came to its end: the last words are written at once.
    """
    opened = 0
    for alert in found:
        before = told(alert.key, known)
        if before is not None:
            _bring_up_to_date(ctx, before, alert, now, ended)
            continue
        chart = alert.chart.to_json() if alert.chart is not None else None
        key = f"{alert.key}@{now:%Y%m%dT%H%M%S}" if alert.again else alert.key
        opened += ctx.notices.open_incident(
            Incident(
                key=key, rule=alert.rule.value, opened_at=now, job_id=job_id, chart=chart, **_words(alert)
            )
        )
    return opened


def close_others(ctx: Context, mine: Collection[Incident], found: Iterable[Alert], now: datetime) -> int:
    """Close those that were looked at and not found; how many."""
    still = {alert.key for alert in found}
    over = [one for one in mine if one.key not in still and subject(one.key) not in still]
    return sum(ctx.notices.close_incident(one.key, now) for one in over)


def _bring_up_to_date(
    ctx: Context, before: Incident, alert: Alert, now: datetime, ended: datetime | None
) -> None:
    if due(before, now, ended):
        words = _words(alert)
        if before.chart is None and alert.chart is not None:
            words["chart"] = alert.chart.to_json()
        same = all(getattr(before, name) == value for name, value in words.items())
        if not same or due(before, before.opened_at, ended):
            ctx.notices.change_incident(before.key, now, **words)


def _words(alert: Alert) -> dict[str, Any]:
    return {
        "severity": alert.severity.value,
        "headline": alert.headline,
        "details": list(alert.details),
        "advice": "\n".join(alert.what_to_do),
    }
