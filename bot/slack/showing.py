"""A message with pictures: they are made, uploaded, processed by Slack, and then it is posted."""

from __future__ import annotations

from bot.slack import files, gallery, keeping
from bot.slack.gallery import Part
from bot.slack.telling import TRIES, Desk, Fate, Place, tell
from storage.records import Announcement, Job


def show(
    desk: Desk, place: Place, job: Job, part: Part, told: Announcement | None, *, kept: bool = False
) -> Fate:
    """A step on the way of this message; several ticks may be needed. `kept`: what it says is kept, so that
    its buttons can be taken off later. Raises SlackTrouble.
    """
    refused = told is not None and "slack file" in told.note
    said = part.without_pictures()
    if not refused or told is None or told.tries < TRIES - 1:
        send_ahead(desk, job, part)
        if refused:
            # Slack said it is processed and then did not take it: ask again.
            desk.wire.ready -= set(desk.ctx.mail.uploads(job.id).values())
        ids = files.ready(desk.ctx, desk.wire, job.id, part.keys, desk.now)
        if ids is None:
            return Fate.WAITS
        said = part.message(ids)
    if kept:
        keeping.keep(desk.ctx, job.id, part.kind, said)
    return tell(desk, place, part.kind, said, told)


def send_ahead(desk: Desk, job: Job, part: Part) -> None:
    """Make and upload the pictures of a part, as many as go at once. Raises SlackTrouble."""
    gallery.prepare(desk.ctx, job, part)
    uploads = [shot.upload for shot in part.shots]
    files.upload(desk.ctx, desk.wire, job.id, uploads, desk.now)
