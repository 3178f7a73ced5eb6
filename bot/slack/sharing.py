"""A file shared in a job's thread, once: written down before it is shared, and looked for after a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from bot.slack import files
from bot.slack.files import Upload
from bot.slack.telling import Desk, Fate, Place, failed, rest
from bot.slack.wire import SlackTrouble, Unfit
from storage.records import Announcement, AnnouncementState


@dataclass(frozen=True, slots=True)
class Shared:
    """A file to be shared."""

    kind: str
    """Of its announcement."""
    key: str
    """Of its blob."""
    name: str
    comment: str
    write: Callable[[BinaryIO], object] | None = None
    """Makes the blob where it is not there yet."""


def share(desk: Desk, place: Place, file: Shared, told: Announcement | None) -> Fate:
    """Share it in the thread. Slack gives no ts for it; the file itself says whether it is shared."""
    if told is not None and told.state is not AnnouncementState.POSTING:
        return Fate.SAID if told.state is AnnouncementState.POSTED else Fate.DEAD
    mail = desk.ctx.mail
    if told is None:
        file_id = _sent(desk, place.job_id, file)
        posting = AnnouncementState.POSTING
        told = Announcement(place.job_id, file.kind, place.channel, posting, desk.now, place.thread_ts)
        if not mail.announcing(told):
            return Fate.WAITS
        return _complete(desk, told, file, file_id)
    if desk.now < told.at + rest(told):
        return Fate.WAITS
    known = mail.uploads(place.job_id).get(file.key)
    if known is None:
        mail.announcement_dead(told, desk.now, "the file was deleted before it was seen to be shared")
        return Fate.DEAD
    try:
        shared = _is_shared(desk, known)
    except SlackTrouble as problem:
        return failed(desk, told, problem)
    if shared:
        mail.announced(told, desk.now, ts=None, digest=file.kind)
        return Fate.SAID
    return _complete(desk, told, file, known)


def _sent(desk: Desk, job_id: str, file: Shared) -> str:
    """The id of the file at Slack; its bytes are there, it is not shared. Raises SlackTrouble."""
    known = desk.ctx.mail.uploads(job_id).get(file.key)
    if known is not None:
        return known
    if file.write is not None:
        with desk.ctx.blobs.writing(file.key) as raw:
            file.write(raw)
    file_id = files.send_bytes(desk.ctx, desk.wire, Upload(file.key, file.name, file.name), desk.now)
    desk.ctx.mail.uploaded(job_id, file.key, file_id, desk.now)
    return file_id


def _complete(desk: Desk, told: Announcement, file: Shared, file_id: str) -> Fate:
    try:
        desk.wire.call(
            "files.completeUploadExternal",
            desk.now,
            files=[{"id": file_id, "title": file.name}],
            channel_id=told.channel,
            thread_ts=told.thread_ts,
            initial_comment=file.comment,
        )
    except SlackTrouble as problem:
        return failed(desk, told, problem)
    desk.ctx.mail.announced(told, desk.now, ts=None, digest=told.kind)
    return Fate.SAID


def _is_shared(desk: Desk, file_id: str) -> bool:
    """A file is known to files.info from the moment it was completed, and completing shares it."""
    try:
        desk.wire.call("files.info", desk.now, file=file_id)
    except Unfit:
        return False
    return True
