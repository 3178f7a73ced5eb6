"""`results.csv` as a file in a job's thread, shared once."""

from __future__ import annotations

import io

from bot.pipeline.export import write_results
from bot.runtime import Context
from bot.slack import files
from bot.slack.files import Upload
from bot.slack.telling import Desk, Fate, Place, failed, rest
from bot.slack.wire import SlackTrouble, Unfit
from storage.records import Announcement, AnnouncementState, Job

COMMENT = "results.csv: every row of your sheet, what became of it, and the name of its file."


def tell_results(desk: Desk, place: Place, job: Job, stamp: str, told: Announcement | None) -> Fate:
    """Share the file in the thread. Slack gives no ts for it; the file itself says whether it is shared."""
    if told is not None and told.state is not AnnouncementState.POSTING:
        return Fate.SAID if told.state is AnnouncementState.POSTED else Fate.DEAD
    mail, kind, key = desk.ctx.mail, f"results-{stamp}", f"{job.id}/gallery/results-{stamp}.csv"
    if told is None:
        file_id = _sent(desk, job, key)
        posting = AnnouncementState.POSTING
        told = Announcement(job.id, kind, place.channel, posting, desk.now, place.thread_ts)
        if not mail.announcing(told):
            return Fate.WAITS
        return _share(desk, told, file_id)
    if desk.now < told.at + rest(told):
        return Fate.WAITS
    file_id = mail.uploads(job.id)[key]
    try:
        shared = _is_shared(desk, file_id)
    except SlackTrouble as problem:
        return failed(desk, told, problem)
    if shared:
        mail.announced(told, desk.now, ts=None, digest=kind)
        return Fate.SAID
    return _share(desk, told, file_id)


def _sent(desk: Desk, job: Job, key: str) -> str:
    """The id of the file at Slack; its bytes are there, it is not shared. Raises SlackTrouble."""
    known = desk.ctx.mail.uploads(job.id).get(key)
    if known is not None:
        return known
    _write(desk.ctx, job, key)
    file_id = files.send_bytes(desk.ctx, desk.wire, Upload(key, "results.csv", "results.csv"), desk.now)
    desk.ctx.mail.uploaded(job.id, key, file_id, desk.now)
    return file_id


def _write(ctx: Context, job: Job, key: str) -> None:
    with ctx.blobs.writing(key) as raw:
        # The mark at the beginning tells Excel that it is UTF-8.
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="", write_through=True)
        write_results(ctx, job, text)
        text.detach()


def _share(desk: Desk, told: Announcement, file_id: str) -> Fate:
    try:
        desk.wire.call(
            "files.completeUploadExternal",
            desk.now,
            files=[{"id": file_id, "title": "results.csv"}],
            channel_id=told.channel,
            thread_ts=told.thread_ts,
            initial_comment=COMMENT,
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
