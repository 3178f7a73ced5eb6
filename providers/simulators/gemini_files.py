"""The simulated Gemini's file store: resumable uploads, expiry, and files nobody may see any more."""

from __future__ import annotations

import base64
import hashlib
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.simulators.gemini_errors import Refused, invalid, no_such_file

UPLOAD_LIFE_SECONDS = 48 * 3_600
RESULT_LIFE_SECONDS = 42 * 24 * 3_600
"""Results are said to stay six weeks."""
MAX_FILE_BYTES = 2_000_000_000
GRANULE = 256 * 1024
"""Pieces of an upload are multiples of this, but for the last."""


def timestamp(seconds: float) -> str:
    """RFC 3339 with microseconds, as the service writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class StoredFile:
    """One file and what is known of it."""

    name: str
    path: Path
    display_name: str
    mime_type: str
    created_at: float
    ready_at: float
    expires_at: float
    generated: bool
    sha256: str

    def as_json(self, base_url: str, now: float) -> dict[str, Any]:
        file: dict[str, Any] = {
            "name": self.name,
            "displayName": self.display_name,
            "mimeType": self.mime_type,
            "sizeBytes": str(self.path.stat().st_size),
            "createTime": timestamp(self.created_at),
            "updateTime": timestamp(self.created_at),
            "expirationTime": timestamp(self.expires_at),
            "sha256Hash": self.sha256,
            "uri": f"{base_url}/v1beta/{self.name}",
            "state": "ACTIVE" if now >= self.ready_at else "PROCESSING",
            "source": "GENERATED" if self.generated else "UPLOADED",
        }
        if self.generated:
            file["downloadUri"] = f"{base_url}/v1beta/{self.name}:download?alt=media"
        return file


@dataclass
class Upload:
    """One resumable upload."""

    path: Path
    display_name: str
    mime_type: str
    size: int | None
    received: int = 0
    file: StoredFile | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Shelf:
    """The files of the project. A file past its time is not there, and its bytes are gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def new_path(self) -> Path:
        """Where to write a file before it is put on the shelf."""
        return self._folder / uuid.uuid4().hex

    def begin(self, display_name: str, mime_type: str, size: int | None) -> str:
        """A new upload's id."""
        upload_id = uuid.uuid4().hex
        path = self.new_path()
        path.touch()
        with self._lock:
            self._uploads[upload_id] = Upload(path, display_name, mime_type, size)
        return upload_id

    def upload(self, upload_id: str) -> Upload:
        with self._lock:
            found = self._uploads.get(upload_id)
        if found is None:
            raise Refused("NOT_FOUND", "The upload does not exist or has expired.")
        return found

    def receive(self, upload: Upload, offset: int, piece: bytes, *, last: bool) -> None:
        """Take one piece. Raises Refused for one that does not fit behind the others."""
        with upload.lock:
            if upload.file is not None:
                raise invalid("The upload has already been finalized.")
            if offset != upload.received:
                raise invalid(f"The upload offset {offset} is not the {upload.received} bytes received.")
            if not last and len(piece) % GRANULE:
                raise invalid(f"The piece has {len(piece)} bytes, which is no multiple of {GRANULE}.")
            with upload.path.open("ab") as file:
                file.write(piece)
            upload.received += len(piece)

    def finish(self, upload: Upload, now: float, processing_seconds: float) -> StoredFile:
        """Put a complete upload on the shelf. Raises Refused when bytes are missing."""
        with upload.lock:
            if upload.size is not None and upload.size != upload.received:
                raise invalid(f"The upload has {upload.received} bytes, {upload.size} were announced.")
            upload.file = self.put(
                f"files/{uuid.uuid4().hex[:12]}", upload.path, upload.display_name, upload.mime_type, now,
                ready_at=now + processing_seconds,
            )  # fmt: skip
            return upload.file

    def put(
        self,
        name: str,
        path: Path,
        display_name: str,
        mime_type: str,
        now: float,
        *,
        ready_at: float | None = None,
    ) -> StoredFile:
        """Take a written file; without `ready_at` it is one the service made itself."""
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        file = StoredFile(
            name=name,
            path=path,
            display_name=display_name,
            mime_type=mime_type,
            created_at=now,
            ready_at=now if ready_at is None else ready_at,
            expires_at=now + (RESULT_LIFE_SECONDS if ready_at is None else UPLOAD_LIFE_SECONDS),
            generated=ready_at is None,
            sha256=base64.b64encode(digest.encode()).decode(),
        )
        with self._lock:
            self._files[file.name] = file
        return file

    def get(self, name: str, now: float) -> StoredFile:
        """The file. Raises Refused (403) when it never was, was deleted, or expired."""
        self._drop_expired(now)
        with self._lock:
            found = self._files.get(name)
        if found is None:
            raise no_such_file(name.removeprefix("files/"))
        return found

    def usable(self, name: str, now: float) -> StoredFile:
        """The file, once it is ACTIVE. Raises Refused."""
        file = self.get(name, now)
        if now < file.ready_at:
            raise Refused(
                "FAILED_PRECONDITION",
                f"The File {name.removeprefix('files/')} is not in an ACTIVE state and usage is not allowed.",
            )
        return file

    def delete(self, name: str, now: float) -> None:
        found = self.get(name, now)
        with self._lock:
            self._files.pop(name, None)
        found.path.unlink(missing_ok=True)

    def all(self, now: float) -> list[StoredFile]:
        """Everything on the shelf, newest first."""
        self._drop_expired(now)
        with self._lock:
            return list(self._files.values())[::-1]

    def _drop_expired(self, now: float) -> None:
        with self._lock:
            late = [file for file in self._files.values() if file.expires_at <= now]
            for file in late:
                del self._files[file.name]
        for file in late:
            file.path.unlink(missing_ok=True)
