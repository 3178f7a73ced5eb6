"""The simulator's file store: uploads and results on disk, listed, expiring, deleted."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.simulators.openai_errors import Refused, invalid, no_such_file

DAY = 86_400
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MAX_FILE_BYTES = 512 * 1024 * 1024
BATCH_FILE_LIFE_SECONDS = 30 * DAY
"""Batch inputs and outputs expire after this unless told otherwise; other files stay."""
SHORTEST_LIFE_SECONDS = 3_600


@dataclass(frozen=True)
class StoredFile:
    """One file and what is known of it."""

    id: str
    path: Path
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str

    def as_json(self) -> dict[str, Any]:
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "status": "processed",
            "status_details": None,
        }


class Shelf:
    """The files of the account. A file past its time is not there, and its bytes are gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, StoredFile] = {}
        self._lock = threading.Lock()

    def new_path(self) -> Path:
        """Where to write a file before it is put on the shelf."""
        return self._folder / uuid.uuid4().hex

    def put(
        self, path: Path, filename: str, purpose: str, now: float, life_seconds: int | None
    ) -> StoredFile:
        """Take a written file."""
        if life_seconds is None and purpose in ("batch", "batch_output"):
            life_seconds = BATCH_FILE_LIFE_SECONDS
        file = StoredFile(
            id=f"file-{uuid.uuid4().hex[:22]}",
            path=path,
            bytes=path.stat().st_size,
            created_at=int(now),
            expires_at=None if life_seconds is None else int(now) + life_seconds,
            filename=filename,
            purpose=purpose,
        )
        with self._lock:
            self._files[file.id] = file
        return file

    def get(self, file_id: str, now: float) -> StoredFile:
        """The file. Raises Refused (404) when it never was, was deleted, or expired."""
        self._drop_expired(now)
        with self._lock:
            found = self._files.get(file_id)
        if found is None:
            raise no_such_file(file_id)
        return found

    def delete(self, file_id: str, now: float) -> None:
        found = self.get(file_id, now)
        with self._lock:
            self._files.pop(file_id, None)
        found.path.unlink(missing_ok=True)

    def all(self, now: float) -> list[StoredFile]:
        """Everything on the shelf, newest first."""
        self._drop_expired(now)
        with self._lock:
            return list(self._files.values())[::-1]

    def _drop_expired(self, now: float) -> None:
        with self._lock:
            late = [f for f in self._files.values() if f.expires_at is not None and f.expires_at <= now]
            for file in late:
                del self._files[file.id]
        for file in late:
            file.path.unlink(missing_ok=True)


def read_life(anchor: object, seconds: object, param: str) -> int | None:
    """Seconds of life from an expiry policy. Raises Refused."""
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise invalid(f"{param}[anchor]", f"Invalid value: '{anchor}'. Supported values are: 'created_at'.")
    text = str(seconds)
    if not text.isdigit() or not SHORTEST_LIFE_SECONDS <= int(text) <= BATCH_FILE_LIFE_SECONDS:
        raise invalid(
            f"{param}[seconds]",
            f"Invalid '{param}[seconds]': expected a value between {SHORTEST_LIFE_SECONDS} and "
            f"{BATCH_FILE_LIFE_SECONDS}, but got {seconds} instead.",
        )
    return int(text)


def check_upload(purpose: object, filename: str | None) -> str:
    """The purpose, when the vendor takes such a file. Raises Refused."""
    if purpose not in PURPOSES:
        choices = ", ".join(f"'{choice}'" for choice in PURPOSES)
        raise invalid("purpose", f"'{purpose}' is not one of [{choices}] - 'purpose'")
    if purpose == "batch" and not (filename or "").endswith(".jsonl"):
        raise Refused(400, "Invalid file format for Batch API. Must be .jsonl", param="file")
    return str(purpose)


def page(items: list[Any], after: str | None, limit: int) -> dict[str, Any]:
    """One page of things that have an `id` and `as_json`, in the vendor's list envelope."""
    if after is not None:
        place = next((index for index, item in enumerate(items) if item.id == after), None)
        if place is None:
            raise invalid("after", f"Invalid value: '{after}' is not in the list.")
        items = items[place + 1 :]
    shown = items[:limit]
    return {
        "object": "list",
        "data": [item.as_json() for item in shown],
        "first_id": shown[0].id if shown else None,
        "last_id": shown[-1].id if shown else None,
        "has_more": len(items) > limit,
    }


def longer(path: Path, most: int) -> bool:
    """Whether a file has more lines than a dial allows; 0 allows any number."""
    if not most:
        return False
    with path.open("rb") as file:
        return sum(1 for _ in file) > most
