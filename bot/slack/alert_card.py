"""The message of one incident: what is wrong, what to do, who looks after it. Values in, blocks out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.slack import blocks as b
from bot.slack import cards
from bot.slack import words as w
from bot.slack.blocks import Block, Message
from bot.watch.alert_chart import bars_chart
from bot.watch.alerts import HEADINGS, PAGE, Bars, Rule, Severity
from bot.watch.words import duration
from storage.blobs import Blobs
from storage.records import Incident, Job, Mute

ACKNOWLEDGE, MUTE = "alert_acknowledge", "alert_mute"
"""Action ids."""

HOUR, DAY, JOB, UNMUTE = "1h", "24h", "job", "off"
"""What the menu for muting offers."""

BLOCK = "alert-"
"""Begins the id of the block of buttons; the incident's key follows."""

PAUSABLE = (Rule.SUCCESS_RATE, Rule.REFUSALS)
"""What goes on costing money while nobody acts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known beside the incident."""

    job: Job | None
    mute: Mute | None
    now: datetime
    can_pause: bool = False
    page: str = PAGE
    """Where its rule has a section."""


def message(incident: Incident, standing: Standing, picture: str | None = None) -> Message:
    """One message for the whole life of an incident. `picture`: its chart's file at Slack."""
    if incident.closed_at is not None:
        return _over(incident, standing)
    mark = _SEVERITY.get(incident.severity, "Alert")
    body: list[Block] = [b.section(f":rotating_light: *{mark}*"), b.words(incident.headline)]
    if incident.details:
        body.append(b.words("\n".join(f"• {line}" for line in incident.details)))
    if incident.advice:
        body.append(b.words(f"What to do: {incident.advice}"))
    if picture is not None:
        body.append(b.image(picture, _spoken(incident)))
    body.append(b.context(*_small_print(incident, standing)))
    body.append(b.actions(f"{BLOCK}{incident.key}", *_buttons(incident, standing)))
    return b.message(f"{mark}: {b.escaped(incident.headline, 1000)}", body)


def _over(incident: Incident, standing: Standing) -> Message:
    assert incident.closed_at is not None, "only what is closed is over"
    lasted = duration(incident.closed_at - incident.opened_at)
    body = [
        b.section(f":white_check_mark: *Over* after {lasted}"),
        b.words(incident.headline),
        b.context(*_small_print(incident, standing)),
    ]
    return b.message(f"Over after {lasted}: {b.escaped(incident.headline, 1000)}", body)


def _small_print(incident: Incident, standing: Standing) -> list[str]:
    lines = []
    if incident.acknowledged_by and incident.acknowledged_at:
        at = w.when(incident.acknowledged_at, standing.now)
        lines.append(f"{b.person(incident.acknowledged_by)} looks after it, since {at}")
    mute = standing.mute
    if mute is not None and incident.closed_at is None:
        until = f"until {w.when(mute.until, standing.now)}" if mute.until else "for this batch"
        lines.append(f"Muted by {b.person(mute.person)} {until}: nothing new about it is posted")
    if incident.closed_at is not None:
        lines.append(
            f"From {w.when(incident.opened_at, standing.now)} to {w.when(incident.closed_at, standing.now)}"
        )
    elif incident.rule in list(Rule):
        lines.append(f"More: {_section(standing.page, HEADINGS[Rule(incident.rule)])}")
    return lines


def _section(page: str, heading: str) -> str:
    """Where to read on: a link where the page has an address, else its name."""
    if not page.startswith("https://"):
        return f"`{page}`, “{heading}”"
    return f"<{page}#{heading.lower().replace(' ', '-')}|{heading}>"


def _buttons(incident: Incident, standing: Standing) -> list[Block]:
    found = []
    if standing.can_pause and standing.job is not None and incident.rule in PAUSABLE:
        found.append(b.button("Pause", cards.PAUSE, cards.carried(standing.job)))
    if incident.acknowledged_at is None:
        found.append(b.button("Acknowledge", ACKNOWLEDGE, incident.key))
    offered = [("For 1 hour", HOUR), ("For 24 hours", DAY)]
    if incident.job_id is not None:
        offered.append(("For this batch", JOB))
    if standing.mute is not None:
        offered = [("Unmute", UNMUTE)]
    options = [{"text": b.plain(text, 75), "value": value} for text, value in offered]
    placeholder = b.plain("Muted" if standing.mute else "Mute…", 75)
    menu = {"type": "static_select", "action_id": MUTE, "placeholder": placeholder, "options": options}
    return [*found, menu]


def _spoken(incident: Incident) -> str:
    """The chart in words, for those who cannot see it."""
    assert incident.chart is not None, "nothing is drawn"
    bars = Bars.of(incident.chart)
    named = ", ".join(f"{name} {_figure(figure, bars)}" for name, figure in bars.bars)
    return f"{bars.title}. {bars.subtitle}: {named}."


def _figure(figure: float, bars: Bars) -> str:
    return f"{figure:.0%}" if bars.percent else f"{figure:g}"


def draw(blobs: Blobs, key: str, chart: Mapping[str, Any]) -> None:
    """Make the chart of an incident and keep it. Runs on a renderer."""
    blobs.put(key, bars_chart(Bars.of(chart)))


_SEVERITY = {Severity.CRITICAL.value: "Alert", Severity.WARNING.value: "Warning"}
