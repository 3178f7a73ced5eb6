"""What goes between people and the program: what was asked (inbox) and what has been told (announcements).

Both are written before they are acted on, so that a redelivery, a double click or a crash makes nothing
twice. Nothing here knows which messenger it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.reading import Reader
from storage.records import Announcement, AnnouncementState, InboxEntry, InboxState, Thread
from storage.tables import table
from storage.writer import Writer

INBOX, THREAD, ANNOUNCEMENT, UPLOAD, MEMO = (
    table("inbox"),
    table("thread"),
    table("announcement"),
    table("upload"),
    table("memo"),
)


UNWANTED = "unwanted upload"
"""Scope in which blob keys stand whose files at the messenger are to be deleted, however new they are."""


class Mail(Reader):
    """Reads and writes of the inbox, of threads, and of what has been told in them."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        super().__init__(engine)
        self._writer = writer

    # --- inbox -----------------------------------------------------------------------------------

    def receive(self, key: str, kind: str, payload: Mapping[str, Any], at: datetime) -> bool:
        """Write down what was asked, before any work on it. False if this key is known already."""
        values = {"key": key, "kind": kind, "payload": dict(payload), "state": InboxState.NEW.value}
        try:
            with self._writer.transaction() as c:
                c.execute(insert(INBOX).values(**values, tries=0, note="", received_at=at, due_at=at))
        except IntegrityError:
            return False
        return True

    def entry(self, key: str) -> InboxEntry | None:
        """What was written down under this key."""
        return self._one(InboxEntry, select(INBOX).where(INBOX.c.key == key))

    def due_inbox(self, now: datetime, limit: int = 20) -> Sequence[InboxEntry]:
        """What waits to be worked on, oldest first."""
        query = select(INBOX).where(INBOX.c.state == InboxState.NEW, INBOX.c.due_at <= now)
        return self._all(InboxEntry, query.order_by(INBOX.c.id).limit(limit))

    def inbox_done(self, entry: InboxEntry, note: str = "") -> None:
        self._set_inbox(entry, state=InboxState.DONE.value, note=note)

    def inbox_failed(self, entry: InboxEntry, note: str) -> None:
        """It can never work; a person has been told."""
        self._set_inbox(entry, state=InboxState.FAILED.value, note=note)

    def inbox_later(self, entry: InboxEntry, due_at: datetime, note: str) -> None:
        """Something outside was not ready; work on it again then."""
        self._set_inbox(entry, due_at=due_at, note=note, tries=entry.tries + 1)

    def _set_inbox(self, entry: InboxEntry, **values: Any) -> None:
        with self._writer.transaction() as c:
            c.execute(update(INBOX).where(INBOX.c.id == entry.id).values(**values))

    # --- threads ---------------------------------------------------------------------------------

    def open_thread(self, thread: Thread) -> None:
        """Where a job will be told about. Opening it again changes nothing."""
        try:
            with self._writer.transaction() as c:
                values = {name: getattr(thread, name) for name in Thread.__slots__}
                c.execute(insert(THREAD).values(**values))
        except IntegrityError:
            return

    def thread(self, job_id: str) -> Thread | None:
        return self._one(Thread, select(THREAD).where(THREAD.c.job_id == job_id))

    def threads(self) -> Sequence[Thread]:
        return self._all(Thread, select(THREAD))

    def thread_at(self, channel: str, ts: str) -> Thread | None:
        """The job whose thread this is."""
        return self._one(Thread, select(THREAD).where(THREAD.c.channel == channel, THREAD.c.ts == ts))

    def thread_begins(self, job_id: str, ts: str) -> None:
        """The parent message exists: the rest of the job is told below it."""
        with self._writer.transaction() as c:
            c.execute(update(THREAD).where(THREAD.c.job_id == job_id).values(ts=ts))

    # --- announcements ---------------------------------------------------------------------------

    def announcements(self, job_id: str) -> Mapping[str, Announcement]:
        """What has been told of a job, by kind."""
        query = select(ANNOUNCEMENT).where(ANNOUNCEMENT.c.job_id == job_id)
        return {told.kind: told for told in self._all(Announcement, query)}

    def told_at(self, channel: str, ts: str) -> Announcement | None:
        """What was told by this message; None when it is none of ours."""
        query = select(ANNOUNCEMENT).where(ANNOUNCEMENT.c.channel == channel, ANNOUNCEMENT.c.ts == ts)
        return self._one(Announcement, query)

    def announcing(self, announcement: Announcement) -> bool:
        """The intent to post, before the call. False if that was announced (or begun) before."""
        try:
            with self._writer.transaction() as c:
                values = {name: getattr(announcement, name) for name in Announcement.__slots__}
                c.execute(insert(ANNOUNCEMENT).values(**values))
        except IntegrityError:
            return False
        return True

    def announced(self, told: Announcement, at: datetime, *, ts: str | None, digest: str) -> None:
        """It is posted (or updated) and says this now."""
        self._set(told, state=AnnouncementState.POSTED.value, ts=ts, digest=digest, at=at, tries=0)

    def announce_failed(self, told: Announcement, at: datetime, note: str) -> None:
        """It did not work this time; it is tried again while `tries` is small."""
        self._set(told, tries=told.tries + 1, note=note, at=at)

    def announcement_dead(self, told: Announcement, at: datetime, note: str) -> None:
        """The message or channel is gone: never touched again."""
        self._set(told, state=AnnouncementState.DEAD.value, note=note, at=at)

    def _set(self, told: Announcement, **values: Any) -> None:
        mine = (ANNOUNCEMENT.c.job_id == told.job_id, ANNOUNCEMENT.c.kind == told.kind)
        with self._writer.transaction() as c:
            c.execute(update(ANNOUNCEMENT).where(*mine).values(**values))

    # --- uploads ---------------------------------------------------------------------------------

    def uploaded(self, job_id: str, blob_key: str, file_id: str, at: datetime) -> None:
        """This blob is at the messenger under that id, or about to be."""
        with self._writer.transaction() as c:
            c.execute(delete(UPLOAD).where(UPLOAD.c.blob_key == blob_key))
            c.execute(insert(UPLOAD).values(blob_key=blob_key, job_id=job_id, file_id=file_id, at=at))

    def uploads(self, job_id: str) -> Mapping[str, str]:
        """File ids by blob key."""
        query = select(UPLOAD.c.blob_key, UPLOAD.c.file_id).where(UPLOAD.c.job_id == job_id)
        with self._reading() as c:
            return {row.blob_key: row.file_id for row in c.execute(query)}

    def drop_upload(self, blob_key: str) -> None:
        """It is not at the messenger any more."""
        with self._writer.transaction() as c:
            c.execute(delete(UPLOAD).where(UPLOAD.c.blob_key == blob_key))
            c.execute(delete(MEMO).where(MEMO.c.scope == UNWANTED, MEMO.c.name == blob_key))

    def upload_of(self, file_id: str) -> tuple[str, str] | None:
        """The job and the blob behind a file at the messenger."""
        with self._reading() as c:
            row = c.execute(
                select(UPLOAD.c.job_id, UPLOAD.c.blob_key).where(UPLOAD.c.file_id == file_id)
            ).first()
        return None if row is None else (row.job_id, row.blob_key)
