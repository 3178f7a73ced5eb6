"""The summary of a job that has ended: its words and its chart, posted together, written once and kept."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta
from functools import partial

from bot.pipeline.attend import facts
from bot.pipeline.similar import summed_up
from bot.slack import files, keeping
from bot.slack.blocks import Block, image
from bot.slack.end_card import summary_message
from bot.slack.files import Upload
from bot.slack.gallery import Part, Shot
from bot.slack.job_card import offers_of
from bot.slack.showing import send_ahead
from bot.slack.telling import Desk, Fate, Place, tell
from bot.slack.wire import SlackTrouble
from bot.watch.facts import JobFacts
from bot.watch.summary_chart import summary_alt, summary_chart
from storage.blobs import Blobs
from storage.records import Announcement, Job

PATIENCE = timedelta(minutes=2)
"""So long the words wait for Slack to have the chart ready; then they go without it."""

NAME = "how-it-went.png"


def tell_summary(
    desk: Desk,
    place: Place,
    job: Job,
    stamp: str,
    told: Announcement | None,
    begun: MutableMapping[str, datetime],
) -> Fate:
    """A step on the way of the summary of this finish. `begun`: since when this process tries, by kind.

    It still says the same when a retry or a review changes the job. Raises SlackTrouble.
    """
    kind = f"summary-{stamp}"
    said = keeping.kept(desk.ctx, job.id, kind)
    if said is None:
        last_try = desk.now - begun.setdefault(kind, desk.now) >= PATIENCE
        if not last_try and _is_on_its_way(desk, job, stamp):
            return Fate.WAITS  # before the sums of a large job are worked out again
        judged = facts(desk.ctx, job)
        try:
            chart, drawn = _chart(desk, job, stamp, judged)
        except SlackTrouble:
            if not last_try:
                raise
            chart, drawn = None, False
        if not drawn and not last_try:
            return Fate.WAITS
        summary = summed_up(desk.ctx, job, judged, desk.now)
        said = summary_message(job, summary, offers_of(desk.ctx, job), chart)
        keeping.keep(desk.ctx, job.id, kind, said)
    said = keeping.acceptable(desk.ctx, job.id, kind, said, told)
    fate = tell(desk, place, kind, said, told, broadcast=True)
    if fate is not Fate.WAITS:
        begun.pop(kind, None)
    return fate


def _key(job: Job, stamp: str) -> str:
    return f"{job.id}/gallery/{stamp}-chart.png"


def _is_on_its_way(desk: Desk, job: Job, stamp: str) -> bool:
    """The chart is uploaded, and Slack is not done with it. Raises SlackTrouble."""
    key = _key(job, stamp)
    if key not in desk.ctx.mail.uploads(job.id):
        return False
    return files.ready(desk.ctx, desk.wire, job.id, [key], desk.now) is None


def _chart(desk: Desk, job: Job, stamp: str, judged: JobFacts) -> tuple[Block | None, bool]:
    """The chart as a block, and whether that is settled; there is none of a job that was cancelled whole."""
    if not judged.tally.settled:
        return None, True
    key = _key(job, stamp)
    alt = summary_alt(judged, desk.now)
    make = partial(_draw, key=key, judged=judged, now=desk.now, target=desk.ctx.policy.rules.success_target)
    part = Part(key, "", [Shot(Upload(key, NAME, "How it went"), alt, "", make)])
    send_ahead(desk, job, part)
    ids = files.ready(desk.ctx, desk.wire, job.id, part.keys, desk.now)
    return (None, False) if ids is None else (image(ids[key], alt), True)


def _draw(blobs: Blobs, *, key: str, judged: JobFacts, now: datetime, target: float) -> None:
    blobs.put(key, summary_chart(judged, now, target=target))
