"""What the simulated xAI keeps: uploaded files, and pictures behind links that die."""

from __future__ import annotations

import hashlib
import secrets
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.simulators.xai_words import Refused

SHORTEST_LIFE_SECONDS, LONGEST_LIFE_SECONDS = 3_600, 2_592_000
MAX_FILE_BYTES = 200_000_000


@dataclass(frozen=True)
class StoredFile:
    """One uploaded file and what is known of it."""

    id: str
    path: Path
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
        }


class Shelf:
    """The team's files. A file past its time is not there; without a time it stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, StoredFile] = {}
        self._lock = threading.Lock()

    def new_path(self) -> Path:
        """Where to write a file before it is put on the shelf."""
        return self._folder / uuid.uuid4().hex

    def put(self, path: Path, filename: str, purpose: str, now: float, life: int | None) -> StoredFile:
        file = StoredFile(
            id=f"file_{uuid.uuid4()}",
            path=path,
            bytes=path.stat().st_size,
            created_at=int(now),
            expires_at=None if life is None else int(now) + life,
            filename=filename,
            purpose=purpose,
        )
        with self._lock:
            self._files[file.id] = file
        return file

    def get(self, file_id: str, now: float) -> StoredFile:
        """The file. Raises Refused (404) when it never was, was deleted, or expired."""
        with self._lock:
            found = self._files.get(file_id)
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            raise Refused(404, f"File {file_id} not found.")
        return found

    def delete(self, file_id: str, now: float) -> None:
        found = self.get(file_id, now)
        with self._lock:
            self._files.pop(file_id, None)
        found.path.unlink(missing_ok=True)

    def all(self, now: float) -> list[StoredFile]:
        """Everything on the shelf, oldest first."""
        with self._lock:
            return [f for f in self._files.values() if f.expires_at is None or f.expires_at > now]


def read_life(seconds: object) -> int | None:
    """Seconds of life from the form field `expires_after`. Raises Refused."""
    if seconds is None:
        return None
    text = str(seconds)
    if not text.isdigit() or not SHORTEST_LIFE_SECONDS <= int(text) <= LONGEST_LIFE_SECONDS:
        raise Refused(
            400, f"expires_after must be between {SHORTEST_LIFE_SECONDS} and {LONGEST_LIFE_SECONDS} seconds."
        )
    return int(text)


class Gallery:
    """Pictures, handed out to whoever has a link that is signed and still alive. No key is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "imgen"
        self._folder.mkdir()
        self._secret = secrets.token_bytes(16)

    def keep(self, picture: bytes) -> str:
        """Put a picture away; its name."""
        name = uuid.uuid4().hex
        (self._folder / name).write_bytes(picture)
        return name

    def read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def link(self, base: str, name: str, dies_at: float) -> str:
        """An address for the picture that works until then; another each time it is asked for."""
        expires = f"{dies_at:.3f}"
        return (
            f"{base}/imgen/xai-tmp-imgen-{name}.jpeg?Expires={expires}"
            f"&Signature={self._sign(name, expires)}&Key-Pair-Id=K{self._secret.hex()[:12].upper()}"
        )

    def find(self, name: str, expires: str, signature: str, now: float) -> Path | None:
        """The picture's file, when the link is good now."""
        if self._sign(name, expires) != signature or float(expires) <= now:
            return None
        path = self._folder / name
        return path if name.isalnum() and path.exists() else None

    def _sign(self, name: str, expires: str) -> str:
        # As long as the RSA signatures of content networks.
        text = f"{name}|{expires}".encode()
        return hashlib.shake_256(self._secret + text).hexdigest(172)
