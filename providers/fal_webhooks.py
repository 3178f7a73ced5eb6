"""fal's webhooks: Ed25519 signatures, by keys that fal publishes.

Facts: docs.fal.ai (webhooks), read 2026-11-23. A message is believed only this much: its request id is looked
at now. Its body is never read, since any customer of fal can have it send a signed message to our address.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from providers.base import AskAgain, Forged, Hint, ProviderError
from providers.fal import BASE_URL, storage_address
from providers.wire.client import Patience, Wire
from providers.wire.shapes import Unreadable, mapping, sequence, text
from providers.wire.webhooks import fresh

KEYS_PATH = "/.well-known/jwks.json"
KEYS_LIFETIME = timedelta(hours=24)
"""Their page: keep the keys no longer than that."""
KEYS_PAUSE = timedelta(minutes=1)
"""Between two tries to fetch keys, so that forged messages cannot make us ask on and on."""
KEYS_LIMIT = 64 * 1024
MOST_KEYS = 20
PATIENCE = Patience(connect_seconds=4, write_seconds=4, read_seconds=4, reply_seconds=8)
"""fal waits 15 seconds for our answer."""

_REQUEST = re.compile(r"[\w-]{1,128}")
_USER = re.compile(r"[!-~]{0,256}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")


class FalHooks:
    """See `providers.base.Hooked`. Keys come from fal's own address (or base URL), never from a message."""

    def __init__(self, *, base_url: str = BASE_URL, patience: Patience = PATIENCE) -> None:
        """Raises TellOperator for a base URL that cannot be one."""
        self._wire = Wire(title="fal", base_url=storage_address(base_url), patience=patience)
        self._keys: Sequence[Ed25519PublicKey] = ()
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = threading.Lock()

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """The request it is about. Raises AskAgain while fal's keys cannot be had."""
        request = headers.get("x-fal-webhook-request-id", "")
        user = headers.get("x-fal-webhook-user-id", "")
        timestamp = headers.get("x-fal-webhook-timestamp", "")
        written = headers.get("x-fal-webhook-signature", "")
        if not _REQUEST.fullmatch(request) or not _USER.fullmatch(user):
            raise Forged("it names no request")
        fresh(timestamp, now)
        if not _SIGNATURE.fullmatch(written):
            raise Forged("it has no signature")
        signed = "\n".join((request, user, timestamp, hashlib.sha256(body).hexdigest())).encode()
        signature = bytes.fromhex(written)
        if not _fits(self._known(now), signature, signed) and not _fits(self._newer(now), signature, signed):
            raise Forged("its signature fits none of fal's keys")
        return Hint(request, (request,))

    def close(self) -> None:
        self._wire.close()

    def _known(self, now: datetime) -> Sequence[Ed25519PublicKey]:
        """The keys, fetched when there are none or they are a day old."""
        with self._lock:
            if self._fetched_at is None or now - self._fetched_at >= KEYS_LIFETIME:
                self._keys = ()
                self._fetch(now)
            return self._keys

    def _newer(self, now: datetime) -> Sequence[Ed25519PublicKey]:
        """The keys fetched again, since fal may have replaced them; nothing if that was tried just now."""
        with self._lock:
            try:
                self._fetch(now)
            except AskAgain:
                return ()
            return self._keys

    def _fetch(self, now: datetime) -> None:
        if self._tried_at is not None and now - self._tried_at < KEYS_PAUSE:
            raise AskAgain("fal's keys were asked for a moment ago", retry_after=KEYS_PAUSE)
        self._tried_at = now
        try:
            reply = self._wire.call("GET", KEYS_PATH, limit=KEYS_LIMIT)
            found = _read(reply.parsed()) if reply.ok else ()
        except (ProviderError, Unreadable):
            found = ()
        if not found:
            raise AskAgain("fal's keys for webhooks cannot be read")
        self._keys, self._fetched_at = found, now


def _read(listed: Mapping[str, object]) -> Sequence[Ed25519PublicKey]:
    """The Ed25519 keys in a JSON Web Key Set; what is something else is left out."""
    keys = []
    for entry in map(mapping, sequence(listed.get("keys"))[:MOST_KEYS]):
        if entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
            continue
        written = text(entry.get("x"))
        try:
            raw = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
            keys.append(Ed25519PublicKey.from_public_bytes(raw))
        except (ValueError, binascii.Error):
            continue
    return tuple(keys)


def _fits(keys: Sequence[Ed25519PublicKey], signature: bytes, signed: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            continue
        return True
    return False
