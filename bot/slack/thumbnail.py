"""The newest picture of a running job for its card: a small JPEG, made on the renderers and uploaded now and
then. Nothing waits for it: a card without it says the same.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.slack import files
from bot.slack.gallery import Shot
from bot.slack.previews import picture_shot
from bot.slack.progress_card import Newest
from bot.slack.telling import Desk
from bot.slack.wire import SlackTrouble
from storage.records import Job

EVERY = timedelta(minutes=1)
"""Shortest time between two of one job's."""

SHARE = timedelta(seconds=3)
"""So much longer with each running job, so that galleries have the most of Slack's upload pace."""


@dataclass
class _Coming:
    """A picture on its way."""

    shot: Shot
    at: datetime
    made: Future[None]
    shown: bool = False


@dataclass
class Thumbnails:
    """What this process has shown of each job; after a restart it begins with the newest."""

    _shown: dict[str, Newest] = field(default_factory=dict)
    _coming: dict[str, _Coming] = field(default_factory=dict)

    def newest(self, desk: Desk, job: Job, running: int) -> Newest | None:
        """The newest picture that Slack has; a newer one is sent for when it is time."""
        coming = self._coming.get(job.id)
        if coming is None or desk.now - coming.at >= max(EVERY, running * SHARE):
            self._send_for(desk, job, coming)
        elif not coming.shown and coming.made.done() and coming.made.exception() is None:
            self._finish(desk, job, coming)
        return self._shown.get(job.id)

    def forget(self, job_id: str) -> None:
        self._shown.pop(job_id, None)
        self._coming.pop(job_id, None)

    def _send_for(self, desk: Desk, job: Job, before: _Coming | None) -> None:
        item = desk.ctx.queries.newest_picture(job.id)
        if item is None:
            return
        shot = picture_shot(job, item)
        if before is not None and before.shot.upload.key == shot.upload.key:
            before.at = desk.now
        else:
            made = desk.ctx.renderers.submit(shot.make, desk.ctx.blobs)
            self._coming[job.id] = _Coming(shot, desk.now, made)

    def _finish(self, desk: Desk, job: Job, coming: _Coming) -> None:
        upload = coming.shot.upload
        try:
            files.upload(desk.ctx, desk.wire, job.id, [upload], desk.now)
            ids = files.ready(desk.ctx, desk.wire, job.id, [upload.key], desk.now)
        except SlackTrouble:
            return  # another tick
        if ids is not None:
            coming.shown = True
            self._shown[job.id] = Newest(ids[upload.key], coming.shot.alt, f"Newest: {coming.shot.title}")
