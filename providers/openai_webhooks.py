"""OpenAI's webhooks: Standard Webhooks, made by the operator in the project's settings.

Facts: developers.openai.com (webhooks) and the SDK 3.54.0, read 2026-11-23. The event names the batch and
nothing more; it is delivered at least once, for up to three days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr

from providers.base import Hint
from providers.wire.shapes import Unreadable, mapping, parse_object, text
from providers.wire.webhooks import StandardWebhooks

SECRET_VARIABLE = "OPENAI_WEBHOOK_SECRET"  # noqa: S105  # the name, not the secret

_BATCH = re.compile(r"[\w-]{1,128}")


class OpenAIHooks:
    """See `providers.base.Hooked`."""

    def __init__(self, secret: SecretStr) -> None:
        """Raises TellOperator for a secret that cannot be one."""
        self._signed = StandardWebhooks(secret, title="OpenAI", variable=SECRET_VARIABLE)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Hint:
        """The batch that an event `batch.*` names; events about other things name none of ours."""
        message_id = self._signed.check(headers, body, now)
        try:
            event = parse_object(body)
        except Unreadable:
            return Hint(message_id, ())
        batch = text(mapping(event.get("data")).get("id"))
        about = text(event.get("type")).startswith("batch.") and _BATCH.fullmatch(batch)
        return Hint(message_id, (batch,) if about else ())

    def close(self) -> None:
        """There is nothing to let go of."""
