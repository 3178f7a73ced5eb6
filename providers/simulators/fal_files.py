"""Files of the simulated fal: pictures it made, drawn when first asked for, and pictures uploaded to it."""

from __future__ import annotations

import base64
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from providers.drawing import draw
from providers.simulators.fal_queue import Job

UPLOAD_LIFE_SECONDS = 3_600.0
"""How long a granted upload address works. Ours."""


@dataclass(eq=False)
class File:
    """One address: a made picture with its job and place, or an upload with its path."""

    name: str
    media_type: str
    until: float
    job: Job | None = None
    place: int = 0
    path: Path | None = None


class Files:
    """Everything below ``/files/``. Safe to use from many threads."""

    def __init__(self, folder: Path, picture_px: Callable[[], int]) -> None:
        self._folder = folder
        self._picture_px = picture_px
        self._lock = threading.Lock()
        self._files: dict[str, File] = {}
        self._granted: dict[str, File] = {}

    def keep_picture(self, job: Job, place: int) -> str:
        """The path of a picture that will be drawn when somebody asks for it."""
        assert job.ask is not None
        assert job.ended is not None
        extension = job.ask.media_type.partition("/")[2].replace("jpeg", "jpg")
        name = f"b/{job.id[:8]}/{secrets.token_urlsafe(12)}.{extension}"
        until = job.ended + job.file_life
        with self._lock:
            self._files[name] = File(name, job.ask.media_type, until, job, place)
        return name

    def grant(self, file_name: str, media_type: str, now: float) -> tuple[str, str]:
        """A token to put bytes with, and the name the file will have."""
        token = secrets.token_urlsafe(16)
        stem = re.sub(r"[^\w.-]", "_", file_name)[-60:]
        name = f"u/{secrets.token_hex(4)}/{stem or 'file'}"
        with self._lock:
            self._granted[token] = File(name, media_type, now + UPLOAD_LIFE_SECONDS)
        return token, name

    def take(self, token: str, content: bytes, media_type: str, now: float, life: float) -> File | None:
        """The file once its bytes have come; None where nothing of that type was granted."""
        with self._lock:
            granted = self._granted.get(token)
            if granted is None or now > granted.until or media_type != granted.media_type:
                return None
            del self._granted[token]
        path = self._folder / token
        path.write_bytes(content)
        kept = File(granted.name, media_type, now + life, path=path)
        with self._lock:
            self._files[kept.name] = kept
        return kept

    def get(self, name: str, now: float) -> File | None:
        """The file, unless it never was or its time is over."""
        with self._lock:
            found = self._files.get(name)
        return found if found and now <= found.until else None

    def content(self, file: File) -> bytes:
        """Its bytes; draws, so call it from a thread that may wait."""
        if file.path is not None:
            return file.path.read_bytes()
        assert file.job is not None
        ask = file.job.ask
        assert ask is not None
        side = self._picture_px()
        width, height = side or ask.width, side or ask.height
        if file.job.blackened:
            black = BytesIO()
            Image.new("RGB", (width, height)).save(black, ask.media_type.partition("/")[2])
            return black.getvalue()
        return draw(
            ask.prompt,
            width,
            height,
            seed=(ask.seed or 0) + file.place,
            media_type=ask.media_type,
            label=f"{file.job.endpoint} (simulated)",
        )

    def inline(self, file: File) -> str:
        return f"data:{file.media_type};base64,{base64.b64encode(self.content(file)).decode()}"
