"""Gemini's static webhooks: Standard Webhooks, registered by the operator for the whole project.

Facts: ai.google.dev/gemini-api/docs/webhooks (preview since 2026-05-04), read 2026-11-23. Webhooks for a
single job (`webhookConfig`) are left out, since nothing documented proves them: they are signed with a JWT of
which neither the claims nor a tie to the body are described, the pages name two places for its keys (at one
of them lie the keys of every Google sign-in), and the field is missing in the v1beta discovery document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr

from providers.base import Hint
from providers.wire.shapes import Unreadable, mapping, parse_object, text
from providers.wire.webhooks import StandardWebhooks

SECRET_VARIABLE = "GEMINI_WEBHOOK_SECRET"  # noqa: S105  # the name, not the secret

_BATCH = re.compile(r"(?:batches/)?([\w.-]{1,128})")


class GeminiHooks:
    """See `providers.base.Hooked`."""

    def __init__(self, secret: SecretStr) -> None:
        """Raises TellOperator for a secret that cannot be one."""
        self._signed = StandardWebhooks(secret, title="Gemini", variable=SECRET_VARIABLE)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """The batch that an event `batch.*` names; events about other things name none of ours."""
        message_id = self._signed.check(headers, body, now)
        try:
            event = parse_object(body)
        except Unreadable:
            return Hint(message_id, ())
        named = _BATCH.fullmatch(text(mapping(event.get("data")).get("id")))
        if named is None or not text(event.get("type")).startswith("batch."):
            return Hint(message_id, ())
        return Hint(message_id, (f"batches/{named[1]}",))

    def close(self) -> None:
        """There is nothing to let go of."""
