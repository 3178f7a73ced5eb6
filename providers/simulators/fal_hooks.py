"""Webhooks of the simulated fal, signed with a key it makes at its start and publishes as fal does."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.simulators.courier import Letter
from providers.wire import jsonl
from providers.wire.webhooks import not_public


class Signer:
    """One account's key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def published(self) -> Mapping[str, Any]:
        """The JSON Web Key Set."""
        raw = self._key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "sim", "alg": "EdDSA"}]}

    def sign(self, request_id: str, user: str, at: float, body: bytes) -> Letter:
        timestamp = str(int(at))
        signed = "\n".join((request_id, user, timestamp, hashlib.sha256(body).hexdigest()))
        return Letter(
            {
                "x-fal-webhook-request-id": request_id,
                "x-fal-webhook-user-id": user,
                "x-fal-webhook-timestamp": timestamp,
                "x-fal-webhook-signature": self._key.sign(signed.encode()).hex(),
            },
            body,
        )

    def about(
        self, request_id: str, user: str, clock: Callable[[], float], payload: Callable[[], Mapping[str, Any]]
    ) -> Callable[[], Letter]:
        """The message that a request is over, signed anew for each try."""

        def write() -> Letter:
            said = {"request_id": request_id, "gateway_request_id": request_id, **payload()}
            return self.sign(request_id, user, clock(), jsonl.encode(said))

        return write


def through(tunnel: str, address: str) -> str | None:
    """Where a message for this address goes: the tunnel's other end; None for one that fal drops."""
    if not tunnel or not_public(address):
        return None
    return tunnel.rstrip("/") + (urlsplit(address).path or "/")
