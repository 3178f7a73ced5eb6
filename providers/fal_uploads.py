"""Reference pictures travel to fal's own storage before the request that names them.

fal takes data URLs too, but advises against them beyond small files. Facts: fal's file page and the storage
part of its JavaScript client 1.10.1 (read 2026-11-23): ask for an address, put the bytes there without key.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.base import AskAgain, ProviderError
from providers.wire import jsonl
from providers.wire.client import Reply
from providers.wire.shapes import Unreadable, sequence, text

INITIATE = "/storage/upload/initiate?storage_type=fal-cdn-v3"
EXTENSIONS: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}

REUSED_FOR = timedelta(hours=12)
"""How long an upload is named again: fal keeps files for a week at least, and a job may wait."""
REMEMBERED = 256
"""Uploads remembered: a campaign uses few pictures for many rows."""

Ask = Callable[[bytes], Reply]
"""Asks for an upload, with the key: JSON in, the reply out."""
Put = Callable[[str, bytes, str], Reply]
"""Puts bytes of a media type at an address, without the key."""


class Uploads:
    """Uploads each picture once, however many requests carry it. Safe to use from many threads."""

    def __init__(
        self, *, ask: Ask, put: Put, refusal: Callable[[Reply], ProviderError], clock: Callable[[], datetime]
    ) -> None:
        self._ask = ask
        self._put = put
        self._refusal = refusal
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._busy: dict[str, threading.Lock] = {}

    def placed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The input with every data URL replaced by the address of its upload.

        Raises AskAgain where an upload's reply was lost (a file starts nothing), else what `refusal` makes.
        """
        placed = dict(body)
        if text(body.get("image_url")):
            placed["image_url"] = self._address(text(body["image_url"]))
        if sequence(body.get("image_urls")):
            placed["image_urls"] = [self._address(text(url)) for url in body["image_urls"]]
        return placed

    def _address(self, url: str) -> str:
        if not url.startswith("data:"):
            return url
        digest = hashlib.sha256(url.encode()).hexdigest()
        with self._lock:
            busy = self._busy.setdefault(digest, threading.Lock())
        with busy:  # two hundred rows with the same picture begin at the same moment
            known = self._recall(digest)
            if known is None:
                known = self._upload(url, digest)
                self._remember(digest, known)
        return known

    def _recall(self, digest: str) -> str | None:
        with self._lock:
            address, since = self._known.get(digest, ("", self._clock()))
            return address if address and self._clock() - since < REUSED_FOR else None

    def _remember(self, digest: str, address: str) -> None:
        with self._lock:
            self._known[digest] = (address, self._clock())
            self._known.move_to_end(digest)
            while len(self._known) > REMEMBERED:
                forgotten, _ = self._known.popitem(last=False)
                self._busy.pop(forgotten, None)

    def _upload(self, url: str, digest: str) -> str:
        head, _, encoded = url.partition(",")
        media_type = head.removeprefix("data:").partition(";")[0]
        wanted = {
            "file_name": f"{digest[:16]}.{EXTENSIONS.get(media_type, 'bin')}",
            "content_type": media_type,
        }
        reply = self._ask(jsonl.encode(wanted))
        if not reply.ok:
            raise self._refusal(reply)
        try:
            granted = reply.parsed()
        except Unreadable as problem:
            raise AskAgain(f"fal's answer about an upload is {problem}") from None
        target, address = text(granted.get("upload_url")), text(granted.get("file_url"))
        if not target or not address:
            raise AskAgain("fal granted an upload without saying where")
        put = self._put(target, base64.b64decode(encoded), media_type)
        if not put.ok:
            raise AskAgain(f"fal's storage did not take a reference picture ({put.status})")
        return address
