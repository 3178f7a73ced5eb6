"""Webhooks of the simulated OpenAI: its own SDK's `webhooks.unwrap` takes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable

from providers.simulators.courier import Letter

SECRET = "whsec_" + base64.b64encode(b"sim: 32 bytes of signing secret.").decode()


def event(batch_id: str, status: str, clock: Callable[[], float]) -> Callable[[], Letter]:
    """The event that a batch is over, signed anew for each try; its ids stay the same."""
    message_id = f"wh_{uuid.uuid4().hex}"
    body = json.dumps(
        {
            "id": f"evt_{uuid.uuid4().hex}",
            "object": "event",
            "created_at": int(clock()),
            "type": f"batch.{status}",
            "data": {"id": batch_id},
        }
    ).encode()

    def write() -> Letter:
        timestamp = str(int(clock()))
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
        signature = "v1," + base64.b64encode(mac.digest()).decode()
        return Letter(
            {
                "user-agent": "OpenAI/1.0 (simulated)",
                "webhook-id": message_id,
                "webhook-timestamp": timestamp,
                "webhook-signature": signature,
            },
            body,
        )

    return write
