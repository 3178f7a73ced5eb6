"""Where exports are put beside Slack: a folder, or a prefix in an object store."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

SCHEMES = ("s3", "gs", "az", "azure", "abfs", "abfss")
"""Object stores by the beginning of their address; S3 with AWS_ENDPOINT_URL is any store that speaks it."""

CHUNK_BYTES = 8 * 1024 * 1024
"""Sent in one part; S3 takes at most 10,000 parts of at least 5 MB."""


class OutletTrouble(Exception):
    """It could not be put there; one sentence that says what to do."""


class Outlet(Protocol):
    """A place that files are put into by name."""

    @property
    def address(self) -> str:
        """Where that is, for people."""

    def put(self, name: str, content: BinaryIO) -> None:
        """Put the whole file there; an earlier one of that name is replaced. Raises OutletTrouble."""


def open_outlet(address: str) -> Outlet:
    """The folder or the object store's prefix. Raises OutletTrouble where it cannot be one."""
    scheme, found, rest = address.partition("://")
    if not found:
        return FolderOutlet(Path(address))
    if scheme == "file":
        return FolderOutlet(Path(rest))
    if scheme not in SCHEMES:
        raise OutletTrouble(f"“{scheme}://” is no object store; write s3://, gs://, az:// or a folder")
    return StoreOutlet(address)


class FolderOutlet:
    """Files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def address(self) -> str:
        return str(self.folder)

    def put(self, name: str, content: BinaryIO) -> None:
        target = self.folder.joinpath(*_parts(name))
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                while block := content.read(CHUNK_BYTES):
                    file.write(block)
            part.replace(target)
        except OSError as problem:
            with suppress(OSError):
                part.unlink()
            raise OutletTrouble(f"{self.folder} takes no files: {problem.strerror}") from problem


class StoreOutlet:
    """Objects below a prefix. Credentials are found as the vendor's own tools find them (AWS_ACCESS_KEY_ID
    and so on, files, the machine's role).
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        try:
            stores: Any = importlib.import_module("obstore.store")
        except ImportError:
            raise OutletTrouble(
                "An object store needs the extra “stores”: pip install 'imgbatch[stores]'"
            ) from None
        self._library: Any = importlib.import_module("obstore")
        try:
            self._store = stores.from_url(self._address)
        except Exception as problem:
            # The library's errors share no base that is told; what they say names no secret.
            raise OutletTrouble(f"{self._address}: {_short(problem)}") from problem

    @property
    def address(self) -> str:
        return self._address

    def put(self, name: str, content: BinaryIO) -> None:
        path = "/".join(_parts(name))
        try:
            self._library.put(self._store, path, content, chunk_size=CHUNK_BYTES, max_concurrency=2)
        except (self._library.exceptions.BaseError, OSError) as problem:
            raise OutletTrouble(f"{self._address} takes no files: {_short(problem)}") from problem


def _short(problem: Exception) -> str:
    """The first line of what a library says, without the dump behind it."""
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]


def _parts(name: str) -> tuple[str, ...]:
    """Raises ValueError for a name that points out of the place."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise ValueError(f"“{name}” is not a file's name")
    return parts
