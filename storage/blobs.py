"""Where bytes are kept: payloads, masters and renditions, by key, behind one small interface."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """The disk that blobs are kept on, in bytes."""

    folder: str
    free: int
    """For this program, without what is set aside for the system."""
    total: int


class Blobs(Protocol):
    """Bytes by key. Keys are relative POSIX paths such as `k7m2qd/master/000017-1.png`."""

    def put(self, key: str, content: bytes) -> None:
        """Keep `content`, whole or not at all; an earlier blob of that key is replaced."""

    def writing(self, key: str) -> AbstractContextManager[BinaryIO]:
        """A file to stream into; kept when the block ends well, gone when it does not."""

    def open(self, key: str) -> BinaryIO:
        """Read it. Raises FileNotFoundError."""

    def read(self, key: str) -> bytes:
        """All of it. Raises FileNotFoundError."""

    def size(self, key: str) -> int:
        """Bytes kept under the key. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Forget it; nothing happens if it is not there."""

    def room(self) -> DiskRoom | None:
        """How much more can be kept; None where there is no such limit."""

    def listed(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """What is kept, below a prefix that ends with a slash or at all: keys with their bytes."""


class FolderBlobs:
    """Blobs as files below one folder.

    A blob that was put is on the disk when `put` returns: pictures are paid for, so the file is synced
    before the row that names it is committed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, content: bytes) -> None:
        with self.writing(key) as file:
            file.write(content)

    @contextmanager
    def writing(self, key: str) -> Iterator[BinaryIO]:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def read(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    def size(self, key: str) -> int:
        return self.path(key).stat().st_size

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def room(self) -> DiskRoom:
        usage = shutil.disk_usage(self.folder)
        return DiskRoom(str(self.folder), usage.free, usage.total)

    def listed(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        top = self.path(prefix) if prefix else self.folder
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                try:
                    yield path.relative_to(self.folder).as_posix(), path.stat().st_size
                except FileNotFoundError:
                    continue  # deleted meanwhile

    def path(self, key: str) -> Path:
        """The file behind a key. Raises ValueError for a key that points out of the folder."""
        parts = PurePosixPath(key).parts
        if not parts or PurePosixPath(key).is_absolute() or ".." in parts:
            raise ValueError(f"“{key}” is not a blob key")
        return self.folder.joinpath(*parts)
